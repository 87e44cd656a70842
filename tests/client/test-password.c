/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A password that is typed on a real terminal, and one from a file. */

#include "password.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "errors.h"

#define PROMPT "Password of work: "

/* --- The terminal --- */

typedef struct
{
  int terminal; /* our side of it */
  int result;   /* what the child got */
  pid_t child;
  GString *seen;
} Asked;

/* In the child: asks, and hands over what it got. */
static void
run_child (int result, gboolean ignore_hangup)
{
  g_autoptr (GError) error = NULL;
  struct rlimit core;
  char *password;

  /* A shell that starts the tests in the background has the first two ignored. */
  signal (SIGINT, SIG_DFL);
  signal (SIGQUIT, SIG_DFL);
  signal (SIGHUP, ignore_hangup ? SIG_IGN : SIG_DFL);
  password = dfl_password_ask (PROMPT, &error);
  if (getrlimit (RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
    _exit (3);
  if (password == NULL)
    _exit (2);
  if (write (result, password, strlen (password)) < 0)
    _exit (4);
  dfl_password_free (password);
  _exit (0);
}

static void
ask (Asked *self, gboolean ignore_hangup)
{
  int fds[2];

  g_assert_cmpint (pipe (fds), ==, 0);
  self->child = forkpty (&self->terminal, NULL, NULL, NULL);
  g_assert_cmpint (self->child, >=, 0);
  if (self->child == 0)
    run_child (fds[1], ignore_hangup);
  close (fds[1]);
  self->result = fds[0];
  self->seen = g_string_new (NULL);
}

static void
asked_clear (Asked *self)
{
  if (self->terminal >= 0)
    close (self->terminal);
  close (self->result);
  g_string_free (self->seen, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Asked, asked_clear)

/* Reads what the terminal shows until this is the n-th time it is there. */
static void
await_text (Asked *self, const char *text, guint n)
{
  for (;;)
    {
      guint found = 0;
      char byte;

      for (const char *at = self->seen->str; (at = strstr (at, text)) != NULL; at++)
        found++;
      if (found >= n)
        return;
      g_assert_cmpint (read (self->terminal, &byte, 1), ==, 1);
      g_string_append_c (self->seen, byte);
    }
}

static void
type (Asked *self, const char *text)
{
  g_assert_cmpint (write (self->terminal, text, strlen (text)), ==, (gssize)strlen (text));
}

static gboolean
has_echo (Asked *self)
{
  struct termios attributes;

  g_assert_cmpint (tcgetattr (self->terminal, &attributes), ==, 0);
  return (attributes.c_lflag & ECHO) != 0;
}

static int
await_end (Asked *self)
{
  int status;

  g_assert_cmpint (waitpid (self->child, &status, 0), ==, self->child);
  return status;
}

static char *
read_result (Asked *self)
{
  char buffer[2048];
  ssize_t n = read (self->result, buffer, sizeof buffer);

  g_assert_cmpint (n, >=, 0);
  return g_strndup (buffer, (gsize)n);
}

static void
test_typed (void)
{
  const struct
  {
    const char *keys, *password;
  } cases[] = {
    { "s3cret\n", "s3cret" },
    { "pa\xc3\x9f wort;=#\n", "pa\xc3\x9f wort;=#" },
    { "wrong\x15right\n", "right" }, /* Ctrl-U */
    { "\n", "" },
    { "\x04", "" }, /* Ctrl-D */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Asked) asked = { 0 };
      g_autofree char *password = NULL;

      ask (&asked, FALSE);
      await_text (&asked, PROMPT, 1);
      g_assert_false (has_echo (&asked));
      type (&asked, cases[i].keys);
      await_text (&asked, "\n", 1);
      g_assert_cmpint (await_end (&asked), ==, 0);
      password = read_result (&asked);
      g_assert_cmpstr (password, ==, cases[i].password);
      g_assert_cmpstr (asked.seen->str, ==, PROMPT "\r\n");
    }
}

/* Whatever ends the program while it asks: the terminal echoes again, and nothing that was typed
 * is left for the shell. */
static void
test_signals (void)
{
  const struct
  {
    const char *keys;
    int signal;
  } cases[] = {
    { "s3c\x03", SIGINT }, /* Ctrl-C */
    { "s3c\x1c", SIGQUIT },
    { NULL, SIGTERM },
    { NULL, SIGHUP },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Asked) asked = { 0 };
      int status;

      ask (&asked, FALSE);
      await_text (&asked, PROMPT, 1);
      g_assert_false (has_echo (&asked));
      if (cases[i].keys != NULL)
        type (&asked, cases[i].keys);
      else
        kill (asked.child, cases[i].signal);
      await_text (&asked, "\n", 1);
      status = await_end (&asked);
      g_assert_true (WIFSIGNALED (status));
      g_assert_cmpint (WTERMSIG (status), ==, cases[i].signal);
      g_assert_true (has_echo (&asked));
      g_assert_null (strstr (asked.seen->str, "s3c"));
    }
}

/* Stopped and continued, it asks again. */
static void
test_stopped (void)
{
  g_auto (Asked) asked = { 0 };
  g_autofree char *password = NULL;
  int status;

  ask (&asked, FALSE);
  await_text (&asked, PROMPT, 1);
  type (&asked, "half");
  kill (asked.child, SIGTSTP);
  /* A session leader is an orphan, which nobody stops this way; so it is asked again at once. */
  await_text (&asked, PROMPT, 2);
  g_assert_false (has_echo (&asked));
  kill (asked.child, SIGSTOP);
  g_assert_cmpint (waitpid (asked.child, &status, WUNTRACED), ==, asked.child);
  g_assert_true (WIFSTOPPED (status));
  kill (asked.child, SIGCONT);
  type (&asked, "whole\n");
  g_assert_cmpint (await_end (&asked), ==, 0);
  password = read_result (&asked);
  g_assert_cmpstr (password, ==, "whole");
}

/* What somebody told us to ignore stays ignored. */
static void
test_ignored (void)
{
  g_auto (Asked) asked = { 0 };
  g_autofree char *password = NULL;

  ask (&asked, TRUE);
  await_text (&asked, PROMPT, 1);
  kill (asked.child, SIGHUP);
  type (&asked, "s3cret\n");
  g_assert_cmpint (await_end (&asked), ==, 0);
  password = read_result (&asked);
  g_assert_cmpstr (password, ==, "s3cret");
}

/* Without a terminal nobody can be asked: not by reading standard input either. */
static void
test_no_terminal (void)
{
  if (g_test_subprocess ())
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (setsid (), >, 0);
      g_assert_null (dfl_password_ask (PROMPT, &error));
      g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE);
      g_assert_nonnull (strstr (error->message, "--password-file FILE"));
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
}

