/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The composition root: makes the parts, hands each its ports, and takes them down in the opposite
 * order. Nothing is decided here.
 *
 * The name is asked for last, when everything behind it works. Going down takes time, because
 * callers and servers are still to answer: leave() begins it, finish() follows when that is over
 * (departure.h), and the loop ends when the bus has taken our last words.
 */

#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <signal.h>
#include <sys/stat.h>

#include "bus/host.h"
#include "bus/polkit.h"
#include "bus/service.h"
#include "config.h"
#include "core/switchboard.h"
#include "departure.h"
#include "log.h"
#include "loop-clock.h"
#include "memory.h"
#include "names.h"
#include "notify.h"
#include "options.h"
#include "sip/agent.h"
#include "store/keeper.h"
#include "store/secret.h"
#include "store/settings.h"
#include "store/state-dir.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2

#define RELEASE_SECONDS 1

typedef struct
{
  DflOptions *options;
  DflSettings *settings;
  GMainLoop *loop;
  DflClock *clock;
  DflKeeper *keeper; /* NULL: accounts cannot be kept, so that nobody adds one */
  DflSwitchboard *switchboard;
  DflSipAgent *agent;
  DflHost *host;
  DflConnection *connection;
  DflService *service;
  DflDeparture *departure; /* NULL until it leaves */
  guint limit;             /* the source that ends the wait for the bus, at the end */
  gboolean finishing, bus_is_gone;
  int exit_code;
} Daemon;

/* --- Going down --- */

static gboolean
on_release_limit (gpointer data)
{
  Daemon *self = data;

  self->limit = 0;
  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

static void
on_name_released (gpointer data)
{
  Daemon *self = data;

  g_main_loop_quit (self->loop);
}

/* Nobody is waited for any longer: say good-bye on the bus. */
static void
finish (gpointer data)
{
  Daemon *self = data;

  self->finishing = TRUE;
  if (self->bus_is_gone)
    {
      g_main_loop_quit (self->loop);
      return;
    }
  dfl_service_close (self->service);
  dfl_connection_release_name (self->connection, DFL_BUS_NAME, on_name_released, self);
  self->limit = g_timeout_add_seconds (RELEASE_SECONDS, on_release_limit, self);
}

/* Begins to end the daemon; asked again, it stops waiting for callers and servers. */
static void
leave (Daemon *self, int exit_code)
{
  if (self->departure != NULL)
    {
      dfl_departure_hurry (self->departure);
      return;
    }
  self->exit_code = exit_code;
  dfl_notify_stopping ();
  g_clear_pointer (&self->host, dfl_host_free);
  self->departure = dfl_departure_new (self->switchboard, self->agent, finish, self);
}

static gboolean
on_terminate (gpointer data)
{
  leave (data, 0);
  return G_SOURCE_CONTINUE;
}

/* --- The bus --- */

static void
on_connection_closed (gpointer data)
{
  Daemon *self = data;

  self->bus_is_gone = TRUE;
  if (self->finishing)
    {
      g_main_loop_quit (self->loop);
      return;
    }
  dfl_log_problem ("lost the connection to the bus; start deflectd again when the bus is back");
  leave (self, EXIT_FAILED);
}

static void
announce_ready (Daemon *self)
{
  g_autofree char *listening = g_strjoinv (" ", (char **)dfl_sip_agent_get_listening (self->agent));

  g_message ("ready: %s is ours, listening on %s", DFL_BUS_NAME, listening);
}

static void
on_name_answered (const GError *error, gpointer data)
{
  Daemon *self = data;
  g_autofree char *problem = NULL;

  if (self->departure != NULL)
    return;
  if (error == NULL)
    {
      announce_ready (self);
      dfl_notify_ready ();
      return;
    }
  problem = g_strdup_printf ("cannot own the name %s: %s", DFL_BUS_NAME, error->message);
  dfl_log_problem (problem);
  leave (self, EXIT_FAILED);
}

static char *
find_bus (const char *bus, GError **error)
{
  if (g_str_equal (bus, "system"))
    return g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  if (g_str_equal (bus, "session"))
    return g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SESSION, NULL, error);
  return g_strdup (bus);
}

