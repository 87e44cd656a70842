/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/relay.h"

#include "sip/watch.h"

#define BUFFER 4096
#define LAST_WORD 2 /* seconds */

/* One way. */
typedef struct
{
  DflRelay *relay;
  GInputStream *in;
  GOutputStream *out;
  DflWatch *watch; /* of the socket below in; NULL where there are too many */
  gboolean deaf;   /* out takes nothing any more; what comes is thrown away */
  guint8 buffer[BUFFER];
} Way;

/* Lives for as long as an operation is under way, freed or not. */
struct _DflRelay
{
  guint references;
  gboolean freed;
  gboolean ended;
  GCancellable *cancellable;
  GSocketConnection *near, *far;
  GIOStream *stream;     /* over far */
  Way inbound, outbound; /* from far to near, from near to far */
  gboolean far_is_gone;
  GError *error; /* of far */
  guint limit;
  DflRelayEndedFunc func;
  gpointer data;
};

static void way_await (Way *way);

static void
relay_unref (DflRelay *self)
{
  if (--self->references > 0)
    return;
  g_clear_object (&self->cancellable);
  g_clear_object (&self->near);
  g_clear_object (&self->far);
  g_clear_object (&self->stream);
  g_clear_error (&self->error);
  g_free (self);
}

/* What is under way comes to its end without having an effect. */
static void
stop (DflRelay *self)
{
  g_clear_handle_id (&self->limit, g_source_remove);
  g_clear_pointer (&self->inbound.watch, dfl_watch_free);
  g_clear_pointer (&self->outbound.watch, dfl_watch_free);
  g_cancellable_cancel (self->cancellable);
}

static void
end (DflRelay *self)
{
  g_autoptr (GError) error = g_steal_pointer (&self->error);

  if (self->ended)
    return;
  self->ended = TRUE;
  stop (self);
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

/* What was read is written, or will never be. */
static void
way_go_on (Way *way, const GError *error)
{
  DflRelay *self = way->relay;

  if (error == NULL)
    way_await (way);
  else if (way == &self->inbound)
    lose_near (self);
  else
    {
      lose_far (self, error);
      way->deaf = TRUE;
      way_await (way);
    }
}

/* On what could not be written at once. */
static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  Way *way = data;
  DflRelay *self = way->relay;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  if (!self->freed && !self->ended)
    way_go_on (way, error);
  relay_unref (self);
}

static void
way_write (Way *way, gsize length)
{
  g_autoptr (GError) error = NULL;
  gssize written = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (way->out),
                                                               way->buffer, length, NULL, &error);

  if (written == (gssize)length)
    way_go_on (way, NULL);
  else if (written < 0 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    way_go_on (way, error);
  else
    {
      gsize done = (gsize)MAX (written, 0);

      way->relay->references++;
      g_output_stream_write_all_async (way->out, way->buffer + done, length - done,
                                       G_PRIORITY_DEFAULT, way->relay->cancellable, on_written,
                                       way);
    }
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
way_take (Way *way, gssize length, const GError *error)
{
  if (length <= 0)
    on_end_of_stream (way, error);
  else if (way->deaf)
    way_await (way);
  else
    way_write (way, (gsize)length);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Way *way = data;
  DflRelay *self = way->relay;
  g_autoptr (GError) error = NULL;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (!self->freed && !self->ended)
    way_take (way, length, error);
  relay_unref (self);
}

static void
way_read (Way *way)
{
  way->relay->references++;
  g_input_stream_read_async (way->in, way->buffer, BUFFER, G_PRIORITY_DEFAULT,
                             way->relay->cancellable, on_read, way);
}

static void
on_readable (gpointer data)
{
  Way *way = data;
  DflRelay *self = way->relay;
  g_autoptr (GError) error = NULL;
  gssize length;

  self->references++;
  length = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (way->in), way->buffer,
                                                     BUFFER, NULL, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    way_await (way); /* for the rest of a record of TLS */
  else
    way_take (way, length, error);
  relay_unref (self);
}

/* Silence is what most of a flow's life is, and must cost nothing: no source of GLib stands for it.
 * What TLS has received and not handed out is nothing that a socket could tell of. */
static void
way_await (Way *way)
{
  if (way->watch == NULL || g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (way->in)))
    way_read (way);
  else
    dfl_watch_arm (way->watch);
}

static void
way_open (Way *way, DflRelay *relay, GSocketConnection *below, GIOStream *in, GIOStream *out)
{
  int fd = g_socket_get_fd (g_socket_connection_get_socket (below));

  way->relay = relay;
  way->in = g_io_stream_get_input_stream (in);
  way->out = g_io_stream_get_output_stream (out);
  way->watch = dfl_watch_new (fd, on_readable, way);
}

DflRelay *
dfl_relay_new (GSocketConnection *near,
               GSocketConnection *far,
               GIOStream *stream,
               DflRelayEndedFunc ended,
               gpointer data)
{
  DflRelay *self = g_new0 (DflRelay, 1);

  self->references = 1;
  self->cancellable = g_cancellable_new ();
  self->near = g_object_ref (near);
  self->far = g_object_ref (far);
  self->stream = g_object_ref (stream);
  self->func = ended;
  self->data = data;
  way_open (&self->inbound, self, far, stream, G_IO_STREAM (near));
  way_open (&self->outbound, self, near, G_IO_STREAM (near), stream);
  way_await (&self->inbound);
  way_await (&self->outbound);
  return self;
}

void
dfl_relay_free (DflRelay *self)
{
  if (self == NULL)
    return;
  self->freed = TRUE;
  stop (self);
  relay_unref (self);
}
