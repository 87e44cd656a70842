/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What may stand in a directory of settings, whoever put it there. */

#include "store/settings.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "store/directory.h"
#include "store/state-dir.h"

#define GOOD "[account]\naddress=sip:%s@example.org\nregister=false\naccept-from=127.0.0.1\n"

typedef struct
{
  char *directory;
  char *accounts;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = directory_make ();
  fixture->accounts = g_build_filename (fixture->directory, "accounts.d", NULL);
  g_assert_cmpint (g_mkdir (fixture->accounts, S_IRWXU), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  directory_remove (fixture->directory);
  g_free (fixture->accounts);
}

static void
write_account (Fixture *fixture, const char *name)
{
  g_autofree char *file = g_strconcat (name, ".conf", NULL);
  g_autofree char *text = g_strdup_printf (GOOD, name);

  directory_write (fixture->accounts, file, text, -1);
}

static DflSettings *
load (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  DflSettings *settings = dfl_settings_load (fixture->directory, TRUE, &error);

  g_assert_no_error (error);
  return settings;
}

static const DflAccountSettings *
account (DflSettings *settings, guint i)
{
  return g_ptr_array_index (settings->accounts, i);
}

/* One account "bad" whose file cannot be read, beside one that works. */
static void
assert_bad_account (Fixture *fixture, const char *problem)
{
  g_autofree char *expected = g_strdup_printf ("%s/bad.conf%s", fixture->accounts, problem);
  g_autoptr (DflSettings) settings = NULL;

  write_account (fixture, "good");
  settings = load (fixture);
  g_assert_cmpuint (settings->accounts->len, ==, 2);
  g_assert_cmpstr (account (settings, 0)->name, ==, "bad");
  g_assert_cmpstr (account (settings, 0)->problem, ==, expected);
  g_assert_cmpstr (account (settings, 0)->users[0], ==, NULL);
  g_assert_cmpstr (account (settings, 1)->name, ==, "good");
  g_assert_cmpstr (account (settings, 1)->problem, ==, NULL);
  g_assert_cmpuint (settings->problems->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (settings->problems, 0), ==, expected);
}

static void
test_empty (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflSettings) settings = load (fixture);

  g_assert_cmpuint (settings->accounts->len, ==, 0);
  g_assert_cmpuint (settings->problems->len, ==, 0);
  g_assert_cmpstr (settings->listen[0], ==, "udp:*:0");
  g_assert_cmpuint (settings->max_offers, ==, 1024);
}

static void
test_without_accounts (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflSettings) settings = NULL;

  g_assert_cmpint (g_rmdir (fixture->accounts), ==, 0);
  settings = load (fixture);
  g_assert_cmpuint (settings->accounts->len, ==, 0);
}

static void
test_missing_directory (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "nowhere", NULL);
  g_autofree char *expected = g_strdup_printf ("%s: cannot be read (", path);
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) settings = dfl_settings_load (path, TRUE, &error);

  g_assert_null (settings);
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_true (g_str_has_prefix (error->message, expected));

  settings = dfl_settings_load (path, FALSE, NULL);
  g_assert_nonnull (settings);
  g_assert_cmpuint (settings->accounts->len, ==, 0);
}

static void
test_accounts_is_a_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) settings = NULL;

  g_assert_cmpint (g_rmdir (fixture->accounts), ==, 0);
  directory_write (fixture->directory, "accounts.d", "", 0);
  settings = dfl_settings_load (fixture->directory, TRUE, &error);
  g_assert_null (settings);
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_true (g_str_has_prefix (error->message, fixture->accounts));
}

static void
test_daemon_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *expected = g_strdup_printf (
      "%s/deflectd.conf:2: t1: expected a whole number from 10 to 10000, not "
      "\"1\"\n%s/deflectd.conf:3: nonsense: unknown key; expected one of listen, "
      "max-offers, max-connections, t1, t2, register-rate, register-retry, register-retry-max, log",
      fixture->directory, fixture->directory);
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) good = NULL;
  g_autoptr (DflSettings) bad = NULL;

  directory_write (fixture->directory, "deflectd.conf", "[daemon]\nt1=50\n", -1);
  good = load (fixture);
  g_assert_cmpuint (good->t1, ==, 50);

  directory_write (fixture->directory, "deflectd.conf", "[daemon]\nt1=1\nnonsense=2\n", -1);
  bad = dfl_settings_load (fixture->directory, TRUE, &error);
  g_assert_null (bad);
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_daemon_file_is_a_fifo (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "deflectd.conf", NULL);
  g_autofree char *expected = g_strdup_printf ("%s: is no regular file; expected a key file", path);
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) settings = NULL;

  g_assert_cmpint (mkfifo (path, S_IRWXU), ==, 0);
  settings = dfl_settings_load (fixture->directory, TRUE, &error);
  g_assert_null (settings);
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_many_accounts (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflSettings) settings = NULL;

  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%03u", 499 - i);

      write_account (fixture, name);
    }
  settings = load (fixture);
  g_assert_cmpuint (settings->accounts->len, ==, 500);
  g_assert_cmpuint (settings->problems->len, ==, 0);
  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%03u", i);

      g_assert_cmpstr (account (settings, i)->name, ==, name);
      g_assert_cmpstr (account (settings, i)->user, ==, name);
    }
}

