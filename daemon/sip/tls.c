/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/tls.h"

#include "sip/tls-session.h"

/* --- Reading --- */

#define DFL_TYPE_TLS_INPUT (dfl_tls_input_get_type ())
G_DECLARE_FINAL_TYPE (DflTlsInput, dfl_tls_input, DFL, TLS_INPUT, GInputStream)

struct _DflTlsInput
{
  GInputStream parent;
  DflTlsSession *session;
};

static gboolean
dfl_tls_input_is_readable (GPollableInputStream *stream)
{
  DflTlsSession *session = DFL_TLS_INPUT (stream)->session;

  return dfl_tls_session_has_pending (session)
         || g_socket_condition_check (dfl_tls_session_get_socket (session), G_IO_IN) != 0;
}

static GSource *
dfl_tls_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  DflTlsSession *session = DFL_TLS_INPUT (stream)->session;
  GSocket *socket = dfl_tls_session_get_socket (session);
  g_autoptr (GSource) child = dfl_tls_session_has_pending (session)
                                  ? g_timeout_source_new (0)
                                  : g_socket_create_source (socket, G_IO_IN, NULL);

  return g_pollable_source_new_full (stream, child, cancellable);
}

static gssize
dfl_tls_input_read_nonblocking (GPollableInputStream *stream,
                                void *buffer,
                                gsize count,
                                GError **error)
{
  return dfl_tls_session_read (DFL_TLS_INPUT (stream)->session, buffer, count, error);
}

static void
dfl_tls_input_init_pollable (GPollableInputStreamInterface *interface)
{
  interface->is_readable = dfl_tls_input_is_readable;
  interface->create_source = dfl_tls_input_create_source;
  interface->read_nonblocking = dfl_tls_input_read_nonblocking;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (DflTlsInput,
                               dfl_tls_input,
                               G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      dfl_tls_input_init_pollable))

static void
dfl_tls_input_finalize (GObject *object)
{
  dfl_tls_session_unref (DFL_TLS_INPUT (object)->session);
  G_OBJECT_CLASS (dfl_tls_input_parent_class)->finalize (object);
}

static void
dfl_tls_input_class_init (DflTlsInputClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_tls_input_finalize;
}

static void
dfl_tls_input_init (DflTlsInput *self)
{
}

/* --- Writing --- */

#define DFL_TYPE_TLS_OUTPUT (dfl_tls_output_get_type ())
G_DECLARE_FINAL_TYPE (DflTlsOutput, dfl_tls_output, DFL, TLS_OUTPUT, GOutputStream)

struct _DflTlsOutput
{
  GOutputStream parent;
  DflTlsSession *session;
};

static gboolean
dfl_tls_output_is_writable (GPollableOutputStream *stream)
{
  GSocket *socket = dfl_tls_session_get_socket (DFL_TLS_OUTPUT (stream)->session);

  return g_socket_condition_check (socket, G_IO_OUT) != 0;
}

static GSource *
dfl_tls_output_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  GSocket *socket = dfl_tls_session_get_socket (DFL_TLS_OUTPUT (stream)->session);
  g_autoptr (GSource) child = g_socket_create_source (socket, G_IO_OUT, NULL);

  return g_pollable_source_new_full (stream, child, cancellable);
}

static gssize
dfl_tls_output_write_nonblocking (GPollableOutputStream *stream,
                                  const void *bytes,
                                  gsize count,
                                  GError **error)
{
  return dfl_tls_session_write (DFL_TLS_OUTPUT (stream)->session, bytes, count, error);
}

static void
dfl_tls_output_init_pollable (GPollableOutputStreamInterface *interface)
{
  interface->is_writable = dfl_tls_output_is_writable;
  interface->create_source = dfl_tls_output_create_source;
  interface->write_nonblocking = dfl_tls_output_write_nonblocking;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (DflTlsOutput,
                               dfl_tls_output,
                               G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      dfl_tls_output_init_pollable))

