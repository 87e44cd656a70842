/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The secret of this machine: made once, and only believed where nobody else can know it. */

#include "store/secret.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "store/directory.h"

#define SIZE 32
#define HEX_LENGTH (2 * SIZE)

typedef struct
{
  char *directory;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = directory_make ();
  fixture->path = g_build_filename (fixture->directory, "secret", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  directory_remove (fixture->directory);
  g_free (fixture->path);
}

static gboolean
is_empty (const guint8 secret[SIZE])
{
  static const guint8 nothing[SIZE];

  return memcmp (secret, nothing, SIZE) == 0;
}

static void
load (Fixture *fixture, guint8 secret[SIZE])
{
  g_autoptr (GError) error = NULL;

  g_assert_true (dfl_secret_load (fixture->directory, secret, &error));
  g_assert_no_error (error);
  g_assert_false (is_empty (secret));
}

/* What is there stays as it is, and the secret is another one each time. */
static void
assert_refused (Fixture *fixture, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *start = g_strconcat (fixture->path, ": ", expected, NULL);
  guint8 first[SIZE] = { 0 }, second[SIZE] = { 0 };
  GStatBuf before, after;

  g_assert_cmpint (g_lstat (fixture->path, &before), ==, 0);
  g_assert_false (dfl_secret_load (fixture->directory, first, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_FAILED);
  g_test_message ("%s", error->message);
  g_assert_true (g_str_has_prefix (error->message, start));
  g_assert_false (dfl_secret_load (fixture->directory, second, NULL));
  g_assert_false (is_empty (first));
  g_assert_cmpint (memcmp (first, second, SIZE), !=, 0);
  g_assert_cmpint (g_lstat (fixture->path, &after), ==, 0);
  g_assert_cmpuint (before.st_ino, ==, after.st_ino);
}

static void
test_made (Fixture *fixture, gconstpointer data)
{
  g_autofree char *listing = NULL;
  g_autofree char *text = NULL;
  guint8 secret[SIZE] = { 0 }, again[SIZE] = { 0 };
  mode_t mask = umask (0);
  gsize length;

  load (fixture, secret);
  umask (mask);
  listing = directory_list (fixture->directory);
  g_assert_cmpstr (listing, ==, "secret");
  g_assert_cmpuint (directory_get_mode (fixture->directory, "secret"), ==, 0600);
  g_assert_true (g_file_get_contents (fixture->path, &text, &length, NULL));
  g_assert_cmpmem (text, length, secret, SIZE);

  load (fixture, again);
  g_assert_cmpmem (again, SIZE, secret, SIZE);

  /* Who removes it has another one. */
  g_assert_cmpint (g_remove (fixture->path), ==, 0);
  load (fixture, again);
  g_assert_cmpint (memcmp (again, secret, SIZE), !=, 0);
}

static void
test_modes (Fixture *fixture, gconstpointer data)
{
  static const guint bad[] = { 0640, 0620, 0610, 0604, 0602, 0601, 0666, 0777 };
  static const guint good[] = { 0600, 0400, 0700 };
  guint8 secret[SIZE], again[SIZE];

  load (fixture, secret);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_cmpint (g_chmod (fixture->path, bad[i]), ==, 0);
      assert_refused (fixture, "may have been read or written by other users; remove it, and ");
    }
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_cmpint (g_chmod (fixture->path, good[i]), ==, 0);
      load (fixture, again);
      g_assert_cmpmem (again, SIZE, secret, SIZE);
    }
}

static void
test_sizes (Fixture *fixture, gconstpointer data)
{
  static const gssize sizes[] = { 0, 1, 31, 33, 4096, 1024 * 1024 };
  g_autofree char *bytes = g_strnfill (1024 * 1024, 'x');

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      directory_write (fixture->directory, "secret", bytes, sizes[i]);
      g_assert_cmpint (g_chmod (fixture->path, 0600), ==, 0);
      assert_refused (fixture, "is not 32 bytes long, as deflectd makes it; remove it, and ");
    }
}

