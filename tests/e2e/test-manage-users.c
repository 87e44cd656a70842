/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several users of one machine manage accounts with deflectctl, the real polkitd decides, and one
 * of them types a password for polkit's agent on a terminal. */

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "machine.h"
#include "names.h"

/* As for people who are logged in at the machine; root is never asked. */
#define OWN_ALLOWED                                                                                \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id == 'org.deflectd1.manage-own-accounts') return polkit.Result.YES;"              \
  "});"

/* As for people who are logged in elsewhere. */
#define OWN_WITH_PASSWORD                                                                          \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id == 'org.deflectd1.manage-own-accounts') return polkit.Result.AUTH_SELF;"        \
  "});"

#define ADD "account", "add", "--no-ask-password", "--no-wait", "--json", "work"

static char *
add (Stage *stage, guint uid, const char *address)
{
  g_autofree char *output = NULL;
  g_autoptr (JsonNode) account = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (stage_deflectctl_as (stage, uid, &output, ADD, address, NULL), ==, 0);
  account = json_from_string (output, &error);
  g_assert_no_error (error);
  return g_strdup (json_object_get_string_member (json_node_get_object (account), "id"));
}

static void
assert_listed (Stage *stage, guint uid, const char *there, const char *not_there)
{
  g_autofree char *output = NULL;

  g_assert_cmpint (stage_deflectctl_as (stage, uid, &output, "account", "list", NULL), ==, 0);
  g_assert_nonnull (strstr (output, there));
  if (not_there != NULL)
    g_assert_null (strstr (output, not_there));
}

/* What deflectctl says when root means one of two accounts. */
static char *
ask_root (Stage *stage, const char *verb, const char *account)
{
  g_autofree char *program = g_build_filename (stage_get_directory (stage), "deflectctl", NULL);
  Player *player = stage_play (stage, program, "account", verb, account, NULL);

  g_assert_cmpint (player_await (stage, player), ==, 10);
  return player_read_errors (player);
}

/* Two users may have accounts of one name: each means their own, and who sees both has to choose.
 */
static void
test_same_name (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *alices = NULL;
  g_autofree char *bobs = NULL;
  g_autofree char *unclear = NULL;
  g_autofree char *not_hers = NULL;

  stage_start_polkitd (stage, OWN_ALLOWED);
  stage_start_daemon (stage);
  alices = add (stage, MACHINE_ALICE, "sip:a@deflect.example");
  bobs = add (stage, MACHINE_BOB, "sip:b@deflect.example");
  g_assert_cmpstr (alices, !=, bobs);
  assert_listed (stage, MACHINE_ALICE, alices, bobs);
  assert_listed (stage, MACHINE_BOB, bobs, alices);
  assert_listed (stage, 0, alices, NULL);
  assert_listed (stage, 0, bobs, NULL);

  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "account", "set", "work",
                                        "display-name=Mine", NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "target", "set", "mobile",
                                        "+4915550100", NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, &not_hers, "account", "remove", bobs,
                                        NULL),
                   ==, 10);

  unclear = ask_root (stage, "remove", "work");
  g_assert_nonnull (strstr (unclear, alices));
  g_assert_nonnull (strstr (unclear, bobs));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "remove", alices, NULL), ==, 0);
  assert_listed (stage, 0, bobs, alices);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_BOB, NULL, "account", "remove", "work",
                                        NULL),
                   ==, 0);
}

/* What takes an administrator is refused, and the words for it help. */
static void
test_not_authorised (void)
{
  const char *const settings[][2] = {
    { "register=false", "accept-from=127.0.0.1" },
    { "users=bob", "ring-limit=30" },
    { "registrar=127.0.0.1", "ring-limit=30" },
    { "tls-verify=false", "ring-limit=30" },
  };
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *none = NULL;

  stage_start_polkitd (stage, OWN_ALLOWED);
  stage_start_daemon (stage);
  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, ADD, "sip:a@deflect.example",
                                          settings[i][0], settings[i][1], NULL),
                     ==, 4);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, &none, "account", "list", NULL), ==,
                   0);
  g_assert_cmpstr (none, ==, "");
}

/* --- polkit's agent on a terminal --- */

#define PASSWORD "xyzzy-horse"
#define SHADOW                                                                                     \
  "alice:$5$deflectdtests$Qa5qRaZJthxco3bxpzZevLgmy..GMRRHiGwtht2Vxl3:20000:0:99999:7:::\n"
#define CHANGE "$D/deflectctl account set work display-name=Mine"
#define PAM_SERVICE "auth required pam_unix.so\naccount required pam_unix.so\n"

