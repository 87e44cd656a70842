/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The policy file of the system bus, as installed, in a real dbus-daemon of type system. */

#include "bus/fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "data/names.h"

#define ROOT DFL_ROOT_PATH
#define ACCESS_DENIED "org.freedesktop.DBus.Error.AccessDenied"

/* The daemon's user; it need not exist here, because the bus looks at a user database of ours. */
#define DAEMON_UID 4711

/* What dbus-daemon's own system.conf says, without its user and its directories. */
static const char system_config[]
    = "<type>system</type>"
      "<policy context=\"default\">"
      "<allow user=\"*\"/>"
      "<deny own=\"*\"/><deny send_type=\"method_call\"/>"
      "<allow send_type=\"signal\"/>"
      "<allow send_requested_reply=\"true\" send_type=\"method_return\"/>"
      "<allow send_requested_reply=\"true\" send_type=\"error\"/>"
      "<allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>"
      "<allow receive_type=\"error\"/><allow receive_type=\"signal\"/>"
      "<allow send_destination=\"org.freedesktop.DBus\" send_interface=\"org.freedesktop.DBus\"/>"
      "<deny send_destination=\"org.freedesktop.DBus\" "
      "send_interface=\"org.freedesktop.DBus.Debug.Stats\"/>"
      "</policy>"
      "<include>%s</include>";

typedef struct
{
  Fixture base;
  char *passwd;
  GDBusConnection *stranger;
} Policy;

static char *
make_passwd (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *real = NULL;
  g_autofree char *text = NULL;
  char *name;
  int file = g_file_open_tmp ("deflectd-passwd-XXXXXX", &name, &error);

  g_assert_no_error (error);
  close (file);
  g_assert_true (g_file_get_contents ("/etc/passwd", &real, NULL, &error));
  text = g_strdup_printf ("%sdeflectd:x:%d:%d::/nonexistent:/usr/sbin/nologin\n", real, DAEMON_UID,
                          DAEMON_UID);
  g_assert_true (g_file_set_contents (name, text, -1, &error));
  g_assert_cmpint (g_chmod (name, 0644), ==, 0);
  return name;
}

static char *
make_config (void)
{
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "..", "data", "org.deflectd1.conf",
                                                 NULL);
  g_autofree char *real = g_canonicalize_filename (file, NULL);

  return g_strdup_printf (system_config, real);
}

static void
set_up (Policy *self, gconstpointer data)
{
  g_autofree char *config = make_config ();
  const char *wrapper[] = { "unshare", "--mount", "--",
                            "sh",      "-c",      "mount --bind \"$0\" /etc/passwd && exec \"$@\"",
                            NULL,      NULL };
  TestBus *bus;

  self->passwd = make_passwd ();
  wrapper[6] = self->passwd;
  bus = test_bus_new (config, wrapper);
  fixture_set_up_on (&self->base, bus, test_bus_connect_server_as (bus, DAEMON_UID),
                     DFL_BUS_SYSTEM);
  self->stranger = test_bus_connect_as (bus, STRANGER);
}

static void
tear_down (Policy *self, gconstpointer data)
{
  g_clear_object (&self->stranger);
  fixture_tear_down (&self->base, FIXTURE_SYSTEM);
  g_unlink (self->passwd);
  g_free (self->passwd);
}

/* The error that a method call comes back with, or NULL. */
static char *
call_bus (GDBusConnection *connection, GDBusMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusMessage) reply = g_dbus_connection_send_message_with_reply_sync (
      connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, -1, NULL, NULL, &error);

  g_assert_no_error (error);
  return g_strdup (g_dbus_message_get_error_name (reply));
}

static void
expect_name (GDBusConnection *connection, const char *name, const char *expected)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call ("org.freedesktop.DBus",
                                                                     "/org/freedesktop/DBus",
                                                                     "org.freedesktop.DBus",
                                                                     "RequestName");
  g_autofree char *error = NULL;

  g_dbus_message_set_body (message, g_variant_new ("(su)", name, 0));
  error = call_bus (connection, message);
  g_assert_cmpstr (error, ==, expected);
}

static void
expect_denied_name (GDBusConnection *connection)
{
  expect_name (connection, DFL_BUS_NAME, ACCESS_DENIED);
}

static void
test_name (Policy *self, gconstpointer data)
{
  g_autoptr (GDBusConnection) daemon = test_bus_connect_as (self->base.bus, DAEMON_UID);

  expect_denied_name (self->stranger);
  expect_denied_name (self->base.client);
  /* The daemon's user may own that name (another of its connections has it) and no other. */
  expect_name (daemon, DFL_BUS_NAME, NULL);
  expect_name (daemon, DFL_BUS_NAME ".Call", ACCESS_DENIED);
  expect_name (daemon, "org.deflectd2", ACCESS_DENIED);
}

