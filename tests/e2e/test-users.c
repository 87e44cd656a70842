/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several local users on the system bus: each sees the accounts that are theirs, and no trace of
 * others. */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "machine.h"
#include "names.h"
#include "wire.h"

#define TARGET "sip:+4915550100@mobile.example"

/* An administrator has let the users redirect from wherever they are, and alice have any account.
 */
#define RULES                                                                                      \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id == 'org.deflectd1.redirect')"                                                   \
  "    return polkit.Result.YES;"                                                                  \
  "  if (action.id.indexOf('org.deflectd1.manage-') == 0 && subject.user == 'alice')"              \
  "    return polkit.Result.YES;"                                                                  \
  "});"

static Stage *
stage_with_users (void)
{
  Stage *stage = stage_new (STAGE_SYSTEM_BUS);

  stage_write_account (stage, "alice",
                       "[account]\naddress=sip:alice@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nusers=alice;\n");
  stage_write_account (stage, "bob",
                       "[account]\naddress=sip:bob@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nusers=bob;\n");
  stage_start_daemon (stage);
  stage_start_polkitd (stage, RULES);
  return stage;
}

/* deflectctl's output for a user of the system. */
static char *
output_for (Stage *stage, guint user, const char *verb, const char *argument)
{
  char *output = NULL;

  g_assert_cmpint (stage_deflectctl_as (stage, user, &output, verb, "--json", argument, NULL), ==,
                   0);
  return output;
}

/* The owner sees and decides; the others see nothing, and are told what they would be told of a
 * call that does not exist. */
static void
test_audience (void)
{
  g_autoptr (Stage) stage = stage_with_users ();
  g_autofree char *call = NULL;
  g_autofree char *owners = NULL;
  g_autofree char *others = NULL;
  g_autofree char *nobodys = NULL;
  g_autoptr (GVariant) decided_by = NULL;
  const char *id;
  Player *caller;

  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  id = call + strlen (DFL_CALL_PATH_PREFIX);
  AWAIT (stage, (g_free (owners), owners = output_for (stage, MACHINE_ALICE, "list", NULL),
                 strstr (owners, id) != NULL));
  others = output_for (stage, MACHINE_BOB, "list", NULL);
  g_assert_null (strstr (others, id));
  nobodys = output_for (stage, MACHINE_CAROL, "list", NULL);
  g_assert_null (strstr (nobodys, id));

  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_BOB, NULL, "redirect", id, TARGET, NULL), ==,
                   10);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_CAROL, NULL, "decline", id, NULL), ==, 10);
  g_assert_cmpstr (stage_get_story (stage, call), ==, "offered");
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "redirect", id, TARGET, NULL),
                   ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

/* Who decided is told by name. */
static void
test_decided_by (void)
{
  g_autoptr (Stage) stage = stage_with_users ();
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;
  g_autoptr (GVariant) decided_by = NULL;

  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (stage);
  AWAIT (stage,
         stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "redirect", "--no-wait", TARGET, NULL)
             == 0);
  wire_await_response (wire, 302, "INVITE");
  decided_by = stage_get_property (stage, call, DFL_CALL_INTERFACE, "DecidedBy");
  g_assert_cmpstr (g_variant_get_string (decided_by, NULL), ==, "user:alice");
  wire_acknowledge (wire);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

/* Accounts too: each user sees exactly their own. */
static void
test_accounts (void)
{
  g_autoptr (Stage) stage = stage_with_users ();
  g_autofree char *owners = NULL;
  g_autofree char *others = NULL;
  g_autofree char *nobodys = NULL;

  AWAIT (stage, (g_free (owners), owners = output_for (stage, MACHINE_ALICE, "account", "list"),
                 strstr (owners, "sip:alice@") != NULL));
  g_assert_null (strstr (owners, "sip:bob@"));
  others = output_for (stage, MACHINE_BOB, "account", "list");
  g_assert_nonnull (strstr (others, "sip:bob@"));
  g_assert_null (strstr (others, "sip:alice@"));
  nobodys = output_for (stage, MACHINE_CAROL, "account", "list");
  g_assert_null (strstr (nobodys, "sip:"));
}

