/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* deflectctl and the real daemon: one question, one answer. */

#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>

#include "harness.h"
#include "names.h"
#include "wire.h"

#define TARGET "sip:+4915550100@mobile.example"

static const char *
id_of (const char *call)
{
  return call + strlen (DFL_CALL_PATH_PREFIX);
}

/* Runs deflectctl with these arguments, which has to succeed, and reads the JSON that it prints. */
static JsonNode *
read_json (Stage *stage, const char *verb, const char *argument)
{
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  JsonNode *node;

  g_assert_cmpint (stage_deflectctl (stage, &output, verb, "--json", argument, NULL), ==, 0);
  node = json_from_string (output, &error);
  g_assert_no_error (error);
  return node;
}

static const char *
get (JsonNode *node, const char *member)
{
  return json_object_get_string_member (json_node_get_object (node), member);
}

static void
test_look (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (JsonNode) status = NULL;
  g_autoptr (JsonNode) list = NULL;
  g_autoptr (JsonNode) call_json = NULL;
  g_autofree char *call = NULL;
  g_autofree char *text = NULL;
  g_autofree char *shown = NULL;
  g_autofree char *accounts = NULL;
  Player *caller;
  JsonObject *object;

  stage_start_daemon (stage);
  g_assert_cmpint (stage_deflectctl (stage, &text, "list", NULL), ==, 0);
  g_assert_cmpstr (text, ==, "");
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);

  status = read_json (stage, "status", NULL);
  object = json_node_get_object (status);
  g_assert_cmpint (json_object_get_int_member (object, "calls"), ==, 1);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "accounts")), ==,
                    1);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "Listening")), ==,
                    2);

  list = read_json (stage, "list", NULL);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (list)), ==, 1);
  call_json = read_json (stage, "show", NULL);
  g_assert_true (
      json_node_equal (call_json, json_array_get_element (json_node_get_array (list), 0)));
  g_assert_cmpstr (get (call_json, "id"), ==, id_of (call));
  g_assert_cmpstr (get (call_json, "path"), ==, call);
  g_assert_cmpstr (get (call_json, "accountName"), ==, "alice");
  g_assert_cmpstr (get (call_json, "CallerNumber"), ==, "+4930555100");
  g_assert_cmpstr (get (call_json, "State"), ==, "offered");

  g_assert_cmpint (stage_deflectctl (stage, &shown, "show", id_of (call), NULL), ==, 0);
  g_assert_nonnull (strstr (shown, "Lunch?"));
  g_assert_cmpint (stage_deflectctl (stage, &accounts, "account", "show", "alice", NULL), ==, 0);
  g_assert_nonnull (strstr (accounts, "sip:alice@deflect.example"));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "show", "bob", NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

static char *
read_account_id (Stage *stage, const char *name)
{
  g_autofree char *output = NULL;
  g_autoptr (JsonNode) account = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (stage_deflectctl (stage, &output, "account", "show", "--json", name, NULL), ==,
                   0);
  account = json_from_string (output, &error);
  g_assert_no_error (error);
  return g_strdup (get (account, "id"));
}

/* An account is meant by its name as well as by its id. */
static void
test_which_account (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *called = NULL;
  g_autofree char *quiet = NULL;
  Player *caller;

  stage_write_account (stage, "quiet",
                       "[account]\naddress=sip:quiet@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\n");
  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  called = read_account_id (stage, "alice");
  quiet = read_account_id (stage, "quiet");
  for (const char **name = (const char *[]){ "alice", called, NULL }; *name != NULL; name++)
    g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--account", *name, "--timeout", "0",
                                       NULL),
                     ==, 0);
  for (const char **name = (const char *[]){ "quiet", quiet, NULL }; *name != NULL; name++)
    g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--account", *name, "--timeout", "0",
                                       NULL),
                     ==, 3);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--account", "ffffffff", NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

