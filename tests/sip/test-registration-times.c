/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* When an account registers again, told by a clock that the test moves. */

#include <string.h>

#include "fakes/fake-clock.h"
#include "registrar-scene.h"

static void
open_timed (Scene *self)
{
  RoomOptions options = { .clock = DFL_CLOCK (dfl_fake_clock_new ()) };

  self->room = room_new (&options);
  g_object_unref (options.clock);
  self->peer = room_udp_peer (self->room);
  scene_update (self, scene_make_settings (self->peer));
}

static void
move (Scene *self, gint64 microseconds)
{
  dfl_fake_clock_advance (DFL_FAKE_CLOCK (self->room->clock), microseconds);
  raw_run_for (3);
}

/* What comes next, with the time that went by until then in milliseconds, at steps of that many. */
static RawRequest *
receive (Scene *self, const char *method, guint step, gint64 *after)
{
  gint64 start = dfl_clock_now (self->room->clock);

  while (raw_peer_get_n_waiting (self->peer) == 0)
    {
      move (self, step * G_TIME_SPAN_MILLISECOND);
      g_assert_cmpint (dfl_clock_now (self->room->clock) - start, <, 2 * G_TIME_SPAN_DAY);
    }
  if (after != NULL)
    *after = (dfl_clock_now (self->room->clock) - start) / G_TIME_SPAN_MILLISECOND;
  return raw_request_receive (self->peer, method);
}

static void
register_timed (Scene *self, const char *expires)
{
  g_autoptr (RawRequest) request = receive (self, "REGISTER", 1, NULL);

  scene_grant (self, request, expires);
  scene_wait_state (self, DFL_ACCOUNT_STATE_REGISTERED);
}

static void
test_refresh (void)
{
  gint64 least = G_MAXINT64, most = 0;

  for (guint i = 0; i < 12; i++)
    {
      Scene self;
      gint64 after;
      g_autoptr (RawRequest) request = NULL;

      open_timed (&self);
      register_timed (&self, "600");
      request = receive (&self, "REGISTER", 2000, &after);
      least = MIN (least, after);
      most = MAX (most, after);
      scene_close (&self);
    }
  g_assert_cmpint (least, >=, 300 * 1000);
  g_assert_cmpint (most, <=, 543 * 1000);
  g_assert_cmpint (most - least, >, 20 * 1000); /* at random */
}

static void
assert_wait (const char *status, const char *extra, guint step, gint64 least, gint64 most)
{
  Scene self;
  gint64 after;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;

  open_timed (&self);
  first = receive (&self, "REGISTER", 1, NULL);
  raw_request_answer (first, self.peer, status, extra);
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  second = receive (&self, "REGISTER", step, &after);
  g_assert_cmpint (after, >=, least * 1000);
  g_assert_cmpint (after, <=, most * 1000 + 2 * step);
  scene_close (&self);
}

static void
test_back_off (void)
{
  assert_wait ("500 Oops", NULL, 500, 30, 60);
  assert_wait ("500 Oops", "Retry-After: 200\r\n", 500, 200, 261);
  assert_wait ("503 Oops", "Retry-After: 200\r\n", 500, 200, 261);
  assert_wait ("403 Forbidden", NULL, 5000, 15 * 60, 30 * 60);
  assert_wait ("200 OK", "Contact: <sip:phone@192.0.2.9>\r\n", 5000, 15 * 60, 30 * 60);
}

/* A refresh that fails leaves the registration as it is, until its time is over. */
static void
test_lapse (void)
{
  Scene self;
  g_autoptr (RawRequest) refresh = NULL;

  open_timed (&self);
  register_timed (&self, "100");
  refresh = receive (&self, "REGISTER", 1000, NULL);
  raw_request_answer (refresh, self.peer, "403 Forbidden", NULL);
  raw_wait_until (*dfl_account_get_state_reason (self.account) != '\0');
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_REGISTERED);
  move (&self, 51 * G_USEC_PER_SEC);
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_FAILED);
  scene_close (&self);
}

