/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who gets an answer: scanners none at all, the neighbours that an account names a correct one. */

#include <string.h>

#include "sip-room.h"

typedef struct
{
  const char *name;
  const char *bytes;
  gsize length; /* 0: it ends at its NUL */
} Junk;

#define TAIL                                                                                       \
  "Max-Forwards: 70\r\nFrom: <sip:a@b.example>;tag=1\r\nTo: <sip:alice@example.org>\r\n"           \
  "Call-ID: junk@b.example\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b.example>\r\n"                    \
  "Content-Length: 0\r\n\r\n"
#define VIA "Via: SIP/2.0/UDP 127.0.0.1:5999;rport;branch=z9hG4bK-junk-12345\r\n"

/* What no source gets an answer for: it is no SIP request. */
static const Junk junk[] = {
  { "nothing", "", 0 },
  { "keep-alive", "\r\n\r\n", 0 },
  { "one CR LF", "\r\n", 0 },
  { "zero bytes", "\0\0\0\0\0\0\0\0", 8 },
  { "garbage", "\xff\xfe\x80\x01\x02garbage\x00more", 17 },
  { "STUN binding",
    "\x00\x01\x00\x00\x21\x12\xa4\x42"
    "abcdefghijkl",
    20 },
  { "classic STUN",
    "\x00\x01\x00\x08"
    "abcdefghijklmnop"
    "\x00\x03\x00\x04\x00\x00\x00\x06",
    28 },
  { "STUN that lies",
    "\x00\x01\xff\xff\x21\x12\xa4\x42"
    "abcdefghijkl",
    20 },
  { "RTP",
    "\x80\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01"
    "payload",
    19 },
  { "HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
  { "request line alone", "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n", 0 },
  { "no header", "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n\r\n", 0 },
  { "no Via", "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n" TAIL, 0 },
  { "empty Via", "INVITE sip:alice@192.0.2.1 SIP/2.0\r\nVia: \r\n" TAIL, 0 },
  { "broken Via", "INVITE sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP\r\n" TAIL, 0 },
  { "no empty line",
    "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n" VIA "From: <sip:a@b.example>;tag=1\r\n", 0 },
  { "cut in a header",
    "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n" VIA "From: <sip:a@b.example>;tag=1\r\nTo: <si", 0 },
  { "a stray 200", "SIP/2.0 200 OK\r\n" VIA TAIL, 0 },
  { "a stray 100 without anything", "SIP/2.0 100 Trying\r\n\r\n", 0 },
  { "a status of 9999", "SIP/2.0 9999 What\r\n" VIA TAIL, 0 },
};

static void
send_junk (RawPeer *peer, const Junk *one)
{
  raw_peer_send (peer, one->bytes, one->length != 0 ? one->length : strlen (one->bytes));
}

static void
assert_nothing_happened (Room *room)
{
  g_assert_cmpuint (room_get_n_calls (room), ==, 0);
  g_assert_cmpuint (room->n_added, ==, 0);
  room_assert_log (room, "");
}

/* Everything that can be said of one INVITE from an address that no account accepts. */
static void
test_stranger (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) friend = room_udp_peer (room);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  static const char *const methods[] = { "INVITE", "OPTIONS", "REGISTER", "BYE",
                                         "CANCEL", "ACK",     "MESSAGE",  "SUBSCRIBE",
                                         "NOTIFY", "PUBLISH", "UPDATE",   "PRACK",
                                         "INFO",   "REFER",   "FOO",      "invite" };
  g_autofree char *padding = g_strnfill (60000, 'x');

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (stranger, "alice");
      g_autofree char *plain = raw_call_format (call, methods[i], NULL, NULL);
      g_autofree char *in_dialog = raw_call_format (call, methods[i], "tag", NULL);
      g_autofree char *other = NULL;

      raw_peer_send_text (stranger, plain);
      raw_call_renew_branch (call);
      raw_peer_send_text (stranger, in_dialog);
      raw_set (&call->request_uri, "sip:100@192.0.2.1");
      other = raw_call_format (call, methods[i], NULL, NULL);
      raw_peer_send_text (stranger, other);
    }
  for (guint i = 0; i < G_N_ELEMENTS (junk); i++)
    send_junk (stranger, &junk[i]);
  {
    g_autoptr (RawCall) call = raw_call_new (stranger, "alice");

    raw_set (&call->extra, "X-Padding: %s\r\n", padding);
    raw_call_invite (call);
    raw_set (&call->extra, "From: <sip:second@b.example>;tag=2\r\nExpires: bad\r\n");
    raw_call_invite (call);
    raw_set (&call->extra, "X-Broken\r\nTo\r\n: value\r\nCSeq: x\r\n");
    raw_call_invite (call);
    g_clear_pointer (&call->extra, g_free);
    raw_set (&call->content_length, "5000");
    raw_call_invite (call);
    g_clear_pointer (&call->from, g_free);
    raw_call_invite (call);
  }
  raw_peer_assert_alive (friend);
  raw_peer_assert_silent (stranger, 400);
  assert_nothing_happened (room);
}

