/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "password.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "errors.h"
#include "output.h"

/* Longer than any password that deflectd takes. */
#define MAX_BYTES 1024

/* A line that is being read; the bytes behind it are all zero. */
typedef struct
{
  char bytes[MAX_BYTES + 1];
  gsize length;
  gboolean too_long;
} Line;

static void
line_clear (Line *self)
{
  explicit_bzero (self, sizeof *self);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Line, line_clear)

/* Whoever reads core dumps reads no password. */
static void
forbid_core_dumps (void)
{
  const struct rlimit none = { 0, 0 };

  (void)setrlimit (RLIMIT_CORE, &none);
}

static char *
line_to_password (Line *self, GError **error)
{
  /* As editors of other systems end a line. */
  if (self->length > 0 && self->bytes[self->length - 1] == '\r')
    self->bytes[--self->length] = '\0';
  if (self->too_long)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("the password is longer than %d bytes; is it the right file?"), MAX_BYTES);
  else if (strlen (self->bytes) != self->length || !g_utf8_validate (self->bytes, -1, NULL))
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                         _ ("the password is no UTF-8 text; is it the right file?"));
  else
    return g_strdup (self->bytes);
  return NULL;
}

/* Reads one byte into the line; FALSE at its end. */
static gboolean
line_add (Line *self, int fd, int *failure)
{
  char byte;
  ssize_t n = read (fd, &byte, 1);

  *failure = n < 0 && errno != EINTR ? errno : 0;
  if (n < 0 && errno == EINTR)
    return TRUE;
  if (n <= 0 || byte == '\n')
    return FALSE;
  if (self->length < MAX_BYTES)
    self->bytes[self->length++] = byte;
  else
    self->too_long = TRUE;
  explicit_bzero (&byte, 1);
  return TRUE;
}

void
dfl_password_free (char *password)
{
  if (password == NULL)
    return;
  explicit_bzero (password, strlen (password));
  g_free (password);
}

/* --- Files --- */

char *
dfl_password_read_file (const char *path, GError **error)
{
  gboolean is_input = g_str_equal (path, "-");
  int fd = is_input ? STDIN_FILENO : open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  g_autofree char *safe = dfl_output_escape (is_input ? _ ("standard input") : path);
  g_auto (Line) line = { .length = 0 };
  int failure = errno;

  forbid_core_dumps ();
  if (fd >= 0)
    {
      while (line_add (&line, fd, &failure))
        ;
      if (!is_input)
        (void)close (fd);
    }
  if (fd < 0 || failure != 0)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("the password could not be read from %s: %s"), safe, g_strerror (failure));
  else if (line.length == 0)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("the first line of %s is empty; it has to be the password"), safe);
  else
    return line_to_password (&line, error);
  return NULL;
}

/* --- The terminal --- */

/* What would leave a terminal without its echo. */
static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

/* The handler's way to the loop that waits for the terminal. */
static int wake_fds[2] = { -1, -1 };

static void
on_signal (int number)
{
  int saved_errno = errno;
  guchar byte = (guchar)number;

  if (write (wake_fds[1], &byte, 1) != 1)
    {
      /* The pipe is full of signals already. */
    }
  errno = saved_errno;
}

static void
catch_signals (struct sigaction *before)
{
  struct sigaction action = { .sa_handler = on_signal };

  (void)sigemptyset (&action.sa_mask);
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      (void)sigaction (signals[i], NULL, &before[i]);
      if (before[i].sa_handler != SIG_IGN)
        (void)sigaction (signals[i], &action, NULL);
    }
}

static void
release_signals (const struct sigaction *before)
{
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    (void)sigaction (signals[i], &before[i], NULL);
}

/* Until the end of the line, or a signal, which is returned. */
static int
read_line (int terminal, Line *line, int *failure)
{
  GPollFD fds[] = { { .fd = terminal, .events = G_IO_IN },
                    { .fd = wake_fds[0], .events = G_IO_IN } };
  guchar number = 0;

  *failure = 0;
  for (;;)
    {
      if (g_poll (fds, G_N_ELEMENTS (fds), -1) < 0)
        continue;
      if (fds[1].revents != 0 && read (wake_fds[0], &number, 1) == 1)
        return number;
      if (fds[0].revents != 0 && !line_add (line, terminal, failure))
        return 0;
    }
}

static void
write_text (int terminal, const char *text)
{
  if (write (terminal, text, strlen (text)) < 0)
    {
      /* Then reading fails as well, and tells. */
    }
}

/* Returns the signal that interrupted it, or 0; the terminal is as it was. */
static int
ask_once (int terminal, const char *prompt, Line *line, int *failure)
{
  struct sigaction actions[G_N_ELEMENTS (signals)];
  struct termios before, silent;
  int number;

  if (tcgetattr (terminal, &before) != 0)
    {
      *failure = errno;
      return 0;
    }
  silent = before;
  silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
  silent.c_lflag |= ICANON | ISIG;
  catch_signals (actions);
  while (tcsetattr (terminal, TCSAFLUSH, &silent) != 0 && errno == EINTR)
    ;
  write_text (terminal, prompt);
  number = read_line (terminal, line, failure);
  /* What was typed so far is thrown away: the shell must not find it. */
  while (tcsetattr (terminal, TCSAFLUSH, &before) != 0 && errno == EINTR)
    ;
  write_text (terminal, "\n");
  release_signals (actions);
  return number;
}

static char *
ask (int terminal, const char *prompt, GError **error)
{
  g_auto (Line) line = { .length = 0 };
  int failure = 0;
  int number;

  while ((number = ask_once (terminal, prompt, &line, &failure)) != 0)
    {
      line_clear (&line);
      (void)raise (number);
      if (number == SIGTSTP)
        continue; /* and here somebody wanted us to go on */
      g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED, _ ("interrupted"));
      return NULL;
    }
  if (failure == 0)
    return line_to_password (&line, error);
  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
               _ ("the password could not be read from the terminal: %s"), g_strerror (failure));
  return NULL;
}

char *
dfl_password_ask (const char *prompt, GError **error)
{
  int terminal = open ("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  char *password;

  forbid_core_dumps ();
  if (terminal < 0)
    {
      g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                           _ ("there is no terminal to ask for the password on; say "
                              "--password-file FILE (- is standard input)"));
      return NULL;
    }
  if (!g_unix_open_pipe (wake_fds, FD_CLOEXEC, error))
    {
      (void)close (terminal);
      return NULL;
    }
  password = ask (terminal, prompt, error);
  for (gsize i = 0; i < G_N_ELEMENTS (wake_fds); i++)
    (void)close (wake_fds[i]);
  (void)close (terminal);
  return password;
}
