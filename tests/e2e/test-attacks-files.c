/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files in which the daemon keeps accounts: nobody else reads them, and no symbolic link leads
 * the daemon elsewhere. */

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "names.h"
#include "neighbours.h"

#define INVALID_SETTINGS DFL_ERROR_PREFIX "InvalidSettings: "

#define ALLOW_OWN                                                                                  \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id == 'org.deflectd1.manage-own-accounts') return polkit.Result.YES;"              \
  "});"

static char *
state_path (Stage *stage, const char *name)
{
  return g_build_filename (stage_get_directory (stage), "state", name, NULL);
}

/* --- Secrets --- */

/* A password is in its account's file, which is the daemon's alone, and nowhere else. */
static void
test_password (void)
{
  static const char password[] = "Sesame-4711-open";
  g_autoptr (Neighbours) self = neighbours_new ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autofree char *settings
      = g_strdup_printf ("{'address': <'sip:a@provider.example'>, 'password': <'%s'>}", password);
  g_autofree char *change = g_strdup_printf ("'password': <'%s'>, 'ring-limit': <uint32 7>",
                                             password);
  g_autofree char *wrong = g_strdup_printf ("'password': <'%s'>, 'ring-limit': <'soon'>", password);
  g_autofree char *path = NULL;
  g_autofree char *error = NULL;
  g_autofree char *directory = state_path (self->stage, "accounts.d");
  g_autofree char *file = NULL;
  g_autofree char *text = NULL;
  g_autofree char *log = NULL;
  GStatBuf facts;

  stage_start_polkitd (self->stage, ALLOW_OWN);
  stage_write_settings (self->stage, "[daemon]\nlisten=udp:127.0.0.1:0\nlog=debug\n");
  stage_signal_daemon (self->stage, SIGHUP);
  neighbours_listen (self);
  error = witness_add_account (alice, "work", settings, &path);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  error = witness_update_account (alice, path, change);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  error = witness_update_account (alice, path, wrong);
  g_assert_true (g_str_has_prefix (error, INVALID_SETTINGS));

  file = stage_find_only_file (directory);
  g_assert_cmpint (g_stat (file, &facts), ==, 0);
  g_assert_cmpuint (facts.st_mode & 07777, ==, 0600);
  g_assert_cmpuint (facts.st_uid, ==, MACHINE_DEFLECTD);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, password));
  g_assert_cmpint (g_stat (directory, &facts), ==, 0);
  g_assert_cmpuint (facts.st_mode & 07777, ==, 0700);

  for (guint w = 0; w < N_WITNESSES; w++)
    {
      g_free (witness_try (self->witnesses[w], path, "org.freedesktop.DBus.Properties", "GetAll",
                           g_variant_new ("(s)", DFL_ACCOUNT_INTERFACE)));
      g_free (witness_try (self->witnesses[w], path, "org.freedesktop.DBus.Properties", "Get",
                           g_variant_new ("(ss)", DFL_ACCOUNT_INTERFACE, "Password")));
      witness_catch_up (self->witnesses[w]);
      g_assert_false (witness_has_received (self->witnesses[w], password));
    }
  log = stage_read_log (self->stage);
  g_assert_null (strstr (log, password));
}

/* --- Symbolic links in the state directory --- */

/* Whoever can plant one is root or the daemon's user; the daemon follows it all the same not. */
static void
test_links_before_start (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *accounts = state_path (stage, "accounts.d");
  g_autofree char *link = state_path (stage, "accounts.d/0123abcd.conf");
  g_autofree char *dangling = state_path (stage, "accounts.d/4567abcd.conf");
  g_autofree char *elsewhere = g_build_filename (stage_get_directory (stage), "elsewhere", NULL);
  g_autofree char *missing = g_build_filename (stage_get_directory (stage), "missing", NULL);
  g_autofree char *log = NULL;
  g_autofree char *text = NULL;
  static const char account[] = "[account]\nname=trap\ncreator=alice\ncreated=1\n"
                                "address=sip:trap@provider.example\nusers=alice;\n";

  g_assert_true (g_file_set_contents (elsewhere, account, -1, NULL));
  g_assert_cmpint (chown (elsewhere, MACHINE_DEFLECTD, MACHINE_DEFLECTD), ==, 0);
  g_assert_cmpint (g_chmod (elsewhere, 0600), ==, 0);
  g_assert_cmpint (g_mkdir (accounts, 0700), ==, 0);
  g_assert_cmpint (chown (accounts, MACHINE_DEFLECTD, MACHINE_DEFLECTD), ==, 0);
  g_assert_cmpint (symlink (elsewhere, link), ==, 0);
  g_assert_cmpint (symlink (missing, dangling), ==, 0);
  stage_start_daemon (stage);
  log = stage_read_log (stage);
  g_assert_nonnull (strstr (log, "0123abcd.conf"));
  g_assert_nonnull (strstr (log, "4567abcd.conf"));
  g_assert_cmpint (stage_deflectctl (stage, &text, "account", "list", "--json", NULL), ==, 0);
  g_assert_null (strstr (text, "trap"));
  g_assert_false (g_file_test (missing, G_FILE_TEST_EXISTS));
}

