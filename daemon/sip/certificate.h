/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether a certificate is that of a SIP server (RFC 5922), and in words why not. */

#pragma once

#include <gio/gio.h>

#include <gnutls/gnutls.h>

#include "sip/trust.h"

/* DER, each signed by the next; NULL where one cannot be read. */
GTlsCertificate *dfl_certificate_new_chain (const gnutls_datum_t *list, guint length);

/*
 * The names that a certificate is for, as RFC 5922 section 7.1 reads them: the domains of
 * subjectAltName URIs with scheme sip, else its DNS names and addresses, and only where it has no
 * alternative name at all the common name. URIs that name a user are for that user alone. What is
 * no name and no address is left out, so that every entry is short printable ASCII.
 */
GPtrArray *dfl_certificate_get_names (GTlsCertificate *certificate); /* of char *, owned */

/* Whether identity (a name, an IPv4 or [IPv6] address, without port) is among the names: compared
 * whole and without case; wildcard: "*.example.org" is good for one label in place of the star. */
gboolean
dfl_certificate_is_for (GTlsCertificate *certificate, const char *identity, gboolean wildcard);

/*
 * Why a server with this certificate (and its chain, the issuers) is refused, for people; NULL
 * where it is good: signed by somebody in trust, all dates and constraints kept, and for identity.
 * Where an authority constrains names, URIs and common names are none: only DNS names and addresses
 * have been held against it.
 * Revocation is not looked at. Text out of the certificate is cleaned and cut.
 */
char *dfl_certificate_explain (GTlsCertificate *certificate,
                               DflTrust *trust,
                               const char *identity,
                               gboolean wildcard);
