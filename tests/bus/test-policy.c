/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The policy file of the system bus, as installed, in a real dbus-daemon of type system. */

#include "bus/fixture.h"

#include <glib/gstdio.h>
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

static void
expect_denied_name (GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (connection, "org.freedesktop.DBus",
                                                            "/org/freedesktop/DBus",
                                                            "org.freedesktop.DBus", "RequestName",
                                                            g_variant_new ("(su)", DFL_BUS_NAME, 0),
                                                            NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                                            &error);

  g_assert_null (reply);
  name = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (name, ==, ACCESS_DENIED);
}

static void
test_name (Policy *self, gconstpointer data)
{
  expect_denied_name (self->stranger);
  expect_denied_name (self->base.client);
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
    }
  return g_test_run ();
}
