/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asking the authority, within limits: how many questions, how long, how many dialogs. */

#pragma once

#include "bus/authority.h"
#include "bus/peers.h"
#include "core/clock.h"

typedef struct _DflPermits DflPermits;

DflPermits *dfl_permits_new (DflAuthority *authority, DflClock *clock);

/* Answers all who wait with FAILED, because the daemon stops. */
void dfl_permits_free (DflPermits *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflPermits, dfl_permits_free)

/*
 * How a question ends. error is NULL where the answer is GRANTED, else NOT_AUTHORIZED (also for a
 * CHALLENGE), LIMIT_EXCEEDED or FAILED, with a sentence for the caller in which there is nothing of
 * what the authority wrote.
 */
typedef void (*DflPermitFunc) (DflAuthorityAnswer answer, const GError *error, gpointer data);

/*
 * Asks whether the peer may do the action, without a dialog and for at most 10 seconds; if only a
 * password is missing and interactive is TRUE, once more with a dialog, which is taken back after
 * 60 seconds. A user has at most 4 questions at a time and one dialog, all users together 64
 * questions; each counts until the authority has answered it, even if nobody waits for that any
 * longer. answered is told once, perhaps from within; if the peer is gone first, it is not told.
 * free_data is called in any case. action is a literal; details are copied.
 */
void dfl_permits_ask (DflPermits *self,
                      DflPeer *peer,
                      const char *action,
                      const char *const *details,
                      gboolean interactive,
                      DflPermitFunc answered,
                      gpointer data,
                      GDestroyNotify free_data);

/* The peer is gone: takes its dialog back, and drops what it asked. */
void dfl_permits_forget (DflPermits *self, DflPeer *peer);