static void
test_ignored_files (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = {
    "alice.conf.bak", "alice.conf~",  ".alice.conf",        ".conf",
    "README",         "#alice.conf#", "alice.conf.dpkg-old"
  };
  g_autoptr (DflSettings) settings = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    directory_write (fixture->accounts, names[i], "nonsense", -1);
  settings = load (fixture);
  g_assert_cmpuint (settings->accounts->len, ==, 0);
  g_assert_cmpuint (settings->problems->len, ==, 0);
}

static void
test_bad_names (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = {
    "Alice.conf",
    "1alice.conf",
    "_alice.conf",
    "al-ice.conf",
    "al ice.conf",
    "alice.old.conf",
    "a23456789012345678901234567890123.conf",
    "al\xC3\xAF"
    "ce.conf",
    "al\xFF"
    "ce.conf",
    "al\nice\033[2J.conf",
  };
  g_autoptr (DflSettings) settings = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    directory_write (fixture->accounts, names[i], "nonsense", -1);
  write_account (fixture, "a2345678901234567890123456789012");
  write_account (fixture, "z");
  settings = load (fixture);
  g_assert_cmpuint (settings->accounts->len, ==, 2);
  g_assert_cmpuint (settings->problems->len, ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < settings->problems->len; i++)
    {
      const char *problem = g_ptr_array_index (settings->problems, i);

      g_assert_true (g_str_has_suffix (
          problem,
          ": expected the name of an account before .conf: a-z, then up to 31 of a-z, 0-9 and _"));
      g_assert_null (strpbrk (problem, "\n\033"));
      g_assert_true (g_utf8_validate (problem, -1, NULL));
    }
}

static void
test_not_regular (Fixture *fixture, gconstpointer data)
{
  const char *kind = data;
  g_autofree char *path = g_build_filename (fixture->accounts, "bad.conf", NULL);

  if (g_str_equal (kind, "fifo"))
    g_assert_cmpint (mkfifo (path, S_IRWXU), ==, 0);
  else if (g_str_equal (kind, "directory"))
    g_assert_cmpint (g_mkdir (path, S_IRWXU), ==, 0);
  else
    g_assert_cmpint (symlink ("/dev/zero", path), ==, 0);
  assert_bad_account (fixture, ": is no regular file; expected a key file");
}

static void
test_bad_links (Fixture *fixture, gconstpointer data)
{
  const char *to = data;
  g_autofree char *path = g_build_filename (fixture->accounts, "bad.conf", NULL);
  g_autofree char *problem = g_strdup_printf (
      ": cannot be opened (%s); make it a file that the user of deflectd may read",
      g_strerror (g_str_equal (to, "bad.conf") ? ELOOP : ENOENT));

  g_assert_cmpint (symlink (to, path), ==, 0);
  assert_bad_account (fixture, problem);
}

/* Files of settings are links on many machines; what they name is what counts. */
static void
test_good_link (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->accounts, "alice.conf", NULL);
  g_autofree char *text = g_strdup_printf (GOOD, "alice");
  g_autoptr (DflSettings) settings = NULL;

  directory_write (fixture->directory, "elsewhere", text, -1);
  g_assert_cmpint (symlink ("../elsewhere", path), ==, 0);
  settings = load (fixture);
  g_assert_cmpuint (settings->accounts->len, ==, 1);
  g_assert_cmpstr (account (settings, 0)->problem, ==, NULL);
}

static void
test_too_large (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->accounts, "bad.conf", NULL);

  directory_write (fixture->accounts, "bad.conf", "", 0);
  g_assert_cmpint (truncate (path, 10 * 1024 * 1024), ==, 0);
  assert_bad_account (fixture, ": is larger than 256 KB; expected a file of a few lines");
}

static void
test_largest (Fixture *fixture, gconstpointer data)
{
  g_autofree char *head = g_strdup_printf (GOOD, "alice");
  GString *text = g_string_new (head);
  g_autoptr (DflSettings) settings = NULL;

  while (text->len < 256 * 1024)
    g_string_append (text, "\n#");
  g_string_truncate (text, 256 * 1024);
  directory_write (fixture->accounts, "alice.conf", text->str, (gssize)text->len);
  settings = load (fixture);
  g_assert_cmpstr (account (settings, 0)->problem, ==, NULL);
  g_string_free (text, TRUE);
}

