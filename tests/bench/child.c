/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

struct _BenchChild
{
  char *name;
  pid_t pid;
  int pidfd;
  int in;
  int out;
  GString *unread;
};

static void
on_forked (gpointer data)
{
  sigset_t none;

  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

BenchChild *
bench_child_spawn (const char *const *argv,
                   const char *const *environment,
                   const char *log_path,
                   GError **error)
{
  g_autoptr (BenchChild) self = g_new0 (BenchChild, 1);
  g_auto (GStrv) envp = g_get_environ ();
  int log = -1;
  gboolean spawned;

  self->name = g_path_get_basename (argv[0]);
  self->pidfd = self->in = self->out = -1;
  self->unread = g_string_new (NULL);

  for (guint i = 0; environment != NULL && environment[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (environment[i], "=", 2);

      envp = g_environ_setenv (envp, pair[0], pair[1], TRUE);
    }

  if (log_path != NULL)
    log = open (log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  spawned = g_spawn_async_with_pipes_and_fds (NULL, argv, (const char *const *)envp,
                                              G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                                              on_forked, NULL, -1, -1, log, NULL, NULL, 0,
                                              &self->pid, &self->in, &self->out, NULL, error);
  if (log >= 0)
    close (log);
  if (!spawned)
    return NULL;
  self->pidfd = (int)syscall (SYS_pidfd_open, self->pid, 0);
  return g_steal_pointer (&self);
}

BenchChild *
bench_child_spawn_role (const char *role, const char *bus_address, GError **error)
{
  const char *argv[] = { "/proc/self/exe", "--role", role, "--bus", bus_address, NULL };
  BenchChild *self = bench_child_spawn (argv, NULL, NULL, error);

  if (self != NULL)
    {
      g_free (self->name);
      self->name = g_strdup (role);
    }
  return self;
}

pid_t
bench_child_get_pid (const BenchChild *self)
{
  return self->pid;
}

gboolean
bench_child_is_running (const BenchChild *self)
{
  struct pollfd ended = { self->pidfd, POLLIN, 0 };

  return self->pid != 0 && poll (&ended, 1, 0) == 0;
}

int
bench_child_get_fd (const BenchChild *self)
{
  return self->pidfd;
}

char *
bench_child_read_line (BenchChild *self, double seconds, GError **error)
{
  gint64 until = bench_now () + (gint64)(seconds * 1e9);

  for (;;)
    {
      const char *end = strchr (self->unread->str, '\n');
      struct pollfd ready = { self->out, POLLIN, 0 };
      char buffer[4096];
      gssize got;
      gint64 left;

      if (end != NULL)
        {
          char *line = g_strndup (self->unread->str, (gsize)(end - self->unread->str));

          g_string_erase (self->unread, 0, end - self->unread->str + 1);
          return line;
        }

      left = until - bench_now ();
      if (left <= 0 || poll (&ready, 1, (int)(left / 1000000) + 1) == 0)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s said nothing for %.0f s",
                       self->name, seconds);
          return NULL;
        }
      got = read (self->out, buffer, sizeof buffer);
      if (got <= 0)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "%s ended unexpectedly", self->name);
          return NULL;
        }
      g_string_append_len (self->unread, buffer, got);
    }
}

char *
bench_child_ask (BenchChild *self, const char *line, double seconds, GError **error)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);
  gsize length = strlen (text);

  if (write (self->in, text, length) != (gssize)length)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "%s takes no more commands", self->name);
      return NULL;
    }
  return bench_child_read_line (self, seconds, error);
}

/* Whether it ended; then *status is what waitpid says. */
static gboolean
reap (BenchChild *self, double seconds, int *status)
{
  struct pollfd ended = { self->pidfd, POLLIN, 0 };

  if (self->pid == 0 || poll (&ended, 1, (int)(seconds * 1000)) <= 0)
    return FALSE;
  if (waitpid (self->pid, status, 0) != self->pid)
    return FALSE;
  self->pid = 0;
  return TRUE;
}

gboolean
bench_child_wait (BenchChild *self, double seconds, GError **error)
{
  int status = 0;

  if (!reap (self, seconds, &status))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s did not end within %.0f s",
                   self->name, seconds);
      return FALSE;
    }
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s ended with %s %d", self->name,
                   WIFEXITED (status) ? "status" : "signal",
                   WIFEXITED (status) ? WEXITSTATUS (status) : WTERMSIG (status));
      return FALSE;
    }
  return TRUE;
}

void
bench_child_free (BenchChild *self)
{
  int status;

  if (self->in >= 0)
    close (self->in);
  if (self->pid != 0)
    {
      kill (self->pid, SIGTERM);
      if (!reap (self, 5, &status))
        {
          kill (self->pid, SIGKILL);
          reap (self, 5, &status);
        }
    }
  if (self->out >= 0)
    close (self->out);
  if (self->pidfd >= 0)
    close (self->pidfd);
  g_string_free (self->unread, TRUE);
  g_free (self->name);
  g_free (self);
}
