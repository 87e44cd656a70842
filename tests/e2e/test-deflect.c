/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a call goes through, with the real programs: an INVITE comes, somebody decides. */

#include <signal.h>

#include "harness.h"
#include "names.h"
#include "wire.h"

#define TARGET "sip:+4915550100@mobile.example"

static guint
count (const char *text, const char *part)
{
  guint n = 0;

  for (const char *at = strstr (text, part); at != NULL; at = strstr (at + 1, part))
    n++;
  return n;
}

/* The named property of a call equals the text. */
static void
assert_property (Stage *stage, const char *call, const char *name, const char *expected)
{
  g_autoptr (GVariant) value = stage_get_property (stage, call, DFL_CALL_INTERFACE, name);

  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

/* The message with the given first line in a trace, up to the next message. */
static char *
find_message (const char *trace, const char *first_line)
{
  const char *at = strstr (trace, first_line);
  const char *end = at != NULL ? strstr (at, "-----------") : NULL;

  g_assert_nonnull (at);
  return end != NULL ? g_strndup (at, (gsize)(end - at)) : g_strdup (at);
}

static void
test_redirect (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *listed = NULL;
  g_autofree char *trace = NULL;
  g_autofree char *response = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  assert_property (stage, call, "CallerName", "Carol Jensen");
  assert_property (stage, call, "CallerNumber", "+4930555100");
  assert_property (stage, call, "CalledAddress", "sip:alice@deflect.example");
  assert_property (stage, call, "Subject", "Lunch?");
  assert_property (stage, call, "State", "offered");

  /* The list may come sooner than the 180, and so may a decision: then there would be none. */
  AWAIT (stage, (g_free (trace), trace = player_read_trace (caller),
                 strstr (trace, "SIP/2.0 180 ") != NULL));
  g_clear_pointer (&trace, g_free);
  g_assert_cmpint (stage_deflectctl (stage, &listed, "list", NULL), ==, 0);
  g_assert_nonnull (strstr (listed, "Carol Jensen"));
  g_assert_nonnull (strstr (listed, call + strlen (DFL_CALL_PATH_PREFIX)));

  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");

  trace = player_read_trace (caller);
  response = find_message (trace, "SIP/2.0 302 ");
  g_assert_cmpuint (count (response, "\nContact:"), ==, 1);
  g_assert_nonnull (strstr (response, "\nContact: <" TARGET ">\r\n"));
  g_assert_cmpuint (count (trace, "SIP/2.0 302 "), ==, 1);
  g_assert_cmpuint (count (trace, "SIP/2.0 180 "), ==, 1);
  g_assert_cmpuint (count (trace, "INVITE sip:"), ==, 1);
}

static void
test_redirect_number (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *trace = NULL;
  Player *caller;

  stage_write_account (stage, "alice",
                       "[account]\naddress=sip:alice@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nredirect-domain=pbx.example:5080\n");
  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "+49 (155) 50-100", NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "\nContact: <sip:+4915550100@pbx.example:5080;user=phone>\r\n"));
}

static void
test_decline (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *other = NULL;
  g_autofree char *trace = NULL;
  g_autofree char *other_trace = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered declining idle:declined removed");
  trace = player_read_trace (caller);
  g_assert_cmpuint (count (trace, "SIP/2.0 486 "), ==, 1);

  caller = stage_call_alice (stage);
  other = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", "--status", "603", NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, other, "offered declining idle:declined removed");
  other_trace = player_read_trace (caller);
  g_assert_cmpuint (count (other_trace, "SIP/2.0 603 "), ==, 1);
}

static void
test_silence (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "silence", NULL), ==, 0);
  assert_property (stage, call, "State", "offered");
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered silenced redirecting idle:redirected removed");
}

static void
cancel (const char *reason, const char *story)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call (stage, "cancel.xml", "u1", "127.0.0.1",
                       stage_get_port (stage, "udp:127.0.0.1:"), reason);
  call = stage_await_call (stage);
  player_await_success (stage, caller);
  stage_await_story (stage, call, story);
}

static void
test_cancel (void)
{
  cancel (NULL, "offered idle:cancelled removed");
}

static void
test_answered_elsewhere (void)
{
  cancel ("Reason: Q.850;cause=26, SIP;cause=200;text=\"Call completed elsewhere\"",
          "offered idle:answered-elsewhere removed");
}

/* A redirect that is refused leaves the call as it was. */
static void
test_refused (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  for (const char **target = (const char *[]){ "sip:alice@deflect.example", "+49 30 555100",
                                               "sip:x@y.example?Replaces=1", "sip:x@y\r\nEvil: 1",
                                               "http://x.example", "*", "mobile", "", NULL };
       *target != NULL; target++)
    {
      g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "--", *target, NULL), !=, 0);
      assert_property (stage, call, "State", "offered");
    }
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

