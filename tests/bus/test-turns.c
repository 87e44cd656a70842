/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose turn it is, with a clock that stands still and requests that cost what the test says. */

#include "bus/turns.h"

#include <sys/socket.h>
#include <unistd.h>

#include "bus/message.h"
#include "fakes/fake-clock.h"

#define BURST (G_USEC_PER_SEC / 4)

typedef struct
{
  DflFakeClock *clock;
  DflTurns *turns;
  sd_bus *bus; /* what messages are made for; nobody is at the other end */
  int sockets[2];
  GString *served;  /* the members of those that were, in order */
  gint64 cost;      /* of each request */
  const char *busy; /* the name of a peer that is not ready */
  guint n_served;
  DflPeer alice;
  DflPeer also_alice;
  DflPeer bob;
  DflPeer root;
} World;

static gboolean
is_ready (DflPeer *peer, gpointer data)
{
  World *world = data;

  return g_strcmp0 (world->busy, peer->name) != 0;
}

static void
on_turn (DflPeer *peer, sd_bus_message *request, gpointer data)
{
  World *world = data;

  world->n_served++;
  g_string_append_printf (world->served, "%s%s", world->served->len == 0 ? "" : " ",
                          sd_bus_message_get_member (request));
  dfl_turns_charge (world->turns, peer->uid, world->cost);
}

static void
set_up (World *world, gconstpointer data)
{
  world->alice = (DflPeer){ .name = ":1.1", .uid = 1000, .decided_by = "user:alice" };
  world->also_alice = (DflPeer){ .name = ":1.2", .uid = 1000, .decided_by = "user:alice" };
  world->bob = (DflPeer){ .name = ":1.3", .uid = 1001, .decided_by = "user:bob" };
  world->root = (DflPeer){ .name = ":1.4", .uid = 0, .decided_by = "user:root" };
  world->clock = dfl_fake_clock_new ();
  world->turns = dfl_turns_new (DFL_CLOCK (world->clock), is_ready, on_turn, world);
  world->served = g_string_new (NULL);
  g_assert_cmpint (sd_bus_new (&world->bus), >=, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, world->sockets), ==, 0);
  g_assert_cmpint (sd_bus_set_fd (world->bus, world->sockets[0], world->sockets[0]), >=, 0);
  g_assert_cmpint (sd_bus_start (world->bus), >=, 0);
}

static void
tear_down (World *world, gconstpointer data)
{
  g_clear_pointer (&world->turns, dfl_turns_free);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (world->clock), ==, 0);
  sd_bus_close (world->bus);
  sd_bus_unref (world->bus);
  close (world->sockets[1]);
  g_object_unref (world->clock);
  g_string_free (world->served, TRUE);
}

static sd_bus_message *
make_request (World *world, const char *member, gsize size)
{
  sd_bus_message *message = NULL;
  g_autofree char *text = g_strnfill (size, 'x');

  g_assert_cmpint (sd_bus_message_new_method_call (world->bus, &message, NULL, "/", "a.b", member),
                   >=, 0);
  g_assert_cmpint (sd_bus_message_append (message, "s", text), >=, 0);
  g_assert_cmpint (sd_bus_message_seal (message, 1, 0), >=, 0);
  return message;
}

static void
ask (World *world, DflPeer *peer, const char *member)
{
  g_autoptr (sd_bus_message) message = make_request (world, member, 0);

  dfl_turns_take (world->turns, peer, message);
}

/* What was served since the last time, and nothing else. */
static void
expect_served (World *world, const char *members)
{
  g_assert_cmpstr (world->served->str, ==, members);
  g_string_truncate (world->served, 0);
}

static void
advance (World *world, gint64 microseconds)
{
  dfl_fake_clock_advance (world->clock, microseconds);
}

/* --- Budgets --- */

static void
test_at_once (World *world, gconstpointer data)
{
  ask (world, &world->alice, "A");
  ask (world, &world->alice, "B");
  expect_served (world, "A B");
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (world->clock), ==, 0);
  g_assert_cmpuint (world->alice.keepers, ==, 0);
}

