/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What two stock GDBus programs cost: nothing that speaks D-Bus through this bus can be faster. */

#include "role.h"

#include <stdio.h>
#include <stdlib.h>

#include "measure.h"

#define FLOOR_NAME "org.deflectd.bench.Floor"
#define FLOOR_PATH "/org/deflectd/bench/floor"
#define FLOOR_INTERFACE "org.deflectd.bench.Floor"

static const char introspection[] = "<node><interface name='" FLOOR_INTERFACE "'>"
                                    "<method name='Answer'><arg type='t' direction='in'/></method>"
                                    "<signal name='Question'><arg type='t'/></signal>"
                                    "</interface></node>";

typedef struct
{
  GDBusConnection *bus;
  BenchSamples *samples;
  guint to_emit;
  guint to_count;
  guint rounds;
  gint64 started;
} Emitter;

/* The body is the time of sending, so that both ends can measure with it. */
static void
emit_question (Emitter *self)
{
  self->to_emit--;
  g_dbus_connection_emit_signal (self->bus, NULL, FLOOR_PATH, FLOOR_INTERFACE, "Question",
                                 g_variant_new ("(t)", (guint64)bench_now ()), NULL);
}

static void
handle_answer (GDBusConnection *bus,
               const char *sender,
               const char *path,
               const char *interface,
               const char *method,
               GVariant *parameters,
               GDBusMethodInvocation *invocation,
               gpointer data)
{
  Emitter *self = data;
  gint64 now = bench_now ();
  guint64 sent;

  g_variant_get (parameters, "(t)", &sent);
  bench_samples_add (self->samples, (double)(now - (gint64)sent) / 1000);
  g_dbus_method_invocation_return_value (invocation, NULL);
  if (self->to_emit > 0)
    emit_question (self);
  if (--self->to_count == 0)
    bench_role_say ("%f %f %f", self->rounds / ((double)(now - self->started) / 1e9),
                    bench_samples_median (self->samples),
                    bench_samples_quantile (self->samples, 0.99));
}

static void
handle_run (const char *line, gpointer data)
{
  Emitter *self = data;
  guint outstanding = 0;

  if (sscanf (line, "run %u %u", &outstanding, &self->rounds) != 2)
    return;
  bench_samples_clear (self->samples);
  self->to_emit = self->to_count = self->rounds;
  self->started = bench_now ();
  for (guint i = 0; i < outstanding && self->to_emit > 0; i++)
    emit_question (self);
}

int
bench_role_floor_emitter (const char *bus_address)
{
  static const GDBusInterfaceVTable vtable = { .method_call = handle_answer };
  g_autoptr (GDBusNodeInfo) info = g_dbus_node_info_new_for_xml (introspection, NULL);
  g_autoptr (GDBusConnection) bus = bench_role_connect (bus_address);
  g_autoptr (BenchSamples) samples = bench_samples_new ();
  Emitter self = { .bus = bus, .samples = samples };

  g_dbus_connection_register_object (bus, FLOOR_PATH, info->interfaces[0], &vtable, &self, NULL,
                                     NULL);
  g_variant_unref (g_dbus_connection_call_sync (bus, "org.freedesktop.DBus",
                                                "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                "RequestName",
                                                g_variant_new ("(su)", FLOOR_NAME, 0), NULL,
                                                G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL));
  bench_role_say ("ready");
  bench_role_serve (handle_run, &self);
  return 0;
}

static void
on_replied (GObject *source, GAsyncResult *result, gpointer data)
{
  gint64 *sent = data;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              NULL);
  BenchSamples *samples = g_object_get_data (source, "samples");

  if (reply != NULL)
    bench_samples_add (samples, (double)(bench_now () - *sent) / 1000);
  g_free (sent);
}

static void
on_question (GDBusConnection *bus,
             const char *sender,
             const char *path,
             const char *interface,
             const char *signal,
             GVariant *parameters,
             gpointer data)
{
  guint64 sent;

  g_variant_get (parameters, "(t)", &sent);
  g_dbus_connection_call (bus, FLOOR_NAME, FLOOR_PATH, FLOOR_INTERFACE, "Answer", parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, on_replied,
                          g_memdup2 (&sent, sizeof sent));
}

static void
handle_report (const char *line, gpointer data)
{
  BenchSamples *samples = data;

  bench_role_say ("%f %f", bench_samples_median (samples), bench_samples_quantile (samples, 0.99));
  bench_samples_clear (samples);
}

int
bench_role_floor_answerer (const char *bus_address)
{
  g_autoptr (GDBusConnection) bus = bench_role_connect (bus_address);
  g_autoptr (BenchSamples) samples = bench_samples_new ();

  g_object_set_data (G_OBJECT (bus), "samples", samples);
  g_dbus_connection_signal_subscribe (bus, FLOOR_NAME, FLOOR_INTERFACE, "Question", FLOOR_PATH,
                                      NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_question, NULL, NULL);
  /* A round trip, so that the bus has the subscription before anybody is told. */
  g_variant_unref (g_dbus_connection_call_sync (bus, "org.freedesktop.DBus",
                                                "/org/freedesktop/DBus",
                                                "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                                                G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL));
  bench_role_say ("ready");
  bench_role_serve (handle_report, samples);
  return 0;
}