/* What somebody else put in its place leads nowhere. */
static void
test_links (Fixture *fixture, gconstpointer data)
{
  g_autofree char *other = g_build_filename (fixture->directory, "other", NULL);
  guint8 secret[SIZE];

  g_assert_cmpint (symlink ("other", fixture->path), ==, 0);
  assert_refused (fixture, "is a symbolic link, which is never followed here; remove it, and ");
  g_assert_false (g_file_test (other, G_FILE_TEST_EXISTS));
  directory_write (fixture->directory, "other", "0123456789abcdef0123456789abcdef", -1);
  g_assert_cmpint (g_chmod (other, 0600), ==, 0);
  assert_refused (fixture, "is a symbolic link, which is never followed here; remove it, and ");

  g_assert_cmpint (g_remove (fixture->path), ==, 0);
  g_assert_cmpint (g_mkdir (fixture->path, 0700), ==, 0);
  assert_refused (fixture, "is no regular file; remove it, and ");
  g_assert_cmpint (g_rmdir (fixture->path), ==, 0);
  g_assert_cmpint (mkfifo (fixture->path, 0600), ==, 0);
  assert_refused (fixture, "is no regular file; remove it, and ");

  /* Nor does what is in the way of making one. */
  g_assert_cmpint (g_remove (fixture->path), ==, 0);
  g_free (other);
  other = g_build_filename (fixture->directory, ".secret.tmp", NULL);
  g_assert_cmpint (symlink ("victim", other), ==, 0);
  load (fixture, secret);
  g_free (other);
  other = directory_list (fixture->directory);
  g_assert_cmpstr (other, ==, "other secret");
}

static void
test_no_directory (Fixture *fixture, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (fixture->directory, "a\nb", NULL);
  g_autofree char *link = g_build_filename (fixture->directory, "link", NULL);
  g_autoptr (GError) error = NULL;
  guint8 secret[SIZE] = { 0 }, again[SIZE];

  g_assert_false (dfl_secret_load (missing, secret, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_FAILED);
  g_assert_null (strchr (error->message, '\n'));
  g_assert_false (is_empty (secret));

  /* A link to the directory is followed: systemd makes one. */
  g_assert_cmpint (symlink (".", link), ==, 0);
  g_assert_true (dfl_secret_load (link, secret, NULL));
  load (fixture, again);
  g_assert_cmpmem (again, SIZE, secret, SIZE);
}

/* --- Below strace --- */

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

/* option and log may be NULL. */
static End
run_traced (Fixture *fixture, const char *option, const char *log)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "store", "load-secret", NULL);
  g_autofree char *directory = g_strconcat ("--trace-path=", fixture->directory, NULL);
  g_autofree char *file = g_strconcat ("--trace-path=", fixture->path, NULL);
  g_autofree char *other = g_strconcat ("--trace-path=", fixture->directory, "/.secret.tmp", NULL);
  const char *argv[] = { "strace",  "-qqq",
                         "-o",      log != NULL ? log : "/dev/null",
                         directory, file,
                         other,     option != NULL ? option : "-v",
                         program,   fixture->directory,
                         NULL };
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), "ASAN_OPTIONS", "detect_leaks=0",
                                                 TRUE);
  g_autoptr (GError) error = NULL;
  End end = { -1, NULL };
  int status;

  g_spawn_sync (NULL, (char **)argv, environment, G_SPAWN_SEARCH_PATH | G_SPAWN_CLOEXEC_PIPES, NULL,
                NULL, &end.output, NULL, &status, &error);
  g_assert_no_error (error);
  if (WIFEXITED (status))
    end.exit_code = WEXITSTATUS (status);
  return end;
}

/* The system calls in their order, each as strace is told of it: "openat:%s:when=2". */
static GPtrArray *
list_calls (Fixture *fixture)
{
  GPtrArray *calls = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *log = g_build_filename (g_get_tmp_dir (), "deflectd-secret-XXXXXX", NULL);
  g_autofree char *text = NULL;
  g_auto (End) end = { 0 };
  g_auto (GStrv) lines = NULL;

  close (g_mkstemp (log));
  end = run_traced (fixture, NULL, log);
  g_assert_cmpint (end.exit_code, ==, 0);
  g_assert_true (g_file_get_contents (log, &text, NULL, NULL));
  g_assert_cmpint (g_remove (log), ==, 0);
  g_assert_cmpint (g_remove (fixture->path), ==, 0);
  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_autofree char *call = g_strndup (*line, strcspn (*line, "("));
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, call)) + 1;

      g_ptr_array_add (calls, g_strdup_printf ("--inject=%s:%%s:when=%u", call, n));
      g_hash_table_insert (counts, g_steal_pointer (&call), GUINT_TO_POINTER (n));
    }

  return calls;
}

