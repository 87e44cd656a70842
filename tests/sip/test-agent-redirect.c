/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The final response: what it says, that it is the only one, and how it waits for its ACK. */

#include "core/error.h"

#include "sip-room.h"

static void
finish (Room *room, RawCall *call)
{
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
}

/* RFC 3261 section 21.3.3, and what is not in it: name, q, expires, a body. */
static void
test_contact (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const targets[][2] = {
    { "sip:+4915550100@mobile.example", "<sip:+4915550100@mobile.example>" },
    { "sip:voicemail@example.org:5070;transport=tcp",
      "<sip:voicemail@example.org:5070;transport=tcp>" },
    { "sip:carla@[2001:db8::1]:5070", "<sip:carla@[2001:db8::1]:5070>" },
    { "sips:carla@example.org", "<sips:carla@example.org>" },
    { "+49 (30) 12-34.5", "<sip:+493012345@pbx.example;user=phone>" },
    { "*21#", "<sip:*21%23@pbx.example;user=phone>" },
    { "tel:+49-30-12345", "<sip:+493012345@pbx.example;user=phone>" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      DflCall *offered;
      g_autoptr (RawCall) call = NULL;
      g_autoptr (RawReply) moved = NULL;

      call = room_ringing_call (room, peer, &offered);
      room_redirect (offered, targets[i][0]);
      moved = raw_call_receive (call, "INVITE", 302);
      g_assert_cmpstr (raw_reply_get (moved, "Contact"), ==, targets[i][1]);
      g_assert_cmpstr (raw_reply_get (moved, "Content-Length"), ==, "0");
      g_assert_null (raw_reply_get (moved, "Content-Type"));
      g_assert_null (raw_reply_get (moved, "Expires"));
      g_assert_null (raw_reply_get (moved, "Retry-After"));
      g_assert_null (raw_reply_get (moved, "Diversion"));
      g_assert_null (raw_reply_get (moved, "History-Info"));
      g_assert_null (g_strstr_len (moved->text, -1, "sofia"));
      finish (room, call);
      g_assert_true (g_str_has_prefix (room->last_redirected_to, "sip"));
    }
}

/* Requirement 17: a sips INVITE goes to sips only. */
static void
test_sips (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_tcp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autoptr (RawReply) moved = NULL;
  DflCall *offered;

  raw_set (&call->request_uri, "sips:alice@192.0.2.1");
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  offered = room_wait_call (room);
  g_assert_true (dfl_call_get_offer (offered)->secure);
  room_refuse_redirect (offered, ROOM_TARGET, DFL_ERROR_TARGET_NOT_ALLOWED);
  raw_peer_assert_silent (peer, 100);
  room_assert_log (room, "added");
  room_redirect (offered, "+4930123");
  moved = raw_call_receive (call, "INVITE", 302);
  g_assert_cmpstr (raw_reply_get (moved, "Contact"), ==, "<sips:+4930123@pbx.example;user=phone>");
  finish (room, call);
}

/* Every refused target leaves the call as it was, with nothing on the wire. */
static void
test_bad_targets (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autofree char *huge = g_strnfill (10000, 'a');
  g_autofree char *huge_uri = g_strconcat ("sip:", huge, "@example.net", NULL);
  g_autofree char *huge_number = g_strnfill (10000, '1');
  const char *const targets[] = { "",
                                  " ",
                                  "sip:",
                                  "sip:carla@",
                                  "sip:@example.net",
                                  "sip:carla@example.net\r\nX-Evil: 1",
                                  "sip:carla\r\n@example.net",
                                  "\r\nsip:carla@example.net",
                                  "+49123\r\n456",
                                  "sip:carla%0d%0aX-Evil:1@example.net",
                                  "sip:carla%0D@example.net",
                                  "sip:carla%00@example.net",
                                  "sip:carla%3e@example.net",
                                  "sip:carla%2c@example.net",
                                  "sip:carla>@example.net",
                                  "sip:carla@example.net>,<sip:evil@example.net",
                                  "sip:carla,dora@example.net",
                                  "sip:carla@example.net,sip:x@example.net",
                                  "sip:carla@example.net?Replaces=1%40h",
                                  "sip:carla@example.net;maddr=192.0.2.66",
                                  "sip:carla@example.net;method=BYE",
                                  "sip:carla@example.net;ttl=1",
                                  "sip:carla@example.net;lr",
                                  "sip:carla@example.net:0",
                                  "sip:carla@example.net:65536",
                                  "sip:carla@example.net:",
                                  "sip:carla@exa mple.net",
                                  "sip:carla@ex\xc3\xa4mple.net",
                                  "sip:c\xc3\xa4rla@example.net",
                                  "sip:carla%@example.net",
                                  "sip:carla%4@example.net",
                                  "sip:carla%zz@example.net",
                                  "\"Carla\" <sip:carla@example.net>",
                                  "<sip:carla@example.net>",
                                  "*",
                                  "+",
                                  "#",
                                  "http://example.net/",
                                  "mailto:carla@example.net",
                                  huge,
                                  huge_uri,
                                  huge_number };

  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      if (g_str_equal (targets[i], "*") || g_str_equal (targets[i], "#"))
        continue; /* a number of the grammar [0-9*#]+: other tests say what becomes of it */
      g_test_message ("target %u", i);
      room_refuse_redirect (offered, targets[i], DFL_ERROR_INVALID_TARGET);
    }
  room_refuse_redirect (offered, "mobile", DFL_ERROR_NOT_SUPPORTED);
  raw_peer_assert_silent (peer, 150);
  g_assert_cmpint (dfl_call_get_state (offered), ==, DFL_CALL_STATE_OFFERED);
  room_assert_log (room, "");
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  finish (room, call);
}

