/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* An INVITE until somebody decides: provisional responses, retransmissions, forks, limits. */

#include "core/error.h"
#include "fakes/log-catcher.h"

#include "sip-room.h"

/* A decision in time needs no provisional response; without one, 100 and 180 come between 40 and
 * 200 ms (RFC 3261 section 17.2.1), with what a 180 must carry (section 12.1.1). */
static void
test_ringing (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autoptr (RawReply) trying = NULL;
  g_autoptr (RawReply) ringing = NULL;
  RawTime sent;

  raw_set (&call->extra, "Record-Route: <sip:192.0.2.7;lr>\r\n"
                         "Record-Route: <sip:192.0.2.8:5070;transport=tcp;lr>\r\n");
  raw_set (&call->further_via, "Via: SIP/2.0/UDP 192.0.2.8:5070;branch=z9hG4bK-next\r\n"
                               "Via: SIP/2.0/TCP client.example;branch=z9hG4bK-first;rport\r\n");
  sent = raw_now ();
  raw_call_invite (call);
  trying = raw_call_receive (call, "INVITE", 100);
  g_assert_cmpint (trying->time.at - sent.at, >=, 38 * 1000);
  g_assert_cmpint (raw_elapsed (sent, trying->time), <, 200 * 1000 * raw_slowness ());
  raw_call_skip_trying (call);
  ringing = raw_call_receive (call, "INVITE", 180);
  g_assert_cmpint (raw_elapsed (sent, ringing->time), <, 200 * 1000 * raw_slowness ());

  g_assert_cmpstr (raw_reply_get_nth (ringing, "Record-Route", 0), ==, "<sip:192.0.2.7;lr>");
  g_assert_cmpstr (raw_reply_get_nth (ringing, "Record-Route", 1), ==,
                   "<sip:192.0.2.8:5070;transport=tcp;lr>");
  g_assert_nonnull (raw_reply_get (ringing, "Contact"));
  g_assert_true (g_str_has_prefix (raw_reply_get (ringing, "Contact"), "<sip:"));
  g_assert_null (raw_reply_get (ringing, "Require"));
  g_assert_null (raw_reply_get (ringing, "Content-Type"));
  g_assert_null (g_strstr_len (ringing->text, -1, "sofia"));
  g_assert_null (g_strstr_len (ringing->text, -1, "1.12"));

  raw_peer_assert_silent (peer, 300);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
  g_assert_cmpstr (room->last_decided_by, ==, "user:test");
}

static void
test_silent (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  DflAccountSettings *settings = room_account ("alice");

  settings->alert = FALSE;
  room_set_accounts (room, settings, NULL);
  raw_call_invite (call);
  raw_call_expect_trying (call);
  raw_peer_assert_silent (peer, 300);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

/* RFC 3262 section 3: with Require: 100rel a plain 180 must not be sent. */
static void
test_require_100rel (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const spellings[] = { "Require: 100rel\r\n", "Require: timer, 100rel\r\n",
                                           "Require: foo\r\nRequire: 100REL\r\n",
                                           "require:100rel\r\n" };

  for (guint i = 0; i < G_N_ELEMENTS (spellings); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autoptr (RawReply) final = NULL;

      raw_set (&call->extra, "%s", spellings[i]);
      raw_call_invite (call);
      raw_call_expect_trying (call);
      raw_peer_assert_silent (peer, 250);
      room_redirect (room_wait_call (room), ROOM_TARGET);
      final = raw_call_receive (call, "INVITE", 302);
      g_assert_null (raw_reply_get (final, "Require"));
      raw_call_ack (call);
      room_wait_n_calls (room, 0);
      room_assert_log (room, "added redirecting redirected removed");
    }
}

/* A redirect server ignores option tags that it does not know (RFC 3261 section 8.3); bodies are
 * not parsed; Max-Forwards does not concern who forwards nothing. */
static void
test_accepts (gconstpointer data)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  const char *what = data;

  if (g_str_equal (what, "require-foo"))
    raw_set (&call->extra, "Require: foo\r\nProxy-Require: bar\r\n");
  else if (g_str_equal (what, "max-forwards-0"))
    raw_set (&call->max_forwards, "0");
  else if (g_str_equal (what, "no-max-forwards"))
    g_clear_pointer (&call->max_forwards, g_free);
  else if (g_str_equal (what, "no-sdp"))
    g_clear_pointer (&call->body, g_free);
  else if (g_str_equal (what, "odd-body"))
    {
      raw_set (&call->content_type, "application/isup;version=itu-t92+");
      raw_set (&call->body, "\x01\x02\x7f");
      raw_set (&call->extra, "Content-Disposition: signal;handling=required\r\n"
                             "Content-Encoding: gzip\r\n");
    }
  else if (g_str_equal (what, "accept-nothing"))
    raw_set (&call->extra, "Accept: text/plain\r\nAccept-Encoding: x\r\nAccept-Language: tlh\r\n");
  else if (g_str_equal (what, "no-contact"))
    g_clear_pointer (&call->contact, g_free);
  else if (g_str_equal (what, "escaped-user"))
    raw_set (&call->request_uri, "sip:%%61lic%%65@192.0.2.1");
  else if (g_str_equal (what, "uri-parameters"))
    raw_set (&call->request_uri, "sip:alice@192.0.2.1:5062;transport=udp;user=phone");
  else if (g_str_equal (what, "replaces"))
    raw_set (&call->extra, "Replaces: 1@h;from-tag=1;to-tag=2\r\nSupported: 100rel, timer\r\n"
                           "Session-Expires: 90\r\nMin-SE: 90\r\n");
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

/* Who decides from within call-added sends nothing but the 302. */
static void
test_decision_at_once (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);

  room->redirect = ROOM_TARGET;
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");

      raw_call_invite (call);
      raw_call_expect (call, "INVITE", 302);
      raw_call_ack (call);
      room_wait_n_calls (room, 0);
      raw_peer_assert_silent (peer, 250);
      room_assert_log (room, "added redirecting redirected removed");
    }
}

