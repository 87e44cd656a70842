/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whenever a save ends, by a crash or by an error, the account is the old one or the new one.
 * strace counts the system calls that save-account makes in the state directory, and then lets each
 * of them in turn be the last, or fail.
 */

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/directory.h"
#include "store/keeper.h"

#define ID "0123abcd"
#define FILE_NAME ID ".conf"
#define OTHER_NAME "." ID ".tmp"

typedef struct
{
  const char *name;
  const char *before; /* the display name, or NULL: no file */
  const char *after;  /* NULL: it is removed */
} Scenario;

static const Scenario scenarios[] = {
  { "new", NULL, "New" },
  { "changed", "Old", "New" },
  { "removed", "Old", NULL },
};

typedef struct
{
  const Scenario *scenario;
  char *directory;
  char *start; /* the state directory before a save, and afterwards */
  char *state;
  char *accounts; /* in the latter */
} Fixture;

/* How one run of save-account ended. */
typedef struct
{
  int exit_code; /* -1: it was killed */
  char *output;
} End;

static void
clear_end (End *end)
{
  g_free (end->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (End, clear_end)

/* --- Running it --- */

static char **
make_environment (void)
{
  /* Neither leaks nor their search are at stake below strace. */
  return g_environ_setenv (g_get_environ (), "ASAN_OPTIONS", "detect_leaks=0", TRUE);
}

static End
spawn (GPtrArray *argv)
{
  g_auto (GStrv) environment = make_environment ();
  g_autoptr (GError) error = NULL;
  End end = { -1, NULL };
  int status;

  g_ptr_array_add (argv, NULL);
  g_spawn_sync (NULL, (char **)argv->pdata, environment,
                G_SPAWN_SEARCH_PATH | G_SPAWN_CLOEXEC_PIPES, NULL, NULL, &end.output, NULL, &status,
                &error);
  g_assert_no_error (error);
  if (WIFSIGNALED (status))
    g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
  else
    end.exit_code = WEXITSTATUS (status);
  return end;
}

static void
add_save (GPtrArray *argv, const Fixture *fixture, const char *name)
{
  g_ptr_array_add (argv, g_test_build_filename (G_TEST_BUILT, "store", "save-account", NULL));
  g_ptr_array_add (argv, g_strdup (fixture->directory));
  g_ptr_array_add (argv, g_strdup (name != NULL ? "save" : "remove"));
  if (name != NULL)
    g_ptr_array_add (argv, g_strdup (name));
}

/* Below strace, with up to two options for it; log may be NULL. */
static End
run_traced (const Fixture *fixture, const char *option, const char *second, const char *log)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  const char *const paths[] = { "", "/" FILE_NAME, "/" OTHER_NAME };

  g_ptr_array_add (argv, g_strdup ("strace"));
  g_ptr_array_add (argv, g_strdup ("-f"));
  g_ptr_array_add (argv, g_strdup ("-qqq"));
  g_ptr_array_add (argv, g_strdup ("-o"));
  g_ptr_array_add (argv, g_strdup (log != NULL ? log : "/dev/null"));
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    g_ptr_array_add (argv, g_strconcat ("--trace-path=", fixture->accounts, paths[i], NULL));
  if (option != NULL)
    g_ptr_array_add (argv, g_strdup (option));
  if (second != NULL)
    g_ptr_array_add (argv, g_strdup (second));
  add_save (argv, fixture, fixture->scenario->after);
  return spawn (argv);
}

/* --- What is there --- */

/* The state before the save, by a save that nothing disturbs. */
static void
prepare (const Fixture *fixture)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  g_rename (fixture->state, fixture->start);
  add_save (argv, fixture, fixture->scenario->before);
  {
    g_auto (End) end = spawn (argv);

    g_assert_cmpint (end.exit_code, ==, 0);
  }
  g_assert_cmpint (g_rename (fixture->state, fixture->start), ==, 0);
}

/* Looks at what a new start of the daemon would find, and fails where that is neither whole. */
static gboolean
is_after (const Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflKeeper) keeper = dfl_key_file_keeper_new (fixture->state, &error);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) accounts = NULL;
  g_autofree char *names = NULL;
  const DflAccountSettings *account;
  const char *name = NULL;

  g_assert_no_error (error);
  accounts = dfl_key_file_keeper_load (keeper, problems);
  g_assert_cmpuint (problems->len, ==, 0);
  g_assert_cmpuint (accounts->len, <=, 1);
  if (accounts->len == 1)
    {
      account = accounts->pdata[0];
      name = account->display_name;
      g_assert_cmpstr (account->password, ==, "geheim");
      g_assert_cmpint (account->created, ==, 1790000000000000);
      g_assert_cmpuint (directory_get_mode (fixture->accounts, FILE_NAME), ==, 0600);
    }
  /* The start swept. */
  names = directory_list (fixture->accounts);
  g_assert_cmpstr (names, ==, accounts->len == 1 ? FILE_NAME : "");
  if (g_strcmp0 (name, fixture->scenario->after) == 0)
    return TRUE;
  g_assert_cmpstr (name, ==, fixture->scenario->before);
  return FALSE;
}

