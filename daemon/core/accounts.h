/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The accounts of a switchboard: those of the settings directory, replaced as a whole and known by
 * name, and the kept ones, which come and go one by one and are known by id. */

#pragma once

#include "core/account-private.h"

typedef struct _DflAccounts DflAccounts;

/* Who is told what became of each account, when all of a change is done. */
typedef struct
{
  DflAccountFunc on_added;
  DflAccountFunc on_changed;
  DflAccountFunc on_removed;
  gpointer data;
} DflAccountsListener;

DflAccounts *dfl_accounts_new (const DflAccountsListener *listener);
void dfl_accounts_free (DflAccounts *self);

/* As dfl_switchboard_set_accounts and dfl_switchboard_set_kept_accounts. */
void dfl_accounts_replace (DflAccounts *self, GPtrArray *settings);
void dfl_accounts_set_kept (DflAccounts *self, GPtrArray *settings);

/* A new account of these settings, which say its id; takes them over. NULL, and a warning, where
 * the id is taken. */
DflAccount *dfl_accounts_add (DflAccounts *self, DflAccountSettings *settings);
void dfl_accounts_remove (DflAccounts *self, DflAccount *account);

/* A random id that no account has, nor will get until the next one is asked for. */
const char *dfl_accounts_reserve_id (DflAccounts *self);

/* When an account that is added now was added: microseconds since the epoch, later than that of
 * every other one, whatever the wall clock does, while time is left. */
gint64 dfl_accounts_get_created (DflAccounts *self, gint64 wall);

/* Borrowed, of DflAccount in the order of their names and ids; until the next change. */
const GPtrArray *dfl_accounts_get_all (DflAccounts *self);

DflAccount *dfl_accounts_find_by_id (DflAccounts *self, const char *id);

/* The account that owns the user part, in whatever state. */
DflAccount *dfl_accounts_find_by_user (DflAccounts *self, const char *user);