static void
redirect_after (guint milliseconds)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  DflCall *offered;

  raw_call_invite (call);
  offered = room_wait_call (room);
  raw_run_for (milliseconds);
  if (raw_peer_get_n_waiting (peer) == 0)
    {
      room_redirect (offered, ROOM_TARGET);
      raw_call_expect (call, "INVITE", 302);
      raw_call_ack (call);
      room_wait_n_calls (room, 0);
      raw_peer_assert_silent (peer, 250);
    }
  else
    {
      /* Only a machine that stood still can come here. */
      room_redirect (offered, ROOM_TARGET);
      raw_call_expect_ringing (call);
      raw_call_expect (call, "INVITE", 302);
      raw_call_ack (call);
      room_wait_n_calls (room, 0);
    }
  room_assert_log (room, "added redirecting redirected removed");
}

static void
test_decision_within_40_ms (void)
{
  redirect_after (10);
}

static void
test_retransmission (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  raw_call_invite (call);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  raw_peer_assert_silent (peer, 150);
  g_assert_cmpuint (room_get_n_calls (room), ==, 1);
  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 180);
  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 180);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  /* Confirmed (Timer I): no second call, and nothing but that 302 if anything. */
  raw_call_ack (call);
  raw_peer_assert_silent (peer, 100);
  raw_call_invite (call);
  raw_run_for (100);
  while (raw_peer_get_n_waiting (peer) > 0)
    raw_call_expect (call, "INVITE", 302);
  g_assert_cmpuint (room_get_n_calls (room), ==, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

static void
test_retransmission_silent (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  DflAccountSettings *settings = room_account ("alice");

  settings->alert = FALSE;
  room_set_accounts (room, settings, NULL);
  raw_call_invite (call);
  raw_call_expect_trying (call);
  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 100);
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
}

/* RFC 3261 section 13.3.1: 487 after n seconds. */
static void
test_expires (gconstpointer data)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  guint seconds = GPOINTER_TO_UINT (data);
  g_autoptr (RawReply) final = NULL;
  RawTime sent = raw_now ();

  raw_set (&call->extra, "Expires: %u\r\n", seconds);
  raw_call_invite (call);
  if (seconds > 0)
    {
      raw_call_expect_ringing (call);
      g_assert_cmpint (dfl_call_get_deadline (room_wait_call (room)), >, 0);
    }
  final = raw_call_receive (call, "INVITE", 487);
  g_assert_cmpint (final->time.at - sent.at, >=, (gint64)seconds * G_USEC_PER_SEC - 5000);
  g_assert_cmpint (raw_elapsed (sent, final->time), <,
                   (gint64)seconds * G_USEC_PER_SEC + 500000 * raw_slowness ());
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  g_assert_cmpstr (room->last_decided_by, ==, "deadline");
  g_assert_nonnull (strstr (room->log->str, "expired removed"));
  room_forget_log (room);
  raw_peer_assert_silent (peer, 100);
}

