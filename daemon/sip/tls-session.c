/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/tls-session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/gnutls.h>

#include "sip/certificate.h"
#include "sip/key-size.h"

/* What is taken from the defaults of this machine. Nothing is added to the versions, of which its
 * administrator may want still fewer. With DHE a server says how long we compute, and a long prime
 * would keep the loop for seconds; who has nothing else is older than TLS 1.2 mostly. */
#define CHANGED_PRIORITY "-VERS-TLS1.1:-VERS-TLS1.0:-DHE-RSA:-DHE-DSS:%COMPAT"

#define MOST_HANDSHAKE_BYTES (64 * 1024) /* of one message */

/* What a record of TLS that comes first begins with. */
#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22

struct _DflTlsSession
{
  guint references;
  GSocket *socket;
  gnutls_session_t session;
  gnutls_certificate_credentials_t credentials;
  DflOwnCertificate *own;
  const DflTlsSessionListener *listener;
  gpointer data;
  int errno_of_socket; /* why it failed; 0: it did not */
  gboolean heard, heard_no_tls;
  gboolean too_large; /* the certificate, or a key in it */
  gboolean blocked;   /* the handshake, by the socket */
};

/* --- The socket, as GnuTLS uses it --- */

static ssize_t
take_result (DflTlsSession *self, ssize_t result)
{
  int error = errno;

  if (result < 0)
    {
      if (error != EAGAIN && error != EINTR)
        self->errno_of_socket = error;
      gnutls_transport_set_errno (self->session, error);
    }
  return result;
}

static ssize_t
pull (gnutls_transport_ptr_t pointer, void *buffer, size_t size)
{
  DflTlsSession *self = pointer;
  ssize_t result = recv (g_socket_get_fd (self->socket), buffer, size, MSG_DONTWAIT);

  if (result > 0 && !self->heard)
    {
      guint8 first = *(guint8 *)buffer;

      self->heard = TRUE;
      self->heard_no_tls = first != RECORD_HANDSHAKE && first != RECORD_ALERT;
    }
  return take_result (self, result);
}

