/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose turn it is: a share of the daemon's time for each user. */

#pragma once

#include "bus/peers.h"
#include "core/clock.h"

/*
 * A user may take a fifth of one processor's time, and a quarter of a second of it at once; root
 * may take what it wants. Counted is what a request takes here, what it is charged for elsewhere,
 * and what it costs the bus, which is the more the more requests of the user have no answer. Who
 * stays within that is served at once. What exceeds it waits, and the users who wait take turns, as
 * do the connections of one user; each connection's requests stay in their order. What is more than
 * a user may have waiting is dropped without an answer: the answer would be what a flood waits for
 * to go on.
 */
#define DFL_TURNS_MAX_WAITING 4096
#define DFL_TURNS_MAX_WAITING_BYTES (4 * 1024 * 1024)

typedef struct _DflTurns DflTurns;

/* Whether a peer's requests may be served now; where not, dfl_turns_wake is called later. */
typedef gboolean (*DflTurnsReadyFunc) (DflPeer *peer, gpointer data);

DflTurns *
dfl_turns_new (DflClock *clock, DflTurnsReadyFunc ready, DflPeerRequestFunc serve, gpointer data);

/* Drops what waits. */
void dfl_turns_free (DflTurns *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflTurns, dfl_turns_free)

/* Serves a request now or later. While something of a peer waits, the peer is kept. */
void dfl_turns_take (DflTurns *self, DflPeer *peer, sd_bus_message *request);

/* What a user's request costs elsewhere, in microseconds. */
void dfl_turns_charge (DflTurns *self, guint32 uid, gint64 cost);

/* Asks again who is ready. */
void dfl_turns_wake (DflTurns *self);

/* The peer is gone; what it waits for is dropped. */
void dfl_turns_forget (DflTurns *self, DflPeer *peer);