/* A directory whose only file is ours, for this machine alone. */
static void
replace_directory (const char *directory, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  g_assert_cmpint (mount ("tmpfs", directory, "tmpfs", 0, "mode=0755"), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* polkit's helper, which looks at the password, is set-uid root: it trusts no variable that names
 * the bus, PAM's settings or the passwords. For all stages; only root does more than list cases. */
static void
prepare_machine (void)
{
  machine_enter ();
  if (getuid () != 0)
    return;
  replace_directory ("/etc/pam.d", "polkit-1", PAM_SERVICE);
  replace_directory ("/run", "shadow", SHADOW);
  g_assert_cmpint (chmod ("/run/shadow", 0600), ==, 0);
  g_assert_cmpint (mount ("/run/shadow", "/etc/shadow", NULL, MS_BIND, NULL), ==, 0);
  g_assert_cmpint (mkdir ("/run/dbus", 0755), ==, 0);
}

/* Where the helper looks for the system bus. */
static void
show_bus (Stage *stage)
{
  g_autofree char *bus = g_build_filename (stage_get_directory (stage), "bus", NULL);

  (void)unlink ("/run/dbus/system_bus_socket");
  g_assert_cmpint (symlink (bus, "/run/dbus/system_bus_socket"), ==, 0);
}

/* A line of shell, in which $D/deflectctl is the program, as alice on a terminal; keys is where her
 * keys go. */
static Player *
play_terminal (Stage *stage, const char *words, int *keys)
{
  g_autofree char *pipe = g_build_filename (stage_get_directory (stage), "keys", NULL);
  g_autofree char *line = g_strdup_printf ("export D='%s'; %s", stage_get_directory (stage), words);

  if (!g_file_test (pipe, G_FILE_TEST_EXISTS))
    g_assert_cmpint (mkfifo (pipe, 0644), ==, 0);
  *keys = open (pipe, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (*keys, >=, 0);
  return stage_play_as (stage, MACHINE_ALICE, "sh", "-c",
                        "exec script -qec \"$0\" /dev/null <\"$1\"", line, pipe, NULL);
}

static char *
await_shown (Stage *stage, Player *terminal, const char *text)
{
  char *seen = NULL;

  AWAIT (stage, (g_free (seen), seen = player_read_output (terminal),
                 strstr (seen, text) != NULL || player_has_ended (terminal)));
  if (strstr (seen, text) == NULL)
    g_error ("“%s” is not in “%s”", text, seen);
  return seen;
}

/* An account of alice's, which she changes with a password only from now on. */
static void
prepare_challenge (Stage *stage)
{
  Polkitd *polkitd = stage_start_polkitd (stage, OWN_ALLOWED);
  g_autofree char *id = NULL;

  stage_start_daemon (stage);
  id = add (stage, MACHINE_ALICE, "sip:a@deflect.example");
  polkitd_set_rules (polkitd, OWN_WITH_PASSWORD);
  show_bus (stage);
}

/* Who is not trusted for being there types a password, the right one or not. */
static void
test_terminal_agent (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *asked = NULL;
  g_autofree char *asked_again = NULL;
  g_autofree char *done = NULL;
  Player *terminal;
  int keys;

  prepare_challenge (stage);
  /* Without anybody to ask, it is refused. */
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "account", "set", "work",
                                        "display-name=Mine", NULL),
                   ==, 4);

  terminal = play_terminal (stage, CHANGE, &keys);
  asked = await_shown (stage, terminal, "Password: ");
  g_assert_nonnull (strstr (asked, "AUTHENTICATING FOR org.deflectd1.manage-own-accounts"));
  g_assert_nonnull (strstr (asked, "Authentication is required to manage your SIP account work"));
  g_assert_cmpint (write (keys, "wrong\n", 6), ==, 6);
  g_assert_cmpint (player_await (stage, terminal), ==, 4);
  close (keys);

  terminal = play_terminal (stage, CHANGE, &keys);
  asked_again = await_shown (stage, terminal, "Password: ");
  g_assert_cmpint (write (keys, PASSWORD "\n", strlen (PASSWORD "\n")), >, 0);
  player_await_success (stage, terminal);
  close (keys);
  done = player_read_output (terminal);
  g_assert_nonnull (strstr (done, "Changed account work."));
  g_assert_null (strstr (done, PASSWORD));
}

/* Somebody gives up when the agent asks: with Ctrl-C, or by ending the program. The terminal echoes
 * again, and nothing has changed. */
static void
test_gives_up (void)
{
  const char *const line = "trap : INT; sh -c \"echo PID=\\$\\$; exec " CHANGE "\"; "
                           "until stty -a | grep -q ' echo '; do sleep 0.01; done; echo STATUS=OK";
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *unchanged = NULL;

  prepare_challenge (stage);
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *asked = NULL;
      g_autofree char *done = NULL;
      Player *terminal;
      int keys;

      terminal = play_terminal (stage, line, &keys);
      asked = await_shown (stage, terminal, "Password: ");
      if (i == 0)
        g_assert_cmpint (write (keys, "half\x03", 5), ==, 5);
      else
        kill ((pid_t)g_ascii_strtoll (strstr (asked, "PID=") + strlen ("PID="), NULL, 10), SIGTERM);
      player_await_success (stage, terminal);
      done = player_read_output (terminal);
      g_assert_nonnull (strstr (done, "STATUS=OK"));
      g_assert_null (strstr (done, "half"));
      close (keys);
    }
  g_assert_cmpint (stage_deflectctl (stage, &unchanged, "account", "show", "work", NULL), ==, 0);
  g_assert_null (strstr (unchanged, "Mine"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  prepare_machine ();
  g_test_add_func ("/manage-users/same-name", test_same_name);
  g_test_add_func ("/manage-users/not-authorised", test_not_authorised);
  g_test_add_func ("/manage-users/terminal-agent", test_terminal_agent);
  g_test_add_func ("/manage-users/gives-up", test_gives_up);
  return g_test_run ();
}
