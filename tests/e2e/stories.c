/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "harness-private.h"

#include "names.h"

/* --- What the bus tells --- */

static void tell (Stage *self, const char *call, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
tell (Stage *self, const char *call, const char *format, ...)
{
  GString *story = g_hash_table_lookup (self->stories, call);
  va_list arguments;

  if (story == NULL)
    {
      story = g_string_new (NULL);
      g_hash_table_insert (self->stories, g_strdup (call), story);
    }
  if (story->len > 0)
    g_string_append_c (story, ' ');
  va_start (arguments, format);
  g_string_append_vprintf (story, format, arguments);
  va_end (arguments);
}

static void
on_object_added (GDBusObjectManager *manager, GDBusObject *object, gpointer data)
{
  g_autoptr (GDBusInterface) call = g_dbus_object_get_interface (object, DFL_CALL_INTERFACE);
  g_autoptr (GVariant) state = NULL;

  if (call == NULL)
    return;
  state = g_dbus_proxy_get_cached_property (G_DBUS_PROXY (call), "State");
  tell (data, g_dbus_object_get_object_path (object), "%s", g_variant_get_string (state, NULL));
}

static void
on_object_removed (GDBusObjectManager *manager, GDBusObject *object, gpointer data)
{
  if (g_str_has_prefix (g_dbus_object_get_object_path (object), DFL_CALL_PATH_PREFIX))
    tell (data, g_dbus_object_get_object_path (object), "removed");
}

static void
on_properties_changed (GDBusObjectManagerClient *manager,
                       GDBusObjectProxy *object,
                       GDBusProxy *proxy,
                       GVariant *changed,
                       const char *const *invalidated,
                       gpointer data)
{
  const char *path = g_dbus_object_get_object_path (G_DBUS_OBJECT (object));
  const char *state = NULL;
  const char *outcome = NULL;
  gboolean silenced = FALSE;

  if (g_strcmp0 (g_dbus_proxy_get_interface_name (proxy), DFL_CALL_INTERFACE) != 0)
    return;
  if (g_variant_lookup (changed, "Silenced", "b", &silenced) && silenced)
    tell (data, path, "silenced");
  if (!g_variant_lookup (changed, "State", "&s", &state))
    return;
  if (g_variant_lookup (changed, "Outcome", "&s", &outcome) && g_strcmp0 (outcome, "none") != 0)
    tell (data, path, "%s:%s", state, outcome);
  else
    tell (data, path, "%s", state);
}

void
stage_listen (Stage *self)
{
  g_autoptr (GError) error = NULL;
  GList *objects;

  self->manager = g_dbus_object_manager_client_new_sync (
      self->connection, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_DO_NOT_AUTO_START, DFL_BUS_NAME,
      DFL_ROOT_PATH, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (self->manager, "object-added", G_CALLBACK (on_object_added), self);
  g_signal_connect (self->manager, "object-removed", G_CALLBACK (on_object_removed), self);
  g_signal_connect (self->manager, "interface-proxy-properties-changed",
                    G_CALLBACK (on_properties_changed), self);

  objects = g_dbus_object_manager_get_objects (self->manager);
  for (GList *item = objects; item != NULL; item = item->next)
    on_object_added (self->manager, item->data, self);
  g_list_free_full (objects, g_object_unref);
}

/* The path of an offered call that nobody was told of, or NULL. */
static const char *
find_new_call (Stage *self)
{
  GHashTableIter iter;
  gpointer path, story;

  g_hash_table_iter_init (&iter, self->stories);
  while (g_hash_table_iter_next (&iter, &path, &story))
    if (!g_hash_table_contains (self->announced, path))
      return path;
  return NULL;
}

char *
stage_await_call (Stage *self)
{
  const char *path = NULL;

  AWAIT (self, (path = find_new_call (self)) != NULL);
  g_hash_table_add (self->announced, g_strdup (path));
  return g_strdup (path);
}

const char *
stage_get_story (Stage *self, const char *call)
{
  GString *story = g_hash_table_lookup (self->stories, call);

  return story != NULL ? story->str : "";
}

void
stage_await_story (Stage *self, const char *call, const char *expected)
{
  AWAIT (self, g_str_has_suffix (stage_get_story (self, call), "removed"));
  g_assert_cmpstr (stage_get_story (self, call), ==, expected);
}

guint
stage_count_calls (Stage *self)
{
  return g_hash_table_size (self->stories);
}

typedef struct
{
  gboolean done;
  GVariant *reply;
  GError *error;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;

  answer->reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                 &answer->error);
  answer->done = TRUE;
}

GVariant *
stage_invoke (Stage *self,
              const char *path,
              const char *interface,
              const char *method,
              GVariant *parameters,
              GError **error)
{
  Answer answer = { 0 };

  g_dbus_connection_call (self->connection, DFL_BUS_NAME, path, interface, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, G_MAXINT, NULL, on_answer, &answer);
  AWAIT (self, answer.done);
  if (answer.error != NULL)
    g_propagate_error (error, answer.error);
  return answer.reply;
}

GVariant *
stage_get_property (Stage *self, const char *path, const char *interface, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = stage_invoke (self, path, "org.freedesktop.DBus.Properties", "Get",
                                             g_variant_new ("(ss)", interface, name), &error);
  GVariant *value = NULL;

  g_assert_no_error (error);
  g_variant_get (reply, "(v)", &value);
  return value;
}
