/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who reaches an account that registers: those who know its contact, from its servers or through
 * its own connection, and nobody else. */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "raw-request.h"
#include "sip-room.h"
#include "sip/token.h"

/* Not the address of anything else here, so that nothing is mistaken for it. */
#define SERVER "127.0.0.5"

/* One account's server, and what the account registered there. */
typedef struct
{
  GSocket *listener; /* TCP, or NULL for UDP */
  RawPeer *peer;
  char *contact;
  char token[DFL_TOKEN_LENGTH + 1];
} Server;

static DflAccountSettings *
registering (const char *name, const Server *server)
{
  DflAccountSettings *settings = room_account (name);

  settings->registers = TRUE;
  room_accept_from (settings, "");
  if (server->listener != NULL)
    {
      g_autoptr (GSocketAddress) address = g_socket_get_local_address (server->listener, NULL);

      settings->transport = DFL_TRANSPORT_TCP;
      raw_set (&settings->registrar, SERVER ":%u",
               g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
    }
  else
    raw_set (&settings->registrar, "%s", raw_peer_get_local (server->peer));
  return settings;
}

static void
server_open (Server *self, Room *room, gboolean tcp)
{
  memset (self, 0, sizeof *self);
  if (tcp)
    self->listener = raw_listen (SERVER);
  else
    self->peer = raw_peer_new_udp (SERVER, "127.0.0.1", room->udp_port);
}

static void
server_learn (Server *self, RawRequest *request)
{
  const char *value = raw_request_get_nth (request, "Contact", 0);

  g_free (self->contact);
  self->contact = g_strndup (value + 1, strcspn (value + 1, ">"));
  g_strlcpy (self->token, self->contact + strlen ("sip:"), sizeof self->token);
  g_assert_cmpint (self->contact[strlen ("sip:") + DFL_TOKEN_LENGTH], ==, '@');
}

static void
server_grant (Server *self, RawRequest *request)
{
  g_autofree char *extra = g_strdup_printf ("Contact: <%s>;expires=600\r\n", self->contact);

  raw_request_answer (request, self->peer, "200 OK", extra);
}

/* Takes the next registration. */
static void
server_register (Server *self)
{
  g_autoptr (RawRequest) request = NULL;

  if (self->peer == NULL)
    self->peer = raw_peer_accept (self->listener);
  request = raw_request_receive (self->peer, "REGISTER");
  server_learn (self, request);
  server_grant (self, request);
}

static void
server_close (Server *self)
{
  if (self->peer != NULL)
    {
      raw_peer_flush (self->peer);
      raw_peer_free (self->peer);
    }
  g_clear_object (&self->listener);
  g_free (self->contact);
}

static void
wait_registered (Room *room, const char *name)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (room->switchboard);

  for (guint i = 0; i < accounts->len; i++)
    if (g_str_equal (dfl_account_get_settings (accounts->pdata[i])->name, name))
      {
        raw_wait_until (dfl_account_get_state (accounts->pdata[i]) == DFL_ACCOUNT_STATE_REGISTERED);
        return;
      }
  g_assert_not_reached ();
}

/* A room with "bob", who is registered at a server. */
static Room *
open_registered (Server *server, gboolean tcp)
{
  Room *room = room_new (NULL);

  server_open (server, room, tcp);
  room_set_accounts (room, registering ("bob", server), NULL);
  server_register (server);
  wait_registered (room, "bob");
  return room;
}

static RawCall *
call_user (RawPeer *peer, const char *user)
{
  RawCall *call = raw_call_new (peer, user);

  raw_set (&call->to, "<sip:bob@example.org>");
  return call;
}

static void
invite_in_vain (Room *room, RawPeer *peer, const char *user)
{
  g_autoptr (RawCall) call = call_user (peer, user);

  raw_call_invite (call);
  raw_peer_assert_silent (peer, 250);
  g_assert_cmpuint (room->n_added, ==, 0);
}

/* A call that works from its beginning to its end. */
static void
deflect (Room *room, RawPeer *peer, const char *user)
{
  g_autoptr (RawCall) call = call_user (peer, user);

  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}

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
  room_set_accounts (room, registering ("bob", &server), direct, NULL);
  server_register (&server);
  wait_registered (room, "bob");
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
  g_autoptr (Room) room = open_registered (&server, FALSE);
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
  g_autoptr (Room) room = open_registered (&server, FALSE);
  g_autofree char *old = g_strdup (server.token);
  DflAccountSettings *settings = registering ("bob", &server);

  raw_set (&settings->username, "other");
  room_set_accounts (room, settings, NULL);
  /* The old contact may be taken back first, by itself. */
  while (g_str_equal (server.token, old))
    server_register (&server);
  wait_registered (room, "bob");
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
  settings = registering ("bob", &server);
  room_accept_from (settings, "127.0.0.7/32");
  room_set_accounts (room, settings, NULL);
  server_register (&server);
  wait_registered (room, "bob");
  invite_in_vain (room, stranger, server.token);
  invite_in_vain (room, friend, "bob");
  deflect (room, friend, server.token);
  deflect (room, server.peer, server.token);
  server_close (&server);
}

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
  room_set_accounts (room, direct, registering ("bob", &bob), registering ("carol", &carol), NULL);
  server_register (&bob);
  server_register (&carol);
  wait_registered (room, "bob");
  wait_registered (room, "carol");
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
  room_set_accounts (room, room_account ("alice"), registering ("bob", &server), NULL);
  server_register (&server);
  wait_registered (room, "bob");
  call = call_user (server.peer, "alice");
  raw_call_invite (call);
  raw_peer_hang_up (server.peer, FALSE);
  raw_run_for (500);
  g_assert_cmpuint (room->n_added, ==, 0);
  server_close (&server);
}