static void
dfl_tls_output_finalize (GObject *object)
{
  dfl_tls_session_unref (DFL_TLS_OUTPUT (object)->session);
  G_OBJECT_CLASS (dfl_tls_output_parent_class)->finalize (object);
}

static void
dfl_tls_output_class_init (DflTlsOutputClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_tls_output_finalize;
}

static void
dfl_tls_output_init (DflTlsOutput *self)
{
}

/* --- The handshake --- */

struct _DflTls
{
  GIOStream parent;
  DflTlsSession *session;
  DflTlsInput *input;
  DflTlsOutput *output;
  const DflTlsListener *listener; /* NULL: nobody listens any more */
  gpointer data;
  GSource *source; /* of the handshake */
};

G_DEFINE_FINAL_TYPE (DflTls, dfl_tls, G_TYPE_IO_STREAM)

static gboolean
on_judge (GTlsCertificate *certificate, gpointer data)
{
  DflTls *self = data;

  return self->listener->judge (certificate, self->data);
}

static void
on_wanted (gpointer data)
{
  DflTls *self = data;

  self->listener->wanted (self->data);
}

static void
clear_source (DflTls *self)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

static gboolean on_turn (GObject *stream, gpointer data);

/* Without a condition, for the next turn of the loop. */
static void
await (DflTls *self, GIOCondition condition)
{
  GSocket *socket = dfl_tls_session_get_socket (self->session);
  g_autoptr (GSource) child = condition == 0 ? g_timeout_source_new (0)
                                             : g_socket_create_source (socket, condition, NULL);

  self->source = g_pollable_source_new_full (self->input, child, NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_turn), self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
}

static gboolean
on_turn (GObject *stream, gpointer data)
{
  DflTls *self = data;
  g_autoptr (GError) error = NULL;
  gboolean done;

  clear_source (self);
  done = dfl_tls_session_shake_hands (self->session, &error);
  if (done || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      const DflTlsListener *listener = g_steal_pointer (&self->listener);

      listener->done (error, self->data);
    }
  else
    await (self, dfl_tls_session_get_direction (self->session));
  return G_SOURCE_REMOVE;
}

void
dfl_tls_forget (DflTls *self)
{
  self->listener = NULL;
  clear_source (self);
}

DflTls *
dfl_tls_new (GSocket *socket,
             const char *name,
             DflOwnCertificate *own,
             const DflTlsListener *listener,
             gpointer data)
{
  static const DflTlsSessionListener session_listener = { on_judge, on_wanted };
  DflTls *self = g_object_new (DFL_TYPE_TLS, NULL);

  self->listener = listener;
  self->data = data;
  self->session = dfl_tls_session_new (socket, name, own, &session_listener, self);
  self->input = g_object_new (DFL_TYPE_TLS_INPUT, NULL);
  self->input->session = dfl_tls_session_ref (self->session);
  self->output = g_object_new (DFL_TYPE_TLS_OUTPUT, NULL);
  self->output->session = dfl_tls_session_ref (self->session);
  await (self, 0);
  return self;
}

static GInputStream *
dfl_tls_get_input_stream (GIOStream *stream)
{
  return G_INPUT_STREAM (DFL_TLS (stream)->input);
}

static GOutputStream *
dfl_tls_get_output_stream (GIOStream *stream)
{
  return G_OUTPUT_STREAM (DFL_TLS (stream)->output);
}

static void
dfl_tls_finalize (GObject *object)
{
  DflTls *self = DFL_TLS (object);

  clear_source (self);
  g_object_unref (self->input);
  g_object_unref (self->output);
  dfl_tls_session_unref (self->session);
  G_OBJECT_CLASS (dfl_tls_parent_class)->finalize (object);
}

static void
dfl_tls_class_init (DflTlsClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_tls_finalize;
  G_IO_STREAM_CLASS (class)->get_input_stream = dfl_tls_get_input_stream;
  G_IO_STREAM_CLASS (class)->get_output_stream = dfl_tls_get_output_stream;
}

static void
dfl_tls_init (DflTls *self)
{
}