/* --- Somebody whom the machine does not know yet --- */

#define USERS "/etc/passwd"
#define DAVE 4804
#define DAVE_FORMAT "%s%s:x:%u:%u:dave:/nonexistent:/bin/sh\n"

/* Writes into the file itself, which is this machine's own, and mounted. */
static void
write_users (const char *text)
{
  gssize length = strlen (text);
  int file;

  g_assert_nonnull (strstr (text, "alice:x:4801:"));
  file = open (USERS, O_WRONLY | O_TRUNC | O_CLOEXEC);
  g_assert_cmpint (file, >=, 0);
  g_assert_cmpint (write (file, text, length), ==, length);
  g_assert_cmpint (close (file), ==, 0);
}

static gboolean
sees_account_of_dave (Stage *stage, guint user)
{
  g_autofree char *accounts = output_for (stage, user, "account", "list");

  return strstr (accounts, "sip:dave@") != NULL;
}

/* The daemon has looked dave up, and says so. */
static gboolean
has_missed_dave (Stage *stage)
{
  g_autofree char *log = stage_read_log (stage);

  return strstr (log, "this system has no user \"dave\"") != NULL;
}

/* An account's user may come later, and go: SIGHUP looks the names up anew. The uid has another
 * name meanwhile, because the bus lets nobody in whom it does not know. */
static void
test_user_appears (void)
{
  g_autofree char *others = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autoptr (Stage) stage = NULL;

  g_assert_true (g_file_get_contents (USERS, &others, NULL, NULL));
  before = g_strdup_printf (DAVE_FORMAT, others, "guest", DAVE, DAVE);
  after = g_strdup_printf (DAVE_FORMAT, others, "dave", DAVE, DAVE);
  write_users (before);
  stage = stage_with_users ();
  stage_write_account (stage, "dave",
                       "[account]\naddress=sip:dave@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nusers=dave;\n");
  stage_signal_daemon (stage, SIGHUP);
  AWAIT (stage, sees_account_of_dave (stage, 0));
  AWAIT (stage, has_missed_dave (stage));
  g_assert_false (sees_account_of_dave (stage, DAVE));

  write_users (after);
  g_assert_false (sees_account_of_dave (stage, DAVE));
  stage_signal_daemon (stage, SIGHUP);
  AWAIT (stage, sees_account_of_dave (stage, DAVE));

  write_users (before);
  g_assert_true (sees_account_of_dave (stage, DAVE));
  stage_signal_daemon (stage, SIGHUP);
  AWAIT (stage, !sees_account_of_dave (stage, DAVE));
  write_users (others);
}

/* A user who listens with everything that gdbus has hears nothing of a neighbour's call. */
static void
test_eavesdropping (void)
{
  g_autoptr (Stage) stage = stage_with_users ();
  g_autofree char *call = NULL;
  g_autofree char *told = NULL;
  Player *caller, *monitor;

  monitor = stage_play_as (stage, MACHINE_CAROL, "gdbus", "monitor", "--address",
                           stage_get_bus_address (stage), "--dest", DFL_BUS_NAME, NULL);
  AWAIT (stage, (g_free (told), told = player_read_output (monitor), strstr (told, "owned by")));
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  g_free (told);
  told = player_read_output (monitor);
  g_assert_null (strstr (told, "Interfaces"));
  g_assert_null (strstr (told, "PropertiesChanged"));
  g_assert_null (strstr (told, "/org/deflectd1/call"));
  player_signal (monitor, SIGTERM);
  player_await (stage, monitor);
}

/* --- As a new user would --- */

