/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* deflectctl changes accounts and targets of the real daemon, and a person types a password. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "names.h"

#define ADDRESS "sip:work@deflect.example"
#define SECRET "xyzzy-correct-horse"

/* The path of an account's file, or of the directory of all. */
static char *
state_path (Stage *stage, const char *id)
{
  g_autofree char *name = id != NULL ? g_strconcat (id, ".conf", NULL) : NULL;

  return g_build_filename (stage_get_directory (stage), "state", "accounts.d", name, NULL);
}

static char *
read_state (Stage *stage, const char *id)
{
  g_autofree char *path = state_path (stage, id);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* Runs deflectctl with a line of words, which has to succeed, and reads the JSON that it prints. */
static JsonNode *
run_json (Stage *stage, const char *line)
{
  g_autofree char *words = g_strdup_printf ("exec \"$0\" --bus '%s' --json %s",
                                            stage_get_bus_address (stage), line);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  Player *player = stage_play (stage, "sh", "-c", words, program, NULL);
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  JsonNode *node;

  player_await_success (stage, player);
  output = player_read_output (player);
  node = json_from_string (output, &error);
  g_assert_no_error (error);
  return node;
}

/* The same, and it has to fail with this exit code; what it says. */
static char *
run_failing (Stage *stage, const char *line, int exit_code)
{
  g_autofree char *words = g_strdup_printf ("exec \"$0\" --bus '%s' %s",
                                            stage_get_bus_address (stage), line);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  Player *player = stage_play (stage, "sh", "-c", words, program, NULL);
  char *errors;

  g_assert_cmpint (player_await (stage, player), ==, exit_code);
  errors = player_read_errors (player);
  g_assert_cmpstr (errors, !=, "");
  return errors;
}

static const char *
get (JsonNode *node, const char *member)
{
  return json_object_get_string_member (json_node_get_object (node), member);
}

/* Whether the account is what the next ones say it is. */
static void
assert_account (Stage *stage, const char *id, const char *state, const char *display_name)
{
  g_autofree char *line = g_strdup_printf ("account show %s", id);
  g_autoptr (JsonNode) shown = run_json (stage, line);

  g_assert_cmpstr (get (shown, "id"), ==, id);
  g_assert_cmpstr (get (shown, "Name"), ==, "work");
  g_assert_cmpstr (get (shown, "Address"), ==, ADDRESS);
  g_assert_cmpstr (get (shown, "State"), ==, state);
  g_assert_cmpstr (get (shown, "DisplayName"), ==, display_name);
}

static void
restart (Stage *stage)
{
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);
  stage_start_daemon (stage);
}

static char *
add_work (Stage *stage)
{
  g_autoptr (JsonNode) added = run_json (stage, "account add work " ADDRESS
                                                " register=false accept-from=127.0.0.1,192.0.2.0/24"
                                                " display-name='At work'");

  g_assert_cmpstr (get (added, "State"), ==, "direct");
  return g_strdup (get (added, "id"));
}

/* From the first to the last day of an account, with a restart after everything. */
static void
test_life (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *id = NULL;
  g_autofree char *list = NULL;
  g_autofree char *kept = NULL;
  g_autofree char *kept_later = NULL;
  g_autofree char *removed = NULL;
  g_autofree char *path = NULL;
  g_autoptr (JsonNode) changed = NULL;
  g_autoptr (JsonNode) enabled = NULL;
  g_autoptr (JsonNode) gone = NULL;

  stage_start_daemon (stage);
  id = add_work (stage);
  assert_account (stage, id, "direct", "At work");
  g_assert_cmpint (stage_deflectctl (stage, &list, "account", "list", NULL), ==, 0);
  g_assert_nonnull (strstr (list, id));
  restart (stage);
  assert_account (stage, id, "direct", "At work");

  changed = run_json (stage, "account set work display-name=Office ring-limit=33 alert=silent");
  g_assert_cmpstr (get (changed, "DisplayName"), ==, "Office");
  kept = read_state (stage, id);
  g_assert_nonnull (strstr (kept, "ring-limit=33"));
  g_assert_nonnull (strstr (kept, "192.0.2.0/24"));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "set", id,
                                     "ring-limit=", "display-name=", NULL),
                   ==, 0);
  kept_later = read_state (stage, id);
  g_assert_null (strstr (kept_later, "ring-limit"));
  g_assert_nonnull (strstr (kept_later, "alert=silent"));
  restart (stage);
  assert_account (stage, id, "direct", "");

  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "disable", "work", NULL), ==, 0);
  assert_account (stage, id, "disabled", "");
  restart (stage);
  assert_account (stage, id, "disabled", "");
  enabled = run_json (stage, "account enable work");
  g_assert_cmpstr (get (enabled, "State"), ==, "direct");

  gone = run_json (stage, "account remove work");
  g_assert_cmpstr (get (gone, "id"), ==, id);
  removed = run_failing (stage, "account show work", 10);
  path = state_path (stage, id);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  restart (stage);
  g_free (removed);
  removed = run_failing (stage, "account show work", 10);
}

