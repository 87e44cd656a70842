/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "names.h"

struct _Player
{
  char *name;
  GSubprocess *process;
  char *output; /* files */
  char *errors;
  char *trace;
  gboolean ended;
};

struct _Stage
{
  StageBus bus;
  char *directory;
  char *address;
  char *deflectctl; /* a copy where every user can reach it */
  GPtrArray *players;
  Player *bus_daemon; /* borrowed from players, as the next one */
  Player *daemon;
  GDBusConnection *connection;
  GDBusObjectManager *manager;
  GHashTable *stories;   /* call path to GString */
  GHashTable *announced; /* call paths that stage_await_call has returned */
  char **listening;
  guint n_players;
};

/* --- Waiting --- */

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

void
stage_step (Stage *self, gint64 until, const char *condition, const char *where)
{
  guint tick = g_timeout_add (10, on_tick, NULL);

  g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
  if (g_get_monotonic_time () < until)
    return;

  g_autofree char *log = self->daemon != NULL ? stage_read_log (self) : g_strdup ("");
  g_printerr ("%s: waited in vain for: %s\nThe daemon said:\n%s\n", where, condition, log);
  g_error ("Gave up waiting.");
}

gboolean
stage_is_slow (void)
{
#ifdef __SANITIZE_ADDRESS__
  return TRUE;
#else
  return g_getenv ("DFL_TEST_WRAPPER") != NULL;
#endif
}

/* --- Files --- */

static void
write_file (Stage *self, const char *name, const char *lines)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);
  g_autoptr (GError) error = NULL;

  if (lines == NULL)
    {
      g_assert_cmpint (g_unlink (path), ==, 0);
      return;
    }
  g_file_set_contents (path, lines, -1, &error);
  g_assert_no_error (error);
}

