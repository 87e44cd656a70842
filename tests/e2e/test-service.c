/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the service does when somebody whom it depends on dies, or was never there. */

#include <signal.h>
#include <string.h>

#include "machine.h"
#include "names.h"
#include "neighbours.h"
#include "stage/password-agent.h"

#define TARGET "sip:+4915550100@mobile.example"
#define NOT_AUTHORIZED DFL_ERROR_PREFIX "NotAuthorized: "

#define ANSWER(result)                                                                             \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id == 'org.deflectd1.redirect') return polkit.Result." result ";"                  \
  "});"

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

/* Alice redirects her call; the answer comes when it comes. */
static void
begin_redirect (GDBusConnection *connection, const char *path, Answer *answer)
{
  g_dbus_connection_call (connection, DFL_BUS_NAME, path, DFL_CALL_INTERFACE, "Redirect",
                          g_variant_new_parsed ("(%s, {'wait': <false>})", TARGET), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START
                              | G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                          G_MAXINT, NULL, on_answer, answer);
  g_dbus_connection_flush_sync (connection, NULL, NULL);
}

static char *
redirect (Neighbours *self, guint uid, NeighbourName account)
{
  g_autoptr (GDBusMessage) reply = witness_ask (neighbours_get_witness (self, uid),
                                                self->calls[account], DFL_CALL_INTERFACE,
                                                "Redirect",
                                                g_variant_new_parsed ("(%s, {'wait': <false>})",
                                                                      TARGET));

  return witness_describe (reply);
}

static void
expect_offered (Neighbours *self, NeighbourName account)
{
  g_assert_cmpstr (stage_get_story (self->stage, self->calls[account]), ==, "offered");
}

/* --- polkitd --- */

/* Nobody there to ask: no, and why. Root is not asked about. */
static void
test_polkitd_absent (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  g_autofree char *error = NULL;
  g_autofree char *roots = NULL;
  g_autofree char *added = NULL;
  g_autofree char *roots_added = NULL;

  neighbours_call (self);
  for (guint w = 1; w < N_WITNESSES; w++)
    {
      g_autofree char *refused = redirect (self, witness_get_uid (self->witnesses[w]),
                                           NEIGHBOUR_OF_ALL);

      g_assert_true (g_str_has_prefix (refused, NOT_AUTHORIZED));
      g_assert_nonnull (strstr (refused, "polkit"));
    }
  error = redirect (self, MACHINE_ALICE, NEIGHBOUR_OF_ALICE);
  g_assert_true (g_str_has_prefix (error, NOT_AUTHORIZED));
  added = witness_add_account (neighbours_get_witness (self, MACHINE_ALICE), "work",
                               "{'address': <'sip:a@provider.example'>}", NULL);
  g_assert_true (g_str_has_prefix (added, NOT_AUTHORIZED));
  expect_offered (self, NEIGHBOUR_OF_ALICE);
  expect_offered (self, NEIGHBOUR_OF_ALL);
  roots = redirect (self, 0, NEIGHBOUR_OF_ALICE);
  g_assert_cmpstr (roots, ==, "");
  roots_added = witness_add_account (neighbours_get_witness (self, 0), "work",
                                     "{'address': <'sip:a@provider.example'>}", NULL);
  g_assert_cmpstr (roots_added, ==, "");
}

/* It dies while it is asked: an error, and the call is still there for the next one. */
static void
test_polkitd_killed (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Polkitd *polkitd = stage_start_polkitd (self->stage, ANSWER ("YES"));
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autoptr (GDBusConnection) connection = witness_connect (alice);
  Answer answer = { 0 };
  g_autofree char *name = NULL;
  g_autofree char *error = NULL;

  neighbours_call (self);
  polkitd_freeze (polkitd);
  begin_redirect (connection, self->calls[NEIGHBOUR_OF_ALICE], &answer);
  witness_catch_up (alice);
  g_assert_false (answer.done);
  polkitd_kill (polkitd);
  AWAIT (self->stage, answer.done);
  name = g_dbus_error_get_remote_error (answer.error);
  g_assert_cmpstr (name, ==, DFL_ERROR_PREFIX "NotAuthorized");
  g_assert_nonnull (strstr (answer.error->message, "polkit"));
  g_error_free (answer.error);
  expect_offered (self, NEIGHBOUR_OF_ALICE);

  /* Back again, it is asked again. */
  polkitd_start (polkitd);
  error = redirect (self, MACHINE_ALICE, NEIGHBOUR_OF_ALICE);
  g_assert_cmpstr (error, ==, "");
}

/* The same with the dialog open. */
static void
test_polkitd_killed_in_dialog (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Polkitd *polkitd = stage_start_polkitd (self->stage, ANSWER ("AUTH_SELF"));
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autoptr (GDBusConnection) connection = witness_connect (alice);
  g_autoptr (PasswordAgent) agent = NULL;
  g_autofree char *begun = NULL;
  g_autofree char *name = NULL;
  Answer answer = { 0 };

  agent = password_agent_new (stage_get_bus_address (self->stage), witness_get_pid (alice),
                              MACHINE_ALICE, PASSWORD_AGENT_NEVER);
  neighbours_call (self);
  begin_redirect (connection, self->calls[NEIGHBOUR_OF_ALICE], &answer);
  begun = password_agent_take (agent);
  g_assert_true (g_str_has_prefix (begun, "begin org.deflectd1.redirect "));
  polkitd_kill (polkitd);
  AWAIT (self->stage, answer.done);
  name = g_dbus_error_get_remote_error (answer.error);
  g_assert_cmpstr (name, ==, DFL_ERROR_PREFIX "NotAuthorized");
  g_error_free (answer.error);
  expect_offered (self, NEIGHBOUR_OF_ALICE);
}