/* As somebody who can be one user only. */
static void
test_own_name (void)
{
  g_autofree char *config = make_config ();
  g_autoptr (TestBus) bus = test_bus_new (config, NULL);
  g_autoptr (GDBusConnection) connection = test_bus_connect (bus);

  expect_denied_name (connection);
}

static void
test_calls (Policy *self, gconstpointer data)
{
  const char *call;
  const char *account;
  g_autoptr (Log) log = NULL;

  fixture_set_users (&self->base, "nobody", "");
  account = path_of_account (fixture_get_account (&self->base, "alice"));
  fixture_wait_seen (&self->base, self->stranger, account);
  fixture_do (&self->base, self->stranger, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);
  log = log_new (self->stranger);
  call = path_of_call (fixture_offer (&self->base, "one"));
  fixture_offer_to (&self->base, "bob", "two");
  fixture_do (&self->base, self->stranger, ROOT, "Introspectable.Introspect", NULL, NULL);
  fixture_do (&self->base, self->stranger, ROOT, "Manager.FindCall", g_variant_new ("(s)", "none"),
              "([],)");
  g_free (fixture_get (&self->base, self->stranger, account, DFL_ACCOUNT_INTERFACE, "Users"));
  fixture_fail (&self->base, self->stranger, account, "Account.Register", NULL,
                DFL_ERROR_PREFIX "NotSupported");
  fixture_do (&self->base, self->stranger, call, "Call.Silence", NULL, "()");
  fixture_fail (&self->base, self->stranger, ROOT, "com.example.Other", NULL, ACCESS_DENIED);
  log_expect (log, "added *");
  log_expect (log, "reply");
  log_expect (log, "reply");
  log_expect (log, "reply");
  log_expect (log, "error *");
  log_expect (log, "changed Silenced=true");
  log_expect (log, "reply");
  log_expect (log, NULL);
}

typedef struct
{
  GDBusMessage *message;
  gboolean done;
} Reply;

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Reply *reply = data;
  g_autoptr (GError) error = NULL;

  reply->message = g_dbus_connection_send_message_with_reply_finish (G_DBUS_CONNECTION (source),
                                                                     result, &error);
  g_assert_no_error (error);
  reply->done = TRUE;
}

/* Whether the bus lets a call from somebody through to somebody else. */
static void
expect_passed (Policy *self,
               GDBusConnection *from,
               const char *destination,
               const char *interface,
               gboolean passed)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (destination, ROOT, interface,
                                                                     "NoSuchMethod");
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  gboolean denied;
  Reply reply = { NULL, FALSE };

  g_dbus_connection_send_message_with_reply (from, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, -1,
                                             NULL, NULL, on_reply, &reply);
  fixture_wait (&reply.done);
  g_dbus_message_to_gerror (reply.message, &error);
  g_assert_nonnull (error);
  name = g_dbus_error_get_remote_error (error);
  denied = g_str_equal (name, ACCESS_DENIED);
  g_test_message ("%s to %s: %s", interface, destination, name);
  g_assert_cmpint (denied, ==, !passed);
  g_object_unref (reply.message);
}

/* Every interface of ours, and nothing else of the daemon's connection or of anybody's. */
static void
test_interfaces (Policy *self, gconstpointer data)
{
  static const char *const allowed[] = {
    DFL_MANAGER_INTERFACE,
    DFL_ACCOUNT_INTERFACE,
    DFL_CALL_INTERFACE,
    "org.freedesktop.DBus.ObjectManager",
    "org.freedesktop.DBus.Properties",
    "org.freedesktop.DBus.Introspectable",
    "org.freedesktop.DBus.Peer",
  };
  static const char *const refused[] = {
    DFL_BUS_NAME,
    DFL_BUS_NAME ".Calls",
    DFL_BUS_NAME ".Manager.More",
    "org.deflectd2.Manager",
    "org.freedesktop.DBus",
    "org.freedesktop.DBus.Debug.Stats",
    "org.freedesktop.PolicyKit1.AuthenticationAgent",
    "com.example.Other",
    NULL,
  };
  const char *daemon;
  g_autoptr (GDBusConnection) neighbour = test_bus_connect_as (self->base.bus, NEIGHBOUR);
  GDBusConnection *const callers[] = { self->stranger, self->base.client };

  sd_bus_get_unique_name (dfl_connection_get_bus (self->base.server), &daemon);
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      for (guint n = 0; n < G_N_ELEMENTS (allowed); n++)
        {
          expect_passed (self, callers[i], DFL_BUS_NAME, allowed[n], TRUE);
          expect_passed (self, callers[i], daemon, allowed[n], TRUE);
          expect_passed (self, callers[i], g_dbus_connection_get_unique_name (neighbour),
                         allowed[n], FALSE);
        }
      for (guint n = 0; n < G_N_ELEMENTS (refused); n++)
        {
          expect_passed (self, callers[i], DFL_BUS_NAME, refused[n], FALSE);
          expect_passed (self, callers[i], daemon, refused[n], FALSE);
        }
    }
}