/* Nothing is guessed: whatever is not clear leaves every call as it was. */
static void
test_which_call (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *beginning = NULL;
  Player *first_caller, *second_caller;
  guint common = 0;

  stage_start_daemon (stage);
  first_caller = stage_call_alice (stage);
  first = stage_await_call (stage);
  second_caller = stage_call_alice (stage);
  second = stage_await_call (stage);
  while (id_of (first)[common] == id_of (second)[common])
    common++;

  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "silence", NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "show", NULL), ==, 10);
  g_assert_cmpstr (stage_get_story (stage, first), ==, "offered");
  g_assert_cmpstr (stage_get_story (stage, second), ==, "offered");

  beginning = g_strndup (id_of (first), common + 1);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", beginning, TARGET, NULL), ==, 0);
  player_await_success (stage, first_caller);
  stage_await_story (stage, first, "offered redirecting idle:redirected removed");

  /* What looks like a call is one, also when it is over: never a number for the other call. */
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "12345678", "200", NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", id_of (first), "200", NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", id_of (first), NULL), ==, 10);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "+49", "200", NULL), ==, 1);
  g_assert_cmpstr (stage_get_story (stage, second), ==, "offered");
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "--call", second, "200", NULL), ==,
                   0);
  player_await_success (stage, second_caller);
}

static void
test_check (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (JsonNode) checked = NULL;
  g_autofree char *call = NULL;
  g_autofree char *text = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, &text, "redirect", "--check", "200", NULL), ==, 0);
  g_assert_cmpstr (text, ==, "Would redirect to sip:200@deflect.example;user=phone.\n");
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "--dry-run", "sip:", NULL), ==, 1);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "--check",
                                     "sip:alice@deflect.example", NULL),
                   ==, 1);
  g_assert_cmpstr (stage_get_story (stage, call), ==, "offered");
  checked = read_json (stage, "redirect", "200");
  g_assert_cmpstr (get (checked, "outcome"), ==, "redirected");
  player_await_success (stage, caller);
}

/* Nobody has to know the id of the only call to hear that somebody else decided it, and who. */
G_GNUC_NULL_TERMINATED static void
assert_decided (Stage *stage, const char *program, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *errors = NULL;
  Player *player;
  va_list words;
  char *word;

  g_ptr_array_add (argv, (gpointer)program);
  g_ptr_array_add (argv, (gpointer) "--bus");
  g_ptr_array_add (argv, (gpointer)stage_get_bus_address (stage));
  va_start (words, program);
  while ((word = va_arg (words, char *)) != NULL)
    g_ptr_array_add (argv, word);
  va_end (words);
  g_ptr_array_add (argv, NULL);
  player = stage_playv (stage, (const char *const *)argv->pdata);
  g_assert_cmpint (player_await (stage, player), ==, 5);
  errors = player_read_errors (player);
  g_assert_nonnull (strstr (errors, "decided by user:"));
}

/* Without an ACK: the redirect is sent once, the second one is too late, the first one unconfirmed
 * after 20 seconds. */
static void
test_too_late (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;
  g_autofree char *program = NULL;
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  Player *waiting;

  stage_start_daemon (stage);
  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (stage);
  program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl", NULL);
  waiting = stage_play (stage, program, "--bus", stage_get_bus_address (stage), "redirect", TARGET,
                        NULL);
  wire_await_response (wire, 302, "INVITE");
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", id_of (call), "200", NULL), ==, 5);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", id_of (call), NULL), ==, 5);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "silence", id_of (call), NULL), ==, 5);
  assert_decided (stage, program, "redirect", "200", NULL);
  assert_decided (stage, program, "redirect", "--check", "200", NULL);
  assert_decided (stage, program, "decline", NULL);
  assert_decided (stage, program, "silence", NULL);
  /* To look at it is another matter: it has to be named. */
  g_assert_cmpint (stage_deflectctl (stage, NULL, "show", NULL), ==, 10);

  g_assert_cmpint (player_await (stage, waiting), ==, 3);
  output = player_read_output (waiting);
  errors = player_read_errors (waiting);
  g_assert_cmpstr (output, ==, "");
  g_assert_nonnull (strstr (errors, "has not acknowledged it yet"));
  wire_acknowledge (wire);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