/* Somebody calls; alice sees it and sends it on, bob sees nothing. */
static void
deflect_as_alice (Stage *stage)
{
  g_autofree char *call = NULL;
  g_autofree char *alices = NULL;
  g_autofree char *bobs = NULL;
  g_autofree char *accounts = NULL;
  Player *caller;

  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  alices = output_for (stage, MACHINE_ALICE, "list", NULL);
  g_assert_nonnull (strstr (alices, "Carol Jensen"));
  bobs = output_for (stage, MACHINE_BOB, "list", NULL);
  g_assert_null (strstr (bobs, "Carol"));
  accounts = output_for (stage, MACHINE_BOB, "account", "list");
  g_assert_null (strstr (accounts, "sip:"));
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_BOB, NULL, "redirect", TARGET, NULL), !=, 0);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "redirect", TARGET, NULL), ==,
                   0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

/* Root adds the account for her. */
static void
test_added_by_root (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);

  stage_write_account (stage, "alice", NULL);
  stage_start_daemon (stage);
  stage_start_polkitd (stage, RULES);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "add", "desk",
                                     "sip:alice@deflect.example", "register=false",
                                     "accept-from=127.0.0.1", "users=alice", NULL),
                   ==, 0);
  deflect_as_alice (stage);
}

/* She adds it herself, names a target, and takes it all away again. */
static void
test_added_by_herself (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *shown = NULL;
  g_autofree char *left = NULL;

  stage_write_account (stage, "alice", NULL);
  stage_start_daemon (stage);
  stage_start_polkitd (stage, RULES);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "account", "add", "desk",
                                        "sip:alice@deflect.example", "register=false",
                                        "accept-from=127.0.0.1", NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "target", "set", "desk",
                                        "mobile", TARGET, NULL),
                   ==, 0);
  shown = output_for (stage, MACHINE_ALICE, "account", "list");
  g_assert_nonnull (strstr (shown, TARGET));
  deflect_as_alice (stage);
  /* Bob may not have even an account of his own, by these rules. */
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_BOB, NULL, "account", "add", "desk",
                                        "sip:bob@provider.example", NULL),
                   ==, 4);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_BOB, NULL, "account", "remove", "desk",
                                        NULL),
                   ==, 10);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "account", "disable", "desk",
                                        NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl_as (stage, MACHINE_ALICE, NULL, "account", "remove", "desk",
                                        NULL),
                   ==, 0);
  left = output_for (stage, MACHINE_ALICE, "account", "list");
  g_assert_null (strstr (left, "sip:"));
}

/* What the administrator wrote into the settings directory is read-only for everybody, and says
 * where to change it. */
static void
test_read_only (void)
{
  g_autoptr (Stage) stage = stage_with_users ();

  for (const guint *uid = (const guint[]){ MACHINE_ALICE, 0, G_MAXUINT }; *uid != G_MAXUINT; uid++)
    {
      g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
      g_autofree char *told = NULL;
      Player *player;

      for (const char **word = (const char *[]){ "deflectctl", "account", "remove", "alice", NULL };
           *word != NULL; word++)
        g_ptr_array_add (words, g_strdup (*word));
      player = stage_play_argv_as (stage, *uid, words);
      g_assert_cmpint (player_await (stage, player), ==, 1);
      told = player_read_errors (player);
      g_assert_nonnull (strstr (told, "accounts.d/alice.conf"));
      g_assert_cmpint (stage_deflectctl_as (stage, *uid, NULL, "account", "set", "alice",
                                            "display-name=Mine", NULL),
                       ==, 1);
      g_assert_cmpint (stage_deflectctl_as (stage, *uid, NULL, "account", "disable", "alice", NULL),
                       ==, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_func ("/users/audience", test_audience);
  g_test_add_func ("/users/decided-by", test_decided_by);
  g_test_add_func ("/users/accounts", test_accounts);
  g_test_add_func ("/users/user-appears", test_user_appears);
  g_test_add_func ("/users/eavesdropping", test_eavesdropping);
  g_test_add_func ("/users/added-by-root", test_added_by_root);
  g_test_add_func ("/users/added-by-herself", test_added_by_herself);
  g_test_add_func ("/users/read-only", test_read_only);
  return g_test_run ();
}
