/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a stranger can do to a SIP library, and must not be able to do to us. */

#include <string.h>

#include "sip-room.h"

/* %s is a branch that is fine. Each one either names a place where a response
 * cannot or must not go, or has a branch too short to be unique: the request does not exist. */
static const char *const bad_vias[] = {
  "SIP/2.0/UDP 127.0.0.1:0;branch=%s",
  "SIP/2.0/UDP 127.0.0.1:0;rport;branch=%s",
  "SIP/2.0/UDP 127.0.0.1:00000;branch=%s",
  "SIP/2.0/UDP pbx.example:0;branch=%s",
  "SIP/2.0/UDP 127.0.0.1:65536;branch=%s",
  "SIP/2.0/UDP 127.0.0.1:70000;branch=%s",
  "SIP/2.0/UDP 127.0.0.1:-1;branch=%s",
  "SIP/2.0/UDP 127.0.0.1:;branch=%s",
  "SIP/2.0/UDP 127.0.0.1:abc;branch=%s",
  "SIP/2.0/UDP 127.0.0.1;maddr=255.255.255.255;branch=%s",
  "SIP/2.0/UDP 127.0.0.1;maddr=127.255.255.255;branch=%s",
  "SIP/2.0/UDP 127.0.0.1;maddr=0.0.0.0;branch=%s",
  "SIP/2.0/UDP 127.0.0.1;maddr=240.0.0.1;branch=%s",
  "SIP/2.0/UDP 127.0.0.1;maddr=224.0.1.75;ttl=255;branch=%s",
  "SIP/2.0/UDP 127.0.0.1;MADDR=127.0.0.1;branch=%s",
  "SIP/2.0/UDP 127.0.0.1;branch=%s;maddr=victim.example",
  "SIP/2.0/UDP 127.0.0.1;branch=%s;maddr=[2001:db8::1]",
  "SIP/2.0/UDP 127.0.0.1;branch=%s;rport;maddr=",
  "SIP/2.0/UDP 127.0.0.1;branch=%s;maddr",
  "SIP/2.0/UDP 127.0.0.1;branch=%s;branch=z9hG4bKanother12",
  "SIP/2.0/UDP 127.0.0.1;rport;branch=%s;rport=5060",
  "SIP/2.0/UDP 127.0.0.1;received=127.0.0.1;branch=%s;received=127.0.0.9",
  "SIP/2.0/UDP not_a_host!:5060;branch=%s",
  "SIP/2.0/UDP [::1;branch=%s",
  "SIP/2.0/UDP [xyz]:5060;branch=%s",
  "SIP/2.0/UDP ;branch=%s",
};

/* The same with a sent-by that is fine. */
static const char *const bad_branches[] = {
  "",
  ";branch",
  ";branch=",
  ";branch=z9hG4bK",
  ";branch=z9hG4bK1",
  ";branch=z9hG4bK1234567",
  ";branch=1",
  ";branch=12345678901234567890",
  ";branch=Z9HG4BX12345678",
  ";branch=z9hG4b12345678",
};

/* A sent-by that is neither an address nor a name. */
static const char *const bad_hosts[] = {
  "SIP/2.0/UDP -:5060;branch=%s",     "SIP/2.0/UDP -a.example;branch=%s",
  "SIP/2.0/UDP a-.example;branch=%s", "SIP/2.0/UDP a..example;branch=%s",
  "SIP/2.0/UDP .;branch=%s",          "SIP/2.0/UDP 1.2.3;branch=%s",
  "SIP/2.0/UDP 1.2.3.4.5;branch=%s",  "SIP/2.0/UDP 256.1.1.1;branch=%s",
};

/* INVITE, CANCEL, ACK: an assertion in the library's server transaction dies of these three when
 * the INVITE's response could not be sent. */
static void
three_datagrams (Room *room, RawPeer *peer, const char *via)
{
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  g_test_message ("Via: %s", via);
  raw_set (&call->via, "%s", via);
  raw_call_invite (call);
  raw_call_invite (call);
  raw_run_for (60);
  room_redirect_if_offered (room);
  raw_call_cancel (call, NULL);
  raw_call_cancel (call, "Reason: SIP;cause=200\r\n");
  raw_call_ack (call);
  raw_call_ack (call);
  raw_peer_assert_alive (peer);
  g_assert_cmpuint (room->n_added, ==, 0);
}

