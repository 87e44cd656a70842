/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "far-end.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gio/gio.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

struct _FarEnd
{
  const FarEndOptions *options;
  int listener;
  int fd;
  gnutls_session_t session; /* NULL without TLS */
  guint bits;               /* of the key that it has not */
  GThread *thread;
  GMutex mutex; /* for what follows */
  GCond noted;
  gboolean has_noted;
  char *asked_for;
  guint n_certificates;
  guint n_resumed;
  gnutls_datum_t ticket_key;
};

gssize
far_end_read (FarEnd *self, void *buffer, gsize size)
{
  gssize length;

  do
    length = self->session != NULL ? gnutls_record_recv (self->session, buffer, size)
                                   : recv (self->fd, buffer, size, 0);
  while (self->session != NULL ? length == GNUTLS_E_INTERRUPTED || length == GNUTLS_E_AGAIN
                               : length < 0 && errno == EINTR);
  return length;
}

gboolean
far_end_write (FarEnd *self, const void *bytes, gsize length)
{
  for (gsize done = 0; done < length;)
    {
      const char *rest = (const char *)bytes + done;
      gssize written = self->session != NULL
                           ? gnutls_record_send (self->session, rest, length - done)
                           : send (self->fd, rest, length - done, MSG_NOSIGNAL);

      if (written <= 0)
        return FALSE;
      done += (gsize)written;
    }
  return TRUE;
}

