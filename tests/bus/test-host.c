/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the machine does under the daemon, in a network namespace of the test's own and beside a
 * logind that does as it is told. */

#include "bus/host.h"

#include <sched.h>
#include <signal.h>

#include "bus/fixture.h"

#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"

typedef struct
{
  DflHost *host;
  guint n_changed, n_resumed;
  gint64 changed_at;
} Watch;

static void
on_network_changed (gpointer data)
{
  Watch *self = data;

  self->n_changed++;
  self->changed_at = g_get_monotonic_time ();
}

static void
on_resumed (gpointer data)
{
  ((Watch *)data)->n_resumed++;
}

static void
watch_start (Watch *self)
{
  static const DflHostListener listener = { on_network_changed, on_resumed };

  self->host = dfl_host_new (&listener, self);
}

static void
run_until (const guint *count, guint n)
{
  while (*count < n)
    g_main_context_iteration (NULL, TRUE);
}

/* --- Networks --- */

static void
ip (const char *arguments)
{
  g_autofree char *command = g_strconcat ("ip ", arguments, NULL);
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_command_line_sync (command, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

/* Until the kernel has been heard out: GIO tells of a change again when it has asked the kernel a
 * second later. */
static void
expect_change (Watch *self, const char *command)
{
  guint before = self->n_changed;
  gint64 since;

  ip (command);
  since = g_get_monotonic_time ();
  run_until (&self->n_changed, before + 2);
  g_assert_cmpint (self->changed_at - since, <, 4 * G_USEC_PER_SEC);
}

static void
test_network (void)
{
  Watch watch = { 0 };

  watch_start (&watch);
  expect_change (&watch, "link set lo up");
  expect_change (&watch, "addr add 192.0.2.10/24 dev lo");
  /* Within one prefix too. */
  expect_change (&watch, "addr add 192.0.2.11/24 dev lo");
  expect_change (&watch, "addr del 192.0.2.11/24 dev lo");
  expect_change (&watch, "addr add 2001:db8::1/64 dev lo");
  expect_change (&watch, "route add 198.51.100.0/24 via 192.0.2.1");
  expect_change (&watch, "link set lo down");
  expect_change (&watch, "link set lo up");
  dfl_host_free (watch.host);
}

/* Many changes in a row are one. */
static void
test_burst (void)
{
  Watch watch = { 0 };
  gint64 last = 0;

  watch_start (&watch);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *command = g_strdup_printf ("addr add 203.0.113.%u/32 dev lo", i + 1);

      ip (command);
      last = g_get_monotonic_time ();
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_cmpuint (watch.n_changed, ==, 0);
    }
  run_until (&watch.n_changed, 1);
  g_assert_cmpint (watch.changed_at - last, >=, 400000);
  dfl_host_free (watch.host);
}

static gboolean
on_time (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
on_turn (gpointer data)
{
  static guint n;
  g_autofree char *command = g_strdup_printf ("addr %s 203.0.113.99/32 dev lo",
                                              n++ % 2 == 0 ? "add" : "del");

  ip (command);
  return G_SOURCE_CONTINUE;
}

/* A network that does not come to rest is told of all the same. */
static void
test_restless (void)
{
  Watch watch = { 0 };
  guint turns;
  gint64 since = g_get_monotonic_time ();

  watch_start (&watch);
  turns = g_timeout_add (200, on_turn, NULL);
  run_until (&watch.n_changed, 1);
  g_assert_cmpint (watch.changed_at - since, <, 7 * G_USEC_PER_SEC);
  g_assert_cmpint (watch.changed_at - since, >, 2 * G_USEC_PER_SEC);
  g_source_remove (turns);
  dfl_host_free (watch.host);
}

/* Nothing is told to who is gone. */
static void
test_free (void)
{
  Watch watch = { 0 };
  gboolean over = FALSE;

  watch_start (&watch);
  ip ("addr add 203.0.113.200/32 dev lo");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  dfl_host_free (watch.host);
  g_timeout_add (700, on_time, &over);
  fixture_wait (&over);
  g_assert_cmpuint (watch.n_changed, ==, 0);
}

/* --- Sleep --- */

static GSubprocess *
start_logind (GDBusConnection *bus)
{
  g_autoptr (GError) error = NULL;
  GSubprocess *mock = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error,
                                        "/usr/bin/python3", "-m", "dbusmock", "--system",
                                        "--template", "logind", NULL);

  g_assert_no_error (error);
  for (gboolean owned = FALSE; !owned;)
    {
      g_autoptr (GVariant) reply = g_dbus_connection_call_sync (bus, "org.freedesktop.DBus",
                                                                "/org/freedesktop/DBus",
                                                                "org.freedesktop.DBus",
                                                                "NameHasOwner",
                                                                g_variant_new ("(s)", LOGIND),
                                                                G_VARIANT_TYPE ("(b)"),
                                                                G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                                                &error);

      g_assert_no_error (error);
      g_variant_get (reply, "(b)", &owned);
    }
  return mock;
}

static void
stop (GSubprocess *process)
{
  g_subprocess_send_signal (process, SIGTERM);
  g_subprocess_wait (process, NULL, NULL);
}

static void
say (GDBusConnection *bus, const char *signal, const char *signature, const char *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      bus, LOGIND, LOGIND_PATH, "org.freedesktop.DBus.Mock", "EmitSignal",
      g_variant_new ("(sss@av)", LOGIND ".Manager", signal, signature,
                     g_variant_new_parsed (arguments)),
      NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

  g_assert_no_error (error);
}

/* Until the match is in place; whatever was said too often is through then. */
static void
say_until_heard (Watch *self, GDBusConnection *bus)
{
  g_autoptr (GDBusConnection) ours = NULL;
  g_autoptr (GVariant) reply = NULL;

  while (self->n_resumed == 0)
    {
      say (bus, "PrepareForSleep", "b", "[<false>]");
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
  ours = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  reply = g_dbus_connection_call_sync (ours, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "GetId", NULL, NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  g_assert_nonnull (reply);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
sleep_once (Watch *self, GDBusConnection *bus)
{
  guint before = self->n_resumed;

  say (bus, "PrepareForSleep", "b", "[<true>]");
  say (bus, "PrepareForSleep", "s", "[<'false'>]");
  say (bus, "PrepareForShutdown", "b", "[<false>]");
  say (bus, "PrepareForSleep", "b", "[<false>]");
  run_until (&self->n_resumed, before + 1);
}

/* Nothing is missed where there is no bus, and nothing breaks when it goes. */
static void
test_sleep (void)
{
  TestBus *bus = test_bus_new (NULL, NULL);
  g_autoptr (GDBusConnection) client = test_bus_connect (bus);
  g_autoptr (GSubprocess) first = NULL;
  g_autoptr (GSubprocess) second = NULL;
  Watch nobody = { 0 };
  Watch watch = { 0 };
  gboolean over = FALSE;
  guint settled;

  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", TRUE);
  watch_start (&nobody);
  g_timeout_add (100, on_time, &over);
  fixture_wait (&over);
  dfl_host_free (nobody.host);

  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", bus->address, TRUE);
  watch_start (&watch);
  first = start_logind (client);
  say_until_heard (&watch, client);
  settled = watch.n_resumed;
  sleep_once (&watch, client);
  g_assert_cmpuint (watch.n_resumed, ==, settled + 1);

  stop (first);
  second = start_logind (client);
  sleep_once (&watch, client);
  g_assert_cmpuint (watch.n_resumed, ==, settled + 2);
  stop (second);

  /* Which by default would end the process. */
  test_bus_free (bus);
  over = FALSE;
  g_timeout_add (100, on_time, &over);
  fixture_wait (&over);
  dfl_host_free (watch.host);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("GIO_USE_NETWORK_MONITOR", "netlink", TRUE);
  if (unshare (CLONE_NEWNET) != 0)
    g_error ("A network of our own takes root.");
  g_test_add_func ("/host/network", test_network);
  g_test_add_func ("/host/burst", test_burst);
  g_test_add_func ("/host/restless", test_restless);
  g_test_add_func ("/host/free", test_free);
  g_test_add_func ("/host/sleep", test_sleep);
  return g_test_run ();
}
