/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/host.h"

#include <gio/gio.h>

#define LOGIND_NAME "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_INTERFACE "org.freedesktop.login1.Manager"

#define SETTLE_MILLISECONDS 500
#define MAX_BURST (5 * G_USEC_PER_SEC)

struct _DflHost
{
  DflHostListener listener;
  gpointer data;
  GNetworkMonitor *network;
  gulong on_changed;
  guint settling; /* the source that ends a burst */
  gint64 began;   /* when the burst began */
  GCancellable *connecting;
  GDBusConnection *bus; /* the process' shared one, as for polkit; NULL until connected */
  guint subscription;
};

/* --- The network --- */

static gboolean
on_settled (gpointer data)
{
  DflHost *self = data;

  self->settling = 0;
  self->listener.network_changed (self->data);
  return G_SOURCE_REMOVE;
}

static void
on_network_changed (GNetworkMonitor *network, gboolean available, gpointer data)
{
  DflHost *self = data;
  gint64 now = g_get_monotonic_time ();

  if (self->settling == 0)
    self->began = now;
  else if (now - self->began >= MAX_BURST - SETTLE_MILLISECONDS * G_TIME_SPAN_MILLISECOND)
    return;
  g_clear_handle_id (&self->settling, g_source_remove);
  self->settling = g_timeout_add (SETTLE_MILLISECONDS, on_settled, self);
}

/* --- Sleep --- */

static void
on_prepare_for_sleep (GDBusConnection *bus,
                      const char *sender,
                      const char *path,
                      const char *interface,
                      const char *signal,
                      GVariant *parameters,
                      gpointer data)
{
  DflHost *self = data;
  gboolean begins;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(b)")))
    return;
  g_variant_get (parameters, "(b)", &begins);
  if (!begins)
    self->listener.resumed (self->data);
}

static void
on_bus (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = g_bus_get_finish (result, &error);
  DflHost *self = data;

  if (bus == NULL)
    {
      /* Freed meanwhile, or there is no such bus here. */
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_debug ("nobody tells of sleep: %s", error->message);
      return;
    }
  /* By default the process ends with that connection. */
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  self->bus = bus;
  self->subscription = g_dbus_connection_signal_subscribe (bus, LOGIND_NAME, LOGIND_INTERFACE,
                                                           "PrepareForSleep", LOGIND_PATH, NULL,
                                                           G_DBUS_SIGNAL_FLAGS_NONE,
                                                           on_prepare_for_sleep, self, NULL);
}

/* --- Both --- */

DflHost *
dfl_host_new (const DflHostListener *listener, gpointer data)
{
  DflHost *self = g_new0 (DflHost, 1);

  self->listener = *listener;
  self->data = data;
  self->network = g_object_ref (g_network_monitor_get_default ());
  self->on_changed = g_signal_connect (self->network, "network-changed",
                                       G_CALLBACK (on_network_changed), self);
  self->connecting = g_cancellable_new ();
  g_bus_get (G_BUS_TYPE_SYSTEM, self->connecting, on_bus, self);
  return self;
}

void
dfl_host_free (DflHost *self)
{
  if (self == NULL)
    return;
  g_cancellable_cancel (self->connecting);
  g_object_unref (self->connecting);
  if (self->bus != NULL)
    g_dbus_connection_signal_unsubscribe (self->bus, self->subscription);
  g_clear_object (&self->bus);
  g_clear_signal_handler (&self->on_changed, self->network);
  g_object_unref (self->network);
  g_clear_handle_id (&self->settling, g_source_remove);
  g_free (self);
}
