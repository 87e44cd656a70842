/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one door: every message of the bus that comes in or goes out passes here. */

#pragma once

#include "bus/connection.h"
#include "bus/peers.h"
#include "core/clock.h"

typedef struct _DflDoor DflDoor;

typedef struct
{
  DflPeerRequestFunc request;
  /* A peer is gone; the last moment at which the pointer is good. */
  DflPeerGoneFunc gone;
  /* A peer that was not told of an object reads again: to be told how the object is now. known: it
   * has been told of the object before. */
  void (*catch_up) (DflPeer *peer, const char *object, gboolean known, gpointer data);
  /* A peer has missed too much, and is to be told nothing until it subscribes again. */
  DflPeerGoneFunc lose;
} DflDoorFuncs;

/*
 * Claims every method call that arrives on the connection and hands it to request, with its
 * sender's identity known, when it is its user's turn (bus/turns.h) and the sender reads what it is
 * sent (bus/unread.h). clock is NULL where there is one user: then everything is served at once.
 */
DflDoor *
dfl_door_new (DflConnection *connection, DflClock *clock, const DflDoorFuncs *funcs, gpointer data);

/* Refuses what waits and lets nothing more in. */
void dfl_door_free (DflDoor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflDoor, dfl_door_free)

/* Writes the body of a message; a negative errno where it cannot. */
typedef int (*DflDoorWriteFunc) (sd_bus_message *message, gconstpointer data);

/* Answers; body (floating is taken) is a tuple or NULL. An answer that nobody wants is not sent. */
void dfl_door_reply (DflDoor *self, sd_bus_message *request, GVariant *body);

/* The same with a body that is written straight into the message. */
void dfl_door_reply_written (DflDoor *self,
                             sd_bus_message *request,
                             DflDoorWriteFunc write,
                             gconstpointer data);

/* The one exit for errors of ours: DFL_ERROR by its name in the contract, anything else Failed. */
void dfl_door_reply_error (DflDoor *self, sd_bus_message *request, const GError *error);

/* Refuses by a name of the D-Bus specification: the request itself is wrong. */
void dfl_door_refuse (DflDoor *self, sd_bus_message *request, const char *name, const char *text);

/* Refuses what is longer than DFL_PEERS_MAX_BODY. */
void dfl_door_refuse_too_big (DflDoor *self, sd_bus_message *request);

/* Whether the peer reads what it is sent, and so may be told news of an object; where not, it will
 * be told by catch_up. known: it has been told of the object before. */
gboolean dfl_door_may_tell (DflDoor *self, const DflPeer *peer, const char *object, gboolean known);

/* Sends a signal; peer NULL broadcasts it. */
void dfl_door_signal (DflDoor *self,
                      const DflPeer *peer,
                      const char *path,
                      const char *interface,
                      const char *member,
                      DflDoorWriteFunc write,
                      gconstpointer data);

/* Asks anew what users are called; requests wait meanwhile. */
void dfl_door_refresh_users (DflDoor *self);

/* What a peer's request costs elsewhere, in microseconds, is charged to its user's share. */
void dfl_door_charge (DflDoor *self, const DflPeer *peer, gint64 cost);

/* The contract's D-Bus name for an error, for where it is shown and not returned. */
const char *dfl_door_error_name (const GError *error);
