/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Real commands below the runner: several at once, a limit on time, calls that end first. */

#include "runner.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PATH_OF_CALLS "/org/deflectd1/call/"

typedef struct
{
  DflRunner *runner;
  GPtrArray *answers; /* "PATH LINE" without the common beginning */
  char *directory;
  gboolean stopped;
  gboolean keep; /* do not release */
} Fixture;

static void
on_answered (DflRunner *runner, const char *path, const char *line, Fixture *fixture)
{
  g_ptr_array_add (fixture->answers,
                   g_strdup_printf ("%s %s", path + strlen (PATH_OF_CALLS), line));
  if (!fixture->keep)
    dfl_runner_release (runner, path);
}

static void
on_stopped (DflRunner *runner, Fixture *fixture)
{
  fixture->stopped = TRUE;
}

static void
set_up (Fixture *fixture, const char *script, guint max_running, guint limit)
{
  const char *argv[] = { "sh", "-c", script, NULL };

  fixture->runner = dfl_runner_new (argv, max_running, limit);
  fixture->answers = g_ptr_array_new_with_free_func (g_free);
  fixture->directory = g_dir_make_tmp ("deflectctl-XXXXXX", NULL);
  g_signal_connect (fixture->runner, "answered", G_CALLBACK (on_answered), fixture);
  g_signal_connect (fixture->runner, "stopped", G_CALLBACK (on_stopped), fixture);
}

static void
add (Fixture *fixture, const char *id)
{
  g_autofree char *path = g_strconcat (PATH_OF_CALLS, id, NULL);
  g_auto (GStrv) environment = g_get_environ ();

  environment = g_environ_setenv (environment, "ID", id, TRUE);
  environment = g_environ_setenv (environment, "DIRECTORY", fixture->directory, TRUE);
  dfl_runner_add (fixture->runner, path, (const char *const *)environment);
}

static void
call_over (Fixture *fixture, const char *id)
{
  g_autofree char *path = g_strconcat (PATH_OF_CALLS, id, NULL);

  dfl_runner_call_over (fixture->runner, path);
}

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

#define AWAIT(condition)                                                                           \
  G_STMT_START                                                                                     \
  {                                                                                                \
    gint64 until_ = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;                                 \
    guint tick_ = g_timeout_add (10, on_tick, NULL);                                               \
    while (!(condition))                                                                           \
      {                                                                                            \
        g_main_context_iteration (NULL, TRUE);                                                     \
        if (g_get_monotonic_time () > until_)                                                      \
          g_error ("waited in vain for: %s", #condition);                                          \
      }                                                                                            \
    g_source_remove (tick_);                                                                       \
  }                                                                                                \
  G_STMT_END

static char *
file_of (Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->directory, name, NULL);
}

