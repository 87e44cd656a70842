/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts and offers to start from. */

#pragma once

#include "core/account.h"
#include "core/clock.h"
#include "core/offer.h"

/* A direct account NAME for sip:NAME@example.org, numbers go to example.org; 120 s ring limit. */
DflAccountSettings *dfl_sample_settings (const char *name);

/* The same as if its creator, whom it belongs to, had added it over D-Bus. */
DflAccountSettings *
dfl_sample_kept_settings (const char *name, const char *id, const char *creator, gint64 created);

/* Carol, sip:carol@caller.example, calls sip:alice@example.org now; one trusted identity. */
DflOffer *dfl_sample_offer (DflClock *clock, const char *sip_call_id);

/* Sets a string of an offer or of settings anew. */
void dfl_sample_set (char **field, const char *value);

/* Sets a list anew; items are separated by ";". */
void dfl_sample_set_list (char ***field, const char *items);

/* Adds an earlier diversion, the latest so far. */
void dfl_sample_add_diversion (DflOffer *offer, const char *address, guint counter);