static gboolean
connect_bus (Daemon *self, GError **error)
{
  g_autofree char *address = find_bus (self->options->bus, error);

  if (address != NULL)
    self->connection = dfl_connection_new (address, error);
  if (self->connection == NULL)
    {
      g_prefix_error (error,
                      "cannot connect to the bus \"%s\", start it or name another with --bus: ",
                      self->options->bus);
      return FALSE;
    }
  dfl_connection_set_closed (self->connection, on_connection_closed, self);
  return TRUE;
}

/* --- Settings --- */

/* Tells what is to be mended. */
static void
announce_settings (Daemon *self, const DflSettings *settings)
{
  dfl_log_set_debug (settings->debug);
  for (guint i = 0; i < settings->problems->len; i++)
    dfl_log_problem (g_ptr_array_index (settings->problems, i));
}

static gboolean
needs_restart (const DflSettings *old, const DflSettings *new)
{
  return !g_strv_equal ((const char *const *)old->listen, (const char *const *)new->listen)
         || old->t1 != new->t1 || old->t2 != new->t2 || old->max_connections != new->max_connections
         || old->register_rate != new->register_rate || old->register_retry != new->register_retry
         || old->register_retry_max != new->register_retry_max;
}

static gboolean
on_hangup (gpointer data)
{
  Daemon *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) settings = NULL;

  if (self->departure != NULL)
    return G_SOURCE_CONTINUE;
  dfl_notify_reloading ();
  settings = dfl_settings_load (self->options->config_dir, self->options->config_dir_given, &error);
  if (settings == NULL)
    {
      dfl_log_problem (error->message);
      g_message ("the settings stay as they were");
    }
  else
    {
      announce_settings (self, settings);
      if (needs_restart (self->settings, settings))
        g_message ("listen=, t1=, t2=, max-connections=, register-rate=, register-retry= and "
                   "register-retry-max= take effect when deflectd is restarted");
      dfl_switchboard_set_max_offers (self->switchboard, settings->max_offers);
      dfl_switchboard_set_accounts (self->switchboard, g_steal_pointer (&settings->accounts));
      dfl_service_refresh_users (self->service);
      g_info ("read the settings again");
    }
  dfl_notify_ready ();
  return G_SOURCE_CONTINUE;
}

/* --- The machine --- */

static void
on_network_changed (gpointer data)
{
  dfl_sip_agent_host_changed (((Daemon *)data)->agent, DFL_HOST_NETWORK_CHANGED);
}

static void
on_resumed (gpointer data)
{
  dfl_sip_agent_host_changed (((Daemon *)data)->agent, DFL_HOST_RESUMED);
}

/* --- Coming up --- */

/* Without one that lasts, it is another one each time. */
static void
load_secret (Daemon *self, DflSipSettings *settings)
{
  g_autoptr (GError) error = NULL;

  if (!dfl_secret_load (self->options->state_dir, settings->secret, &error))
    dfl_log_problem (error->message);
}

static gboolean
start_agent (Daemon *self, GError **error)
{
  g_autoptr (DflSipSettings) settings = dfl_sip_settings_new ();

  g_strfreev (settings->listen);
  settings->listen = g_strdupv (self->settings->listen);
  settings->t1 = self->settings->t1;
  settings->t2 = self->settings->t2;
  settings->max_connections = self->settings->max_connections;
  settings->register_rate = self->settings->register_rate;
  settings->retry_base = self->settings->register_retry;
  settings->retry_max = self->settings->register_retry_max;
  load_secret (self, settings);
  self->agent = dfl_sip_agent_new (self->switchboard, self->clock, settings, error);
  return self->agent != NULL;
}

/* The accounts that were added over D-Bus. Where they cannot be kept, those of the settings are
 * served all the same. */
static void
start_keeper (Daemon *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *kept;

  if (dfl_state_dir_prepare (self->options->state_dir, &error))
    self->keeper = dfl_key_file_keeper_new (self->options->state_dir, &error);
  if (self->keeper == NULL)
    {
      dfl_log_problem (error->message);
      return;
    }
  kept = dfl_key_file_keeper_load (self->keeper, problems);
  for (guint i = 0; i < problems->len; i++)
    dfl_log_problem (g_ptr_array_index (problems, i));
  dfl_switchboard_set_keeper (self->switchboard, self->keeper);
  dfl_switchboard_set_kept_accounts (self->switchboard, kept);
}

