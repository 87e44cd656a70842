/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What reached a server and what left it, as the disturber wrote it down; of calls that callers.h
 * made. */

#pragma once

#include <glib.h>

/* Of one call. */
typedef struct
{
  gboolean arrived;        /* its INVITE */
  guint final;             /* the status that left, or 0 */
  gint64 final_at, ack_at; /* microseconds, the first of each; 0: none */
} Seen;

/* One for each of so many calls. Fails the test where two different final statuses left for one. */
Seen *record_read (const char *file, guint n_calls);
