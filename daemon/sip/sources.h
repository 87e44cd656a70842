/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* From where an INVITE may come, and for whom: the accept-from of every direct account, and the
 * contact tokens and servers of the accounts that register. */

#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

#include "core/switchboard.h"
#include "sip/prefixes.h"

/* Where a message came from. */
typedef struct
{
  const struct sockaddr *address;
  gboolean stream; /* over TCP: the port counts, because it may be that of a flow (sip/flow.h) */
} DflSource;

/* Follows the accounts of a switchboard. Looked at for every datagram: answers without allocating
 * anything, and in the same time for many accounts as for one. IPv4-mapped IPv6 addresses are IPv4
 * addresses here. */
typedef struct _DflSources DflSources;

DflSources *dfl_sources_new (DflSwitchboard *switchboard);
void dfl_sources_free (DflSources *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflSources, dfl_sources_free)

/*
 * What a registration brings, and takes away again (token NULL): INVITEs to the token are the
 * account's when they come through its flow, whose relay is the TCP peer 127.0.0.1:flow_port, or,
 * where it has none (0), from one of the servers (GInetAddress; borrowed); and from accept-from=
 * always. Who registered over a connection is called over that: its servers' addresses count for
 * nothing, because anybody can write them into a datagram. A peer that is a flow's relay is that
 * alone, whatever accept-from= says of loopback: what comes through one account's flow is never for
 * another account.
 */
void dfl_sources_set_registration (DflSources *self,
                                   DflAccount *account,
                                   const char *token,
                                   GPtrArray *servers,
                                   guint16 flow_port);

/*
 * Whether this TCP peer is the relay of a flow, whether its account is registered by then or not
 * (dfl_flows_find); asked for each peer that is no flow's of a registration. Without it there are
 * no others.
 */
typedef gboolean (*DflSourcesRelayFunc) (const struct sockaddr *peer, gpointer data);
void dfl_sources_set_relays (DflSources *self, DflSourcesRelayFunc func, gpointer data);
gboolean dfl_sources_is_relay (DflSources *self, const DflSource *source);

/*
 * The servers (GInetAddress) to which requests of ours go, whether their account is registered or
 * leaves: what old had is counted no more, what new has is; either may be NULL. A response from
 * anywhere else is nobody's, and one over TCP comes through a relay.
 */
void dfl_sources_replace_servers (DflSources *self, GPtrArray *old, GPtrArray *new);
gboolean dfl_sources_answer (DflSources *self, const DflSource *source);

/* Whether any account takes requests from there. */
gboolean dfl_sources_allow (DflSources *self, const DflSource *source);

/* The account with this user part (as it stands in a Request-URI: %-escapes are decoded here), or
 * with this token, if it takes INVITEs from there; borrowed. NULL otherwise. Tokens are compared in
 * the same time whatever they have in common with one that exists. */
DflAccount *dfl_sources_find (DflSources *self, const char *user, const DflSource *source);

/*
 * While a call is offered, its caller may still cancel and acknowledge it, even where the account
 * was removed, its accept-from changed or its registration was taken back since: between hold and
 * the last release, sources that were allowed once are remembered. Includes those that are allowed
 * now, and every relay for as long as its flow lives.
 */
void dfl_sources_hold (DflSources *self);
void dfl_sources_release (DflSources *self);
gboolean dfl_sources_remember (DflSources *self, const DflSource *source);
