/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What we show to a server that asks who we are. */

#pragma once

#include <glib.h>

#include <gnutls/abstract.h>

#define DFL_OWN_CERTIFICATE_MOST 8

/* The key is wiped by GnuTLS when it is freed. */
typedef struct
{
  gatomicrefcount references;
  gnutls_pcert_st chain[DFL_OWN_CERTIFICATE_MOST]; /* the certificate, and those that signed it */
  guint length;
  gnutls_privkey_t key;
} DflOwnCertificate;

/* From PEM; the texts are not kept. NULL with a mistake for people, owned by the caller. */
DflOwnCertificate *dfl_own_certificate_new (const char *pem, const char *key, char **mistake);

DflOwnCertificate *dfl_own_certificate_ref (DflOwnCertificate *self);
void dfl_own_certificate_unref (DflOwnCertificate *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflOwnCertificate, dfl_own_certificate_unref)
