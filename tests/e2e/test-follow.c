/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* deflectctl and the real daemon: monitor, wait and watch, which stay. */

#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>

#include "harness.h"
#include "names.h"

#define TARGET "sip:+4915550100@mobile.example"

static const char *
id_of (const char *call)
{
  return call + strlen (DFL_CALL_PATH_PREFIX);
}

/* Starts deflectctl with these arguments and leaves it running. */
static Player *
follow (Stage *stage, const char *verb, const char *first, const char *second, const char *third)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);

  return stage_play (stage, program, "--bus", stage_get_bus_address (stage), verb, first, second,
                     third, NULL);
}

static gboolean
has_printed (Player *player, const char *text)
{
  g_autofree char *output = player_read_output (player);

  return strstr (output, text) != NULL;
}

static gboolean
has_reported (Player *player, const char *text)
{
  g_autofree char *errors = player_read_errors (player);

  return strstr (errors, text) != NULL;
}

static void
interrupt (Stage *stage, Player *player, int signal)
{
  player_signal (player, signal);
  player_await_success (stage, player);
}

/* --- monitor --- */

/* "added changed:offered ..." with the state of the call in each event. */
static char *
tell_events (Player *monitor)
{
  g_autofree char *output = player_read_output (monitor);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (output), "\n", -1);
  GString *story = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonNode) node = json_from_string (lines[i], &error);
      JsonObject *object;

      g_assert_no_error (error);
      object = json_node_get_object (node);
      g_string_append_printf (story, "%s%s", i > 0 ? " " : "",
                              json_object_get_string_member (object, "event"));
      if (json_object_has_member (object, "call"))
        g_string_append_printf (story, ":%s",
                                json_object_get_string_member (
                                    json_object_get_object_member (object, "call"), "State"));
    }
  return g_string_free (story, FALSE);
}

static gboolean
events_are (Player *monitor, const char *expected)
{
  g_autofree char *story = tell_events (monitor);

  return g_str_equal (story, expected);
}

static void
test_monitor (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller, *json, *text;

  stage_start_daemon (stage);
  json = follow (stage, "monitor", "--json", NULL, NULL);
  AWAIT (stage, has_printed (json, "ready"));
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  text = follow (stage, "monitor", NULL, NULL, NULL);
  AWAIT (stage, has_printed (text, "Carol Jensen +4930555100 (claimed)"));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "silence", NULL), ==, 0);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  AWAIT (stage, events_are (json, "ready added:offered changed:offered changed:redirecting "
                                  "changed:idle removed:idle"));
  AWAIT (stage, has_printed (text, "removed"));
  g_assert_true (has_printed (text, "Silenced=yes"));
  g_assert_true (has_printed (text, "RedirectedTo=" TARGET));
  g_assert_true (has_printed (text, "Outcome=redirected"));
  interrupt (stage, json, SIGTERM);
  interrupt (stage, text, SIGINT);
}

static void
test_monitor_restart (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *monitor, *caller;

  stage_start_daemon (stage);
  monitor = follow (stage, "monitor", "--json", NULL, NULL);
  AWAIT (stage, has_printed (monitor, "ready"));
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);
  AWAIT (stage, events_are (monitor, "ready lost"));
  g_assert_true (has_reported (monitor, "deflectd went away"));
  stage_start_daemon (stage);
  AWAIT (stage, events_are (monitor, "ready lost ready"));
  g_assert_true (has_reported (monitor, "deflectd is back"));
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  AWAIT (stage, events_are (monitor, "ready lost ready added:offered"));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
  interrupt (stage, monitor, SIGTERM);
}

/* Who pipes it into something that leaves gets no process that stays for ever. */
static void
test_monitor_unread (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  g_autofree char *line = NULL;
  g_autofree char *call = NULL;
  Player *pipe, *caller;

  stage_start_daemon (stage);
  line = g_strdup_printf ("(%s --bus %s monitor --json; echo ended with $? >&2) | head -1", program,
                          stage_get_bus_address (stage));
  pipe = stage_play (stage, "sh", "-c", line, NULL);
  AWAIT (stage, has_printed (pipe, "ready"));
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  AWAIT (stage, has_reported (pipe, "ended with 0"));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
  player_await_success (stage, pipe);
}

