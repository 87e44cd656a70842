/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The door: what is asked in the wrong way, the interfaces of the specification, and limits. */

#include "bus/fixture.h"

#include <unistd.h>

#include "config.h"
#include "data/names.h"
#include "fakes/samples.h"

#define ROOT DFL_ROOT_PATH
#define BUS_ERROR(name) "org.freedesktop.DBus.Error." name
#define ERROR(name) DFL_ERROR_PREFIX name

static void
expect_refusals (Fixture *fixture, const char *path, const char *const (*cases)[3], guint n_cases)
{
  for (guint i = 0; i < n_cases; i++)
    {
      GVariant *parameters = cases[i][1] == NULL ? NULL : g_variant_new_parsed (cases[i][1]);
      g_autofree char *message = fixture_expect_error (fixture, fixture->client, path, cases[i][0],
                                                       parameters, cases[i][2]);

      g_assert_cmpuint (strlen (message), >, 20);
    }
}

/* --- Wrong questions about what is there --- */

static void
test_wrong_questions (Fixture *fixture, gconstpointer mode)
{
  static const char *const call_cases[][3] = {
    { "Call.Nonsense", NULL, BUS_ERROR ("UnknownMethod") },
    { "Nonsense", NULL, BUS_ERROR ("UnknownMethod") },
    { "Account.Remove", NULL, BUS_ERROR ("UnknownMethod") },
    { "ObjectManager.GetManagedObjects", NULL, BUS_ERROR ("UnknownMethod") },
    { "Call.Silence", "('x',)", BUS_ERROR ("InvalidArgs") },
    { "Properties.Get", "('org.deflectd1.Call',)", BUS_ERROR ("InvalidArgs") },
    { "Properties.Get", "('org.deflectd1.Call', 'Nonsense')", BUS_ERROR ("UnknownProperty") },
    { "Properties.Get", "('org.deflectd1.Account', 'Name')", BUS_ERROR ("UnknownInterface") },
    { "Properties.Get", "('org.freedesktop.DBus.Peer', 'Name')", BUS_ERROR ("UnknownProperty") },
    { "Properties.GetAll", "('org.deflectd1.Account',)", BUS_ERROR ("UnknownInterface") },
    { "Properties.GetAll", "('',)", BUS_ERROR ("UnknownInterface") },
    { "Properties.Set", "('org.deflectd1.Call', 'State', <'idle'>)",
      BUS_ERROR ("PropertyReadOnly") },
    { "Properties.Set", "('org.deflectd1.Call', 'Nonsense', <'idle'>)",
      BUS_ERROR ("UnknownProperty") },
    { "Properties.Set", "('org.deflectd1.Nonsense', 'State', <'idle'>)",
      BUS_ERROR ("UnknownInterface") },
  };
  static const char *const root_cases[][3] = {
    { "Call.Silence", NULL, BUS_ERROR ("UnknownMethod") },
    { "Manager.FindCall", NULL, BUS_ERROR ("InvalidArgs") },
    { "Manager.AddAccount", "('x', @a{sv} {})", ERROR ("InvalidSettings") },
    { "Manager.GetHistory", "(@a{sv} {},)", ERROR ("NotSupported") },
    { "Manager.ClearHistory", "(@a{sv} {},)", ERROR ("NotSupported") },
    { "Properties.Set", "('org.deflectd1.Manager', 'Version', <'9'>)",
      BUS_ERROR ("PropertyReadOnly") },
  };
  static const char *const above_cases[][3] = {
    { "Properties.GetAll", "('org.deflectd1.Manager',)", BUS_ERROR ("UnknownMethod") },
    { "ObjectManager.GetManagedObjects", NULL, BUS_ERROR ("UnknownMethod") },
  };
  DflCall *call = fixture_offer (fixture, "one");

  expect_refusals (fixture, path_of_call (call), call_cases, G_N_ELEMENTS (call_cases));
  expect_refusals (fixture, ROOT, root_cases, G_N_ELEMENTS (root_cases));
  expect_refusals (fixture, "/", above_cases, G_N_ELEMENTS (above_cases));
  expect_refusals (fixture, DFL_CALLS_PATH, above_cases, G_N_ELEMENTS (above_cases));
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_OFFERED);
}

