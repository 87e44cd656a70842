/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a socket option or a look from outside keeps away from the SIP stack. */

#pragma once

#include <glib.h>

#include "core/clock.h"
#include "core/listen.h"
#include "sip/sources.h"

/* The most bytes that wait to be read in one TCP connection. */
#define DFL_GUARD_MOST_WAITING 65536

/*
 * UDP: the library answers STUN from anybody, with an error where it has no server. The kernel
 * drops datagrams that do not begin like text.
 *
 * TCP: the library accepts every connection and keeps it for as long as it is not idle; at the
 * limit of file descriptors it burns a core. The guard looks at the sockets of this process about
 * once a second, less often where there are thousands: connections from where no account takes
 * anything are shut down, and of the others those that have been idle longest, when there are more
 * than max_connections; the ones on which a call is offered come last.
 */
typedef struct _DflGuard DflGuard;

/* Adds the peers, as dfl_guard_peer_new makes them, of the connections on which calls are offered;
 * asked only when there are too many connections. */
typedef void (*DflGuardBusyFunc) (GHashTable *peers, gpointer data);

DflGuard *dfl_guard_new (DflClock *clock,
                         DflSources *sources,
                         guint max_connections,
                         DflGuardBusyFunc busy,
                         gpointer data);
void dfl_guard_free (DflGuard *self);

/* Guards the sockets of this process that are bound to this port. FALSE with errno where that is
 * impossible. */
gboolean dfl_guard_add_port (DflGuard *self, DflListenTransport transport, guint16 port);

/* The same for the TCP port on which the stack awaits the relays of flows: who is none is shut out
 * whatever accounts accept from loopback, and relays are not counted. FALSE with an error. */
gboolean dfl_guard_add_relay_port (DflGuard *self, guint16 port, GError **error);

/* The far end of a connection, address and port, as a key. */
GBytes *dfl_guard_peer_new (const struct sockaddr *peer);

/* A stranger is connected: look soon. */
void dfl_guard_hurry (DflGuard *self);

/* Raises the soft limit of file descriptors to what the hard one allows, within reason, and tells
 * the administrator where that is not enough for so many connections. */
void dfl_guard_raise_limit (guint max_connections);