static void
try_vias (const char *const *vias, guint n)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);

  for (guint i = 0; i < n; i++)
    {
      g_auto (GStrv) halves = g_strsplit (vias[i], "%s", 2);
      g_autofree char *branch = raw_branch ();
      g_autofree char *via = g_strconcat (halves[0], branch, halves[1], NULL);

      three_datagrams (room, peer, via);
    }
  raw_peer_assert_silent (peer, 300);
}

static void
test_bad_via (void)
{
  try_vias (bad_vias, G_N_ELEMENTS (bad_vias));
}

static void
test_bad_host (void)
{
  try_vias (bad_hosts, G_N_ELEMENTS (bad_hosts));
}

static void
test_bad_branch (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);

  for (guint i = 0; i < G_N_ELEMENTS (bad_branches); i++)
    {
      g_autofree char *via = g_strdup_printf ("SIP/2.0/UDP %s%s", raw_peer_get_local (peer),
                                              bad_branches[i]);

      three_datagrams (room, peer, via);
    }
  raw_peer_assert_silent (peer, 300);
}

/* Over a stream too, where the response goes back over the connection. */
static void
test_bad_via_over_tcp (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) other = room_tcp_peer (room);

  for (guint i = 0; i < G_N_ELEMENTS (bad_vias) + G_N_ELEMENTS (bad_branches); i++)
    {
      g_autoptr (RawPeer) peer = room_tcp_peer (room);
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *branch = raw_branch ();
      static const char *const methods[] = { "INVITE", "CANCEL", "ACK" };

      if (i < G_N_ELEMENTS (bad_vias))
        {
          g_auto (GStrv) halves = g_strsplit (bad_vias[i], "%s", 2);

          raw_set (&call->via, "SIP/2.0/TCP%s%s%s", halves[0] + strlen ("SIP/2.0/UDP"), branch,
                   halves[1]);
        }
      else
        raw_set (&call->via, "SIP/2.0/TCP %s%s", raw_peer_get_local (peer),
                 bad_branches[i - G_N_ELEMENTS (bad_vias)]);
      g_test_message ("Via: %s", call->via);
      for (guint n = 0; n < G_N_ELEMENTS (methods); n++)
        {
          g_autofree char *text = raw_call_format (call, methods[n], NULL, NULL);

          raw_peer_try_send (peer, text, strlen (text));
          raw_run_for (10);
        }
      raw_peer_assert_silent (peer, 10);
      raw_peer_assert_alive (other);
      g_assert_cmpuint (room->n_added, ==, 0);
    }
}

/* Other methods are no way around it, nor is a second Via behind a good one or a bad one. */
static void
test_bad_via_of_other_methods (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const methods[] = { "OPTIONS", "BYE", "MESSAGE", "CANCEL", "REGISTER", "X" };

  for (guint i = 0; i < G_N_ELEMENTS (bad_vias); i++)
    for (guint n = 0; n < G_N_ELEMENTS (methods); n++)
      {
        g_autoptr (RawCall) call = raw_call_new (peer, "alice");
        g_auto (GStrv) halves = g_strsplit (bad_vias[i], "%s", 2);
        g_autofree char *good = g_strdup (call->via);
        g_autofree char *branch = raw_branch ();
        g_autofree char *text = NULL;

        raw_set (&call->via, "%s%s%s", halves[0], branch, halves[1]);
        if (n % 2 == 0)
          raw_set (&call->further_via, "Via: %s\r\n", good);
        else
          raw_set (&call->via, "%s, %s", call->via, good);
        text = raw_call_format (call, methods[n], NULL, NULL);
        g_test_message ("%s with Via: %s", methods[n], call->via);
        raw_peer_send_text (peer, text);
        raw_peer_assert_alive (peer);
      }
  raw_peer_assert_silent (peer, 300);
}

/* A bad Via below the topmost is none of our business: only the topmost one is used (RFC 3261
 * section 18.2.2), and the others are copied. */
