/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "harness-private.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#include "machine.h"
#include "names.h"

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

char *
stage_find_only_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) directory = g_dir_open (path, 0, &error);
  const char *name;
  char *found;

  g_assert_no_error (error);
  name = g_dir_read_name (directory);
  if (name == NULL)
    return NULL;
  found = g_build_filename (path, name, NULL);
  g_assert_null (g_dir_read_name (directory));
  return found;
}

/* --- The daemon --- */

static void
on_name_appeared (GDBusConnection *connection, const char *name, const char *owner, gpointer data)
{
  gboolean *appeared = data;

  *appeared = TRUE;
}

static void
add_wrapper (GPtrArray *argv, const char *wrapper)
{
  g_auto (GStrv) words = NULL;
  g_autoptr (GError) error = NULL;

  if (wrapper == NULL)
    return;
  g_shell_parse_argv (wrapper, NULL, &words, &error);
  g_assert_no_error (error);
  for (guint i = 0; words[i] != NULL; i++)
    g_ptr_array_add (argv, g_strdup (words[i]));
}

void
stage_wrap_daemon (Stage *self, const char *command)
{
  g_free (self->wrapper);
  self->wrapper = g_strdup (command);
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

  if (self->bus == STAGE_SYSTEM_BUS)
    stage_add_user (argv, MACHINE_DEFLECTD);
  add_wrapper (argv, self->wrapper);
  add_wrapper (argv, g_getenv ("DFL_TEST_WRAPPER"));
  g_ptr_array_add (argv, g_strdup (self->deflectd));
  g_ptr_array_add (argv, g_strdup ("--config-dir"));
  g_ptr_array_add (argv, g_build_filename (self->directory, "config", NULL));
  g_ptr_array_add (argv, g_strdup ("--state-dir"));
  g_ptr_array_add (argv, g_build_filename (self->directory, "state", NULL));
  g_ptr_array_add (argv, g_strdup ("--bus"));
  g_ptr_array_add (argv, g_strdup (self->bus == STAGE_SYSTEM_BUS ? "system" : self->address));
  self->daemon = stage_play_arguments (self, argv);

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
    stage_listen (self);
  return took;
}

void
stage_signal_daemon (Stage *self, int signal)
{
  player_signal (self->daemon, signal);
}

int
stage_await_daemon_status (Stage *self)
{
  int status = player_await (self, self->daemon);

  self->daemon = NULL;
  return status;
}

void
stage_await_daemon_end (Stage *self)
{
  Player *daemon = self->daemon;
  int status = stage_await_daemon_status (self);

  if (status != -SIGKILL && status != 0)
    {
      g_autofree char *log = player_read_errors (daemon);

      g_printerr ("deflectd ended with %d and said:\n%s\n", status, log);
      g_assert_cmpint (status, ==, 0);
    }
}

Player *
stage_get_daemon (Stage *self)
{
  return self->daemon;
}

void
stage_kill_bus (Stage *self)
{
  g_dbus_connection_set_exit_on_close (self->connection, FALSE);
  player_signal (self->bus_daemon, SIGKILL);
  player_await (self, self->bus_daemon);
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

Polkitd *
stage_start_polkitd (Stage *self, const char *rules)
{
  g_autofree char *actions = g_test_build_filename (G_TEST_BUILT, "..", "data",
                                                    "org.deflectd1.policy", NULL);

  g_assert_null (self->polkitd);
  self->polkitd = polkitd_new (self->address, rules, (const char *[]){ actions, NULL }, NULL);
  return self->polkitd;
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

/* For a bus of one user, on which everybody may do everything. */
#define BUS_SETTINGS                                                                               \
  "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"           \
  " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"                            \
  "<busconfig><type>session</type><auth>EXTERNAL</auth><listen>unix:path=%s/bus</listen>"          \
  "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow "                       \
  "send_type=\"method_call\"/>"                                                                    \
  "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/></policy>"         \
  "</busconfig>\n"

static Player *
play_bus (Stage *self)
{
  g_autofree char *address = g_strdup_printf ("--address=unix:path=%s/bus", self->directory);
  g_autofree char *option = g_strdup_printf ("--config-file=%s/bus.conf", self->directory);
  g_autofree char *lines = NULL;

  if (self->bus == STAGE_SYSTEM_BUS)
    return stage_play (self, "dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog",
                       address, "--print-address=1", NULL);
  lines = g_strdup_printf (BUS_SETTINGS, self->directory);
  write_file (self, "bus.conf", lines);
  return stage_play (self, "dbus-daemon", "--nofork", "--nopidfile", "--print-address=1", option,
                     NULL);
}

static void
start_bus (Stage *self)
{
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  self->bus_daemon = play_bus (self);
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
static char *
copy_program (Stage *self, const char *room, const char *name)
{
  g_autofree char *built = g_test_build_filename (G_TEST_BUILT, room, name, NULL);
  g_autoptr (GFile) from = g_file_new_for_path (built);
  char *path = g_build_filename (self->directory, name, NULL);
  g_autoptr (GFile) to = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;

  g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);
  return path;
}

/* As its unit has systemd make it. */
static void
make_state_directory (Stage *self)
{
  g_autofree char *path = g_build_filename (self->directory, "state", NULL);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  if (self->bus == STAGE_SYSTEM_BUS)
    g_assert_cmpint (chown (path, MACHINE_DEFLECTD, MACHINE_DEFLECTD), ==, 0);
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
  for (const char **name = (const char *[]){ "config", "config/accounts.d", NULL }; *name != NULL;
       name++)
    {
      g_autofree char *path = g_build_filename (self->directory, *name, NULL);

      g_assert_cmpint (g_mkdir (path, 0755), ==, 0);
    }

  make_state_directory (self);
  start_bus (self);
  self->deflectd = copy_program (self, "../daemon", "deflectd");
  self->deflectctl = copy_program (self, "../client", "deflectctl");
  g_free (copy_program (self, "e2e", "recorder"));
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
  g_clear_pointer (&self->polkitd, polkitd_free);
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
  g_free (self->wrapper);
  g_free (self->deflectd);
  g_free (self->deflectctl);
  g_free (self->address);
  g_free (self->directory);
  g_free (self);
}