static ssize_t
push (gnutls_transport_ptr_t pointer, const void *bytes, size_t length)
{
  DflTlsSession *self = pointer;

  return take_result (self, send (g_socket_get_fd (self->socket), bytes, length,
                                  MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int
is_there (gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
  DflTlsSession *self = pointer;
  struct pollfd poll_fd = { .fd = g_socket_get_fd (self->socket), .events = POLLIN };

  return poll (&poll_fd, 1, 0);
}

/* --- Certificates --- */

static int
check_size (DflTlsSession *self)
{
  unsigned length = 0;
  const gnutls_datum_t *list = gnutls_certificate_get_peers (self->session, &length);

  self->too_large = !dfl_key_size_is_modest_chain (list, length);
  return self->too_large ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

/* In TLS 1.3 GnuTLS has used the key of the certificate before it asks what we think of it. */
static int
on_message (gnutls_session_t session,
            unsigned type,
            unsigned when,
            unsigned incoming,
            const gnutls_datum_t *message)
{
  if (incoming == 0 || type != GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY)
    return 0;
  return check_size (gnutls_session_get_ptr (session));
}

static int
on_certificate (gnutls_session_t session)
{
  DflTlsSession *self = gnutls_session_get_ptr (session);
  unsigned length = 0;
  const gnutls_datum_t *list = gnutls_certificate_get_peers (session, &length);
  g_autoptr (GTlsCertificate) certificate = NULL;

  if (check_size (self) != 0)
    return GNUTLS_E_CERTIFICATE_ERROR;
  certificate = dfl_certificate_new_chain (list, length);
  return self->listener->judge (certificate, self->data) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static int
on_wanted (gnutls_session_t session,
           const gnutls_datum_t *authorities,
           int n_authorities,
           const gnutls_pk_algorithm_t *algorithms,
           int n_algorithms,
           gnutls_pcert_st **chain,
           unsigned *length,
           gnutls_privkey_t *key)
{
  DflTlsSession *self = gnutls_session_get_ptr (session);

  *length = 0;
  if (self->own == NULL)
    self->listener->wanted (self->data);
  else
    {
      *chain = self->own->chain;
      *length = self->own->length;
      *key = self->own->key;
    }
  return 0;
}

/* --- Life --- */

DflTlsSession *
dfl_tls_session_new (GSocket *socket,
                     const char *name,
                     DflOwnCertificate *own,
                     const DflTlsSessionListener *listener,
                     gpointer data)
{
  DflTlsSession *self = g_new0 (DflTlsSession, 1);

  self->references = 1;
  self->socket = g_object_ref (socket);
  self->own = own != NULL ? dfl_own_certificate_ref (own) : NULL;
  self->listener = listener;
  self->data = data;
  gnutls_init (&self->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS);
  gnutls_session_set_ptr (self->session, self);
  gnutls_set_default_priority_append (self->session, CHANGED_PRIORITY, NULL, 0);
  gnutls_certificate_allocate_credentials (&self->credentials);
  gnutls_certificate_set_retrieve_function2 (self->credentials, on_wanted);
  gnutls_certificate_set_verify_function (self->credentials, on_certificate);
  gnutls_handshake_set_max_packet_length (self->session, MOST_HANDSHAKE_BYTES);
  gnutls_handshake_set_hook_function (self->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE,
                                      on_message);
  gnutls_credentials_set (self->session, GNUTLS_CRD_CERTIFICATE, self->credentials);
  if (name != NULL)
    gnutls_server_name_set (self->session, GNUTLS_NAME_DNS, name, strlen (name));
  gnutls_transport_set_ptr (self->session, self);
  gnutls_transport_set_pull_function (self->session, pull);
  gnutls_transport_set_push_function (self->session, push);
  gnutls_transport_set_pull_timeout_function (self->session, is_there);
  return self;
}

DflTlsSession *
dfl_tls_session_ref (DflTlsSession *self)
{
  self->references++;
  return self;
}

void
dfl_tls_session_unref (DflTlsSession *self)
{
  if (--self->references > 0)
    return;
  gnutls_deinit (self->session);
  gnutls_certificate_free_credentials (self->credentials);
  g_clear_pointer (&self->own, dfl_own_certificate_unref);
  g_object_unref (self->socket);
  g_free (self);
}

/* --- What happens --- */

static void
set_alert_error (DflTlsSession *self, GError **error)
{
  gnutls_alert_description_t alert = gnutls_alert_get (self->session);
  const char *name = gnutls_alert_get_name (alert);

  if (name == NULL)
    name = "an alert without a name";
  if (alert == GNUTLS_A_CERTIFICATE_REQUIRED)
    g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED, name);
  else if (alert == GNUTLS_A_PROTOCOL_VERSION)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, name);
  else
    g_set_error (error, G_TLS_ERROR, G_TLS_ERROR_MISC, "the server says: %s", name);
}

static void
set_error (DflTlsSession *self, int result, GError **error)
{
  const char *text = gnutls_strerror (result);

  if (!gnutls_error_is_fatal (result))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, text);
  else if (self->errno_of_socket != 0)
    g_set_error_literal (error, G_IO_ERROR, (int)g_io_error_from_errno (self->errno_of_socket),
                         g_strerror (self->errno_of_socket));
  else if (self->too_large)
    g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE,
                         "its certificate has a key that is too large to be worked with, or comes "
                         "with too many others");
  else if (self->heard_no_tls)
    g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_NOT_TLS, text);
  else if (result == GNUTLS_E_FATAL_ALERT_RECEIVED)
    set_alert_error (self, error);
  else if (result == GNUTLS_E_PREMATURE_TERMINATION)
    g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_EOF, text);
  else if (result == GNUTLS_E_UNSUPPORTED_VERSION_PACKET)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, text);
  else
    g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_MISC, text);
}

gboolean
dfl_tls_session_shake_hands (DflTlsSession *self, GError **error)
{
  int result = gnutls_handshake (self->session);

  self->blocked = result == GNUTLS_E_AGAIN;
  if (result == GNUTLS_E_SUCCESS && gnutls_protocol_get_version (self->session) < GNUTLS_TLS1_2)
    result = GNUTLS_E_UNSUPPORTED_VERSION_PACKET;
  if (result == GNUTLS_E_SUCCESS)
    return TRUE;
  set_error (self, result, error);
  if (gnutls_error_is_fatal (result))
    gnutls_alert_send_appropriate (self->session, result);
  return FALSE;
}

/* Servers close without the words that TLS has for it; SIP has an end of its own. */
gssize
dfl_tls_session_read (DflTlsSession *self, void *buffer, gsize size, GError **error)
{
  ssize_t result = gnutls_record_recv (self->session, buffer, size);

  if (result == GNUTLS_E_PREMATURE_TERMINATION && self->errno_of_socket == 0)
    return 0;
  if (result < 0)
    {
      set_error (self, (int)result, error);
      return -1;
    }
  return result;
}

gssize
dfl_tls_session_write (DflTlsSession *self, const void *bytes, gsize length, GError **error)
{
  ssize_t result = gnutls_record_send (self->session, bytes, length);

  if (result < 0)
    {
      set_error (self, (int)result, error);
      return -1;
    }
  return result;
}

GIOCondition
dfl_tls_session_get_direction (DflTlsSession *self)
{
  if (!self->blocked)
    return 0;
  return gnutls_record_get_direction (self->session) == 0 ? G_IO_IN : G_IO_OUT;
}

gboolean
dfl_tls_session_has_pending (DflTlsSession *self)
{
  return gnutls_record_check_pending (self->session) > 0;
}

GSocket *
dfl_tls_session_get_socket (DflTlsSession *self)
{
  return self->socket;
}
