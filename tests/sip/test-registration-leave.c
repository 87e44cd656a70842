/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a registration: our contact is taken back, wherever the server may have it. */

#include <string.h>

#include "fakes/fake-clock.h"
#include "registrar-scene.h"

static void
on_left (gpointer data)
{
  *(gboolean *)data = TRUE;
}

static void
test_leave (void)
{
  Scene self;
  g_autoptr (RawRequest) request = NULL;
  g_autoptr (RawRequest) last = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *expected = NULL;
  gboolean left = FALSE;

  scene_open (&self);
  request = scene_register (&self);
  contact = scene_get_contact (request);
  dfl_sip_agent_leave (self.room->agent, on_left, &left);
  g_assert_false (left);
  last = raw_request_receive (self.peer, "REGISTER");
  expected = g_strdup_printf ("<%s>;expires=0", contact);
  g_assert_cmpstr (raw_request_get (last, "Contact"), ==, expected);
  g_assert_cmpstr (raw_request_get (last, "Expires"), ==, "0");
  g_assert_false (left);
  raw_request_answer (last, self.peer, "200 OK", NULL);
  raw_wait_until (left);
  scene_close (&self);
}

static RawRequest *
answer_challenged (Scene *self, const char *nonce)
{
  g_autoptr (RawRequest) open = raw_request_receive (self->peer, "REGISTER");
  g_autofree char *extra
      = g_strdup_printf ("WWW-Authenticate: Digest realm=\"a\", nonce=\"%s\"\r\n", nonce);
  g_autofree char *quoted = g_strdup_printf ("nonce=\"%s\"", nonce);
  RawRequest *request;

  raw_request_answer (open, self->peer, "401 Unauthorized", extra);
  request = raw_request_receive (self->peer, "REGISTER");
  g_assert_nonnull (strstr (raw_request_get (request, "Authorization"), quoted));
  return request;
}

/* Where each nonce is good for one request, the farewell is challenged too. */
static void
test_nonces_for_once (void)
{
  Scene self;
  g_autoptr (RawRequest) request = NULL;
  g_autoptr (RawRequest) last = NULL;
  gboolean left = FALSE;

  scene_open (&self);
  request = answer_challenged (&self, "one");
  scene_grant (&self, request, "600");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  dfl_sip_agent_leave (self.room->agent, on_left, &left);
  last = answer_challenged (&self, "two");
  g_assert_cmpstr (raw_request_get (last, "Expires"), ==, "0");
  g_assert_false (left);
  raw_request_answer (last, self.peer, "200 OK", NULL);
  raw_wait_within (left, 2000);
  scene_close (&self);
}

static void
test_settings (void)
{
  Scene self;
  DflAccountSettings *settings;
  g_autofree char *first_contact = NULL;
  g_autofree char *second_contact = NULL;
  g_autoptr (RawRequest) first = NULL;
  guint n_back = 0;

  scene_open (&self);
  first = scene_register (&self);
  first_contact = scene_get_contact (first);

  settings = scene_make_settings (self.peer);
  raw_set (&settings->display_name, "Bob");
  settings->ring_limit = 5;
  scene_update (&self, settings);
  raw_peer_assert_silent (self.peer, 200);

  settings = scene_make_settings (self.peer);
  settings->expires = 900;
  scene_update (&self, settings);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (RawRequest) request = raw_request_receive (self.peer, "REGISTER");
      g_autofree char *contact = scene_get_contact (request);

      if (g_str_equal (contact, first_contact))
        {
          g_assert_cmpstr (raw_request_get (request, "Expires"), ==, "0");
          raw_request_answer (request, self.peer, "200 OK", NULL);
          n_back++;
        }
      else
        {
          g_assert_cmpstr (raw_request_get (request, "Expires"), ==, "900");
          second_contact = g_steal_pointer (&contact);
          scene_grant (&self, request, "900");
        }
    }
  g_assert_cmpuint (n_back, ==, 1);
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);

  settings = scene_make_settings (self.peer);
  settings->enabled = FALSE;
  scene_update (&self, settings);
  {
    g_autoptr (RawRequest) request = raw_request_receive (self.peer, "REGISTER");
    g_autofree char *contact = scene_get_contact (request);

    g_assert_cmpstr (contact, ==, second_contact);
    g_assert_cmpstr (raw_request_get (request, "Expires"), ==, "0");
    raw_request_answer (request, self.peer, "200 OK", NULL);
  }
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_DISABLED);
  raw_peer_assert_silent (self.peer, 200);
  scene_close (&self);
}

/* --- Where no way is open --- */

static RawRequest *
receive_farewell (RawPeer *peer, const char *contact)
{
  RawRequest *request = raw_request_receive (peer, "REGISTER");
  g_autofree char *expected = g_strdup_printf ("<%s>;expires=0", contact);

  g_assert_cmpstr (raw_request_get (request, "Contact"), ==, expected);
  g_assert_cmpstr (raw_request_get (request, "Expires"), ==, "0");
  return request;
}

