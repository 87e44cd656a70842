/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is kept in the state directory, and what somebody may have put there. A crash in the middle
 * is in test-keeper-crash.c. */

#include "store/keeper.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "store/directory.h"
#include "store/state-dir.h"

#define SECRET "geheim"
#define ID "0123abcd"
#define FILE_NAME ID ".conf"
#define GOOD                                                                                       \
  "[account]\naddress=sip:alice@example.org\nusers=alice;\nname=work\ncreator=alice\n"             \
  "created=1790000000000000\n"

typedef struct
{
  char *directory;
  char *accounts;
  char *elsewhere; /* where no link may lead to */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = directory_make ();
  fixture->elsewhere = directory_make ();
  fixture->accounts = g_build_filename (fixture->directory, "accounts.d", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  directory_remove (fixture->directory);
  directory_remove (fixture->elsewhere);
  g_free (fixture->accounts);
}

static DflKeeper *
new_keeper (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  DflKeeper *keeper = dfl_key_file_keeper_new (fixture->directory, &error);

  g_assert_no_error (error);
  return keeper;
}

static GPtrArray *
load (DflKeeper *keeper, GPtrArray **problems)
{
  *problems = g_ptr_array_new_with_free_func (g_free);
  return dfl_key_file_keeper_load (keeper, *problems);
}

static DflAccountSettings *
new_account (DflKeeper *keeper, const char *id, const char *display_name)
{
  g_autoptr (DflAccountSettings) base = dfl_account_settings_new ("work");
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GError) error = NULL;
  DflAccountSettings *account;

  base->id = g_strdup (id);
  base->creator = g_strdup ("alice");
  base->created = 1790000000000000;
  dfl_account_change_set (change, "address", "sip:alice@example.org");
  dfl_account_change_set (change, "users", "alice");
  dfl_account_change_set (change, "display-name", display_name);
  dfl_account_change_set (change, "password", SECRET);
  account = dfl_keeper_draft (keeper, base, change, &error);
  g_assert_no_error (error);
  return account;
}

/* --- Waiting for it --- */

typedef struct
{
  guint n;
  GError *error; /* the last one */
} Answers;

static void
on_done (const GError *error, gpointer data)
{
  Answers *answers = data;

  answers->n++;
  g_clear_error (&answers->error);
  answers->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
await (Answers *answers, guint n)
{
  while (answers->n < n)
    g_main_context_iteration (NULL, TRUE);
}

static void
clear_answers (Answers *answers)
{
  g_clear_error (&answers->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answers, clear_answers)

/* Saves or, without settings, removes; what came of it. */
static void
save_and_wait (DflKeeper *keeper, const DflAccountSettings *settings, Answers *answers)
{
  guint before = answers->n;

  if (settings != NULL)
    dfl_keeper_save (keeper, settings, on_done, answers);
  else
    dfl_keeper_remove (keeper, ID, on_done, answers);
  /* Never from within. */
  g_assert_cmpuint (answers->n, ==, before);
  await (answers, before + 1);
}

/* --- Keeping --- */

static void
test_kept (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autoptr (DflAccountSettings) account = new_account (keeper, ID, "One");
  g_autoptr (DflAccountSettings) other = new_account (keeper, "ffffffff", "Other");
  g_autoptr (DflAccountSettings) changed = new_account (keeper, ID, "Two");
  g_auto (Answers) answers = { 0 };
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) accounts = NULL;
  g_autoptr (DflKeeper) again = NULL;
  g_autoptr (GPtrArray) more_problems = NULL;
  g_autoptr (GPtrArray) fewer = NULL;
  g_autofree char *names = NULL;
  mode_t mask = umask (0);

  g_assert_cmpuint (directory_get_mode (fixture->directory, "accounts.d"), ==, S_IRWXU);
  save_and_wait (keeper, account, &answers);
  save_and_wait (keeper, other, &answers);
  save_and_wait (keeper, changed, &answers);
  umask (mask);
  g_assert_no_error (answers.error);
  names = directory_list (fixture->accounts);
  g_assert_cmpstr (names, ==, FILE_NAME " ffffffff.conf");
  g_assert_cmpuint (directory_get_mode (fixture->accounts, FILE_NAME), ==, S_IRUSR | S_IWUSR);
  g_clear_object (&keeper);

  again = new_keeper (fixture);
  accounts = load (again, &problems);
  g_assert_cmpuint (problems->len, ==, 0);
  g_assert_cmpuint (accounts->len, ==, 2);
  g_assert_true (dfl_account_settings_equal (accounts->pdata[0], changed));
  g_assert_true (dfl_account_settings_equal (accounts->pdata[1], other));
  g_assert_cmpstr (((DflAccountSettings *)accounts->pdata[0])->password, ==, SECRET);

  save_and_wait (again, NULL, &answers);
  g_assert_no_error (answers.error);
  /* What is not there is removed. */
  save_and_wait (again, NULL, &answers);
  g_assert_no_error (answers.error);
  fewer = load (again, &more_problems);
  g_assert_cmpuint (fewer->len, ==, 1);
}

/* In the order that was asked for, and all of it before the keeper is gone; it is told even then.
 */
static void
test_flushed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_auto (Answers) answers = { 0 };
  g_autofree char *text = NULL;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("number %u", i);
      g_autoptr (DflAccountSettings) account = new_account (keeper, ID, name);

      if (i % 10 == 5)
        dfl_keeper_remove (keeper, ID, on_done, &answers);
      dfl_keeper_save (keeper, account, on_done, &answers);
    }
  g_assert_cmpuint (answers.n, ==, 0);
  g_clear_object (&keeper);
  text = directory_read (fixture->accounts, FILE_NAME);
  g_assert_nonnull (strstr (text, "\ndisplay-name=number 99\n"));
  await (&answers, 110);
  g_assert_no_error (answers.error);
}