/* Nonsense is no deadline; more than 2^32-1 seconds is none either, or one in far future. */
static void
test_expires_nonsense (gconstpointer data)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  DflCall *offered;

  raw_set (&call->extra, "Expires: %s\r\n", (const char *)data);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  offered = room_wait_call (room);
  if (g_str_has_prefix (data, "999"))
    g_assert_true (dfl_call_get_deadline (offered) == 0
                   || dfl_call_get_deadline (offered)
                          > g_get_real_time () + 365LL * 24 * 3600 * G_USEC_PER_SEC);
  else
    g_assert_cmpint (dfl_call_get_deadline (offered), ==, 0);
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

static void
test_ring_limit (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = NULL;
  g_autoptr (RawReply) final = NULL;
  RawTime sent = raw_now ();
  DflAccountSettings *settings = room_account ("alice");

  settings->ring_limit = 1;
  room_set_accounts (room, settings, NULL);
  call = room_ringing_call (room, peer, NULL);
  final = raw_call_receive (call, "INVITE", 480);
  g_assert_cmpint (final->time.at - sent.at, >=, G_USEC_PER_SEC - 5000);
  g_assert_cmpint (raw_elapsed (sent, final->time), <, G_USEC_PER_SEC + 500000 * raw_slowness ());
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  g_assert_cmpstr (room->last_decided_by, ==, "deadline");
  g_assert_nonnull (strstr (room->log->str, "expired removed"));
  room_forget_log (room);
}

static void
test_ring_limit_redirects (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = NULL;
  g_autoptr (RawReply) final = NULL;
  DflAccountSettings *settings = room_account ("alice");

  settings->ring_limit = 1;
  raw_set (&settings->default_target, "+49 30 1234");
  room_set_accounts (room, settings, NULL);
  call = room_ringing_call (room, peer, NULL);
  final = raw_call_receive (call, "INVITE", 302);
  g_assert_cmpstr (raw_reply_get (final, "Contact"), ==, "<sip:+49301234@pbx.example;user=phone>");
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  g_assert_cmpstr (room->last_decided_by, ==, "deadline");
  room_assert_log (room, "redirecting redirected removed");
}

static void
test_redirect_after_expiry (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = NULL;
  g_autoptr (DflCall) offered = NULL;
  DflAccountSettings *settings = room_account ("alice");

  settings->ring_limit = 1;
  room_set_accounts (room, settings, NULL);
  call = room_ringing_call (room, peer, NULL);
  offered = g_object_ref (room_wait_call (room));
  raw_call_expect (call, "INVITE", 480);
  room_refuse_redirect (offered, ROOM_TARGET, DFL_ERROR_TOO_LATE);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_refuse_redirect (offered, ROOM_TARGET, DFL_ERROR_TOO_LATE);
  raw_peer_assert_silent (peer, 100);
  room_forget_log (room);
}

static void
hang_up (Room *room, RawCall *call)
{
  guint n = room_get_n_calls (room);

  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, n - 1);
}

/* 486 and never 503, after which a proxy would send nobody's calls any more. */
static void
test_too_many_offers (gconstpointer data)
{
  gboolean of_all = GPOINTER_TO_INT (data);
  g_autoptr (GPtrArray) logged = NULL;
  gint64 begin = g_get_monotonic_time ();
  RoomOptions options = { .max_offers = of_all ? 2 : 100 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) one = raw_call_new (peer, "alice");
  g_autoptr (RawCall) two = raw_call_new (peer, of_all ? "bert" : "alice");
  DflAccountSettings *alice = room_account ("alice");

  dfl_log_catcher_start ();
  alice->max_offers = of_all ? 16 : 2;
  room_set_accounts (room, alice, room_account ("bert"), NULL);
  raw_call_invite (one);
  raw_call_expect_ringing (one);
  raw_call_invite (two);
  raw_call_expect_ringing (two);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (RawCall) more = raw_call_new (peer, "alice");

      raw_call_invite (more);
      raw_call_expect (more, "INVITE", 486);
      raw_call_invite (more);
      raw_call_expect (more, "INVITE", 486);
      raw_call_ack (more);
    }
  room_assert_log (room, "added added");
  if (!of_all)
    {
      g_autoptr (RawCall) other = raw_call_new (peer, "bert");

      raw_call_invite (other);
      raw_call_expect_ringing (other);
      hang_up (room, other);
    }
  hang_up (room, one);
  {
    g_autoptr (RawCall) again = raw_call_new (peer, "alice");

    raw_call_invite (again);
    raw_call_expect_ringing (again);
    hang_up (room, again);
  }
  hang_up (room, two);
  room_forget_log (room);
  /* At most a line a second. */
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, >=, 1);
  g_assert_cmpuint (logged->len, <=, 2 + (g_get_monotonic_time () - begin) / G_USEC_PER_SEC);
}

