/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stock programs work against the daemon: gdbus and busctl, as the README shows them. */

#include "harness.h"
#include "names.h"

#define TARGET "sip:+4915550100@mobile.example"

static char *
run (Stage *stage, Player *player)
{
  player_await_success (stage, player);
  return player_read_output (player);
}

static void
test_gdbus (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  const char *bus = stage_get_bus_address (stage);
  g_autofree char *call = NULL;
  g_autofree char *introspection = NULL;
  g_autofree char *objects = NULL;
  g_autofree char *reply = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  introspection = run (stage, stage_play (stage, "gdbus", "introspect", "--address", bus, "--dest",
                                          DFL_BUS_NAME, "--object-path", DFL_ROOT_PATH, "--recurse",
                                          NULL));
  g_assert_nonnull (strstr (introspection, call));
  g_assert_nonnull (strstr (introspection, "Redirect"));
  g_assert_nonnull (strstr (introspection, "FindCall"));

  objects = run (stage, stage_play (stage, "gdbus", "call", "--address", bus, "--dest",
                                    DFL_BUS_NAME, "--object-path", DFL_ROOT_PATH, "--method",
                                    "org.freedesktop.DBus.ObjectManager.GetManagedObjects", NULL));
  g_assert_nonnull (strstr (objects, "'Carol Jensen'"));

  reply = run (stage, stage_play (stage, "gdbus", "call", "--address", bus, "--dest", DFL_BUS_NAME,
                                  "--object-path", call, "--method", DFL_CALL_INTERFACE ".Redirect",
                                  TARGET, "{}", NULL));
  g_assert_cmpstr (reply, ==, "()\n");
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

static void
test_busctl (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *bus = g_strdup_printf ("--address=%s", stage_get_bus_address (stage));
  g_autofree char *call = NULL;
  g_autofree char *tree = NULL;
  g_autofree char *interfaces = NULL;
  g_autofree char *name = NULL;
  g_autofree char *reply = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  tree = run (stage, stage_play (stage, "busctl", bus, "tree", "--list", DFL_BUS_NAME, NULL));
  g_assert_nonnull (strstr (tree, call));
  interfaces = run (stage,
                    stage_play (stage, "busctl", bus, "introspect", DFL_BUS_NAME, call, NULL));
  g_assert_nonnull (strstr (interfaces, ".CheckRedirect"));
  name = run (stage, stage_play (stage, "busctl", bus, "get-property", DFL_BUS_NAME, call,
                                 DFL_CALL_INTERFACE, "CallerName", NULL));
  g_assert_cmpstr (name, ==, "s \"Carol Jensen\"\n");
  reply = run (stage,
               stage_play (stage, "busctl", bus, "call", DFL_BUS_NAME, call, DFL_CALL_INTERFACE,
                           "Decline", "a{sv}", "1", "status", "u", "480", NULL));
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered declining idle:declined removed");
}

/* What gdbus monitor prints is what the README promises to a script. */
static void
test_monitor (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *told = NULL;
  Player *caller, *monitor;

  stage_start_daemon (stage);
  monitor = stage_play (stage, "gdbus", "monitor", "--address", stage_get_bus_address (stage),
                        "--dest", DFL_BUS_NAME, NULL);
  AWAIT (stage, (g_free (told), told = player_read_output (monitor), strstr (told, "owned by")));
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  AWAIT (stage,
         (g_free (told), told = player_read_output (monitor), strstr (told, "InterfacesRemoved")));
  g_assert_nonnull (strstr (told, "InterfacesAdded"));
  g_assert_nonnull (strstr (told, "'redirecting'"));
  g_assert_nonnull (strstr (told, "'redirected'"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tools/gdbus", test_gdbus);
  g_test_add_func ("/tools/busctl", test_busctl);
  g_test_add_func ("/tools/monitor", test_monitor);
  return g_test_run ();
}
