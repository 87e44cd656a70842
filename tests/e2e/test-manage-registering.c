/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* deflectctl waits for registrations, and tests what a server does with redirects. */

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "names.h"
#include "wire.h"

#define ADDRESS "sip:work@deflect.example"
#define TARGET "sip:+4915550100@mobile.example"

/* Starts deflectctl with a line of words. */
static Player *
start (Stage *stage, const char *line)
{
  g_autofree char *words = g_strdup_printf ("exec \"$0\" --bus '%s' %s",
                                            stage_get_bus_address (stage), line);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);

  return stage_play (stage, "sh", "-c", words, program, NULL);
}

static void
assert_says (const char *text, const char *pattern)
{
  if (!g_pattern_match_simple (pattern, text))
    g_error ("“%s” does not match “%s”", text, pattern);
}

/* Runs it to its end, with what it has to say on its two outputs. */
static void
assert_runs (Stage *stage, const char *line, int exit_code, const char *out, const char *err)
{
  Player *player = start (stage, line);
  int status = player_await (stage, player);
  g_autofree char *output = player_read_output (player);
  g_autofree char *errors = player_read_errors (player);

  g_test_message ("%s: %d\n%s%s", line, status, output, errors);
  g_assert_cmpint (status, ==, exit_code);
  assert_says (output, out);
  assert_says (errors, err);
}

/* --- Registrations --- */

static gboolean
is_bound (guint port)
{
  g_autoptr (GSocket) probe = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                            G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GInetAddress) address = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) place = g_inet_socket_address_new (address, (guint16)port);

  return !g_socket_bind (probe, place, FALSE, NULL);
}

/* A registrar of tests/e2e/scenarios, and its port. */
static guint
start_registrar (Stage *stage, const char *name)
{
  guint port = stage_find_free_port ();
  g_autofree char *port_text = g_strdup_printf ("%u", port);
  g_autofree char *scenario = g_test_build_filename (G_TEST_DIST, "e2e", "scenarios", name, NULL);

  (void)stage_play (stage, "sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", port_text, "-nostdin",
                    "-timeout", "100s", NULL);
  AWAIT (stage, is_bound (port));
  return port;
}

static void
test_registers (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *add = NULL;
  g_autofree char *set = NULL;
  guint port;

  stage_start_daemon (stage);
  port = start_registrar (stage, "registrar-accepts.xml");
  add = g_strdup_printf ("account add work " ADDRESS
                         " registrar=127.0.0.1:%u transport=udp </dev/null",
                         port);
  assert_runs (stage, add, 0,
               "Added account work.\nIts id is *, its state registered at udp 127.0.0.1:* until "
               "*(in * min).\n",
               "");
  assert_runs (stage, "account list", 0, "*work *registered*udp 127.0.0.1:*in * min*", "");
  assert_runs (stage, "status", 0, "*2 (1 registered, 1 direct)*", "");
  assert_runs (stage, "account register work", 0, "Registering account work.\n*registered*", "");
  set = g_strdup_printf ("account set work expires=300 display-name=Office");
  assert_runs (stage, set, 0, "Changed account work.\n*registered*", "");
  assert_runs (stage, "account disable work", 0, "*disabled*", "");
  assert_runs (stage, "account enable work", 0, "Enabled account work.\n*registered*", "");
}

static void
test_fails (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *add = NULL;
  g_autofree char *json = NULL;
  guint port;

  stage_start_daemon (stage);
  port = start_registrar (stage, "registrar-refuses.xml");
  add = g_strdup_printf ("account add work " ADDRESS
                         " registrar=127.0.0.1:%u transport=udp </dev/null",
                         port);
  assert_runs (stage, add, 1, "Added account work.\nIts id is ????????.\n",
               "deflectctl: the registration failed: *403*The account stays added*");
  assert_runs (stage, "account register work", 1, "Registering account work.\n*",
               "deflectctl: the registration failed: *403*");
  assert_runs (stage, "account set work username=other", 1, "Changed account work.\n*",
               "deflectctl: the registration failed: *403*The settings are kept*");
  /* What does not concern the registration is not kept from being a success. */
  assert_runs (stage, "account set work ring-limit=30", 0, "Changed account work.\n*failed*", "");
  json = g_strdup_printf ("--json account add other sip:other@deflect.example "
                          "registrar=127.0.0.1:%u transport=udp </dev/null",
                          port);
  assert_runs (stage, json, 1, "{*\"State\" : \"failed\"*}\n", "deflectctl: *failed*");
  assert_runs (stage, "account add gone " ADDRESS " registrar=nowhere.invalid </dev/null", 1,
               "Added account gone.\n*", "deflectctl: *nowhere.invalid*");
}

