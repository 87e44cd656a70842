/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests with nowhere for the answer to go: a source port 0, and names that nobody here looks up.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cable.h"
#include "space.h"

/* --- A source port that no answer can be sent to --- */

static void
send_from_port_0 (Cable *cable, Room *room, const char *text)
{
  struct sockaddr_in to = { .sin_family = AF_INET };
  struct udphdr header = { 0 };
  g_autoptr (GByteArray) packet = g_byte_array_new ();
  int fd;

  cable_enter (cable->theirs);
  fd = socket (AF_INET, SOCK_RAW, IPPROTO_UDP);
  g_assert_cmpint (fd, >=, 0);
  to.sin_addr.s_addr = inet_addr ("10.66.0.1");
  header.dest = htons (room->udp_port);
  header.len = htons ((guint16)(sizeof header + strlen (text)));
  g_byte_array_append (packet, (const guint8 *)&header, sizeof header);
  g_byte_array_append (packet, (const guint8 *)text, (guint)strlen (text));
  g_assert_cmpint (sendto (fd, packet->data, packet->len, 0, (struct sockaddr *)&to, sizeof to), >,
                   0);
  close (fd);
  cable_enter (cable->ours);
}

static void
test_source_port_0 (void)
{
  Cable cable;
  g_autoptr (Room) room = NULL;
  g_autoptr (RawPeer) peer = NULL;
  static const char *const methods[] = { "OPTIONS", "INVITE", "CANCEL", "ACK", "BYE" };

  if (!space_in_child ())
    return;
  cable_lay (&cable);
  room = cable_open_room (&cable);
  peer = cable_open_peer (&cable, room, FALSE, FALSE);
  for (guint rport = 0; rport < 2; rport++)
    {
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *branch = raw_branch ();

      raw_set (&call->via, "SIP/2.0/UDP %s;branch=%s%s", raw_peer_get_local (peer), branch,
               rport ? ";rport" : "");
      for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
        {
          g_autofree char *text = raw_call_format (call, methods[i], NULL, NULL);

          send_from_port_0 (&cable, room, text);
          raw_run_for (50);
          raw_peer_assert_alive (peer);
        }
      g_assert_cmpuint (room->n_added, ==, 0);
    }
  raw_peer_assert_silent (peer, 300);
}

/* --- Names: nobody here asks a name server, least of all with the library's own resolver --- */

static void
use_name_server (const char *address)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "resolv-XXXXXX", NULL);
  g_autofree char *text = g_strdup_printf ("nameserver %s\n", address);
  int fd = g_mkstemp (path);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  close (fd);
  g_assert_cmpint (unshare (CLONE_NEWNS), ==, 0);
  g_assert_cmpint (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
  g_assert_cmpint (mount (path, "/etc/resolv.conf", NULL, MS_BIND, NULL), ==, 0);
  g_unlink (path);
}

static GSocket *
name_server (Cable *cable)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("10.66.0.2", 53);
  g_autoptr (GError) error = NULL;
  GSocket *server;

  cable_enter (cable->theirs);
  server = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP,
                         &error);
  g_assert_no_error (error);
  g_socket_bind (server, address, FALSE, &error);
  g_assert_no_error (error);
  g_socket_set_blocking (server, FALSE);
  cable_enter (cable->ours);
  return server;
}

/* The connection that the response should take is gone, and Via has a name: the library would look
 * it up. With a name server that the network says cannot be reached, its resolver spins for ever.
 */
static void
test_no_name_is_looked_up (gconstpointer data)
{
  gboolean reachable = GPOINTER_TO_INT (data);
  Cable cable;
  g_autoptr (Room) room = NULL;
  g_autoptr (RawPeer) other = NULL;
  g_autoptr (GSocket) server = NULL;

  if (!space_in_child ())
    return;
  cable_lay (&cable);
  use_name_server (reachable ? "10.66.0.2" : "203.0.113.53");
  room = cable_open_room (&cable);
  room->forgiving = TRUE;
  other = cable_open_peer (&cable, room, FALSE, FALSE);
  server = name_server (&cable);
  for (guint scene = 0; scene < 4; scene++)
    {
      g_autoptr (RawPeer) peer = cable_open_peer (&cable, room, FALSE, scene < 3);
      g_autoptr (RawCall) call = raw_call_new (peer, "alice");
      g_autofree char *branch = raw_branch ();

      raw_set (&call->via, "SIP/2.0/%s pbx%u.nowhere.test%s;branch=%s", scene < 3 ? "TCP" : "UDP",
               scene, scene == 1 ? ":5071" : "", branch);
      raw_call_invite (call);
      room_wait_call (room);
      if (scene < 3)
        raw_peer_hang_up (peer, scene == 2);
      raw_run_for (scene == 1 ? 0 : 100);
      room_redirect_if_offered (room);
      raw_run_for (100);
      raw_peer_assert_alive (other);
      raw_wait_within (room_get_n_calls (room) == 0, 10000);
      room_forget_log (room);
    }
  {
    char query[512];

    g_assert_cmpint (g_socket_receive (server, query, sizeof query, NULL, NULL), <, 0);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/netns/source-port-0", test_source_port_0);
  g_test_add_data_func ("/sip/netns/not-looked-up/reachable", GINT_TO_POINTER (TRUE),
                        test_no_name_is_looked_up);
  g_test_add_data_func ("/sip/netns/not-looked-up/unreachable", GINT_TO_POINTER (FALSE),
                        test_no_name_is_looked_up);
  return g_test_run ();
}
