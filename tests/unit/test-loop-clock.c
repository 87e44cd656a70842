/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loop-clock.h"

#include <time.h>

/* Longer than any of these tests wait for what must come. */
#define PATIENCE (20 * G_USEC_PER_SEC)

typedef struct
{
  DflClock *clock;
  GString *fired;
} Fixture;

typedef struct
{
  Fixture *fixture;
  char name;
  gint64 at;
} Item;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->clock = dfl_loop_clock_new ();
  self->fired = g_string_new ("");
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_assert_finalize_object (self->clock);
  g_string_free (self->fired, TRUE);
}

static void
on_alarm (gpointer data)
{
  Item *item = data;

  g_assert_cmpint (dfl_clock_now (item->fixture->clock), >=, item->at);
  g_string_append_c (item->fixture->fired, item->name);
  g_free (item);
}

static DflAlarm *
set (Fixture *self, char name, gint64 at)
{
  Item *item = g_new (Item, 1);

  *item = (Item){ .fixture = self, .name = name, .at = at };

  return dfl_clock_set_alarm (self->clock, at, on_alarm, item);
}

static void
wait_for (Fixture *self, gsize n_fired)
{
  gint64 limit = g_get_monotonic_time () + PATIENCE;

  while (self->fired->len < n_fired)
    {
      g_main_context_iteration (NULL, TRUE);
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
    }
}

static void
test_times (Fixture *self, gconstpointer data)
{
  struct timespec boot;
  gint64 now;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  now = dfl_clock_now (self->clock);
  g_assert_cmpint (now, >=, boot.tv_sec * G_USEC_PER_SEC);
  g_assert_cmpint (now, <, (boot.tv_sec + 20) * G_USEC_PER_SEC);
  g_assert_cmpint (ABS (dfl_clock_wall (self->clock) - g_get_real_time ()), <, PATIENCE);
}

static void
test_order (Fixture *self, gconstpointer data)
{
  gint64 now = dfl_clock_now (self->clock);

  set (self, 'd', now + 3000);
  set (self, 'b', now + 2000);
  set (self, 'c', now + 2000);
  set (self, 'a', now + 1000);
  set (self, 'e', now + 3000);
  wait_for (self, 5);
  g_assert_cmpstr (self->fired->str, ==, "abcde");
}

static void
test_past (Fixture *self, gconstpointer data)
{
  set (self, 'b', dfl_clock_now (self->clock));
  set (self, 'a', 0);
  set (self, '_', G_MININT64 / 2);
  g_assert_cmpstr (self->fired->str, ==, "");
  wait_for (self, 3);
  g_assert_cmpstr (self->fired->str, ==, "_ab");
}

static void
test_cancel (Fixture *self, gconstpointer data)
{
  gint64 now = dfl_clock_now (self->clock);
  Item *item = g_new (Item, 1);
  DflAlarm *alarm;

  *item = (Item){ .fixture = self, .name = 'x', .at = now };
  alarm = dfl_clock_set_alarm (self->clock, now, on_alarm, item);
  set (self, 'a', now + 2000);
  dfl_clock_clear_alarm (self->clock, &alarm);
  g_assert_null (alarm);
  dfl_clock_clear_alarm (self->clock, &alarm);
  g_free (item);

  wait_for (self, 1);
  g_assert_cmpstr (self->fired->str, ==, "a");
}

/* The timer was set for an alarm that has gone: a later one must still fire, and an earlier one
 * that comes after it too. */
static void
test_earlier (Fixture *self, gconstpointer data)
{
  gint64 now = dfl_clock_now (self->clock);

  set (self, 'b', now + 20000);
  set (self, 'a', now + 1000);
  wait_for (self, 1);
  set (self, '_', now + 2000);
  wait_for (self, 3);
  g_assert_cmpstr (self->fired->str, ==, "a_b");
}

static void
on_repeat (gpointer data)
{
  Fixture *self = data;

  g_string_append_c (self->fired, 'r');
  dfl_clock_set_alarm (self->clock, 0, on_repeat, self);
}

static gboolean
on_idle (gpointer data)
{
  Fixture *self = data;

  g_string_append_c (self->fired, '!');

  return G_SOURCE_REMOVE;
}

