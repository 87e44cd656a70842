/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a SIP server is: RFC 3263. */

#pragma once

#include <gio/gio.h>

#include "core/account.h"
#include "sip/hop.h"
#include "sip/resolver.h"

/*
 * Finds the places of a server, HOST or HOST:PORT (a name, an IPv4 address or an [IPv6] address),
 * in the order in which they are to be tried (RFC 3263 sections 4.1 and 4.2), at most 16:
 *
 * With a port or a numeric address no records are asked for. Else, with wish AUTO, NAPTR records
 * name the transport: those of the lowest order that name one which we have, by preference; all
 * others (another transport, another protocol than SIP, other flags than s and a) are passed over.
 * With another wish, and where there is no such NAPTR record, SRV records are asked for: of the
 * wish, and for AUTO of UDP, TCP and TLS (_sips._tcp), which are tried in this order. Their targets
 * are sorted by priority and random weight (RFC 2782), at most 8. Without SRV records it is the
 * server's own name, with the default port. wish AUTO with neither NAPTR nor SRV, or with a port or
 * a numeric address, is UDP.
 *
 * Takes 8 seconds at most. Of these the DNS gets 2.5 for NAPTR and as much for SRV: there are
 * forwarders that answer questions for addresses alone, and they are taken for one without such
 * records. Errors are DFL_ERROR_LINE_DOWN, with a message for people: "no DNS answer for
 * example.org", "example.org does not exist", "example.org has no address", "the DNS says that
 * example.org offers no SIP over tls".
 */
typedef struct _DflLocate DflLocate;

/* hops: of DflHop, at least one; borrowed, may be referred to. The locate is gone when func is
 * entered. Never called from within dfl_locate_new. */
typedef void (*DflLocateFunc) (GPtrArray *hops, const GError *error, gpointer data);

DflLocate *dfl_locate_new (DflResolver *resolver,
                           const char *server,
                           DflTransport wish,
                           DflLocateFunc func,
                           gpointer data);

/* func will not be called. */
void dfl_locate_cancel (DflLocate *self);
