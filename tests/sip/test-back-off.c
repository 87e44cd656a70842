/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* RFC 5626 section 4.5, and slower for who is refused. */

#include "sip/back-off.h"

#define DRAWS 400

typedef gint64 (*Draw) (DflBackOff *self);

static gint64
draw_failure (DflBackOff *self)
{
  return dfl_back_off_fail (self, 0);
}

/* Each draw from the same state lies between the bounds (seconds), and they are not all alike. */
static void
assert_between (const DflBackOff *state, Draw draw, guint least, guint most)
{
  gint64 lowest = G_MAXINT64, highest = 0;

  for (guint i = 0; i < DRAWS; i++)
    {
      DflBackOff copy = *state;
      gint64 wait = draw (&copy);

      lowest = MIN (lowest, wait);
      highest = MAX (highest, wait);
    }
  g_assert_cmpint (lowest, >=, (gint64)least * G_USEC_PER_SEC);
  g_assert_cmpint (highest, <=, (gint64)most * G_USEC_PER_SEC);
  g_assert_cmpint (highest - lowest, >, (gint64)(most - least) * G_USEC_PER_SEC * 8 / 10);
}

static void
test_doubles (void)
{
  DflBackOff self = { .base = 30, .max = 1800 };
  const guint whole[] = { 60, 120, 240, 480, 960, 1800, 1800, 1800 };

  for (guint i = 0; i < G_N_ELEMENTS (whole); i++)
    {
      assert_between (&self, draw_failure, whole[i] / 2, whole[i]);
      dfl_back_off_fail (&self, 0);
    }

  for (guint i = 0; i < 100000; i++)
    dfl_back_off_fail (&self, 0);
  assert_between (&self, draw_failure, 900, 1800);

  dfl_back_off_reset (&self);
  assert_between (&self, draw_failure, 30, 60);
}

static void
test_odd_settings (void)
{
  DflBackOff none = { .base = 0, .max = 0 };
  DflBackOff large = { .base = G_MAXUINT, .max = G_MAXUINT };
  DflBackOff turned = { .base = 100, .max = 10 };

  for (guint i = 0; i < DRAWS; i++)
    g_assert_cmpint (dfl_back_off_fail (&none, 0), >=, G_USEC_PER_SEC / 2);
  assert_between (&large, draw_failure, G_MAXUINT / 2, G_MAXUINT);
  assert_between (&turned, draw_failure, 5, 10);
}

static gint64
draw_retry_after_ten_minutes (DflBackOff *self)
{
  return dfl_back_off_fail (self, 600);
}

static gint64
draw_retry_after_for_ever (DflBackOff *self)
{
  return dfl_back_off_fail (self, G_MAXUINT);
}

static gint64
draw_retry_after_soon (DflBackOff *self)
{
  return dfl_back_off_fail (self, 1);
}

static void
test_retry_after (void)
{
  DflBackOff self = { .base = 30, .max = 1800 };

  assert_between (&self, draw_retry_after_ten_minutes, 600, 660);
  assert_between (&self, draw_retry_after_for_ever, 86400, 86460);
  assert_between (&self, draw_retry_after_soon, 30, 60);
}

static void
test_refusals (void)
{
  DflBackOff self = { .base = 30, .max = 1800 };
  const guint minutes[] = { 30, 60, 120, 240, 480, 720, 720 };

  for (guint i = 0; i < G_N_ELEMENTS (minutes); i++)
    {
      assert_between (&self, dfl_back_off_refuse, minutes[i] * 30, minutes[i] * 60);
      dfl_back_off_refuse (&self);
    }
  /* A server that is away says nothing of the password. */
  assert_between (&self, draw_failure, 30, 60);

  dfl_back_off_reset (&self);
  assert_between (&self, dfl_back_off_refuse, 15 * 60, 30 * 60);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/back-off/doubles", test_doubles);
  g_test_add_func ("/back-off/odd-settings", test_odd_settings);
  g_test_add_func ("/back-off/retry-after", test_retry_after);
  g_test_add_func ("/back-off/refusals", test_refusals);
  return g_test_run ();
}
