/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts that register over a connection of their own: what comes through it, and what becomes of
 * calls when it is gone. */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "contact-scene.h"

/* Each connection is for one account. */
static void
test_other_flow (void)
{
  Server bob, carol;
  g_autoptr (Room) room = room_new (NULL);
  DflAccountSettings *direct = room_account ("alice");

  server_open (&bob, room, TRUE);
  server_open (&carol, room, TRUE);
  room_accept_from (direct, "127.0.0.0/8");
  room_set_accounts (room, direct, server_make_settings (&bob, "bob"),
                     server_make_settings (&carol, "carol"), NULL);
  server_register (&bob);
  server_register (&carol);
  server_wait_registered (room, "bob");
  server_wait_registered (room, "carol");
  g_assert_cmpstr (bob.token, !=, carol.token);
  invite_in_vain (room, bob.peer, carol.token);
  invite_in_vain (room, carol.peer, bob.token);
  invite_in_vain (room, bob.peer, "alice");
  invite_in_vain (room, bob.peer, "bob");
  deflect (room, bob.peer, bob.token);
  deflect (room, carol.peer, carol.token);
  server_close (&bob);
  server_close (&carol);
}

/* Who registered over a connection is called through that, and from accept-from=: the address of
 * the server in a datagram proves nothing, and neither while the server has not answered yet. */
static void
test_around_flow (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) udp = raw_peer_new_udp (SERVER, "127.0.0.1", room->udp_port);
  g_autoptr (RawPeer) tcp = raw_peer_new_tcp (SERVER, "127.0.0.1", room->tcp_port);
  g_autoptr (RawPeer) friend = raw_peer_new_udp ("127.0.0.7", "127.0.0.1", room->udp_port);
  DflAccountSettings *settings;

  server_open (&server, room, TRUE);
  settings = server_make_settings (&server, "bob");
  room_accept_from (settings, "127.0.0.7/32");
  room_set_accounts (room, settings, NULL);
  server.peer = raw_peer_accept (server.listener);
  {
    g_autoptr (RawRequest) request = raw_request_receive (server.peer, "REGISTER");

    server_learn (&server, request);
    invite_in_vain (room, udp, server.token);
    server_grant (&server, request);
  }
  server_wait_registered (room, "bob");
  invite_in_vain (room, udp, server.token);
  invite_in_vain (room, tcp, server.token);
  deflect (room, friend, server.token);
  deflect (room, server.peer, server.token);
  server_close (&server);
}

/* The socket of this process that listens and is not among those that anybody is told of. */
static guint16
find_relay_port (Room *room)
{
  const char *const *listening = dfl_sip_agent_get_listening (room->agent);
  guint16 found = 0;

  for (int fd = 0; fd < 1024; fd++)
    {
      struct sockaddr_in address;
      socklen_t length = sizeof address;
      int listens = 0;
      socklen_t listens_length = sizeof listens;
      g_autofree char *item = NULL;

      if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_length) < 0 || !listens
          || getsockname (fd, (struct sockaddr *)&address, &length) < 0
          || address.sin_family != AF_INET || address.sin_addr.s_addr != htonl (INADDR_LOOPBACK))
        continue;
      item = g_strdup_printf ("tcp:127.0.0.1:%u", ntohs (address.sin_port));
      if (g_strv_contains (listening, item))
        continue;
      g_assert_cmpuint (found, ==, 0);
      found = ntohs (address.sin_port);
    }
  g_assert_cmpuint (found, !=, 0);
  return found;
}

/* Where the stack awaits relays it serves nobody else, whatever is accepted from loopback. */
static void
test_relay_port (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) talker = raw_peer_new_tcp ("127.0.0.1", "127.0.0.1", find_relay_port (room));
  g_autoptr (RawPeer) silent = raw_peer_new_tcp ("127.0.0.1", "127.0.0.1", find_relay_port (room));
  g_autoptr (RawPeer) friend = raw_peer_new_tcp ("127.0.0.1", "127.0.0.1", room->tcp_port);
  g_autoptr (RawCall) call = NULL;

  invite_in_vain (room, talker, "alice");
  raw_wait_until (raw_peer_is_closed (talker) && raw_peer_is_closed (silent));
  raw_peer_assert_alive (friend);

  /* What a server says last of all is no more than what it says before. */
  server_open (&server, room, TRUE);
  room_set_accounts (room, room_account ("alice"), server_make_settings (&server, "bob"), NULL);
  server_register (&server);
  server_wait_registered (room, "bob");
  call = call_user (server.peer, "alice");
  raw_call_invite (call);
  raw_peer_hang_up (server.peer, FALSE);
  raw_run_for (500);
  g_assert_cmpuint (room->n_added, ==, 0);
  server_close (&server);
}

/* The Contact of a 180 is the place of the registered one, without the token, which callers do not
 * learn; and whatever is answered through a flow says that it came from the server, and nothing of
 * how the stack is reached inside. */
static void
test_answers (void)
{
  Server server;
  g_autoptr (Room) room = server_open_registered (&server, TRUE);
  g_autoptr (RawCall) call = call_user (server.peer, server.token);
  g_autoptr (RawReply) ringing = NULL;
  g_autofree char *expected = g_strdup_printf ("<sip:%s>", strchr (server.contact, '@') + 1);

  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 100);
  raw_call_skip_trying (call);
  ringing = raw_call_receive (call, "INVITE", 180);
  g_assert_cmpstr (raw_reply_get (ringing, "Contact"), ==, expected);
  g_assert_null (strstr (ringing->text, "127.0.0.1:0"));
  g_assert_null (strstr (ringing->text, "received=127.0.0.1"));
  g_assert_null (strstr (strstr (ringing->text, "\r\n"), server.token));
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
  raw_peer_assert_alive (server.peer);
  server_close (&server);
}