/* The next start has a secret, which stays; where the one before had told one that lasts, that. */
static void
assert_recovers (Fixture *fixture, const char *told)
{
  g_autofree char *listing = NULL;
  g_autofree char *text = NULL;
  GString *hex = g_string_new (NULL);
  guint8 secret[SIZE], again[SIZE];

  load (fixture, secret);
  load (fixture, again);
  g_assert_cmpmem (secret, SIZE, again, SIZE);
  for (gsize i = 0; i < SIZE; i++)
    g_string_append_printf (hex, "%02x", secret[i]);
  if (told != NULL)
    g_assert_cmpstr (hex->str, ==, told);
  g_string_free (hex, TRUE);
  g_assert_cmpuint (directory_get_mode (fixture->directory, "secret"), ==, 0600);
  g_assert_cmpint (g_remove (fixture->path), ==, 0);
}

static void
crash_at (Fixture *fixture, const char *call)
{
  g_auto (GStrv) parts = g_strsplit (call, "%s", 2);
  g_autofree char *option = g_strconcat (parts[0], "signal=KILL", parts[1], NULL);
  g_auto (End) end = run_traced (fixture, option, NULL);

  g_test_message ("%s", option);
  g_assert_cmpint (end.exit_code, ==, -1);
  assert_recovers (fixture, NULL);
}

/* Whether it was told to have failed. */
static gboolean
fail_at (Fixture *fixture, const char *call)
{
  g_auto (GStrv) parts = g_strsplit (call, "%s", 2);
  g_autofree char *option = g_strconcat (parts[0], "error=EIO", parts[1], NULL);
  g_auto (End) end = run_traced (fixture, option, NULL);

  g_test_message ("%s: %d %s", option, end.exit_code, end.output + HEX_LENGTH);
  g_assert_true (end.exit_code == 0 || end.exit_code == 3);
  g_assert_cmpint (strlen (end.output) > HEX_LENGTH, ==, end.exit_code == 3);
  assert_recovers (fixture, end.exit_code == 0 ? end.output : NULL);

  return end.exit_code == 3;
}

/* Every system call in turn is the last one, or fails. */
static void
test_crash (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) calls = list_calls (fixture);
  guint n_failed = 0;

  for (guint i = 0; i < calls->len; i++)
    {
      crash_at (fixture, calls->pdata[i]);
      n_failed += fail_at (fixture, calls->pdata[i]);
    }
  /* What opens the directory and the file, makes, writes, syncs and names it, and syncs that. */
  g_assert_cmpuint (n_failed, >=, 7);
}

/* Its bytes are on the disk before it has its name, and that before anybody uses it. */
static void
test_order (Fixture *fixture, gconstpointer data)
{
  static const char *const expected[] = { "write:", "fsync:", "renameat2:", "fsync:" };
  g_autoptr (GPtrArray) calls = list_calls (fixture);
  gsize n = 0;

  for (guint i = 0; i < calls->len && n < G_N_ELEMENTS (expected); i++)
    n += g_str_has_prefix ((const char *)calls->pdata[i] + strlen ("--inject="), expected[n]);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (expected));
}

/* A file system that does not know how to name a file only where there is none. */
static void
test_old_file_system (Fixture *fixture, gconstpointer data)
{
  g_auto (End) end = run_traced (fixture, "--inject=renameat2:error=EINVAL", NULL);

  g_assert_cmpint (end.exit_code, ==, 0);
  assert_recovers (fixture, end.output);
}

static void
test_somebody (Fixture *fixture, gconstpointer data)
{
  guint8 secret[SIZE];

  load (fixture, secret);
  g_assert_cmpint (chown (fixture->path, 54321, 54321), ==, 0);
  assert_refused (fixture, "belongs to another user than that of deflectd; remove it, and ");
}

#define ADD(path, test) g_test_add ("/secret/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Only root can give files away. */
  if (argc > 1 && g_str_equal (argv[1], "--root"))
    {
      ADD ("somebody", test_somebody);
      return g_test_run ();
    }
  ADD ("made", test_made);
  ADD ("modes", test_modes);
  ADD ("sizes", test_sizes);
  ADD ("links", test_links);
  ADD ("no-directory", test_no_directory);
  ADD ("crash", test_crash);
  ADD ("order", test_order);
  ADD ("old-file-system", test_old_file_system);
  return g_test_run ();
}