static char *
list_targets (Stage *stage, const char *account)
{
  char *output = NULL;

  g_assert_cmpint (stage_deflectctl (stage, &output, "target", "list", account, NULL), ==, 0);
  return output;
}

static void
test_targets (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *id = NULL;
  g_autofree char *unclear = NULL;
  g_autofree char *unknown = NULL;
  g_autofree char *invalid = NULL;
  g_autofree char *table = NULL;
  g_autofree char *rest = NULL;
  g_autoptr (JsonNode) targets = NULL;
  g_autoptr (JsonNode) one_target = NULL;
  JsonObject *target;

  stage_start_daemon (stage);
  id = add_work (stage);
  /* Two accounts are there: alice of the settings, and this one. */
  unclear = run_failing (stage, "target set mobile +4915550100", 10);
  g_assert_nonnull (strstr (unclear, id));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "target", "set", "work", "mobile", "+4915550100",
                                     NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "target", "set", id, "desk",
                                     "sip:200@deflect.example", "--label", "My desk", NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "target", "set", "work", "mobile", "+4915550199",
                                     NULL),
                   ==, 0);
  invalid = run_failing (stage, "target set work home 'sip:'", 1);
  restart (stage);

  targets = run_json (stage, "target list work");
  g_assert_cmpuint (json_array_get_length (json_node_get_array (targets)), ==, 2);
  target = json_array_get_object_element (json_node_get_array (targets), 0);
  g_assert_cmpstr (json_object_get_string_member (target, "alias"), ==, "mobile");
  g_assert_cmpstr (json_object_get_string_member (target, "label"), ==, "Mobile");
  g_assert_cmpstr (json_object_get_string_member (target, "address"), ==, "+4915550199");
  table = list_targets (stage, "work");
  g_assert_nonnull (strstr (table, "My desk"));

  g_assert_cmpint (stage_deflectctl (stage, NULL, "target", "remove", "work", "mobile", NULL), ==,
                   0);
  unknown = run_failing (stage, "target remove work mobile", 10);
  rest = list_targets (stage, "work");
  g_assert_null (strstr (rest, "mobile"));
  /* Where there is one account, nobody has to name it. */
  stage_write_account (stage, "alice", NULL);
  restart (stage);
  one_target = run_json (stage, "target list");
  g_assert_cmpuint (json_array_get_length (json_node_get_array (one_target)), ==, 1);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "target", "remove", "desk", NULL), ==, 0);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "target", "set", "desk", "201", NULL), ==, 0);
}

/* What stands in the settings directory is changed there; what makes no sense, nowhere. */
static void
test_refused (void)
{
  const struct
  {
    const char *line, *said;
  } cases[] = {
    { "account set alice ring-limit=30", "alice.conf" },
    { "account disable alice", "alice.conf" },
    { "account remove alice", "alice.conf" },
    { "target set alice mobile 200", "alice.conf" },
    { "account set work ring-limit=4000000", "ring-limit" },
    { "account set work address=nonsense", "address" },
    { "account set work \"display-name=a\nb\"", "display-name" },
    { "account add work sip:other@deflect.example register=false accept-from=127.0.0.1", "work" },
    { "account add ../work sip:other@deflect.example register=false accept-from=127.0.0.1",
      "name: expected" },
    { "account add other sip:other@deflect.example register=false", "accept-from" },
  };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *id = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  stage_start_daemon (stage);
  id = add_work (stage);
  before = read_state (stage, id);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *errors = run_failing (stage, cases[i].line, 1);

      if (strstr (errors, cases[i].said) == NULL)
        g_error ("“%s” is not in “%s”", cases[i].said, errors);
    }
  after = read_state (stage, id);
  g_assert_cmpstr (after, ==, before);
}

/* --- Passwords --- */

/* Whether any program's arguments or environment hold the text, as ps shows them. */
static gboolean
is_in_processes (const char *text)
{
  g_autoptr (GDir) processes = g_dir_open ("/proc", 0, NULL);
  const char *const files[] = { "cmdline", "environ" };
  const char *name;

  while ((name = g_dir_read_name (processes)) != NULL)
    for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
      {
        g_autofree char *path = g_build_filename ("/proc", name, files[i], NULL);
        g_autofree char *data = NULL;
        gsize length;

        if (g_ascii_isdigit (*name) && g_file_get_contents (path, &data, &length, NULL)
            && g_strstr_len (data, (gssize)length, text) != NULL)
          return TRUE;
      }
  return FALSE;
}

