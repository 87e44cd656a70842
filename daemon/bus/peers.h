/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who talks to us: each connection's uid and what its user is called, and its messages held until
 * that is known. */

#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/* One connection on the bus, from its first message until it leaves the bus. */
typedef struct
{
  const char *name; /* the unique name */
  guint32 uid;
  const char *decided_by; /* "user:NAME", as DecidedBy shows it; the number where the name is not
                             its own */
  guint keepers;          /* how many keep the pointer until the peer is gone; they are told */
} DflPeer;

/* Connections of one user that are known at a time. Beyond that one that waits for nothing is
 * forgotten until it asks again; where all do, what the next one asks is dropped. */
#define DFL_PEERS_MAX_OF_USER 4096

/* No method takes more than this, in bytes. */
#define DFL_PEERS_MAX_BODY (256 * 1024)

typedef struct _DflPeers DflPeers;

/* A message of a peer that is known, in the order in which the peer sent them. */
typedef void (*DflPeerRequestFunc) (DflPeer *peer, sd_bus_message *message, gpointer data);

/* A message that cannot be served, and why; the sender's identity is not known. */
typedef void (*DflPeerRefuseFunc) (sd_bus_message *message, const GError *error, gpointer data);

/* A peer is gone; the last moment at which the pointer is good. */
typedef void (*DflPeerGoneFunc) (DflPeer *peer, gpointer data);

DflPeers *dfl_peers_new (sd_bus *bus,
                         DflPeerRequestFunc request,
                         DflPeerRefuseFunc refuse,
                         DflPeerGoneFunc gone,
                         gpointer data);

/* Forgets everybody; refuses what was held. */
void dfl_peers_free (DflPeers *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflPeers, dfl_peers_free)

/* Serves a message now or when its sender is known. Has a sender. */
void dfl_peers_take (DflPeers *self, sd_bus_message *message);

/* The peer with the unique name, or NULL where it is not known. */
DflPeer *dfl_peers_find (DflPeers *self, const char *name);

/* Asks anew what users are called; their messages are held meanwhile. */
void dfl_peers_refresh (DflPeers *self);

/* The unique name has left the bus. */
void dfl_peers_vanish (DflPeers *self, const char *name);
