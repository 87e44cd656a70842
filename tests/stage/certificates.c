/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "stage/certificates.h"

#include <gio/gio.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#define DAY (24 * 60 * 60)

struct _Certificate
{
  gnutls_x509_crt_t certificate;
  gnutls_x509_crt_t signer; /* of the same name, and always for the key that is at hand */
  gnutls_x509_privkey_t key;
  char *pem, *key_pem;
};

static char *
text_of (gnutls_datum_t *datum)
{
  char *text = g_strndup ((const char *)datum->data, datum->size);

  gnutls_free (datum->data);
  return text;
}

static void
add_names (gnutls_x509_crt_t certificate, const CertificateWish *wish)
{
  for (guint i = 0; i < G_N_ELEMENTS (wish->dns) && wish->dns[i] != NULL; i++)
    g_assert_cmpint (gnutls_x509_crt_set_subject_alt_name (certificate, GNUTLS_SAN_DNSNAME,
                                                           wish->dns[i],
                                                           (unsigned)strlen (wish->dns[i]),
                                                           GNUTLS_FSAN_APPEND),
                     ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (wish->uris) && wish->uris[i] != NULL; i++)
    g_assert_cmpint (gnutls_x509_crt_set_subject_alt_name (certificate, GNUTLS_SAN_URI,
                                                           wish->uris[i],
                                                           (unsigned)strlen (wish->uris[i]),
                                                           GNUTLS_FSAN_APPEND),
                     ==, 0);
  if (wish->address != NULL)
    {
      g_autoptr (GInetAddress) address = g_inet_address_new_from_string (wish->address);

      g_assert_cmpint (gnutls_x509_crt_set_subject_alt_name (
                           certificate, GNUTLS_SAN_IPADDRESS, g_inet_address_to_bytes (address),
                           (unsigned)g_inet_address_get_native_size (address), GNUTLS_FSAN_APPEND),
                       ==, 0);
    }
}

static void
add_constraint (gnutls_x509_crt_t certificate, const char *domain)
{
  const gnutls_datum_t name = { (unsigned char *)domain, (unsigned)strlen (domain) };
  gnutls_x509_name_constraints_t constraints;

  gnutls_x509_name_constraints_init (&constraints);
  gnutls_x509_name_constraints_add_permitted (constraints, GNUTLS_SAN_DNSNAME, &name);
  g_assert_cmpint (gnutls_x509_crt_set_name_constraints (certificate, constraints, 1), ==, 0);
  gnutls_x509_name_constraints_deinit (constraints);
}

static void
make_key (Certificate *self, gboolean weak)
{
  gnutls_datum_t out;

  gnutls_x509_privkey_init (&self->key);
  if (weak)
    gnutls_x509_privkey_generate (self->key, GNUTLS_PK_RSA, 1024, 0);
  else
    gnutls_x509_privkey_generate (self->key, GNUTLS_PK_ECDSA,
                                  GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0);
  g_assert_cmpint (gnutls_x509_privkey_export2 (self->key, GNUTLS_X509_FMT_PEM, &out), ==, 0);
  self->key_pem = text_of (&out);
}

static void
set_name (gnutls_x509_crt_t certificate, const char *name)
{
  if (name != NULL)
    g_assert_cmpint (gnutls_x509_crt_set_dn_by_oid (certificate, GNUTLS_OID_X520_COMMON_NAME, 0,
                                                    name, (unsigned)strlen (name)),
                     ==, 0);
}

static void
make_signer (Certificate *self, const CertificateWish *wish)
{
  gnutls_x509_crt_init (&self->signer);
  set_name (self->signer, wish->common_name);
  gnutls_x509_crt_set_key (self->signer, self->key);
}

static void
set_key (Certificate *self, const CertificateWish *wish)
{
  g_autofree unsigned char *modulus = g_malloc (wish->modulus_bytes + 1);
  g_autofree unsigned char *exponent = g_malloc (wish->exponent_bytes + 1);
  gnutls_datum_t m = { memset (modulus, 0xc1, wish->modulus_bytes), wish->modulus_bytes };
  gnutls_datum_t e = { memset (exponent, 0x41, wish->exponent_bytes), wish->exponent_bytes };
  gnutls_pubkey_t key;

  if (wish->modulus_bytes == 0)
    {
      gnutls_x509_crt_set_key (self->certificate, self->key);
      return;
    }
  gnutls_pubkey_init (&key);
  g_assert_cmpint (gnutls_pubkey_import_rsa_raw (key, &m, &e), ==, 0);
  g_assert_cmpint (gnutls_x509_crt_set_pubkey (self->certificate, key), ==, 0);
  gnutls_pubkey_deinit (key);
}

Certificate *
certificate_new (const CertificateWish *wish)
{
  static guint32 serial = 1;
  Certificate *self = g_new0 (Certificate, 1);
  Certificate *issuer = wish->issuer != NULL ? wish->issuer : self;
  gboolean usual = wish->from == 0 && wish->until == 0;
  guint32 number = GUINT32_TO_BE (serial++);
  time_t now = g_get_real_time () / G_USEC_PER_SEC;
  gnutls_datum_t out;

  make_key (self, wish->weak);
  make_signer (self, wish);
  gnutls_x509_crt_init (&self->certificate);
  gnutls_x509_crt_set_version (self->certificate, 3);
  gnutls_x509_crt_set_serial (self->certificate, &number, sizeof number);
  gnutls_x509_crt_set_activation_time (self->certificate,
                                       now + (usual ? -1 : wish->from) * (time_t)DAY);
  gnutls_x509_crt_set_expiration_time (self->certificate,
                                       now + (usual ? 1 : wish->until) * (time_t)DAY);
  set_name (self->certificate, wish->common_name);
  add_names (self->certificate, wish);
  gnutls_x509_crt_set_basic_constraints (self->certificate, wish->authority, -1);
  gnutls_x509_crt_set_key_usage (self->certificate, wish->authority ? GNUTLS_KEY_KEY_CERT_SIGN
                                                                    : GNUTLS_KEY_DIGITAL_SIGNATURE);
  if (wish->domain != NULL)
    add_constraint (self->certificate, wish->domain);
  if (wish->purpose != NULL)
    gnutls_x509_crt_set_key_purpose_oid (self->certificate, wish->purpose, 0);
  set_key (self, wish);
  g_assert_cmpint (gnutls_x509_crt_sign2 (self->certificate, issuer->signer, issuer->key,
                                          GNUTLS_DIG_SHA256, 0),
                   ==, 0);
  g_assert_cmpint (gnutls_x509_crt_export2 (self->certificate, GNUTLS_X509_FMT_PEM, &out), ==, 0);
  self->pem = text_of (&out);
  return self;
}

void
certificate_free (Certificate *self)
{
  if (self == NULL)
    return;
  gnutls_x509_crt_deinit (self->certificate);
  gnutls_x509_crt_deinit (self->signer);
  gnutls_x509_privkey_deinit (self->key);
  g_free (self->pem);
  g_free (self->key_pem);
  g_free (self);
}

const char *
certificate_get_pem (Certificate *self)
{
  return self->pem;
}

const char *
certificate_get_key (Certificate *self)
{
  return self->key_pem;
}
