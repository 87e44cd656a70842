/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "witness.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"
#include "names.h"

struct _Witness
{
  Stage *stage;
  guint uid;
  Player *recorder;
  char *address;
  char *record;
  GDBusConnection *connection;
};

/* --- Connections --- */

typedef struct
{
  Witness *witness;
  GDBusConnection *connection;
  gboolean done;
} Connecting;

/* The kernel keeps a uid per thread; the C library, which keeps them all the same, is not asked. */
static gpointer
connect_as (gpointer data)
{
  Connecting *connecting = data;
  Witness *witness = connecting->witness;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (syscall (SYS_setresuid, witness->uid, witness->uid, 0), ==, 0);
  connecting->connection = g_dbus_connection_new_for_address_sync (
      witness->address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);
  g_assert_no_error (error);
  return NULL;
}

GDBusConnection *
witness_connect (Witness *self)
{
  Connecting connecting = { self, NULL, FALSE };

  g_thread_join (g_thread_new ("connect-as", connect_as, &connecting));
  g_dbus_connection_set_exit_on_close (connecting.connection, FALSE);
  return connecting.connection;
}

GDBusConnection *
witness_get_connection (Witness *self)
{
  return self->connection;
}

/* --- Questions --- */

typedef struct
{
  GDBusMessage *reply;
  gboolean done;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  g_autoptr (GError) error = NULL;

  answer->reply = g_dbus_connection_send_message_with_reply_finish (G_DBUS_CONNECTION (source),
                                                                    result, &error);
  g_assert_no_error (error);
  answer->done = TRUE;
}

static GDBusMessage *
ask (Witness *self,
     const char *service,
     const char *path,
     const char *interface,
     const char *member,
     GVariant *body,
     GDBusMessageFlags flags)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (service, path, interface,
                                                                     member);
  Answer answer = { 0 };

  g_dbus_message_set_flags (message, flags);
  if (body != NULL)
    g_dbus_message_set_body (message, body);
  g_dbus_connection_send_message_with_reply (self->connection, message,
                                             G_DBUS_SEND_MESSAGE_FLAGS_NONE, G_MAXINT, NULL, NULL,
                                             on_answer, &answer);
  AWAIT (self->stage, answer.done);
  return answer.reply;
}

GDBusMessage *
witness_ask (
    Witness *self, const char *path, const char *interface, const char *member, GVariant *body)
{
  return ask (self, DFL_BUS_NAME, path, interface, member, body,
              G_DBUS_MESSAGE_FLAGS_NO_AUTO_START);
}

GDBusMessage *
witness_ask_interactively (
    Witness *self, const char *path, const char *interface, const char *member, GVariant *body)
{
  return ask (self, DFL_BUS_NAME, path, interface, member, body,
              G_DBUS_MESSAGE_FLAGS_NO_AUTO_START
                  | G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION);
}

static char *
error_of (GDBusMessage *reply)
{
  if (g_dbus_message_get_message_type (reply) != G_DBUS_MESSAGE_TYPE_ERROR)
    return g_strdup ("");
  return g_strdup (g_dbus_message_get_error_name (reply));
}

char *
witness_try (
    Witness *self, const char *path, const char *interface, const char *member, GVariant *body)
{
  g_autoptr (GDBusMessage) reply = witness_ask (self, path, interface, member, body);

  return error_of (reply);
}

char *
witness_describe (GDBusMessage *reply)
{
  const char *text = "";

  if (g_dbus_message_get_message_type (reply) != G_DBUS_MESSAGE_TYPE_ERROR)
    return g_strdup ("");
  g_variant_get (g_dbus_message_get_body (reply), "(&s)", &text);
  return g_strdup_printf ("%s: %s", g_dbus_message_get_error_name (reply), text);
}

char *
witness_add_account (Witness *self, const char *name, const char *settings, char **path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) dictionary = g_variant_parse (G_VARIANT_TYPE_VARDICT, settings, NULL, NULL,
                                                     &error);
  g_autoptr (GDBusMessage) reply = NULL;

  g_assert_no_error (error);
  reply = witness_ask (self, DFL_ROOT_PATH, DFL_MANAGER_INTERFACE, "AddAccount",
                       g_variant_new ("(s@a{sv})", name, dictionary));
  if (path != NULL)
    *path = NULL;
  if (path != NULL && g_dbus_message_get_message_type (reply) != G_DBUS_MESSAGE_TYPE_ERROR)
    g_variant_get (g_dbus_message_get_body (reply), "(o)", path);
  return witness_describe (reply);
}

char *
witness_update_account (Witness *self, const char *path, const char *settings)
{
  g_autofree char *text = g_strdup_printf ("({%s},)", settings);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) body = g_variant_parse (G_VARIANT_TYPE ("(a{sv})"), text, NULL, NULL,
                                               &error);
  g_autoptr (GDBusMessage) reply = NULL;

  g_assert_no_error (error);
  reply = witness_ask (self, path, DFL_ACCOUNT_INTERFACE, "Update", body);
  return witness_describe (reply);
}