/* D-Bus allows a call without an interface where one method alone can be meant. */
static void
test_without_interface (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");

  fixture_do (fixture, fixture->client, path_of_call (call), "Silence", NULL, "()");
  g_assert_true (dfl_call_get_silenced (call));
  fixture_do (fixture, fixture->client, ROOT, "Ping", NULL, "()");
}

static void
test_no_reply_expected (Fixture *fixture, gconstpointer mode)
{
  static const char *const members[] = { "Silence", "Nonsense", "Keep" };
  DflCall *call = fixture_offer (fixture, "one");
  g_autoptr (Log) log = log_new (fixture->client);

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (DFL_BUS_NAME,
                                                                         path_of_call (call),
                                                                         DFL_CALL_INTERFACE,
                                                                         members[i]);

      g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
      g_dbus_connection_send_message (fixture->client, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
                                      NULL, NULL);
    }
  fixture_settle (fixture, fixture->client);
  g_assert_true (dfl_call_get_silenced (call));
  log_expect (log, "changed Silenced=true");
  log_expect (log, NULL);
}

/* What arrives before the sender is known is held, and served in its order. */
static void
test_order_of_the_unknown (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  const char *path = path_of_call (call);
  g_autoptr (GDBusConnection) newcomer = test_bus_connect (fixture->bus);
  g_autoptr (Pending) redirect = fixture_start (fixture, newcomer, path, "Call.Redirect",
                                                g_variant_new_parsed (
                                                    "('sip:bob@b', {'wait': <false>})"));
  g_autoptr (Pending) state = fixture_start (fixture, newcomer, path, "Properties.Get",
                                             g_variant_new ("(ss)", DFL_CALL_INTERFACE, "State"));
  g_autofree char *text = NULL;

  pending_wait (redirect);
  pending_wait (state);
  g_assert_no_error (redirect->error);
  text = g_variant_print (state->result, FALSE);
  g_assert_cmpstr (text, ==, "(<'redirecting'>,)");
}

/* Every method with every kind of arguments: always an answer, and nothing happens by mistake. */
static void
test_garbage (Fixture *fixture, gconstpointer mode)
{
  static const char *const bodies[] = {
    NULL,
    "('x',)",
    "(1, 2, 3)",
    "(<<<1>>>,)",
    "('', @a{sv} {})",
    "('', {'': <''>})",
    "({'status': <uint32 1>},)",
    "({'status': <{'status': <1>}>},)",
    "(@aa{sv} [{}, {}], '')",
    "([('', '', '')],)",
    "('', '', <@a{sv} {}>)",
    "('', '')",
    "([byte 1, 2, 3],)",
    "(objectpath '/',)",
  };
  DflCall *call = fixture_offer (fixture, "one");
  const char *paths[] = { "/",
                          "/org",
                          ROOT,
                          DFL_ACCOUNTS_PATH,
                          DFL_CALLS_PATH,
                          path_of_account (fixture_get_account (fixture, "alice")),
                          path_of_call (call) };
  static const char *const methods[] = {
    "Call.Redirect",
    "Call.CheckRedirect",
    "Call.Decline",
    "Call.Keep",
    "Account.Update",
    "Account.Remove",
    "Account.SetRules",
    "Account.TestRules",
    "Account.SetTargets",
    "Manager.AddAccount",
    "Manager.FindCall",
    "Manager.GetHistory",
    "Properties.Get",
    "Properties.GetAll",
    "Properties.Set",
    "Peer.Ping",
    "Peer.GetMachineId",
    "Introspectable.Introspect",
    "ObjectManager.GetManagedObjects",
  };

  for (guint p = 0; p < G_N_ELEMENTS (paths); p++)
    {
      for (guint m = 0; m < G_N_ELEMENTS (methods); m++)
        {
          for (guint b = 0; b < G_N_ELEMENTS (bodies); b++)
            {
              GVariant *body = bodies[b] == NULL ? NULL : g_variant_new_parsed (bodies[b]);
              g_autoptr (GError) error = NULL;
              g_autoptr (GVariant) answer = fixture_call (fixture, fixture->client, paths[p],
                                                          methods[m], body, &error);

              g_assert_true (answer != NULL || g_dbus_error_is_remote_error (error));
            }
        }
    }
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_OFFERED);
}