/* The Contact of a 180 is the registered one, and whatever is answered through a flow says that it
 * came from the server, and nothing of how the stack is reached inside. */
static void
test_answers (void)
{
  Server server;
  g_autoptr (Room) room = open_registered (&server, TRUE);
  g_autoptr (RawCall) call = call_user (server.peer, server.token);
  g_autoptr (RawReply) ringing = NULL;
  g_autofree char *expected = g_strdup_printf ("<%s>", server.contact);

  raw_call_invite (call);
  raw_call_expect (call, "INVITE", 100);
  raw_call_skip_trying (call);
  ringing = raw_call_receive (call, "INVITE", 180);
  g_assert_cmpstr (raw_reply_get (ringing, "Contact"), ==, expected);
  g_assert_null (strstr (ringing->text, "127.0.0.1:0"));
  g_assert_null (strstr (ringing->text, "received=127.0.0.1"));
  raw_call_cancel (call, NULL);
  raw_call_expect_cancelled (call);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added cancelled removed");
  raw_peer_assert_alive (server.peer);
  server_close (&server);
}

/* Some servers put into To what they put into the Request-URI. */
static void
test_called_address (void)
{
  Server server;
  g_autoptr (Room) room = open_registered (&server, FALSE);
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

/* A call ends with its connection, and what the stack still has to say of it goes nowhere: not even
 * to who listens where the Via points. */
static void
test_flow_lost (void)
{
  Server server;
  g_autoptr (Room) room = open_registered (&server, TRUE);
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

/* The caller of an offered call may give up although the account has gone. */
static void
test_gone_account (void)
{
  Server server;
  g_autoptr (Room) room = open_registered (&server, FALSE);
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

/* --- Responses that nobody asked for, or that no proxy would have let through --- */

typedef struct
{
  const char *name;
  const char *from, *to; /* what is replaced in a good response, once, and by what */
} Mutation;

static const Mutation mutations[] = {
  { "status below all", "SIP/2.0 200 OK", "SIP/2.0 042 OK" },
  { "status 0", "SIP/2.0 200 OK", "SIP/2.0 0 OK" },
  { "status above all", "SIP/2.0 200 OK", "SIP/2.0 999 OK" },
  { "negative status", "SIP/2.0 200 OK", "SIP/2.0 -200 OK" },
  { "long status", "SIP/2.0 200 OK", "SIP/2.0 4294967496 OK" },
  { "no status", "SIP/2.0 200 OK", "SIP/2.0" },
  { "another version", "SIP/2.0 200 OK", "SIP/3.0 200 OK" },
  { "no Via", "\r\nVia: ", "\r\nX-Via: " },
  { "empty Via", "\r\nVia: ", "\r\nVia: \r\nX-Via: " },
  { "broken Via", "\r\nVia: SIP/2.0/", "\r\nVia: /" },
  { "a Via more", "\r\nVia: ", "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKabcdefgh\r\nVia: " },
  { "a Via below",
    "\r\nFrom: ", "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKabcdefgh\r\nFrom: " },
  { "no branch", ";branch=", ";br=" },
  { "another branch", ";branch=z9hG4bK", ";branch=z9hG4bKx" },
  { "no cookie", ";branch=z9hG4bK", ";branch=" },
  { "no From", "\r\nFrom: ", "\r\nX-From: " },
  { "no From-tag", ";tag=", ";gat=" },
  { "no To", "\r\nTo: ", "\r\nX-To: " },
  { "two To", "\r\nTo: ", "\r\nTo: <sip:x@example.org>;tag=x\r\nTo: " },
  { "no Call-ID", "\r\nCall-ID: ", "\r\nX-Call-ID: " },
  { "empty Call-ID", "\r\nCall-ID: ", "\r\nCall-ID: \r\nX-Call-ID: " },
  { "another Call-ID", "\r\nCall-ID: ", "\r\nCall-ID: x" },
  { "no CSeq", "\r\nCSeq: ", "\r\nX-CSeq: " },
  { "broken CSeq", "\r\nCSeq: ", "\r\nCSeq: x" },
  { "another CSeq", "\r\nCSeq: ", "\r\nCSeq: 9" },
  { "method of CSeq", " REGISTER\r\n", " INVITE\r\n" },
  { "ACK in CSeq", " REGISTER\r\n", " ACK\r\n" },
  { "OPTIONS in CSeq", " REGISTER\r\n", " OPTIONS\r\n" },
  { "unknown method in CSeq", " REGISTER\r\n", " FOO\r\n" },
  { "two CSeq", "\r\nCSeq: ", "\r\nCSeq: 1 REGISTER\r\nCSeq: " },
  { "long body", "Content-Length: 0", "Content-Length: 99999999" },
  { "negative length", "Content-Length: 0", "Content-Length: -1" },
};

static char *
mutate (const char *text, const Mutation *mutation)
{
  g_autoptr (GString) mutated = g_string_new (text);

  if (g_string_replace (mutated, mutation->from, mutation->to, 1) != 1)
    g_error ("%s: nothing to replace in: %s", mutation->name, text);
  return g_string_free (g_steal_pointer (&mutated), FALSE);
}

static gboolean
is_registered (Room *room)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (room->switchboard);
  gboolean any = FALSE;

  for (guint i = 0; i < accounts->len; i++)
    any = any || dfl_account_get_state (accounts->pdata[i]) == DFL_ACCOUNT_STATE_REGISTERED;
  return any;
}

static void
test_mutated_responses (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  g_autoptr (RawPeer) neighbour = raw_peer_new_udp (SERVER, "127.0.0.1", room->udp_port);
  g_autoptr (RawRequest) request = NULL;
  g_autoptr (GString) long_list = g_string_new (NULL);
  g_autofree char *extra = NULL;
  g_autofree char *good = NULL;

  server_open (&server, room, FALSE);
  room_set_accounts (room, registering ("bob", &server), NULL);
  request = raw_request_receive (server.peer, "REGISTER");
  server_learn (&server, request);
  extra = g_strdup_printf ("Contact: <%s>;expires=600\r\n", server.contact);
  good = raw_request_format_answer (request, "200 OK", NULL, extra);

  raw_peer_send_text (stranger, good);
  for (guint i = 0; i < G_N_ELEMENTS (mutations); i++)
    {
      g_autofree char *bad = mutate (good, &mutations[i]);

      g_test_message ("%s", mutations[i].name);
      raw_peer_send_text (server.peer, bad);
      raw_run_for (10);
      g_assert_false (is_registered (room));
    }
  while (long_list->len < 60000)
    g_string_append (long_list, "m:<sip:x@[::1]>,<sip:y@z>\r\n");
  {
    g_autofree char *huge = raw_request_format_answer (request, "200 OK", NULL, long_list->str);

    raw_peer_send_text (server.peer, huge);
    raw_peer_send (server.peer, good, strlen (good) / 2);
    raw_peer_send (server.peer, "SIP/2.0 200 OK\0\r\n\r\n", 19);
  }
  raw_run_for (100);
  g_assert_false (is_registered (room));
  raw_peer_send_text (server.peer, good);
  wait_registered (room, "bob");
  raw_peer_send_text (server.peer, good); /* once more, when nobody waits */
  raw_run_for (50);
  raw_peer_flush (server.peer); /* the REGISTER again: Timer E has not stood still */
  deflect (room, server.peer, server.token);
  server_close (&server);
}

/* Over TCP nobody but the server of a flow has anything to answer. */
static void
test_response_from_stranger (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) friend = NULL;
  g_autoptr (RawRequest) request = NULL;
  g_autofree char *extra = NULL;
  DflAccountSettings *direct = room_account ("alice");

  server_open (&server, room, TRUE);
  room_accept_from (direct, "127.0.0.0/8");
  room_set_accounts (room, registering ("bob", &server), direct, NULL);
  server.peer = raw_peer_accept (server.listener);
  request = raw_request_receive (server.peer, "REGISTER");
  server_learn (&server, request);
  friend = raw_peer_new_tcp (SERVER, "127.0.0.1", room->tcp_port);
  extra = g_strdup_printf ("Contact: <%s>;expires=600\r\n", server.contact);
  raw_request_answer (request, friend, "200 OK", extra);
  raw_run_for (200);
  g_assert_false (is_registered (room));
  server_grant (&server, request);
  wait_registered (room, "bob");
  deflect (room, server.peer, server.token);
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
  g_test_add_func ("/contact/other-flow", test_other_flow);
  g_test_add_func ("/contact/relay-port", test_relay_port);
  g_test_add_func ("/contact/answers", test_answers);
  g_test_add_func ("/contact/called-address", test_called_address);
  g_test_add_func ("/contact/flow-lost", test_flow_lost);
  g_test_add_func ("/contact/gone-account", test_gone_account);
  g_test_add_func ("/contact/mutated-responses", test_mutated_responses);
  g_test_add_func ("/contact/response-from-stranger", test_response_from_stranger);
  return g_test_run ();
}