/* --- Listening --- */

/* Whether the bus lets the user. */
static gboolean
add_match (Witness *self, const char *rule)
{
  g_autoptr (GDBusMessage) reply = ask (self, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "AddMatch",
                                        g_variant_new ("(s)", rule), G_DBUS_MESSAGE_FLAGS_NONE);

  return g_dbus_message_get_message_type (reply) != G_DBUS_MESSAGE_TYPE_ERROR;
}

void
witness_listen (Witness *self)
{
  static const char *const rules[] = {
    "",
    "eavesdrop='true'",
    "type='signal'",
    "type='signal',eavesdrop='true'",
    "type='method_call',eavesdrop='true'",
    "type='method_return',eavesdrop='true'",
    "type='error',eavesdrop='true'",
    "sender='" DFL_BUS_NAME "'",
    "sender='" DFL_BUS_NAME "',eavesdrop='true'",
    "destination='" DFL_BUS_NAME "',eavesdrop='true'",
    "path_namespace='" DFL_ROOT_PATH "',eavesdrop='true'",
    "arg0path='" DFL_CALLS_PATH "/'",
    "interface='org.freedesktop.DBus.ObjectManager',eavesdrop='true'",
    "interface='org.freedesktop.DBus.Properties',arg0namespace='" DFL_BUS_NAME "'",
  };
  g_autoptr (GDBusMessage) reply = NULL;
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    n += add_match (self, rules[i]);
  g_test_message ("%s listens in %u of %u ways", machine_get_user (self->uid), n,
                  (guint)G_N_ELEMENTS (rules));
  g_assert_cmpuint (n, >, 4);
  reply = witness_ask (self, DFL_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                       "GetManagedObjects", NULL);
  g_assert_cmpint (g_dbus_message_get_message_type (reply), ==, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
}

/* --- The record --- */

void
witness_catch_up (Witness *self)
{
  g_autoptr (GDBusMessage) reply = witness_ask (self, DFL_ROOT_PATH, "org.freedesktop.DBus.Peer",
                                                "Ping", NULL);

  g_assert_cmpint (g_dbus_message_get_message_type (reply), ==, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
}

static char *
read_record (Witness *self, gsize *length)
{
  g_autoptr (GError) error = NULL;
  char *bytes = NULL;

  g_file_get_contents (self->record, &bytes, length, &error);
  g_assert_no_error (error);
  return bytes;
}

gboolean
witness_has_received (Witness *self, const char *text)
{
  gsize length;
  g_autofree char *bytes = read_record (self, &length);

  g_assert_cmpstr (text, !=, "");
  return memmem (bytes, length, text, strlen (text)) != NULL;
}

gsize
witness_count_bytes (Witness *self)
{
  gsize length;

  g_free (read_record (self, &length));
  return length;
}

/* --- A witness --- */

guint
witness_get_uid (Witness *self)
{
  return self->uid;
}

GPid
witness_get_pid (Witness *self)
{
  return player_get_pid (self->recorder);
}

const char *
witness_get_address (Witness *self)
{
  return self->address;
}

static gboolean
is_ready (Witness *self)
{
  g_autofree char *output = player_read_output (self->recorder);

  return g_str_equal (output, "ready\n");
}

/* A directory in which the user's process may make its socket and its record. */
static char *
make_directory (Witness *self)
{
  g_autofree char *template = g_strdup_printf ("%s/%s-XXXXXX", stage_get_directory (self->stage),
                                               machine_get_user (self->uid));
  char *directory = g_mkdtemp_full (g_steal_pointer (&template), 0700);

  g_assert_nonnull (directory);
  g_assert_cmpint (chown (directory, self->uid, self->uid), ==, 0);
  return directory;
}

Witness *
witness_new (Stage *stage, guint uid)
{
  Witness *self = g_new0 (Witness, 1);
  g_autofree char *program = g_build_filename (stage_get_directory (stage), "recorder", NULL);
  g_autofree char *bus = g_build_filename (stage_get_directory (stage), "bus", NULL);
  g_autofree char *directory = NULL;
  g_autofree char *path = NULL;

  self->stage = stage;
  self->uid = uid;
  directory = make_directory (self);
  path = g_build_filename (directory, "bus", NULL);
  self->address = g_strconcat ("unix:path=", path, NULL);
  self->record = g_build_filename (directory, "record", NULL);
  self->recorder = stage_play_as (stage, uid, program, path, bus, self->record, NULL);
  AWAIT (stage, is_ready (self));
  self->connection = witness_connect (self);
  return self;
}

void
witness_free (Witness *self)
{
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_object_unref (self->connection);
  g_free (self->address);
  g_free (self->record);
  g_free (self);
}
