/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting until it is known how an account's registration went. */

#pragma once

#include <gio/gio.h>

typedef enum
{
  DFL_REGISTERING_ADDED,   /* an account that was not there before */
  DFL_REGISTERING_CHANGED, /* one that is changed: a registration may begin anew, or need not */
  DFL_REGISTERING_ASKED    /* one that registers now because we asked for it */
} DflRegisteringCause;

typedef enum
{
  DFL_REGISTERING_PENDING, /* wait for more */
  DFL_REGISTERING_STILL,   /* nothing has begun anew so far: wait a moment, then it is DONE */
  DFL_REGISTERING_DONE,    /* registered, or an account that need not be */
  DFL_REGISTERING_FAILED   /* did not register, and the state's reason says why */
} DflRegistering;

/*
 * What an account's properties (a{sv}) say about it. before: those before the cause, or NULL.
 * moved: whether anything that shows the way of a registration was announced since.
 */
DflRegistering
dfl_registering_judge (DflRegisteringCause cause, GVariant *before, GVariant *now, gboolean moved);

/* Whether an account that connects says already what keeps it; a reason of before the cause does
 * not count. */
gboolean dfl_registering_is_delayed (GVariant *before, GVariant *now, gboolean moved);

/* Whether changing these settings (a{sv}) lets a registration begin anew. */
gboolean dfl_registering_is_changed_by (GVariant *settings);

/* Seconds that are waited for a registration unless somebody says otherwise. */
#define DFL_REGISTERING_SECONDS 15

/*
 * One wait. Make it before the cause, so that nothing is missed: it lists what there is. before:
 * the account's properties; NULL where it is not there yet.
 */
typedef struct _DflRegisteringWait DflRegisteringWait;
DflRegisteringWait *dfl_registering_wait_new (GDBusConnection *connection,
                                              DflRegisteringCause cause,
                                              GVariant *before,
                                              GError **error);
void dfl_registering_wait_free (DflRegisteringWait *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflRegisteringWait, dfl_registering_wait_free)

/* What to do, at most once, when it is_delayed: whoever waits wants to know why before the time is
 * over. reason: the account's StateReason as it is. */
typedef void (*DflRegisteringDelayFunc) (const char *reason);
void dfl_registering_wait_set_on_delay (DflRegisteringWait *self, DflRegisteringDelayFunc on_delay);

/*
 * After the cause: waits until it is known how it went. now: the account's properties as they are
 * then, or NULL where it is gone, or not ours to see (then DONE); new reference. PENDING: the time,
 * in seconds, is over. Fails where the daemon goes away.
 */
gboolean dfl_registering_wait_run (DflRegisteringWait *self,
                                   const char *path,
                                   double seconds,
                                   DflRegistering *result,
                                   GVariant **now,
                                   GError **error);