/* The directory itself is a link: the daemon says so, and keeps nothing there. */
static void
test_linked_directory (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *accounts = state_path (stage, "accounts.d");
  g_autofree char *elsewhere = g_build_filename (stage_get_directory (stage), "elsewhere", NULL);
  g_autofree char *log = NULL;
  g_autoptr (Witness) root = NULL;
  g_autoptr (GDir) directory = NULL;

  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (chown (elsewhere, MACHINE_DEFLECTD, MACHINE_DEFLECTD), ==, 0);
  g_assert_cmpint (symlink (elsewhere, accounts), ==, 0);
  stage_start_daemon (stage);
  root = witness_new (stage, 0);
  g_free (witness_add_account (root, "work", "{'address': <'sip:a@provider.example'>}", NULL));
  directory = g_dir_open (elsewhere, 0, NULL);
  g_assert_null (g_dir_read_name (directory));
  log = stage_read_log (stage);
  g_assert_nonnull (strstr (log, accounts));
}

/* Links that come while the daemon runs: in the place of the directory, and of a file. */
static void
test_links_while_running (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_SYSTEM_BUS);
  g_autofree char *accounts = state_path (stage, "accounts.d");
  g_autofree char *moved = state_path (stage, "moved");
  g_autofree char *elsewhere = g_build_filename (stage_get_directory (stage), "elsewhere", NULL);
  g_autofree char *precious = g_build_filename (stage_get_directory (stage), "precious", NULL);
  g_autofree char *file = NULL;
  g_autofree char *text = NULL;
  g_autofree char *path = NULL;
  g_autofree char *error = NULL;
  g_autoptr (Witness) root = NULL;
  g_autoptr (GDir) directory = NULL;

  stage_start_daemon (stage);
  root = witness_new (stage, 0);
  error = witness_add_account (root, "work", "{'address': <'sip:a@provider.example'>}", &path);
  g_assert_cmpstr (error, ==, "");

  /* A file becomes a link to what the daemon's user could write. */
  file = stage_find_only_file (accounts);
  g_assert_true (g_file_set_contents (precious, "precious", -1, NULL));
  g_assert_cmpint (chown (precious, MACHINE_DEFLECTD, MACHINE_DEFLECTD), ==, 0);
  g_assert_cmpint (g_unlink (file), ==, 0);
  g_assert_cmpint (symlink (precious, file), ==, 0);
  g_free (witness_update_account (root, path, "'ring-limit': <uint32 7>"));
  g_assert_true (g_file_get_contents (precious, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "precious");

  /* The directory is moved away and a link stands in its place. */
  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (chown (elsewhere, MACHINE_DEFLECTD, MACHINE_DEFLECTD), ==, 0);
  g_assert_cmpint (g_rename (accounts, moved), ==, 0);
  g_assert_cmpint (symlink (elsewhere, accounts), ==, 0);
  g_free (witness_add_account (root, "other", "{'address': <'sip:b@provider.example'>}", NULL));
  g_free (witness_update_account (root, path, "'ring-limit': <uint32 8>"));
  directory = g_dir_open (elsewhere, 0, NULL);
  g_assert_null (g_dir_read_name (directory));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_func ("/attacks/files/password", test_password);
  g_test_add_func ("/attacks/files/links-before-start", test_links_before_start);
  g_test_add_func ("/attacks/files/linked-directory", test_linked_directory);
  g_test_add_func ("/attacks/files/links-while-running", test_links_while_running);
  return g_test_run ();
}
