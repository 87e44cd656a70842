/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/own-certificate.h"

#include <string.h>

#include <gnutls/x509.h>

#include "sip/key-size.h"

#define MOST_KEY_BYTES (8 * 1024) /* PEM of a key of as many bits as are taken, and some more */
#define MOST_PRIME_BYTES (DFL_KEY_SIZE_MOST_BITS / 8 / 2 + 1)

static gnutls_datum_t
datum (const char *text)
{
  return (gnutls_datum_t){ .data = (unsigned char *)text, .size = (unsigned)strlen (text) };
}

static gboolean
read_chain (DflOwnCertificate *self, const char *pem)
{
  gnutls_datum_t text = datum (pem);
  guint length = G_N_ELEMENTS (self->chain);

  if (gnutls_pcert_list_import_x509_raw (self->chain, &length, &text, GNUTLS_X509_FMT_PEM, 0) < 0)
    return FALSE;
  self->length = length;
  return length > 0;
}

static gboolean
is_modest (DflOwnCertificate *self)
{
  gnutls_datum_t list[G_N_ELEMENTS (self->chain)];

  for (guint i = 0; i < self->length; i++)
    list[i] = self->chain[i].cert;
  return dfl_key_size_is_modest_chain (list, self->length);
}

/* A key of RSA may hold numbers that are longer than what its certificate speaks of, and signing
 * goes by them. */
static gboolean
is_modest_key (gnutls_privkey_t key)
{
  enum
  {
    P,
    Q,
    DP,
    DQ,
    N_NUMBERS
  };
  gnutls_datum_t numbers[N_NUMBERS] = { { NULL, 0 } };
  gboolean modest = TRUE;

  if (gnutls_privkey_get_pk_algorithm (key, NULL) != GNUTLS_PK_RSA
      && gnutls_privkey_get_pk_algorithm (key, NULL) != GNUTLS_PK_RSA_PSS)
    return TRUE;
  if (gnutls_privkey_export_rsa_raw2 (key, NULL, NULL, NULL, &numbers[P], &numbers[Q], NULL,
                                      &numbers[DP], &numbers[DQ], GNUTLS_EXPORT_FLAG_NO_LZ)
      < 0)
    return FALSE;
  for (guint i = 0; i < N_NUMBERS; i++)
    {
      modest = modest && numbers[i].size <= MOST_PRIME_BYTES;
      gnutls_memset (numbers[i].data, 0, numbers[i].size);
      gnutls_free (numbers[i].data);
    }
  return modest;
}

static gboolean
read_key (DflOwnCertificate *self, const char *key)
{
  gnutls_datum_t text = datum (key);

  gnutls_privkey_init (&self->key);
  return gnutls_privkey_import_x509_raw (self->key, &text, GNUTLS_X509_FMT_PEM, NULL,
                                         GNUTLS_PKCS_PLAIN)
             >= 0
         && is_modest_key (self->key);
}

static gboolean
belong_together (DflOwnCertificate *self)
{
  gnutls_pubkey_t public;
  guint8 ours[64], theirs[64];
  size_t size = sizeof ours;
  size_t their_size = sizeof theirs;
  gboolean same;

  gnutls_pubkey_init (&public);
  same = gnutls_pubkey_import_privkey (public, self->key, 0, 0) >= 0
         && gnutls_pubkey_get_key_id (public, GNUTLS_KEYID_USE_SHA256, ours, &size) >= 0
         && gnutls_pubkey_get_key_id (self->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, theirs,
                                      &their_size)
                >= 0
         && size == their_size && memcmp (ours, theirs, size) == 0;
  gnutls_pubkey_deinit (public);
  return same;
}

DflOwnCertificate *
dfl_own_certificate_new (const char *pem, const char *key, char **mistake)
{
  g_autoptr (DflOwnCertificate) self = g_new0 (DflOwnCertificate, 1);
  const char *found = NULL;

  g_atomic_ref_count_init (&self->references);
  if (key == NULL)
    found = "tls-certificate= needs tls-key= beside it";
  else if (!read_chain (self, pem))
    found = "tls-certificate= cannot be read; give it in PEM";
  else if (!is_modest (self) || strlen (key) > MOST_KEY_BYTES)
    found = "tls-certificate= is too large to be worked with; at most " G_STRINGIFY (
        DFL_KEY_SIZE_MOST_BITS) " bits are taken, and at most " G_STRINGIFY (DFL_KEY_SIZE_MOST_IN_CHAIN) " certificates";
  else if (!read_key (self, key))
    found = "tls-key= cannot be read; give it in PEM, without a password";
  else if (!belong_together (self))
    found = "tls-key= is not the key of tls-certificate=";
  if (found == NULL)
    return g_steal_pointer (&self);
  *mistake = g_strdup (found);
  return NULL;
}

DflOwnCertificate *
dfl_own_certificate_ref (DflOwnCertificate *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
dfl_own_certificate_unref (DflOwnCertificate *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  for (guint i = 0; i < self->length; i++)
    gnutls_pcert_deinit (&self->chain[i]);
  if (self->key != NULL)
    gnutls_privkey_deinit (self->key);
  g_free (self);
}
