/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams: framing, connections that die or are too many, strangers (RFC 3261 section 18). */

#include <string.h>

#include "sip-room.h"

static void
finish (Room *room, RawCall *call)
{
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

static void
test_call (void)
{
  RoomOptions options = { .t1 = 20 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  /* No Timer G on a reliable transport. */
  raw_peer_assert_silent (peer, 300);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
  raw_peer_assert_alive (peer);
}

static void
test_no_ack (void)
{
  RoomOptions options = { .t1 = 20 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  gint64 sent;

  raw_call_invite (call);
  raw_call_expect_ringing (call);
  sent = g_get_monotonic_time ();
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  room_wait_n_calls (room, 0);
  g_assert_cmpint (g_get_monotonic_time () - sent, >=, 1200 * 1000);
  room_assert_log (room, "added redirecting unconfirmed removed");
  raw_peer_assert_silent (peer, 10);
}

/* The response takes the connection of its request, whatever Via says of ports. */
static void
test_same_connection (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *branch = raw_branch ();

  raw_set (&call->via, "SIP/2.0/TCP pbx.example:5060;branch=%s", branch);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  finish (room, call);
  raw_peer_assert_silent (other, 10);
}

static void
test_single_bytes (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *invite = raw_call_format (call, "INVITE", NULL, NULL);

  for (const char *at = invite; *at != '\0'; at++)
    {
      g_assert_cmpuint (room->n_added, ==, 0);
      raw_peer_send (peer, at, 1);
      raw_iterate (1);
    }
  raw_call_expect_ringing (call);
  finish (room, call);
}

static void
test_one_segment (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autoptr (RawCall) ping = raw_call_new (peer, "alice");
  g_autofree char *invite = raw_call_format (call, "INVITE", NULL, NULL);
  g_autofree char *options = raw_call_format (ping, "OPTIONS", NULL, NULL);
  g_autofree char *both = g_strconcat ("\r\n\r\n", options, "\r\n", invite, NULL);
  g_autoptr (RawPacket) first = NULL;

  raw_peer_send_text (peer, both);
  first = raw_peer_receive (peer);
  if (g_str_equal (first->bytes, "\r\n"))
    raw_call_expect (ping, "OPTIONS", 200);
  else
    g_assert_true (g_str_has_prefix (first->bytes, "SIP/2.0 200 "));
  raw_call_expect_ringing (call);
  finish (room, call);
}

static void
test_invite_and_cancel_in_one_segment (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *invite = raw_call_format (call, "INVITE", NULL, NULL);
  g_autofree char *cancel = raw_call_format (call, "CANCEL", NULL, NULL);
  g_autofree char *both = g_strconcat (invite, cancel, NULL);

  raw_peer_send_text (peer, both);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
}

/* Nearly as much as the limit is fine, with a body that nobody parses. */
static void
test_large_body (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  g_free (call->body);
  call->body = g_strnfill (60000, 'x');
  raw_set (&call->content_type, "multipart/mixed;boundary=x");
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  finish (room, call);
}

/* More than the limit, in a body or a header: whatever the connection gets, no call comes of it,
 * and others are served. */
static void
test_too_large (gconstpointer data)
{
  gboolean in_header = g_str_equal (data, "header");
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (RawPeer) datagrams = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *filling = g_strnfill (g_str_equal (data, "a-little") ? 70000 : 300000, 'x');
  g_autofree char *invite = NULL;
  gsize length;

  if (in_header)
    raw_set (&call->extra, "X-Filling: %s\r\n", filling);
  else
    raw_set (&call->body, "%s", filling);
  invite = raw_call_format (call, "INVITE", NULL, NULL);
  if (g_str_equal (data, "pipelined"))
    {
      g_autoptr (RawCall) ping = raw_call_new (peer, "alice");
      g_autofree char *options = raw_call_format (ping, "OPTIONS", NULL, NULL);
      char *both = g_strconcat (options, options, invite, NULL);

      g_free (invite);
      invite = both;
    }
  length = strlen (invite);
  for (gsize sent = 0; sent < length && !raw_peer_is_closed (peer); sent += 10000)
    {
      raw_peer_try_send (peer, invite + sent, MIN (10000, length - sent));
      raw_iterate (5);
    }
  raw_peer_assert_alive (other);
  raw_peer_assert_alive (datagrams);
  raw_run_for (200);
  g_assert_cmpuint (room->n_added, ==, 0);
}

typedef struct
{
  const char *name;
  const char *length; /* of the body "12345678", or NULL for no header at all */
} LengthCase;

static const LengthCase lengths[] = {
  { "negative", "-1" },
  { "huge", "99999999999999999999" },
  { "4-gib", "4294967296" },
  { "letters", "abc" },
  { "too-long", "60000" },
  { "none", NULL },
  { "empty", "" },
  { "hex", "0x8" },
  { "two", "8\r\nContent-Length: 3" },
};

/* What a connection says after a length that lies is its own trouble; nobody else's. */
static void
test_content_length (gconstpointer data)
{
  const LengthCase *what = data;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *invite = NULL;

  raw_set (&call->body, "12345678");
  raw_set (&call->content_length, "%s", what->length != NULL ? what->length : "LENGTH");
  invite = raw_call_format (call, "INVITE", NULL, NULL);
  if (what->length == NULL)
    {
      g_auto (GStrv) halves = g_strsplit (invite, "Content-Length: LENGTH\r\n", 2);

      g_free (invite);
      invite = g_strconcat (halves[0], halves[1], NULL);
    }
  raw_peer_send_text (peer, invite);
  raw_run_for (150);
  raw_peer_assert_alive (other);
  raw_peer_hang_up (peer, FALSE);
  raw_run_for (50);
  while (room_get_n_calls (room) > 0)
    dfl_call_leg_failed (room_wait_call (room));
  room_forget_log (room);
  raw_peer_assert_alive (other);
}

/* A body longer than its length is the beginning of the next message, and no request. */
static void
test_too_short (void)
{
  RoomOptions options = { .t1 = 20 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  raw_set (&call->body, "12345678");
  raw_set (&call->content_length, "3");
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  g_assert_cmpuint (room_get_n_calls (room), ==, 1);
  raw_peer_assert_alive (other);
  if (!raw_peer_is_closed (peer))
    {
      raw_call_cancel (call, NULL);
      raw_run_for (150);
    }
  raw_peer_hang_up (peer, FALSE);
  room_redirect_if_offered (room);
  raw_wait_within (room_get_n_calls (room) == 0, 10000);
  room_forget_log (room);
}

/* The connection goes while the call is offered. Whether a decision is refused then (LINE_DOWN) or
 * found unconfirmed by Timer H, the call ends, and everything else goes on. */
static void
test_flow_dies (gconstpointer data)
{
  gboolean reset = GPOINTER_TO_INT (data);
  RoomOptions options = { .t1 = 20 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

  raw_peer_hang_up (peer, reset);
  raw_run_for (150);
  raw_peer_assert_alive (other);
  room_redirect_if_offered (room);
  raw_wait_within (room_get_n_calls (room) == 0, 5000);
  g_assert_true (g_str_has_suffix (room->log->str, "failed removed")
                 || g_str_has_suffix (room->log->str, "unconfirmed removed")
                 || g_str_has_suffix (room->log->str, "cancelled removed"));
  room_forget_log (room);
  raw_peer_assert_alive (other);
}

/* It goes after the 302, before the ACK: unconfirmed. */
static void
test_flow_dies_after_302 (void)
{
  RoomOptions options = { .t1 = 20 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_peer_hang_up (peer, TRUE);
  raw_wait_within (room_get_n_calls (room) == 0, 5000);
  g_assert_true (g_str_equal (room->log->str, "redirecting unconfirmed removed")
                 || g_str_equal (room->log->str, "redirecting failed removed"));
  room_forget_log (room);
}

static void
take_call (DflCall *call, gpointer data)
{
  g_ptr_array_add (data, g_object_ref (call));
}

/* A busy neighbour: much more than the largest message waits in the socket, all of it complete and
 * small messages, or a large one in front of small ones. */
static void
test_burst (gconstpointer data)
{
  gboolean large_first = GPOINTER_TO_INT (data);
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (GPtrArray) calls = g_ptr_array_new_with_free_func ((GDestroyNotify)raw_call_free);
  DflAccountSettings *settings = room_account ("alice");
  GString *burst = g_string_new (NULL);
  guint answered = 0;

  settings->max_offers = 1000;
  room_set_accounts (room, settings, NULL);
  room->quiet = TRUE;
  room->redirect = ROOM_TARGET;
  for (guint i = 0; i < 400; i++)
    {
      RawCall *call = raw_call_new (peer, "alice");
      g_autofree char *invite = NULL;

      if (large_first && i % 100 == 0)
        {
          g_free (call->body);
          call->body = g_strnfill (60000, 'x');
        }
      invite = raw_call_format (call, "INVITE", NULL, NULL);
      g_string_append (burst, invite);
      g_ptr_array_add (calls, call);
    }
  raw_peer_send (peer, burst->str, burst->len);
  g_string_free (burst, TRUE);
  while (answered < calls->len)
    {
      g_autoptr (RawReply) reply = raw_reply_new (raw_peer_receive (peer));

      if (reply->status == 302)
        {
          RawCall *call = calls->pdata[answered++];

          g_assert_cmpstr (raw_reply_get (reply, "Call-ID"), ==, call->call_id);
          raw_set (&call->to_tag, "%s", reply->tag);
          raw_call_ack (call);
        }
    }
  room_wait_n_calls (room, 0);
  g_assert_cmpuint (room->n_added, ==, 400);
}

/* A neighbour that sends and does not read: what cannot be sent to it must not stay for ever. */
static void
test_deaf_neighbour (gconstpointer data)
{
  gboolean hears_again = GPOINTER_TO_INT (data);
  RoomOptions options = { .t1 = 20 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (GPtrArray) calls = g_ptr_array_new_with_free_func (g_object_unref);
  DflAccountSettings *settings = room_account ("alice");
  guint n = 0, failed = 0;

  settings->max_offers = 20000;
  room_set_accounts (room, settings, NULL);
  room->quiet = TRUE;
  raw_peer_set_deaf (peer, TRUE);
  for (guint i = 0; i < 6000; i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *invite = raw_call_format (call, "INVITE", NULL, NULL);

      raw_peer_send_text (peer, invite);
    }
  raw_wait_until (room->n_added == 6000);
  raw_run_for (100);
  raw_peer_assert_alive (other);
  room_foreach_call (room, take_call, calls);
  for (; n < calls->len; n++)
    if (dfl_call_get_state (calls->pdata[n]) == DFL_CALL_STATE_OFFERED
        && !dfl_call_redirect (calls->pdata[n], ROOM_TARGET, "user:test", NULL))
      failed++;
  g_test_message ("%u of %u redirects were refused", failed, calls->len);
  raw_peer_assert_alive (other);
  if (hears_again)
    raw_peer_set_deaf (peer, FALSE);
  raw_wait_within (room_get_n_calls (room) == 0, 10000);
  raw_peer_assert_alive (other);
}

/* The ACK may come over another connection: it is matched by its branch. */
static void
test_ack_over_another_connection (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  call->peer = other;
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
}

static void
test_stranger (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) stranger = raw_peer_new_tcp ("127.0.0.2", "127.0.0.1", room->tcp_port);
  g_autoptr (RawPeer) friend = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (stranger, "alice");
  g_autofree char *invite = raw_call_format (call, "INVITE", NULL, NULL);
  g_autofree char *options = raw_call_format (call, "OPTIONS", NULL, NULL);

  raw_run_for (50);
  if (!raw_peer_is_closed (stranger))
    raw_peer_try_send (stranger, invite, strlen (invite));
  raw_run_for (50);
  if (!raw_peer_is_closed (stranger))
    raw_peer_try_send (stranger, options, strlen (options));
  raw_peer_assert_alive (friend);
  raw_peer_assert_silent (stranger, 300);
  g_assert_cmpuint (room->n_added, ==, 0);
}

static guint
count_open (GPtrArray *peers)
{
  guint n = 0;

  for (guint i = 0; i < peers->len; i++)
    n += raw_peer_is_closed (peers->pdata[i]) ? 0 : 1;
  return n;
}

/* Connections past the limit are closed; the ones that work are not the ones that suffer. */
static void
test_too_many_connections (gconstpointer data)
{
  const char *source = data;
  RoomOptions options = { .max_connections = 6 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);
  g_autoptr (GPtrArray) peers = g_ptr_array_new_with_free_func ((GDestroyNotify)raw_peer_free);

  for (guint i = 0; i < 40; i++)
    {
      RawPeer *more = raw_peer_new_tcp (source, "127.0.0.1", room->tcp_port);

      g_ptr_array_add (peers, more);
      raw_peer_try_send (more, "\r\n", 2);
      raw_iterate (5);
    }
  raw_wait_until (count_open (peers) <= 6);
  g_assert_false (raw_peer_is_closed (peer));
  for (guint i = 0; i < peers->len; i++)
    raw_peer_hang_up (peers->pdata[i], FALSE);
  raw_run_for (100);
  {
    g_autoptr (RawPeer) later = room_tcp_peer (room);

    raw_peer_assert_alive (later);
  }
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
}

static guint
count_descriptors (void)
{
  g_autoptr (GDir) open = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (open) != NULL)
    n++;
  return n;
}

/* Who connects and says nothing costs the kernel something and us nothing. */
static void
test_silent_connections (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (GPtrArray) peers = g_ptr_array_new_with_free_func ((GDestroyNotify)raw_peer_free);
  guint before;

  raw_peer_assert_alive (peer);
  before = count_descriptors ();
  for (guint i = 0; i < 40; i++)
    g_ptr_array_add (peers, raw_peer_new_tcp ("127.0.0.2", "127.0.0.1", room->tcp_port));
  raw_run_for (300);
  g_assert_cmpuint (count_descriptors (), <=, before + 40);
  raw_peer_assert_alive (peer);
}

/* Bytes that never become a message. */
static void
test_garbage (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  static const char *const garbage[] = {
    "\r\n\r\n\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01",
    "INVITE",
    "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n\r\n",
    "\r",
    "SIP/2.0 200 OK\r\n\r\n",
    "INVITE sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 1.2.3.4\r\n"
  };

  for (guint i = 0; i < G_N_ELEMENTS (garbage); i++)
    {
      g_autoptr (RawPeer) peer = room_tcp_peer (room);

      raw_peer_send_text (peer, garbage[i]);
      raw_run_for (20);
      raw_peer_hang_up (peer, i % 2 == 0);
      raw_peer_assert_alive (other);
    }
  g_assert_cmpuint (room->n_added, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/tcp/call", test_call);
  g_test_add_func ("/sip/tcp/no-ack", test_no_ack);
  g_test_add_func ("/sip/tcp/same-connection", test_same_connection);
  g_test_add_func ("/sip/tcp/single-bytes", test_single_bytes);
  g_test_add_func ("/sip/tcp/one-segment", test_one_segment);
  g_test_add_func ("/sip/tcp/invite-and-cancel-in-one-segment",
                   test_invite_and_cancel_in_one_segment);
  g_test_add_func ("/sip/tcp/large-body", test_large_body);
  g_test_add_data_func ("/sip/tcp/too-large/body", "body", test_too_large);
  g_test_add_data_func ("/sip/tcp/too-large/a-little", "a-little", test_too_large);
  g_test_add_data_func ("/sip/tcp/too-large/header", "header", test_too_large);
  g_test_add_data_func ("/sip/tcp/too-large/pipelined", "pipelined", test_too_large);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *path = g_strconcat ("/sip/tcp/content-length/", lengths[i].name, NULL);

      g_test_add_data_func (path, &lengths[i], test_content_length);
    }
  g_test_add_func ("/sip/tcp/content-length/too-short", test_too_short);
  g_test_add_data_func ("/sip/tcp/flow-dies/closed", GINT_TO_POINTER (FALSE), test_flow_dies);
  g_test_add_data_func ("/sip/tcp/flow-dies/reset", GINT_TO_POINTER (TRUE), test_flow_dies);
  g_test_add_func ("/sip/tcp/flow-dies/after-302", test_flow_dies_after_302);
  g_test_add_data_func ("/sip/tcp/burst/small", GINT_TO_POINTER (FALSE), test_burst);
  g_test_add_data_func ("/sip/tcp/burst/large-first", GINT_TO_POINTER (TRUE), test_burst);
  g_test_add_data_func ("/sip/tcp/deaf-neighbour/for-ever", GINT_TO_POINTER (FALSE),
                        test_deaf_neighbour);
  g_test_add_data_func ("/sip/tcp/deaf-neighbour/hears-again", GINT_TO_POINTER (TRUE),
                        test_deaf_neighbour);
  g_test_add_func ("/sip/tcp/ack-over-another-connection", test_ack_over_another_connection);
  g_test_add_func ("/sip/tcp/stranger", test_stranger);
  g_test_add_data_func ("/sip/tcp/too-many-connections/of-neighbour", "127.0.0.1",
                        test_too_many_connections);
  g_test_add_data_func ("/sip/tcp/too-many-connections/of-stranger", "127.0.0.2",
                        test_too_many_connections);
  g_test_add_func ("/sip/tcp/silent-connections", test_silent_connections);
  g_test_add_func ("/sip/tcp/garbage", test_garbage);
  return g_test_run ();
}
