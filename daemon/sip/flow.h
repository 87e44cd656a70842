/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections that we make to servers, over TCP and TLS. */

#pragma once

#include <gio/gio.h>

#include <sofia-sip/tport.h>

#include "sip/flows.h"
#include "sip/hop.h"

/*
 * The library's own TLS leaks with every connection, asks for no server by name (SNI), cannot tell
 * why it failed, and has one set of certificates for all accounts. So connections to servers are
 * our own, and reach the SIP stack over loopback: for each flow a relay connects to a TCP transport
 * of the stack that is for this only, and copies bytes both ways. The relay holds its loopback port
 * for as long as the flow lives, so that the peer 127.0.0.1:PORT over TCP is that flow and nobody
 * else; a stranger who connects to that transport is one like on any other (sip/gate.h).
 *
 * There is no listener for TLS: a flow is made from here, and what comes in through it comes from
 * the server whose certificate was verified when it was made.
 *
 * The stack sends the CRLF of RFC 5626 section 3.5.1 through it, every 25 seconds from the first
 * message on; a peer need not answer that, but one that takes nothing for 20 seconds
 * (TCP_USER_TIMEOUT) ends it.
 */

/* How the certificate of a server is judged. Borrowed texts, for the time of the call. */
typedef struct
{
  gboolean verify;         /* FALSE: whoever answers is believed */
  gboolean wildcard;       /* "*.example.org" is good for one label more (RFC 5922 refuses it) */
  const char *identity;    /* the name, or the numeric address, that people configured and that the
                              certificate must be for; asked for by SNI where it is a name */
  const char *ca;          /* PEM, or NULL for the system's */
  const char *certificate; /* PEM of ours, or NULL */
  const char *key;         /* PEM */
} DflFlowTls;

typedef struct
{
  /* Connected, verified, and known to the stack. */
  void (*ready) (DflFlow *flow, gpointer data);
  /* Could not be made, or is gone; reason is for people: "the certificate of the server is for
   * other.example, expected example.org", "192.0.2.1:5061 refused the connection". Nothing follows;
   * the listener frees the flow, now or later. Never from within dfl_flow_new or dfl_flow_free. */
  void (*closed) (DflFlow *flow, const char *reason, gpointer data);
} DflFlowListener;

/* Begins to connect; hop is TCP (tls NULL) or TLS. Takes 8 seconds at most to be ready or closed.
 */
DflFlow *dfl_flow_new (DflFlows *flows,
                       const DflHop *hop,
                       const DflFlowTls *tls,
                       const DflFlowListener *listener,
                       gpointer data);

/* Closes it, at any time, from within its listener too. What the stack still sends into it goes
 * nowhere, and not to anybody else: its port is not given back while a transaction refers to its
 * transport, and one that begins later fails at once. Listeners are static. */
void dfl_flow_free (DflFlow *self);

/* Once it is ready: the transport to send requests by (NTATAG_TPORT), borrowed; NULL once closed.
 * The stack gives what it sends by it the right Via by itself: protocol TLS or TCP, and our end as
 * the network has it. */
tport_t *dfl_flow_get_transport (DflFlow *self);

/* Once it is ready: HOST:PORT of our end, as the network has it. */
const char *dfl_flow_get_local (DflFlow *self);

/* The far end. */
const DflHop *dfl_flow_get_hop (DflFlow *self);
