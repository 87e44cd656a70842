/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "harness-private.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static char *
read_file (const char *path)
{
  char *text = NULL;

  if (path == NULL || !g_file_get_contents (path, &text, NULL, NULL))
    return g_strdup ("");
  return text;
}

/* --- Programs --- */

void
player_free (Player *self)
{
  if (!self->ended)
    g_subprocess_force_exit (self->process);
  while (!self->ended)
    g_main_context_iteration (NULL, TRUE);
  g_object_unref (self->process);
  g_free (self->name);
  g_free (self->output);
  g_free (self->errors);
  g_free (self->trace);
  g_free (self);
}

/* A test that fails must not leave its programs behind. */
static void
die_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

static void
on_player_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  gboolean *ended = data;

  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  *ended = TRUE;
}

Player *
stage_playv (Stage *self, const char *const *argv)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_path_get_basename (argv[0]);
  Player *player = g_new0 (Player, 1);

  player->name = g_strdup_printf ("%s-%u", base, ++self->n_players);
  player->output = g_strdup_printf ("%s/%s.out", self->directory, player->name);
  player->errors = g_strdup_printf ("%s/%s.err", self->directory, player->name);
  g_subprocess_launcher_set_stdout_file_path (launcher, player->output);
  g_subprocess_launcher_set_stderr_file_path (launcher, player->errors);
  g_subprocess_launcher_set_cwd (launcher, self->directory);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  g_subprocess_launcher_setenv (launcher, "TERM", "dumb", TRUE);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  /* A warning is what a program may well have to say here; a critical one never is. */
  g_subprocess_launcher_setenv (launcher, "G_DEBUG", "fatal-criticals", TRUE);
  if (self->bus == STAGE_SYSTEM_BUS && self->address != NULL)
    g_subprocess_launcher_setenv (launcher, "DBUS_SYSTEM_BUS_ADDRESS", self->address, TRUE);
  g_subprocess_launcher_unsetenv (launcher, "DBUS_SESSION_BUS_ADDRESS");

  player->process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  g_subprocess_wait_async (player->process, NULL, on_player_ended, &player->ended);
  g_ptr_array_add (self->players, player);
  return player;
}

Player *
stage_play_arguments (Stage *self, GPtrArray *argv)
{
  g_ptr_array_add (argv, NULL);
  return stage_playv (self, (const char *const *)argv->pdata);
}

/* Adds the strings up to NULL to argv, first included. */
static void
add_arguments (GPtrArray *argv, const char *first, va_list rest)
{
  const char *argument;

  for (argument = first; argument != NULL; argument = va_arg (rest, const char *))
    g_ptr_array_add (argv, g_strdup (argument));
}

void
stage_add_user (GPtrArray *argv, guint uid)
{
  if (uid == 0)
    return;
  g_ptr_array_add (argv, g_strdup ("setpriv"));
  g_ptr_array_add (argv, g_strdup_printf ("--reuid=%u", uid));
  g_ptr_array_add (argv, g_strdup_printf ("--regid=%u", uid));
  g_ptr_array_add (argv, g_strdup ("--clear-groups"));
}

Player *
stage_play (Stage *self, const char *program, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  va_list rest;

  va_start (rest, program);
  add_arguments (argv, program, rest);
  va_end (rest);
  return stage_play_arguments (self, argv);
}

Player *
stage_play_as (Stage *self, guint uid, const char *program, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  va_list rest;

  stage_add_user (argv, uid);
  va_start (rest, program);
  add_arguments (argv, program, rest);
  va_end (rest);
  return stage_play_arguments (self, argv);
}

Player *
stage_play_argv_as (Stage *self, guint uid, GPtrArray *argv)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (g_free);

  stage_add_user (all, uid);
  for (guint i = 0; i < argv->len; i++)
    {
      const char *word = g_ptr_array_index (argv, i);
      gboolean ours = i == 0 && g_str_equal (word, "deflectctl");

      g_ptr_array_add (all, g_strdup (ours ? self->deflectctl : word));
    }
  return stage_play_arguments (self, all);
}

gboolean
player_has_ended (Player *self)
{
  return self->ended;
}

GPid
player_get_pid (Player *self)
{
  return (GPid)g_ascii_strtoll (g_subprocess_get_identifier (self->process), NULL, 10);
}

void
player_signal (Player *self, int signal)
{
  g_subprocess_send_signal (self->process, signal);
}

int
player_await (Stage *stage, Player *self)
{
  AWAIT (stage, self->ended);
  if (g_subprocess_get_if_signaled (self->process))
    return -g_subprocess_get_term_sig (self->process);
  return g_subprocess_get_exit_status (self->process);
}

