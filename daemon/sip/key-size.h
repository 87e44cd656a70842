/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much work certificates of somebody else's may be. */

#pragma once

#include <glib.h>

#include <gnutls/gnutls.h>

/* Of RSA. Whoever verifies with a key of 65536 bits and an exponent as long does nothing else for
 * half a minute, and the main loop is who verifies here. */
#define DFL_KEY_SIZE_MOST_BITS 8192

/* A server's certificate and those that signed it. */
#define DFL_KEY_SIZE_MOST_IN_CHAIN 8
#define DFL_KEY_SIZE_MOST_DER_BYTES (16 * 1024) /* of each */

/* Whether verifying with the key of a certificate is a matter of some milliseconds. */
gboolean dfl_key_size_is_modest (gnutls_x509_crt_t certificate);

/* Whether as much holds of all in a chain of DER, and of the chain. One that cannot be read is. */
gboolean dfl_key_size_is_modest_chain (const gnutls_datum_t *list, guint length);
