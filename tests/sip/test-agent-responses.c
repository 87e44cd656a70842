/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Responses that nobody asked for, or that no proxy would have let through. */

#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "contact-scene.h"

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
  room_set_accounts (room, server_make_settings (&server, "bob"), NULL);
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
  server_wait_registered (room, "bob");
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
  room_set_accounts (room, server_make_settings (&server, "bob"), direct, NULL);
  server.peer = raw_peer_accept (server.listener);
  request = raw_request_receive (server.peer, "REGISTER");
  server_learn (&server, request);
  friend = raw_peer_new_tcp (SERVER, "127.0.0.1", room->tcp_port);
  extra = g_strdup_printf ("Contact: <%s>;expires=600\r\n", server.contact);
  raw_request_answer (request, friend, "200 OK", extra);
  raw_run_for (200);
  g_assert_false (is_registered (room));
  server_grant (&server, request);
  server_wait_registered (room, "bob");
  deflect (room, server.peer, server.token);
  server_close (&server);
}

/* The port of each TCP socket of this process, among them those of relays. */
static GArray *
list_tcp_ports (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  GArray *ports = g_array_new (FALSE, FALSE, sizeof (guint16));
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      struct sockaddr_in address;
      socklen_t length = sizeof address;
      int fd = (int)g_ascii_strtoll (name, NULL, 10), type = 0;
      socklen_t size = sizeof type;
      guint16 port;

      if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM
          || getsockname (fd, (struct sockaddr *)&address, &length) != 0
          || address.sin_family != AF_INET)
        continue;
      port = g_ntohs (address.sin_port);
      g_array_append_val (ports, port);
    }
  return ports;
}

/* What waits for an answer through a connection is not answered by a datagram, wherever that comes
 * from and whatever it knows. */
static void
test_datagram_for_flow (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawRequest) request = NULL;
  g_autoptr (GArray) ports = NULL;
  g_autofree char *answer = NULL;
  g_autofree char *extra = NULL;

  server_open (&server, room, TRUE);
  room_set_accounts (room, server_make_settings (&server, "bob"), NULL);
  server.peer = raw_peer_accept (server.listener);
  request = raw_request_receive (server.peer, "REGISTER");
  server_learn (&server, request);
  extra = g_strdup_printf ("Contact: <%s>;expires=600\r\n", server.contact);
  answer = raw_request_format_answer (request, "200 OK", NULL, extra);
  ports = list_tcp_ports ();
  g_assert_cmpuint (ports->len, >=, 4);
  for (guint i = 0; i < ports->len; i++)
    {
      g_autoptr (RawPeer) spoofer = raw_peer_new_udp_at (SERVER, g_array_index (ports, guint16, i),
                                                         "127.0.0.1", room->udp_port);

      raw_peer_send_text (spoofer, answer);
      raw_run_for (10);
    }
  raw_run_for (100);
  g_assert_false (is_registered (room));
  server_grant (&server, request);
  server_wait_registered (room, "bob");
  server_close (&server);
}

/* What the process has spent, which a busy machine does not change much. */
static gint64
cpu_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec
         + usage.ru_stime.tv_usec;
}

/* The CPU time for some such messages from a stranger, of the cheapest round. */
static gint64
measure (Room *room, RawPeer *stranger, RawPeer *friend, const char *first_line)
{
  g_autoptr (GString) message = g_string_new (first_line);
  gint64 least = G_MAXINT64;

  while (message->len < 30000)
    g_string_append (message, "\r\nm:<sip:x@[::1]>;q=0.5;expires=600");
  g_string_append (message, "\r\n\r\n");
  for (guint round = 0; round < 10; round++)
    {
      gint64 begin = cpu_time ();

      for (guint i = 0; i < 20; i++)
        raw_peer_send (stranger, message->str, message->len);
      raw_peer_assert_alive (friend);
      least = MIN (least, cpu_time () - begin);
    }
  return least;
}

/* Nobody can make us work by sending responses: one of somebody who is no server of ours is as
 * cheap as a request from nowhere. */
static void
test_cheap_strangers (void)
{
  Server server;
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  g_autoptr (RawPeer) friend = room_udp_peer (room);
  gint64 request, response;

  server_open (&server, room, FALSE);
  room_set_accounts (room, server_make_settings (&server, "bob"), room_account ("alice"), NULL);
  server_register (&server);
  server_wait_registered (room, "bob");
  request = measure (room, stranger, friend, "REGISTER sip:example.org SIP/2.0");
  response = measure (room, stranger, friend, "SIP/2.0 200 OK");
  g_test_message ("requests: %" G_GINT64_FORMAT " us, responses: %" G_GINT64_FORMAT " us", request,
                  response);
  g_assert_cmpint (response, <, 5 * request);
  server_close (&server);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/contact/mutated-responses", test_mutated_responses);
  g_test_add_func ("/contact/response-from-stranger", test_response_from_stranger);
  g_test_add_func ("/contact/datagram-for-flow", test_datagram_for_flow);
  g_test_add_func ("/contact/cheap-strangers", test_cheap_strangers);
  return g_test_run ();
}
