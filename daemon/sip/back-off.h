/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* How long to wait until the next attempt: RFC 5626 section 4.5, and slower where a password is
 * wrong. */

#pragma once

#include <glib.h>

/* Plain values; times in seconds. */
typedef struct
{
  guint base, max; /* of the settings */
  guint failures;  /* in a row */
  guint refusals;  /* in a row: wrong credentials and the like, which more attempts make worse */
} DflBackOff;

/* One more failure: microseconds to wait, at random between half of and the whole of
 * min (max, base * 2^failures), but no less than retry_after seconds, with jitter on top of those.
 */
gint64 dfl_back_off_fail (DflBackOff *self, guint retry_after);

/* One more refusal by the server: 15 minutes to half an hour, doubled each time, at most 12 hours.
 */
gint64 dfl_back_off_refuse (DflBackOff *self);

/* It worked. */
void dfl_back_off_reset (DflBackOff *self);
