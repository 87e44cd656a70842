/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/handshake.h"

#include <errno.h>
#include <string.h>

#include <gnutls/gnutls.h>

#include "sip/certificate.h"
#include "sip/trust.h"

/* Lives for as long as an operation is under way, freed or not. */
struct _DflHandshake
{
  guint references;
  gboolean freed;

  gboolean verify, wildcard;
  gboolean examined; /* the certificate of this very handshake */
  char *identity;
  GTlsCertificate *own;
  DflTrust *trust; /* NULL: the machine's, and not yet read */

  char *peer;
  GSocketConnection *connection;
  GIOStream *stream;
  GCancellable *cancellable;
  char *refusal;   /* why the certificate was refused */
  gboolean wanted; /* a certificate of ours, which we have not */
  DflHandshakeFunc func;
  gpointer data;
};

/* GIO hands every wish of the server for a certificate to an interaction; of itself it would tell
 * of it by some errors only. */
#define DFL_TYPE_WISH (dfl_wish_get_type ())
G_DECLARE_FINAL_TYPE (DflWish, dfl_wish, DFL, WISH, GTlsInteraction)

struct _DflWish
{
  GTlsInteraction parent;
  DflHandshake *handshake; /* NULL when it is gone */
};

G_DEFINE_FINAL_TYPE (DflWish, dfl_wish, G_TYPE_TLS_INTERACTION)

static GTlsInteractionResult
dfl_wish_request_certificate (GTlsInteraction *interaction,
                              GTlsConnection *connection,
                              GTlsCertificateRequestFlags flags,
                              GCancellable *cancellable,
                              GError **error)
{
  DflWish *self = DFL_WISH (interaction);

  if (self->handshake != NULL)
    self->handshake->wanted = TRUE;
  return G_TLS_INTERACTION_UNHANDLED;
}

static void
dfl_wish_class_init (DflWishClass *class)
{
  G_TLS_INTERACTION_CLASS (class)->request_certificate = dfl_wish_request_certificate;
}

static void
dfl_wish_init (DflWish *self)
{
}

static void
handshake_unref (DflHandshake *self)
{
  if (--self->references > 0)
    return;
  g_clear_object (&self->own);
  g_clear_object (&self->connection);
  g_clear_object (&self->stream);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->trust, dfl_trust_unref);
  g_free (self->identity);
  g_free (self->peer);
  g_free (self->refusal);
  g_free (self);
}

DflHandshake *
dfl_handshake_new (const DflFlowTls *tls, char **mistake)
{
  DflHandshake *self = g_new0 (DflHandshake, 1);
  g_autoptr (GError) error = NULL;

  self->references = 1;
  self->cancellable = g_cancellable_new ();
  self->verify = tls->verify;
  self->wildcard = tls->wildcard;
  self->identity = g_strdup (tls->identity);
  *mistake = NULL;
  if (tls->verify && tls->ca != NULL)
    {
      self->trust = dfl_trust_new (tls->ca, &error);
      if (self->trust == NULL)
        *mistake = g_strdup (error->message);
    }
  if (*mistake == NULL && tls->certificate != NULL)
    self->own = dfl_certificate_new_own (tls->certificate, tls->key, mistake);
  if (*mistake == NULL)
    return self;
  handshake_unref (self);
  return NULL;
}

/* GIO says that a peer speaks no TLS whatever happens in the first handshake; what it was stands in
 * the message alone, in the words of those who know. */
static gboolean
says (const GError *error, const char *words)
{
  return strstr (error->message, words) != NULL;
}

char *
dfl_handshake_explain (DflHandshake *self, const GError *error)
{
  const char *sentence = NULL;

  if (self->refusal != NULL)
    return g_strdup (self->refusal);
  if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED)
      || (self->wanted && error->domain == G_TLS_ERROR))
    sentence = "%s wants a certificate of ours; give one in tls-certificate= and tls-key=";
  else if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_EOF)
           || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
           || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE)
           || says (error, g_strerror (ECONNRESET)) || says (error, g_strerror (EPIPE))
           || says (error, gnutls_strerror (GNUTLS_E_PREMATURE_TERMINATION)))
    sentence
        = "%s broke the connection off instead of answering in TLS; see the port and transport=";
  else if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_NOT_TLS)
           || says (error, gnutls_strerror (GNUTLS_E_UNEXPECTED_PACKET)))
    sentence = "%s does not speak TLS; see the port and transport=";
  if (sentence != NULL)
    return g_strdup_printf (sentence, self->peer);
  /* The English of GnuTLS, with nothing in it that the peer wrote. */
  return g_strdup_printf ("TLS with %s failed: %s", self->peer, error->message);
}

static gboolean
on_accept_certificate (GTlsConnection *connection,
                       GTlsCertificate *certificate,
                       GTlsCertificateFlags errors,
                       gpointer data)
{
  DflHandshake *self = data;

  if (self->freed)
    return FALSE;
  if (!self->verify)
    return TRUE;
  self->examined = TRUE;
  g_free (self->refusal);
  self->refusal = dfl_certificate_explain (certificate, self->trust, self->identity,
                                           self->wildcard);
  return self->refusal == NULL;
}

