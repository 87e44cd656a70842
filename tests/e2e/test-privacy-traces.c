/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What could betray others without a word of theirs: who is told of a change, that anything is said
 * at all, in which order, and what becomes of a target. */

#include <signal.h>
#include <string.h>

#include "machine.h"
#include "names.h"
#include "neighbours.h"

#define TARGET "sip:+4915550100@mobile.example"
#define DBUS "org.freedesktop.DBus"

static GVariant *
redirect_to (const char *target, gboolean wait)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (!wait)
    g_variant_builder_add (&options, "{sv}", "wait", g_variant_new_boolean (FALSE));
  return g_variant_new ("(sa{sv})", target, &options);
}

/* --- The life of an account that was added over D-Bus --- */

#define ALLOW_ALL                                                                                  \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id == 'org.deflectd1.redirect') return polkit.Result.YES;"                         \
  "  if (action.id.indexOf('org.deflectd1.manage-') == 0) return polkit.Result.YES;"               \
  "});"

static void
change (Witness *witness, const char *path, const char *member, const char *body)
{
  g_autoptr (GDBusMessage) reply = witness_ask (witness, path, DFL_ACCOUNT_INTERFACE, member,
                                                body != NULL ? g_variant_new_parsed (body) : NULL);
  g_autofree char *error = witness_describe (reply);

  g_assert_cmpstr (error, ==, "");
}

/* Who has received a text: root, alice, bob, carol, deflectd, as a letter each. */
static void
expect_received (Neighbours *self, const char *text, const char *expected)
{
  char got[N_WITNESSES + 1] = "-----";

  for (guint w = 0; w < N_WITNESSES; w++)
    {
      witness_catch_up (self->witnesses[w]);
      if (witness_has_received (self->witnesses[w], text))
        got[w] = "rabcd"[w];
    }
  if (!g_str_equal (got, expected))
    g_error ("\"%s\" was received by %s and not by %s", text, got, expected);
}

/* Every step reaches those whose account it is then, and nobody else. */
static void
test_kept_account (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  Witness *root = neighbours_get_witness (self, 0);
  g_autofree char *path = NULL;
  g_autofree char *error = NULL;

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_listen (self);
  error = witness_add_account (
      alice, "work",
      "{'address': <'sip:lighthouse@provider.example'>, 'display-name': <'Foghorn'>}", &path);
  g_assert_cmpstr (error, ==, "");
  change (alice, path, "SetTargets", "([('mobile', 'Beacon', 'sip:buoy@mobile.example')],)");
  change (alice, path, "Update", "({'display-name': <'Maelstrom'>},)");
  expect_received (self, strrchr (path, '/') + 1, "ra---");
  expect_received (self, "lighthouse", "ra---");
  expect_received (self, "Foghorn", "ra---");
  expect_received (self, "Beacon", "ra---");
  expect_received (self, "Maelstrom", "ra---");

  /* Shared with bob for a while. */
  change (root, path, "Update", "({'users': <['alice', 'bob']>},)");
  AWAIT (self->stage,
         witness_has_received (neighbours_get_witness (self, MACHINE_BOB), "Maelstrom"));
  change (alice, path, "Update", "({'display-name': <'Whirlpool'>},)");
  expect_received (self, "Whirlpool", "rab--");
  expect_received (self, "Foghorn", "ra---");
  change (root, path, "Update", "({'users': <['alice']>},)");
  change (alice, path, "Update", "({'display-name': <'Undertow'>, 'enabled': <false>},)");
  expect_received (self, "Undertow", "ra---");

  /* Everybody's, and gone. */
  change (root, path, "Update", "({'users': <['*']>},)");
  expect_received (self, "Undertow", "rabcd");
  change (root, path, "Update", "({'users': <['alice']>, 'display-name': <'Riptide'>},)");
  change (alice, path, "Remove", NULL);
  expect_received (self, "Riptide", "ra---");
  neighbours_check (self, NEIGHBOURS_ANYTHING, FALSE);
}

/* How many bytes a user has received, beside what counting them costs, which is always the same. */
static gsize
count_bytes (Witness *witness)
{
  gsize before;
  gsize after;

  witness_catch_up (witness);
  before = witness_count_bytes (witness);
  witness_catch_up (witness);
  after = witness_count_bytes (witness);
  return before - (after - before);
}

/* The first call and the first question to polkit in the daemon's life, and an account comes and
 * goes: whoever listens with all means and sees none of it receives nothing whatsoever, not even
 * that something connects to the bus. */