static void
test_bad_lower_via (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  raw_set (&call->further_via, "Via: SIP/2.0/UDP 10.0.0.1:5060;maddr=10.0.0.2;branch=1\r\n");
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
}

/* Eight characters behind the cookie are enough, and case does not make another cookie. */
static void
test_shortest_branch (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  raw_set (&call->via, "SIP/2.0/UDP %s;rport;branch=z9hG4bK12345678", raw_peer_get_local (peer));
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
}

/* No response of ours is ever sent to a third party: nothing in a request names one. */
static void
test_no_amplification (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawPeer) victim = raw_peer_new_udp ("127.0.0.66", "127.0.0.1", room->udp_port);
  static const char *const tricks[] = { "SIP/2.0/UDP 127.0.0.66:%u;branch=%s",
                                        "SIP/2.0/UDP 127.0.0.66:%u;branch=%s;rport",
                                        "SIP/2.0/UDP 127.0.0.66:%u;branch=%s;received=127.0.0.66",
                                        "SIP/2.0/UDP 127.0.0.1:%u;branch=%s;maddr=127.0.0.66",
                                        "SIP/2.0/TCP 127.0.0.66:%u;branch=%s" };

  for (guint i = 0; i < G_N_ELEMENTS (tricks); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *branch = raw_branch ();
      g_autofree char *port = g_strdup_printf ("%u", raw_peer_get_port (victim));
      g_auto (GStrv) parts = g_regex_split_simple ("%[us]", tricks[i], 0, 0);

      raw_set (&call->via, "%s%s%s%s%s", parts[0], port, parts[1], branch, parts[2]);
      raw_set (&call->contact, "<sip:victim@127.0.0.66:%s>", port);
      raw_set (&call->extra, "Record-Route: <sip:127.0.0.66:%s;lr>\r\n", port);
      raw_call_invite (call);
      raw_run_for (60);
      room_redirect_if_offered (room);
      raw_run_for (100);
      raw_call_ack (call);
      raw_wait_until (room_get_n_calls (room) == 0);
    }
  raw_peer_assert_silent (victim, 100);
  room_forget_log (room);
}

static void
one_call (Room *room, RawPeer *peer)
{
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
}

static void
test_ipv6_call (gconstpointer data)
{
  RoomOptions options = { .listen = "udp:[::1]:0;tcp:[::1]:0" };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) datagrams = raw_peer_new_udp ("::1", "::1", room->udp_port);
  g_autoptr (RawPeer) stream = raw_peer_new_tcp ("::1", "::1", room->tcp_port);
  DflAccountSettings *settings = room_account ("alice");

  room_accept_from (settings, data);
  room_set_accounts (room, settings, NULL);
  one_call (room, datagrams);
  one_call (room, stream);
  g_assert_true (g_str_has_prefix (dfl_sip_agent_get_listening (room->agent)[0], "udp:[::1]:"));
}

static void
test_ipv6_three_datagrams (void)
{
  RoomOptions options = { .listen = "udp:[::1]:0;tcp:[::1]:0" };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = raw_peer_new_udp ("::1", "::1", room->udp_port);
  DflAccountSettings *settings = room_account ("alice");
  static const char *const vias[] = {
    "SIP/2.0/UDP [::1]:0;branch=z9hG4bK1234567890",
    "SIP/2.0/UDP [::1]:5060;maddr=[ff02::1];branch=z9hG4bK1234567891",
    "SIP/2.0/UDP [::1]:5060;maddr=[2001:db8::1];branch=z9hG4bK1234567892",
    "SIP/2.0/UDP ::1:5060;branch=z9hG4bK123"
  };

  room_accept_from (settings, "::1");
  room_set_accounts (room, settings, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (vias); i++)
    three_datagrams (room, peer, vias[i]);
}

