/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/connection.h"

#include <errno.h>
#include <glib-unix.h>

#include "core/error.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

/* What one turn of the loop serves at most, so that a flood on the bus does not keep SIP out. */
#define BATCH 64
#define BATCH_MICROSECONDS 5000

typedef struct
{
  GSource parent;

  DflConnection *connection; /* which destroys the source before it goes */
  gpointer tag;
  GIOCondition condition;
} ConnectionSource;

struct _DflConnection
{
  sd_bus *bus;
  GSource *source;
  DflConnectionFunc closed;
  gpointer closed_data;
  DflConnectionNameFunc answered;
  gpointer answered_data;
  DflConnectionFunc released;
  gpointer released_data;
};

/* --- The loop --- */

/* poll(2) and GIOCondition have the same bits. The library's deadlines are on CLOCK_MONOTONIC in
 * microseconds, as GLib's are. */
static gboolean
prepare (GSource *source, int *timeout)
{
  ConnectionSource *self = (ConnectionSource *)source;
  sd_bus *bus = self->connection->bus;
  GIOCondition condition = (GIOCondition)MAX (sd_bus_get_events (bus), 0);
  guint64 due = G_MAXUINT64;

  *timeout = -1;
  if (condition != self->condition)
    {
      self->condition = condition;
      g_source_modify_unix_fd (source, self->tag, condition);
    }
  sd_bus_get_timeout (bus, &due);
  g_source_set_ready_time (source, due == G_MAXUINT64 ? -1 : (gint64)MIN (due, G_MAXINT64));
  return due == 0;
}

static gboolean
on_ready (GSource *source, GSourceFunc callback, gpointer data)
{
  DflConnection *self = ((ConnectionSource *)source)->connection;
  gint64 until = g_get_monotonic_time () + BATCH_MICROSECONDS;

  for (guint i = 0; i < BATCH && g_get_monotonic_time () < until; i++)
    {
      int more = sd_bus_process (self->bus, NULL);

      if (g_source_is_destroyed (source))
        return G_SOURCE_REMOVE;
      if (more == 0)
        return G_SOURCE_CONTINUE;
      if (more < 0)
        {
          if (self->closed != NULL)
            self->closed (self->closed_data);
          return G_SOURCE_REMOVE;
        }
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = { .prepare = prepare, .dispatch = on_ready };

static void
attach (DflConnection *self)
{
  ConnectionSource *source;

  self->source = g_source_new (&functions, sizeof (ConnectionSource));
  source = (ConnectionSource *)self->source;
  source->connection = self;
  source->condition = G_IO_IN;
  source->tag = g_source_add_unix_fd (self->source, sd_bus_get_fd (self->bus), G_IO_IN);
  g_source_set_static_name (self->source, "deflectd bus");
  g_source_attach (self->source, g_main_context_get_thread_default ());
}

/* --- The name --- */

static int
on_name_requested (sd_bus_message *message, void *data, sd_bus_error *ignored)
{
  /* org.freedesktop.DBus.RequestName, in the D-Bus specification. */
  enum
  {
    PRIMARY_OWNER = 1
  };
  DflConnection *self = data;
  const sd_bus_error *refusal = sd_bus_message_get_error (message);
  g_autoptr (GError) error = NULL;
  guint32 answer = 0;

  if (refusal != NULL)
    error = g_error_new (DFL_ERROR, DFL_ERROR_FAILED,
                         "the bus refuses it (%s); run deflectd as the user that the bus policy "
                         "allows it",
                         refusal->message != NULL ? refusal->message : refusal->name);
  else if (sd_bus_message_read_basic (message, SD_BUS_TYPE_UINT32, &answer) < 0
           || answer != PRIMARY_OWNER)
    error = g_error_new_literal (DFL_ERROR, DFL_ERROR_FAILED,
                                 "it is already owned on this bus; stop the other deflectd first, "
                                 "or name another bus with --bus");
  self->answered (error, self->answered_data);
  return 0;
}

static int
on_name_released (sd_bus_message *message, void *data, sd_bus_error *ignored)
{
  DflConnection *self = data;

  self->released (self->released_data);
  return 0;
}

void
dfl_connection_request_name (DflConnection *self,
                             const char *name,
                             DflConnectionNameFunc answered,
                             gpointer data)
{
  /* DBUS_NAME_FLAG_DO_NOT_QUEUE */
  enum
  {
    DO_NOT_QUEUE = 4
  };
  int result;

  self->answered = answered;
  self->answered_data = data;
  result = sd_bus_call_method_async (self->bus, NULL, BUS_NAME, BUS_PATH, BUS_NAME, "RequestName",
                                     on_name_requested, self, "su", name, (guint32)DO_NOT_QUEUE);
  if (result < 0)
    g_warning ("%s cannot be asked for: %s", name, g_strerror (-result));
}

void
dfl_connection_release_name (DflConnection *self,
                             const char *name,
                             DflConnectionFunc released,
                             gpointer data)
{
  int result;

  self->released = released;
  self->released_data = data;
  result = sd_bus_call_method_async (self->bus, NULL, BUS_NAME, BUS_PATH, BUS_NAME, "ReleaseName",
                                     on_name_released, self, "s", name);
  if (result < 0)
    g_message ("%s cannot be given back: %s", name, g_strerror (-result));
}

/* --- Life --- */

static int
open_bus (const char *address, sd_bus **bus)
{
  const char *name;
  int result = sd_bus_new (bus);

  if (result >= 0)
    result = sd_bus_set_address (*bus, address);
  if (result >= 0)
    result = sd_bus_set_bus_client (*bus, TRUE);
  if (result >= 0)
    result = sd_bus_negotiate_fds (*bus, FALSE);
  if (result >= 0)
    result = sd_bus_start (*bus);
  /* To know it, the library waits for the greeting of the bus. */
  if (result >= 0)
    result = sd_bus_get_unique_name (*bus, &name);
  return result;
}

DflConnection *
dfl_connection_new (const char *address, GError **error)
{
  g_autoptr (DflConnection) self = g_new0 (DflConnection, 1);
  int result = open_bus (address, &self->bus);

  if (result < 0)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED, "%s", g_strerror (-result));
      return NULL;
    }
  attach (self);
  return g_steal_pointer (&self);
}

void
dfl_connection_free (DflConnection *self)
{
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  if (self->bus != NULL)
    sd_bus_close (self->bus);
  sd_bus_unref (self->bus);
  g_free (self);
}

sd_bus *
dfl_connection_get_bus (DflConnection *self)
{
  return self->bus;
}

void
dfl_connection_set_closed (DflConnection *self, DflConnectionFunc closed, gpointer data)
{
  self->closed = closed;
  self->closed_data = data;
}
