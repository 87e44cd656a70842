/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/accounts.h"

#include <string.h>

#include "core/call-ids.h"

struct _DflAccounts
{
  DflAccountsListener listener;
  GPtrArray *all;      /* of DflAccount, by name and id */
  GHashTable *by_id;   /* borrowed keys and values */
  GHashTable *by_user; /* the owners of user parts: owned keys, borrowed values */
  gboolean begun;      /* the accounts of the settings directory are known */

  DflCallIds ids;
  char reserved_id[9];
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

/* --- User parts --- */

static gboolean
claims_user (DflAccount *account)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);

  return settings->enabled && !settings->registers && settings->problem == NULL
         && *settings->user != '\0';
}

/*
 * Whether the one account goes before the other that claims the same user part. Who owns it now
 * comes first, so that nothing that anybody adds or changes takes it away; when nobody does,
 * as when the daemon starts, the settings directory comes before what users added, and who was
 * there earlier before who came later.
 */
static gboolean
goes_before (DflAccounts *self, DflAccount *a, DflAccount *b)
{
  const DflAccountSettings *settings_a = dfl_account_get_settings (a);
  const DflAccountSettings *settings_b = dfl_account_get_settings (b);
  DflAccount *owner = g_hash_table_lookup (self->by_user, settings_a->user);

  if (a == owner || b == owner)
    return a == owner;
  if (settings_a->creator == NULL || settings_b->creator == NULL)
    return settings_b->creator != NULL
           || (settings_a->creator == NULL && strcmp (settings_a->name, settings_b->name) < 0);
  if (settings_a->created != settings_b->created)
    return settings_a->created < settings_b->created;

  return strcmp (dfl_account_get_id (a), dfl_account_get_id (b)) < 0;
}

/* Gives every user part to one of the accounts that claim it, and fails the others. */
static void
assign_users (DflAccounts *self, GArray *changes)
{
  g_autoptr (GHashTable) owners = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->all->len; i++)
    {
      DflAccount *account = self->all->pdata[i];
      const char *user = dfl_account_get_settings (account)->user;
      DflAccount *other = g_hash_table_lookup (owners, user);

      if (claims_user (account) && (other == NULL || goes_before (self, account, other)))
        g_hash_table_replace (owners, g_strdup (user), account);
    }

  for (guint i = 0; i < self->all->len; i++)
    {
      DflAccount *account = self->all->pdata[i];
      const char *user = dfl_account_get_settings (account)->user;
      DflAccountState before = dfl_account_get_state (account);

      dfl_account_set_conflict (account, claims_user (account)
                                             && g_hash_table_lookup (owners, user) != account);
      if (dfl_account_get_state (account) != before)
        add_change (changes, account, self->listener.on_changed);
    }

  g_hash_table_unref (self->by_user);
  self->by_user = g_steal_pointer (&owners);
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

/* What becomes of a registration changes nothing about who owns a user part, so that many of them
 * cost no look at all accounts each. */
static void
on_account_reported (DflAccount *account, gpointer data)
{
  DflAccounts *self = data;
  g_autoptr (DflAccount) G_GNUC_UNUSED keep = g_object_ref (account);

  self->listener.on_changed (account, self->listener.data);
}

static void
listen_to (DflAccounts *self, DflAccount *account)
{
  dfl_account_set_listener (account, on_account_changed, on_account_reported, self);
}

/* --- Coming and going --- */

static int
compare_accounts (DflAccount *a, DflAccount *b)
{
  int order = strcmp (dfl_account_get_settings (a)->name, dfl_account_get_settings (b)->name);

  return order != 0 ? order : strcmp (dfl_account_get_id (a), dfl_account_get_id (b));
}

/* Takes the reference over. */
static void
insert (DflAccounts *self, DflAccount *account, GArray *changes)
{
  guint low = 0, high = self->all->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (compare_accounts (self->all->pdata[middle], account) < 0)
        low = middle + 1;
      else
        high = middle;
    }

  g_ptr_array_insert (self->all, (int)low, account);
  g_hash_table_insert (self->by_id, (gpointer)dfl_account_get_id (account), account);
  listen_to (self, account);
  add_change (changes, account, self->listener.on_added);
}

static void
take_out (DflAccounts *self, DflAccount *account, GArray *changes)
{
  add_change (changes, account, self->listener.on_removed);
  dfl_account_set_listener (account, NULL, NULL, NULL);
  g_hash_table_remove (self->by_id, dfl_account_get_id (account));
  g_ptr_array_remove (self->all, account);
}

static gboolean
is_taken (DflAccounts *self, const char *id)
{
  return g_hash_table_contains (self->by_id, id) || g_str_equal (id, self->reserved_id);
}

/* --- The settings directory --- */

static DflAccount *
make_account (DflAccounts *self, const DflAccountSettings *settings)
{
  g_autofree char *id = dfl_account_derive_id (settings->name, 0);

  for (guint attempt = 1; is_taken (self, id); attempt++)
    {
      g_free (id);
      id = dfl_account_derive_id (settings->name, attempt);
    }

  return dfl_account_new_with_id (dfl_account_settings_ref (settings), id);
}

