/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/calls.h"

#include <string.h>

/*
 * Whoever lists the calls that a user may see goes through those of the user's accounts, so that it
 * takes no longer because of the calls of others.
 */
struct _DflCalls
{
  GHashTable *by_id;      /* borrowed id: owned DflCall */
  GHashTable *by_call_id; /* borrowed Call-ID of the list's first: GSList of borrowed DflCall */
  GHashTable *by_account; /* borrowed DflAccount, which its calls keep: GTree of id: DflCall */
  GPtrArray *former;      /* of DflAccount, borrowed likewise */
};

/* --- By Call-ID --- */

static void
add_to_call_id (DflCalls *self, DflCall *call)
{
  const char *call_id = dfl_call_get_offer (call)->sip_call_id;
  GSList *calls = g_hash_table_lookup (self->by_call_id, call_id);

  /* The key belongs to the first call of the list. */
  calls = g_slist_prepend (calls, call);
  g_hash_table_replace (self->by_call_id, (gpointer)call_id, calls);
}

static void
remove_from_call_id (DflCalls *self, DflCall *call)
{
  const char *call_id = dfl_call_get_offer (call)->sip_call_id;
  GSList *calls = g_hash_table_lookup (self->by_call_id, call_id);

  calls = g_slist_remove (calls, call);
  if (calls == NULL)
    g_hash_table_remove (self->by_call_id, call_id);
  else
    g_hash_table_replace (self->by_call_id, (gpointer)dfl_call_get_offer (calls->data)->sip_call_id,
                          calls);
}

GPtrArray *
dfl_calls_find_by_call_id (DflCalls *self, const char *sip_call_id)
{
  GPtrArray *found = g_ptr_array_new ();

  for (GSList *item = g_hash_table_lookup (self->by_call_id, sip_call_id); item != NULL;
       item = item->next)
    g_ptr_array_add (found, item->data);

  return found;
}

/* --- By account --- */

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

static void
add_to_account (DflCalls *self, DflCall *call)
{
  DflAccount *account = dfl_call_get_account (call);
  GTree *calls = g_hash_table_lookup (self->by_account, account);

  if (calls == NULL)
    {
      calls = g_tree_new (compare_keys);
      g_hash_table_insert (self->by_account, account, calls);
    }
  g_tree_insert (calls, (gpointer)dfl_call_get_id (call), call);
}

static void
remove_from_account (DflCalls *self, DflCall *call)
{
  DflAccount *account = dfl_call_get_account (call);
  GTree *calls = g_hash_table_lookup (self->by_account, account);

  g_tree_remove (calls, dfl_call_get_id (call));
  if (g_tree_nnodes (calls) > 0)
    return;

  g_hash_table_remove (self->by_account, account);
  g_ptr_array_remove (self->former, account);
}

void
dfl_calls_part_with (DflCalls *self, DflAccount *account)
{
  if (g_hash_table_contains (self->by_account, account)
      && !g_ptr_array_find (self->former, account, NULL))
    g_ptr_array_add (self->former, account);
}

static int
compare_accounts (gconstpointer a, gconstpointer b)
{
  DflAccount *account_a = *(DflAccount *const *)a;
  DflAccount *account_b = *(DflAccount *const *)b;
  int difference = strcmp (dfl_account_get_settings (account_a)->name,
                           dfl_account_get_settings (account_b)->name);

  if (difference != 0)
    return difference;

  return strcmp (dfl_account_get_id (account_a), dfl_account_get_id (account_b));
}

GPtrArray *
dfl_calls_get_former_accounts (DflCalls *self)
{
  GPtrArray *accounts = g_ptr_array_copy (self->former, NULL, NULL);

  g_ptr_array_sort (accounts, compare_accounts);

  return accounts;
}

/* --- All --- */

static gboolean
take_call (gpointer id, gpointer call, gpointer data)
{
  g_ptr_array_add (data, g_object_ref (call));

  return FALSE;
}

void
dfl_calls_foreach_of (DflCalls *self, DflAccount *account, DflCallFunc func, gpointer data)
{
  GTree *tree = g_hash_table_lookup (self->by_account, account);
  g_autoptr (GPtrArray) calls = NULL;

  if (tree == NULL)
    return;

  calls = g_ptr_array_new_full (g_tree_nnodes (tree), g_object_unref);
  g_tree_foreach (tree, take_call, calls);
  for (guint i = 0; i < calls->len; i++)
    func (calls->pdata[i], data);
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  return strcmp (dfl_call_get_id (*(DflCall *const *)a), dfl_call_get_id (*(DflCall *const *)b));
}

void
dfl_calls_foreach (DflCalls *self, DflCallFunc func, gpointer data)
{
  g_autoptr (GPtrArray) calls = g_ptr_array_new_full (g_hash_table_size (self->by_id),
                                                      g_object_unref);
  GHashTableIter iter;
  gpointer call;

  g_hash_table_iter_init (&iter, self->by_id);
  while (g_hash_table_iter_next (&iter, NULL, &call))
    g_ptr_array_add (calls, g_object_ref (call));
  g_ptr_array_sort (calls, compare_ids);

  for (guint i = 0; i < calls->len; i++)
    func (calls->pdata[i], data);
}

void
dfl_calls_add (DflCalls *self, DflCall *call)
{
  g_hash_table_insert (self->by_id, (gpointer)dfl_call_get_id (call), call);
  add_to_call_id (self, call);
  add_to_account (self, call);
}

void
dfl_calls_remove (DflCalls *self, DflCall *call)
{
  remove_from_account (self, call);
  remove_from_call_id (self, call);
  g_hash_table_remove (self->by_id, dfl_call_get_id (call));
}

guint
dfl_calls_get_n (DflCalls *self)
{
  return g_hash_table_size (self->by_id);
}

DflCall *
dfl_calls_find (DflCalls *self, const char *id)
{
  return g_hash_table_lookup (self->by_id, id);
}

DflCalls *
dfl_calls_new (void)
{
  DflCalls *self = g_new0 (DflCalls, 1);

  self->by_id = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_object_unref);
  self->by_call_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_account = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_tree_unref);
  self->former = g_ptr_array_new ();

  return self;
}

void
dfl_calls_free (DflCalls *self)
{
  GHashTableIter iter;
  gpointer list;

  g_hash_table_iter_init (&iter, self->by_call_id);
  while (g_hash_table_iter_next (&iter, NULL, &list))
    g_slist_free (list);
  g_hash_table_unref (self->by_call_id);
  g_hash_table_unref (self->by_account);
  g_ptr_array_unref (self->former);
  g_hash_table_unref (self->by_id);
  g_free (self);
}