/* What could not be read again is not written. */
static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autoptr (DflAccountSettings) account = new_account (keeper, ID, "One");
  g_autoptr (DflAccountSettings) odd = new_account (keeper, ID, "Two");
  g_auto (Answers) answers = { 0 };
  g_autofree char *text = NULL;

  save_and_wait (keeper, account, &answers);
  g_free (odd->display_name);
  odd->display_name = g_strdup ("a\001\nusers=*");
  save_and_wait (keeper, odd, &answers);
  g_assert_error (answers.error, DFL_ERROR, DFL_ERROR_FAILED);
  g_assert_null (strstr (answers.error->message, SECRET));
  text = directory_read (fixture->accounts, FILE_NAME);
  g_assert_nonnull (strstr (text, "\ndisplay-name=One\n"));
}

/* --- What is found at the start --- */

typedef struct
{
  const char *name;
  const char *text;
  const char *problem; /* behind the path; NULL: none */
  const char *users;   /* of the account, NULL: it is none */
} Found;

static const Found found[] = {
  { FILE_NAME, GOOD, NULL, "alice" },
  { FILE_NAME, GOOD "password=" SECRET "\n", NULL, "alice" },
  { FILE_NAME, GOOD "ring-limit=x\n",
    ":7: ring-limit: expected a whole number from 0 to 86400, not \"x\"", "alice" },
  { FILE_NAME, "[account]\nname=work\ncreator=alice\nusers=alice;bob\n",
    ":1: address: is missing; expected address=sip:USER@HOST; %s:1: created: is missing; expected "
    "microseconds since the epoch",
    "alice,bob" },
  { FILE_NAME, GOOD "password-file=/etc/shadow\n",
    ":7: password-file: names a file, which is allowed in files of the settings directory only; "
    "give the content itself",
    "alice" },
  { FILE_NAME, GOOD "tls-ca=/etc/shadow\n",
    ":7: tls-ca: names a file, which is allowed in files of the settings directory only; give the "
    "content itself",
    "alice" },
  /* What a TLS library thinks of it now keeps no account from being there. */
  { FILE_NAME, GOOD "tls-ca=-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\n", NULL,
    "alice" },
  { FILE_NAME, GOOD "tls-ca=-----BEGIN CERTIFICATE-----\n",
    ":7: tls-ca: has a -----BEGIN ...----- line without an -----END ...----- line of the same name "
    "behind it; give all of it, lines and all",
    "alice" },
  { FILE_NAME, GOOD "password " SECRET "\n",
    ":7: expected KEY=VALUE, a [group], or a comment that begins with #", "alice" },
  { FILE_NAME, "", ":1: [account]: the group is missing; expected it and its keys", NULL },
  { FILE_NAME, "\xFF\xFE" SECRET, ":1: is not UTF-8; save the file with that encoding", NULL },
  { FILE_NAME, "[account]\naddress=sip:a@b\nname=../x\ncreator=alice\ncreated=1\n",
    ":3: name: expected the name of an account: a-z, then up to 31 of a-z, 0-9 and _", NULL },
  { FILE_NAME, "[account]\naddress=sip:a@b\nname=Work\ncreator=alice\ncreated=1\n",
    ":3: name: expected the name of an account: a-z, then up to 31 of a-z, 0-9 and _", NULL },
  { FILE_NAME, "[account]\naddress=sip:a@b\nname=work\ncreator=a b\ncreated=1\n",
    ":4: creator: expected the name of a local user", NULL },
  { FILE_NAME, "[account]\naddress=sip:a@b\nname=work\ncreated=1\n",
    ":1: creator: is missing; expected the local user who added the account", NULL },
  { FILE_NAME, "[account]\naddress=sip:a@b\nname=work\ncreator=alice\ncreated=-1\n",
    ":5: created: expected microseconds since the epoch", "" },
  { "work.conf", GOOD, NULL, NULL },
  { "0123ABCD.conf", GOOD, NULL, NULL },
  { "0123abcde.conf", GOOD, NULL, NULL },
  { "0123abc.conf", GOOD, NULL, NULL },
  { "a\nb\033.conf", GOOD, NULL, NULL },
};

