/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/digest.h"

DflDigest *
dfl_digest_new (void)
{
  return NULL;
}
void
dfl_digest_free (DflDigest *self)
{
}
void
dfl_digest_begin (DflDigest *self)
{
}
DflDigestVerdict
dfl_digest_take (DflDigest *self, const sip_t *response, gboolean has_password)
{
  return DFL_DIGEST_UNSUPPORTED;
}
void
dfl_digest_authorise (
    DflDigest *self, msg_t *msg, sip_t *sip, const char *username, const char *password)
{
}
void
dfl_digest_forget (DflDigest *self)
{
}