static void
test_one_bad_line (Fixture *fixture, gconstpointer data)
{
  directory_write (
      fixture->accounts, "bad.conf",
      "[account]\naddress=sip:bad@example.org\nregister=false\naccept-from=::1\nalert=no\n", -1);
  assert_bad_account (fixture, ":5: alert: expected ringing or silent, not \"no\"");
}

static void
test_state_dir (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "a", "b", NULL);
  g_autofree char *file = g_build_filename (fixture->directory, "file", NULL);
  g_autoptr (GError) error = NULL;
  GStatBuf facts;

  g_assert_true (dfl_state_dir_prepare (path, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_stat (path, &facts), ==, 0);
  g_assert_cmpuint (facts.st_mode & 07777, ==, S_IRWXU);
  g_assert_true (dfl_state_dir_prepare (path, NULL));

  directory_write (fixture->directory, "file", "", 0);
  g_assert_false (dfl_state_dir_prepare (file, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_true (g_str_has_prefix (error->message, file));
  g_assert_nonnull (strstr (error->message, "--state-dir"));
}

/* What is installed as an example must work, and says the defaults where it says so. */
static void
test_shipped (Fixture *fixture, gconstpointer data)
{
  g_autofree char *daemon_path = g_test_build_filename (G_TEST_DIST, "..", "data", "deflectd.conf",
                                                        NULL);
  g_autofree char *account_path = g_test_build_filename (G_TEST_DIST, "..", "data", "examples",
                                                         "account.conf", NULL);
  g_autofree char *daemon_text = NULL;
  g_autofree char *account_text = NULL;
  g_autoptr (GRegex) commented = g_regex_new ("^#(?=[a-z0-9-]+=)", G_REGEX_MULTILINE, 0, NULL);
  g_autofree char *in_force = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) settings = NULL;

  g_file_get_contents (daemon_path, &daemon_text, NULL, &error);
  g_assert_no_error (error);
  g_file_get_contents (account_path, &account_text, NULL, &error);
  g_assert_no_error (error);
  directory_write (fixture->accounts, "alice.conf", account_text, -1);
  directory_write (fixture->directory, "deflectd.conf", daemon_text, -1);
  settings = load (fixture);
  g_assert_cmpstr (account (settings, 0)->problem, ==, NULL);
  g_assert_true (account (settings, 0)->registers);
  g_assert_nonnull (account (settings, 0)->password);
  g_clear_pointer (&settings, dfl_settings_free);

  in_force = g_regex_replace (commented, daemon_text, -1, 0, "", 0, NULL);
  g_assert_nonnull (strstr (in_force, "\nlisten="));
  directory_write (fixture->directory, "deflectd.conf", in_force, -1);
  settings = load (fixture);
  g_assert_cmpstr (settings->listen[0], ==, "udp:*:0");
  g_assert_cmpstr (settings->listen[1], ==, "tcp:*:0");
  g_assert_cmpstr (settings->listen[2], ==, NULL);
  g_assert_cmpuint (settings->max_offers, ==, 1024);
  g_assert_cmpuint (settings->max_connections, ==, 256);
  g_assert_cmpuint (settings->t1, ==, 500);
  g_assert_cmpuint (settings->t2, ==, 4000);
  g_assert_nonnull (strstr (in_force, "\nregister-rate="));
  g_assert_cmpuint (settings->register_rate, ==, 20);
  g_assert_cmpuint (settings->register_retry, ==, 30);
  g_assert_cmpuint (settings->register_retry_max, ==, 1800);
  g_assert_false (settings->debug);
}

static void
add (const char *path, const char *data, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, data, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/settings-files/empty", NULL, test_empty);
  add ("/settings-files/without-accounts", NULL, test_without_accounts);
  add ("/settings-files/missing-directory", NULL, test_missing_directory);
  add ("/settings-files/accounts-is-a-file", NULL, test_accounts_is_a_file);
  add ("/settings-files/daemon-file", NULL, test_daemon_file);
  add ("/settings-files/daemon-file-is-a-fifo", NULL, test_daemon_file_is_a_fifo);
  add ("/settings-files/many-accounts", NULL, test_many_accounts);
  add ("/settings-files/ignored-files", NULL, test_ignored_files);
  add ("/settings-files/bad-names", NULL, test_bad_names);
  add ("/settings-files/fifo", "fifo", test_not_regular);
  add ("/settings-files/directory", "directory", test_not_regular);
  add ("/settings-files/device", "device", test_not_regular);
  add ("/settings-files/dangling-link", "nowhere", test_bad_links);
  add ("/settings-files/link-to-itself", "bad.conf", test_bad_links);
  add ("/settings-files/good-link", NULL, test_good_link);
  add ("/settings-files/too-large", NULL, test_too_large);
  add ("/settings-files/largest", NULL, test_largest);
  add ("/settings-files/one-bad-line", NULL, test_one_bad_line);
  add ("/settings-files/state-dir", NULL, test_state_dir);
  add ("/settings-files/shipped", NULL, test_shipped);
  return g_test_run ();
}
