/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/local-user.h"

#include <errno.h>
#include <pwd.h>

/* What an entry may take at most; one that is longer is as unknown. */
#define MAX_BUFFER (1024 * 1024)

void
dfl_local_user_free (DflLocalUser *self)
{
  g_free (self->name);
  g_free (self);
}

/* Asks by name, or by uid where name is NULL. */
static gboolean
look_up (const char *name, guint32 uid, struct passwd *entry, char **buffer)
{
  for (gsize size = 4096; size <= MAX_BUFFER; size *= 4)
    {
      struct passwd *found = NULL;
      int failure;

      *buffer = g_realloc (*buffer, size);
      if (name != NULL)
        failure = getpwnam_r (name, entry, *buffer, size, &found);
      else
        failure = getpwuid_r (uid, entry, *buffer, size, &found);
      if (failure != ERANGE)
        return failure == 0 && found != NULL;
    }
  return FALSE;
}

static gboolean
leads_to (const char *name, guint32 uid)
{
  struct passwd entry;
  g_autofree char *buffer = NULL;

  return look_up (name, 0, &entry, &buffer) && entry.pw_uid == uid;
}

static void
find_name (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  guint32 uid = GPOINTER_TO_UINT (data);
  struct passwd entry;
  g_autofree char *buffer = NULL;

  if (look_up (NULL, uid, &entry, &buffer) && entry.pw_name[0] != '\0'
      && g_utf8_validate (entry.pw_name, -1, NULL) && leads_to (entry.pw_name, uid))
    g_task_return_pointer (task, g_strdup (entry.pw_name), g_free);
  else
    g_task_return_pointer (task, g_strdup_printf ("%u", uid), g_free);
}

void
dfl_local_user_name_async (guint32 uid, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);

  g_task_set_task_data (task, GUINT_TO_POINTER (uid), NULL);
  g_task_run_in_thread (task, find_name);
}

char *
dfl_local_user_name_finish (GAsyncResult *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}

static void
find_uids (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  char **names = data;
  GPtrArray *users = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_local_user_free);

  for (guint i = 0; names[i] != NULL; i++)
    {
      DflLocalUser *user = g_new0 (DflLocalUser, 1);
      struct passwd entry;
      g_autofree char *buffer = NULL;

      user->name = g_strdup (names[i]);
      user->known = look_up (names[i], 0, &entry, &buffer);
      if (user->known)
        user->uid = entry.pw_uid;
      g_ptr_array_add (users, user);
    }
  g_task_return_pointer (task, users, (GDestroyNotify)g_ptr_array_unref);
}

void
dfl_local_user_find_async (const char *const *names, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);

  g_task_set_task_data (task, g_strdupv ((char **)names), (GDestroyNotify)g_strfreev);
  g_task_run_in_thread (task, find_uids);
}

GPtrArray *
dfl_local_user_find_finish (GAsyncResult *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}
