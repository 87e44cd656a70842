/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A room in one network namespace, its peers in another, and a cable between them, for a process of
 * its own (see space.h). */

#pragma once

#include "sip-room.h"

typedef struct
{
  int ours, theirs; /* the namespaces of the room and of the peers */
} Cable;

/* 10.66.0.1 and fd66::1 here, 2 there; plugged in. */
void cable_lay (Cable *self);
void cable_enter (int space);

void cable_pull (Cable *self);
void cable_plug_in (Cable *self);

/* With "alice", who takes calls from there. */
Room *cable_open_room (Cable *self);
RawPeer *cable_open_peer (Cable *self, Room *room, gboolean six, gboolean stream);