static char *
read_file (const char *path)
{
  char *text = NULL;

  if (path == NULL || !g_file_get_contents (path, &text, NULL, NULL))
    return g_strdup ("");
  return text;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        remove_tree (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

void
stage_write_settings (Stage *self, const char *lines)
{
  write_file (self, "config/deflectd.conf", lines);
}

void
stage_write_account (Stage *self, const char *name, const char *lines)
{
  g_autofree char *path = g_strdup_printf ("config/accounts.d/%s.conf", name);

  write_file (self, path, lines);
}

/* --- Programs --- */

static void
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
  prctl (PR_SET_PDEATHSIG, SIGKILL);
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

static Player *
play_arguments (Stage *self, GPtrArray *argv)
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

Player *
stage_play (Stage *self, const char *program, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  va_list rest;

  va_start (rest, program);
  add_arguments (argv, program, rest);
  va_end (rest);
  return play_arguments (self, argv);
}

gboolean
player_has_ended (Player *self)
{
  return self->ended;
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

  player = play_arguments (self, argv);
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
  Player *player = play_arguments (self, argv);
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

  g_ptr_array_add (argv, g_strdup ("setpriv"));
  g_ptr_array_add (argv, g_strdup_printf ("--reuid=%u", uid));
  g_ptr_array_add (argv, g_strdup ("--regid=65534"));
  g_ptr_array_add (argv, g_strdup ("--clear-groups"));
  add_deflectctl (self, argv);
  va_start (rest, first);
  add_arguments (argv, first, rest);
  va_end (rest);
  return run_to_end (self, argv, output);
}

guint
stage_find_free_port (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t length = sizeof address;
  int socket_fd = socket (AF_INET, SOCK_DGRAM, 0);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (socket_fd, (struct sockaddr *)&address, length), ==, 0);
  g_assert_cmpint (getsockname (socket_fd, (struct sockaddr *)&address, &length), ==, 0);
  close (socket_fd);
  return ntohs (address.sin_port);
}

/* --- What the bus tells --- */

static void tell (Stage *self, const char *call, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
tell (Stage *self, const char *call, const char *format, ...)
{
  GString *story = g_hash_table_lookup (self->stories, call);
  va_list arguments;

  if (story == NULL)
    {
      story = g_string_new (NULL);
      g_hash_table_insert (self->stories, g_strdup (call), story);
    }
  if (story->len > 0)
    g_string_append_c (story, ' ');
  va_start (arguments, format);
  g_string_append_vprintf (story, format, arguments);
  va_end (arguments);
}

static void
on_object_added (GDBusObjectManager *manager, GDBusObject *object, gpointer data)
{
  g_autoptr (GDBusInterface) call = g_dbus_object_get_interface (object, DFL_CALL_INTERFACE);
  g_autoptr (GVariant) state = NULL;

  if (call == NULL)
    return;
  state = g_dbus_proxy_get_cached_property (G_DBUS_PROXY (call), "State");
  tell (data, g_dbus_object_get_object_path (object), "%s", g_variant_get_string (state, NULL));
}

static void
on_object_removed (GDBusObjectManager *manager, GDBusObject *object, gpointer data)
{
  if (g_str_has_prefix (g_dbus_object_get_object_path (object), DFL_CALL_PATH_PREFIX))
    tell (data, g_dbus_object_get_object_path (object), "removed");
}

static void
on_properties_changed (GDBusObjectManagerClient *manager,
                       GDBusObjectProxy *object,
                       GDBusProxy *proxy,
                       GVariant *changed,
                       const char *const *invalidated,
                       gpointer data)
{
  const char *path = g_dbus_object_get_object_path (G_DBUS_OBJECT (object));
  const char *state = NULL;
  const char *outcome = NULL;
  gboolean silenced = FALSE;

  if (g_strcmp0 (g_dbus_proxy_get_interface_name (proxy), DFL_CALL_INTERFACE) != 0)
    return;
  if (g_variant_lookup (changed, "Silenced", "b", &silenced) && silenced)
    tell (data, path, "silenced");
  if (!g_variant_lookup (changed, "State", "&s", &state))
    return;
  if (g_variant_lookup (changed, "Outcome", "&s", &outcome) && g_strcmp0 (outcome, "none") != 0)
    tell (data, path, "%s:%s", state, outcome);
  else
    tell (data, path, "%s", state);
}

static void
listen_to_bus (Stage *self)
{
  g_autoptr (GError) error = NULL;
  GList *objects;

  self->manager = g_dbus_object_manager_client_new_sync (
      self->connection, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_DO_NOT_AUTO_START, DFL_BUS_NAME,
      DFL_ROOT_PATH, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (self->manager, "object-added", G_CALLBACK (on_object_added), self);
  g_signal_connect (self->manager, "object-removed", G_CALLBACK (on_object_removed), self);
  g_signal_connect (self->manager, "interface-proxy-properties-changed",
                    G_CALLBACK (on_properties_changed), self);

  objects = g_dbus_object_manager_get_objects (self->manager);
  for (GList *item = objects; item != NULL; item = item->next)
    on_object_added (self->manager, item->data, self);
  g_list_free_full (objects, g_object_unref);
}

/* The path of an offered call that nobody was told of, or NULL. */
static const char *
find_new_call (Stage *self)
{
  GHashTableIter iter;
  gpointer path, story;

  g_hash_table_iter_init (&iter, self->stories);
  while (g_hash_table_iter_next (&iter, &path, &story))
    if (!g_hash_table_contains (self->announced, path))
      return path;
  return NULL;
}

char *
stage_await_call (Stage *self)
{
  const char *path = NULL;

  AWAIT (self, (path = find_new_call (self)) != NULL);
  g_hash_table_add (self->announced, g_strdup (path));
  return g_strdup (path);
}

const char *
stage_get_story (Stage *self, const char *call)
{
  GString *story = g_hash_table_lookup (self->stories, call);

  return story != NULL ? story->str : "";
}

void
stage_await_story (Stage *self, const char *call, const char *expected)
{
  AWAIT (self, g_str_has_suffix (stage_get_story (self, call), "removed"));
  g_assert_cmpstr (stage_get_story (self, call), ==, expected);
}

guint
stage_count_calls (Stage *self)
{
  return g_hash_table_size (self->stories);
}

typedef struct
{
  gboolean done;
  GVariant *reply;
  GError *error;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;

  answer->reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                 &answer->error);
  answer->done = TRUE;
}

GVariant *
stage_invoke (Stage *self,
              const char *path,
              const char *interface,
              const char *method,
              GVariant *parameters,
              GError **error)
{
  Answer answer = { 0 };

  g_dbus_connection_call (self->connection, DFL_BUS_NAME, path, interface, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, G_MAXINT, NULL, on_answer, &answer);
  AWAIT (self, answer.done);
  if (answer.error != NULL)
    g_propagate_error (error, answer.error);
  return answer.reply;
}

GVariant *
stage_get_property (Stage *self, const char *path, const char *interface, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = stage_invoke (self, path, "org.freedesktop.DBus.Properties", "Get",
                                             g_variant_new ("(ss)", interface, name), &error);
  GVariant *value = NULL;

  g_assert_no_error (error);
  g_variant_get (reply, "(v)", &value);
  return value;
}

/* --- The daemon --- */

static void
on_name_appeared (GDBusConnection *connection, const char *name, const char *owner, gpointer data)
{
  gboolean *appeared = data;

  *appeared = TRUE;
}

static void
add_wrapper (GPtrArray *argv)
{
  const char *wrapper = g_getenv ("DFL_TEST_WRAPPER");
  g_auto (GStrv) words = NULL;
  g_autoptr (GError) error = NULL;

  if (wrapper == NULL)
    return;
  g_shell_parse_argv (wrapper, NULL, &words, &error);
  g_assert_no_error (error);
  for (guint i = 0; words[i] != NULL; i++)
    g_ptr_array_add (argv, g_strdup (words[i]));
}

gint64
stage_start_daemon (Stage *self)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GVariant) listening = NULL;
  gboolean appeared = FALSE;
  gint64 began = g_get_monotonic_time ();
  gint64 took;
  guint watch;

  add_wrapper (argv);
  g_ptr_array_add (argv, g_test_build_filename (G_TEST_BUILT, "..", "daemon", "deflectd", NULL));
  g_ptr_array_add (argv, g_strdup ("--config-dir"));
  g_ptr_array_add (argv, g_build_filename (self->directory, "config", NULL));
  g_ptr_array_add (argv, g_strdup ("--state-dir"));
  g_ptr_array_add (argv, g_build_filename (self->directory, "state", NULL));
  g_ptr_array_add (argv, g_strdup ("--bus"));
  g_ptr_array_add (argv, g_strdup (self->bus == STAGE_SYSTEM_BUS ? "system" : self->address));
  self->daemon = play_arguments (self, argv);

  watch = g_bus_watch_name_on_connection (self->connection, DFL_BUS_NAME,
                                          G_BUS_NAME_WATCHER_FLAGS_NONE, on_name_appeared, NULL,
                                          &appeared, NULL);
  AWAIT (self, appeared || player_has_ended (self->daemon));
  took = g_get_monotonic_time () - began;
  g_bus_unwatch_name (watch);
  if (!appeared)
    {
      g_autofree char *log = stage_read_log (self);

      g_error ("deflectd did not start: %s", log);
    }

  listening = stage_get_property (self, DFL_ROOT_PATH, DFL_MANAGER_INTERFACE, "Listening");
  g_strfreev (self->listening);
  self->listening = g_variant_dup_strv (listening, NULL);
  if (self->manager == NULL)
    listen_to_bus (self);
  return took;
}