/* A caller's name on a real terminal. */
static void
test_terminal (void)
{
  const char *const verbs[] = { "list", "show" };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *program = NULL;
  g_autofree char *call = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call (stage, "hostile.xml", "u1", "127.0.0.1",
                       stage_get_port (stage, "udp:127.0.0.1:"), NULL);
  call = stage_await_call (stage);
  program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *command = g_strdup_printf ("%s --bus %s %s", program,
                                                  stage_get_bus_address (stage), verbs[i]);
      Player *terminal = stage_play (stage, "script", "-qec", command, "/dev/null", NULL);
      g_autofree char *seen = NULL;

      player_await_success (stage, terminal);
      seen = player_read_output (terminal);
      g_assert_nonnull (strstr (seen, "Mallory"));
      g_assert_null (strchr (seen, '\033'));
      g_assert_null (strstr (seen, "\xc2\x9b"));
      g_assert_null (strstr (seen, "\xe2\x80\xae"));
      g_assert_true (g_utf8_validate (seen, -1, NULL));
    }
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

/* A call stays when its account goes. */
static void
test_account_gone (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (JsonNode) call_json = NULL;
  g_autofree char *call = NULL;
  g_autofree char *list = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  stage_write_account (stage, "alice", NULL);
  stage_signal_daemon (stage, SIGHUP);
  AWAIT (stage, stage_deflectctl (stage, NULL, "account", "show", "alice", NULL) == 10);
  g_assert_cmpint (stage_deflectctl (stage, &list, "list", NULL), ==, 0);
  g_assert_nonnull (strstr (list, "(gone)"));
  call_json = read_json (stage, "list", NULL);
  g_assert_false (
      json_object_has_member (json_array_get_object_element (json_node_get_array (call_json), 0),
                              "accountName"));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

/* Runs a line of shell, in which $0 is deflectctl and $1 the bus. */
static Player *
play_shell (Stage *stage, const char *line)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);

  return stage_play (stage, "sh", "-c", line, program, stage_get_bus_address (stage), NULL);
}

/* Who keeps the output must not believe that there was none. */
static void
test_full (void)
{
  const char *const verbs[] = {
    "status",
    "list",
    "list --json",
    "show",
    "show --json",
    "account list",
    "silence",
    "silence --json",
    "redirect --check 200",
    "wait",
    "wait --json",
    "monitor",
    "monitor --json",
    "watch --exec 'echo silence'",
    "--help",
    "list --help",
    "--version",
    "redirect 200",
  };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *complaint = NULL;
  Player *caller, *unread;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  /* A pipe that is not read is no disk that is full. */
  unread = play_shell (stage, "mkfifo pipe && exec 3<>pipe 4>pipe 3<&- && rm pipe"
                              " && exec \"$0\" --bus \"$1\" list >&4");
  player_await_success (stage, unread);
  complaint = player_read_errors (unread);
  g_assert_cmpstr (complaint, ==, "");

  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *line = g_strdup_printf ("exec \"$0\" --bus \"$1\" %s >/dev/full", verbs[i]);
      g_autofree char *errors = NULL;
      Player *player = play_shell (stage, line);

      g_test_message ("%s", verbs[i]);
      g_assert_cmpint (player_await (stage, player), ==, 1);
      errors = player_read_errors (player);
      g_assert_nonnull (strstr (errors, "the output could not be written"));
    }
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered silenced redirecting idle:redirected removed");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deflectctl/look", test_look);
  g_test_add_func ("/deflectctl/which-call", test_which_call);
  g_test_add_func ("/deflectctl/which-account", test_which_account);
  g_test_add_func ("/deflectctl/check", test_check);
  g_test_add_func ("/deflectctl/too-late", test_too_late);
  g_test_add_func ("/deflectctl/terminal", test_terminal);
  g_test_add_func ("/deflectctl/account-gone", test_account_gone);
  g_test_add_func ("/deflectctl/full", test_full);
  return g_test_run ();
}
