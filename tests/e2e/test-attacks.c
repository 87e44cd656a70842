/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What users could try to pass for somebody else, or for somebody that they were. */

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"
#include "names.h"
#include "neighbours.h"

#define TARGET "sip:+4915550100@mobile.example"
#define DBUS "org.freedesktop.DBus"
#define UNKNOWN_OBJECT DBUS ".Error.UnknownObject"
#define NOT_AUTHORIZED DFL_ERROR_PREFIX "NotAuthorized"

#define ALLOW_ALL                                                                                  \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id.indexOf('org.deflectd1.') == 0 && action.id.indexOf('.test.') < 0)"             \
  "    return polkit.Result.YES;"                                                                  \
  "});"

static GVariant *
redirect_to (const char *target)
{
  return g_variant_new ("(sa{sv})", target, NULL);
}

/* --- Credentials --- */

/* Sends without asking for an answer. */
static void
send (GDBusConnection *connection, const char *path, const char *member, GVariant *body)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (DFL_BUS_NAME, path,
                                                                     DFL_CALL_INTERFACE, member);
  g_autoptr (GError) error = NULL;

  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED
                                         | G_DBUS_MESSAGE_FLAGS_NO_AUTO_START);
  if (body != NULL)
    g_dbus_message_set_body (message, body);
  g_dbus_connection_send_message (connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                  &error);
  g_assert_no_error (error);
}

/* Nobody can fill the log: there is what the daemon said when it came up, and a word or two. */
static void
expect_quiet_log (Stage *stage)
{
  g_autofree char *log = stage_read_log (stage);
  g_auto (GStrv) lines = g_strsplit (log, "\n", -1);

  if (g_strv_length (lines) > 5)
    g_error ("The log is full of: %s", log);
}

/* Strangers send and are gone before anybody can ask who they were, between connections of the
 * owner: nobody's message is taken for another's, and no name comes back. */
static void
test_gone_at_once (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  static const guint uids[] = { MACHINE_CAROL, MACHINE_ALICE, MACHINE_DEFLECTD };
  const char *bobs;

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_call (self);
  bobs = self->calls[NEIGHBOUR_OF_BOB];
  for (guint i = 0; i < 150; i++)
    {
      Witness *witness = neighbours_get_witness (self, uids[i % G_N_ELEMENTS (uids)]);
      g_autoptr (GDBusConnection) connection = witness_connect (witness);
      g_autoptr (GError) error = NULL;

      g_assert_true (
          g_hash_table_add (names, g_strdup (g_dbus_connection_get_unique_name (connection))));
      send (connection, bobs, "Redirect", redirect_to (TARGET));
      send (connection, bobs, "Decline", g_variant_new ("(a{sv})", NULL));
      send (connection, bobs, "Silence", NULL);
      g_dbus_connection_flush_sync (connection, NULL, &error);
      g_assert_no_error (error);
      g_dbus_connection_close_sync (connection, NULL, NULL);
    }
  for (guint i = 0; i < N_WITNESSES; i++)
    witness_catch_up (self->witnesses[i]);
  g_assert_cmpstr (stage_get_story (self->stage, bobs), ==, "offered");
  expect_quiet_log (self->stage);
  neighbours_check (self, NEIGHBOURS_ANYTHING, FALSE);
}

/* The owner does the same: what is asked counts or does not, and is nobody else's. */
static void
test_owner_gone_at_once (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *bob = neighbours_get_witness (self, MACHINE_BOB);
  g_autoptr (GDBusConnection) connection = NULL;

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_call (self);
  for (guint i = 0; i < 50; i++)
    {
      g_clear_object (&connection);
      connection = witness_connect (bob);
      send (connection, self->calls[NEIGHBOUR_OF_BOB], "Silence", NULL);
      g_dbus_connection_flush_sync (connection, NULL, NULL);
      g_dbus_connection_close_sync (connection, NULL, NULL);
    }
  witness_catch_up (bob);
  g_assert_cmpstr (stage_get_story (self->stage, self->calls[NEIGHBOUR_OF_ALICE]), ==, "offered");
  expect_quiet_log (self->stage);
}

typedef struct
{
  Neighbours *neighbours;
  GDBusConnection *connection;
} Turncoat;

/* Another uid than the one that connected: the bus keeps the credentials of the connection. */
static gpointer
ask_as_bob (gpointer data)
{
  Turncoat *turncoat = data;
  const char *path = turncoat->neighbours->calls[NEIGHBOUR_OF_BOB];
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *name = NULL;

  g_assert_cmpint (syscall (SYS_setresuid, MACHINE_BOB, MACHINE_BOB, 0), ==, 0);
  reply = g_dbus_connection_call_sync (turncoat->connection, DFL_BUS_NAME, path, DFL_CALL_INTERFACE,
                                       "Redirect", redirect_to (TARGET), NULL,
                                       G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, &error);
  g_assert_null (reply);
  name = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (name, ==, UNKNOWN_OBJECT);
  return NULL;
}

