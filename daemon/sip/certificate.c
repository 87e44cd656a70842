/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/certificate.h"

GPtrArray *
dfl_certificate_get_names (GTlsCertificate *certificate)
{
  return NULL;
}
gboolean
dfl_certificate_is_for (GTlsCertificate *certificate, const char *identity, gboolean wildcard)
{
  return FALSE;
}
char *
dfl_certificate_explain (GTlsCertificate *certificate,
                         GTlsCertificateFlags errors,
                         const char *identity,
                         gboolean wildcard)
{
  return NULL;
}