/* A server that says nothing: the account stays, and nobody waits for ever. */
static void
test_silence (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (GSocket) deaf = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                           G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) place = NULL;
  g_autofree char *add = NULL;
  g_autofree char *add_at_once = NULL;
  g_autofree char *patient = NULL;
  g_autofree char *seen = NULL;
  Player *waiting;

  g_assert_true (g_socket_bind (deaf, any, FALSE, NULL));
  place = g_socket_get_local_address (deaf, NULL);
  add = g_strdup_printf ("account add work " ADDRESS " registrar=127.0.0.1:%u transport=udp "
                         "--timeout 0.5 </dev/null",
                         g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (place)));
  add_at_once = g_strdup_printf ("account add other " ADDRESS " registrar=127.0.0.1:%u "
                                 "transport=udp --no-wait </dev/null",
                                 g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (place)));
  patient = g_strdup_printf ("account add patient " ADDRESS " registrar=127.0.0.1:%u "
                             "transport=udp --timeout 60 </dev/null",
                             g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (place)));
  stage_start_daemon (stage);
  waiting = start (stage, patient);
  assert_runs (stage, add, 3, "Added account work.\nIts id is ????????.\n",
               "deflectctl: not registered after 0.5 s*goes on trying*account show work*");
  assert_runs (stage, add_at_once, 0, "Added account other.\n*connecting*", "");
  assert_runs (stage, "account show work", 0, "*connecting*", "");
  assert_runs (stage, "account test work 200", 1, "", "*takes no calls now*connecting*");
  assert_runs (stage, "account register alice", 1, "", "deflectctl: deflectd cannot do that*");
  /* Why is said long before the time is over, and once. */
  AWAIT (stage,
         (g_free (seen), seen = player_read_errors (waiting), strstr (seen, "127.0.0.1") != NULL));
  assert_says (seen, "deflectctl: still waiting: no answer from 127.0.0.1:* yet\n");
  player_signal (waiting, SIGTERM);
  g_assert_cmpint (player_await (stage, waiting), !=, 0);
}

static void
test_usage (void)
{
  const char *const lines[] = {
    "account list --no-wait",
    "account show work --timeout 3",
    "account add work " ADDRESS " --timeout 0",
    "account add work " ADDRESS " --timeout -3",
    "account add work " ADDRESS " --timeout nan",
    "account add work " ADDRESS " --timeout 1e9",
    "account add work " ADDRESS " --rang yes",
    "account test alice",
    "account test alice 200 --rang maybe",
    "account test alice 200 --rang ask </dev/null",
    "account test alice 200 --no-wait",
    "account register work --caller x",
    "account register",
  };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);

  stage_start_daemon (stage);
  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    assert_runs (stage, lines[i], 2, "", "deflectctl: *");
}

/* --- What a server does with a redirect --- */

static Player *
start_test (Stage *stage, const char *line)
{
  Player *player = start (stage, line);
  char *seen = NULL;

  AWAIT (stage, (g_free (seen), seen = player_read_output (player),
                 g_pattern_match_simple ("*Waiting for the call*\n", seen)));
  g_free (seen);
  return player;
}

static void
add_direct (Stage *stage)
{
  assert_runs (stage,
               "account add work sip:alice@deflect.example register=false accept-from=127.0.0.1", 0,
               "*direct*", "");
}

static void
assert_policy (Stage *stage, const char *policy)
{
  g_autofree char *pattern = g_strdup_printf ("*\"RedirectPolicy\" : \"%s\"*", policy);

  assert_runs (stage, "--json account show work", 0, pattern, "");
}

