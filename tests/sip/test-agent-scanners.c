/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * sipvicious, as anybody may run it: svmap looks for what answers at all, svwar for numbers that
 * exist. Between it and the agent stands a decoy, so that everything that passes is seen; svwar
 * gives up where its first probe gets no answer, so the decoy answers that one itself.
 */

#include <glib/gstdio.h>
#include <string.h>

#include "raw-request.h"
#include "sip-room.h"
#include "sip/token.h"

typedef struct
{
  Room *room;
  RawPeer *server;
  char *token;
  char *home; /* where the scanner keeps its sessions, and the dictionary is */

  GSocket *front;   /* that the scanner sees */
  RawPeer *back;    /* a stranger to the agent */
  gboolean welcome; /* answer the first probe */
  guint n_passed;
  GString *seen;
} Scene;

static guint16
port_of (GSocket *socket)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (socket, NULL);

  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
}

static GSocket *
bind_udp (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                  G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  g_socket_bind (socket, any, FALSE, &error);
  g_assert_no_error (error);
  g_socket_set_blocking (socket, FALSE);
  return socket;
}

/* "Nobody of that name", to the first probe of svwar. */
static void
answer_probe (Scene *self, GSocketAddress *scanner, const char *probe)
{
  const char *header = strstr (probe, "\r\n");
  g_autofree char *answer = g_strconcat ("SIP/2.0 404 Not Found", header, NULL);

  g_socket_send_to (self->front, scanner, answer, strlen (answer), NULL, NULL);
}

static gboolean
on_front (GSocket *socket, GIOCondition condition, gpointer data)
{
  Scene *self = data;
  g_autoptr (GSocketAddress) scanner = NULL;
  char bytes[8192];
  gssize length = g_socket_receive_from (socket, &scanner, bytes, sizeof bytes - 1, NULL, NULL);

  if (length <= 0)
    return G_SOURCE_CONTINUE;
  bytes[length] = '\0';
  g_string_append (self->seen, bytes);
  if (self->welcome)
    answer_probe (self, scanner, bytes);
  self->welcome = FALSE;
  raw_peer_send (self->back, bytes, (gsize)length);
  self->n_passed++;
  return G_SOURCE_CONTINUE;
}

static void
register_bob (Scene *self)
{
  DflAccountSettings *bob = room_account ("bob");
  DflAccountSettings *alice = room_account ("alice");
  g_autoptr (RawRequest) request = NULL;
  g_autofree char *extra = NULL;
  const char *contact;

  self->server = raw_peer_new_udp ("127.0.0.5", "127.0.0.1", self->room->udp_port);
  bob->registers = TRUE;
  room_accept_from (bob, "127.0.0.8");
  room_accept_from (alice, "127.0.0.8");
  raw_set (&bob->registrar, "%s", raw_peer_get_local (self->server));
  room_set_accounts (self->room, alice, bob, NULL);
  request = raw_request_receive (self->server, "REGISTER");
  contact = raw_request_get_nth (request, "Contact", 0);
  self->token = g_strndup (contact + strlen ("<sip:"), DFL_TOKEN_LENGTH);
  extra = g_strdup_printf ("Contact: %s\r\n", contact);
  raw_request_answer (request, self->server, "200 OK", extra);
}

static void
scene_open (Scene *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dictionary = NULL;
  g_autofree char *words = NULL;

  memset (self, 0, sizeof *self);
  self->room = room_new (NULL);
  register_bob (self);
  self->home = g_dir_make_tmp ("scanners-XXXXXX", &error);
  g_assert_no_error (error);
  dictionary = g_build_filename (self->home, "words", NULL);
  words = g_strdup_printf ("alice\nbob\n100\n%s\nadmin\n", self->token);
  g_file_set_contents (dictionary, words, -1, &error);
  g_assert_no_error (error);
  self->seen = g_string_new (NULL);
  self->front = bind_udp ();
  self->back = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", self->room->udp_port);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

static void
scene_close (Scene *self)
{
  remove_tree (self->home);
  g_string_free (self->seen, TRUE);
  g_object_unref (self->front);
  raw_peer_free (self->back);
  raw_peer_flush (self->server);
  raw_peer_free (self->server);
  g_free (self->token);
  g_free (self->home);
  room_free (self->room);
}

static void
on_scanned (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_subprocess_wait_finish (G_SUBPROCESS (source), result, &error);
  g_assert_no_error (error);
  *(gboolean *)data = TRUE;
}

/* Runs it to its end, against the decoy. */
static void
scan (Scene *self, const char *command)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GSource) source = g_socket_create_source (self->front, G_IO_IN, NULL);
  g_autoptr (GSocket) spare = bind_udp ();
  g_autofree char *line = g_strdup_printf ("%s -P %u -p %u 127.0.0.1", command, port_of (spare),
                                           port_of (self->front));
  g_auto (GStrv) arguments = g_strsplit (line, " ", -1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = NULL;
  gboolean over = FALSE;

  g_socket_close (spare, NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (on_front), self, NULL);
  g_source_attach (source, NULL);
  g_subprocess_launcher_setenv (launcher, "HOME", self->home, TRUE);
  g_subprocess_launcher_set_cwd (launcher, self->home);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *)arguments, &error);
  g_assert_no_error (error);
  g_subprocess_wait_async (process, NULL, on_scanned, &over);
  raw_wait_within (over, 60000);
  raw_peer_assert_silent (self->back, 300);
  g_source_destroy (source);
  g_assert_cmpuint (room_get_n_calls (self->room), ==, 0);
  g_assert_cmpuint (self->room->n_added, ==, 0);
  room_assert_log (self->room, "");
}

static void
test_map (void)
{
  static const char *const methods[] = { "OPTIONS", "INVITE", "REGISTER" };
  Scene self;

  scene_open (&self);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autofree char *command = g_strdup_printf ("svmap -m %s", methods[i]);
      guint before = self.n_passed;

      scan (&self, command);
      g_assert_cmpuint (self.n_passed, >, before);
      g_assert_nonnull (strstr (self.seen->str, methods[i]));
    }
  scene_close (&self);
}

static void
test_war (void)
{
  static const char *const methods[] = { "OPTIONS", "INVITE", "REGISTER" };
  Scene self;

  scene_open (&self);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autofree char *command = g_strdup_printf ("svwar -m %s --force -d words", methods[i]);

      self.welcome = TRUE;
      scan (&self, command);
    }
  /* All of them were tried. */
  g_assert_nonnull (strstr (self.seen->str, "INVITE sip:alice@"));
  g_assert_nonnull (strstr (self.seen->str, "INVITE sip:bob@"));
  g_assert_nonnull (strstr (self.seen->str, self.token));
  scene_close (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scanners/svmap", test_map);
  g_test_add_func ("/scanners/svwar", test_war);
  return g_test_run ();
}
