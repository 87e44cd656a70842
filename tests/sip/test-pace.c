/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Turns never come nearer together than they should, however late a clock is. */

#include "fakes/fake-clock.h"
#include "sip/pace.h"

#define RATE 20

typedef struct
{
  DflClock *clock;
  DflPace *pace;
  GArray *times; /* of gint64 */
  gboolean late; /* each turn takes its time */
} Room;

static void
room_open (Room *self)
{
  self->clock = DFL_CLOCK (dfl_fake_clock_new ());
  self->pace = dfl_pace_new (self->clock, RATE);
  self->times = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->late = FALSE;
}

static void
room_close (Room *self)
{
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (DFL_FAKE_CLOCK (self->clock)), ==, 0);
  dfl_pace_free (self->pace);
  g_object_unref (self->clock);
  g_array_unref (self->times);
}

static void
advance (Room *self, guint milliseconds)
{
  dfl_fake_clock_advance (DFL_FAKE_CLOCK (self->clock), milliseconds * G_TIME_SPAN_MILLISECOND);
}

static void
on_turn (gpointer data)
{
  Room *self = data;
  gint64 now = dfl_clock_now (self->clock);

  g_array_append_val (self->times, now);
}

static gint64
get_time (Room *self, guint i)
{
  return g_array_index (self->times, gint64, i);
}

static void
test_rate (void)
{
  Room self;

  room_open (&self);
  for (guint i = 0; i < 100; i++)
    dfl_pace_ask (self.pace, on_turn, &self);
  g_assert_cmpuint (self.times->len, ==, 0); /* never from within */
  advance (&self, 0);
  g_assert_cmpuint (self.times->len, ==, 1);
  advance (&self, 6000);
  g_assert_cmpuint (self.times->len, ==, 100);
  /* No more than the rate in any second, and some room for jitter; and not much slower. */
  for (guint i = RATE; i < self.times->len; i++)
    {
      g_assert_cmpint (get_time (&self, i) - get_time (&self, i - RATE), >=,
                       1020 * G_TIME_SPAN_MILLISECOND);
      g_assert_cmpint (get_time (&self, i) - get_time (&self, i - RATE), <=,
                       1050 * G_TIME_SPAN_MILLISECOND);
    }
  room_close (&self);
}

/* What nobody wanted is not saved up. */
static void
test_nothing_saved (void)
{
  Room self;

  room_open (&self);
  advance (&self, 60000);
  for (guint i = 0; i < 3; i++)
    dfl_pace_ask (self.pace, on_turn, &self);
  advance (&self, 0);
  g_assert_cmpuint (self.times->len, ==, 1);
  advance (&self, 50);
  g_assert_cmpuint (self.times->len, ==, 1);
  advance (&self, 5);
  g_assert_cmpuint (self.times->len, ==, 2);
  advance (&self, 1000);
  g_assert_cmpuint (self.times->len, ==, 3);
  dfl_pace_step (self.pace); /* somebody with a queue of its own */
  dfl_pace_ask (self.pace, on_turn, &self);
  advance (&self, 50);
  g_assert_cmpuint (self.times->len, ==, 3);
  advance (&self, 5);
  g_assert_cmpuint (self.times->len, ==, 4);
  room_close (&self);
}

static void
on_late_turn (gpointer data)
{
  Room *self = data;

  on_turn (self);
  /* The loop was away: the next alarm comes late, and the one after it not early. */
  if (self->late)
    advance (self, 49);
  self->late = !self->late;
}

static void
test_lateness (void)
{
  Room self;

  room_open (&self);
  for (guint i = 0; i < 20; i++)
    dfl_pace_ask (self.pace, on_late_turn, &self);
  for (guint i = 0; i < 200; i++)
    advance (&self, i % 7 == 0 ? 70 : 11);
  g_assert_cmpuint (self.times->len, ==, 20);
  for (guint i = 1; i < self.times->len; i++)
    g_assert_cmpint (get_time (&self, i) - get_time (&self, i - 1), >=, G_USEC_PER_SEC / RATE);
  room_close (&self);
}

static void
test_clear (void)
{
  Room self;
  DflTurn *turns[3];

  room_open (&self);
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++)
    turns[i] = dfl_pace_ask (self.pace, on_turn, &self);
  dfl_pace_clear (self.pace, &turns[1]);
  g_assert_null (turns[1]);
  dfl_pace_clear (self.pace, &turns[1]);
  advance (&self, 1000);
  g_assert_cmpuint (self.times->len, ==, 2);
  turns[0] = dfl_pace_ask (self.pace, on_turn, &self);
  dfl_pace_clear (self.pace, &turns[0]);
  advance (&self, 1000);
  g_assert_cmpuint (self.times->len, ==, 2);
  room_close (&self);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pace/rate", test_rate);
  g_test_add_func ("/pace/nothing-saved", test_nothing_saved);
  g_test_add_func ("/pace/lateness", test_lateness);
  g_test_add_func ("/pace/clear", test_clear);
  return g_test_run ();
}