/* A process that is root, and one that becomes the owner, with a stranger's connection in hand. */
static void
test_changed_uid (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Turncoat turncoat = { self,
                        witness_get_connection (neighbours_get_witness (self, MACHINE_CAROL)) };
  const char *path;
  g_autofree char *error = NULL;

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_call (self);
  path = self->calls[NEIGHBOUR_OF_BOB];
  /* This process is root, the connection is carol's. */
  error = witness_try (neighbours_get_witness (self, MACHINE_CAROL), path, DFL_CALL_INTERFACE,
                       "Redirect", redirect_to (TARGET));
  g_assert_cmpstr (error, ==, UNKNOWN_OBJECT);
  g_thread_join (g_thread_new ("ask-as-bob", ask_as_bob, &turncoat));
  g_assert_cmpstr (stage_get_story (self->stage, path), ==, "offered");
}

/* --- Names on the bus --- */

static guint
request_name (Witness *witness, const char *name, guint flags, GError **error)
{
  g_autoptr (GDBusConnection) connection = witness_connect (witness);
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (connection, DBUS,
                                                            "/org/freedesktop/DBus", DBUS,
                                                            "RequestName",
                                                            g_variant_new ("(su)", name, flags),
                                                            NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                                            error);
  guint result = 0;

  if (reply != NULL)
    g_variant_get (reply, "(u)", &result);
  g_dbus_connection_close_sync (connection, NULL, NULL);
  return result;
}

/* Nobody else is deflectd: not before the daemon is there, and not instead of it. */
static void
test_bus_name (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();

  for (guint i = 0; i < N_WITNESSES - 1; i++)
    {
      g_autoptr (GError) error = NULL;

      request_name (self->witnesses[i], DFL_BUS_NAME, 3, &error);
      g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
    }
  /* The daemon's user may, but the daemon gives it to nobody (3: somebody owns it). */
  g_assert_cmpuint (request_name (neighbours_get_witness (self, MACHINE_DEFLECTD), DFL_BUS_NAME,
                                  2 | 4, NULL),
                    ==, 3);
  stage_signal_daemon (self->stage, SIGTERM);
  stage_await_daemon_end (self->stage);
  for (guint i = 0; i < N_WITNESSES - 1; i++)
    {
      g_autoptr (GError) error = NULL;

      request_name (self->witnesses[i], DFL_BUS_NAME, 0, &error);
      g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
    }
}

/* Where there is no polkitd, nobody may be it; and the daemon believes nobody. */
static void
test_false_polkitd (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *bob = neighbours_get_witness (self, MACHINE_BOB);
  static const guint uids[] = { MACHINE_ALICE, MACHINE_BOB, MACHINE_CAROL, MACHINE_DEFLECTD };
  g_autofree char *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (uids); i++)
    {
      g_autoptr (GError) denied = NULL;

      request_name (neighbours_get_witness (self, uids[i]), POLKITD_BUS_NAME, 0, &denied);
      g_assert_error (denied, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
    }
  neighbours_call (self);
  error = witness_try (bob, self->calls[NEIGHBOUR_OF_BOB], DFL_CALL_INTERFACE, "Redirect",
                       redirect_to (TARGET));
  g_assert_cmpstr (error, ==, NOT_AUTHORIZED);
  g_assert_cmpstr (stage_get_story (self->stage, self->calls[NEIGHBOUR_OF_BOB]), ==, "offered");
}

/* --- Targets --- */

static void
test_targets (void)
{
  static const char *const targets[] = {
    "sip:a@b.example\r\nX-Evil: 1",
    "sip:a@b.example\nX-Evil: 1",
    "sip:a@b.example\r\n\r\n",
    "sip:a\r\nX-Evil: 1@b.example",
    "sip:a%0d%0aX-Evil:%201@b.example",
    "sip:a%0D%0AX-Evil@b.example",
    "sip:a%00@b.example",
    "sip:a@b.example;x=%0d%0aX-Evil",
    "sip:a@b.example;x=y\r\nX-Evil: 1",
    "sip:a@b.example?X-Evil=1",
    "sip:a@b.example>, <sip:evil@b.example",
    "tel:+49\r\nX-Evil: 1",
    "+4915550100\r\nX-Evil: 1",
    "mobile\r\nX-Evil: 1",
    "mobile\n",
    "\r\nsip:a@b.example",
    "kestrelmobile\r\n",
  };
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  Wire *wire;
  const char *path;
  const char *response;
  g_autofree char *good = NULL;

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_call (self);
  path = self->calls[NEIGHBOUR_OF_ALICE];
  wire = self->wires[NEIGHBOUR_OF_ALICE];
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autoptr (GDBusMessage) reply = witness_ask (alice, path, DFL_CALL_INTERFACE, "Redirect",
                                                    redirect_to (targets[i]));
      g_autofree char *error = witness_describe (reply);

      g_test_message ("\"%s\": %s", targets[i], error);
      g_assert_true (g_str_has_prefix (error, DFL_ERROR_PREFIX "InvalidTarget: "));
      g_assert_null (strpbrk (error, "\r\n"));
    }
  g_assert_cmpstr (stage_get_story (self->stage, path), ==, "offered");
  g_assert_cmpuint (wire_count_responses (wire, 302), ==, 0);
  good = witness_try (alice, path, DFL_CALL_INTERFACE, "Redirect",
                      g_variant_new_parsed ("(%s, {'wait': <false>})", TARGET));
  g_assert_cmpstr (good, ==, "");
  response = wire_await_response (wire, 302, "INVITE");
  g_assert_nonnull (strstr (response, "<" TARGET ">"));
  g_assert_null (strstr (response, "Evil"));
}

