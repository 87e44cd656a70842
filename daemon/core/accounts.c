/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/accounts.h"

#include <string.h>

struct _DflAccounts
{
  DflAccountsListener listener;
  GPtrArray *all;      /* of DflAccount, by name */
  GHashTable *by_id;   /* borrowed keys and values, as in the others */
  GHashTable *by_user; /* the owners of user parts */
};

/* What became of an account, to be told later. */
typedef struct
{
  DflAccount *account;
  DflAccountFunc tell;
} Change;

static void
clear_change (gpointer data)
{
  g_object_unref (((Change *)data)->account);
}

static GArray *
new_changes (void)
{
  GArray *changes = g_array_new (FALSE, FALSE, sizeof (Change));

  g_array_set_clear_func (changes, clear_change);

  return changes;
}

static void
add_change (GArray *changes, DflAccount *account, DflAccountFunc tell)
{
  Change change = { .account = g_object_ref (account), .tell = tell };

  for (guint i = 0; i < changes->len; i++)
    if (g_array_index (changes, Change, i).account == account)
      {
        g_object_unref (account);
        return;
      }
  g_array_append_val (changes, change);
}

static void
tell_changes (DflAccounts *self, GArray *changes)
{
  /* A listener may let go of us. */
  gpointer data = self->listener.data;

  for (guint i = 0; i < changes->len; i++)
    {
      Change *change = &g_array_index (changes, Change, i);

      change->tell (change->account, data);
    }
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const DflAccountSettings *settings_a = *(DflAccountSettings *const *)a;
  const DflAccountSettings *settings_b = *(DflAccountSettings *const *)b;

  return strcmp (settings_a->name, settings_b->name);
}

/* Gives every user part to the first enabled account that names it, and fails the others. */
static void
assign_users (DflAccounts *self, GArray *changes)
{
  g_hash_table_remove_all (self->by_user);

  for (guint i = 0; i < self->all->len; i++)
    {
      DflAccount *account = self->all->pdata[i];
      const DflAccountSettings *settings = dfl_account_get_settings (account);
      DflAccountState before = dfl_account_get_state (account);
      gboolean conflict = FALSE;

      if (settings->enabled && settings->problem == NULL && *settings->user != '\0')
        {
          conflict = g_hash_table_contains (self->by_user, settings->user);
          if (!conflict)
            g_hash_table_insert (self->by_user, settings->user, account);
        }

      dfl_account_set_conflict (account, conflict);
      if (dfl_account_get_state (account) != before)
        add_change (changes, account, self->listener.on_changed);
    }
}

static void
on_account_changed (DflAccount *account, gpointer data)
{
  DflAccounts *self = data;
  g_autoptr (GArray) changes = new_changes ();

  add_change (changes, account, self->listener.on_changed);
  assign_users (self, changes);
  tell_changes (self, changes);
}

/* The account for these settings: a new one, or the known one with the settings in force. */
static DflAccount *
take_settings (DflAccounts *self,
               DflAccount *known,
               const DflAccountSettings *settings,
               GArray *changes)
{
  DflAccount *account;

  if (known == NULL)
    {
      account = dfl_account_new (dfl_account_settings_ref (settings));
      add_change (changes, account, self->listener.on_added);
    }
  else
    {
      account = g_object_ref (known);
      if (!dfl_account_settings_equal (dfl_account_get_settings (account), settings))
        {
          dfl_account_update (account, dfl_account_settings_ref (settings));
          add_change (changes, account, self->listener.on_changed);
        }
    }

  return account;
}

void
dfl_accounts_replace (DflAccounts *self, GPtrArray *settings)
{
  g_autoptr (GArray) changes = new_changes ();
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) before = g_steal_pointer (&self->all);
  const char *last_name = NULL;

  for (guint i = 0; i < before->len; i++)
    {
      DflAccount *account = before->pdata[i];

      dfl_account_set_listener (account, NULL, NULL);
      g_hash_table_insert (known, g_strdup (dfl_account_get_settings (account)->name), account);
    }

  self->all = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_sort (settings, compare_names);
  for (guint i = 0; i < settings->len; i++)
    {
      const DflAccountSettings *item = settings->pdata[i];
      DflAccount *account;

      if (g_strcmp0 (item->name, last_name) == 0)
        {
          g_warning ("Account %s is there twice: the second one is ignored, rename it", item->name);
          continue;
        }
      last_name = item->name;
      account = take_settings (self, g_hash_table_lookup (known, item->name), item, changes);
      g_ptr_array_add (self->all, account);
      g_hash_table_remove (known, item->name);
    }

  for (guint i = 0; i < before->len; i++)
    if (g_hash_table_contains (known, dfl_account_get_settings (before->pdata[i])->name))
      add_change (changes, before->pdata[i], self->listener.on_removed);

  g_hash_table_remove_all (self->by_id);
  for (guint i = 0; i < self->all->len; i++)
    {
      DflAccount *account = self->all->pdata[i];

      dfl_account_set_listener (account, on_account_changed, self);
      g_hash_table_insert (self->by_id, (gpointer)dfl_account_get_id (account), account);
    }
  assign_users (self, changes);
  g_ptr_array_unref (settings);

  tell_changes (self, changes);
}

const GPtrArray *
dfl_accounts_get_all (DflAccounts *self)
{
  return self->all;
}

DflAccount *
dfl_accounts_find_by_id (DflAccounts *self, const char *id)
{
  return g_hash_table_lookup (self->by_id, id);
}

DflAccount *
dfl_accounts_find_by_user (DflAccounts *self, const char *user)
{
  return g_hash_table_lookup (self->by_user, user);
}

DflAccounts *
dfl_accounts_new (const DflAccountsListener *listener)
{
  DflAccounts *self = g_new0 (DflAccounts, 1);

  self->listener = *listener;
  self->all = g_ptr_array_new_with_free_func (g_object_unref);
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_user = g_hash_table_new (g_str_hash, g_str_equal);

  return self;
}

void
dfl_accounts_free (DflAccounts *self)
{
  for (guint i = 0; i < self->all->len; i++)
    dfl_account_set_listener (self->all->pdata[i], NULL, NULL);

  g_hash_table_unref (self->by_user);
  g_hash_table_unref (self->by_id);
  g_ptr_array_unref (self->all);
  g_free (self);
}
