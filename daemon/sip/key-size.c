/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/key-size.h"

#include <gnutls/x509.h>

#define MOST_EXPONENT_BYTES 8

/* What standards have of DSA. */
#define MOST_DSA_BITS 3072
#define MOST_DSA_ORDER_BYTES 32

typedef gnutls_datum_t Number;

static void
number_clear (Number *number)
{
  gnutls_free (number->data);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Number, number_clear)

static gsize
count_bytes (const Number *number)
{
  guint skip = 0;

  while (skip < number->size && number->data[skip] == 0)
    skip++;
  return number->size - skip;
}

static gboolean
is_modest_rsa (gnutls_x509_crt_t certificate)
{
  g_auto (Number) modulus = { NULL, 0 };
  g_auto (Number) exponent = { NULL, 0 };

  return gnutls_x509_crt_get_pk_rsa_raw (certificate, &modulus, &exponent) == 0
         && count_bytes (&modulus) <= DFL_KEY_SIZE_MOST_BITS / 8
         && count_bytes (&exponent) <= MOST_EXPONENT_BYTES;
}

static gboolean
is_modest_dsa (gnutls_x509_crt_t certificate)
{
  g_auto (Number) prime = { NULL, 0 };
  g_auto (Number) order = { NULL, 0 };
  g_auto (Number) generator = { NULL, 0 };
  g_auto (Number) public = { NULL, 0 };

  return gnutls_x509_crt_get_pk_dsa_raw (certificate, &prime, &order, &generator, &public) == 0
         && count_bytes (&prime) <= MOST_DSA_BITS / 8
         && count_bytes (&order) <= MOST_DSA_ORDER_BYTES;
}

gboolean
dfl_key_size_is_modest (gnutls_x509_crt_t certificate)
{
  guint bits = 0;

  switch (gnutls_x509_crt_get_pk_algorithm (certificate, &bits))
    {
    case GNUTLS_PK_RSA:
    case GNUTLS_PK_RSA_PSS:
      return is_modest_rsa (certificate);
    case GNUTLS_PK_DSA:
      return is_modest_dsa (certificate);
    default: /* on one of few curves, or unknown and never used */
      return bits <= DFL_KEY_SIZE_MOST_BITS;
    }
}

gboolean
dfl_key_size_is_modest_chain (const gnutls_datum_t *list, guint length)
{
  gboolean modest = length <= DFL_KEY_SIZE_MOST_IN_CHAIN;

  for (guint i = 0; i < length && modest; i++)
    {
      gnutls_x509_crt_t certificate;

      if (list[i].size > DFL_KEY_SIZE_MOST_DER_BYTES)
        return FALSE;
      gnutls_x509_crt_init (&certificate);
      if (gnutls_x509_crt_import (certificate, &list[i], GNUTLS_X509_FMT_DER) == 0)
        modest = dfl_key_size_is_modest (certificate);
      gnutls_x509_crt_deinit (certificate);
    }
  return modest;
}