/* --- Introspection --- */

static GDBusNodeInfo *
introspect (Fixture *fixture, const char *path)
{
  g_autoptr (GVariant) result = fixture_expect (fixture, fixture->client, path,
                                                "Introspectable.Introspect", NULL, NULL);
  g_autoptr (GError) error = NULL;
  const char *xml;
  GDBusNodeInfo *node;

  g_variant_get (result, "(&s)", &xml);
  node = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  return node;
}

static void
expect_children (GDBusNodeInfo *node, const char *expected)
{
  g_autoptr (GString) children = g_string_new (NULL);

  for (guint i = 0; node->nodes != NULL && node->nodes[i] != NULL; i++)
    g_string_append_printf (children, "%s%s", i == 0 ? "" : " ", node->nodes[i]->path);
  g_assert_cmpstr (children->str, ==, expected);
}

static void
test_introspection (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  DflAccount *account = fixture_get_account (fixture, "alice");
  const struct
  {
    const char *path;
    const char *children;
    const char *interface;
  } cases[] = {
    { "/", "org", NULL },
    { "/org", "deflectd1", NULL },
    { ROOT, "account call", DFL_MANAGER_INTERFACE },
    { DFL_ACCOUNTS_PATH, dfl_account_get_id (account), NULL },
    { DFL_CALLS_PATH, dfl_call_get_id (call), NULL },
    { path_of_account (account), "", DFL_ACCOUNT_INTERFACE },
    { path_of_call (call), "", DFL_CALL_INTERFACE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GDBusNodeInfo) node = introspect (fixture, cases[i].path);

      expect_children (node, cases[i].children);
      g_assert_nonnull (
          g_dbus_node_info_lookup_interface (node, "org.freedesktop.DBus.Introspectable"));
      if (cases[i].interface != NULL)
        g_assert_nonnull (g_dbus_node_info_lookup_interface (node, cases[i].interface));
    }
}

/* Every method and property that introspection shows is really there. */
static void
test_tables_agree (Fixture *fixture, gconstpointer mode)
{
  const char *paths[] = { ROOT, path_of_account (fixture_get_account (fixture, "alice")),
                          path_of_call (fixture_offer (fixture, "one")) };

  for (guint p = 0; p < G_N_ELEMENTS (paths); p++)
    {
      g_autoptr (GDBusNodeInfo) node = introspect (fixture, paths[p]);

      for (guint i = 0; node->interfaces[i] != NULL; i++)
        {
          const GDBusInterfaceInfo *interface = node->interfaces[i];
          g_autoptr (GVariant) all = fixture_expect (fixture, fixture->client, paths[p],
                                                     "Properties.GetAll",
                                                     g_variant_new ("(s)", interface->name), NULL);
          g_autoptr (GVariant) dictionary = g_variant_get_child_value (all, 0);
          guint n = 0;

          for (; interface->properties != NULL && interface->properties[n] != NULL; n++)
            {
              const GDBusPropertyInfo *property = interface->properties[n];
              g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, property->name,
                                                                   G_VARIANT_TYPE (
                                                                       property->signature));

              g_assert_nonnull (value);
              g_free (fixture_get (fixture, fixture->client, paths[p], interface->name,
                                   property->name));
            }
          g_assert_cmpuint (g_variant_n_children (dictionary), ==, n);
        }
    }
}

/* --- The other interfaces --- */

