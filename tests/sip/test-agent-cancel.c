/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* CANCEL: before, after, twice and in the same moment as a decision (RFC 3261 section 9.2). */

#include "core/error.h"

#include "sip-room.h"

typedef struct
{
  const char *name;
  const char *reason; /* header lines or NULL */
  const char *outcome;
} ReasonCase;

/* RFC 3326: SIP;cause=200 is answered elsewhere, wherever it stands; anything else is cancelled. */
static const ReasonCase reasons[] = {
  { "none", NULL, "cancelled" },
  { "answered", "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n",
    "answered-elsewhere" },
  { "lower-case", "reason: sip ; cause=200\r\n", "answered-elsewhere" },
  { "declined", "Reason: SIP;cause=603;text=\"Decline\"\r\n", "cancelled" },
  { "other-protocol", "Reason: Q.850;cause=200\r\n", "cancelled" },
  { "q850-text", "Reason: Q.850;cause=16;text=\"SIP;cause=200\"\r\n", "cancelled" },
  { "three-lines",
    "Reason: Q.850;cause=16;text=\"Terminated\"\r\n"
    "Reason: X-MOBILE;cause=1\r\n"
    "Reason: SIP;cause=200\r\n",
    "answered-elsewhere" },
  { "three-values", "Reason: Q.850;cause=26, SIP;cause=200;text=\"a, b\", PRE;cause=3\r\n",
    "answered-elsewhere" },
  { "three-others", "Reason: Q.850;cause=16, SIP;cause=487, X;cause=200\r\n", "cancelled" },
  { "nonsense", "Reason: ;;;=\"\r\n", "cancelled" },
};

static void
test_reason (gconstpointer data)
{
  const ReasonCase *what = data;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);
  g_autofree char *log = g_strconcat (what->outcome, " removed", NULL);

  raw_call_cancel (call, what->reason);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, log);
  g_assert_cmpstr (room->last_decided_by, ==, "network");
  raw_peer_assert_silent (peer, 100);
}

/* Before anything was answered: no 100 and no 180 follow. */
static void
test_at_once (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  raw_call_invite (call);
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  raw_peer_assert_silent (peer, 300);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
}

static void
test_twice (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

  raw_call_cancel (call, NULL);
  raw_call_cancel (call, "Reason: SIP;cause=200\r\n");
  raw_call_expect_cancelled (call);
  raw_call_expect (call, "CANCEL", 200);
  raw_call_ack (call);
  raw_call_cancel (call, NULL);
  raw_call_expect (call, "CANCEL", 200);
  raw_peer_assert_silent (peer, 200);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "cancelled removed");
}

static void
test_without_ack (void)
{
  RoomOptions options = { .t1 = 20, .t2 = 80 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

  raw_call_cancel (call, NULL);
  raw_call_expect (call, "CANCEL", 200);
  for (guint i = 0; i < 5; i++)
    raw_call_expect (call, "INVITE", 487);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "cancelled removed");
  raw_peer_flush (peer);
  raw_peer_assert_silent (peer, 200);
}

static void
test_after_final (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);

  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_cancel (call, NULL);
  raw_call_expect (call, "CANCEL", 200);
  g_assert_cmpint (dfl_call_get_state (offered), ==, DFL_CALL_STATE_REDIRECTING);
  raw_call_expect (call, "INVITE", 302); /* Timer G goes on */
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
  raw_peer_flush (peer);
  raw_peer_assert_silent (peer, 300);
}

/* The CANCEL lies in the socket when the decision is made: the 302 is the one final response. */
static void
test_redirect_first (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);

  raw_call_cancel (call, NULL);
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_expect (call, "CANCEL", 200);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
  raw_peer_flush (peer);
  raw_peer_assert_silent (peer, 300);
}

static void
on_changed_redirect (DflSwitchboard *switchboard, DflCall *call, guint changes, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (dfl_call_redirect (call, ROOM_TARGET, "user:other", &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_TOO_LATE);
  ++*(guint *)data;
}

/* The decision comes while the CANCEL is handled, from within its announcement. */
static void
test_cancel_first (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autoptr (DflCall) kept = g_object_ref (offered);
  guint refused = 0;
  gulong handler = g_signal_connect (room->switchboard, "call-changed",
                                     G_CALLBACK (on_changed_redirect), &refused);

  raw_call_cancel (call, NULL);
  raw_wait_until (refused > 0);
  g_signal_handler_disconnect (room->switchboard, handler);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_refuse_redirect (kept, ROOM_TARGET, DFL_ERROR_TOO_LATE);
  room_assert_log (room, "cancelled removed");
  raw_peer_flush (peer);
  raw_peer_assert_silent (peer, 300);
}

/* Neither another branch nor a stranger can cancel. */
static void
test_foreign (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autofree char *via = g_strdup (call->via);
  g_autofree char *tag = g_strdup (call->to_tag);
  g_autofree char *cancel = raw_call_format (call, "CANCEL", NULL, NULL);

  raw_call_renew_branch (call);
  g_clear_pointer (&call->to_tag, g_free);
  raw_call_cancel (call, NULL);
  raw_call_expect (call, "CANCEL", 481);
  raw_set (&call->via, "%s", via);
  raw_set (&call->to_tag, "%s", tag);
  raw_peer_send_text (stranger, cancel);
  raw_peer_assert_silent (stranger, 150);
  raw_peer_assert_silent (peer, 10);
  g_assert_cmpint (dfl_call_get_state (offered), ==, DFL_CALL_STATE_OFFERED);
  room_assert_log (room, "");
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (reasons); i++)
    {
      g_autofree char *path = g_strconcat ("/sip/cancel/reason/", reasons[i].name, NULL);

      g_test_add_data_func (path, &reasons[i], test_reason);
    }
  g_test_add_func ("/sip/cancel/at-once", test_at_once);
  g_test_add_func ("/sip/cancel/twice", test_twice);
  g_test_add_func ("/sip/cancel/without-ack", test_without_ack);
  g_test_add_func ("/sip/cancel/after-final", test_after_final);
  g_test_add_func ("/sip/cancel/redirect-first", test_redirect_first);
  g_test_add_func ("/sip/cancel/cancel-first", test_cancel_first);
  g_test_add_func ("/sip/cancel/foreign", test_foreign);
  return g_test_run ();
}