static void
test_shut_down (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);
  g_autoptr (RawCall) late = raw_call_new (peer, "alice");

  dfl_switchboard_shut_down (room->switchboard);
  raw_call_expect (call, "INVITE", 480);
  raw_call_invite (late);
  raw_call_expect (late, "INVITE", 480);
  raw_call_ack (late);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  g_assert_cmpstr (room->last_decided_by, ==, "shutdown");
  room_assert_log (room, "declining declined removed");
}

/* A daemon that came up while the caller retransmits sees the INVITE for the first time. */
static void
test_restart (void)
{
  g_autoptr (RawPeer) peer = NULL;
  g_autoptr (RawCall) call = NULL;
  g_autofree char *listen = NULL;
  g_autofree char *invite = NULL;
  RoomOptions options = { 0 };

  {
    g_autoptr (Room) room = room_new (NULL);

    peer = room_udp_peer (room);
    call = room_ringing_call (room, peer, NULL);
    listen = g_strdup_printf ("udp:127.0.0.1:%u", room->udp_port);
    dfl_sip_agent_close (room->agent);
    room_forget_log (room);
    while (room_get_n_calls (room) > 0)
      dfl_call_leg_failed (room_wait_call (room));
    room_forget_log (room);
  }
  raw_peer_flush (peer);
  g_clear_pointer (&call->to_tag, g_free);
  options.listen = listen;
  {
    g_autoptr (Room) room = room_new (&options);

    raw_call_invite (call);
    raw_call_expect_ringing (call);
    room_redirect (room_wait_call (room), ROOM_TARGET);
    raw_call_expect (call, "INVITE", 302);
    raw_call_ack (call);
    room_wait_n_calls (room, 0);
    room_assert_log (room, "added redirecting redirected removed");
  }
}

int
main (int argc, char **argv)
{
  static const char *const accepted[] = { "require-foo", "max-forwards-0", "no-max-forwards",
                                          "no-sdp",      "odd-body",       "accept-nothing",
                                          "no-contact",  "escaped-user",   "uri-parameters",
                                          "replaces" };
  static const char *const nonsense[] = { "abc", "-1", "1x", "", "99999999999999999999" };

  g_test_init (&argc, &argv, NULL);
  dfl_log_catcher_install ();
  g_test_add_func ("/sip/invite/ringing", test_ringing);
  g_test_add_func ("/sip/invite/silent", test_silent);
  g_test_add_func ("/sip/invite/require-100rel", test_require_100rel);
  for (guint i = 0; i < G_N_ELEMENTS (accepted); i++)
    {
      g_autofree char *path = g_strconcat ("/sip/invite/accepts/", accepted[i], NULL);

      g_test_add_data_func (path, accepted[i], test_accepts);
    }
  g_test_add_func ("/sip/invite/decision-at-once", test_decision_at_once);
  g_test_add_func ("/sip/invite/decision-within-40-ms", test_decision_within_40_ms);
  g_test_add_func ("/sip/invite/retransmission", test_retransmission);
  g_test_add_func ("/sip/invite/retransmission-silent", test_retransmission_silent);
  g_test_add_data_func ("/sip/invite/expires/0", GUINT_TO_POINTER (0), test_expires);
  g_test_add_data_func ("/sip/invite/expires/1", GUINT_TO_POINTER (1), test_expires);
  for (guint i = 0; i < G_N_ELEMENTS (nonsense); i++)
    {
      g_autofree char *path = g_strdup_printf ("/sip/invite/expires/nonsense/%u", i);

      g_test_add_data_func (path, nonsense[i], test_expires_nonsense);
    }
  g_test_add_func ("/sip/invite/ring-limit", test_ring_limit);
  g_test_add_func ("/sip/invite/ring-limit-redirects", test_ring_limit_redirects);
  g_test_add_func ("/sip/invite/redirect-after-expiry", test_redirect_after_expiry);
  g_test_add_data_func ("/sip/invite/too-many-offers/account", GINT_TO_POINTER (FALSE),
                        test_too_many_offers);
  g_test_add_data_func ("/sip/invite/too-many-offers/daemon", GINT_TO_POINTER (TRUE),
                        test_too_many_offers);
  g_test_add_func ("/sip/invite/shut-down", test_shut_down);
  g_test_add_func ("/sip/invite/restart", test_restart);
  return g_test_run ();
}