/* A call ends with its connection, and what the stack still has to say of it goes nowhere: not even
 * to who listens where the Via points. */
static void
test_flow_lost (void)
{
  Server server;
  g_autoptr (Room) room = server_open_registered (&server, TRUE);
  g_autoptr (GSocket) bystander = raw_listen ("127.0.0.1");
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (bystander, NULL);
  guint port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  g_autoptr (RawCall) offered = call_user (server.peer, server.token);
  g_autoptr (RawCall) decided = call_user (server.peer, server.token);
  g_autofree char *one = raw_branch ();
  g_autofree char *other = raw_branch ();

  raw_set (&offered->via, "SIP/2.0/TCP 127.0.0.1:%u;branch=%s", port, one);
  raw_set (&decided->via, "SIP/2.0/TCP 127.0.0.1:%u;branch=%s", port, other);
  raw_call_invite (decided);
  raw_call_expect_ringing (decided);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (decided, "INVITE", 302);
  raw_call_invite (offered);
  raw_call_expect_ringing (offered);
  room_assert_log (room, "added redirecting added");
  raw_peer_hang_up (server.peer, TRUE);
  room_wait_n_calls (room, 0);
  g_assert_nonnull (strstr (room->log->str, "failed"));
  g_assert_nonnull (strstr (room->log->str, "unconfirmed"));
  room_forget_log (room);
  raw_run_for (1500);
  g_assert_cmpint (g_socket_condition_check (bystander, G_IO_IN), ==, 0);
  server_close (&server);
}

/* --- The stack closes its side of a connection before the flow is closed --- */

/* What a server does last. */
typedef struct
{
  const char *name;
  const char *last_words;
  gboolean reset;
} End;

static const End ends[] = {
  { "fin", "", FALSE },
  { "reset", "", TRUE },
  { "garbage", "garbage\r\n\r\n", FALSE },
  { "no length", "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP x\r\n\r\n", FALSE },
};

/* The relay of the one flow: the socket of this process whose far end is the stack. */
static int
find_relay (Room *room, struct sockaddr_in *own)
{
  guint16 port = find_relay_port (room);

  for (int fd = 0; fd < 1024; fd++)
    {
      struct sockaddr_in far;
      socklen_t far_length = sizeof far, own_length = sizeof *own;

      if (getpeername (fd, (struct sockaddr *)&far, &far_length) == 0 && far.sin_family == AF_INET
          && ntohs (far.sin_port) == port
          && getsockname (fd, (struct sockaddr *)own, &own_length) == 0)
        return fd;
    }
  g_assert_not_reached ();
}

/* Listens on the port of the relay, as who is given it next may do. */
static GSocket *
inherit_port (Room *room)
{
  struct sockaddr_in own;
  int yes = 1;
  int relay = find_relay (room, &own);
  g_autoptr (GSocket) heir = NULL;
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (setsockopt (relay, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), ==, 0);
  heir = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
  g_assert_no_error (error);
  address = g_socket_address_new_from_native (&own, sizeof own);
  g_socket_bind (heir, address, TRUE, &error);
  g_assert_no_error (error);
  g_socket_listen (heir, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&heir);
}

static RawCall *
call_by_way_of (RawPeer *server, const char *token, guint port)
{
  RawCall *call = call_user (server, token);
  g_autofree char *branch = raw_branch ();

  raw_set (&call->via, "SIP/2.0/TCP 127.0.0.1:%u;branch=%s", port, branch);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  return call;
}

/* One call is redirected and not acknowledged, the other offered still. */
static void
play_end (const End *end)
{
  Server server;
  g_autoptr (Room) room = server_open_registered (&server, TRUE);
  g_autoptr (GSocket) heir = inherit_port (room);
  g_autoptr (GSocket) bystander = raw_listen ("127.0.0.1");
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (bystander, NULL);
  guint port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  g_autoptr (RawPeer) caller = NULL;
  g_autoptr (RawCall) decided = call_by_way_of (server.peer, server.token, port);
  g_autoptr (RawCall) offered = NULL;

  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (decided, "INVITE", 302);
  offered = call_by_way_of (server.peer, server.token, port);
  room_assert_log (room, "added redirecting added");
  raw_peer_send_text (server.peer, end->last_words);
  raw_peer_hang_up (server.peer, end->reset);
  room_wait_n_calls (room, 0);
  room_forget_log (room);

  /* The stack looks after what it could not send when another call begins. */
  room_set_accounts (room, room_account ("alice"), NULL);
  caller = room_udp_peer (room);
  deflect (room, caller, "alice");
  raw_run_for (700);
  g_assert_cmpint (g_socket_condition_check (bystander, G_IO_IN), ==, 0);
  g_assert_cmpint (g_socket_condition_check (heir, G_IO_IN), ==, 0);
  server_close (&server);
}

/* What the stack says then goes to nobody on this machine: not to who listens where the Via points,
 * and not to who is given the port of the relay next. */
static void
test_stack_first (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_test_message ("%s", ends[i].name);
      play_end (&ends[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/contact/other-flow", test_other_flow);
  g_test_add_func ("/contact/around-flow", test_around_flow);
  g_test_add_func ("/contact/relay-port", test_relay_port);
  g_test_add_func ("/contact/answers", test_answers);
  g_test_add_func ("/contact/flow-lost", test_flow_lost);
  g_test_add_func ("/contact/stack-first", test_stack_first);
  return g_test_run ();
}