/* Many short headers are quadratic work for the library: neither a stranger's response nor a
 * neighbour's request may hold up the next one (a second each, without the gate). */
static void
test_many_headers (void)
{
  static const char *const parts[] = { "z:\r\n", "i:a\r\n", "\xff\r\n" };
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) friend = room_udp_peer (room);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  RawTime start;

  start = raw_now ();
  for (guint i = 0; i <= G_N_ELEMENTS (parts); i++)
    {
      g_autoptr (GString) response = g_string_new ("SIP/2.0 200 OK\r\n");
      g_autoptr (GString) request = g_string_new ("INVITE sip:alice@192.0.2.1 SIP/2.0\r\n");
      const char *part = i < G_N_ELEMENTS (parts) ? parts[i] : "a,";

      if (i == G_N_ELEMENTS (parts))
        g_string_append (request, "Record-Route: ");
      while (response->len < 60000)
        g_string_append (response, part);
      while (request->len < 60000)
        g_string_append (request, part);
      g_string_append (request, "\r\n\r\n");
      for (guint n = 0; n < 4; n++)
        {
          raw_peer_send (stranger, response->str, response->len);
          raw_peer_send (friend, response->str, response->len);
          raw_peer_send (friend, request->str, request->len);
          raw_run_for (1);
        }
    }
  raw_peer_assert_alive (friend);
  g_assert_cmpint (raw_elapsed (start, raw_now ()), <, 2 * G_TIME_SPAN_SECOND * raw_slowness ());
  raw_peer_assert_silent (stranger, 100);
  assert_nothing_happened (room);
}

/* An SIP version that is none of ours, in a request that is fine but for it. */
static void
test_version (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  static const char *const versions[] = { "SIP/1.0", "SIP/3.0", "SIP/2.00", "HTTP/1.1", "X" };

  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *invite = raw_call_format (call, "INVITE", NULL, NULL);
      g_auto (GStrv) halves = g_strsplit (invite, "SIP/2.0", 2);
      g_autofree char *changed = g_strjoin (versions[i], halves[0], halves[1], NULL);

      raw_peer_send_text (stranger, changed);
      raw_peer_send_text (peer, changed);
    }
  raw_run_for (250);
  /* 505 to a neighbour would be right (RFC 3261 section 21.5.6), as would be silence. */
  while (raw_peer_get_n_waiting (peer) > 0)
    {
      g_autoptr (RawReply) reply = raw_reply_new (raw_peer_receive (peer));

      g_assert_cmpuint (reply->status, ==, 505);
    }
  raw_peer_assert_silent (stranger, 10);
  raw_peer_assert_alive (peer);
  assert_nothing_happened (room);
}

static void
test_junk_from_neighbour (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);

  for (guint i = 0; i < G_N_ELEMENTS (junk); i++)
    {
      g_test_message ("%s", junk[i].name);
      send_junk (peer, &junk[i]);
      raw_peer_assert_alive (peer);
    }
  raw_peer_assert_silent (peer, 300);
  assert_nothing_happened (room);
}

/* A user that no account here has: silence, also for the neighbour, because a scanner may come
 * through it. */
static void
test_wrong_user (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const uris[] = { "sip:100@192.0.2.1",
                                      "sip:Alice@192.0.2.1",
                                      "sip:alice%00@192.0.2.1",
                                      "sip:192.0.2.1",
                                      "sip:@192.0.2.1",
                                      "sip:alice1@192.0.2.1",
                                      "tel:+4930123",
                                      "urn:service:sos",
                                      "mailto:alice@example.org",
                                      "sip:alice%40x@192.0.2.1",
                                      "sip:alice:secret@192.0.2.1",
                                      "*" };

  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");

      raw_set (&call->request_uri, "%s", uris[i]);
      raw_call_invite (call);
      raw_peer_assert_alive (peer);
      if (room->n_added > 0)
        g_error ("a call for %s", uris[i]);
    }
  raw_peer_assert_silent (peer, 300);
  assert_nothing_happened (room);
}