static void
answer_through_nat (Scene *self, RawRequest *request)
{
  g_autofree char *text = raw_request_format_answer (request, "200 OK",
                                                     "=1024;received=198.51.100.1", NULL);

  raw_peer_send_text (self->peer, text);
  raw_run_for (30);
}

/* What keeps the way through a NAT open, and what happens when nobody answers it. */
static void
test_keep_alive (void)
{
  Scene self;
  gint64 after;

  open_timed (&self);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (RawRequest) request = receive (&self, "REGISTER", 1, NULL);

      answer_through_nat (&self, request);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (RawRequest) ping = receive (&self, "OPTIONS", 500, &after);

      g_assert_cmpint (after, >=, 25000);
      g_assert_cmpint (after, <=, 26000);
      g_assert_null (raw_request_get (ping, "Contact"));
      raw_request_answer (ping, self.peer, i == 1 ? "404 Not Found" : "200 OK", NULL);
      raw_run_for (30);
    }
  {
    g_autoptr (RawRequest) ping = receive (&self, "OPTIONS", 500, NULL);
    g_autoptr (RawRequest) request = NULL;
    gint64 soon = dfl_clock_now (self.room->clock) + 11 * G_USEC_PER_SEC;

    move (&self, 8 * G_USEC_PER_SEC);
    do /* the stack repeats what has no answer */
      {
        g_clear_pointer (&request, raw_request_free);
        while (raw_peer_get_n_waiting (self.peer) == 0)
          move (&self, G_TIME_SPAN_MILLISECOND);
        g_assert_cmpint (dfl_clock_now (self.room->clock), <, soon);
        request = raw_request_new (raw_peer_receive (self.peer));
    } while (g_str_equal (request->method, "OPTIONS"));
    g_assert_cmpstr (request->method, ==, "REGISTER");
  }
  scene_close (&self);
}

/* A server that does RFC 5626 is asked for answers without a NAT, too, and in time. */
static void
test_outbound (void)
{
  static const struct
  {
    const char *extra;
    gint64 interval;
  } cases[] = {
    { "Require: outbound\r\n", 25 },
    { "Require: outbound\r\nFlow-Timer: 17\r\n", 12 },
    { "Require: outbound\r\nFlow-Timer: 1\r\n", 5 },
    { "Require: outbound\r\nFlow-Timer: 120\r\n", 25 },
    { "Require: outbound\r\nFlow-Timer: soon\r\n", 25 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Scene self;
      gint64 after;
      g_autoptr (RawRequest) request = NULL;

      open_timed (&self);
      request = receive (&self, "REGISTER", 1, NULL);
      raw_request_answer (request, self.peer, "200 OK", cases[i].extra);
      scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
      g_clear_pointer (&(RawRequest *){ receive (&self, "OPTIONS", 500, &after) },
                       raw_request_free);
      g_assert_cmpint (after, >=, cases[i].interval * 1000);
      g_assert_cmpint (after, <=, cases[i].interval * 1000 + 1000);
      scene_close (&self);
    }
}

/* What the registrar wants later requests to pass is passed by what keeps the way open, and not by
 * a REGISTER (RFC 3608). */
static void
test_service_route (void)
{
  Scene self;

  open_timed (&self);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (RawRequest) request = receive (&self, "REGISTER", 1, NULL);
      g_autofree char *answer = raw_request_format_answer (
          request, "200 OK", "=1024;received=198.51.100.1",
          "Service-Route: <sip:edge.example;lr>\r\nService-Route: <sip:core.example;lr>\r\n");

      g_assert_null (raw_request_get (request, "Route"));
      raw_peer_send_text (self.peer, answer);
      raw_run_for (30);
    }
  {
    g_autoptr (RawRequest) ping = receive (&self, "OPTIONS", 500, NULL);

    g_assert_cmpstr (raw_request_get_nth (ping, "Route", 0), ==, "<sip:edge.example;lr>");
    g_assert_cmpstr (raw_request_get_nth (ping, "Route", 1), ==, "<sip:core.example;lr>");
    g_assert_null (raw_request_get_nth (ping, "Route", 2));
    raw_request_answer (ping, self.peer, "200 OK", NULL);
  }
  scene_close (&self);
}