void
stage_signal_daemon (Stage *self, int signal)
{
  player_signal (self->daemon, signal);
}

void
stage_await_daemon_end (Stage *self)
{
  int status = player_await (self, self->daemon);

  if (status != -SIGKILL && status != 0)
    {
      g_autofree char *log = stage_read_log (self);

      g_printerr ("deflectd ended with %d and said:\n%s\n", status, log);
      g_assert_cmpint (status, ==, 0);
    }
  self->daemon = NULL;
}

char *
stage_read_log (Stage *self)
{
  return player_read_errors (self->daemon);
}

guint
stage_get_port (Stage *self, const char *listen)
{
  for (guint i = 0; self->listening[i] != NULL; i++)
    if (g_str_has_prefix (self->listening[i], listen))
      return g_ascii_strtoull (strrchr (self->listening[i], ':') + 1, NULL, 10);
  g_error ("Nothing listens on %s.", listen);
}

const char *
stage_get_directory (Stage *self)
{
  return self->directory;
}

const char *
stage_get_bus_address (Stage *self)
{
  return self->address;
}

GDBusConnection *
stage_get_connection (Stage *self)
{
  return self->connection;
}

/* --- The stage itself --- */

/* Everybody may talk to everybody: what a uid may see is the daemon's own affair. */
#define BUS_SETTINGS                                                                               \
  "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"           \
  " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"                            \
  "<busconfig><type>%s</type><auth>EXTERNAL</auth><listen>unix:path=%s/bus</listen>"               \
  "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow "                       \
  "send_type=\"method_call\"/>"                                                                    \
  "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/></policy>"         \
  "</busconfig>\n"

