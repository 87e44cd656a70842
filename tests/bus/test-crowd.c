/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one may list does not take longer because there is much that one may not see. */

#include "bus/bare-client.h"
#include "bus/fixture.h"

#include <string.h>
#include <unistd.h>

#include "data/names.h"

/* Calls that the one who asks does not see. */
#define N_HIDDEN 4000
/* Times with and without them, in turns, and how often each question is asked each time. */
#define N_TURNS 16
#define N_ASKED 40
/* How much longer an answer may take, in microseconds: four nanoseconds for each call. */
#define LIMIT 16
/* A machine that is too busy to tell is asked again; a real difference is there each time. */
#define N_ROUNDS 4

static const struct
{
  const char *what;
  const char *path;
  const char *interface;
} kinds[] = {
  { "Introspect", DFL_CALLS_PATH, "org.freedesktop.DBus.Introspectable" },
  { "GetManagedObjects", DFL_ROOT_PATH, "org.freedesktop.DBus.ObjectManager" },
};

typedef struct
{
  Fixture *fixture;
  GByteArray *questions[G_N_ELEMENTS (kinds)];
  GBytes *answers[G_N_ELEMENTS (kinds)];
  GPtrArray *calls; /* the hidden ones that there are */
  GMutex lock;
  GCond done;
  gboolean crowded;
  gboolean waiting;
  gboolean good;
  GMainLoop *loop;
} Crowd;

/* --- In the daemon's thread --- */

static gboolean
on_turn (gpointer data)
{
  Crowd *self = data;

  for (guint i = 0; i < self->calls->len; i++)
    dfl_call_leg_cancelled (self->calls->pdata[i], FALSE);
  g_ptr_array_set_size (self->calls, 0);
  for (guint i = 0; self->crowded && i < N_HIDDEN; i++)
    {
      g_autofree char *sip_call_id = g_strdup_printf ("hidden%u", i);

      g_ptr_array_add (self->calls,
                       g_object_ref (fixture_offer_to (self->fixture, "bob", sip_call_id)));
    }
  g_assert_cmpuint (dfl_switchboard_get_n_calls (self->fixture->switchboard), ==,
                    self->crowded ? N_HIDDEN : 0);
  g_mutex_lock (&self->lock);
  self->waiting = FALSE;
  g_cond_signal (&self->done);
  g_mutex_unlock (&self->lock);
  return G_SOURCE_REMOVE;
}

static gboolean
on_over (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static gboolean
let_time_pass (gpointer clock)
{
  /* Nobody is to be slowed down for asking so much. */
  dfl_fake_clock_advance (clock, G_USEC_PER_SEC);
  return G_SOURCE_CONTINUE;
}

/* --- In the thread of the one who asks --- */

static void
set_crowded (Crowd *self, gboolean crowded)
{
  g_mutex_lock (&self->lock);
  self->crowded = crowded;
  self->waiting = TRUE;
  g_idle_add (on_turn, self);
  while (self->waiting)
    g_cond_wait (&self->done, &self->lock);
  g_mutex_unlock (&self->lock);
}

static double
ask (Crowd *self, BareClient *client, guint kind)
{
  double taken = bare_client_ask (client, self->questions[kind]);
  g_autoptr (GBytes) answer = bare_client_get_reply (client);

  if (self->answers[kind] == NULL)
    self->answers[kind] = g_bytes_ref (answer);
  g_assert_true (g_bytes_equal (answer, self->answers[kind]));
  return taken;
}

/* Asks each question with or without the crowd, and keeps what its quick answers took. */
static void
run_turn (Crowd *self, BareClient *client, GArray *const *pairs, gboolean crowded, guint turn)
{
  set_crowded (self, crowded);
  /* What so many calls leave behind them, such as memory to be had again, is used up first. */
  for (guint i = 0; i < 3 * N_ASKED; i++)
    ask (self, client, i % G_N_ELEMENTS (kinds));
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
      TimePair *pair = &g_array_index (pairs[kind], TimePair, turn);

      for (guint i = 0; i < N_ASKED; i++)
        {
          double taken = ask (self, client, kind);

          g_array_append_val (times, taken);
        }
      *(crowded ? &pair->one : &pair->other) = times_get_quantile (times, 0.25);
    }
}

static void
print (const char *what, const GArray *pairs, gboolean crowded)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < pairs->len; i++)
    {
      const TimePair *pair = &g_array_index (pairs, TimePair, i);

      g_array_append_val (times, *(crowded ? &pair->one : &pair->other));
    }
  g_test_message ("%-18s %-12s min %7.1f  median %7.1f  p90 %7.1f us", what,
                  crowded ? "hidden calls" : "no calls", times_get_quantile (times, 0),
                  times_get_quantile (times, 0.5), times_get_quantile (times, 0.9));
}

static gboolean
run_round (Crowd *self, BareClient *client)
{
  GArray *pairs[G_N_ELEMENTS (kinds)];
  gboolean good = TRUE;

  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      pairs[kind] = g_array_new (FALSE, TRUE, sizeof (TimePair));
      g_array_set_size (pairs[kind], N_TURNS);
    }
  for (guint turn = 0; turn < N_TURNS; turn++)
    {
      gboolean crowded_first = turn % 2 == 0;

      for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
        g_array_index (pairs[kind], TimePair, turn).one_first = crowded_first;
      run_turn (self, client, pairs, crowded_first, turn);
      run_turn (self, client, pairs, !crowded_first, turn);
    }
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      double difference = time_pairs_compare (pairs[kind]);

      print (kinds[kind].what, pairs[kind], TRUE);
      print (kinds[kind].what, pairs[kind], FALSE);
      g_test_message ("%s: %d hidden calls take %+.2f us more, of at most %d", kinds[kind].what,
                      N_HIDDEN, difference, LIMIT);
      good &= ABS (difference) < LIMIT;
      g_array_unref (pairs[kind]);
    }
  return good;
}

static gpointer
run (gpointer data)
{
  Crowd *self = data;
  BareClient *client = bare_client_new (self->fixture->bus->address,
                                        getuid () == 0 ? STRANGER : getuid ());

  for (guint round = 0; round < N_ROUNDS && !self->good; round++)
    self->good = run_round (self, client);
  set_crowded (self, FALSE);
  bare_client_free (client);
  g_idle_add (on_over, self->loop);
  return NULL;
}

static void
test_hidden_calls_cost_nothing (Fixture *fixture, gconstpointer mode)
{
  g_autofree Crowd *crowd = g_new0 (Crowd, 1);
  GThread *thread;
  guint source;

  fixture_set_users (fixture, "", "");
  crowd->fixture = fixture;
  crowd->calls = g_ptr_array_new_with_free_func (g_object_unref);
  crowd->loop = g_main_loop_new (NULL, FALSE);
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    crowd->questions[kind] = bare_message_new (DFL_BUS_NAME, kinds[kind].path,
                                               kinds[kind].interface, kinds[kind].what, NULL);
  source = g_timeout_add (20, let_time_pass, fixture->clock);
  thread = g_thread_new ("client", run, crowd);
  g_main_loop_run (crowd->loop);
  g_thread_join (thread);
  g_source_remove (source);

  g_assert_true (crowd->good);
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      g_byte_array_unref (crowd->questions[kind]);
      g_bytes_unref (crowd->answers[kind]);
    }
  g_ptr_array_unref (crowd->calls);
  g_main_loop_unref (crowd->loop);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/bus/crowd/hidden-calls-cost-nothing", Fixture, FIXTURE_SYSTEM, fixture_set_up,
              test_hidden_calls_cost_nothing, fixture_tear_down);
  return g_test_run ();
}