static void
start_service (Daemon *self)
{
  gboolean system = dfl_options_is_system (self->options);
  g_autoptr (DflAuthority) authority = system ? dfl_polkit_authority_new () : NULL;

  self->service = dfl_service_new (self->connection, system ? DFL_BUS_SYSTEM : DFL_BUS_SESSION,
                                   authority, self->switchboard, self->clock,
                                   dfl_sip_agent_get_listening (self->agent));
  if (system)
    dfl_polkit_authority_connect (DFL_POLKIT_AUTHORITY (authority));
}

static gboolean
start (Daemon *self, GError **error)
{
  static const DflHostListener listener = { on_network_changed, on_resumed };

  self->settings = dfl_settings_load (self->options->config_dir, self->options->config_dir_given,
                                      error);
  if (self->settings == NULL)
    return FALSE;
  announce_settings (self, self->settings);

  self->clock = dfl_loop_clock_new ();
  self->switchboard = dfl_switchboard_new (self->clock, self->settings->max_offers);
  start_keeper (self);
  dfl_switchboard_set_accounts (self->switchboard, g_steal_pointer (&self->settings->accounts));
  if (!start_agent (self, error) || !connect_bus (self, error))
    return FALSE;
  self->host = dfl_host_new (&listener, self);
  start_service (self);
  dfl_connection_request_name (self->connection, DFL_BUS_NAME, on_name_answered, self);
  return TRUE;
}

static void
take_down (Daemon *self)
{
  g_clear_handle_id (&self->limit, g_source_remove);
  g_clear_pointer (&self->host, dfl_host_free);
  if (self->agent != NULL)
    dfl_sip_agent_close (self->agent);
  g_clear_object (&self->service);
  g_clear_object (&self->agent);
  g_clear_pointer (&self->departure, dfl_departure_free);
  g_clear_object (&self->switchboard);
  g_clear_object (&self->keeper);
  g_clear_object (&self->clock);
  g_clear_pointer (&self->connection, dfl_connection_free);
  g_clear_pointer (&self->settings, dfl_settings_free);
}

static int
run (DflOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Daemon self = { .options = options, .loop = loop };
  guint watchdog = dfl_notify_start_watchdog ();
  guint hangup = g_unix_signal_add (SIGHUP, on_hangup, &self);
  guint terminate = g_unix_signal_add (SIGTERM, on_terminate, &self);
  guint interrupt = g_unix_signal_add (SIGINT, on_terminate, &self);

  if (start (&self, &error))
    g_main_loop_run (loop);
  else
    {
      dfl_log_problem (error->message);
      self.exit_code = EXIT_FAILED;
    }
  g_source_remove (hangup);
  g_source_remove (terminate);
  g_source_remove (interrupt);
  g_clear_handle_id (&watchdog, g_source_remove);
  take_down (&self);
  return self.exit_code;
}

/* --help speaks the reader's language; from then on the daemon writes logs, in English, also where
 * a library has the words. */
static DflOptions *
read_options (int argc, char **argv, GError **error)
{
  DflOptions *options;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, DFL_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  options = dfl_options_parse (&argc, &argv, error);
  if (options != NULL)
    setlocale (LC_MESSAGES, "C");
  return options;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflOptions) options = read_options (argc, argv, &error);

  if (options == NULL)
    {
      g_printerr ("%s\n%s\n", error->message, _ ("Try \"deflectd --help\"."));
      return EXIT_USAGE;
    }
  if (options->version)
    {
      g_print ("deflectd %s\n", DFL_VERSION);
      return 0;
    }
  dfl_hide_memory ();
  umask (S_IRWXG | S_IRWXO);
  signal (SIGPIPE, SIG_IGN);
  g_setenv ("GIO_USE_NETWORK_MONITOR", "netlink", FALSE); /* see bus/host.h */
  dfl_log_init ();
  return run (options);
}