char *
far_end_read_message (FarEnd *self)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char byte;

  while (!g_str_has_suffix (text->str, "\r\n\r\n"))
    {
      if (far_end_read (self, &byte, 1) <= 0)
        return NULL;
      g_string_append_c (text, byte);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
far_end_half_close (FarEnd *self)
{
  if (self->session != NULL)
    gnutls_bye (self->session, GNUTLS_SHUT_WR);
  shutdown (self->fd, SHUT_WR);
}

void
far_end_renegotiate (FarEnd *self)
{
  g_assert_cmpint (gnutls_rehandshake (self->session), ==, 0);
}

static void
wait_for_end (FarEnd *self)
{
  char buffer[4096];

  while (far_end_read (self, buffer, sizeof buffer) > 0)
    ;
}

static void
note (FarEnd *self)
{
  char name[256] = "";
  size_t size = sizeof name;
  unsigned type = 0;
  unsigned count = 0;
  gboolean asked = gnutls_server_name_get (self->session, name, &size, &type, 0) == 0;

  gnutls_certificate_get_peers (self->session, &count);
  g_mutex_lock (&self->mutex);
  g_free (self->asked_for);
  self->asked_for = asked ? g_strdup (name) : NULL;
  self->n_certificates = count;
  self->n_resumed += gnutls_session_is_resumed (self->session) != 0;
  self->has_noted = TRUE;
  g_cond_broadcast (&self->noted);
  g_mutex_unlock (&self->mutex);
}

static void
talk (FarEnd *self)
{
  if (self->options->talk != NULL)
    self->options->talk (self, self->options->data);
  else
    wait_for_end (self);
}

/* --- Without a key --- */

static int
sign_nonsense (gnutls_privkey_t key,
               gnutls_sign_algorithm_t algorithm,
               void *data,
               unsigned flags,
               const gnutls_datum_t *hash,
               gnutls_datum_t *signature)
{
  const guint *bits = data;

  signature->size = *bits / 8;
  signature->data = gnutls_malloc (signature->size);
  memset (signature->data, 0x55, signature->size);
  return 0;
}

static int
tell_of_key (gnutls_privkey_t key, unsigned flags, void *data)
{
  const guint *bits = data;

  if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
    return GNUTLS_PK_RSA;
  if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
    return (int)*bits;
  return (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0;
}

static void
set_certificate_alone (FarEnd *self,
                       gnutls_certificate_credentials_t credentials,
                       const gnutls_datum_t *pem)
{
  gnutls_pcert_st chain[16];
  unsigned length = G_N_ELEMENTS (chain);
  gnutls_privkey_t key;

  g_assert_cmpint (gnutls_pcert_list_import_x509_raw (chain, &length, pem, GNUTLS_X509_FMT_PEM, 0),
                   ==, 0);
  gnutls_pubkey_get_pk_algorithm (chain[0].pubkey, &self->bits);
  gnutls_privkey_init (&key);
  g_assert_cmpint (gnutls_privkey_import_ext4 (key, &self->bits, NULL, sign_nonsense, NULL, NULL,
                                               tell_of_key, 0),
                   ==, 0);
  gnutls_certificate_set_flags (credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
  g_assert_cmpint (gnutls_certificate_set_key (credentials, NULL, 0, chain, (int)length, key), >=,
                   0);
}

static void
set_certificate (FarEnd *self, gnutls_certificate_credentials_t credentials)
{
  const FarEndOptions *options = self->options;
  gnutls_datum_t certificate = { (unsigned char *)options->certificate,
                                 (unsigned)strlen (options->certificate) };
  gnutls_datum_t key = { (unsigned char *)options->key,
                         options->key != NULL ? (unsigned)strlen (options->key) : 0 };

  if (options->key == NULL)
    set_certificate_alone (self, credentials, &certificate);
  else
    g_assert_cmpint (gnutls_certificate_set_x509_key_mem (credentials, &certificate, &key,
                                                          GNUTLS_X509_FMT_PEM),
                     >=, 0);
}

/* --- Serving --- */

static int
on_client_key (gnutls_session_t session,
               unsigned type,
               unsigned when,
               unsigned incoming,
               const gnutls_datum_t *message)
{
  return GNUTLS_E_CERTIFICATE_REQUIRED;
}

static void
serve_tls (FarEnd *self)
{
  const FarEndOptions *options = self->options;
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t session;
  int result;

  gnutls_certificate_allocate_credentials (&credentials);
  set_certificate (self, credentials);
  gnutls_certificate_set_known_dh_params (credentials, GNUTLS_SEC_PARAM_MEDIUM);
  gnutls_init (&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
  if (options->priorities != NULL)
    g_assert_cmpint (gnutls_priority_set_direct (session, options->priorities, NULL), ==, 0);
  else
    gnutls_set_default_priority (session);
  gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, credentials);
  if (options->resumes)
    gnutls_session_ticket_enable_server (session, &self->ticket_key);
  if (options->demand)
    gnutls_certificate_server_set_request (session, GNUTLS_CERT_REQUIRE);
  if (options->reset)
    gnutls_handshake_set_hook_function (session, GNUTLS_HANDSHAKE_CLIENT_KEY_EXCHANGE,
                                        GNUTLS_HOOK_PRE, on_client_key);
  gnutls_transport_set_int (session, self->fd);
  gnutls_handshake_set_timeout (session, 20000);
  do
    result = gnutls_handshake (session);
  while (result < 0 && !gnutls_error_is_fatal (result));
  self->session = session;
  note (self);
  if (result == 0)
    talk (self);
  else if (!options->reset)
    gnutls_alert_send_appropriate (session, result);
  if (!options->reset)
    gnutls_bye (session, GNUTLS_SHUT_WR);
  self->session = NULL;
  gnutls_deinit (session);
  gnutls_certificate_free_credentials (credentials);
}

static void
serve (FarEnd *self)
{
  const FarEndOptions *options = self->options;
  struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
  char byte;

  if (options->reset)
    setsockopt (self->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  if (options->reset && !options->demand)
    recv (self->fd, &byte, 1, 0);
  else if (options->instead != NULL)
    {
      far_end_write (self, options->instead, strlen (options->instead));
      wait_for_end (self);
    }
  else if (options->silent)
    wait_for_end (self);
  else if (options->certificate != NULL)
    serve_tls (self);
  else
    talk (self);
}

static gpointer
run (gpointer data)
{
  FarEnd *self = data;

  while ((self->fd = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
    {
      serve (self);
      close (self->fd);
    }
  return NULL;
}

FarEnd *
far_end_new (const FarEndOptions *options)
{
  FarEnd *self = g_new0 (FarEnd, 1);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (
      options->six ? G_SOCKET_FAMILY_IPV6 : G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) place = g_inet_socket_address_new (loopback, 0);
  struct sockaddr_storage address;

  self->options = options;
  g_assert_true (g_socket_address_to_native (place, &address, sizeof address, NULL));
  self->listener = socket (address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->listener, (struct sockaddr *)&address,
                         (socklen_t)g_socket_address_get_native_size (place)),
                   ==, 0);
  g_assert_cmpint (listen (self->listener, 64), ==, 0);
  gnutls_session_ticket_key_generate (&self->ticket_key);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->noted);
  self->thread = g_thread_new ("far-end", run, self);
  return self;
}

void
far_end_free (FarEnd *self)
{
  if (self == NULL)
    return;
  shutdown (self->listener, SHUT_RDWR);
  g_thread_join (self->thread);
  close (self->listener);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->noted);
  gnutls_free (self->ticket_key.data);
  g_free (self->asked_for);
  g_free (self);
}

guint16
far_end_get_port (FarEnd *self)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  g_autoptr (GSocketAddress) place = NULL;

  g_assert_cmpint (getsockname (self->listener, (struct sockaddr *)&address, &length), ==, 0);
  place = g_socket_address_new_from_native (&address, length);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (place));
}

char *
far_end_dup_asked_for (FarEnd *self)
{
  char *result;

  g_mutex_lock (&self->mutex);
  while (!self->has_noted)
    g_cond_wait (&self->noted, &self->mutex);
  result = g_strdup (self->asked_for);
  g_mutex_unlock (&self->mutex);
  return result;
}

guint
far_end_get_n_certificates (FarEnd *self)
{
  guint result;

  g_mutex_lock (&self->mutex);
  while (!self->has_noted)
    g_cond_wait (&self->noted, &self->mutex);
  result = self->n_certificates;
  g_mutex_unlock (&self->mutex);
  return result;
}

guint
far_end_get_n_resumed (FarEnd *self)
{
  guint result;

  g_mutex_lock (&self->mutex);
  result = self->n_resumed;
  g_mutex_unlock (&self->mutex);
  return result;
}