/* What is sent to one connection reaches no other, whatever that asks the bus for. */
static void
test_nobody_overhears (Policy *self, gconstpointer data)
{
  static const char *const rules[] = { "eavesdrop='true'", "type='signal'",
                                       "eavesdrop='true',type='signal'",
                                       "sender='" DFL_BUS_NAME "'", "type='method_return'" };
  g_autoptr (GDBusConnection) neighbour = test_bus_connect_as (self->base.bus, NEIGHBOUR);
  g_autoptr (Log) log = NULL;
  g_autoptr (Log) neighbours_log = NULL;
  const char *call;

  fixture_set_users (&self->base, "nobody", "");
  fixture_wait_seen (&self->base, self->stranger,
                     path_of_account (fixture_get_account (&self->base, "alice")));
  fixture_do (&self->base, self->stranger, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);
  fixture_do (&self->base, neighbour, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);
  log = log_new (self->stranger);
  neighbours_log = log_new (neighbour);
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call ("org.freedesktop.DBus",
                                                                         "/org/freedesktop/DBus",
                                                                         "org.freedesktop.DBus",
                                                                         "AddMatch");
      g_autofree char *error = NULL;

      g_dbus_message_set_body (message, g_variant_new ("(s)", rules[i]));
      error = call_bus (neighbour, message);
      g_assert_cmpstr (error, ==, strstr (rules[i], "eavesdrop") == NULL ? NULL : ACCESS_DENIED);
    }
  {
    g_autoptr (GDBusMessage) message
        = g_dbus_message_new_method_call ("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                          "org.freedesktop.DBus.Monitoring", "BecomeMonitor");
    g_autofree char *error = NULL;

    g_dbus_message_set_body (message, g_variant_new_parsed ("(@as [], uint32 0)"));
    error = call_bus (neighbour, message);
    g_assert_cmpstr (error, ==, ACCESS_DENIED);
  }
  call = path_of_call (fixture_offer (&self->base, "one"));
  fixture_do (&self->base, self->stranger, call, "Call.Silence", NULL, "()");
  fixture_settle (&self->base, self->stranger);
  fixture_settle (&self->base, neighbour);
  log_expect (log, "added *");
  log_expect (log, "changed Silenced=true");
  log_expect (log, "reply");
  log_expect (log, NULL);
  log_expect (neighbours_log, NULL);
}

#define NOISE_INTERFACE "com.example.Noise"

static int
count_message (sd_bus_message *message, void *data, sd_bus_error *error)
{
  guint *n = data;

  (*n)++;
  return 0;
}

/* How many of them have arrived when a method call that was sent later is answered. */
static guint
send_noise (Policy *self, GDBusConnection *from, const char *destination, guint *n)
{
  g_autoptr (GError) error = NULL;

  *n = 0;
  g_dbus_connection_emit_signal (from, destination, ROOT, NOISE_INTERFACE, "Noise", NULL, &error);
  g_assert_no_error (error);
  fixture_settle (&self->base, from);
  return *n;
}

/* Nobody's signal reaches the daemon alone; what it listens for when it is broadcast does. */
static void
test_signals (Policy *self, gconstpointer data)
{
  sd_bus *bus = dfl_connection_get_bus (self->base.server);
  GDBusConnection *const senders[] = { self->stranger, self->base.client };
  g_autoptr (GDBusConnection) neighbour = NULL;
  const char *daemon;
  guint n_noise = 0, n_owners = 0;

  g_assert_cmpint (sd_bus_get_unique_name (bus, &daemon), >=, 0);
  g_assert_cmpint (sd_bus_add_match (bus, NULL, "type='signal',interface='" NOISE_INTERFACE "'",
                                     count_message, &n_noise),
                   >=, 0);
  g_assert_cmpint (sd_bus_add_match (bus, NULL,
                                     "type='signal',sender='org.freedesktop.DBus',"
                                     "member='NameOwnerChanged'",
                                     count_message, &n_owners),
                   >=, 0);
  for (guint i = 0; i < G_N_ELEMENTS (senders); i++)
    {
      g_assert_cmpuint (send_noise (self, senders[i], DFL_BUS_NAME, &n_noise), ==, 0);
      g_assert_cmpuint (send_noise (self, senders[i], daemon, &n_noise), ==, 0);
      g_assert_cmpuint (send_noise (self, senders[i], NULL, &n_noise), ==, 1);
    }
  n_owners = 0;
  neighbour = test_bus_connect_as (self->base.bus, NEIGHBOUR);
  fixture_settle (&self->base, neighbour);
  g_assert_cmpuint (n_owners, ==, 1);
}

