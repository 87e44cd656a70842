/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "hold.h"

#include <glib-unix.h>

#include "names.h"
#include "role.h"

#define PATIENCE_SECONDS 20

struct _BenchHold
{
  BenchWorld *world;
  BenchCaller *caller;
  guint caller_source;
  guint subscription;
  GPtrArray *paths; /* of the calls that were announced */
  gint64 announced; /* when the last one was */
  guint redirected; /* how many of paths were asked to be */
  guint in_flight;
  GError *failure; /* of a Redirect */
};

static gboolean
on_caller_readable (int fd, GIOCondition condition, gpointer data)
{
  BenchHold *self = data;

  bench_caller_pump (self->caller, NULL);
  return G_SOURCE_CONTINUE;
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
  BenchHold *self = data;
  char *object;

  g_variant_get_child (parameters, 0, "o", &object);
  if (!g_str_has_prefix (object, DFL_CALL_PATH_PREFIX))
    {
      g_free (object);
      return;
    }
  self->announced = bench_now ();
  g_ptr_array_add (self->paths, object);
}

BenchHold *
bench_hold_new (BenchWorld *world, GError **error)
{
  g_autoptr (BenchHold) self = g_new0 (BenchHold, 1);

  self->world = world;
  self->paths = g_ptr_array_new_with_free_func (g_free);
  self->caller = bench_caller_new (BENCH_USER, world->port, error);
  if (self->caller == NULL)
    return NULL;
  self->caller_source = g_unix_fd_add (bench_caller_get_fd (self->caller), G_IO_IN,
                                       on_caller_readable, self);
  self->subscription = g_dbus_connection_signal_subscribe (world->bus, DFL_BUS_NAME,
                                                           "org.freedesktop.DBus.ObjectManager",
                                                           "InterfacesAdded", DFL_ROOT_PATH, NULL,
                                                           G_DBUS_SIGNAL_FLAGS_NONE,
                                                           on_interfaces_added, self, NULL);
  return bench_hold_list (self, NULL, error) >= 0 ? g_steal_pointer (&self) : NULL;
}

void
bench_hold_free (BenchHold *self)
{
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->world->bus, self->subscription);
  g_clear_handle_id (&self->caller_source, g_source_remove);
  g_clear_pointer (&self->caller, bench_caller_free);
  g_ptr_array_unref (self->paths);
  g_clear_error (&self->failure);
  g_free (self);
}

BenchWorld *
bench_hold_get_world (BenchHold *self)
{
  return self->world;
}

const char *
bench_hold_get_last (BenchHold *self)
{
  return self->paths->len > 0 ? g_ptr_array_index (self->paths, self->paths->len - 1) : NULL;
}

const BenchCallerCounts *
bench_hold_get_counts (BenchHold *self)
{
  return bench_caller_get_counts (self->caller);
}

static gboolean
on_time (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_CONTINUE;
}

/* Runs the loop until *value reaches goal; what names both in the error. */
static gboolean
wait_until (const guint *value, guint goal, const char *what, GError **error)
{
  gboolean late = FALSE;
  guint timer = g_timeout_add_seconds (PATIENCE_SECONDS, on_time, &late);

  while (*value < goal && !late)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
  if (*value >= goal)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "only %u of %u calls %s within %d s",
               *value, goal, what, PATIENCE_SECONDS);
  return FALSE;
}

gboolean
bench_hold_offer (BenchHold *self, guint calls, BenchSamples *samples, GError **error)
{
  for (guint i = 0; i < calls; i++)
    {
      gint64 sent = bench_now ();

      bench_caller_offer (self->caller);
      if (!wait_until (&self->paths->len, self->paths->len + 1, "were announced", error))
        return FALSE;
      if (samples != NULL)
        bench_samples_add (samples, (double)(self->announced - sent) / 1000);
    }
  return TRUE;
}

gboolean
bench_hold_wait_ringing (BenchHold *self, GError **error)
{
  return wait_until (&bench_hold_get_counts (self)->ringing, self->paths->len, "rang", error);
}

gboolean
bench_hold_wait_ended (BenchHold *self, guint calls, GError **error)
{
  return wait_until (&bench_hold_get_counts (self)->final, calls, "got their 302", error);
}

gint
bench_hold_list (BenchHold *self, double *seconds, GError **error)
{
  gint64 started = bench_now ();
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (self->world->bus, DFL_BUS_NAME,
                                                            DFL_ROOT_PATH,
                                                            "org.freedesktop.DBus.ObjectManager",
                                                            "GetManagedObjects", NULL,
                                                            G_VARIANT_TYPE ("(a{oa{sa{sv}}})"),
                                                            G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL,
                                                            error);
  g_autoptr (GVariantIter) objects = NULL;
  const char *path;
  gint calls = 0;

  if (reply == NULL)
    return -1;
  if (seconds != NULL)
    *seconds = (double)(bench_now () - started) / 1e9;
  g_variant_get (reply, "(a{oa{sa{sv}}})", &objects);
  while (g_variant_iter_next (objects, "{&o@a{sa{sv}}}", &path, NULL))
    calls += g_str_has_prefix (path, DFL_CALL_PATH_PREFIX);
  return calls;
}

static void
on_redirected (GObject *source, GAsyncResult *result, gpointer data)
{
  BenchHold *self = data;
  g_autoptr (GVariant) reply = NULL;

  reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                         self->failure == NULL ? &self->failure : NULL);
  self->in_flight--;
}

gboolean
bench_hold_redirect_all (BenchHold *self, GError **error)
{
  while (self->redirected < self->paths->len || self->in_flight > 0)
    {
      while (self->redirected < self->paths->len && self->in_flight < BENCH_MAX_IN_FLIGHT)
        {
          g_dbus_connection_call (self->world->bus, DFL_BUS_NAME,
                                  g_ptr_array_index (self->paths, self->redirected),
                                  DFL_CALL_INTERFACE, "Redirect",
                                  g_variant_new ("(sa{sv})", BENCH_TARGET, NULL), NULL,
                                  G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, on_redirected, self);
          self->redirected++;
          self->in_flight++;
        }
      g_main_context_iteration (NULL, TRUE);
    }
  if (self->failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->failure));
      return FALSE;
    }
  return bench_hold_wait_ended (self, self->paths->len, error);
}
