/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names and numbers of the machine's users. NSS blocks, so worker threads ask it. */

#pragma once

#include <gio/gio.h>

typedef struct
{
  char *name;
  gboolean known;
  guint32 uid; /* where known */
} DflLocalUser;

void dfl_local_user_free (DflLocalUser *self);

/* The name of a uid that leads back to it; its number where it has none, or the name is not UTF-8
 * or leads to another uid: what belongs to a name belongs to whom it leads to. */
void dfl_local_user_name_async (guint32 uid, GAsyncReadyCallback callback, gpointer data);
char *dfl_local_user_name_finish (GAsyncResult *result);

/* The uids of names: an array of DflLocalUser in the same order. */
void
dfl_local_user_find_async (const char *const *names, GAsyncReadyCallback callback, gpointer data);
GPtrArray *dfl_local_user_find_finish (GAsyncResult *result);