/* What everybody may look at, and the log. */
static void
assert_secret (Stage *stage)
{
  const char *const verbs[] = { "list", "show" };
  g_autofree char *log = stage_read_log (stage);

  g_assert_null (strstr (log, SECRET));
  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *text = NULL;
      g_autofree char *json = NULL;
      const char *name = i == 1 ? "work" : NULL;

      g_assert_cmpint (stage_deflectctl (stage, &text, "account", verbs[i], name, NULL), ==, 0);
      g_assert_null (strstr (text, SECRET));
      g_assert_cmpint (stage_deflectctl (stage, &json, "--json", "account", verbs[i], name, NULL),
                       ==, 0);
      g_assert_nonnull (strstr (json, ADDRESS));
      g_assert_null (strstr (json, SECRET));
    }
}

/* Its file is the only place, and nobody else may read that. */
static void
assert_kept (Stage *stage, const char *id, const char *password)
{
  g_autofree char *path = state_path (stage, id);
  g_autofree char *text = read_state (stage, id);
  GStatBuf status;

  if (password != NULL)
    g_assert_nonnull (strstr (text, password));
  else
    g_assert_null (strstr (text, "password"));
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0600);
}

static void
test_password_file (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *file = g_build_filename (stage_get_directory (stage), "password", NULL);
  g_autofree char *path = NULL;
  g_autofree char *add = NULL;
  g_autoptr (JsonNode) added = NULL;
  g_autoptr (JsonNode) changed = NULL;
  g_autoptr (JsonNode) forgotten = NULL;
  const char *id;

  g_assert_true (g_file_set_contents (file, SECRET "\n", -1, NULL));
  stage_start_daemon (stage);
  add = g_strdup_printf ("account add work " ADDRESS " username=w --no-wait "
                         "--password-file '%s'",
                         file);
  added = run_json (stage, add);
  id = get (added, "id");
  g_assert_cmpstr (get (added, "State"), !=, "registered");
  assert_kept (stage, id, "password=" SECRET);
  assert_secret (stage);
  restart (stage);
  assert_kept (stage, id, "password=" SECRET);
  assert_secret (stage);

  g_assert_true (g_file_set_contents (file, "another;one# \\s\nrest\n", -1, NULL));
  add = (g_free (add),
         g_strdup_printf ("account set work --no-wait --password-file - <'%s'", file));
  changed = run_json (stage, add);
  assert_kept (stage, id, "another;one");
  forgotten = run_json (stage, "account set work --no-wait password=");
  assert_kept (stage, id, NULL);
}

/* A person on a terminal: what is typed is not shown, and while deflectctl waits for the daemon
 * nobody sees the password among the processes either. */
static void
test_typed_password (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  g_autofree char *pipe = g_build_filename (stage_get_directory (stage), "keys", NULL);
  g_autofree char *line = g_strdup_printf ("%s --bus '%s' account add --no-wait work " ADDRESS,
                                           program, stage_get_bus_address (stage));
  g_autofree char *seen = NULL;
  g_autoptr (JsonNode) shown = NULL;
  Player *terminal;
  int keys;

  stage_start_daemon (stage);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  keys = open (pipe, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (keys, >=, 0);
  terminal = stage_play (stage, "sh", "-c", "exec script -qec \"$0\" /dev/null <\"$1\"", line, pipe,
                         NULL);
  AWAIT (stage, (g_free (seen), seen = player_read_output (terminal), strstr (seen, "none): ")));
  g_assert_nonnull (strstr (seen, "Password of " ADDRESS));
  stage_signal_daemon (stage, SIGSTOP);
  g_assert_cmpint (write (keys, SECRET "\n", strlen (SECRET "\n")), >, 0);
  AWAIT (stage, (g_free (seen), seen = player_read_output (terminal), strchr (seen, '\n')));
  g_assert_false (is_in_processes (SECRET));
  stage_signal_daemon (stage, SIGCONT);
  player_await_success (stage, terminal);
  close (keys);

  g_free (seen);
  seen = player_read_output (terminal);
  g_assert_nonnull (strstr (seen, "Added account work."));
  g_assert_null (strstr (seen, SECRET));
  shown = run_json (stage, "account show work");
  assert_kept (stage, get (shown, "id"), "password=" SECRET);
  assert_secret (stage);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manage/life", test_life);
  g_test_add_func ("/manage/targets", test_targets);
  g_test_add_func ("/manage/refused", test_refused);
  g_test_add_func ("/manage/password-file", test_password_file);
  g_test_add_func ("/manage/typed-password", test_typed_password);
  return g_test_run ();
}
