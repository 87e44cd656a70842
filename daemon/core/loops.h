/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a redirected call must not go: back to where it came from. */

#pragma once

#include "core/address-private.h"
#include "core/offer.h"

/* As many earlier diversions end a call's journey (RFC 5806 counters, RFC 7044 entries). */
#define DFL_LOOPS_MAX_DIVERSIONS 5

/* How often the call was diverted before it came to us. Servers that write both headers tell the
 * same diversions twice, so that the header which tells more of them counts. */
guint dfl_loops_count_diversions (const DflOffer *offer);

/* Whether this place has the user part that the offer was sent to, wherever it is. For an account
 * that registers that is its contact token: nobody else has it, and every address of ours does. */
gboolean dfl_loops_is_contact (const DflOffer *offer, const DflPlace *place);

/* Whether the offer came through or from this place. */
gboolean dfl_loops_came_from (const DflOffer *offer, const DflPlace *place);
