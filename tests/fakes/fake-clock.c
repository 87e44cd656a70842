/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/fake-clock.h"

struct _DflFakeClock
{
  GObject parent;

  gint64 now;
  GSequence *alarms;
  guint n_set;
};

struct _DflAlarm
{
  gint64 at;
  guint serial;
  DflAlarmFunc func;
  gpointer data;
  GSequenceIter *position;
};

static void dfl_fake_clock_clock_init (DflClockInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (DflFakeClock,
                               dfl_fake_clock,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_CLOCK, dfl_fake_clock_clock_init))

static int
compare_alarms (gconstpointer a, gconstpointer b, gpointer data)
{
  const DflAlarm *alarm_a = a, *alarm_b = b;

  if (alarm_a->at != alarm_b->at)
    return alarm_a->at < alarm_b->at ? -1 : 1;

  return alarm_a->serial < alarm_b->serial ? -1 : 1;
}

static gint64
dfl_fake_clock_now (DflClock *clock)
{
  return DFL_FAKE_CLOCK (clock)->now;
}

static gint64
dfl_fake_clock_wall (DflClock *clock)
{
  return DFL_FAKE_CLOCK (clock)->now - DFL_FAKE_CLOCK_NOW + DFL_FAKE_CLOCK_WALL;
}

static DflAlarm *
dfl_fake_clock_set_alarm (DflClock *clock, gint64 at, DflAlarmFunc func, gpointer data)
{
  DflFakeClock *self = DFL_FAKE_CLOCK (clock);
  DflAlarm *alarm = g_new0 (DflAlarm, 1);

  alarm->at = at;
  alarm->serial = self->n_set++;
  alarm->func = func;
  alarm->data = data;
  alarm->position = g_sequence_insert_sorted (self->alarms, alarm, compare_alarms, NULL);

  return alarm;
}

static void
dfl_fake_clock_cancel_alarm (DflClock *clock, DflAlarm *alarm)
{
  g_sequence_remove (alarm->position);
}

/* Fires the first alarm if it is due until then; FALSE where none is. */
static gboolean
fire_until (DflFakeClock *self, gint64 until)
{
  GSequenceIter *first = g_sequence_get_begin_iter (self->alarms);
  DflAlarm alarm;

  if (g_sequence_iter_is_end (first))
    return FALSE;

  alarm = *(DflAlarm *)g_sequence_get (first);
  if (alarm.at > until)
    return FALSE;

  self->now = MAX (self->now, alarm.at);
  g_sequence_remove (first);
  alarm.func (alarm.data);

  return TRUE;
}

gboolean
dfl_fake_clock_jump (DflFakeClock *self)
{
  return fire_until (self, G_MAXINT64);
}

void
dfl_fake_clock_advance (DflFakeClock *self, gint64 microseconds)
{
  gint64 until = self->now + microseconds;

  while (fire_until (self, until))
    continue;

  self->now = until;
}

guint
dfl_fake_clock_get_n_alarms (DflFakeClock *self)
{
  return g_sequence_get_length (self->alarms);
}

DflFakeClock *
dfl_fake_clock_new (void)
{
  return g_object_new (DFL_TYPE_FAKE_CLOCK, NULL);
}

static void
dfl_fake_clock_finalize (GObject *object)
{
  g_sequence_free (DFL_FAKE_CLOCK (object)->alarms);

  G_OBJECT_CLASS (dfl_fake_clock_parent_class)->finalize (object);
}

static void
dfl_fake_clock_class_init (DflFakeClockClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_fake_clock_finalize;
}

static void
dfl_fake_clock_clock_init (DflClockInterface *iface)
{
  iface->now = dfl_fake_clock_now;
  iface->wall = dfl_fake_clock_wall;
  iface->set_alarm = dfl_fake_clock_set_alarm;
  iface->cancel_alarm = dfl_fake_clock_cancel_alarm;
}

static void
dfl_fake_clock_init (DflFakeClock *self)
{
  self->now = DFL_FAKE_CLOCK_NOW;
  self->alarms = g_sequence_new (g_free);
}
