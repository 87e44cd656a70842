/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether a certificate is that of a SIP server (RFC 5922), and in words why not. */

#pragma once

#include <gio/gio.h>

/*
 * The names that a certificate is for, as RFC 5922 section 7.1 reads them: the domains of
 * subjectAltName URIs with scheme sip, else its DNS names and addresses, and only where it has no
 * alternative name at all the common name. URIs that name a user are for that user alone.
 */
GPtrArray *dfl_certificate_get_names (GTlsCertificate *certificate); /* of char *, owned */

/* Whether identity (a name, an IPv4 or [IPv6] address, without port) is among the names: compared
 * whole and without case; wildcard: "*.example.org" is good for one label in place of the star. */
gboolean
dfl_certificate_is_for (GTlsCertificate *certificate, const char *identity, gboolean wildcard);

/* Why it is refused, for people; NULL where it is good. errors: what GIO found wrong with the chain
 * (its opinion of the identity is not asked: it knows no URIs and believes in wildcards). */
char *dfl_certificate_explain (GTlsCertificate *certificate,
                               GTlsCertificateFlags errors,
                               const char *identity,
                               gboolean wildcard);
