/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the switchboard makes a call and learns what becomes of it. */

#pragma once

#include "core/account-private.h"
#include "core/call.h"

/*
 * What a call needs from around it: one for all calls, so that a call costs no closures. data is
 * the last argument of each function.
 */
typedef struct
{
  DflClock *clock;
  /* The state has changed; changes are DflCallChange bits. */
  void (*on_changed) (DflCall *call, guint changes, gpointer data);
  /* It was announced idle and has released its leg: forget it. */
  void (*on_removed) (DflCall *call, gpointer data);
  /* Whether a redirect of call to place would reach another account of this daemon. */
  gboolean (*is_local) (DflCall *call, const DflPlace *place, gpointer data);
  gpointer data;
} DflCallHost;

/*
 * host must outlive the call's way to idle. Takes offer over, refs account and line, and keeps leg
 * until it releases it. The settings that the account has now are the call's for its whole life.
 * Counts itself among the account's offered calls and sets its deadline's alarm.
 */
DflCall *dfl_call_new (const DflCallHost *host,
                       const char *id,
                       DflAccount *account,
                       DflOffer *offer,
                       DflLine *line,
                       DflLeg *leg);

/* The settings that the call was offered with. */
const DflAccountSettings *dfl_call_get_settings (DflCall *self);

/* The host goes away: idle and released at once, without a word to anybody. */
void dfl_call_abandon (DflCall *self);