typedef struct
{
  GDBusConnection *connection;
  gboolean done;
  GError *error;
} Client;

static void
on_redirected (GObject *source, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &client->error);

  client->done = TRUE;
}

static void
client_redirect (Client *client, Stage *stage, const char *call, const char *target)
{
  g_autoptr (GError) error = NULL;

  client->connection = g_dbus_connection_new_for_address_sync (
      stage_get_bus_address (stage),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_call (client->connection, DFL_BUS_NAME, call, DFL_CALL_INTERFACE, "Redirect",
                          g_variant_new ("(sa{sv})", target, NULL), NULL, G_DBUS_CALL_FLAGS_NONE,
                          G_MAXINT, NULL, on_redirected, client);
}

static void
client_clear (Client *client)
{
  g_dbus_connection_close_sync (client->connection, NULL, NULL);
  g_clear_object (&client->connection);
  g_clear_error (&client->error);
}

/* Two programs redirect at once, and nothing is acknowledged until both were heard: one wins, the
 * other learns that it is too late, one response leaves. */
static void
test_two_clients (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;
  g_autofree char *remote = NULL;
  Client clients[2] = { 0 };
  Client *loser;

  stage_start_daemon (stage);
  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (stage);
  client_redirect (&clients[0], stage, call, "sip:first@mobile.example");
  client_redirect (&clients[1], stage, call, "sip:second@mobile.example");
  AWAIT (stage, clients[0].done || clients[1].done);
  loser = clients[0].done ? &clients[0] : &clients[1];
  g_assert_nonnull (loser->error);
  remote = g_dbus_error_get_remote_error (loser->error);
  g_assert_cmpstr (remote, ==, DFL_ERROR_PREFIX "TooLate");

  wire_await_response (wire, 302, "INVITE");
  wire_acknowledge (wire);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  AWAIT (stage, clients[0].done && clients[1].done);
  g_assert_true ((clients[0].error == NULL) != (clients[1].error == NULL));
  g_assert_cmpuint (wire_count_responses (wire, 302), ==, 1);
  client_clear (&clients[0]);
  client_clear (&clients[1]);
}

/* Whoever decided may leave: the decision stands. */
static void
test_client_exits (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;
  Client client = { 0 };

  stage_start_daemon (stage);
  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (stage);
  client_redirect (&client, stage, call, TARGET);
  wire_await_response (wire, 302, "INVITE");
  g_assert_false (client.done);
  client_clear (&client);
  AWAIT (stage, client.done || client.error != NULL);
  g_clear_error (&client.error);
  wire_acknowledge (wire);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

/* A client that leaves before it decides changes nothing either. */
static void
test_client_killed (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller, *monitor;

  stage_start_daemon (stage);
  monitor = stage_play (stage, "gdbus", "monitor", "--address", stage_get_bus_address (stage),
                        "--dest", DFL_BUS_NAME, NULL);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  player_signal (monitor, SIGKILL);
  g_assert_cmpint (player_await (stage, monitor), ==, -SIGKILL);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

/* A softphone finds its call by the Call-ID of its own INVITE. */
static void
test_find_call (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Wire) wire = NULL;
  g_autoptr (GVariant) found = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *call = NULL;
  g_autofree const char **paths = NULL;

  stage_start_daemon (stage);
  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (stage);
  found = stage_invoke (stage, DFL_ROOT_PATH, DFL_MANAGER_INTERFACE, "FindCall",
                        g_variant_new ("(s)", wire_get_call_id (wire)), &error);
  g_assert_no_error (error);
  g_variant_get (found, "(^a&o)", &paths);
  g_assert_cmpuint (g_strv_length ((char **)paths), ==, 1);
  g_assert_cmpstr (paths[0], ==, call);
  wire_cancel (wire);
  wire_await_response (wire, 487, "INVITE");
  wire_acknowledge (wire);
  stage_await_story (stage, call, "offered idle:cancelled removed");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deflect/redirect", test_redirect);
  g_test_add_func ("/deflect/redirect-number", test_redirect_number);
  g_test_add_func ("/deflect/decline", test_decline);
  g_test_add_func ("/deflect/silence", test_silence);
  g_test_add_func ("/deflect/cancel", test_cancel);
  g_test_add_func ("/deflect/answered-elsewhere", test_answered_elsewhere);
  g_test_add_func ("/deflect/refused", test_refused);
  g_test_add_func ("/deflect/two-clients", test_two_clients);
  g_test_add_func ("/deflect/client-exits", test_client_exits);
  g_test_add_func ("/deflect/client-killed", test_client_killed);
  g_test_add_func ("/deflect/find-call", test_find_call);
  return g_test_run ();
}
