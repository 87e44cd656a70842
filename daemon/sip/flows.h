/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the stack awaits the relays of flows (sip/flow.h). */

#pragma once

#include <gio/gio.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/tport.h>

typedef struct _DflFlows DflFlows;
typedef struct _DflFlow DflFlow;

/* Binds the transport of the relays; NULL with an error where that is impossible. */
DflFlows *dfl_flows_new (nta_agent_t *nta, GError **error);

/* To be called when no flow is left, before the stack is destroyed. */
void dfl_flows_free (DflFlows *self);

/* The loopback port on which the stack awaits the relays. */
guint16 dfl_flows_get_port (DflFlows *self);

/* The flow whose relay has this address as a TCP peer of the stack; NULL for every other one. */
DflFlow *dfl_flows_find (DflFlows *self, const struct sockaddr *peer);

/* --- For flows --- */

/* A socket with a port of 127.0.0.1 that the stack has no memory of, and by which the flow is found
 * from now on until it is forgotten. */
GSocket *dfl_flows_bind (DflFlows *self, DflFlow *flow, guint16 *port, GError **error);
void dfl_flows_forget (DflFlows *self, guint16 port);

/* The stack's side of the connection from this port; NULL where it has accepted none. */
tport_t *dfl_flows_find_transport (DflFlows *self, guint16 port);

/* Keeps the port of a connection that was shut down, for as long as a transaction of the stack may
 * still want it. */
void dfl_flows_bury (DflFlows *self, GSocketConnection *near, tport_t *transport);