/* The source that one account accepts is a stranger to another. */
static void
test_other_accounts_source (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawPeer) berts = raw_peer_new_udp ("127.0.0.5", "127.0.0.1", room->udp_port);
  g_autoptr (RawCall) to_alice = raw_call_new (berts, "alice");
  g_autoptr (RawCall) to_bert = raw_call_new (berts, "bert");
  g_autoptr (RawCall) wrong = raw_call_new (peer, "bert");
  DflAccountSettings *bert = room_account ("bert");

  room_accept_from (bert, "192.0.2.0/24;127.0.0.4/30;2001:db8::/32");
  room_set_accounts (room, room_account ("alice"), bert, NULL);
  raw_call_invite (to_alice);
  raw_call_invite (wrong);
  raw_call_invite (to_bert);
  raw_call_expect_ringing (to_bert);
  raw_peer_assert_silent (peer, 200);
  raw_peer_assert_silent (berts, 10);
  g_assert_cmpuint (room->n_added, ==, 1);
  room_decline (room_wait_call (room), 0);
  raw_call_expect (to_bert, "INVITE", 486);
  raw_call_ack (to_bert);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added declining declined removed");
}

/* Disabled, failed and removed accounts are as if they were not there; a new accept-from counts
 * from the next INVITE on. */
static void
test_settings_change (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  DflCall *offered;
  g_autoptr (RawCall) call = room_ringing_call (room, peer, &offered);
  DflAccountSettings *disabled = room_account ("alice");

  disabled->enabled = FALSE;
  room_set_accounts (room, disabled, NULL);
  {
    g_autoptr (RawCall) late = raw_call_new (peer, "alice");

    raw_call_invite (late);
    raw_peer_assert_silent (peer, 200);
  }
  /* The call that was there stays there and can be decided. */
  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 180);
  room_redirect (offered, ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "redirecting redirected removed");
  /* Nobody is left to be somebody's neighbour. */
  {
    g_autoptr (RawCall) ping = raw_call_new (peer, "alice");
    g_autofree char *options = raw_call_format (ping, "OPTIONS", NULL, NULL);

    raw_peer_send_text (peer, options);
    raw_peer_assert_silent (peer, 200);
  }
  room_set_accounts (room, room_account ("alice"), NULL);
  raw_peer_assert_alive (peer);
}

/* A call whose account goes keeps its CANCEL. */
static void
test_account_goes (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

  room_set_accounts (room, room_account ("bert"), NULL);
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "cancelled removed");
}

static gboolean
list_has (const char *list, const char *item)
{
  g_auto (GStrv) items = g_strsplit (list, ",", -1);

  for (char **one = items; *one != NULL; one++)
    if (g_str_equal (g_strstrip (*one), item))
      return TRUE;
  return FALSE;
}

/* RFC 3261 section 8.2.1: Allow, of what is really served, and nothing that is not. */
static void
assert_allow (RawReply *reply)
{
  const char *allow = raw_reply_get (reply, "Allow");

  g_assert_nonnull (allow);
  g_assert_true (list_has (allow, "INVITE"));
  g_assert_true (list_has (allow, "ACK"));
  g_assert_true (list_has (allow, "CANCEL"));
  g_assert_true (list_has (allow, "OPTIONS"));
  g_assert_false (list_has (allow, "REGISTER"));
  g_assert_false (list_has (allow, "PRACK"));
  g_assert_false (list_has (allow, "UPDATE"));
  g_assert_false (list_has (allow, "REFER"));
}

static void
test_options (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const uris[] = { "sip:alice@192.0.2.1", "sip:192.0.2.1", "sip:nobody@x.y" };

  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *options = NULL;
      g_autoptr (RawReply) reply = NULL;

      raw_set (&call->request_uri, "%s", uris[i]);
      options = raw_call_format (call, "OPTIONS", NULL, "Accept: application/sdp\r\n");
      raw_peer_send_text (peer, options);
      reply = raw_call_receive (call, "OPTIONS", 200);
      assert_allow (reply);
      g_assert_nonnull (raw_reply_get (reply, "Accept"));
      if (raw_reply_get (reply, "Supported") != NULL)
        {
          g_assert_false (list_has (raw_reply_get (reply, "Supported"), "100rel"));
          g_assert_false (list_has (raw_reply_get (reply, "Supported"), "timer"));
          g_assert_false (list_has (raw_reply_get (reply, "Supported"), "replaces"));
        }
      g_assert_null (g_strstr_len (reply->text, -1, "sofia"));
    }
  assert_nothing_happened (room);
}

static void
test_method_not_allowed (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const methods[] = { "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH",
                                         "REFER",    "INFO",    "FOO",       "X-y.z" };

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *text = raw_call_format (call, methods[i], NULL, NULL);
      g_autoptr (RawReply) reply = NULL;

      raw_peer_send_text (peer, text);
      reply = raw_call_receive (call, methods[i], 405);
      assert_allow (reply);
      /* A retransmission gets the same. */
      raw_peer_send_text (peer, text);
      raw_call_expect (call, methods[i], 405);
    }
  assert_nothing_happened (room);
}