/* Registered, and no refresh is answered any more, until no attempt is under way. */
static char *
fall_silent (Scene *self)
{
  g_autoptr (RawRequest) request = scene_register (self);

  g_assert_true (dfl_switchboard_register_account (self->room->switchboard, self->account, NULL));
  raw_wait_until (*dfl_account_get_state_reason (self->account) != '\0');
  g_assert_cmpint (dfl_account_get_state (self->account), ==, DFL_ACCOUNT_STATE_REGISTERED);
  raw_peer_flush (self->peer);
  return scene_get_contact (request);
}

static void
test_silent_server (void)
{
  RoomOptions options = { .t1 = 10, .t2 = 20 };
  Scene self = { .room = room_new (&options) };
  g_autofree char *contact = NULL;
  g_autoptr (RawRequest) last = NULL;
  gboolean left = FALSE;

  self.peer = room_udp_peer (self.room);
  scene_update (&self, scene_make_settings (self.peer));
  contact = fall_silent (&self);
  dfl_sip_agent_leave (self.room->agent, on_left, &left);
  last = receive_farewell (self.peer, contact);
  g_assert_false (left);
  raw_request_answer (last, self.peer, "200 OK", NULL);
  raw_wait_until (left);
  scene_close (&self);
}

/* It is not waited for longer than a transaction takes. */
static void
test_silent_to_the_end (void)
{
  RoomOptions options = { .t1 = 10, .t2 = 20 };
  Scene self = { .room = room_new (&options) };
  g_autofree char *contact = NULL;
  gboolean left = FALSE;

  self.peer = room_udp_peer (self.room);
  scene_update (&self, scene_make_settings (self.peer));
  contact = fall_silent (&self);
  dfl_sip_agent_leave (self.room->agent, on_left, &left);
  raw_wait_until (left);
  g_clear_pointer (&(RawRequest *){ receive_farewell (self.peer, contact) }, raw_request_free);
  scene_close (&self);
}

/* --- Servers that accept connections and say nothing --- */

static DflAccountSettings *
make_tcp_settings (GSocket *listener)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (listener, NULL);
  DflAccountSettings *settings = room_account ("bob");

  settings->registers = TRUE;
  room_accept_from (settings, "");
  settings->transport = DFL_TRANSPORT_TCP;
  raw_set (&settings->password, "secret");
  raw_set (&settings->registrar, "127.0.0.1:%u",
           g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
  return settings;
}

static Scene
open_timed (void)
{
  RoomOptions options = { .clock = DFL_CLOCK (dfl_fake_clock_new ()) };
  Scene self = { .room = room_new (&options) };

  g_object_unref (options.clock);
  return self;
}

static void
move (Scene *self, gint64 microseconds)
{
  dfl_fake_clock_advance (DFL_FAKE_CLOCK (self->room->clock), microseconds);
  raw_run_for (5);
}

/* The next connection, and what comes through it. */
static RawPeer *
accept_register (Scene *self, GSocket *listener)
{
  RawPeer *peer;

  while (!(g_socket_condition_check (listener, G_IO_IN) & G_IO_IN))
    move (self, 50 * G_TIME_SPAN_MILLISECOND);
  peer = raw_peer_accept (listener);
  while (raw_peer_get_n_waiting (peer) == 0)
    move (self, 10 * G_TIME_SPAN_MILLISECOND);
  return peer;
}

/* A farewell is not waited for as long as a transaction may take. */
static void
test_limit (void)
{
  Scene self = open_timed ();
  g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
  DflAccountSettings *settings = make_tcp_settings (listener);
  g_autoptr (RawRequest) request = NULL;

  scene_update (&self, settings);
  self.peer = accept_register (&self, listener);
  request = raw_request_receive (self.peer, "REGISTER");
  scene_grant (&self, request, "600");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  settings = make_tcp_settings (listener);
  settings->enabled = FALSE;
  scene_update (&self, settings);
  g_clear_pointer (&(RawRequest *){ raw_request_receive (self.peer, "REGISTER") },
                   raw_request_free);
  move (&self, 4900 * G_TIME_SPAN_MILLISECOND);
  raw_run_for (50);
  g_assert_false (raw_peer_is_closed (self.peer));
  move (&self, 200 * G_TIME_SPAN_MILLISECOND);
  raw_wait_within (raw_peer_is_closed (self.peer), 2000);
  scene_close (&self);
}

static guint
count_open (GPtrArray *peers)
{
  guint n = 0;

  for (guint i = 0; i < peers->len; i++)
    n += !raw_peer_is_closed (peers->pdata[i]);
  return n;
}

static guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* Whoever changes an account again and again does not use up our descriptors. */
static void
test_many_changes (void)
{
  Scene self = open_timed ();
  g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
  g_autoptr (GPtrArray) peers = g_ptr_array_new_with_free_func ((GDestroyNotify)raw_peer_free);
  guint n_descriptors = 0;

  for (guint i = 0; i < 12; i++)
    {
      DflAccountSettings *settings = make_tcp_settings (listener);

      settings->expires = 600 + i;
      settings->enabled = i % 3 != 2;
      scene_update (&self, settings);
      if (settings->enabled)
        g_ptr_array_add (peers, accept_register (&self, listener));
      if (peers->len == 3)
        n_descriptors = count_descriptors ();
    }
  g_assert_cmpuint (peers->len, ==, 8);
  raw_wait_within (count_open (peers) <= 2, 2000);
  g_assert_cmpuint (count_open (peers), ==, 2);
  /* Five peers more, one flow of three descriptors less, and for each that was dropped a port that
   * is held until its transaction ends. */
  raw_wait_within (count_descriptors () <= n_descriptors + 5 - 3 + 6, 2000);
  room_free (self.room);
}

/* A server at the end of a connection, which it closes; the URI of our contact there. */
static char *
lose_connection (Scene *self, GSocket *listener, const char *expires)
{
  g_autoptr (RawRequest) request = NULL;

  scene_update (self, make_tcp_settings (listener));
  self->peer = raw_peer_accept (listener);
  request = raw_request_receive (self->peer, "REGISTER");
  scene_grant (self, request, expires);
  scene_wait_state (self, DFL_ACCOUNT_STATE_REGISTERED);
  raw_peer_free (self->peer);
  scene_wait_state (self, DFL_ACCOUNT_STATE_FAILED);
  return scene_get_contact (request);
}

static void
test_lost_connection (void)
{
  Scene self = { .room = room_new (NULL) };
  g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
  g_autofree char *contact = lose_connection (&self, listener, "600");
  g_autoptr (RawRequest) open = NULL;
  g_autoptr (RawRequest) last = NULL;
  gboolean left = FALSE;

  dfl_sip_agent_leave (self.room->agent, on_left, &left);
  self.peer = raw_peer_accept (listener);
  open = receive_farewell (self.peer, contact);
  g_assert_null (raw_request_get (open, "Authorization"));
  raw_request_answer (open, self.peer, "401 Unauthorized",
                      "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n");
  last = receive_farewell (self.peer, contact);
  g_assert_nonnull (raw_request_get (last, "Authorization"));
  g_assert_false (left);
  raw_request_answer (last, self.peer, "200 OK", NULL);
  raw_wait_until (left);
  scene_close (&self);
}

/* Who closes it once more, or is not there, is not waited for. */
static void
test_lost_for_good (void)
{
  for (guint i = 0; i < 2; i++)
    {
      Scene self = { .room = room_new (NULL) };
      g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
      g_autofree char *contact = lose_connection (&self, listener, "600");
      gboolean left = FALSE;

      if (i == 0)
        g_socket_close (listener, NULL);
      dfl_sip_agent_leave (self.room->agent, on_left, &left);
      if (i == 1)
        {
          g_autoptr (RawPeer) peer = raw_peer_accept (listener);

          g_clear_pointer (&(RawRequest *){ receive_farewell (peer, contact) }, raw_request_free);
        }
      raw_wait_within (left, 2000);
      room_free (self.room);
    }
}

/* What the server has no more, or never had, is not taken back. */
static void
test_nothing_left (void)
{
  Scene self = { .room = room_new (NULL) };
  g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
  g_autofree char *contact = lose_connection (&self, listener, "1");
  gboolean left = FALSE;

  raw_run_for (1100);
  dfl_sip_agent_leave (self.room->agent, on_left, &left);
  raw_wait_within (left, 2000);
  g_assert_false (g_socket_condition_check (listener, G_IO_IN) & G_IO_IN);
  room_free (self.room);

  left = FALSE;
  scene_open (&self);
  g_clear_pointer (&(RawRequest *){ raw_request_receive (self.peer, "REGISTER") },
                   raw_request_free);
  raw_peer_hang_up (self.peer, FALSE);
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  dfl_sip_agent_leave (self.room->agent, on_left, &left);
  raw_wait_within (left, 2000);
  scene_close (&self);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registration-leave/leave", test_leave);
  g_test_add_func ("/registration-leave/nonces-for-once", test_nonces_for_once);
  g_test_add_func ("/registration-leave/settings", test_settings);
  g_test_add_func ("/registration-leave/silent-server", test_silent_server);
  g_test_add_func ("/registration-leave/silent-to-the-end", test_silent_to_the_end);
  g_test_add_func ("/registration-leave/limit", test_limit);
  g_test_add_func ("/registration-leave/many-changes", test_many_changes);
  g_test_add_func ("/registration-leave/lost-connection", test_lost_connection);
  g_test_add_func ("/registration-leave/lost-for-good", test_lost_for_good);
  g_test_add_func ("/registration-leave/nothing-left", test_nothing_left);
  return g_test_run ();
}
