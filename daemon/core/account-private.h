/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the switchboard and its calls know of an account beyond its contract. */

#pragma once

#include "core/account.h"
#include "core/address-private.h"

/* As dfl_account_new, with this id whatever the settings say. */
DflAccount *dfl_account_new_with_id (DflAccountSettings *settings, const char *id);

/* The id that derives from a name; attempt 0 is the first choice, the next ones are for who finds
 * it taken. */
char *dfl_account_derive_id (const char *name, guint attempt);

typedef void (*DflAccountFunc) (DflAccount *account, gpointer data);

/* on_changed is told after the settings changed, on_reported after the line reported another state;
 * NULL for nobody. */
void dfl_account_set_listener (DflAccount *self,
                               DflAccountFunc on_changed,
                               DflAccountFunc on_reported,
                               gpointer data);

/* Whether another account owns the user part. */
void dfl_account_set_conflict (DflAccount *self, gboolean conflict);

/* The account's address, parsed once; NULL where it has none. */
const DflPlace *dfl_account_get_place (DflAccount *self);

/* Whether it is one to register now; fails as dfl_switchboard_register_account. */
gboolean dfl_account_check_registers (DflAccount *self, GError **error);

void dfl_account_add_offered (DflAccount *self, int difference);
