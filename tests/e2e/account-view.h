/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon says of its accounts. */

#pragma once

#include "harness.h"

/* The object path of the account with this name; fails the test where there is none. */
char *account_find (Stage *stage, const char *name);

/* A property of the account with this name; text or boolean. */
char *account_get_text (Stage *stage, const char *name, const char *property);
gboolean account_get_flag (Stage *stage, const char *name, const char *property);

/* Microseconds since the epoch. */
gint64 account_get_until (Stage *stage, const char *name);

/* Waits for the State; how long that took, in milliseconds. */
guint account_await_state (Stage *stage, const char *name, const char *state);

/* Waits until StateReason contains this; how long that took, in milliseconds. What it says and the
 * State are what `deflectctl account list` prints, which is asserted. */
guint account_await_reason (Stage *stage, const char *name, const char *part);

/* How many accounts are in this State, by one question for all. */
guint account_count_in_state (Stage *stage, const char *state);
