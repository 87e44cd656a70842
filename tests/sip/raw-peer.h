/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A SIP neighbour that knows nothing of SIP libraries: it sends the bytes it is given, and keeps
 * what comes back with the time of its arrival. */

#pragma once

#include <gio/gio.h>

/* How much slower than a plain build this one runs (sanitizers, valgrind): 1 or more. Only waits
 * for something that must come are stretched by it, and upper bounds of timing. */
guint raw_slowness (void);

/* A moment, and how long this thread had not been let run until then although it could have, both
 * in microseconds. */
typedef struct
{
  gint64 at; /* g_get_monotonic_time() */
  gint64 lost;
} RawTime;

RawTime raw_now (void);

/* Microseconds from one moment to another, without what a busy machine took from us meanwhile: for
 * who checks that something was not late. */
gint64 raw_elapsed (RawTime from, RawTime to);

/* --- Waiting: all of it runs the default main context, in which the program under test lives ---
 */

/* Runs the loop until something happened, at most this long. */
void raw_iterate (guint milliseconds);

/* Runs the loop for this long. */
void raw_run_for (guint milliseconds);

#define raw_wait_until(condition) raw_wait_within ((condition), 20000)

/* Runs the loop until the condition holds; fails when it does not within the time. */
#define raw_wait_within(condition, milliseconds)                                                   \
  G_STMT_START                                                                                     \
  {                                                                                                \
    gint64 raw_end_ = g_get_monotonic_time () + (gint64)(milliseconds)*1000 * raw_slowness ();     \
    while (!(condition))                                                                           \
      {                                                                                            \
        if (g_get_monotonic_time () > raw_end_)                                                    \
          g_error ("%s:%d: waited in vain for: %s", __FILE__, __LINE__, #condition);               \
        raw_iterate (20);                                                                          \
      }                                                                                            \
  }                                                                                                \
  G_STMT_END

/* --- Sockets --- */

typedef struct
{
  char *bytes; /* with a NUL behind them */
  gsize length;
  RawTime time; /* when it was read */
} RawPacket;

void raw_packet_free (RawPacket *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RawPacket, raw_packet_free)

typedef struct _RawPeer RawPeer;

/* Addresses are numeric, IPv4 or IPv6; the own port is any free one. */
RawPeer *raw_peer_new_udp (const char *own, const char *server, guint16 port);
/* The same at a port of our choice. */
RawPeer *raw_peer_new_udp_at (const char *own, guint16 own_port, const char *server, guint16 port);
RawPeer *raw_peer_new_tcp (const char *own, const char *server, guint16 port);

/* A socket that listens on any free port, and the next one who connects to it. */
GSocket *raw_listen (const char *own);
RawPeer *raw_peer_accept (GSocket *listener);

void raw_peer_free (RawPeer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RawPeer, raw_peer_free)

gboolean raw_peer_is_stream (RawPeer *self);

/* "127.0.0.1:4711", "[::1]:4711": what a Via says of us. */
const char *raw_peer_get_local (RawPeer *self);
guint16 raw_peer_get_port (RawPeer *self);

void raw_peer_send (RawPeer *self, const char *bytes, gsize length);
void raw_peer_send_text (RawPeer *self, const char *text);

/* Sends what the network takes, which may be nothing: the other side may have closed, the link may
 * be down. */
void raw_peer_try_send (RawPeer *self, const char *bytes, gsize length);

/* The next packet (a whole SIP message on a stream); fails when none comes. */
RawPacket *raw_peer_receive (RawPeer *self);

/* The next packet that came until then, or NULL. */
RawPacket *raw_peer_receive_within (RawPeer *self, guint milliseconds);

/* The same, and it still waits to be received. */
RawPacket *raw_peer_peek_within (RawPeer *self, guint milliseconds);

/* How many packets wait to be received. */
guint raw_peer_get_n_waiting (RawPeer *self);

/* Fails if anything waits or comes within that time. */
void raw_peer_assert_silent (RawPeer *self, guint milliseconds);

/* Whether a packet of the same bytes was given to raw_peer_remember before. */
gboolean raw_peer_has_seen (RawPeer *self, RawPacket *packet);
void raw_peer_remember (RawPeer *self, RawPacket *packet);

/* Forgets what waits. */
void raw_peer_flush (RawPeer *self);

/* Whether the other side has closed the connection. */
gboolean raw_peer_is_closed (RawPeer *self);

/* Stops reading until told otherwise, with a receive buffer that is soon full. */
void raw_peer_set_deaf (RawPeer *self, gboolean deaf);

/* Closes ours: with a FIN, or with a RST. */
void raw_peer_hang_up (RawPeer *self, gboolean reset);