#define FOREIGN                                                                                    \
  ": is no file of deflectd's, whose names are 8 hexadecimal digits and .conf; put accounts of "   \
  "your own into the settings directory"

static void
test_found (Fixture *fixture, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (found); i++)
    {
      gboolean is_ours = g_str_equal (found[i].name, FILE_NAME);
      g_autofree char *path = g_build_filename (fixture->accounts, found[i].name, NULL);
      g_autoptr (DflKeeper) keeper = new_keeper (fixture);
      g_autoptr (GPtrArray) problems = NULL;
      g_autoptr (GPtrArray) accounts = NULL;
      g_autofree char *format = g_strconcat (path, found[i].problem, NULL);
      g_autofree char *expected = g_strdup_printf (format, path);

      directory_write (fixture->accounts, found[i].name, found[i].text, -1);
      g_assert_cmpint (g_chmod (path, S_IRUSR | S_IWUSR), ==, 0);
      accounts = load (keeper, &problems);
      if (!is_ours)
        {
          g_assert_cmpuint (problems->len, ==, 1);
          g_assert_true (g_str_has_suffix (problems->pdata[0], FOREIGN));
          g_assert_null (strpbrk (problems->pdata[0], "\n\033"));
        }
      else if (found[i].problem == NULL)
        g_assert_cmpuint (problems->len, ==, 0);
      else
        g_assert_true (g_str_has_prefix (expected, problems->pdata[0]));
      for (guint k = 0; k < problems->len; k++)
        g_assert_null (strstr (problems->pdata[k], SECRET));

      g_assert_cmpuint (accounts->len, ==, found[i].users != NULL ? 1 : 0);
      if (accounts->len == 1)
        {
          const DflAccountSettings *account = accounts->pdata[0];
          g_autofree char *users = g_strjoinv (",", account->users);

          g_assert_cmpstr (account->id, ==, ID);
          g_assert_cmpstr (account->name, ==, "work");
          g_assert_cmpstr (account->creator, ==, "alice");
          g_assert_cmpstr (users, ==, found[i].users);
          g_assert_cmpstr (account->problem, ==, found[i].problem != NULL ? expected : NULL);
        }
      /* Whatever it was, it is still there. */
      g_assert_cmpint (g_remove (path), ==, 0);
    }
}

static void
test_ignored (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "README",         FILE_NAME ".bak", FILE_NAME "~",
                                       ".0123abcd.tmpx", ".x.tmp",         "0123abcd" };
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autoptr (DflKeeper) second = NULL;
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) accounts = NULL;
  g_autofree char *names_left = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    directory_write (fixture->accounts, names[i], "nonsense", -1);
  /* What a crash left. */
  directory_write (fixture->accounts, ".0123abcd.tmp", "half", -1);
  directory_write (fixture->accounts, ".ffffffff.tmp", "half", -1);
  g_clear_object (&keeper);
  second = new_keeper (fixture);
  accounts = load (second, &problems);
  g_assert_cmpuint (accounts->len, ==, 0);
  g_assert_cmpuint (problems->len, ==, 0);
  names_left = directory_list (fixture->accounts);
  g_assert_cmpstr (names_left, ==,
                   ".0123abcd.tmpx .x.tmp 0123abcd 0123abcd.conf.bak 0123abcd.conf~ README");
}

/* --- What others may have done to it --- */

static void
assert_only_problem (Fixture *fixture, const char *expected)
{
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) accounts = load (keeper, &problems);
  g_autofree char *whole = g_strconcat (fixture->accounts, "/" FILE_NAME, expected, NULL);

  g_assert_cmpuint (accounts->len, ==, 0);
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_cmpstr (problems->pdata[0], ==, whole);
}

