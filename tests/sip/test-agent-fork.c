/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One INVITE that comes by several ways: merged, forked, retargeted, going round in circles. */

#include "core/error.h"

#include "sip-room.h"

static RawCall *
fork_of (RawCall *call, const char *user)
{
  RawCall *fork = raw_call_new (call->peer, user);

  raw_set (&fork->call_id, "%s", call->call_id);
  raw_set (&fork->from, "%s", call->from);
  raw_set (&fork->to, "%s", call->to);
  return fork;
}

/* RFC 3261 section 8.2.2.2, but only while the first one is pending. */
static void
test_merged_request (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  g_autofree char *first_via = g_strdup (call->via);
  g_autofree char *first_tag = g_strdup (call->to_tag);

  raw_call_renew_branch (call);
  g_clear_pointer (&call->to_tag, g_free);
  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 482);
  raw_call_ack (call);
  g_assert_cmpuint (room_get_n_calls (room), ==, 1);
  room_assert_log (room, "");
  raw_peer_assert_silent (peer, 150);

  raw_set (&call->via, "%s", first_via);
  raw_set (&call->to_tag, "%s", first_tag);
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  {
    g_autoptr (RawCall) again = fork_of (call, "alice");

    raw_call_invite (again);
    raw_wait_until (room_get_n_calls (room) == 2);
    raw_call_ack (call);
    room_wait_n_calls (room, 1);
    raw_peer_flush (peer);
    raw_call_cancel (again, NULL);
    raw_wait_until (room_get_n_calls (room) == 0);
    raw_call_ack (again);
    raw_run_for (60);
    raw_peer_flush (peer);
  }
  room_assert_log (room, "redirecting added redirected removed cancelled removed");

  /* The proxy retargets the same INVITE to us again: no merge any more, also while its ACK for our
   * 302 is still on its way. */
  raw_call_renew_branch (call);
  g_clear_pointer (&call->to_tag, g_free);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_decline (room_wait_call (room), 0);
  raw_call_expect (call, "INVITE", 486);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added declining declined removed");
}

/* Neither another CSeq nor another From-tag is a merged request. */
static void
test_not_merged (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) one = room_ringing_call (room, peer, NULL);
  g_autoptr (RawCall) two = raw_call_new (peer, "alice");
  g_autoptr (RawCall) three = raw_call_new (peer, "alice");

  raw_set (&two->call_id, "%s", one->call_id);
  raw_set (&two->from, "%s", one->from);
  two->cseq = 2;
  raw_set (&three->call_id, "%s", one->call_id);
  raw_call_invite (two);
  raw_call_expect_ringing (two);
  raw_call_invite (three);
  raw_call_expect_ringing (three);
  room_assert_log (room, "added added");
  g_assert_cmpuint (room_get_n_calls (room), ==, 3);
  raw_call_cancel (one, NULL);
  raw_call_expect_cancelled (one);
  raw_call_ack (one);
  raw_call_cancel (two, NULL);
  raw_call_expect_cancelled (two);
  raw_call_ack (two);
  raw_call_cancel (three, NULL);
  raw_call_expect_cancelled (three);
  raw_call_ack (three);
  room_wait_n_calls (room, 0);
  room_forget_log (room);
}

static DflCall *
call_of (Room *room, const char *sip_call_id, const char *account)
{
  g_autoptr (GPtrArray) calls = dfl_switchboard_find_calls (room->switchboard, sip_call_id);

  for (guint i = 0; i < calls->len; i++)
    {
      DflAccount *owner = dfl_call_get_account (calls->pdata[i]);

      if (g_str_equal (dfl_account_get_settings (owner)->name, account))
        return calls->pdata[i];
    }
  g_assert_not_reached ();
}

static void
test_forked_to_two_accounts (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) to_alice = NULL;
  g_autoptr (RawCall) to_bert = NULL;

  room_set_accounts (room, room_account ("alice"), room_account ("bert"), NULL);
  to_alice = room_ringing_call (room, peer, NULL);
  to_bert = fork_of (to_alice, "bert");
  raw_call_invite (to_bert);
  raw_call_expect_ringing (to_bert);
  room_assert_log (room, "added");
  g_assert_cmpstr (to_alice->to_tag, !=, to_bert->to_tag);

  room_redirect (call_of (room, to_alice->call_id, "bert"), ROOM_TARGET);
  raw_call_expect (to_bert, "INVITE", 302);
  raw_call_ack (to_bert);
  room_wait_n_calls (room, 1);
  raw_call_cancel (to_alice, "Reason: SIP;cause=200\r\n");
  raw_call_expect_cancelled (to_alice);
  raw_call_ack (to_alice);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed answered-elsewhere removed");
}

/* The element in front of us follows our 302 to another account here, at once and with the same
 * Call-ID, From-tag and CSeq. */
