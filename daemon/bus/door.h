/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one door: every message of the bus that comes in or goes out passes here. */

#pragma once

#include "bus/connection.h"
#include "bus/peers.h"

typedef struct _DflDoor DflDoor;

/*
 * Claims every method call that arrives on the connection and hands it to request, with its
 * sender's identity known; gone is told when such a sender leaves the bus.
 */
DflDoor *dfl_door_new (DflConnection *connection,
                       DflPeerRequestFunc request,
                       DflPeerGoneFunc gone,
                       gpointer data);

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

/* Sends a signal; destination NULL broadcasts it. */
void dfl_door_signal (DflDoor *self,
                      const char *destination,
                      const char *path,
                      const char *interface,
                      const char *member,
                      DflDoorWriteFunc write,
                      gconstpointer data);

/* What a peer's request costs elsewhere, in microseconds, is charged to its user's share. */
void dfl_door_charge (DflDoor *self, const DflPeer *peer, gint64 cost);

/* The contract's D-Bus name for an error, for where it is shown and not returned. */
const char *dfl_door_error_name (const GError *error);