static void
test_manager (Fixture *fixture, gconstpointer mode)
{
  g_autofree char *version = fixture_get (fixture, fixture->client, ROOT, DFL_MANAGER_INTERFACE,
                                          "Version");
  g_autofree char *features = fixture_get (fixture, fixture->client, ROOT, DFL_MANAGER_INTERFACE,
                                           "Features");
  g_autofree char *listening = fixture_get (fixture, fixture->client, ROOT, DFL_MANAGER_INTERFACE,
                                            "Listening");

  g_assert_cmpstr (version, ==, "'" DFL_VERSION "'");
  g_assert_cmpstr (features, ==,
                   "['redirect', 'decline', 'silence', 'check-redirect', 'find-call', "
                   "'account-management', 'registration']");
  g_assert_cmpstr (listening, ==, "['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060']");
}

static void
test_peer (Fixture *fixture, gconstpointer mode)
{
  g_autofree char *file = NULL;
  g_autoptr (GVariant) id = NULL;
  const char *text;

  fixture_do (fixture, fixture->client, "/", "Peer.Ping", NULL, "()");
  if (!g_file_get_contents ("/etc/machine-id", &file, NULL, NULL))
    return;
  id = fixture_expect (fixture, fixture->client, ROOT, "Peer.GetMachineId", NULL, NULL);
  g_variant_get (id, "(&s)", &text);
  g_assert_true (g_str_has_prefix (file, text));
}

static void
test_account (Fixture *fixture, gconstpointer mode)
{
  static const char *const cases[][3] = {
    { "Account.Update", "(@a{sv} {},)", ERROR ("NotSupported") },
    { "Account.Remove", NULL, ERROR ("NotSupported") },
    { "Account.Register", NULL, ERROR ("NotSupported") },
    { "Account.SetRules", "(@aa{sv} [], '')", ERROR ("NotSupported") },
    { "Account.TestRules", "(@a{sv} {},)", ERROR ("NotSupported") },
    { "Account.SetTargets", "(@a(sss) [],)", ERROR ("NotSupported") },
    { "Properties.Set", "('org.deflectd1.Account', 'Enabled', <false>)", ERROR ("NotSupported") },
    { "Properties.Set", "('org.deflectd1.Account', 'Enabled', <'no'>)", BUS_ERROR ("InvalidArgs") },
    { "Properties.Set", "('org.deflectd1.Account', 'Name', <'x'>)",
      BUS_ERROR ("PropertyReadOnly") },
  };
  static const char *const properties[][2] = {
    { "Name", "'alice'" },
    { "Address", "'sip:alice@example.org'" },
    { "DisplayName", "''" },
    { "Users", "[]" },
    { "Enabled", "true" },
    { "State", "'direct'" },
    { "StateReason", "''" },
    { "Server", "''" },
    { "Transport", "''" },
    { "Secure", "false" },
    { "RegisteredUntil", "0" },
    { "Targets", "[]" },
    { "Rules", "[]" },
    { "RulesEtag", "''" },
    { "RedirectPolicy", "'unknown'" },
  };
  const char *path = path_of_account (fixture_get_account (fixture, "alice"));

  expect_refusals (fixture, path, cases, G_N_ELEMENTS (cases));
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    {
      g_autofree char *text = fixture_get (fixture, fixture->client, path, DFL_ACCOUNT_INTERFACE,
                                           properties[i][0]);

      g_assert_cmpstr (text, ==, properties[i][1]);
    }
}

static void
test_account_announcements (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  DflAccountSettings *mistaken = dfl_sample_settings ("bob");

  fixture_set_users (fixture, "", "");
  dfl_sample_set (&mistaken->problem, "For this test.");
  dfl_account_update (fixture_get_account (fixture, "bob"), mistaken);
  fixture_set_users (fixture, "", NULL);
  fixture_settle (fixture, fixture->client);
  log_expect (log, "added /org/deflectd1/account/*");
  log_expect (log, "changed * State=failed StateReason=For this test. *");
  log_expect (log, "removed /org/deflectd1/account/*");
  log_expect (log, NULL);
}