static void
test_silence (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  Witness *carol = neighbours_get_witness (self, MACHINE_CAROL);
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;
  g_autofree char *path = NULL;
  g_autofree char *redirected = NULL;
  g_autofree char *added = NULL;
  gsize before;
  gsize once;

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_listen (self);
  before = count_bytes (carol);
  /* Counting twice more costs as much. */
  once = count_bytes (carol) - before;

  wire = wire_new_from (self->stage, stage_get_port (self->stage, "udp:127.0.0.1:"),
                        &neighbours[NEIGHBOUR_OF_ALICE].caller);
  wire_invite (wire);
  call = stage_await_call (self->stage);
  redirected = witness_try (alice, call, DFL_CALL_INTERFACE, "Redirect",
                            redirect_to (TARGET, FALSE));
  g_assert_cmpstr (redirected, ==, "");
  wire_await_response (wire, 302, "INVITE");
  wire_acknowledge (wire);
  stage_await_story (self->stage, call, "offered redirecting idle:redirected removed");
  added = witness_add_account (alice, "work", "{'address': <'sip:a@provider.example'>}", &path);
  g_assert_cmpstr (added, ==, "");
  change (alice, path, "Remove", NULL);

  g_assert_cmpuint (count_bytes (carol), ==, before + 2 * once);
}

/* --- Targets --- */

/* What CheckRedirect says of a user part at a host, with the user part taken out. */
static char *
check_target (Neighbours *self, const char *user, const char *host)
{
  g_autofree char *target = g_strdup_printf ("sip:%s@%s", user, host);
  g_autoptr (GDBusMessage) reply = witness_ask (neighbours_get_witness (self, MACHINE_ALICE),
                                                self->calls[NEIGHBOUR_OF_ALICE], DFL_CALL_INTERFACE,
                                                "CheckRedirect", redirect_to (target, TRUE));
  g_autoptr (GString) said = g_string_new (NULL);
  g_autofree char *body = g_variant_print (g_dbus_message_get_body (reply), FALSE);

  g_string_append (said, body);
  g_string_replace (said, user, "USER", 0);
  return g_string_free (g_steal_pointer (&said), FALSE);
}

/* A target that is somebody else's account here is answered as one that is nobody's. */
static void
test_targets (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  g_autofree char *here = g_strdup_printf ("127.0.0.1:%u",
                                           stage_get_port (self->stage, "udp:127.0.0.1:"));
  const char *const hosts[] = { "deflect.example", "DEFLECT.example:5060", here, "localhost" };

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_call (self);
  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    {
      g_autofree char *nobodys = check_target (self, "penguin", hosts[i]);
      g_autofree char *bobs = check_target (self, "osprey", hosts[i]);
      g_autofree char *roots = check_target (self, "merlin", hosts[i]);
      g_autofree char *own = check_target (self, "kestrel", hosts[i]);

      g_test_message ("%s: %s; one's own: %s", hosts[i], bobs, own);
      g_assert_cmpstr (bobs, ==, nobodys);
      g_assert_cmpstr (roots, ==, nobodys);
    }
}

/* --- Numbers --- */

#define ROUNDS 12
#define OTHERS 300

/* What alice is told of her accounts and calls, in which order. */
static char *
describe_order (Neighbours *self)
{
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autoptr (GDBusMessage) objects = witness_ask (alice, DFL_ROOT_PATH, DBUS ".ObjectManager",
                                                  "GetManagedObjects", NULL);
  g_autoptr (GDBusMessage) names = witness_ask (alice, DFL_CALLS_PATH, DBUS ".Introspectable",
                                                "Introspect", NULL);
  g_autofree char *first = g_variant_print (g_dbus_message_get_body (objects), FALSE);
  g_autofree char *second = g_variant_print (g_dbus_message_get_body (names), FALSE);

  return g_strconcat (first, second, NULL);
}

static void
call_often (Neighbours *self, GPtrArray *wires, NeighbourName account, guint times)
{
  guint port = stage_get_port (self->stage, "udp:127.0.0.1:");

  for (guint i = 0; i < times; i++)
    {
      Wire *wire = wire_new_from (self->stage, port, &neighbours[account].caller);

      g_ptr_array_add (wires, wire);
      wire_invite (wire);
      g_free (stage_await_call (self->stage));
    }
}

/* Not even the order of one's own calls tells how many others there are. */
static void
test_order (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  g_autoptr (GPtrArray) wires = g_ptr_array_new_with_free_func ((GDestroyNotify)wire_free);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  stage_write_account (self->stage, "osprey",
                       "[account]\naddress=sip:osprey@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nusers=bob;\nmax-offers=1000\n");
  stage_signal_daemon (self->stage, SIGHUP);
  call_often (self, wires, NEIGHBOUR_OF_ALICE, ROUNDS);
  before = describe_order (self);
  call_often (self, wires, NEIGHBOUR_OF_BOB, OTHERS);
  after = describe_order (self);
  g_assert_cmpstr (after, ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_func ("/privacy/kept-account", test_kept_account);
  g_test_add_func ("/privacy/silence", test_silence);
  g_test_add_func ("/privacy/targets", test_targets);
  g_test_add_func ("/privacy/order", test_order);
  return g_test_run ();
}