static gboolean
exists (Fixture *fixture, const char *name)
{
  g_autofree char *path = file_of (fixture, name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static gboolean
read_line (Fixture *fixture, const char *name, char **line)
{
  g_autofree char *path = file_of (fixture, name);

  g_clear_pointer (line, g_free);
  return g_file_get_contents (path, line, NULL, NULL) && g_str_has_suffix (*line, "\n");
}

/* The number that a command wrote into a file, once it is complete. */
static int
read_number (Fixture *fixture, const char *name)
{
  g_autofree char *line = NULL;

  AWAIT (read_line (fixture, name, &line));
  return atoi (line);
}

static gboolean
is_gone (int pid)
{
  return kill (pid, 0) != 0 && errno == ESRCH;
}

static void
tear_down (Fixture *fixture)
{
  g_autoptr (GDir) directory = g_dir_open (fixture->directory, 0, NULL);
  const char *name;

  dfl_runner_stop (fixture->runner);
  AWAIT (fixture->stopped);
  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = file_of (fixture, name);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
  g_ptr_array_unref (fixture->answers);
  g_assert_finalize_object (fixture->runner);
}

static gboolean
has_answer (Fixture *fixture, const char *expected)
{
  return g_ptr_array_find_with_equal_func (fixture->answers, expected, g_str_equal, NULL);
}

static void
test_lines (void)
{
  const struct
  {
    const char *script, *answer;
  } cases[] = {
    { "echo redirect 200", "a redirect 200" },
    { "printf 'decline 486'", "a decline 486" },
    { "printf '\\nredirect 200\\n'", "a " },
    { "true", "a " },
    { "exec >&-; true", "a " },
    { "printf 'redirect 200\\000300\\n'", "a redirect 200\001300" },
    { "cat; echo silence", "a silence" },
    { "echo silence; echo redirect 200; yes | head -c 300000", "a silence" },
    { "kill -0 -$$ && echo own group", "a own group" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fixture fixture = { 0 };

      set_up (&fixture, cases[i].script, 2, 20);
      add (&fixture, "a");
      AWAIT (fixture.answers->len > 0);
      g_assert_cmpstr (fixture.answers->pdata[0], ==, cases[i].answer);
      tear_down (&fixture);
    }
}

/* A command that decides may go on: its line counts when it is complete. */
static void
test_at_once (void)
{
  Fixture fixture = { 0 };

  set_up (&fixture, "echo redirect 200; sleep 60", 1, 60);
  add (&fixture, "a");
  AWAIT (has_answer (&fixture, "a redirect 200"));
  tear_down (&fixture);
}

/* A line without an end must not eat memory. */
static void
test_endless_line (void)
{
  Fixture fixture = { 0 };

  set_up (&fixture, "yes | tr -d '\\n' | head -c 1000000", 1, 20);
  add (&fixture, "a");
  AWAIT (fixture.answers->len > 0);
  g_assert_cmpuint (strlen (fixture.answers->pdata[0]), <, 2000);
  tear_down (&fixture);
}

static void
test_several (void)
{
  Fixture fixture = { 0 };
  const char *const ids[] = { "a", "b", "c", "d", "e" };

  /* Each waits until two have begun, and looks whether ever more than two run. */
  set_up (&fixture,
          "cd $DIRECTORY; touch seen-$ID run-$ID;"
          "while test $(ls seen-* | wc -l) -lt 2; do sleep 0.01; done;"
          "if test $(ls run-* | wc -l) -gt 2; then touch too-many; fi;"
          "sleep 0.05; rm run-$ID; echo $ID",
          2, 60);
  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    add (&fixture, ids[i]);
  add (&fixture, "a");
  AWAIT (fixture.answers->len == G_N_ELEMENTS (ids));
  g_assert_true (has_answer (&fixture, "e e"));
  g_assert_false (exists (&fixture, "too-many"));
  tear_down (&fixture);
}

/* What is done with an answer takes a place too; the others wait for it. */
static void
test_held (void)
{
  Fixture fixture = { .keep = TRUE };
  gint64 until;
  int child;

  set_up (&fixture, "echo $$ > $DIRECTORY/$ID; echo silence", 1, 60);
  add (&fixture, "a");
  add (&fixture, "b");
  AWAIT (has_answer (&fixture, "a silence"));
  child = read_number (&fixture, "a");
  AWAIT (is_gone (child));
  /* Nothing to wait for: it is about what does not happen. */
  until = g_get_monotonic_time () + 300 * G_TIME_SPAN_MILLISECOND;
  AWAIT (g_get_monotonic_time () > until);
  g_assert_false (exists (&fixture, "b"));
  dfl_runner_release (fixture.runner, PATH_OF_CALLS "a");
  AWAIT (has_answer (&fixture, "b silence"));
  tear_down (&fixture);
}

/* Also what the command started is ended, and nothing is decided. */
static void
test_limit (void)
{
  Fixture fixture = { 0 };
  int child;

  set_up (&fixture, "sleep 1000 & echo $! > $DIRECTORY/child; wait; echo redirect 200", 1, 1);
  add (&fixture, "a");
  child = read_number (&fixture, "child");
  AWAIT (is_gone (child));
  add (&fixture, "b");
  AWAIT (exists (&fixture, "child"));
  g_assert_cmpuint (fixture.answers->len, ==, 0);
  tear_down (&fixture);
}

static void
test_deaf (void)
{
  Fixture fixture = { 0 };
  int child;

  set_up (&fixture, "trap '' TERM; echo $$ > $DIRECTORY/child; while :; do sleep 0.1; done", 1, 1);
  add (&fixture, "a");
  child = read_number (&fixture, "child");
  AWAIT (is_gone (child));
  g_assert_cmpuint (fixture.answers->len, ==, 0);
  tear_down (&fixture);
}

static void
test_call_over (void)
{
  Fixture fixture = { 0 };
  int child;

  set_up (&fixture,
          "trap 'touch $DIRECTORY/told; echo redirect 200; exit' TERM;"
          "echo $$ > $DIRECTORY/$ID; while :; do sleep 0.01; done",
          1, 60);
  add (&fixture, "a");
  add (&fixture, "b");
  child = read_number (&fixture, "a");
  call_over (&fixture, "b");
  call_over (&fixture, "a");
  AWAIT (is_gone (child));
  g_assert_true (exists (&fixture, "told"));
  /* The place is free again. */
  add (&fixture, "c");
  (void)read_number (&fixture, "c");
  g_assert_false (exists (&fixture, "b"));
  g_assert_cmpuint (fixture.answers->len, ==, 0);
  tear_down (&fixture);
}

static void
test_stop (void)
{
  Fixture fixture = { 0 };
  int child;

  set_up (&fixture, "echo $$ > $DIRECTORY/$ID; sleep 1000", 1, 60);
  add (&fixture, "a");
  add (&fixture, "b");
  child = read_number (&fixture, "a");
  dfl_runner_stop (fixture.runner);
  g_assert_false (fixture.stopped);
  AWAIT (fixture.stopped);
  g_assert_true (is_gone (child));
  g_assert_false (exists (&fixture, "b"));
  tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/runner/lines", test_lines);
  g_test_add_func ("/runner/at-once", test_at_once);
  g_test_add_func ("/runner/endless-line", test_endless_line);
  g_test_add_func ("/runner/several", test_several);
  g_test_add_func ("/runner/held", test_held);
  g_test_add_func ("/runner/limit", test_limit);
  g_test_add_func ("/runner/deaf", test_deaf);
  g_test_add_func ("/runner/call-over", test_call_over);
  g_test_add_func ("/runner/stop", test_stop);
  return g_test_run ();
}
