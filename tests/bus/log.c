/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/fixture.h"

#include "data/names.h"

struct _Log
{
  GMutex lock;
  GDBusConnection *connection;
  guint filter;
  GQueue messages;   /* of GDBusMessage */
  GHashTable *pings; /* serials of calls whose answers are left out */
};

static gboolean
is_to_be_left_out (Log *self, GDBusMessage *message)
{
  guint serial = g_dbus_message_get_reply_serial (message);

  return g_strcmp0 (g_dbus_message_get_sender (message), "org.freedesktop.DBus") == 0
         || (serial != 0 && g_hash_table_remove (self->pings, GUINT_TO_POINTER (serial)));
}

static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  Log *self = data;

  g_mutex_lock (&self->lock);
  if (!incoming)
    {
      if (g_strcmp0 (g_dbus_message_get_member (message), "Ping") == 0
          && g_strcmp0 (g_dbus_message_get_path (message), DFL_ROOT_PATH) == 0)
        g_hash_table_add (self->pings, GUINT_TO_POINTER (g_dbus_message_get_serial (message)));
    }
  else if (!is_to_be_left_out (self, message))
    g_queue_push_tail (&self->messages, g_object_ref (message));
  g_mutex_unlock (&self->lock);
  return message;
}

static GDBusMessage *
take (Log *self)
{
  GDBusMessage *message;

  g_mutex_lock (&self->lock);
  message = g_queue_pop_head (&self->messages);
  g_mutex_unlock (&self->lock);
  return message;
}

static char *
describe_changes (GVariant *body)
{
  GString *text = g_string_new ("changed");
  g_autoptr (GVariantIter) iter = NULL;
  const char *key;
  GVariant *value;

  g_variant_get (body, "(&sa{sv}as)", NULL, &iter, NULL);
  while (g_variant_iter_next (iter, "{&sv}", &key, &value))
    {
      g_autofree char *printed = g_variant_print (value, FALSE);

      if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
        g_string_append_printf (text, " %s=%s", key, g_variant_get_string (value, NULL));
      else
        g_string_append_printf (text, " %s=%s", key, printed);
      g_variant_unref (value);
    }
  return g_string_free (text, FALSE);
}

static char *
describe (GDBusMessage *message)
{
  const char *member = g_dbus_message_get_member (message);
  GVariant *body = g_dbus_message_get_body (message);
  const char *path = NULL;

  switch (g_dbus_message_get_message_type (message))
    {
    case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
      return g_strdup ("reply");
    case G_DBUS_MESSAGE_TYPE_ERROR:
      return g_strconcat ("error ", g_dbus_message_get_error_name (message), NULL);
    default:
      break;
    }
  if (g_str_equal (member, "PropertiesChanged"))
    return describe_changes (body);
  if (g_str_equal (member, "InterfacesAdded"))
    {
      g_variant_get_child (body, 0, "&o", &path);
      return g_strconcat ("added ", path, NULL);
    }
  if (g_str_equal (member, "InterfacesRemoved"))
    {
      g_variant_get_child (body, 0, "&o", &path);
      return g_strconcat ("removed ", path, NULL);
    }
  return g_strconcat ("other ", member, NULL);
}

char *
log_take (Log *self)
{
  g_autoptr (GDBusMessage) message = take (self);

  return message == NULL ? NULL : describe (message);
}

void
log_expect_at (
    Log *self, const char *pattern, const char *file, int line_number, const char *function)
{
  g_autofree char *line = log_take (self);
  g_autofree char *complaint = NULL;

  if (pattern == NULL ? line == NULL : line != NULL && g_pattern_match_simple (pattern, line))
    return;
  complaint = g_strdup_printf ("expected \"%s\", got \"%s\"", pattern, line);
  g_assertion_message (G_LOG_DOMAIN, file, line_number, function, complaint);
}

GBytes *
log_take_raw (Log *self)
{
  g_autoptr (GDBusMessage) message = take (self);
  g_autoptr (GDBusMessage) copy = NULL;
  g_autoptr (GError) error = NULL;
  guchar *blob;
  gsize length;

  if (message == NULL)
    return NULL;
  copy = g_dbus_message_copy (message, &error);
  g_assert_no_error (error);
  g_dbus_message_set_serial (copy, 1);
  if (g_dbus_message_get_reply_serial (copy) != 0)
    g_dbus_message_set_reply_serial (copy, 1);
  blob = g_dbus_message_to_blob (copy, &length, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (blob, length);
}

Log *
log_new (GDBusConnection *connection)
{
  Log *self = g_new0 (Log, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  g_mutex_init (&self->lock);
  g_queue_init (&self->messages);
  self->pings = g_hash_table_new (NULL, NULL);
  self->connection = g_object_ref (connection);
  self->filter = g_dbus_connection_add_filter (connection, on_message, self, NULL);
  /* Broadcasts reach only who asks for them. */
  reply = g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "AddMatch",
                                       g_variant_new ("(s)",
                                                      "type='signal',sender='" DFL_BUS_NAME "'"),
                                       NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
  return self;
}

void
log_free (Log *self)
{
  /* Closed first: the filter must not run any more when what it fills goes. */
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_dbus_connection_remove_filter (self->connection, self->filter);
  g_object_unref (self->connection);
  g_queue_clear_full (&self->messages, g_object_unref);
  g_hash_table_unref (self->pings);
  g_mutex_clear (&self->lock);
  g_free (self);
}