/* One account of the daemon's own that is called: alice of the settings makes room. */
static Stage *
start_own (void)
{
  Stage *stage = stage_new (STAGE_OWN_BUS);

  stage_write_account (stage, "alice", NULL);
  stage_start_daemon (stage);
  add_direct (stage);
  assert_policy (stage, "unknown");
  return stage;
}

static void
test_policy (void)
{
  g_autoptr (Stage) stage = start_own ();
  const char *const answers[] = { "yes", "no" };
  const char *const policies[] = { "honoured", "refused" };

  for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *line = g_strdup_printf ("account test work " TARGET " --rang=%s",
                                               answers[i]);
      g_autofree char *call = NULL;
      g_autofree char *output = NULL;
      g_autofree char *remembered = g_strdup_printf ("*Remembered as redirect-policy=%s.\n",
                                                     policies[i]);
      Player *test = start_test (stage, line);
      Player *caller = stage_call_alice (stage);

      call = stage_await_call (stage);
      player_await_success (stage, test);
      player_await_success (stage, caller);
      stage_await_story (stage, call, "offered redirecting idle:redirected removed");
      output = player_read_output (test);
      assert_says (output, "*A call from *+4930555100*Redirecting it to " TARGET ".\n"
                           "The server acknowledged the redirect after *");
      assert_says (output, remembered);
      assert_policy (stage, policies[i]);
    }
}

/* What nobody says is not remembered, and JSON is alone on its output. */
static void
test_json (void)
{
  g_autoptr (Stage) stage = start_own ();
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (GError) error = NULL;
  JsonObject *object;
  Player *test = start (stage, "--json account test work " TARGET " </dev/null");
  Player *caller;

  AWAIT (stage, (g_free (errors), errors = player_read_errors (test),
                 g_pattern_match_simple ("*Waiting for the call*\n", errors)));
  caller = stage_call_alice (stage);
  player_await_success (stage, test);
  player_await_success (stage, caller);
  output = player_read_output (test);
  node = json_from_string (output, &error);
  g_assert_no_error (error);
  object = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (object, "outcome"), ==, "redirected");
  g_assert_cmpstr (json_object_get_string_member (object, "target"), ==, TARGET);
  g_assert_cmpstr (json_object_get_string_member (object, "policy"), ==, "unknown");
  g_assert_false (json_object_get_boolean_member (object, "remembered"));
  g_assert_cmpint (json_object_get_int_member (object, "acknowledgedAfter"), >=, 0);
  assert_policy (stage, "unknown");
}

/* An account of the settings directory is changed there: the line to write is printed. */
static void
test_settings (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *output = NULL;
  Player *test, *caller;

  stage_start_daemon (stage);
  test = start_test (stage, "account test alice " TARGET " --rang no");
  caller = stage_call_alice (stage);
  player_await_success (stage, test);
  player_await_success (stage, caller);
  output = player_read_output (test);
  assert_says (output, "*cannot be remembered*alice.conf*\nredirect-policy=refused\n");
}

/* Only the next call that is meant: what is offered already, and others, are left alone. */
static void
test_which_call (void)
{
  g_autoptr (Stage) stage = start_own ();
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  Player *first_caller = stage_call_alice (stage);
  Player *second_caller, *test, *other_test;

  first = stage_await_call (stage);
  assert_runs (stage, "account test work " TARGET " --rang yes --timeout 0.2", 3, "*Waiting*",
               "*no call came in this time*");
  assert_runs (stage,
               "account add other sip:other@deflect.example register=false accept-from=127.0.0.1",
               0, "*direct*", "");
  other_test = start_test (stage, "account test other " TARGET " --rang yes");
  test = start_test (stage, "account test work " TARGET " --rang yes --caller '*nobody*'");
  second_caller = stage_call_alice (stage);
  second = stage_await_call (stage);
  for (Player **each = (Player *[]){ test, other_test, NULL }; *each != NULL; each++)
    {
      player_signal (*each, SIGINT);
      g_assert_cmpint (player_await (stage, *each), ==, 1);
    }
  assert_policy (stage, "unknown");
  g_assert_cmpstr (stage_get_story (stage, first), ==, "offered");
  g_assert_cmpstr (stage_get_story (stage, second), ==, "offered");
  assert_runs (stage, "decline --status 480", 10, "", "*");
  for (const char **call = (const char *[]){ first, second, NULL }; *call != NULL; call++)
    g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", *call, NULL), ==, 0);
  player_await_success (stage, first_caller);
  player_await_success (stage, second_caller);
}