/* --- wait --- */

static void
test_wait (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *output = NULL;
  g_autofree char *expected = NULL;
  Player *waiting, *only_new, *caller;

  stage_start_daemon (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--timeout", "0.1", NULL), ==, 3);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--timeout", "0", NULL), ==, 3);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--account", "bob", NULL), ==, 10);
  waiting = follow (stage, "wait", "--caller", "carol*", "--account=alice");
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  player_await_success (stage, waiting);
  output = player_read_output (waiting);
  expected = g_strconcat (id_of (call), "\n", NULL);
  g_assert_cmpstr (output, ==, expected);

  /* It is offered still, and counts unless it must be a new one or somebody else's. */
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", NULL), ==, 0);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--new", "--timeout", "0.1", NULL), ==,
                   3);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--caller", "bob*", "--timeout", "0.1",
                                     NULL),
                   ==, 3);
  /* Not to wait at all is to look. */
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--timeout", "0", NULL), ==, 0);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--timeout", "0.0001", NULL), ==, 0);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--new", "--timeout", "0", NULL), ==, 3);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "wait", "--caller", "bob*", "--timeout", "0",
                                     NULL),
                   ==, 3);
  only_new = follow (stage, "wait", "--new", "--timeout", "50");
  /* New is what comes after it looked, and when that was cannot be seen: call until it ends. */
  while (!player_has_ended (only_new))
    {
      g_autofree char *later = NULL;
      Player *later_caller = stage_call_alice (stage);

      later = stage_await_call (stage);
      g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", id_of (later), NULL), ==, 0);
      player_await_success (stage, later_caller);
    }
  player_await_success (stage, only_new);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

/* --- watch --- */

/* Five calls, and each command waits until all five run. */
static void
test_watch_several (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  Player *callers[5];
  char *calls[5];
  Player *watch;

  stage_start_daemon (stage);
  watch = follow (stage, "watch",
                  "--exec=sh -c 'touch runs-$DEFLECT_CALL_ID; "
                  "while test $(ls runs-* | wc -l) -lt 5; do sleep 0.02; done; "
                  "echo redirect sip:$DEFLECT_CALL_ID-$DEFLECT_ACCOUNT@mobile.example'",
                  "--limit=60", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      callers[i] = stage_call_alice (stage);
      calls[i] = stage_await_call (stage);
    }
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      g_autofree char *sent
          = g_strdup_printf ("%s: sent the redirect to sip:%s-alice@mobile.example\n",
                             id_of (calls[i]), id_of (calls[i]));
      g_autofree char *ended = g_strdup_printf ("%s: redirected (the server acknowledged it)\n",
                                                id_of (calls[i]));

      player_await_success (stage, callers[i]);
      stage_await_story (stage, calls[i], "offered redirecting idle:redirected removed");
      AWAIT (stage, has_printed (watch, sent) && has_printed (watch, ended));
      g_free (calls[i]);
    }
  interrupt (stage, watch, SIGTERM);
}

