/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cable.h"

#include <sched.h>
#include <unistd.h>

#include "space.h"

void
cable_enter (int space)
{
  g_assert_cmpint (setns (space, CLONE_NEWNET), ==, 0);
}

void
cable_plug_in (Cable *self)
{
  cable_enter (self->ours);
  space_run ("ip link set v0 up");
  space_run ("ip -6 addr replace fd66::1/64 dev v0 nodad");
}

void
cable_pull (Cable *self)
{
  cable_enter (self->ours);
  space_run ("ip link set v0 down");
}

void
cable_lay (Cable *self)
{
  space_become_root ();
  self->ours = space_new ();
  self->theirs = space_new ();
  cable_enter (self->ours);
  space_run ("ip link set lo up");
  space_run ("ip link add v0 type veth peer name v1");
  space_run ("ip link set v1 netns /proc/%d/fd/%d", getpid (), self->theirs);
  space_run ("ip addr add 10.66.0.1/24 dev v0");
  cable_enter (self->theirs);
  space_run ("ip link set lo up");
  space_run ("ip link set v1 up");
  space_run ("ip addr add 10.66.0.2/24 dev v1");
  space_run ("ip -6 addr add fd66::2/64 dev v1 nodad");
  cable_plug_in (self);
}

Room *
cable_open_room (Cable *self)
{
  RoomOptions options = { .listen = "udp:*:0;tcp:*:0", .t1 = 20 };
  DflAccountSettings *settings = room_account ("alice");
  Room *room;

  cable_enter (self->ours);
  room = room_new (&options);
  room_accept_from (settings, "10.66.0.2;fd66::2");
  room_set_accounts (room, settings, NULL);
  return room;
}

RawPeer *
cable_open_peer (Cable *self, Room *room, gboolean six, gboolean stream)
{
  const char *own = six ? "fd66::2" : "10.66.0.2";
  const char *server = six ? "fd66::1" : "10.66.0.1";
  RawPeer *peer;

  cable_enter (self->theirs);
  peer = stream ? raw_peer_new_tcp (own, server, room->tcp_port)
                : raw_peer_new_udp (own, server, room->udp_port);
  cable_enter (self->ours);
  return peer;
}