/* Each new connection has another contact; those that nobody answered for are not taken along for
 * ever. */
static void
test_unanswered_contacts (void)
{
  Scene self;
  RoomOptions options = { .clock = DFL_CLOCK (dfl_fake_clock_new ()) };
  g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (listener, NULL);
  DflAccountSettings *settings;

  self.room = room_new (&options);
  g_object_unref (options.clock);
  self.peer = room_udp_peer (self.room);
  settings = scene_make_settings (self.peer);
  settings->transport = DFL_TRANSPORT_TCP;
  raw_set (&settings->registrar, "127.0.0.1:%u",
           g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
  scene_update (&self, settings);
  for (guint i = 0; i < 14; i++)
    {
      g_autoptr (RawPeer) server = NULL;
      g_autoptr (RawRequest) request = NULL;

      while (!(g_socket_condition_check (listener, G_IO_IN) & G_IO_IN))
        move (&self, 20 * G_USEC_PER_SEC);
      server = raw_peer_accept (listener);
      while (raw_peer_get_n_waiting (server) == 0)
        move (&self, 5 * G_TIME_SPAN_MILLISECOND);
      request = raw_request_receive (server, "REGISTER");
      g_assert_cmpint (raw_request_get_nth (request, "Contact", MIN (i, 8)) != NULL, ==, TRUE);
      g_assert_null (raw_request_get_nth (request, "Contact", MIN (i, 8) + 1));
    }
  scene_close (&self);
}

/* What is said of an account that waits is true: that the server does not answer only where it was
 * asked. */
static void
test_waits_for_turn (void)
{
  Scene self;
  RoomOptions options = { .clock = DFL_CLOCK (dfl_fake_clock_new ()) };
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  g_autoptr (GPtrArray) accounts = NULL;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n_waiting = 0, n_asked = 0;

  self.room = room_new (&options);
  g_object_unref (options.clock);
  self.peer = room_udp_peer (self.room);
  for (guint i = 0; i < 200; i++)
    {
      DflAccountSettings *settings = scene_make_settings (self.peer);

      raw_set (&settings->name, "bob%03u", i);
      raw_set (&settings->address, "sip:bob%03u@example.org", i);
      raw_set (&settings->registrar, "localhost:%u", raw_peer_get_port (self.peer));
      g_ptr_array_add (all, settings);
    }
  dfl_switchboard_set_accounts (self.room->switchboard, all);
  /* All look for their server before the first one has found it. */
  dfl_fake_clock_advance (DFL_FAKE_CLOCK (self.room->clock), 12 * G_USEC_PER_SEC);
  raw_run_for (100);
  for (guint i = 0; i < 100; i++)
    move (&self, 60 * G_TIME_SPAN_MILLISECOND);
  accounts = dfl_switchboard_get_accounts (self.room->switchboard);
  for (guint i = 0; i < accounts->len; i++)
    {
      const char *reason = dfl_account_get_state_reason (accounts->pdata[i]);

      n_asked += g_str_has_prefix (reason, "no answer from localhost");
      n_waiting += g_str_equal (reason,
                                "many accounts register now, and this one waits for its turn");
    }
  g_assert_cmpuint (n_asked, >=, 50);
  g_assert_cmpuint (n_waiting, >=, 1);
  while (raw_peer_get_n_waiting (self.peer) > 0)
    {
      g_autoptr (RawRequest) request = raw_request_receive (self.peer, "REGISTER");

      g_hash_table_add (seen, g_strdup (raw_request_get (request, "To")));
    }
  g_assert_cmpuint (n_asked, <=, g_hash_table_size (seen));
  scene_close (&self);
}

/* A connection that lasted and is closed is made again soon. */
static void
test_reconnect (void)
{
  Scene self;
  RoomOptions options = { .clock = DFL_CLOCK (dfl_fake_clock_new ()) };
  g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (listener, NULL);
  DflAccountSettings *settings;

  self.room = room_new (&options);
  g_object_unref (options.clock);
  self.peer = room_udp_peer (self.room);
  settings = scene_make_settings (self.peer);
  settings->transport = DFL_TRANSPORT_TCP;
  raw_set (&settings->registrar, "127.0.0.1:%u",
           g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
  scene_update (&self, settings);
  raw_peer_free (self.peer);
  for (guint i = 0; i < 3; i++)
    {
      gint64 start = dfl_clock_now (self.room->clock);

      while (!(g_socket_condition_check (listener, G_IO_IN) & G_IO_IN))
        {
          move (&self, 10 * G_TIME_SPAN_MILLISECOND);
          g_assert_cmpint (dfl_clock_now (self.room->clock) - start, <,
                           1500 * G_TIME_SPAN_MILLISECOND);
        }
      self.peer = raw_peer_accept (listener);
      register_timed (&self, "600");
      move (&self, 40 * G_USEC_PER_SEC);
      if (i == 2)
        break;
      raw_peer_free (self.peer);
      scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
    }
  scene_close (&self);
}

/* Many look for their server while it cannot be found, and find it at the same moment: they come
 * one after the other all the same. */
static void
test_found_at_once (void)
{
  Scene self;
  RoomOptions options = { .clock = DFL_CLOCK (dfl_fake_clock_new ()) };
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  gint64 last = 0;

  self.room = room_new (&options);
  g_object_unref (options.clock);
  self.peer = room_udp_peer (self.room);
  for (guint i = 0; i < 30; i++)
    {
      DflAccountSettings *settings = scene_make_settings (self.peer);

      raw_set (&settings->name, "bob%02u", i);
      raw_set (&settings->address, "sip:bob%02u@example.org", i);
      raw_set (&settings->registrar, "localhost:%u", raw_peer_get_port (self.peer));
      g_ptr_array_add (all, settings);
    }
  dfl_switchboard_set_accounts (self.room->switchboard, all);
  /* Time goes by for all of them before the loop hears of any name. */
  dfl_fake_clock_advance (DFL_FAKE_CLOCK (self.room->clock), 5 * G_USEC_PER_SEC);
  raw_run_for (50);
  for (guint i = 0; i < 30; i++)
    {
      g_autoptr (RawRequest) request = receive (&self, "REGISTER", 5, NULL);

      g_assert_cmpuint (raw_peer_get_n_waiting (self.peer), ==, 0);
      g_assert_cmpint (dfl_clock_now (self.room->clock) - last, >=, 45 * G_TIME_SPAN_MILLISECOND);
      last = dfl_clock_now (self.room->clock);
      scene_grant (&self, request, "600");
    }
  scene_close (&self);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registration-times/refresh", test_refresh);
  g_test_add_func ("/registration-times/back-off", test_back_off);
  g_test_add_func ("/registration-times/lapse", test_lapse);
  g_test_add_func ("/registration-times/keep-alive", test_keep_alive);
  g_test_add_func ("/registration-times/outbound", test_outbound);
  g_test_add_func ("/registration-times/service-route", test_service_route);
  g_test_add_func ("/registration-times/unanswered-contacts", test_unanswered_contacts);
  g_test_add_func ("/registration-times/waits-for-turn", test_waits_for_turn);
  g_test_add_func ("/registration-times/reconnect", test_reconnect);
  g_test_add_func ("/registration-times/found-at-once", test_found_at_once);
  return g_test_run ();
}
