/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "world.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "names.h"

/* A session bus: the limits that Debian's session.conf sets, and nothing to activate. */
static const char bus_config[]
    = "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN'"
      " 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n"
      "<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
      "<policy context='default'><allow send_destination='*' eavesdrop='true'/>\n"
      "<allow eavesdrop='true'/><allow own='*'/></policy>\n"
      "<limit name='max_incoming_bytes'>1000000000</limit>\n"
      "<limit name='max_outgoing_bytes'>1000000000</limit>\n"
      "<limit name='max_message_size'>1000000000</limit>\n"
      "<limit name='max_completed_connections'>100000</limit>\n"
      "<limit name='max_connections_per_user'>100000</limit>\n"
      "<limit name='max_match_rules_per_connection'>50000</limit>\n"
      "<limit name='max_replies_per_connection'>50000</limit>\n"
      "</busconfig>\n";

static const char daemon_config[] = "[daemon]\n"
                                    "listen=udp:127.0.0.1:0\n"
                                    "max-offers=100000\n";

static const char account_config[] = "[account]\n"
                                     "address=sip:" BENCH_USER "@example.org\n"
                                     "register=false\n"
                                     "accept-from=127.0.0.1\n"
                                     "ring-limit=0\n"
                                     "max-offers=100000\n";

static gboolean
write_file (BenchWorld *self, const char *name, const char *content, GError **error)
{
  g_autofree char *path = g_build_filename (self->dir, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_mkdir_with_parents (parent, 0700);
  return g_file_set_contents (path, content, -1, error);
}

/* The directory is flat but for the two levels made above. */
static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

static const char *dir_of_this_process;

/* Somebody wants the bench to end: its children end with it, the directory would not. */
static gpointer
wait_for_end (gpointer data)
{
  const sigset_t *signals = data;
  int signal_number;

  sigwait (signals, &signal_number);
  remove_tree (dir_of_this_process);
  _exit (128 + signal_number);
}

static void
clean_up_at_end (const char *dir)
{
  static sigset_t signals;

  dir_of_this_process = g_strdup (dir);
  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  sigaddset (&signals, SIGHUP);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);
  g_thread_unref (g_thread_new ("end", wait_for_end, &signals));
}

BenchWorld *
bench_world_new (GError **error)
{
  g_autoptr (BenchWorld) self = g_new0 (BenchWorld, 1);
  g_autofree char *config = NULL;
  g_autofree char *config_option = NULL;
  g_autofree char *bus_log = NULL;

  self->dir = g_dir_make_tmp ("deflect-bench-XXXXXX", error);
  if (self->dir == NULL)
    return NULL;
  clean_up_at_end (self->dir);
  config = g_strdup_printf (bus_config, self->dir);
  bus_log = g_build_filename (self->dir, "bus.log", NULL);
  config_option = g_strdup_printf ("--config-file=%s/bus.conf", self->dir);
  if (!write_file (self, "bus.conf", config, error)
      || !write_file (self, "config/deflectd.conf", daemon_config, error)
      || !write_file (self, "config/accounts.d/bench.conf", account_config, error)
      || !write_file (self, "state/.keep", "", error))
    return NULL;

  self->bus_daemon = bench_child_spawn ((const char *const[]){ "dbus-daemon", config_option,
                                                               "--nofork", "--print-address",
                                                               NULL },
                                        NULL, bus_log, error);
  if (self->bus_daemon == NULL)
    return NULL;
  self->address = bench_child_read_line (self->bus_daemon, 10, error);
  if (self->address == NULL)
    return NULL;
  self->bus = g_dbus_connection_new_for_address_sync (
      self->address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, error);
  return self->bus != NULL ? g_steal_pointer (&self) : NULL;
}

void
bench_world_free (BenchWorld *self)
{
  g_clear_pointer (&self->daemon, bench_child_free);
  g_clear_object (&self->bus);
  g_clear_pointer (&self->bus_daemon, bench_child_free);
  if (self->dir != NULL)
    remove_tree (self->dir);
  g_free (self->dir);
  g_free (self->address);
  g_free (self);
}

void
bench_wait (double seconds)
{
  gint64 until = bench_now () + (gint64)(seconds * 1e9);

  while (bench_now () < until)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
}

static GVariant *
call_bus_daemon (BenchWorld *self, const char *method, const char *type)
{
  return g_dbus_connection_call_sync (self->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                      "org.freedesktop.DBus", method,
                                      g_variant_new ("(s)", DFL_BUS_NAME), G_VARIANT_TYPE (type),
                                      G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL);
}