static void
test_bad_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->accounts, FILE_NAME, NULL);
  g_autofree char *aim = g_build_filename (fixture->elsewhere, "aim", NULL);

  g_object_unref (new_keeper (fixture));
  directory_write (fixture->elsewhere, "aim", GOOD, -1);
  g_assert_cmpint (symlink (aim, path), ==, 0);
  assert_only_problem (fixture, ": is a symbolic link, which is never followed here; remove it");
  g_assert_cmpint (g_remove (path), ==, 0);

  g_assert_cmpint (mkfifo (path, S_IRUSR | S_IWUSR), ==, 0);
  assert_only_problem (fixture, ": is no regular file; expected a key file");
  g_assert_cmpint (g_remove (path), ==, 0);

  g_assert_cmpint (g_mkdir (path, S_IRWXU), ==, 0);
  assert_only_problem (fixture, ": is no regular file; expected a key file");
  g_assert_cmpint (g_rmdir (path), ==, 0);

  directory_write (fixture->accounts, FILE_NAME, GOOD, -1);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (g_chmod (path, i == 0 ? 0620 : 0602), ==, 0);
      assert_only_problem (fixture,
                           ": may have been written by another user than that of deflectd; remove "
                           "it, or look at it and give it to that user with mode 0600");
    }
}

static void
test_readable_password (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autofree char *path = g_build_filename (fixture->accounts, FILE_NAME, NULL);
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) accounts = NULL;
  g_autofree char *expected
      = g_strconcat (path,
                     ":7: password: every local user can read it; take that away with chmod o= and "
                     "choose another password",
                     NULL);

  directory_write (fixture->accounts, FILE_NAME, GOOD "password=" SECRET "\n", -1);
  g_assert_cmpint (g_chmod (path, 0604), ==, 0);
  accounts = load (keeper, &problems);
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_cmpstr (problems->pdata[0], ==, expected);
  g_assert_cmpuint (accounts->len, ==, 1);
  g_assert_cmpstr (((DflAccountSettings *)accounts->pdata[0])->problem, ==, NULL);
}

/* A link in the place of a file, or of one to be, is replaced, and never written through. */
static void
test_links_replaced (Fixture *fixture, gconstpointer data)
{
  const char *name = data;
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autoptr (DflAccountSettings) account = new_account (keeper, ID, "One");
  g_autofree char *path = g_build_filename (fixture->accounts, name, NULL);
  g_autofree char *aim = g_build_filename (fixture->elsewhere, "aim", NULL);
  g_auto (Answers) answers = { 0 };
  g_autofree char *untouched = NULL;
  g_autofree char *names = NULL;

  for (guint dangling = 0; dangling < 2; dangling++)
    {
      if (dangling)
        g_assert_cmpint (g_remove (aim), ==, 0);
      else
        directory_write (fixture->elsewhere, "aim", "untouched", -1);
      g_remove (path);
      g_assert_cmpint (symlink (aim, path), ==, 0);
      save_and_wait (keeper, account, &answers);
      g_assert_no_error (answers.error);
      g_clear_pointer (&names, g_free);
      names = directory_list (fixture->accounts);
      g_assert_cmpstr (names, ==, FILE_NAME);
      g_assert_cmpuint (directory_get_mode (fixture->accounts, FILE_NAME), ==, S_IRUSR | S_IWUSR);
      if (!dangling)
        untouched = directory_read (fixture->elsewhere, "aim");
    }
  g_assert_cmpstr (untouched, ==, "untouched");
  g_free (names);
  names = directory_list (fixture->elsewhere);
  g_assert_cmpstr (names, ==, "");
}

/* A directory in the way is no reason to lose anything. */
static void
test_directory_in_the_way (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autoptr (DflAccountSettings) account = new_account (keeper, ID, "One");
  g_autoptr (DflAccountSettings) changed = new_account (keeper, ID, "Two");
  g_autofree char *other = g_build_filename (fixture->accounts, ".0123abcd.tmp", NULL);
  g_auto (Answers) answers = { 0 };
  g_autofree char *text = NULL;
  g_autofree char *advice = g_strdup_printf ("The account could not be kept in %s (Is a directory),"
                                             " and stays as it was; see that it is there and that "
                                             "its disk is well, and try again",
                                             fixture->accounts);

  save_and_wait (keeper, account, &answers);
  g_assert_cmpint (g_mkdir (other, S_IRWXU), ==, 0);
  save_and_wait (keeper, changed, &answers);
  g_assert_error (answers.error, DFL_ERROR, DFL_ERROR_FAILED);
  g_assert_cmpstr (answers.error->message, ==, advice);
  text = directory_read (fixture->accounts, FILE_NAME);
  g_assert_nonnull (strstr (text, "\ndisplay-name=One\n"));
}