char *
player_read_output (Player *self)
{
  return read_file (self->output);
}

char *
player_read_errors (Player *self)
{
  return read_file (self->errors);
}

char *
player_read_trace (Player *self)
{
  return read_file (self->trace);
}

void
player_await_success (Stage *stage, Player *self)
{
  int status = player_await (stage, self);

  if (status != 0)
    {
      g_autofree char *output = player_read_output (self);
      g_autofree char *errors = player_read_errors (self);
      g_autofree char *trace = player_read_trace (self);

      g_printerr ("%s ended with %d.\n%s\n%s\n%s\n", self->name, status, output, errors, trace);
    }
  g_assert_cmpint (status, ==, 0);
}

Player *
stage_call (Stage *self,
            const char *scenario,
            const char *transport,
            const char *host,
            guint port,
            const char *reason)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *local = g_strdup (host);
  char *trace = g_strdup_printf ("%s/trace-%u", self->directory, self->n_players);
  Player *player;

  if (*local == '[')
    {
      memmove (local, local + 1, strlen (local));
      local[strlen (local) - 1] = '\0';
    }
  g_ptr_array_add (argv, g_strdup ("sipp"));
  g_ptr_array_add (argv, g_strdup_printf ("%s:%u", host, port));
  g_ptr_array_add (argv, g_strdup ("-sf"));
  g_ptr_array_add (argv, g_test_build_filename (G_TEST_DIST, "e2e", "scenarios", scenario, NULL));
  g_ptr_array_add (argv, g_strdup ("-key"));
  g_ptr_array_add (argv, g_strdup ("reason"));
  g_ptr_array_add (argv, g_strdup (reason != NULL ? reason : "X-Reason: none"));
  g_ptr_array_add (argv, g_strdup ("-message_file"));
  g_ptr_array_add (argv, g_strdup (trace));
  g_ptr_array_add (argv, g_strdup ("-i"));
  g_ptr_array_add (argv, g_steal_pointer (&local));
  g_ptr_array_add (argv, g_strdup ("-t"));
  g_ptr_array_add (argv, g_strdup (transport));
  for (const char **more = (const char *[]){ "-s", "alice", "-m", "1", "-nostdin", "-timeout",
                                             "50s", "-timeout_error", "-trace_msg", NULL };
       *more != NULL; more++)
    g_ptr_array_add (argv, g_strdup (*more));

  player = stage_play_arguments (self, argv);
  player->trace = trace;
  return player;
}

Player *
stage_call_alice (Stage *self)
{
  guint port = stage_get_port (self, "udp:127.0.0.1:");

  return stage_call (self, "call.xml", "u1", "127.0.0.1", port, NULL);
}

/* Takes argv over. */
static int
run_to_end (Stage *self, GPtrArray *argv, char **output)
{
  Player *player = stage_play_arguments (self, argv);
  int status = player_await (self, player);

  g_ptr_array_unref (argv);
  if (status != 0)
    {
      g_autofree char *errors = player_read_errors (player);

      g_test_message ("%s ended with %d: %s", player->name, status, errors);
    }
  if (output != NULL)
    *output = player_read_output (player);
  return status;
}

static void
add_deflectctl (Stage *self, GPtrArray *argv)
{
  g_ptr_array_add (argv, g_strdup (self->deflectctl));
  g_ptr_array_add (argv, g_strdup ("--bus"));
  g_ptr_array_add (argv, g_strdup (self->bus == STAGE_SYSTEM_BUS ? "system" : self->address));
}

int
stage_deflectctl (Stage *self, char **output, const char *first, ...)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
  va_list rest;

  add_deflectctl (self, argv);
  va_start (rest, first);
  add_arguments (argv, first, rest);
  va_end (rest);
  return run_to_end (self, argv, output);
}

int
stage_deflectctl_as (Stage *self, guint uid, char **output, const char *first, ...)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
  va_list rest;

  stage_add_user (argv, uid);
  add_deflectctl (self, argv);
  va_start (rest, first);
  add_arguments (argv, first, rest);
  va_end (rest);
  return run_to_end (self, argv, output);
}

static gboolean
can_bind (int type, guint port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16)port) };
  int socket_fd = socket (AF_INET, type, 0);
  gboolean done = bind (socket_fd, (struct sockaddr *)&address, sizeof address) == 0;

  close (socket_fd);
  return done;
}

/* Free for UDP and TCP, and none of those that the system gives to clients, of whom one would have
 * it before the program does. */
guint
stage_find_free_port (void)
{
  guint port;

  do
    port = (guint)g_random_int_range (10000, 32000);
  while (!can_bind (SOCK_DGRAM, port) || !can_bind (SOCK_STREAM, port));
  return port;
}