/* Reads Manager.Listening; FALSE where it names no UDP port. */
static gboolean
learn_port (BenchWorld *self, GError **error)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      self->bus, DFL_BUS_NAME, DFL_ROOT_PATH, "org.freedesktop.DBus.Properties", "Get",
      g_variant_new ("(ss)", DFL_MANAGER_INTERFACE, "Listening"), G_VARIANT_TYPE ("(v)"),
      G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
  g_autoptr (GVariant) listening = NULL;
  g_autofree const char **addresses = NULL;

  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(v)", &listening);
  if (g_variant_is_of_type (listening, G_VARIANT_TYPE_STRING_ARRAY))
    addresses = g_variant_get_strv (listening, NULL);
  for (guint i = 0; addresses != NULL && addresses[i] != NULL; i++)
    if (g_str_has_prefix (addresses[i], "udp:"))
      self->port = (guint16)atoi (strrchr (addresses[i], ':') + 1);
  if (self->port == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "deflectd names no UDP port in Listening");
  return self->port != 0;
}

void
bench_world_print_log (BenchWorld *self)
{
  g_autofree char *path = g_build_filename (self->dir, "deflectd.log", NULL);
  g_autofree char *content = NULL;

  if (g_file_get_contents (path, &content, NULL, NULL) && content[0] != '\0')
    g_printerr ("deflectd said:\n%s\n", content);
}

gboolean
bench_world_start_daemon (BenchWorld *self,
                          const char *const *around,
                          const char *const *environment,
                          GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *config_dir = g_build_filename (self->dir, "config", NULL);
  g_autofree char *state_dir = g_build_filename (self->dir, "state", NULL);
  g_autofree char *log = g_build_filename (self->dir, "deflectd.log", NULL);
  gint64 until = bench_now () + G_GINT64_CONSTANT (30000000000);

  for (guint i = 0; around != NULL && around[i] != NULL; i++)
    g_ptr_array_add (argv, (char *)around[i]);
  g_ptr_array_add (argv, (char *)self->deflectd);
  g_ptr_array_add (argv, (char *)"--config-dir");
  g_ptr_array_add (argv, config_dir);
  g_ptr_array_add (argv, (char *)"--state-dir");
  g_ptr_array_add (argv, state_dir);
  g_ptr_array_add (argv, (char *)"--bus");
  g_ptr_array_add (argv, self->address);
  g_ptr_array_add (argv, NULL);

  g_clear_pointer (&self->daemon, bench_child_free);
  self->port = 0;
  self->daemon = bench_child_spawn ((const char *const *)argv->pdata, environment, log, error);
  if (self->daemon == NULL)
    return FALSE;

  while (bench_now () < until)
    {
      g_autoptr (GVariant) owner = call_bus_daemon (self, "GetConnectionUnixProcessID", "(u)");
      guint32 pid;

      if (owner != NULL)
        {
          g_variant_get (owner, "(u)", &pid);
          self->daemon_pid = (pid_t)pid;
          return learn_port (self, error);
        }
      if (!bench_child_is_running (self->daemon))
        break;
      g_usleep (1000);
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s did not come onto the bus",
               self->deflectd);
  return FALSE;
}

gboolean
bench_world_stop_daemon (BenchWorld *self, GError **error)
{
  g_autoptr (BenchChild) daemon = g_steal_pointer (&self->daemon);

  kill (self->daemon_pid, SIGTERM);
  return bench_child_wait (daemon, 30, error);
}

BenchChild *
bench_world_start_role (BenchWorld *self, const char *role, GError **error)
{
  g_autoptr (BenchChild) child = bench_child_spawn_role (role, self->address, error);
  g_autofree char *ready = child != NULL ? bench_child_read_line (child, 30, error) : NULL;

  return ready != NULL ? g_steal_pointer (&child) : NULL;
}

gboolean
bench_world_decide_calls (BenchWorld *self, guint outstanding, guint calls, GError **error)
{
  g_autoptr (BenchCaller) caller = bench_caller_new (BENCH_USER, self->port, error);

  return caller != NULL && bench_caller_run (caller, outstanding, calls, NULL, error) >= 0;
}

void
bench_world_settle (BenchWorld *self)
{
  const double pause = 0.5;
  double before = bench_process_cpu (self->daemon_pid);

  if (self->hasty)
    return;
  /* RFC 3261 Timer I keeps what was acknowledged for 5 s. */
  bench_wait (5.2);
  for (guint i = 0; i < 10; i++)
    {
      double now;

      bench_wait (pause);
      now = bench_process_cpu (self->daemon_pid);
      if (now - before < 0.01 * pause)
        return;
      before = now;
    }
}