/* Whoever puts another directory in the place of ours is not written to. */
static void
test_directory_exchanged (Fixture *fixture, gconstpointer data)
{
  g_autoptr (DflKeeper) keeper = new_keeper (fixture);
  g_autoptr (DflAccountSettings) account = new_account (keeper, ID, "One");
  g_autofree char *moved = g_build_filename (fixture->directory, "moved", NULL);
  g_auto (Answers) answers = { 0 };
  g_autofree char *names = NULL;
  g_autofree char *names_elsewhere = NULL;

  g_assert_cmpint (g_rename (fixture->accounts, moved), ==, 0);
  g_assert_cmpint (symlink (fixture->elsewhere, fixture->accounts), ==, 0);
  save_and_wait (keeper, account, &answers);
  g_assert_no_error (answers.error);
  names = directory_list (moved);
  names_elsewhere = directory_list (fixture->elsewhere);
  g_assert_cmpstr (names, ==, FILE_NAME);
  g_assert_cmpstr (names_elsewhere, ==, "");
}

static void
assert_refused (Fixture *fixture, const char *expected)
{
  g_autoptr (GError) error = NULL;
  DflKeeper *keeper = dfl_key_file_keeper_new (fixture->directory, &error);
  g_autofree char *whole = g_strconcat (fixture->accounts, expected, NULL);

  g_assert_null (keeper);
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_cmpstr (error->message, ==, whole);
}

#define NO_DIRECTORY                                                                               \
  ": cannot be opened (Not a directory); expected a directory of the user of deflectd, and no "    \
  "symbolic link to one"

static void
test_bad_directories (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (symlink (fixture->elsewhere, fixture->accounts), ==, 0);
  assert_refused (fixture, NO_DIRECTORY);
  g_assert_cmpint (g_remove (fixture->accounts), ==, 0);
  directory_write (fixture->directory, "accounts.d", "", 0);
  assert_refused (fixture, NO_DIRECTORY);
  g_assert_cmpint (g_remove (fixture->accounts), ==, 0);

  g_assert_cmpint (g_mkdir (fixture->accounts, S_IRWXU), ==, 0);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (g_chmod (fixture->accounts, i == 0 ? 0770 : 0702), ==, 0);
      assert_refused (fixture,
                      ": can be written to by other users than that of deflectd; look at what is "
                      "in it, and give it to that user with mode 0700");
    }
  /* Who could only look is shut out. */
  g_assert_cmpint (g_chmod (fixture->accounts, 0755), ==, 0);
  g_object_unref (new_keeper (fixture));
  g_assert_cmpuint (directory_get_mode (fixture->directory, "accounts.d"), ==, S_IRWXU);

  directory_remove (g_strdup (fixture->directory));
  assert_refused (fixture, ": cannot be opened (No such file or directory); expected a directory "
                           "that the user of deflectd may write to");
}

static void
test_state_dir (Fixture *fixture, gconstpointer data)
{
  g_autofree char *expected
      = g_strdup_printf ("%s: cannot be used as the state directory, because other users can write "
                         "to it; give it to the user of deflectd with mode 0700, or name another "
                         "one with --state-dir",
                         fixture->directory);
  guint modes[] = { 0770, 0702, 01777 };

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (g_chmod (fixture->directory, (int)modes[i]), ==, 0);
      g_assert_false (dfl_state_dir_prepare (fixture->directory, &error));
      g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
      g_assert_cmpstr (error->message, ==, expected);
    }
  g_assert_cmpint (g_chmod (fixture->directory, 0755), ==, 0);
  g_assert_true (dfl_state_dir_prepare (fixture->directory, NULL));
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
  add ("/keeper/kept", NULL, test_kept);
  add ("/keeper/flushed", NULL, test_flushed);
  add ("/keeper/unreadable", NULL, test_unreadable);
  add ("/keeper/found", NULL, test_found);
  add ("/keeper/ignored", NULL, test_ignored);
  add ("/keeper/bad-files", NULL, test_bad_files);
  add ("/keeper/readable-password", NULL, test_readable_password);
  add ("/keeper/links-replaced/file", FILE_NAME, test_links_replaced);
  add ("/keeper/links-replaced/other", ".0123abcd.tmp", test_links_replaced);
  add ("/keeper/directory-in-the-way", NULL, test_directory_in_the_way);
  add ("/keeper/directory-exchanged", NULL, test_directory_exchanged);
  add ("/keeper/bad-directories", NULL, test_bad_directories);
  add ("/keeper/state-dir", NULL, test_state_dir);
  return g_test_run ();
}
