/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates of every kind, made when a test wants them. */

#pragma once

#include <glib.h>

typedef struct _Certificate Certificate;

/* Zero is an ordinary server certificate without names, valid from yesterday to tomorrow, with an
 * elliptic key. */
typedef struct
{
  const char *common_name;
  const char *dns[4];
  const char *uris[4];
  const char *address;  /* numeric */
  Certificate *issuer;  /* NULL: itself */
  gboolean authority;   /* may sign others */
  gboolean weak;        /* RSA with 1024 bits */
  guint modulus_bytes;  /* not 0: says that it is for a key of RSA, which nobody has; so that */
  guint exponent_bytes; /* certificate_get_key gives another, and it signs with that */
  const char *domain;   /* that names of those that it signs are to be in */
  const char *purpose;  /* OID of an extended key usage */
  int from, until;      /* days from now; both 0: -1 and 1 */
} CertificateWish;

Certificate *certificate_new (const CertificateWish *wish);
void certificate_free (Certificate *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Certificate, certificate_free)

/* PEM, owned by the certificate. */
const char *certificate_get_pem (Certificate *self);
const char *certificate_get_key (Certificate *self);