static void
test_decline (gconstpointer data)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = NULL;
  g_autoptr (RawReply) final = NULL;
  guint status = GPOINTER_TO_UINT (data);
  DflAccountSettings *settings = room_account ("alice");

  settings->decline_status = 603;
  room_set_accounts (room, settings, NULL);
  call = room_ringing_call (room, peer, &offered);
  room_decline (offered, status);
  final = raw_call_receive (call, "INVITE", status != 0 ? status : 603);
  g_assert_null (raw_reply_get (final, "Contact"));
  g_assert_cmpuint (strlen (final->phrase), >, 0);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "declining declined removed");
}

/* Timer H: declined all the same, because nothing else was wanted. */
static void
test_decline_without_ack (void)
{
  RoomOptions options = { .t1 = 10, .t2 = 40 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);

  room_decline (offered, 486);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "declining declined removed");
  raw_peer_flush (peer);
}

/* How often a test of timing is tried on a machine that is busy. What must not be early is asserted
 * each time. */
#define ATTEMPTS 6

/* The library is told the time in steps of 10 ms, so that a timer may be that much early. */
#define GRAIN 11

/* A retransmission must come this long after the one before, but for the grain of the timers. TRUE:
 * it was not late either. */
static gboolean
is_spaced (RawTime begin, RawReply *before, RawReply *reply, guint milliseconds)
{
  gint64 passed = (reply->time.at - before->time.at) / 1000;

  g_test_message ("%" G_GINT64_FORMAT " ms, should be %u", passed, milliseconds);
  /* The one before may itself have been read late. */
  g_assert_cmpint (passed + (before->time.at - begin.at - raw_elapsed (begin, before->time)) / 1000,
                   >=, (gint64)milliseconds - MAX ((gint64)milliseconds / 10 + 5, GRAIN));
  return passed <= milliseconds + milliseconds / 5 + 40 * (gint64)raw_slowness ();
}

