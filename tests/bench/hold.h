/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Offers calls and keeps them, as one caller and one GDBus client in the same process. */

#pragma once

#include "world.h"

typedef struct _BenchHold BenchHold;

BenchHold *bench_hold_new (BenchWorld *world, GError **error);
void bench_hold_free (BenchHold *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchHold, bench_hold_free)

BenchWorld *bench_hold_get_world (BenchHold *self);

/* Offers so many calls one after the other, each when the one before was announced on the bus, and
 * adds the time from INVITE to InterfacesAdded to samples, in µs; may be NULL. */
gboolean bench_hold_offer (BenchHold *self, guint calls, BenchSamples *samples, GError **error);

/* Waits until every offered call rings: then nothing is left to be done for it. */
gboolean bench_hold_wait_ringing (BenchHold *self, GError **error);

/* The object path of the call announced last; NULL before the first. */
const char *bench_hold_get_last (BenchHold *self);

/* How many calls GetManagedObjects lists; *seconds is how long that took; negative on failure. */
gint bench_hold_list (BenchHold *self, double *seconds, GError **error);

/* Redirects every call, stays under BENCH_MAX_IN_FLIGHT, and waits until each got its 302. */
gboolean bench_hold_redirect_all (BenchHold *self, GError **error);

/* Waits for the 302 of calls that somebody else redirects. */
gboolean bench_hold_wait_ended (BenchHold *self, guint calls, GError **error);

/* What the caller saw since the hold was made. */
const BenchCallerCounts *bench_hold_get_counts (BenchHold *self);
