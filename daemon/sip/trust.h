/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose signatures are believed. */

#pragma once

#include <gio/gio.h>

/*
 * A list of certificate authorities, in memory. GTlsDatabase reads files only and says little of
 * what is wrong with a chain, so that chains are verified by GnuTLS itself.
 */
typedef struct _DflTrust DflTrust;

/* PEM, one certificate or more; the text is not kept. DFL_ERROR_INVALID_SETTINGS where there is
 * none in it, or one that is too much work (sip/key-size.h). */
DflTrust *dfl_trust_new (const char *pem, GError **error);

DflTrust *dfl_trust_ref (DflTrust *self);
void dfl_trust_unref (DflTrust *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflTrust, dfl_trust_unref)

/*
 * What this machine trusts: read in a thread when it is first asked for, and again when it is
 * older than an hour; shared by everybody in the meantime. Never called from within. trust has no
 * authorities where the machine has none.
 */
typedef void (*DflTrustFunc) (DflTrust *trust, gpointer data);
void dfl_trust_of_machine (DflTrustFunc func, gpointer data);

/* What is wrong with a chain; more than one may be. */
typedef enum
{
  DFL_TRUST_UNKNOWN_AUTHORITY = 1 << 0,
  DFL_TRUST_SELF_SIGNED = 1 << 1,  /* and by nobody else */
  DFL_TRUST_NO_AUTHORITY = 1 << 2, /* signed by a certificate that may not sign others */
  DFL_TRUST_EXPIRED = 1 << 3,
  DFL_TRUST_NOT_YET_VALID = 1 << 4,
  DFL_TRUST_WEAK = 1 << 5, /* a key or a hash that can be forged */
  DFL_TRUST_FORGED = 1 << 6,
  DFL_TRUST_NO_SERVER = 1 << 7,               /* good, but for something else */
  DFL_TRUST_NO_AUTHORITY_OF_SERVERS = 1 << 8, /* as much of one that signed it */
  DFL_TRUST_OTHER = 1 << 9 /* a constraint that is not kept, or not to be read, or too much work */
} DflTrustProblems;

/* certificate with its issuers, as the server sent them. 0 where all is well. */
DflTrustProblems dfl_trust_verify (DflTrust *self, GTlsCertificate *certificate);

/* Whether any that signed it says what names there may be (RFC 5280, name constraints). */
gboolean dfl_trust_constrains_names (DflTrust *self, GTlsCertificate *certificate);