/* --- Every system call --- */

/* How often each system call is made in the state directory by one thread at most. */
static GHashTable *
count_calls (const Fixture *fixture)
{
  g_autofree char *log = g_build_filename (fixture->directory, "log", NULL);
  g_autoptr (GHashTable) each = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTable *most = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GRegex) line = g_regex_new ("^(\\d+) +(\\w+)\\(", G_REGEX_MULTILINE, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *text = NULL;
  g_auto (End) end = run_traced (fixture, NULL, NULL, log);

  g_assert_cmpint (end.exit_code, ==, 0);
  g_assert_true (is_after (fixture));
  text = directory_read (fixture->directory, "log");
  for (g_regex_match (line, text, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      char *key = g_match_info_fetch (match, 0);
      char *call = g_match_info_fetch (match, 2);
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (each, key)) + 1;

      g_hash_table_insert (each, key, GUINT_TO_POINTER (n));
      n = MAX (n, GPOINTER_TO_UINT (g_hash_table_lookup (most, call)));
      g_hash_table_insert (most, call, GUINT_TO_POINTER (n));
    }
  return most;
}

static void
foreach_call (Fixture *fixture, void (*func) (Fixture *fixture, const char *call, guint n))
{
  g_autoptr (GHashTable) calls = NULL;
  GHashTableIter iter;
  gpointer call, count;

  prepare (fixture);
  calls = count_calls (fixture);
  g_assert_true (g_hash_table_contains (calls, "fsync"));
  g_assert_true (g_hash_table_contains (calls, "unlinkat"));
  g_assert_false (g_hash_table_contains (calls, "getdents64"));
  g_hash_table_iter_init (&iter, calls);
  while (g_hash_table_iter_next (&iter, &call, &count))
    for (guint n = 1; n <= GPOINTER_TO_UINT (count); n++)
      {
        prepare (fixture);
        func (fixture, call, n);
      }
}

static guint n_before, n_after;

static void
crash_at (Fixture *fixture, const char *call, guint n)
{
  g_autofree char *option = g_strdup_printf ("--inject=%s:signal=KILL:when=%u", call, n);
  g_auto (End) end = run_traced (fixture, option, NULL, NULL);
  gboolean after;

  g_assert_cmpint (end.exit_code, ==, -1);
  after = is_after (fixture);
  g_test_message ("crash at %s %u: %s", call, n, after ? "after" : "before");
  if (after)
    n_after++;
  else
    n_before++;
}

static void
test_crash (Fixture *fixture, gconstpointer data)
{
  n_before = n_after = 0;
  foreach_call (fixture, crash_at);
  g_assert_cmpuint (n_before, >=, fixture->scenario->after != NULL ? 5 : 1);
  g_assert_cmpuint (n_after, >=, 2);
}

static void
fail_at (Fixture *fixture, const char *call, guint n)
{
  g_autofree char *option = g_strdup_printf ("--inject=%s:error=ENOSPC:when=%u", call, n);
  g_auto (End) end = run_traced (fixture, option, NULL, NULL);
  g_autofree char *names = NULL;
  gboolean after;

  g_test_message ("error at %s %u: %d %s", call, n, end.exit_code, end.output);
  g_assert_true (end.exit_code == 0 || end.exit_code == 3);
  if (end.exit_code == 3)
    {
      g_assert_nonnull (strstr (end.output, fixture->start));
      g_assert_nonnull (strstr (end.output, "make room on the disk that it is on, and try again"));
      g_assert_null (strstr (end.output, "geheim"));
      names = directory_list (fixture->accounts);
      if (!g_str_equal (call, "unlinkat"))
        g_assert_cmpstr (names, ==, fixture->scenario->before != NULL ? FILE_NAME : "");
      n_before++;
    }
  after = is_after (fixture);
  g_assert_cmpint (after, ==, end.exit_code == 0);
}

static void
test_error (Fixture *fixture, gconstpointer data)
{
  n_before = 0;
  foreach_call (fixture, fail_at);
  /* At the least what makes, writes, syncs and renames. */
  g_assert_cmpuint (n_before, >=, fixture->scenario->after != NULL ? 4 : 2);
}

/* --- Single ones --- */

typedef struct
{
  const char *injection;
  const char *expected; /* what the message says, NULL: it works */
} Row;

