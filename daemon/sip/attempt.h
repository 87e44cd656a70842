/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One attempt to register: from the turn until the server granted or refused it, or no place of it
 * is left. */

#pragma once

#include "sip/binding.h"

/*
 * All that happens on the way: names, connections, a challenge, a longer interval, and one more
 * REGISTER where the first showed that the contact must change or old ones be taken back. It serves
 * one attempt after the other; between two it does nothing.
 */
typedef struct _DflAttempt DflAttempt;

/* May be called from within the functions below, and may call any of them. All but sent, gone, and
 * granted with more, are the end of the attempt. */
typedef struct
{
  /* The server has our contact for so many seconds; more: one more REGISTER is under way. */
  void (*granted) (guint expires, gboolean more, gpointer data);
  /* The first REGISTER to a place has left, having waited for its turn. */
  void (*sent) (gpointer data);
  /* The server says that it does not have our contact; one of the others follows. */
  void (*gone) (gpointer data);
  /* Later, perhaps; retry_after: seconds that the server asked for, or 0. */
  void (*failed) (const char *reason, guint retry_after, gpointer data);
  /* By a server that knows what it does. */
  void (*refused) (const char *reason, gpointer data);
} DflAttemptListener;

/* What is handed over must outlive it. The way tells its owner what happens to it, who hands that
 * on, see below. */
DflAttempt *dfl_attempt_new (const DflRegistrationTools *tools,
                             DflAccount *account,
                             const DflAccountSettings *settings,
                             DflBinding *binding,
                             DflWay *way,
                             DflDigest *digest,
                             const DflAttemptListener *listener,
                             gpointer data);
void dfl_attempt_free (DflAttempt *self);

/* By the way that is open, where it still leads where it did; else by another one. */
void dfl_attempt_begin (DflAttempt *self);
/* What is waited for, in words. */
char *dfl_attempt_describe_wait (DflAttempt *self);

/* Ends it without a word. */
void dfl_attempt_stop (DflAttempt *self);

/* While it is under way: */
void dfl_attempt_way_opened (DflAttempt *self);
void dfl_attempt_way_closed (DflAttempt *self, const char *reason);
void dfl_attempt_way_failed (DflAttempt *self, const char *reason);