/* An alarm that sets itself for now has a turn, the loop has the next. */
static void
test_from_within (Fixture *self, gconstpointer data)
{
  dfl_clock_set_alarm (self->clock, 0, on_repeat, self);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_idle, self, NULL);
  while (g_main_context_iteration (NULL, FALSE) && self->fired->len < 100)
    continue;
  g_assert_cmpuint (self->fired->len, ==, 100);
  g_assert_true (self->fired->str[0] == '!' || self->fired->str[1] == '!');
}

static void
on_cancel_next (gpointer data)
{
  Item *item = data;

  g_string_append_c (item->fixture->fired, item->name);
  dfl_clock_cancel_alarm (item->fixture->clock, (DflAlarm *)(gintptr)item->at);
  g_free (item);
}

static void
test_cancel_from_within (Fixture *self, gconstpointer data)
{
  Item *victim = g_new (Item, 1);
  Item *item = g_new (Item, 1);
  DflAlarm *alarm;

  *victim = (Item){ .fixture = self, .name = 'x', .at = 2 };
  alarm = dfl_clock_set_alarm (self->clock, 2, on_alarm, victim);
  *item = (Item){ .fixture = self, .name = 'a', .at = (gint64)(gintptr)alarm };
  dfl_clock_set_alarm (self->clock, 1, on_cancel_next, item);
  set (self, 'b', 3);
  wait_for (self, 2);
  g_assert_cmpstr (self->fired->str, ==, "ab");
  g_free (victim);
}

static void
on_unref (gpointer data)
{
  Fixture *self = data;

  g_string_append_c (self->fired, 'u');
  g_clear_object (&self->clock);
}

static void
test_clock_goes (Fixture *self, gconstpointer data)
{
  dfl_clock_set_alarm (self->clock, 0, on_unref, self);
  wait_for (self, 1);
  g_assert_null (self->clock);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  self->clock = dfl_loop_clock_new ();
}

/* More than one turn takes, with as many that are cancelled among them. */
static void
test_many (Fixture *self, gconstpointer data)
{
  gint64 now = dfl_clock_now (self->clock);
  g_autoptr (GPtrArray) cancelled = g_ptr_array_new ();

  for (int i = 0; i < 5000; i++)
    {
      set (self, 'a', now + g_test_rand_int_range (-1000, 5000));
      g_ptr_array_add (cancelled,
                       dfl_clock_set_alarm (self->clock, now + g_test_rand_int_range (-1000, 5000),
                                            on_unref, self));
    }
  for (guint i = 0; i < cancelled->len; i++)
    dfl_clock_cancel_alarm (self->clock, cancelled->pdata[i]);
  wait_for (self, 5000);
}

/* Nothing to do costs nothing: no wake-up while no alarm is due. */
static void
test_rest (Fixture *self, gconstpointer data)
{
  set (self, 'a', dfl_clock_now (self->clock) + 1000);
  wait_for (self, 1);
  g_assert_false (g_main_context_iteration (NULL, FALSE));
  g_assert_false (g_main_context_pending (NULL));
}

/* Nor while one is due later. */
static void
test_rest_between (Fixture *self, gconstpointer data)
{
  gint64 now = dfl_clock_now (self->clock);
  guint n_turns = 0;

  set (self, 'a', now + 1000);
  set (self, 'b', now + 50000);
  while (self->fired->len < 2)
    {
      g_main_context_iteration (NULL, TRUE);
      n_turns++;
    }
  g_assert_cmpuint (n_turns, <, 10);
}

#define ADD(path, test) g_test_add ("/loop-clock/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("times", test_times);
  ADD ("order", test_order);
  ADD ("past", test_past);
  ADD ("cancel", test_cancel);
  ADD ("earlier", test_earlier);
  ADD ("from-within", test_from_within);
  ADD ("cancel-from-within", test_cancel_from_within);
  ADD ("clock-goes", test_clock_goes);
  ADD ("many", test_many);
  ADD ("rest", test_rest);
  ADD ("rest-between", test_rest_between);

  return g_test_run ();
}
