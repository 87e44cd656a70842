/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sip room as it really is, in this process: a switchboard, the loop's clock and an agent on
 * free ports of loopback, and a log of everything that the switchboard announces. */

#pragma once

#include "sip/agent.h"

#include "raw-call.h"

typedef struct
{
  const char *listen; /* NULL: UDP and TCP on 127.0.0.1; else items with ; between them */
  guint t1, t2;       /* 0: 500 and 4000 ms. Small ones are for who wants retransmissions. */
  guint max_connections;
  guint max_offers;
  DflClock *clock; /* NULL: the loop's; else borrowed */
} RoomOptions;

typedef struct
{
  DflClock *clock;
  DflSwitchboard *switchboard;
  DflSipAgent *agent;
  guint16 udp_port; /* of the first item of that transport, or 0 */
  guint16 tcp_port;

  GString *log; /* what the switchboard announced, see room_assert_log */
  guint n_added, n_removed;
  gboolean quiet;        /* do not log: thousands of calls */
  gboolean forgiving;    /* a decision from within call-added may fail */
  const char *redirect;  /* redirect every call there from within call-added */
  guint decline;         /* decline every call from within call-added */
  char *last_decided_by; /* of the call that was removed last */
  char *last_redirected_to;
} Room;

/* With one account "alice", see room_account. */
Room *room_new (const RoomOptions *options);

/* Fails when the log holds announcements that no test asked for, or the agent or the switchboard
 * outlive the room. */
void room_free (Room *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Room, room_free)

/* A direct account NAME for sip:NAME@example.org, from 127.0.0.1, trusted, ringing, no ring limit,
 * 16 offers, redirect-domain pbx.example. */
DflAccountSettings *room_account (const char *name);
void room_accept_from (DflAccountSettings *settings, const char *source);

/* Takes the settings over; a NULL ends them. */
void room_set_accounts (Room *self, DflAccountSettings *first, ...) G_GNUC_NULL_TERMINATED;

/* A peer at 127.0.0.1 for the room's first port of that transport. */
RawPeer *room_udp_peer (Room *self);
RawPeer *room_tcp_peer (Room *self);

/* All calls, whosever they are. */
void room_foreach_call (Room *self, void (*func) (DflCall *call, gpointer data), gpointer data);

/* The one call there is; waits for it. */
DflCall *room_wait_call (Room *self);
guint room_get_n_calls (Room *self);
void room_wait_n_calls (Room *self, guint n);

/*
 * Compares the announcements since the last time, with a space between them, and forgets them:
 * "added", "redirecting", "declining", "silenced", "removed", and the outcome's word for idle.
 */
void room_assert_log (Room *self, const char *expected);
void room_forget_log (Room *self);

/* Sends an INVITE and sees 100 and 180 and the call. */
RawCall *room_ringing_call (Room *self, RawPeer *peer, DflCall **call);

/* dfl_call_redirect by user:test, which must succeed. */
#define ROOM_TARGET "sip:+4915550100@mobile.example"
void room_redirect (DflCall *call, const char *target);
void room_decline (DflCall *call, guint status);

/* Redirects whatever is offered still, whether the network takes it or not. */
void room_redirect_if_offered (Room *self);

/* dfl_call_redirect, which must fail with that code. */
void room_refuse_redirect (DflCall *call, const char *target, int code);