/* A refused redirect leaves the call to people. */
static void
test_refused (void)
{
  g_autoptr (Stage) stage = start_own ();
  g_autofree char *call = NULL;
  g_autofree char *errors = NULL;
  Player *test = start_test (stage, "account test work sip: --rang yes");
  Player *caller = stage_call_alice (stage);

  call = stage_await_call (stage);
  g_assert_cmpint (player_await (stage, test), ==, 1);
  errors = player_read_errors (test);
  assert_says (errors, "deflectctl: *\ndeflectctl: call * is still offered*");
  g_assert_cmpstr (stage_get_story (stage, call), ==, "offered");
  assert_policy (stage, "unknown");
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

/* Nobody acknowledges, in the short time of such a stage: nothing is asked, nothing remembered. */
static void
test_unconfirmed (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *output = NULL;
  g_autoptr (Wire) wire = NULL;
  Player *test;

  stage_write_account (stage, "alice", NULL);
  stage_write_settings (stage, "[daemon]\nlisten=udp:127.0.0.1:0\nt1=10\nt2=20\n");
  stage_start_daemon (stage);
  add_direct (stage);
  test = start_test (stage, "account test work " TARGET " --rang yes");
  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  g_assert_cmpint (player_await (stage, test), ==, 3);
  output = player_read_output (test);
  assert_says (output, "*never acknowledged*");
  assert_policy (stage, "unknown");
}

/* A person on a terminal is asked. */
static void
test_asks (void)
{
  g_autoptr (Stage) stage = start_own ();
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  g_autofree char *pipe = g_build_filename (stage_get_directory (stage), "keys", NULL);
  g_autofree char *line = g_strdup_printf ("%s --bus '%s' account test work " TARGET, program,
                                           stage_get_bus_address (stage));
  g_autofree char *seen = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  Player *terminal, *caller;
  int keys;

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  keys = open (pipe, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (keys, >=, 0);
  terminal = stage_play (stage, "sh", "-c", "exec script -qec \"$0\" /dev/null <\"$1\"", line, pipe,
                         NULL);
  AWAIT (stage, (g_free (seen), seen = player_read_output (terminal),
                 strstr (seen, "Waiting for the call")));
  caller = stage_call_alice (stage);
  AWAIT (stage,
         (g_free (seen), seen = player_read_output (terminal), strstr (seen, "not known) ")));
  player_await_success (stage, caller);
  assert_policy (stage, "unknown");
  /* A call that comes meanwhile is somebody's. */
  caller = stage_call_alice (stage);
  first = stage_await_call (stage);
  second = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "show", second, NULL), ==, 0);
  g_assert_cmpint (write (keys, "y\n", 2), ==, 2);
  player_await_success (stage, terminal);
  close (keys);
  assert_policy (stage, "honoured");
  g_assert_cmpstr (stage_get_story (stage, second), ==, "offered");
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manage-registering/registers", test_registers);
  g_test_add_func ("/manage-registering/fails", test_fails);
  g_test_add_func ("/manage-registering/silence", test_silence);
  g_test_add_func ("/manage-registering/usage", test_usage);
  g_test_add_func ("/manage-registering/policy", test_policy);
  g_test_add_func ("/manage-registering/json", test_json);
  g_test_add_func ("/manage-registering/settings", test_settings);
  g_test_add_func ("/manage-registering/which-call", test_which_call);
  g_test_add_func ("/manage-registering/refused", test_refused);
  g_test_add_func ("/manage-registering/unconfirmed", test_unconfirmed);
  g_test_add_func ("/manage-registering/asks", test_asks);
  return g_test_run ();
}
