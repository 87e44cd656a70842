/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client as anybody would write it with GDBus alone: hears of a call, redirects it. */

#include "role.h"

#include <stdlib.h>

#include "measure.h"
#include "names.h"

typedef struct
{
  GDBusConnection *bus;
  GQueue waiting; /* of object paths, beyond BENCH_MAX_IN_FLIGHT */
  guint in_flight;
  guint replies;
  guint errors;
  BenchSamples *samples;
} Decider;

typedef struct
{
  Decider *decider;
  gint64 sent;
} Decision;

static void decide (Decider *self, const char *path);

static void
on_redirected (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Decision *decision = data;
  Decider *self = decision->decider;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);
  g_autofree char *next = NULL;

  self->in_flight--;
  if (reply != NULL)
    {
      self->replies++;
      bench_samples_add (self->samples, (double)(bench_now () - decision->sent) / 1000);
    }
  else
    {
      if (self->errors++ == 0)
        g_printerr ("deflect-bench: Redirect failed: %s\n", error->message);
    }
  next = g_queue_pop_head (&self->waiting);
  if (next != NULL)
    decide (self, next);
}

static void
decide (Decider *self, const char *path)
{
  Decision *decision = g_new (Decision, 1);

  decision->decider = self;
  decision->sent = bench_now ();
  self->in_flight++;
  g_dbus_connection_call (self->bus, DFL_BUS_NAME, path, DFL_CALL_INTERFACE, "Redirect",
                          g_variant_new ("(sa{sv})", BENCH_TARGET, NULL), NULL,
                          G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, on_redirected, decision);
}

static void
on_interfaces_added (GDBusConnection *bus,
                     const char *sender,
                     const char *path,
                     const char *interface,
                     const char *signal,
                     GVariant *parameters,
                     gpointer data)
{
  Decider *self = data;
  const char *object;

  g_variant_get_child (parameters, 0, "&o", &object);
  if (!g_str_has_prefix (object, DFL_CALL_PATH_PREFIX))
    return;
  if (self->in_flight < BENCH_MAX_IN_FLIGHT)
    decide (self, object);
  else
    g_queue_push_tail (&self->waiting, g_strdup (object));
}

static void
handle_report (const char *line, gpointer data)
{
  Decider *self = data;

  bench_role_say ("%u %u %f %f", self->replies, self->errors, bench_samples_median (self->samples),
                  bench_samples_quantile (self->samples, 0.99));
  self->replies = self->errors = 0;
  bench_samples_clear (self->samples);
}

int
bench_role_decider (const char *bus_address)
{
  g_autoptr (GDBusConnection) bus = bench_role_connect (bus_address);
  g_autoptr (BenchSamples) samples = bench_samples_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  Decider self = { .bus = bus, .waiting = G_QUEUE_INIT, .samples = samples };

  g_dbus_connection_signal_subscribe (bus, DFL_BUS_NAME, "org.freedesktop.DBus.ObjectManager",
                                      "InterfacesAdded", DFL_ROOT_PATH, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_interfaces_added, &self, NULL);
  objects = g_dbus_connection_call_sync (bus, DFL_BUS_NAME, DFL_ROOT_PATH,
                                         "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                                         NULL, NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL,
                                         &error);
  if (objects == NULL)
    {
      g_printerr ("deflect-bench: GetManagedObjects failed: %s\n", error->message);
      return 1;
    }
  bench_role_say ("ready");
  bench_role_serve (handle_report, &self);
  return 0;
}
