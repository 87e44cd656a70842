/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who reaches an account that registers: those who know its contact, from its servers, and nobody
 * else. */

#include "contact-scene.h"

/* Neither somebody unknown, nor who may call another account. */
static void
test_wrong_source (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) udp = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  g_autoptr (RawPeer) tcp = raw_peer_new_tcp ("127.0.0.2", "127.0.0.1", room->tcp_port);
  g_autoptr (RawPeer) neighbour = raw_peer_new_udp ("127.0.0.3", "127.0.0.1", room->udp_port);
  DflAccountSettings *direct = room_account ("alice");

  server_open (&server, room, FALSE);
  room_accept_from (direct, "127.0.0.3");
  room_set_accounts (room, server_make_settings (&server, "bob"), direct, NULL);
  server_register (&server);
  server_wait_registered (room, "bob");
  invite_in_vain (room, udp, server.token);
  invite_in_vain (room, tcp, server.token);
  invite_in_vain (room, neighbour, server.token);
  invite_in_vain (room, server.peer, "alice");
  raw_peer_assert_alive (neighbour);
  deflect (room, server.peer, server.token);
  server_close (&server);
}

/* Nothing but the whole token is one; it is case-sensitive like every user part (RFC 3261 section
 * 19.1.4), and the number of the account is no way to it. */
static void
test_wrong_token (void)
{
  Server server;
  g_autoptr (Room) room = server_open_registered (&server, FALSE);
  g_autofree char *other = g_strdup (server.token);
  g_autofree char *shorter = g_strndup (server.token, DFL_TOKEN_LENGTH - 1);
  g_autofree char *longer = g_strconcat (server.token, "0", NULL);
  g_autofree char *upper = g_ascii_strup (server.token, -1);
  g_autofree char *random = g_strnfill (DFL_TOKEN_LENGTH, '0');

  other[DFL_TOKEN_LENGTH - 1] = other[DFL_TOKEN_LENGTH - 1] == '0' ? '1' : '0';
  invite_in_vain (room, server.peer, other);
  invite_in_vain (room, server.peer, shorter);
  invite_in_vain (room, server.peer, longer);
  invite_in_vain (room, server.peer, upper);
  invite_in_vain (room, server.peer, random);
  invite_in_vain (room, server.peer, "bob");
  invite_in_vain (room, server.peer, "");
  deflect (room, server.peer, server.token);
  server_close (&server);
}

/* Other settings, another token: the one before is worth nothing from then on. */
static void
test_old_token (void)
{
  Server server;
  g_autoptr (Room) room = server_open_registered (&server, FALSE);
  g_autofree char *old = g_strdup (server.token);
  DflAccountSettings *settings = server_make_settings (&server, "bob");

  raw_set (&settings->username, "other");
  room_set_accounts (room, settings, NULL);
  /* The old contact may be taken back first, by itself. */
  while (g_str_equal (server.token, old))
    server_register (&server);
  server_wait_registered (room, "bob");
  raw_run_for (200);
  raw_peer_flush (server.peer);
  invite_in_vain (room, server.peer, old);
  deflect (room, server.peer, server.token);
  server_close (&server);
}

/* accept-from= is for those who know the token too. */
static void
test_accept_from (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) friend = raw_peer_new_udp ("127.0.0.7", "127.0.0.1", room->udp_port);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  DflAccountSettings *settings;

  server_open (&server, room, FALSE);
  settings = server_make_settings (&server, "bob");
  room_accept_from (settings, "127.0.0.7/32");
  room_set_accounts (room, settings, NULL);
  server_register (&server);
  server_wait_registered (room, "bob");
  invite_in_vain (room, stranger, server.token);
  invite_in_vain (room, friend, "bob");
  deflect (room, friend, server.token);
  deflect (room, server.peer, server.token);
  server_close (&server);
}

/* Some servers put into To what they put into the Request-URI. */
static void
test_called_address (void)
{
  Server server;
  g_autoptr (Room) room = server_open_registered (&server, FALSE);
  g_autoptr (RawCall) call = raw_call_new (server.peer, server.token);

  raw_set (&call->to, "<%s>", server.contact);
  raw_set (&call->extra, "P-Called-Party-ID: <%s>\r\n", server.contact);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  g_assert_cmpstr (dfl_call_get_offer (room_wait_call (room))->called_address, ==,
                   "sip:bob@example.org");
  room_decline (room_wait_call (room), 486);
  raw_call_expect (call, "INVITE", 486);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_forget_log (room);
  server_close (&server);
}

static void
check_ringing (Room *room, Server *server)
{
  g_autoptr (RawCall) call = call_user (server->peer, server->token);
  g_autoptr (RawReply) ringing = NULL;
  g_autofree char *expected = g_strdup_printf ("<sip:%s>", strchr (server->contact, '@') + 1);

  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 100);
  raw_call_skip_trying (call);
  ringing = raw_call_receive (call, "INVITE", 180);
  g_assert_cmpstr (raw_reply_get (ringing, "Contact"), ==, expected);
  g_assert_null (strstr (ringing->text, server->token));
  room_decline (room_wait_call (room), 486);
  raw_call_expect (call, "INVITE", 486);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_forget_log (room);
}

/* The server hands the 180 on to the caller, who must not learn how to call us without it; neither
 * before the registration is granted. */
static void
test_no_token (gconstpointer tcp)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);

  server_open (&server, room, tcp != NULL);
  room_set_accounts (room, server_make_settings (&server, "bob"), NULL);
  if (tcp != NULL)
    server.peer = raw_peer_accept (server.listener);
  {
    g_autoptr (RawRequest) request = raw_request_receive (server.peer, "REGISTER");

    server_learn (&server, request);
    check_ringing (room, &server);
    server_grant (&server, request);
  }
  server_wait_registered (room, "bob");
  check_ringing (room, &server);
  server_close (&server);
}

/* The caller of an offered call may give up although the account has gone. */
static void
test_gone_account (void)
{
  Server server;
  g_autoptr (Room) room = server_open_registered (&server, FALSE);
  g_autoptr (RawCall) call = call_user (server.peer, server.token);

  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_set_accounts (room, room_account ("alice"), NULL);
  server_register (&server);
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
  {
    g_autoptr (RawCall) again = call_user (server.peer, server.token);

    raw_call_invite (again);
    raw_peer_assert_silent (server.peer, 250);
    g_assert_cmpuint (room->n_added, ==, 1);
  }
  server_close (&server);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/contact/wrong-source", test_wrong_source);
  g_test_add_func ("/contact/wrong-token", test_wrong_token);
  g_test_add_func ("/contact/old-token", test_old_token);
  g_test_add_func ("/contact/accept-from", test_accept_from);
  g_test_add_func ("/contact/called-address", test_called_address);
  g_test_add_data_func ("/contact/no-token/udp", NULL, test_no_token);
  g_test_add_data_func ("/contact/no-token/tcp", "tcp", test_no_token);
  g_test_add_func ("/contact/gone-account", test_gone_account);
  return g_test_run ();
}