static void
test_advice (Fixture *fixture, gconstpointer data)
{
  static const Row rows[] = {
    { "write:error=EIO:when=1", "(Input/output error), and stays as it was; see that it is there "
                                "and that its disk is well, and try again" },
    { "write:error=EDQUOT:when=1", "make room on the disk that it is on" },
    { "write:error=EINTR:when=1", NULL },
    { "renameat2:error=EROFS:when=1", "let the disk that it is on be written to" },
    { "renameat2:error=EACCES:when=1", "give it to the user of deflectd with mode 0700" },
    /* A file system that cannot let files trade names. */
    { "renameat2:error=EINVAL:when=1", NULL },
    { "renameat2:error=ENOSYS:when=1", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *option = g_strconcat ("--inject=", rows[i].injection, NULL);

      prepare (fixture);
      {
        g_auto (End) end = run_traced (fixture, option, NULL, NULL);

        g_assert_cmpint (end.exit_code, ==, rows[i].expected != NULL ? 3 : 0);
        if (rows[i].expected != NULL && strstr (end.output, rows[i].expected) == NULL)
          g_test_message ("%s", end.output);
        if (rows[i].expected != NULL)
          g_assert_nonnull (strstr (end.output, rows[i].expected));
      }
      g_assert_cmpint (is_after (fixture), ==, rows[i].expected == NULL);
    }
}

/* A crash of the machine, which no signal can stand in for, spares what was synced in time. */
static void
test_order (Fixture *fixture, gconstpointer data)
{
  g_autofree char *log = g_build_filename (fixture->directory, "log", NULL);
  g_autoptr (GRegex) order
      = g_regex_new (" openat\\((\\d+), \"\\.0123abcd\\.tmp\", [^\n]+ += (\\d+)\n"
                     "\\d+ +write\\(\\2, [^\n]+\n"
                     "\\d+ +fsync\\(\\2\\) += 0\n"
                     "\\d+ +close\\(\\2\\) += 0\n"
                     "\\d+ +renameat2\\(\\1, [^\n]+, RENAME_EXCHANGE\\) += 0\n"
                     "\\d+ +fsync\\(\\1\\) += 0\n"
                     "\\d+ +unlinkat\\(\\1, \"\\.0123abcd\\.tmp\", 0\\) += 0\n",
                     0, 0, NULL);
  g_autofree char *text = NULL;
  g_auto (End) end = { -1, NULL };

  prepare (fixture);
  end = run_traced (fixture, NULL, NULL, log);
  g_assert_cmpint (end.exit_code, ==, 0);
  text = directory_read (fixture->directory, "log");
  if (!g_regex_match (order, text, 0, NULL))
    g_test_message ("%s", text);
  g_assert_true (g_regex_match (order, text, 0, NULL));
}

/* Where files cannot trade names and the directory is not safe, there is no way back; but also then
 * one of the two is there. */
static void
test_no_way_back (Fixture *fixture, gconstpointer data)
{
  prepare (fixture);
  {
    g_auto (End) end = run_traced (fixture, "--inject=renameat2:error=EINVAL",
                                   "--inject=fsync:error=EIO:when=2", NULL);

    g_assert_cmpint (end.exit_code, ==, 3);
  }
  g_assert_true (is_after (fixture));
}

/* 0600 from the first byte, whatever the mask, and never anything else. */
static void
test_mode (Fixture *fixture, gconstpointer data)
{
  g_autofree char *log = g_build_filename (fixture->directory, "log", NULL);
  g_autofree char *text = NULL;
  g_auto (End) killed = run_traced (fixture, "--inject=write:signal=KILL:when=1", NULL, NULL);
  g_autofree char *names = directory_list (fixture->accounts);
  g_autofree char *empty = directory_read (fixture->accounts, OTHER_NAME);
  g_auto (End) end = { -1, NULL };

  g_assert_cmpint (killed.exit_code, ==, -1);
  g_assert_cmpstr (names, ==, OTHER_NAME);
  g_assert_cmpstr (empty, ==, "");
  g_assert_cmpuint (directory_get_mode (fixture->accounts, OTHER_NAME), ==, 0600);

  prepare (fixture);
  end = run_traced (fixture, NULL, NULL, log);
  g_assert_cmpint (end.exit_code, ==, 0);
  text = directory_read (fixture->directory, "log");
  g_assert_nonnull (
      strstr (text, "\"" OTHER_NAME "\", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600) = "));
  g_assert_null (strstr (text, "chmod"));
  g_assert_null (strstr (text, "chown"));
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->scenario = data;
  fixture->directory = directory_make ();
  fixture->start = g_build_filename (fixture->directory, "start", NULL);
  fixture->state = g_build_filename (fixture->directory, "state", NULL);
  fixture->accounts = g_build_filename (fixture->state, "accounts.d", NULL);
  g_assert_cmpint (g_mkdir (fixture->start, S_IRWXU), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  directory_remove (fixture->directory);
  g_free (fixture->start);
  g_free (fixture->state);
  g_free (fixture->accounts);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (scenarios); i++)
    {
      g_autofree char *crash = g_strconcat ("/keeper-crash/at/", scenarios[i].name, NULL);
      g_autofree char *error = g_strconcat ("/keeper-crash/error/", scenarios[i].name, NULL);

      g_test_add (crash, Fixture, &scenarios[i], set_up, test_crash, tear_down);
      g_test_add (error, Fixture, &scenarios[i], set_up, test_error, tear_down);
    }
  g_test_add ("/keeper-crash/advice", Fixture, &scenarios[1], set_up, test_advice, tear_down);
  g_test_add ("/keeper-crash/order", Fixture, &scenarios[1], set_up, test_order, tear_down);
  g_test_add ("/keeper-crash/no-way-back", Fixture, &scenarios[1], set_up, test_no_way_back,
              tear_down);
  g_test_add ("/keeper-crash/mode", Fixture, &scenarios[0], set_up, test_mode, tear_down);
  return g_test_run ();
}