static gboolean
is_recent (GTlsConnection *connection)
{
  GTlsProtocolVersion version = g_tls_connection_get_protocol_version (connection);

  return version == G_TLS_PROTOCOL_VERSION_TLS_1_2 || version == G_TLS_PROTOCOL_VERSION_TLS_1_3;
}

static void
on_hands_shaken (GObject *source, GAsyncResult *result, gpointer data)
{
  DflHandshake *self = data;
  GTlsConnection *connection = G_TLS_CONNECTION (source);
  g_autoptr (GError) error = NULL;
  gboolean done = g_tls_connection_handshake_finish (connection, result, &error);

  if (!self->freed)
    {
      g_autofree char *reason = NULL;

      if (!done)
        reason = dfl_handshake_explain (self, error);
      else if (self->verify && !self->examined)
        reason = g_strdup_printf ("%s showed no certificate", self->peer);
      else if (!is_recent (connection))
        reason = g_strdup_printf ("%s speaks no TLS newer than 1.1", self->peer);
      /* A list of authorities may be a megabyte, and is not needed any more. */
      g_clear_pointer (&self->trust, dfl_trust_unref);
      self->func (reason == NULL ? G_IO_STREAM (connection) : NULL, reason, self->data);
    }
  handshake_unref (self);
}

static void
shake_hands (DflHandshake *self)
{
  self->references++;
  g_tls_connection_handshake_async (G_TLS_CONNECTION (self->stream), G_PRIORITY_DEFAULT,
                                    self->cancellable, on_hands_shaken, self);
}

static void
on_trust (DflTrust *trust, gpointer data)
{
  DflHandshake *self = data;

  if (!self->freed)
    {
      self->trust = dfl_trust_ref (trust);
      shake_hands (self);
    }
  handshake_unref (self);
}

static gboolean
on_no_tls (gpointer data)
{
  DflHandshake *self = data;

  if (!self->freed)
    self->func (NULL, "this machine cannot speak TLS; install glib-networking", self->data);
  handshake_unref (self);
  return G_SOURCE_REMOVE;
}

void
dfl_handshake_start (DflHandshake *self,
                     GSocketConnection *connection,
                     const char *peer,
                     DflHandshakeFunc func,
                     gpointer data)
{
  g_autoptr (GSocketConnectable) asked_for = NULL;
  /* A stream that does not know its peer: for one that does, the backend resumes the session of any
   * other connection to that peer, with other settings too, and no certificate is looked at. */
  g_autoptr (GIOStream) nameless = g_simple_io_stream_new (g_io_stream_get_input_stream (
                                                               G_IO_STREAM (connection)),
                                                           g_io_stream_get_output_stream (
                                                               G_IO_STREAM (connection)));
  g_autoptr (DflWish) wish = g_object_new (DFL_TYPE_WISH, NULL);

  self->connection = g_object_ref (connection);
  self->peer = g_strdup (peer);
  self->func = func;
  self->data = data;
  if (self->identity[0] != '[' && !g_hostname_is_ip_address (self->identity))
    asked_for = g_network_address_new (self->identity, 0);
  self->stream = g_tls_client_connection_new (nameless, asked_for, NULL);
  if (self->stream == NULL)
    {
      self->references++;
      g_idle_add (on_no_tls, self);
      return;
    }

  g_tls_connection_set_database (G_TLS_CONNECTION (self->stream), NULL);
  g_tls_connection_set_require_close_notify (G_TLS_CONNECTION (self->stream), FALSE);
  if (self->own != NULL)
    g_tls_connection_set_certificate (G_TLS_CONNECTION (self->stream), self->own);
  wish->handshake = self;
  g_tls_connection_set_interaction (G_TLS_CONNECTION (self->stream), G_TLS_INTERACTION (wish));
  g_signal_connect (self->stream, "accept-certificate", G_CALLBACK (on_accept_certificate), self);
  if (self->verify && self->trust == NULL)
    {
      self->references++;
      dfl_trust_of_machine (on_trust, self);
    }
  else
    shake_hands (self);
}

gboolean
dfl_handshake_is_waiting_for_server (DflHandshake *self)
{
  return !self->verify || self->trust != NULL;
}

/* The stream may outlive us in an operation that has still to hear of its end. */
static void
forget_stream (DflHandshake *self)
{
  GTlsInteraction *interaction;

  if (self->stream == NULL)
    return;
  interaction = g_tls_connection_get_interaction (G_TLS_CONNECTION (self->stream));
  DFL_WISH (interaction)->handshake = NULL;
  g_signal_handlers_disconnect_by_data (self->stream, self);
}

void
dfl_handshake_free (DflHandshake *self)
{
  if (self == NULL)
    return;
  self->freed = TRUE;
  g_cancellable_cancel (self->cancellable);
  forget_stream (self);
  handshake_unref (self);
}
