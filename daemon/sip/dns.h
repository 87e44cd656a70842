/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* c-ares on the main loop: what sip/resolver.h asks the DNS servers by. */

#pragma once

#include <ares.h>
#include <gio/gio.h>

/*
 * Asks the servers of /etc/resolv.conf in their order, 1.5 seconds each, then for twice as long and
 * for four times. Where that file was changed since, the next question goes to the servers that it
 * names now, and those that were open are ended with ARES_EDESTRUCTION (this version of c-ares
 * cannot read the file again). Callbacks come from the thread-default main context, and from within
 * the functions that ask, where there is nothing to wait for; none of them may free the DflDns, and
 * none may ask it but one that was ended with ARES_EDESTRUCTION because the file changed.
 */
typedef struct _DflDns DflDns;

DflDns *dfl_dns_new (GError **error);

/* Ends what is open with ARES_EDESTRUCTION, from within. */
void dfl_dns_free (DflDns *self);

/* The name as it is, without search domains; type is one of arpa/nameser.h. */
void
dfl_dns_query (DflDns *self, const char *name, int type, ares_callback callback, gpointer data);

/* /etc/hosts first, and search domains as everywhere on this machine. */
void dfl_dns_get_addresses (
    DflDns *self, const char *host, int family, ares_addrinfo_callback callback, gpointer data);