/* --- Limits --- */

static void
count_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                               &error);
  guint *counts = data;

  if (answer != NULL)
    counts[0]++;
  else
    {
      g_autofree char *name = g_dbus_error_get_remote_error (error);

      g_assert_cmpstr (name, ==, ERROR ("LimitExceeded"));
      counts[1]++;
    }
}

/* What a stranger sends before the bus has said who it is waits, but not without end. */
static void
test_flood (Fixture *fixture, gconstpointer mode)
{
  guint counts[2] = { 0 };
  const guint n = 5000;

  for (guint i = 0; i < n; i++)
    g_dbus_connection_call (fixture->client, DFL_BUS_NAME, ROOT, "org.freedesktop.DBus.Peer",
                            "Ping", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, count_done,
                            counts);
  while (counts[0] + counts[1] < n)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (counts[0], >=, 128);
  fixture_settle (fixture, fixture->other);
}

static void
test_too_big (Fixture *fixture, gconstpointer mode)
{
  g_autofree char *big = g_strnfill (300 * 1024, 'x');
  g_autofree char *fitting = g_strnfill (200 * 1024, 'x');

  fixture_fail (fixture, fixture->client, ROOT, "Manager.FindCall", g_variant_new ("(s)", big),
                ERROR ("LimitExceeded"));
  fixture_do (fixture, fixture->client, ROOT, "Manager.FindCall", g_variant_new ("(s)", fitting),
              "([],)");
}

/* Connections that say one thing and leave at once. */
static void
test_short_visits (Fixture *fixture, gconstpointer mode)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GDBusConnection) visitor = test_bus_connect (fixture->bus);
      g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (
          DFL_BUS_NAME, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");

      g_dbus_connection_send_message (visitor, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
      g_dbus_connection_flush_sync (visitor, NULL, NULL);
      g_dbus_connection_close_sync (visitor, NULL, NULL);
      if (i % 10 == 0)
        fixture_settle (fixture, fixture->client);
    }
  fixture_settle (fixture, fixture->client);
}

static void
test_ten_thousand (Fixture *fixture, gconstpointer mode)
{
  const guint n = 10000;
  g_autoptr (GVariant) objects = NULL;
  g_autoptr (GVariant) dictionary = NULL;
  g_autofree char *last = NULL;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("call-%u", i);
      DflCall *call = fixture_offer (fixture, id);

      if (i == n - 1)
        last = g_strdup (path_of_call (call));
    }
  objects = fixture_expect (fixture, fixture->client, ROOT, "ObjectManager.GetManagedObjects", NULL,
                            NULL);
  dictionary = g_variant_get_child_value (objects, 0);
  g_assert_cmpuint (g_variant_n_children (dictionary), ==, n + 1);
  fixture_do (fixture, fixture->client, last, "Call.Redirect",
              g_variant_new_parsed ("('sip:bob@b', {'wait': <false>})"), "()");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function)                                                                        \
  g_test_add ("/bus/door/" path, Fixture, FIXTURE_SESSION, fixture_set_up, function,               \
              fixture_tear_down)
  ADD ("wrong-questions", test_wrong_questions);
  ADD ("without-interface", test_without_interface);
  ADD ("no-reply-expected", test_no_reply_expected);
  ADD ("order-of-the-unknown", test_order_of_the_unknown);
  ADD ("garbage", test_garbage);
  ADD ("introspection", test_introspection);
  ADD ("tables-agree", test_tables_agree);
  ADD ("manager", test_manager);
  ADD ("peer", test_peer);
  ADD ("account", test_account);
  ADD ("account-announcements", test_account_announcements);
  ADD ("flood", test_flood);
  ADD ("too-big", test_too_big);
  ADD ("short-visits", test_short_visits);
  ADD ("ten-thousand", test_ten_thousand);
#undef ADD
  return g_test_run ();
}