/* What listen= means by *: every address of both families, and the neighbour keeps its own. */
static void
test_any_address (void)
{
  RoomOptions options = { .listen = "udp:*:0;tcp:*:0" };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) datagrams = room_udp_peer (room);
  g_autoptr (RawPeer) stream = room_tcp_peer (room);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  g_autoptr (RawPeer) six = raw_peer_new_udp ("::1", "::1", room->udp_port);
  g_autoptr (RawCall) call = raw_call_new (stranger, "alice");
  DflAccountSettings *settings = room_account ("alice");

  room_accept_from (settings, "127.0.0.1;::1");
  room_set_accounts (room, settings, NULL);
  raw_call_invite (call);
  one_call (room, datagrams);
  one_call (room, stream);
  raw_peer_assert_silent (stranger, 50);
  one_call (room, six);
}

static void
test_address_in_use (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (DflSipSettings) settings = dfl_sip_settings_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSipAgent) second = NULL;
  g_autofree char *item = g_strdup_printf ("udp:127.0.0.1:%u", room->udp_port);

  g_strfreev (settings->listen);
  settings->listen = g_strsplit (item, ";", -1);
  second = dfl_sip_agent_new (room->switchboard, room->clock, settings, &error);
  g_assert_null (second);
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, item));
}

/* The largest datagram there can be. */
static void
test_large_datagram (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *invite = NULL;

  g_free (call->body);
  call->body = g_strnfill (64000, 'x');
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
  invite = g_strnfill (65507, 'I');
  raw_peer_send_text (peer, invite);
  raw_peer_assert_alive (peer);
}

/* Many header lines, long ones, deep lists. */
static void
test_huge_headers (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const items[] = { "X-Y: z\r\n",
                                       "Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKabcdefgh\r\n",
                                       "Record-Route: <sip:1.2.3.4;lr>\r\n",
                                       "Route: <sip:1.2.3.4;lr>\r\n",
                                       "Contact: <sip:a@b>\r\n",
                                       "Reason: SIP;cause=200\r\n",
                                       "Privacy: id\r\n" };

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      GString *extra = g_string_new (NULL);

      while (extra->len < 30000)
        g_string_append (extra, items[i]);
      raw_set (&call->extra, "%s", extra->str);
      raw_call_invite (call);
      raw_run_for (60);
      raw_set (&call->extra, "Subject: %s\r\n", extra->str + extra->len / 2);
      raw_call_invite (call);
      raw_run_for (20);
      raw_call_cancel (call, extra->str);
      raw_run_for (20);
      raw_peer_flush (peer);
      raw_call_ack (call);
      raw_peer_flush (peer);
      raw_run_for (20);
      raw_peer_flush (peer);
      if (room_get_n_calls (room) > 0)
        dfl_call_leg_failed (room_wait_call (room));
      g_string_free (extra, TRUE);
    }
  raw_run_for (100);
  raw_peer_flush (peer);
  {
    g_autoptr (RawPeer) other = room_udp_peer (room);

    raw_peer_assert_alive (other);
  }
  room_forget_log (room);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/edges/bad-via", test_bad_via);
  g_test_add_func ("/sip/edges/bad-host", test_bad_host);
  g_test_add_func ("/sip/edges/bad-branch", test_bad_branch);
  g_test_add_func ("/sip/edges/bad-via-over-tcp", test_bad_via_over_tcp);
  g_test_add_func ("/sip/edges/bad-via-of-other-methods", test_bad_via_of_other_methods);
  g_test_add_func ("/sip/edges/bad-lower-via", test_bad_lower_via);
  g_test_add_func ("/sip/edges/shortest-branch", test_shortest_branch);
  g_test_add_func ("/sip/edges/no-amplification", test_no_amplification);
  g_test_add_data_func ("/sip/edges/ipv6/address", "::1", test_ipv6_call);
  g_test_add_data_func ("/sip/edges/ipv6/prefix", "192.0.2.0/24;::/64", test_ipv6_call);
  g_test_add_func ("/sip/edges/ipv6/three-datagrams", test_ipv6_three_datagrams);
  g_test_add_func ("/sip/edges/any-address", test_any_address);
  g_test_add_func ("/sip/edges/address-in-use", test_address_in_use);
  g_test_add_func ("/sip/edges/large-datagram", test_large_datagram);
  g_test_add_func ("/sip/edges/huge-headers", test_huge_headers);
  return g_test_run ();
}
