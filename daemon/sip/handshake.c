/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/handshake.h"

#include "sip/certificate.h"
#include "sip/own-certificate.h"
#include "sip/tls.h"
#include "sip/trust.h"

/* Lives for as long as it waits for the machine's authorities, freed or not. */
struct _DflHandshake
{
  guint references;
  gboolean freed;

  gboolean verify, wildcard;
  gboolean examined; /* the certificate of this very handshake */
  char *identity;
  DflOwnCertificate *own;
  DflTrust *trust; /* NULL: the machine's, and not yet read */

  char *peer;
  GSocketConnection *connection;
  DflTls *stream;
  char *refusal;   /* why the certificate was refused */
  gboolean wanted; /* a certificate of ours, which we have not */
  DflHandshakeFunc func;
  gpointer data;
};

static void
handshake_unref (DflHandshake *self)
{
  if (--self->references > 0)
    return;
  g_clear_pointer (&self->own, dfl_own_certificate_unref);
  g_clear_object (&self->connection);
  g_clear_object (&self->stream);
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
  self->verify = tls->verify;
  self->wildcard = tls->wildcard;
  self->identity = g_strdup (tls->identity);
  *mistake = NULL;
  if (!g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    *mistake = g_strdup ("this machine cannot read certificates; install glib-networking");
  else if (tls->verify && tls->ca != NULL)
    {
      self->trust = dfl_trust_new (tls->ca, &error);
      if (self->trust == NULL)
        *mistake = g_strdup (error->message);
    }
  if (*mistake == NULL && tls->certificate != NULL)
    self->own = dfl_own_certificate_new (tls->certificate, tls->key, mistake);
  if (*mistake == NULL)
    return self;
  handshake_unref (self);
  return NULL;
}

char *
dfl_handshake_explain (DflHandshake *self, const GError *error)
{
  const char *sentence = NULL;

  if (self->refusal != NULL)
    return g_strdup (self->refusal);
  if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED)
      || (self->wanted
          && (error->domain == G_TLS_ERROR
              || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))))
    sentence = "%s wants a certificate of ours; give one in tls-certificate= and tls-key=";
  else if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_EOF)
           || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
    sentence
        = "%s broke the connection off instead of answering in TLS; see the port and transport=";
  else if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_NOT_TLS))
    sentence = "%s does not speak TLS; see the port and transport=";
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    sentence = "%s speaks no TLS newer than 1.1; have it updated to 1.2 or 1.3";
  if (sentence != NULL)
    return g_strdup_printf (sentence, self->peer);
  /* The English of GnuTLS, with nothing in it that the peer wrote. */
  return g_strdup_printf ("TLS with %s failed: %s", self->peer, error->message);
}

static gboolean
on_judge (GTlsCertificate *certificate, gpointer data)
{
  DflHandshake *self = data;

  if (!self->verify)
    return TRUE;
  self->examined = TRUE;
  self->refusal = certificate == NULL ? g_strdup ("the certificate of the server cannot be read")
                                      : dfl_certificate_explain (certificate, self->trust,
                                                                 self->identity, self->wildcard);
  return self->refusal == NULL;
}

static void
on_wanted (gpointer data)
{
  DflHandshake *self = data;

  self->wanted = TRUE;
}

static void
on_done (const GError *error, gpointer data)
{
  DflHandshake *self = data;
  g_autofree char *reason = NULL;

  if (error != NULL)
    reason = dfl_handshake_explain (self, error);
  else if (self->verify && !self->examined)
    reason = g_strdup_printf ("%s showed no certificate", self->peer);
  /* A list of authorities may be a megabyte, and is not needed any more. */
  g_clear_pointer (&self->trust, dfl_trust_unref);
  self->func (reason == NULL ? G_IO_STREAM (self->stream) : NULL, reason, self->data);
}

static void
shake_hands (DflHandshake *self)
{
  static const DflTlsListener listener = { on_judge, on_wanted, on_done };
  gboolean numeric = self->identity[0] == '[' || g_hostname_is_ip_address (self->identity);

  self->stream = dfl_tls_new (g_socket_connection_get_socket (self->connection),
                              numeric ? NULL : self->identity, self->own, &listener, self);
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

void
dfl_handshake_start (DflHandshake *self,
                     GSocketConnection *connection,
                     const char *peer,
                     DflHandshakeFunc func,
                     gpointer data)
{
  self->connection = g_object_ref (connection);
  self->peer = g_strdup (peer);
  self->func = func;
  self->data = data;
  if (self->verify && self->trust == NULL)
    {
      self->references++;
      dfl_trust_of_machine (on_trust, self);
    }
  else
    shake_hands (self);
}

void
dfl_handshake_free (DflHandshake *self)
{
  if (self == NULL)
    return;
  self->freed = TRUE;
  if (self->stream != NULL)
    dfl_tls_forget (self->stream);
  handshake_unref (self);
}