/* The account for these settings: a new one, or the known one with the settings in force. */
static void
take_settings (DflAccounts *self,
               DflAccount *known,
               const DflAccountSettings *settings,
               GArray *changes)
{
  if (known == NULL)
    {
      insert (self, make_account (self, settings), changes);
    }
  else if (!dfl_account_settings_equal (dfl_account_get_settings (known), settings))
    {
      /* What else changes is told when all of it has. */
      dfl_account_set_listener (known, NULL, NULL, NULL);
      dfl_account_update (known, dfl_account_settings_ref (settings));
      listen_to (self, known);
      add_change (changes, known, self->listener.on_changed);
    }
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const DflAccountSettings *settings_a = *(DflAccountSettings *const *)a;
  const DflAccountSettings *settings_b = *(DflAccountSettings *const *)b;

  return strcmp (settings_a->name, settings_b->name);
}

void
dfl_accounts_replace (DflAccounts *self, GPtrArray *settings)
{
  g_autoptr (GPtrArray) taken_over = settings;
  g_autoptr (GArray) changes = new_changes ();
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) gone = g_ptr_array_new ();
  const char *last_name = NULL;

  for (guint i = 0; i < self->all->len; i++)
    {
      const DflAccountSettings *old = dfl_account_get_settings (self->all->pdata[i]);

      if (old->creator == NULL)
        g_hash_table_insert (known, g_strdup (old->name), self->all->pdata[i]);
    }

  g_ptr_array_sort (settings, compare_names);
  for (guint i = 0; i < settings->len; i++)
    {
      const DflAccountSettings *item = settings->pdata[i];

      if (g_strcmp0 (item->name, last_name) == 0)
        {
          g_warning ("Account %s is there twice: the second one is ignored, rename it", item->name);
          continue;
        }
      last_name = item->name;
      take_settings (self, g_hash_table_lookup (known, item->name), item, changes);
      g_hash_table_remove (known, item->name);
    }

  for (guint i = 0; i < self->all->len; i++)
    {
      DflAccount *account = self->all->pdata[i];
      const char *name = dfl_account_get_settings (account)->name;

      if (g_hash_table_lookup (known, name) == account)
        g_ptr_array_add (gone, account);
    }
  for (guint i = 0; i < gone->len; i++)
    take_out (self, gone->pdata[i], changes);

  /* What users added came first only because it was read first. */
  if (!self->begun)
    g_hash_table_remove_all (self->by_user);
  self->begun = TRUE;
  assign_users (self, changes);
  tell_changes (self, changes);
}

/* --- Kept accounts --- */

static gboolean
is_id (const char *text)
{
  return text != NULL && strlen (text) == 8 && strspn (text, "0123456789abcdef") == 8;
}

static DflAccount *
take_kept (DflAccounts *self, const DflAccountSettings *settings, GArray *changes)
{
  DflAccount *account;

  if (!is_id (settings->id) || settings->creator == NULL
      || g_hash_table_contains (self->by_id, settings->id))
    {
      g_warning ("Account %s is ignored: its id %s is not one, or is there already", settings->name,
                 settings->id != NULL ? settings->id : "(none)");
      return NULL;
    }

  account = dfl_account_new (dfl_account_settings_ref (settings));
  insert (self, account, changes);

  return account;
}

void
dfl_accounts_set_kept (DflAccounts *self, GPtrArray *settings)
{
  g_autoptr (GPtrArray) taken_over = settings;
  g_autoptr (GArray) changes = new_changes ();

  for (guint i = 0; i < settings->len; i++)
    take_kept (self, settings->pdata[i], changes);
  assign_users (self, changes);
  tell_changes (self, changes);
}

DflAccount *
dfl_accounts_add (DflAccounts *self, DflAccountSettings *settings)
{
  g_autoptr (DflAccountSettings) taken_over = settings;
  g_autoptr (GArray) changes = new_changes ();
  DflAccount *account = take_kept (self, settings, changes);

  if (g_strcmp0 (settings->id, self->reserved_id) == 0)
    self->reserved_id[0] = '\0';
  assign_users (self, changes);
  tell_changes (self, changes);

  return account;
}

void
dfl_accounts_remove (DflAccounts *self, DflAccount *account)
{
  g_autoptr (GArray) changes = new_changes ();

  take_out (self, account, changes);
  assign_users (self, changes);
  tell_changes (self, changes);
}

const char *
dfl_accounts_reserve_id (DflAccounts *self)
{
  do
    dfl_call_ids_next (&self->ids, self->reserved_id);
  while (g_hash_table_contains (self->by_id, self->reserved_id));

  return self->reserved_id;
}

gint64
dfl_accounts_get_created (DflAccounts *self, gint64 wall)
{
  for (guint i = 0; i < self->all->len; i++)
    {
      gint64 other = dfl_account_get_settings (self->all->pdata[i])->created;

      if (other >= wall)
        wall = other < G_MAXINT64 ? other + 1 : G_MAXINT64;
    }

  return wall;
}

/* --- Looking --- */

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
  self->by_user = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  return self;
}

void
dfl_accounts_free (DflAccounts *self)
{
  for (guint i = 0; i < self->all->len; i++)
    dfl_account_set_listener (self->all->pdata[i], NULL, NULL, NULL);

  g_hash_table_unref (self->by_user);
  g_hash_table_unref (self->by_id);
  g_ptr_array_unref (self->all);
  g_free (self);
}