/* --- Files --- */

static void
test_files (void)
{
  const struct
  {
    const char *content;
    gssize length;
    const char *password; /* NULL: refused */
  } cases[] = {
    { "s3cret\n", -1, "s3cret" },
    { "s3cret", -1, "s3cret" },
    { "s3cret\r\nmore\n", -1, "s3cret" },
    { " s3cret \n", -1, " s3cret " },
    { "", -1, NULL },
    { "\ns3cret\n", -1, NULL },
    { "s3c\0ret\n", 8, NULL },
    { "s3c\xffret\n", -1, NULL },
  };
  g_autofree char *directory = g_dir_make_tmp ("deflectctl-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "password", NULL);
  g_autofree char *too_long = g_strnfill (1025, 'x');
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *password = NULL;

      g_assert_true (g_file_set_contents (path, cases[i].content, cases[i].length, NULL));
      password = dfl_password_read_file (path, &error);
      g_assert_cmpstr (password, ==, cases[i].password);
      if (cases[i].password == NULL)
        {
          g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED);
          g_assert_null (strstr (error->message, "s3c"));
        }
      g_clear_error (&error);
    }
  g_assert_true (g_file_set_contents (path, too_long, -1, NULL));
  g_assert_null (dfl_password_read_file (path, &error));
  g_assert_nonnull (strstr (error->message, "longer"));
  g_clear_error (&error);
  g_unlink (path);
  g_assert_null (dfl_password_read_file (path, &error));
  g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED);
  g_clear_error (&error);
  g_assert_null (dfl_password_read_file (directory, &error));
  g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED);
  g_rmdir (directory);
}

/* What stands behind the first line is for whoever reads next. */
static void
test_standard_input (void)
{
  if (g_test_subprocess ())
    {
      g_autoptr (GError) error = NULL;
      int fds[2];
      char rest[8] = { 0 };
      char *password;

      g_assert_cmpint (pipe (fds), ==, 0);
      g_assert_cmpint (write (fds[1], "s3cret\nrest", 11), ==, 11);
      g_assert_cmpint (dup2 (fds[0], STDIN_FILENO), ==, STDIN_FILENO);
      password = dfl_password_read_file ("-", &error);
      g_assert_no_error (error);
      g_assert_cmpstr (password, ==, "s3cret");
      dfl_password_free (password);
      g_assert_cmpint (read (STDIN_FILENO, rest, sizeof rest - 1), ==, 4);
      g_assert_cmpstr (rest, ==, "rest");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/password/typed", test_typed);
  g_test_add_func ("/password/signals", test_signals);
  g_test_add_func ("/password/stopped", test_stopped);
  g_test_add_func ("/password/ignored", test_ignored);
  g_test_add_func ("/password/no-terminal", test_no_terminal);
  g_test_add_func ("/password/files", test_files);
  g_test_add_func ("/password/standard-input", test_standard_input);
  return g_test_run ();
}