/* Timer G from T1, doubled up to T2, until Timer H at 64*T1 (RFC 3261 section 17.2.1). */
static gboolean
no_ack (void)
{
  RoomOptions options = { .t1 = 40, .t2 = 320 };
  static const guint spacing[] = { 40, 80, 160, 320, 320, 320, 320, 320, 320, 320 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autoptr (RawReply) first = NULL;
  g_autoptr (RawReply) before = NULL;
  RawTime begin = raw_now ();
  gboolean in_time = TRUE;
  guint n = 0;

  room_redirect (offered, ROOM_TARGET);
  first = raw_call_receive (call, "INVITE", 302);
  for (;; n++)
    {
      g_autoptr (RawReply) again = NULL;

      raw_wait_until (raw_peer_get_n_waiting (peer) > 0 || room_get_n_calls (room) == 0);
      if (raw_peer_get_n_waiting (peer) == 0)
        break;
      g_assert_cmpuint (n, <, G_N_ELEMENTS (spacing));
      again = raw_call_receive (call, "INVITE", 302);
      g_assert_cmpstr (again->text, ==, first->text);
      in_time &= is_spaced (begin, before != NULL ? before : first, again, spacing[n]);
      g_clear_pointer (&before, raw_reply_free);
      before = g_steal_pointer (&again);
    }
  g_assert_cmpint (raw_now ().at - first->time.at, >=, 2500 * 1000);
  in_time &= raw_now ().at - first->time.at <= 2560 * 1000 * 5 / 4 * raw_slowness ();
  in_time &= n == G_N_ELEMENTS (spacing);
  room_assert_log (room, "redirecting unconfirmed removed");
  g_assert_cmpstr (room->last_redirected_to, ==, ROOM_TARGET);
  /* Terminated: an ACK that is late finds nothing and gets nothing. */
  raw_run_for (20);
  raw_peer_flush (peer);
  raw_call_ack (call);
  raw_peer_assert_silent (peer, 400);
  return in_time;
}

static void
test_no_ack (void)
{
  for (guint i = 0; i < ATTEMPTS; i++)
    if (no_ack ())
      return;
  g_error ("late in %u attempts", ATTEMPTS);
}

/* With the timers of RFC 3261: 500, 1000, 2000 ms. */
static gboolean
default_timers (void)
{
  static const guint spacing[] = { 500, 1000, 2000 };
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autoptr (RawReply) before = NULL;
  RawTime begin = raw_now ();
  gboolean in_time = TRUE;

  room_redirect (offered, ROOM_TARGET);
  before = raw_call_receive (call, "INVITE", 302);
  for (guint i = 0; i < G_N_ELEMENTS (spacing); i++)
    {
      g_autoptr (RawReply) again = raw_call_receive (call, "INVITE", 302);

      in_time &= is_spaced (begin, before, again, spacing[i]);
      raw_reply_free (g_steal_pointer (&before));
      before = g_steal_pointer (&again);
    }
  finish (room, call);
  return in_time;
}

static void
test_default_timers (void)
{
  for (guint i = 0; i < ATTEMPTS; i++)
    if (default_timers ())
      return;
  g_error ("late in %u attempts", ATTEMPTS);
}

static void
test_lost_ack (void)
{
  RoomOptions options = { .t1 = 40, .t2 = 320 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);

  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_expect (call, "INVITE", 302);
  raw_call_expect (call, "INVITE", 302);
  finish (room, call);
  raw_peer_flush (peer);
  raw_peer_assert_silent (peer, 500);
}

typedef enum
{
  ACK_PLAIN,
  ACK_NEW_CONTACT,
  ACK_WITHOUT_TO_TAG,
  ACK_WITH_OTHER_TO_TAG,
  ACK_TWICE,
  ACK_WITH_BODY
} AckKind;

/* Matched by branch, never by Request-URI or To: real callers ACK with the new Contact. */
static void
test_ack (gconstpointer data)
{
  RoomOptions options = { .t1 = 40, .t2 = 320 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autofree char *ack = NULL;
  AckKind kind = (AckKind)GPOINTER_TO_INT (data);

  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  if (kind == ACK_NEW_CONTACT)
    raw_set (&call->request_uri, "%s", ROOM_TARGET);
  if (kind == ACK_WITHOUT_TO_TAG)
    ack = raw_call_format (call, "ACK", NULL, NULL);
  else if (kind == ACK_WITH_OTHER_TO_TAG)
    ack = raw_call_format (call, "ACK", "somebody-else", NULL);
  else
    ack = raw_call_format (call, "ACK", call->to_tag,
                           kind == ACK_WITH_BODY ? "Subject: thanks\r\n" : NULL);
  raw_peer_send_text (peer, ack);
  if (kind == ACK_TWICE)
    raw_peer_send_text (peer, ack);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
  raw_peer_flush (peer);
  raw_peer_assert_silent (peer, 500);
}

/* An ACK that belongs to nothing here changes nothing. */
static void
test_foreign_ack (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autofree char *via = g_strdup (call->via);

  raw_call_ack (call); /* nothing to acknowledge yet */
  raw_peer_assert_silent (peer, 100);
  room_assert_log (room, "");
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_renew_branch (call);
  raw_call_ack (call);
  raw_set (&call->via, "%s", via);
  raw_call_expect (call, "INVITE", 302);
  g_assert_cmpint (dfl_call_get_state (offered), ==, DFL_CALL_STATE_REDIRECTING);
  finish (room, call);
}

static void
test_redirected_twice (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autoptr (RawReply) moved = NULL;
  g_autoptr (GError) error = NULL;

  room_redirect (offered, ROOM_TARGET);
  room_refuse_redirect (offered, "sip:dora@example.net", DFL_ERROR_TOO_LATE);
  g_assert_false (dfl_call_decline (offered, 486, "user:other", &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_TOO_LATE);
  moved = raw_call_receive (call, "INVITE", 302);
  g_assert_cmpstr (raw_reply_get (moved, "Contact"), ==, "<" ROOM_TARGET ">");
  finish (room, call);
  raw_peer_assert_silent (peer, 400);
}

static void
test_silence (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autoptr (GError) error = NULL;

  g_assert_true (dfl_call_silence (offered, &error));
  g_assert_no_error (error);
  room_assert_log (room, "silenced");
  raw_peer_assert_silent (peer, 150);
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  finish (room, call);
}

/* RFC 3261 section 18.2.2 and RFC 3581: where the response goes. */
static void
test_way_back (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawPeer) sent_by = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *branch = raw_branch ();
  g_autoptr (RawReply) reply = NULL;

  /* Without rport: to the source address and the port of sent-by. */
  raw_set (&call->via, "SIP/2.0/UDP caller.example:%u;branch=%s", raw_peer_get_port (sent_by),
           branch);
  raw_call_invite (call);
  call->peer = sent_by;
  reply = raw_call_receive (call, "INVITE", 100);
  raw_call_skip_trying (call);
  g_assert_nonnull (strstr (raw_reply_get_nth (reply, "Via", 0), ";received=127.0.0.1"));
  raw_call_expect (call, "INVITE", 180);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
  raw_peer_assert_silent (peer, 50);
}

/* received= and rport= that the request brings along are a lie: nobody else gets our responses. */
static void
test_forged_way_back (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawPeer) victim = raw_peer_new_udp ("127.0.0.9", "127.0.0.1", room->udp_port);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *branch = raw_branch ();
  g_autoptr (RawPacket) packet = NULL;

  raw_set (&call->via, "SIP/2.0/UDP %s;received=127.0.0.9;rport=%u;branch=%s",
           raw_peer_get_local (victim), raw_peer_get_port (victim), branch);
  raw_call_invite (call);
  raw_peer_assert_silent (victim, 300);
  if (room_get_n_calls (room) > 0)
    {
      room_redirect (room_wait_call (room), ROOM_TARGET);
      raw_peer_assert_silent (victim, 200);
      raw_call_ack (call);
      room_wait_n_calls (room, 0);
    }
  room_forget_log (room);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/redirect/contact", test_contact);
  g_test_add_func ("/sip/redirect/sips", test_sips);
  g_test_add_func ("/sip/redirect/bad-targets", test_bad_targets);
  g_test_add_data_func ("/sip/redirect/decline/default", GUINT_TO_POINTER (0), test_decline);
  g_test_add_data_func ("/sip/redirect/decline/480", GUINT_TO_POINTER (480), test_decline);
  g_test_add_data_func ("/sip/redirect/decline/486", GUINT_TO_POINTER (486), test_decline);
  g_test_add_data_func ("/sip/redirect/decline/603", GUINT_TO_POINTER (603), test_decline);
  g_test_add_func ("/sip/redirect/decline/without-ack", test_decline_without_ack);
  g_test_add_func ("/sip/redirect/no-ack", test_no_ack);
  g_test_add_func ("/sip/redirect/default-timers", test_default_timers);
  g_test_add_func ("/sip/redirect/lost-ack", test_lost_ack);
  g_test_add_data_func ("/sip/redirect/ack/plain", GINT_TO_POINTER (ACK_PLAIN), test_ack);
  g_test_add_data_func ("/sip/redirect/ack/new-contact", GINT_TO_POINTER (ACK_NEW_CONTACT),
                        test_ack);
  g_test_add_data_func ("/sip/redirect/ack/without-to-tag", GINT_TO_POINTER (ACK_WITHOUT_TO_TAG),
                        test_ack);
  g_test_add_data_func ("/sip/redirect/ack/with-other-to-tag",
                        GINT_TO_POINTER (ACK_WITH_OTHER_TO_TAG), test_ack);
  g_test_add_data_func ("/sip/redirect/ack/twice", GINT_TO_POINTER (ACK_TWICE), test_ack);
  g_test_add_data_func ("/sip/redirect/ack/extra", GINT_TO_POINTER (ACK_WITH_BODY), test_ack);
  g_test_add_func ("/sip/redirect/foreign-ack", test_foreign_ack);
  g_test_add_func ("/sip/redirect/twice", test_redirected_twice);
  g_test_add_func ("/sip/redirect/silence", test_silence);
  g_test_add_func ("/sip/redirect/way-back", test_way_back);
  g_test_add_func ("/sip/redirect/forged-way-back", test_forged_way_back);
  return g_test_run ();
}