static void
start_bus (Stage *self)
{
  g_autofree char *lines = g_strdup_printf (BUS_SETTINGS,
                                            self->bus == STAGE_SYSTEM_BUS ? "system" : "session",
                                            self->directory);
  g_autofree char *option = g_strdup_printf ("--config-file=%s/bus.conf", self->directory);
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  write_file (self, "bus.conf", lines);
  self->bus_daemon = stage_play (self, "dbus-daemon", "--nofork", "--nopidfile",
                                 "--print-address=1", option, NULL);
  for (gint64 until = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
       output == NULL || strchr (output, '\n') == NULL;)
    {
      stage_step (self, until, "dbus-daemon is up", G_STRLOC);
      g_free (output);
      output = player_read_output (self->bus_daemon);
    }
  self->address = g_strdup (g_strstrip (output));
  self->connection = g_dbus_connection_new_for_address_sync (
      self->address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);
  g_assert_no_error (error);
}

/* The build directory may lie where other users cannot go. */
static void
copy_deflectctl (Stage *self)
{
  g_autofree char *built = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl", NULL);
  g_autoptr (GFile) from = g_file_new_for_path (built);
  g_autoptr (GFile) to = NULL;
  g_autoptr (GError) error = NULL;

  self->deflectctl = g_build_filename (self->directory, "deflectctl", NULL);
  to = g_file_new_for_path (self->deflectctl);
  g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (self->deflectctl, 0755), ==, 0);
}

static void
free_story (gpointer story)
{
  g_string_free (story, TRUE);
}

Stage *
stage_new (StageBus bus)
{
  Stage *self = g_new0 (Stage, 1);
  g_autoptr (GError) error = NULL;

  self->bus = bus;
  self->players = g_ptr_array_new_with_free_func ((GDestroyNotify)player_free);
  self->stories = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_story);
  self->announced = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->directory = g_dir_make_tmp ("deflectd-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (self->directory, 0755), ==, 0);
  for (const char **name = (const char *[]){ "config", "config/accounts.d", "state", NULL };
       *name != NULL; name++)
    {
      g_autofree char *path = g_build_filename (self->directory, *name, NULL);

      g_assert_cmpint (g_mkdir (path, 0755), ==, 0);
    }

  start_bus (self);
  copy_deflectctl (self);
  stage_write_settings (self, "[daemon]\nlisten=udp:127.0.0.1:0;tcp:127.0.0.1:0\n");
  stage_write_account (self, "alice",
                       "[account]\n"
                       "address=sip:alice@deflect.example\n"
                       "register=false\n"
                       "accept-from=127.0.0.1\n");
  return self;
}

void
stage_free (Stage *self)
{
  if (self->daemon != NULL)
    {
      stage_signal_daemon (self, SIGTERM);
      stage_await_daemon_end (self);
    }
  if (self->manager != NULL)
    g_signal_handlers_disconnect_by_data (self->manager, self);
  g_clear_object (&self->manager);
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_clear_object (&self->connection);
  g_ptr_array_unref (self->players);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  remove_tree (self->directory);
  g_hash_table_unref (self->stories);
  g_hash_table_unref (self->announced);
  g_strfreev (self->listening);
  g_free (self->deflectctl);
  g_free (self->address);
  g_free (self->directory);
  g_free (self);
}
