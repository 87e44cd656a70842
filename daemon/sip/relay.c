/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/relay.h"

#define BUFFER 4096
#define LAST_WORD 2 /* seconds */

/* One way. */
typedef struct
{
  DflRelay *relay;
  GInputStream *in;
  GOutputStream *out;
  gboolean deaf; /* out takes nothing any more; what comes is thrown away */
  guint8 buffer[BUFFER];
} Way;

/* Lives for as long as an operation is under way, freed or not. */
struct _DflRelay
{
  guint references;
  gboolean freed;
  gboolean ended;
  GCancellable *cancellable;
  GSocketConnection *near;
  GIOStream *far;
  Way inbound, outbound; /* from far to near, from near to far */
  gboolean far_is_gone;
  GError *error; /* of far */
  guint limit;
  DflRelayEndedFunc func;
  gpointer data;
};

static void way_read (Way *way);

static void
relay_unref (DflRelay *self)
{
  if (--self->references > 0)
    return;
  g_clear_object (&self->cancellable);
  g_clear_object (&self->near);
  g_clear_object (&self->far);
  g_clear_error (&self->error);
  g_free (self);
}

static void
end (DflRelay *self)
{
  g_autoptr (GError) error = g_steal_pointer (&self->error);

  if (self->ended)
    return;
  self->ended = TRUE;
  g_clear_handle_id (&self->limit, g_source_remove);
  g_cancellable_cancel (self->cancellable);
  self->func (error, self->data);
}

static gboolean
on_limit (gpointer data)
{
  DflRelay *self = data;

  self->limit = 0;
  end (self);
  return G_SOURCE_REMOVE;
}

/* Nothing more comes from far, or nothing more goes there. */
static void
lose_far (DflRelay *self, const GError *error)
{
  if (self->error == NULL && error != NULL)
    self->error = g_error_copy (error);
  if (self->limit == 0)
    self->limit = g_timeout_add_seconds (LAST_WORD, on_limit, self);
}

static void
lose_near (DflRelay *self)
{
  /* Near closes because far did, or of its own accord. */
  if (!self->far_is_gone && self->error == NULL)
    self->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "Closed from here");
  end (self);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  Way *way = data;
  DflRelay *self = way->relay;
  g_autoptr (GError) error = NULL;
  gboolean written = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL,
                                                       &error);

  if (!self->freed && !self->ended)
    {
      if (written)
        way_read (way);
      else if (way == &self->inbound)
        lose_near (self);
      else
        {
          lose_far (self, error);
          way->deaf = TRUE;
          way_read (way);
        }
    }
  relay_unref (self);
}

/* The last byte has been written to the other side before. */
static void
on_end_of_stream (Way *way, const GError *error)
{
  DflRelay *self = way->relay;

  if (way == &self->outbound)
    {
      lose_near (self);
      return;
    }
  self->far_is_gone = TRUE;
  lose_far (self, error);
  g_socket_shutdown (g_socket_connection_get_socket (self->near), FALSE, TRUE, NULL);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Way *way = data;
  DflRelay *self = way->relay;
  g_autoptr (GError) error = NULL;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (!self->freed && !self->ended)
    {
      if (length <= 0)
        on_end_of_stream (way, error);
      else if (way->deaf)
        way_read (way);
      else
        {
          self->references++;
          g_output_stream_write_all_async (way->out, way->buffer, (gsize)length, G_PRIORITY_DEFAULT,
                                           self->cancellable, on_written, way);
        }
    }
  relay_unref (self);
}

static void
way_read (Way *way)
{
  way->relay->references++;
  g_input_stream_read_async (way->in, way->buffer, BUFFER, G_PRIORITY_DEFAULT,
                             way->relay->cancellable, on_read, way);
}

DflRelay *
dfl_relay_new (GSocketConnection *near, GIOStream *far, DflRelayEndedFunc ended, gpointer data)
{
  DflRelay *self = g_new0 (DflRelay, 1);

  self->references = 1;
  self->cancellable = g_cancellable_new ();
  self->near = g_object_ref (near);
  self->far = g_object_ref (far);
  self->func = ended;
  self->data = data;
  self->inbound.relay = self->outbound.relay = self;
  self->inbound.in = g_io_stream_get_input_stream (far);
  self->inbound.out = g_io_stream_get_output_stream (G_IO_STREAM (near));
  self->outbound.in = g_io_stream_get_input_stream (G_IO_STREAM (near));
  self->outbound.out = g_io_stream_get_output_stream (far);
  way_read (&self->inbound);
  way_read (&self->outbound);
  return self;
}

void
dfl_relay_free (DflRelay *self)
{
  if (self == NULL)
    return;
  self->freed = TRUE;
  g_clear_handle_id (&self->limit, g_source_remove);
  g_cancellable_cancel (self->cancellable);
  relay_unref (self);
}