/* --- Authorised, and no longer of the audience --- */

static gboolean
sees (Witness *witness, const char *path)
{
  g_autofree char *error = witness_try (witness, path, DBUS ".Peer", "Ping", NULL);

  return g_str_equal (error, "");
}

static void
take_from_alice (Neighbours *self)
{
  stage_write_account (self->stage, "kestrel",
                       "[account]\naddress=sip:kestrel@deflect.example\ndisplay-name=Falconry\n"
                       "register=false\naccept-from=127.0.0.1\nusers=bob;\n");
  stage_signal_daemon (self->stage, SIGHUP);
  AWAIT (self->stage,
         !sees (neighbours_get_witness (self, MACHINE_ALICE), self->accounts[NEIGHBOUR_OF_ALICE]));
}

typedef struct
{
  gboolean done;
  GError *error;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &answer->error);

  answer->done = TRUE;
}

/* polkit says yes after the account has been given to another: too late. */
static void
test_lost_while_asked (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Polkitd *polkitd = stage_start_polkitd (self->stage, ALLOW_ALL);
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autoptr (GDBusConnection) connection = witness_connect (alice);
  g_autofree char *name = NULL;
  Answer answer = { 0 };
  const char *path;

  neighbours_call (self);
  path = self->calls[NEIGHBOUR_OF_ALICE];
  polkitd_freeze (polkitd);
  g_dbus_connection_call (connection, DFL_BUS_NAME, path, DFL_CALL_INTERFACE, "Redirect",
                          redirect_to (TARGET), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, G_MAXINT,
                          NULL, on_answer, &answer);
  g_dbus_connection_flush_sync (connection, NULL, NULL);
  witness_catch_up (alice);
  take_from_alice (self);
  g_assert_false (answer.done);
  polkitd_thaw (polkitd);
  AWAIT (self->stage, answer.done);
  name = g_dbus_error_get_remote_error (answer.error);
  g_assert_cmpstr (name, ==, UNKNOWN_OBJECT);
  g_error_free (answer.error);
  g_assert_cmpstr (stage_get_story (self->stage, path), ==, "offered");
}

/* What polkit allowed before counts for nothing afterwards; whoever has it now is told of it, and
 * from then on only they are. */
static void
test_lost_audience (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  Witness *bob = neighbours_get_witness (self, MACHINE_BOB);
  const char *path;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  gsize before;

  stage_start_polkitd (self->stage, ALLOW_ALL);
  neighbours_listen (self);
  neighbours_call (self);
  path = self->calls[NEIGHBOUR_OF_ALICE];
  first = witness_try (alice, path, DFL_CALL_INTERFACE, "Silence", NULL);
  g_assert_cmpstr (first, ==, "");
  g_assert_false (witness_has_received (bob, neighbours[NEIGHBOUR_OF_ALICE].caller.subject));
  take_from_alice (self);
  second = witness_try (alice, path, DFL_CALL_INTERFACE, "Redirect", redirect_to (TARGET));
  g_assert_cmpstr (second, ==, UNKNOWN_OBJECT);
  AWAIT (self->stage, witness_has_received (bob, neighbours[NEIGHBOUR_OF_ALICE].caller.subject));

  witness_catch_up (alice);
  before = witness_count_bytes (alice);
  third = witness_try (bob, path, DFL_CALL_INTERFACE, "Decline", g_variant_new ("(a{sv})", NULL));
  g_assert_cmpstr (third, ==, "");
  wire_await_response (self->wires[NEIGHBOUR_OF_ALICE], 486, "INVITE");
  wire_acknowledge (self->wires[NEIGHBOUR_OF_ALICE]);
  stage_await_story (self->stage, path, "offered silenced declining idle:declined removed");
  g_assert_cmpuint (witness_count_bytes (alice), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_func ("/attacks/gone-at-once", test_gone_at_once);
  g_test_add_func ("/attacks/owner-gone-at-once", test_owner_gone_at_once);
  g_test_add_func ("/attacks/changed-uid", test_changed_uid);
  g_test_add_func ("/attacks/bus-name", test_bus_name);
  g_test_add_func ("/attacks/false-polkitd", test_false_polkitd);
  g_test_add_func ("/attacks/targets", test_targets);
  g_test_add_func ("/attacks/lost-while-asked", test_lost_while_asked);
  g_test_add_func ("/attacks/lost-audience", test_lost_audience);
  return g_test_run ();
}