/* --- Clients --- */

/* polkitd takes a dialog back when its caller is gone, and the daemon does: it may be told twice.
 */
static char *
take_but_cancel (PasswordAgent *agent)
{
  char *event = password_agent_take (agent);

  while (g_str_equal (event, "cancel"))
    {
      g_free (event);
      event = password_agent_take (agent);
    }
  return event;
}

/* Somebody is asked for a password, and their program is killed: the dialog is taken back, nothing
 * happens, and the next one is asked anew. */
static void
test_client_killed (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autofree char *address = g_strdup_printf ("--address=%s", witness_get_address (alice));
  g_autoptr (PasswordAgent) agent = NULL;
  g_autofree char *begun = NULL;
  g_autofree char *cancelled = NULL;
  g_autofree char *again = NULL;
  Answer answer = { 0 };
  Player *client;

  stage_start_polkitd (self->stage, ANSWER ("AUTH_SELF"));
  agent = password_agent_new (stage_get_bus_address (self->stage), witness_get_pid (alice),
                              MACHINE_ALICE, PASSWORD_AGENT_NEVER);
  neighbours_call (self);
  client = stage_play_as (self->stage, MACHINE_ALICE, "busctl", address,
                          "--allow-interactive-authorization=yes", "--timeout=600", "call",
                          DFL_BUS_NAME, self->calls[NEIGHBOUR_OF_ALICE], DFL_CALL_INTERFACE,
                          "Redirect", "sa{sv}", TARGET, "0", NULL);
  begun = password_agent_take (agent);
  g_assert_true (g_str_has_prefix (begun, "begin org.deflectd1.redirect "));
  player_signal (client, SIGKILL);
  g_assert_cmpint (player_await (self->stage, client), ==, -SIGKILL);
  cancelled = password_agent_take (agent);
  g_assert_cmpstr (cancelled, ==, "cancel");
  expect_offered (self, NEIGHBOUR_OF_ALICE);

  password_agent_set_answer (agent, PASSWORD_AGENT_YES);
  begin_redirect (witness_get_connection (alice), self->calls[NEIGHBOUR_OF_ALICE], &answer);
  again = take_but_cancel (agent);
  g_assert_true (g_str_has_prefix (again, "begin org.deflectd1.redirect "));
  AWAIT (self->stage, answer.done);
  g_assert_no_error (answer.error);
  g_variant_unref (answer.reply);
}

/* The caller gives up while a password is asked for: too late, and who came first is said. */
static void
test_cancelled_in_dialog (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autoptr (GDBusConnection) connection = witness_connect (alice);
  g_autoptr (PasswordAgent) agent = NULL;
  g_autofree char *begun = NULL;
  Answer answer = { 0 };

  stage_start_polkitd (self->stage, ANSWER ("AUTH_SELF"));
  agent = password_agent_new (stage_get_bus_address (self->stage), witness_get_pid (alice),
                              MACHINE_ALICE, PASSWORD_AGENT_NEVER);
  neighbours_call (self);
  begin_redirect (connection, self->calls[NEIGHBOUR_OF_ALICE], &answer);
  begun = password_agent_take (agent);
  g_assert_true (g_str_has_prefix (begun, "begin "));
  wire_cancel (self->wires[NEIGHBOUR_OF_ALICE]);
  wire_await_response (self->wires[NEIGHBOUR_OF_ALICE], 487, "INVITE");
  wire_acknowledge (self->wires[NEIGHBOUR_OF_ALICE]);
  stage_await_story (self->stage, self->calls[NEIGHBOUR_OF_ALICE],
                     "offered idle:cancelled removed");
  /* The program need not wait for the person. */
  g_dbus_connection_close_sync (connection, NULL, NULL);
  AWAIT (self->stage, answer.done);
  g_assert_nonnull (answer.error);
  g_error_free (answer.error);
  witness_catch_up (alice);
}

/* --- The bus --- */

/* Calls are declined, the reason is said, and the unit may start the daemon again. */
static void
test_bus_killed (void)
{
  Stage *stage = stage_new (STAGE_SYSTEM_BUS);
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;
  g_autofree char *log = NULL;
  Player *daemon;

  stage_start_daemon (stage);
  daemon = stage_get_daemon (stage);
  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (stage);
  stage_kill_bus (stage);
  wire_await_response (wire, 480, "INVITE");
  wire_acknowledge (wire);
  g_assert_cmpint (stage_await_daemon_status (stage), ==, 1);
  log = player_read_errors (daemon);
  g_assert_nonnull (strstr (log, "lost the connection to the bus"));
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_func ("/service/polkitd-absent", test_polkitd_absent);
  g_test_add_func ("/service/polkitd-killed", test_polkitd_killed);
  g_test_add_func ("/service/polkitd-killed-in-dialog", test_polkitd_killed_in_dialog);
  g_test_add_func ("/service/client-killed", test_client_killed);
  g_test_add_func ("/service/cancelled-in-dialog", test_cancelled_in_dialog);
  g_test_add_func ("/service/bus-killed", test_bus_killed);
  return g_test_run ();
}