static void
test_used_up (World *world, gconstpointer data)
{
  world->cost = BURST + 10000;
  ask (world, &world->alice, "A");
  ask (world, &world->alice, "B");
  ask (world, &world->alice, "C");
  expect_served (world, "A");
  g_assert_cmpuint (world->alice.keepers, ==, 1);

  /* Another user is not concerned. */
  ask (world, &world->bob, "D");
  expect_served (world, "D");

  /* A debt of 10 ms is paid in 50; then there must be something to spend, too. */
  advance (world, 50000);
  expect_served (world, "");
  world->cost = 0;
  advance (world, 10000);
  expect_served (world, "B C");
  g_assert_cmpuint (world->alice.keepers, ==, 0);
}

/* A fifth of the time is what a user gets in the long run. */
static void
test_share (World *world, gconstpointer data)
{
  world->cost = 1000;
  for (guint i = 0; i < 1000; i++)
    ask (world, &world->alice, "A");
  g_assert_cmpuint (world->n_served, >=, 230);
  g_assert_cmpuint (world->n_served, <=, 251);
  world->n_served = 0;
  advance (world, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (world->n_served, >=, 330);
  g_assert_cmpuint (world->n_served, <=, 410);
}

/* What alice asks now costs nothing beyond itself. */
static void
expect_free (World *world)
{
  world->n_served = 0;
  for (guint i = 0; i < 2000; i++)
    ask (world, &world->alice, "B");
  advance (world, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (world->n_served, ==, 2000);
}

/* What has no answer costs the bus with each message, and so its user. */
static void
test_unanswered (World *world, gconstpointer data)
{
  dfl_turns_charge (world->turns, 1000, BURST);
  for (guint i = 0; i < 32000; i++)
    ask (world, &world->also_alice, "A");
  advance (world, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (world->n_served, >=, 30);
  g_assert_cmpuint (world->n_served, <=, 250);

  /* Not when the connection has gone, with something of it in line or without. */
  dfl_turns_forget (world->turns, &world->also_alice);
  expect_free (world);
  for (guint i = 0; i < 32000; i++)
    ask (world, &world->also_alice, "A");
  advance (world, 200 * G_USEC_PER_SEC);
  dfl_turns_forget (world->turns, &world->also_alice);
  expect_free (world);
}

static void
test_root (World *world, gconstpointer data)
{
  world->cost = G_USEC_PER_SEC;
  for (guint i = 0; i < 1000; i++)
    ask (world, &world->root, "A");
  g_assert_cmpuint (world->n_served, ==, 1000);
}

/* Time that was not used is not kept for ever. */
static void
test_idle (World *world, gconstpointer data)
{
  world->cost = 1000;
  ask (world, &world->alice, "A");
  advance (world, G_TIME_SPAN_HOUR);
  for (guint i = 0; i < 1000; i++)
    ask (world, &world->alice, "A");
  g_assert_cmpuint (world->n_served, <=, 251);
}

/* --- Order --- */

static void
test_order (World *world, gconstpointer data)
{
  dfl_turns_charge (world->turns, 1000, BURST + 1000);
  dfl_turns_charge (world->turns, 1001, BURST + 1000);
  ask (world, &world->alice, "A1");
  ask (world, &world->alice, "A2");
  ask (world, &world->alice, "A3");
  ask (world, &world->also_alice, "B1");
  ask (world, &world->bob, "C1");
  ask (world, &world->bob, "C2");
  expect_served (world, "");
  advance (world, 100000);
  expect_served (world, "A1 C1 B1 C2 A2 A3");
}

static void
test_not_ready (World *world, gconstpointer data)
{
  world->busy = world->alice.name;
  ask (world, &world->alice, "A1");
  ask (world, &world->alice, "A2");
  advance (world, 1000);
  ask (world, &world->also_alice, "B1");
  advance (world, G_USEC_PER_SEC);
  expect_served (world, "B1");
  /* Nothing runs while nobody can go on. */
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (world->clock), ==, 0);

  /* Who is ready has its turn, and not at once where its user has none left. */
  dfl_turns_charge (world->turns, 1000, BURST + 1000);
  ask (world, &world->also_alice, "B2");
  expect_served (world, "");
  advance (world, G_USEC_PER_SEC);
  expect_served (world, "B2");

  world->busy = NULL;
  ask (world, &world->alice, "A3");
  dfl_turns_wake (world->turns);
  advance (world, 0);
  expect_served (world, "A1 A2 A3");
}

static void
test_gone (World *world, gconstpointer data)
{
  dfl_turns_charge (world->turns, 1000, BURST + 1000);
  ask (world, &world->alice, "A1");
  ask (world, &world->also_alice, "B1");
  ask (world, &world->alice, "A2");
  dfl_turns_forget (world->turns, &world->alice);
  g_assert_cmpuint (world->alice.keepers, ==, 0);
  dfl_turns_forget (world->turns, &world->alice);
  advance (world, G_USEC_PER_SEC);
  expect_served (world, "B1");
}

static void
test_free_waiting (World *world, gconstpointer data)
{
  dfl_turns_charge (world->turns, 1000, BURST + 1000);
  ask (world, &world->alice, "A1");
  g_clear_pointer (&world->turns, dfl_turns_free);
  g_assert_cmpuint (world->alice.keepers, ==, 0);
  expect_served (world, "");
}

/* --- Limits --- */

static void
test_too_many (World *world, gconstpointer data)
{
  dfl_turns_charge (world->turns, 1000, BURST + 1000);
  dfl_turns_charge (world->turns, 1001, BURST + 1000);
  for (guint i = 0; i < DFL_TURNS_MAX_WAITING + 100; i++)
    ask (world, &world->alice, "A");
  ask (world, &world->bob, "B");
  for (guint i = 0; i < 10000; i++)
    advance (world, 10000);
  g_assert_cmpuint (world->n_served, ==, DFL_TURNS_MAX_WAITING + 1);
}

static void
test_too_long (World *world, gconstpointer data)
{
  const gsize size = 200 * 1024;
  g_autoptr (sd_bus_message) message = make_request (world, "A", size);
  g_autoptr (sd_bus_message) too_long = make_request (world, "B", DFL_PEERS_MAX_BODY + 1);

  dfl_turns_charge (world->turns, 1000, BURST + 1000);
  dfl_turns_take (world->turns, &world->alice, too_long);
  for (guint i = 0; i < 100; i++)
    dfl_turns_take (world->turns, &world->alice, message);
  advance (world, 100 * G_USEC_PER_SEC);
  g_assert_cmpuint (world->n_served, ==, DFL_TURNS_MAX_WAITING_BYTES / size);
}

/* Users come and go. */
static void
test_many_users (World *world, gconstpointer data)
{
  for (guint uid = 1; uid < 5000; uid++)
    {
      DflPeer peer = { .name = ":1.1", .uid = uid };

      ask (world, &peer, "A");
      advance (world, 1000);
    }
  g_assert_cmpuint (world->n_served, ==, 4999);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function)                                                                        \
  g_test_add ("/bus/turns/" path, World, NULL, set_up, function, tear_down)
  ADD ("at-once", test_at_once);
  ADD ("used-up", test_used_up);
  ADD ("share", test_share);
  ADD ("unanswered", test_unanswered);
  ADD ("root", test_root);
  ADD ("idle", test_idle);
  ADD ("order", test_order);
  ADD ("not-ready", test_not_ready);
  ADD ("gone", test_gone);
  ADD ("free-waiting", test_free_waiting);
  ADD ("too-many", test_too_many);
  ADD ("too-long", test_too_long);
  ADD ("many-users", test_many_users);
#undef ADD
  return g_test_run ();
}
