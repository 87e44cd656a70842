/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* From the headers of an INVITE to the facts of an offer. */

#pragma once

#include <sofia-sip/sip.h>

#include "core/account.h"
#include "core/offer.h"

/*
 * Copies what an INVITE says about the call; nothing in the offer points into sip. With
 * settings->trusted the hop that sent it is believed in what it asserts (P-Asserted-Identity,
 * Remote-Party-ID with screen=yes, P-Called-Party-ID, verstat); a From is always a claim, unless
 * such a hop says that it has verified it. The times are left to the caller.
 */
DflOffer *dfl_identity_read_invite (const sip_t *sip, const DflAccountSettings *settings);