/* What a command knows of the call, and that nothing of it is ever run. */
static void
test_watch_environment (void)
{
  const char *const expected[] = {
    "DEFLECT_ACCOUNT=alice\n",
    "DEFLECT_CALLED=sip:alice@deflect.example\n",
    "DEFLECT_CALLER=sip:+4930555100@pbx.example\n",
    "DEFLECT_CALLER_NAME=Mallory31mssob$(touch pwned)`touch pwned`\n",
    "DEFLECT_CALLER_NUMBER=+4930555100\n",
    "DEFLECT_CALLER_PRESENTATION=allowed\n",
    "DEFLECT_CALLER_TRUSTED=no\n",
    "DEFLECT_SUBJECT=\n",
  };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *bus = NULL;
  g_autofree char *call_line = NULL;
  g_autofree char *id_line = NULL;
  g_autofree char *call = NULL;
  g_autofree char *pwned = g_build_filename (stage_get_directory (stage), "pwned", NULL);
  Player *watch, *caller;

  stage_start_daemon (stage);
  watch = follow (stage, "watch",
                  "--exec=sh -c 'env | grep ^DEFLECT_ >&2; echo $DEFLECT_CALLER_NAME >&2; "
                  "echo decline 486'",
                  NULL, NULL);
  caller = stage_call (stage, "hostile.xml", "u1", "127.0.0.1",
                       stage_get_port (stage, "udp:127.0.0.1:"), NULL);
  call = stage_await_call (stage);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered declining idle:declined removed");
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    if (!has_reported (watch, expected[i]))
      g_error ("The environment has no %s", expected[i]);
  bus = g_strdup_printf ("DEFLECT_BUS=%s\n", stage_get_bus_address (stage));
  call_line = g_strdup_printf ("DEFLECT_CALL=%s\n", call);
  id_line = g_strdup_printf ("DEFLECT_CALL_ID=%s\n", id_of (call));
  g_assert_true (has_reported (watch, bus));
  g_assert_true (has_reported (watch, call_line));
  g_assert_true (has_reported (watch, id_line));
  g_assert_false (g_file_test (pwned, G_FILE_TEST_EXISTS));
  interrupt (stage, watch, SIGTERM);
}

/* Whatever a command does wrong leaves the call to others. */
static void
test_watch_wrong (void)
{
  const struct
  {
    const char *command, *limit, *report;
  } cases[] = {
    { "--exec=echo answer it", "--limit=60", "“answer it” is no answer" },
    { "--exec=echo redirect sip:", "--limit=60", "this is no address to redirect to" },
    { "--exec=echo redirect sip:alice@deflect.example", "--limit=60",
      "this redirect would be a loop" },
    { "--exec=sh -c 'exit 7'", "--limit=60", "the command ended with status 7" },
    { "--exec=sleep 1000", "--limit=1", "took longer than 1 second" },
    { "--exec=sh -c 'printf \"\\033[2Jhello\"'", "--limit=60", "“\\u001b[2Jhello” is no answer" },
  };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Player *watch = follow (stage, "watch", cases[i].command, cases[i].limit, NULL);

      AWAIT (stage, has_reported (watch, cases[i].report));
      interrupt (stage, watch, SIGINT);
      g_assert_false (has_reported (watch, "\033"));
      g_assert_cmpstr (stage_get_story (stage, call), ==, "offered");
    }
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

/* Somebody else decides while the command thinks: it is told, and what it says then counts no more.
 */
static void
test_watch_too_late (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *watch, *caller;

  stage_start_daemon (stage);
  watch = follow (stage, "watch",
                  "--exec=sh -c 'trap \"echo told >&2; echo decline; exit\" TERM; echo runs >&2;"
                  "while :; do sleep 0.05; done'",
                  NULL, NULL);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  AWAIT (stage, has_reported (watch, "runs"));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  AWAIT (stage, has_reported (watch, "too late"));
  g_assert_true (has_reported (watch, "told"));
  interrupt (stage, watch, SIGTERM);
}

/* silence, and the end of watch itself: commands that run are ended with it. */
static void
test_watch_end (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (GVariant) silenced = NULL;
  g_autofree char *call = NULL;
  Player *watch, *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  watch = follow (stage, "watch", "--exec=sh -c 'echo silence; exec sleep 1000'", "--json", NULL);
  AWAIT (stage, has_printed (watch, "\"event\":\"silenced\""));
  silenced = stage_get_property (stage, call, DFL_CALL_INTERFACE, "Silenced");
  g_assert_true (g_variant_get_boolean (silenced));
  interrupt (stage, watch, SIGTERM);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/follow/monitor", test_monitor);
  g_test_add_func ("/follow/monitor-restart", test_monitor_restart);
  g_test_add_func ("/follow/monitor-unread", test_monitor_unread);
  g_test_add_func ("/follow/wait", test_wait);
  g_test_add_func ("/follow/watch-several", test_watch_several);
  g_test_add_func ("/follow/watch-environment", test_watch_environment);
  g_test_add_func ("/follow/watch-wrong", test_watch_wrong);
  g_test_add_func ("/follow/watch-too-late", test_watch_too_late);
  g_test_add_func ("/follow/watch-end", test_watch_end);
  return g_test_run ();
}
