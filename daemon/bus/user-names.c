/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/user-names.h"

#include "bus/local-user.h"

/*
 * One question is under way at a time, and has all names that were wanted when it was asked: ten
 * thousand accounts that appear at once cost two turns of a worker thread, not ten thousand.
 */
struct _DflUserNames
{
  DflUserNamesFunc answered;
  gpointer data;
  GHashTable *all;    /* name to DflUserName */
  GHashTable *wanted; /* set of names, owned, for the next question */
  gboolean asking;
  gboolean closed;
};

static void
free_name (DflUserName *self)
{
  g_hash_table_unref (self->holders);
  g_free (self->name);
  g_free (self);
}

static void
clear_names (gpointer data)
{
  DflUserNames *self = data;

  g_hash_table_unref (self->all);
  g_hash_table_unref (self->wanted);
}

static void on_found (GObject *source, GAsyncResult *result, gpointer data);

static void
ask (DflUserNames *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) names = NULL;
  GHashTableIter iter;
  gpointer name;

  if (self->asking || self->closed || g_hash_table_size (self->wanted) == 0)
    return;
  g_hash_table_iter_init (&iter, self->wanted);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_strv_builder_add (builder, name);
  names = g_strv_builder_end (builder);
  g_hash_table_remove_all (self->wanted);
  self->asking = TRUE;
  dfl_local_user_find_async ((const char *const *)names, on_found, g_rc_box_acquire (self));
}

static GArray *
collect_answers (DflUserNames *self, const GPtrArray *users)
{
  GArray *answers = g_array_new (FALSE, FALSE, sizeof (DflUserAnswer));

  for (guint i = 0; i < users->len; i++)
    {
      const DflLocalUser *user = g_ptr_array_index (users, i);
      DflUserAnswer answer = { g_hash_table_lookup (self->all, user->name), user->known,
                               user->uid };

      if (answer.name != NULL)
        g_array_append_val (answers, answer);
    }
  return answers;
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer data)
{
  DflUserNames *self = data;
  g_autoptr (GPtrArray) users = dfl_local_user_find_finish (result);

  self->asking = FALSE;
  if (!self->closed)
    {
      g_autoptr (GArray) answers = collect_answers (self, users);

      self->answered (answers, self->data);
      ask (self);
    }
  g_rc_box_release_full (self, clear_names);
}

DflUserName *
dfl_user_names_hold (DflUserNames *self, const char *name, gpointer holder)
{
  DflUserName *entry = g_hash_table_lookup (self->all, name);
  gboolean new = entry == NULL;

  if (new)
    {
      entry = g_new0 (DflUserName, 1);
      entry->name = g_strdup (name);
      entry->holders = g_hash_table_new (NULL, NULL);
      g_hash_table_insert (self->all, entry->name, entry);
    }
  /* A user who was not there may have been added since. */
  if (g_hash_table_add (entry->holders, holder) && (new || (entry->answered && !entry->known)))
    {
      g_hash_table_add (self->wanted, g_strdup (name));
      ask (self);
    }
  return entry;
}

void
dfl_user_names_release (DflUserNames *self, DflUserName *name, gpointer holder)
{
  g_hash_table_remove (name->holders, holder);
  if (g_hash_table_size (name->holders) == 0)
    g_hash_table_remove (self->all, name->name);
}

void
dfl_user_names_refresh (DflUserNames *self)
{
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, self->all);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_add (self->wanted, g_strdup (name));
  ask (self);
}

DflUserNames *
dfl_user_names_new (DflUserNamesFunc answered, gpointer data)
{
  DflUserNames *self = g_rc_box_new0 (DflUserNames);

  self->answered = answered;
  self->data = data;
  self->all = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)free_name);
  self->wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
dfl_user_names_free (DflUserNames *self)
{
  self->closed = TRUE;
  g_rc_box_release_full (self, clear_names);
}