static int
count_reply (sd_bus_message *message, void *data, sd_bus_error *error)
{
  guint *n = data;
  guint64 cookie;

  if (sd_bus_message_get_reply_cookie (message, &cookie) >= 0 && cookie == G_MAXUINT32)
    (*n)++;
  return 0;
}

/* A reply that the daemon did not ask for does not reach it. */
static void
test_replies (Policy *self, gconstpointer data)
{
  sd_bus *bus = dfl_connection_get_bus (self->base.server);
  static const GDBusMessageType types[] = { G_DBUS_MESSAGE_TYPE_METHOD_RETURN,
                                            G_DBUS_MESSAGE_TYPE_ERROR };
  GDBusConnection *const senders[] = { self->stranger, self->base.client };
  const char *daemon;
  guint n = 0;

  g_assert_cmpint (sd_bus_get_unique_name (bus, &daemon), >=, 0);
  g_assert_cmpint (sd_bus_add_filter (bus, NULL, count_reply, &n), >=, 0);
  for (guint i = 0; i < G_N_ELEMENTS (senders); i++)
    for (guint t = 0; t < G_N_ELEMENTS (types); t++)
      {
        g_autoptr (GDBusMessage) message = g_dbus_message_new ();
        g_autoptr (GError) error = NULL;

        g_dbus_message_set_message_type (message, types[t]);
        g_dbus_message_set_destination (message, daemon);
        g_dbus_message_set_reply_serial (message, G_MAXUINT32);
        if (types[t] == G_DBUS_MESSAGE_TYPE_ERROR)
          g_dbus_message_set_error_name (message, NOISE_INTERFACE);
        g_dbus_connection_send_message (senders[i], message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                        &error);
        g_assert_no_error (error);
        fixture_settle (&self->base, senders[i]);
        g_assert_cmpuint (n, ==, 0);
      }
}

/* The daemon, and nobody else, learns what the bus keeps for somebody. */
static void
test_stats (Policy *self, gconstpointer data)
{
  const char *name = g_dbus_connection_get_unique_name (self->stranger);
  g_autoptr (GError) error = NULL;
  g_autofree char *refusal = NULL;
  g_autoptr (GVariant) answer = NULL;

  g_assert_cmpint (sd_bus_call_method (dfl_connection_get_bus (self->base.server),
                                       "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus.Debug.Stats", "GetConnectionStats",
                                       NULL, NULL, "s", name),
                   >=, 0);
  answer = g_dbus_connection_call_sync (self->stranger, "org.freedesktop.DBus",
                                        "/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats",
                                        "GetConnectionStats", g_variant_new ("(s)", name), NULL,
                                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_null (answer);
  refusal = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (refusal, ==, ACCESS_DENIED);
  /* Nor does the daemon learn more. */
  g_assert_cmpint (sd_bus_call_method (dfl_connection_get_bus (self->base.server),
                                       "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus.Debug.Stats", "GetStats", NULL, NULL,
                                       NULL),
                   ==, -EACCES);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/bus/policy/own-name", test_own_name);
  /* Only root can be several users. */
  if (getuid () == 0)
    {
      g_test_add ("/bus/policy/name", Policy, NULL, set_up, test_name, tear_down);
      g_test_add ("/bus/policy/calls", Policy, NULL, set_up, test_calls, tear_down);
      g_test_add ("/bus/policy/stats", Policy, NULL, set_up, test_stats, tear_down);
      g_test_add ("/bus/policy/signals", Policy, NULL, set_up, test_signals, tear_down);
      g_test_add ("/bus/policy/replies", Policy, NULL, set_up, test_replies, tear_down);
      g_test_add ("/bus/policy/interfaces", Policy, NULL, set_up, test_interfaces, tear_down);
      g_test_add ("/bus/policy/nobody-overhears", Policy, NULL, set_up, test_nobody_overhears,
                  tear_down);
    }
  return g_test_run ();
}
