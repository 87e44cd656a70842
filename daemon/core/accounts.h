/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The accounts of a switchboard: found by id and user part, replaced as a whole. */

#pragma once

#include "core/account-private.h"

typedef struct _DflAccounts DflAccounts;

/* Who is told what became of each account, when all of a replacement is done. */
typedef struct
{
  DflAccountFunc on_added;
  DflAccountFunc on_changed;
  DflAccountFunc on_removed;
  gpointer data;
} DflAccountsListener;

DflAccounts *dfl_accounts_new (const DflAccountsListener *listener);
void dfl_accounts_free (DflAccounts *self);

/* As dfl_switchboard_set_accounts. */
void dfl_accounts_replace (DflAccounts *self, GPtrArray *settings);

/* Borrowed, of DflAccount in the order of their names; until the next replacement. */
const GPtrArray *dfl_accounts_get_all (DflAccounts *self);

DflAccount *dfl_accounts_find_by_id (DflAccounts *self, const char *id);

/* The account that owns the user part, in whatever state. */
DflAccount *dfl_accounts_find_by_user (DflAccounts *self, const char *user);
