/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* How many calls may be offered at a time, of one account and of all. */

#pragma once

#include "core/account.h"
#include "core/clock.h"

/* Zero, but for most. */
typedef struct
{
  guint most;
  guint n_offered; /* now; its owner counts */

  gint64 refusal_logged; /* when, on the clock's scale; 0 never */
  guint n_refused;       /* since then */
} DflOfferLimit;

/* Whether one more of the account is within both limits; DFL_ERROR_LIMIT_EXCEEDED where it is not,
 * which is logged once a second at most. */
gboolean
dfl_offer_limit_check (DflOfferLimit *self, DflClock *clock, DflAccount *account, GError **error);