static void
test_retargeted_to_another_account (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) to_alice = NULL;
  g_autoptr (RawCall) to_bert = NULL;
  g_autoptr (RawReply) moved = NULL;
  DflAccountSettings *alice = room_account ("alice");
  DflAccountSettings *bert = room_account ("bert");

  alice->allow_local_targets = bert->allow_local_targets = TRUE;
  room_set_accounts (room, alice, bert, NULL);
  to_alice = room_ringing_call (room, peer, NULL);
  room_redirect (room_wait_call (room), "sip:bert@example.org");
  moved = raw_call_receive (to_alice, "INVITE", 302);
  g_assert_cmpstr (raw_reply_get (moved, "Contact"), ==, "<sip:bert@example.org>");
  raw_call_ack (to_alice);
  to_bert = fork_of (to_alice, "bert");
  raw_set (&to_bert->extra, "Diversion: <sip:alice@example.org>;reason=deflection\r\n");
  raw_call_invite (to_bert);
  raw_call_expect_ringing (to_bert);
  room_wait_n_calls (room, 1);

  /* Not back again, which what the element in front says of the way gives away. */
  room_refuse_redirect (room_wait_call (room), "sip:alice@example.org", DFL_ERROR_LOOP_DETECTED);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (to_bert, "INVITE", 302);
  raw_call_ack (to_bert);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed added redirecting redirected removed");
}

/* The other account, itself in several spellings, the caller, and who the call came by. */
static void
test_refused_loops (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "bert");
  DflCall *offered;
  static const char *const loops[] = { "sip:alice@example.org", /* another account here */
                                       "sip:bert@example.org",  /* itself */
                                       "sip:b%65rt@EXAMPLE.org:5060;transport=tcp",
                                       "sip:bert@192.0.2.1",    /* the Request-URI */
                                       "sip:bob@example.com",   /* the caller */
                                       "sip:carla@example.org", /* Diversion */
                                       "sip:dora@example.org",  /* History-Info */
                                       "sip:emil@example.org" };

  room_set_accounts (room, room_account ("alice"), room_account ("bert"), NULL);
  raw_set (&call->extra, "Diversion: <sip:carla@example.org>;reason=deflection;counter=2\r\n"
                         "History-Info: <sip:dora@example.org>;index=1,"
                         "<sip:emil@example.org?Reason=SIP%%3Bcause%%3D302>;index=1.1\r\n");
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  offered = room_wait_call (room);
  for (guint i = 0; i < G_N_ELEMENTS (loops); i++)
    {
      g_test_message ("%s", loops[i]);
      room_refuse_redirect (offered, loops[i], DFL_ERROR_LOOP_DETECTED);
    }
  raw_peer_assert_silent (peer, 100);
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

static void
test_own_number (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "+493012345");
  DflAccountSettings *settings = room_account ("alice");
  static const char *const spellings[] = { "+493012345",        "+49 (30) 123-45",
                                           "0049 30 12345",     "030 12345",
                                           "tel:+49-30-123.45", "sip:%2B493012345@other.example" };
  DflCall *offered;

  raw_set (&settings->address, "sip:+493012345@example.org");
  raw_set (&settings->user, "+493012345");
  room_set_accounts (room, settings, NULL);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  offered = room_wait_call (room);
  for (guint i = 0; i < G_N_ELEMENTS (spellings); i++)
    {
      g_test_message ("%s", spellings[i]);
      room_refuse_redirect (offered, spellings[i], DFL_ERROR_LOOP_DETECTED);
    }
  room_redirect (offered, "+493012346");
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

/* Diversion counters that add up to 5: whoever it is, the call goes round in circles. */
static void
test_diverted_too_often (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  DflCall *offered;

  raw_set (&call->extra, "Diversion: <sip:x@a.example>;counter=3;reason=no-answer\r\n"
                         "Diversion: \"Y, Z\" <sip:y@b.example>;reason=\"unconditional\","
                         "<tel:+49301>;counter=1\r\n");
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  offered = room_wait_call (room);
  room_refuse_redirect (offered, ROOM_TARGET, DFL_ERROR_LOOP_DETECTED);
  room_decline (offered, 0);
  raw_call_expect (call, "INVITE", 486);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added declining declined removed");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/fork/merged-request", test_merged_request);
  g_test_add_func ("/sip/fork/not-merged", test_not_merged);
  g_test_add_func ("/sip/fork/forked-to-two-accounts", test_forked_to_two_accounts);
  g_test_add_func ("/sip/fork/retargeted-to-another-account", test_retargeted_to_another_account);
  g_test_add_func ("/sip/fork/refused-loops", test_refused_loops);
  g_test_add_func ("/sip/fork/own-number", test_own_number);
  g_test_add_func ("/sip/fork/diverted-too-often", test_diverted_too_often);
  return g_test_run ();
}