/* RFC 3261 section 12.2.2: requests of a dialog that nobody here knows. */
static void
test_without_dialog (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const char *const methods[] = { "INVITE", "BYE", "CANCEL" };

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *text = NULL;

      call->to_tag = g_strdup ("of-no-dialog");
      text = raw_call_format (call, methods[i], call->to_tag, NULL);
      raw_peer_send_text (peer, text);
      raw_set (&call->to, "%s;tag=of-no-dialog", call->to);
      raw_call_expect (call, methods[i], 481);
      if (g_str_equal (methods[i], "INVITE"))
        {
          g_autofree char *ack = raw_call_format (call, "ACK", NULL, NULL);

          raw_peer_send_text (peer, ack);
        }
    }
  {
    g_autoptr (RawCall) call = raw_call_new (peer, "alice");
    g_autofree char *bye = raw_call_format (call, "BYE", NULL, NULL);
    g_autofree char *cancel = NULL;
    g_autofree char *ack = NULL;

    raw_peer_send_text (peer, bye);
    raw_call_expect (call, "BYE", 481);
    raw_call_renew_branch (call);
    g_clear_pointer (&call->to_tag, g_free);
    cancel = raw_call_format (call, "CANCEL", NULL, NULL);
    raw_peer_send_text (peer, cancel);
    raw_call_expect (call, "CANCEL", 481);
    /* There is no answer to an ACK, ever. */
    raw_call_renew_branch (call);
    ack = raw_call_format (call, "ACK", "x", NULL);
    raw_peer_send_text (peer, ack);
  }
  raw_peer_assert_silent (peer, 300);
  assert_nothing_happened (room);
}

/* Malformed, but a neighbour's and with enough to answer to: 400 or nothing, and no call. */
static void
test_malformed_from_neighbour (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const struct
  {
    const char *cut; /* the header line whose name begins so goes */
    const char *extra;
  } cases[] = {
    { "From", NULL },
    { "To", NULL },
    { "Call-ID", NULL },
    { "CSeq", NULL },
    { "CSeq", "CSeq: 1 BYE\r\n" },
    { "CSeq", "CSeq: 99999999999 INVITE\r\n" },
    { "CSeq", "CSeq: INVITE\r\n" },
    { "From", "From: <sip:a@b\r\n" },
    { "To", "To: \"<sip:alice@example.org>\r\n" },
    { "Call-ID", "Call-ID: \r\n" },
    { "none", "From: <sip:second@b.example>;tag=2\r\n" },
    { "none", "Call-ID: second\r\n" },
    { "none", "CSeq: 2 INVITE\r\n" },
    { "none", "To: <sip:carla@example.org>\r\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *invite = NULL;
      g_auto (GStrv) lines = NULL;
      GString *text = g_string_new (NULL);
      g_autofree char *sent = NULL;

      g_clear_pointer (&call->body, g_free);
      invite = raw_call_format (call, "INVITE", NULL, NULL);
      lines = g_strsplit (invite, "\r\n", -1);
      for (char **line = lines; **line != '\0'; line++)
        if (!g_str_has_prefix (*line, cases[i].cut))
          g_string_append_printf (text, "%s\r\n", *line);
      g_string_append_printf (text, "%s\r\n", cases[i].extra != NULL ? cases[i].extra : "");
      sent = g_string_free (text, FALSE);
      raw_peer_send_text (peer, sent);
      raw_run_for (150);
      g_test_message ("case %u", i);
      while (raw_peer_get_n_waiting (peer) > 0)
        {
          g_autoptr (RawPacket) packet = raw_peer_receive (peer);

          g_test_message ("%s", packet->bytes);
          g_assert_true (g_str_has_prefix (packet->bytes, "SIP/2.0 400"));
        }
      assert_nothing_happened (room);
    }
  /* The 400s are not acknowledged; they must end by themselves. */
  raw_run_for (200);
  raw_peer_flush (peer);
  raw_peer_assert_alive (room_udp_peer (room));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/gate/stranger", test_stranger);
  g_test_add_func ("/sip/gate/many-headers", test_many_headers);
  g_test_add_func ("/sip/gate/version", test_version);
  g_test_add_func ("/sip/gate/junk-from-neighbour", test_junk_from_neighbour);
  g_test_add_func ("/sip/gate/wrong-user", test_wrong_user);
  g_test_add_func ("/sip/gate/other-accounts-source", test_other_accounts_source);
  g_test_add_func ("/sip/gate/settings-change", test_settings_change);
  g_test_add_func ("/sip/gate/account-goes", test_account_goes);
  g_test_add_func ("/sip/gate/options", test_options);
  g_test_add_func ("/sip/gate/method-not-allowed", test_method_not_allowed);
  g_test_add_func ("/sip/gate/without-dialog", test_without_dialog);
  g_test_add_func ("/sip/gate/malformed-from-neighbour", test_malformed_from_neighbour);
  return g_test_run ();
}
