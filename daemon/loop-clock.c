/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loop-clock.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/*
 * GLib's own timers run on CLOCK_MONOTONIC, which stands still in suspend, so a timerfd on
 * CLOCK_BOOTTIME wakes the loop. Most alarms are cancelled long before they are due: the timer is
 * set anew only for an alarm earlier than all before it, and a wake-up for one that has gone costs
 * less than a system call for each that goes.
 */
struct _DflLoopClock
{
  GObject parent;

  GSource *source;
  int fd;
  gint64 armed;      /* when the timer will wake us; G_MAXINT64 never */
  GSequence *alarms; /* of DflAlarm, by time and serial */
  guint64 n_set;
};

struct _DflAlarm
{
  gint64 at;
  guint64 serial;
  DflAlarmFunc func;
  gpointer data;
  GSequenceIter *position;
};

typedef struct
{
  GSource parent;

  DflLoopClock *clock; /* which destroys the source before it goes */
} ClockSource;

/* After so many alarms the loop's other sources have a turn. */
#define ALARMS_PER_TURN 64

static void dfl_loop_clock_clock_init (DflClockInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (DflLoopClock,
                               dfl_loop_clock,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_CLOCK, dfl_loop_clock_clock_init))

static gint64
dfl_loop_clock_now (DflClock *clock)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);

  return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gint64
dfl_loop_clock_wall (DflClock *clock)
{
  return g_get_real_time ();
}

static int
compare_alarms (gconstpointer a, gconstpointer b, gpointer data)
{
  const DflAlarm *alarm_a = a, *alarm_b = b;

  if (alarm_a->at != alarm_b->at)
    return alarm_a->at < alarm_b->at ? -1 : 1;

  return alarm_a->serial < alarm_b->serial ? -1 : 1;
}

static DflAlarm *
get_first (DflLoopClock *self)
{
  GSequenceIter *first = g_sequence_get_begin_iter (self->alarms);

  return g_sequence_iter_is_end (first) ? NULL : g_sequence_get (first);
}

static void
arm (DflLoopClock *self, gint64 at)
{
  struct itimerspec timer = {
    /* A zero would disarm it. */
    .it_value = { .tv_sec = MAX (at, 1) / G_USEC_PER_SEC,
                  .tv_nsec = MAX (at, 1) % G_USEC_PER_SEC * 1000 },
  };

  if (timerfd_settime (self->fd, TFD_TIMER_ABSTIME, &timer, NULL) != 0)
    g_error ("The timer cannot be set: %s", g_strerror (errno));
  self->armed = at;
}

static DflAlarm *
dfl_loop_clock_set_alarm (DflClock *clock, gint64 at, DflAlarmFunc func, gpointer data)
{
  DflLoopClock *self = DFL_LOOP_CLOCK (clock);
  DflAlarm *alarm = g_new (DflAlarm, 1);

  *alarm = (DflAlarm){ .at = at, .serial = self->n_set++, .func = func, .data = data };
  alarm->position = g_sequence_insert_sorted (self->alarms, alarm, compare_alarms, NULL);
  if (at < self->armed)
    arm (self, at);

  return alarm;
}

static void
dfl_loop_clock_cancel_alarm (DflClock *clock, DflAlarm *alarm)
{
  g_sequence_remove (alarm->position);
}

static gboolean
on_timer (GSource *source, GSourceFunc callback, gpointer data)
{
  g_autoptr (DflLoopClock) self = g_object_ref (((ClockSource *)source)->clock);
  gint64 now = dfl_loop_clock_now (DFL_CLOCK (self));
  guint64 n_set = self->n_set;
  guint64 expirations;
  DflAlarm *first;

  /* Setting the timer anew makes it unreadable; reading is for when there is nothing to set. */
  self->armed = G_MAXINT64;
  for (int i = 0; i < ALARMS_PER_TURN; i++)
    {
      DflAlarmFunc func;
      gpointer func_data;

      /* One that was set meanwhile waits for the next turn, or two could keep the loop busy. */
      first = get_first (self);
      if (first == NULL || first->at > now || first->serial >= n_set)
        break;

      func = first->func;
      func_data = first->data;
      g_sequence_remove (first->position);
      func (func_data);
    }

  first = get_first (self);
  if (first == NULL && read (self->fd, &expirations, sizeof (expirations)) < 0 && errno != EAGAIN)
    g_error ("The timer cannot be read: %s", g_strerror (errno));
  if (first != NULL && first->at < self->armed)
    arm (self, first->at);

  return G_SOURCE_CONTINUE;
}

DflClock *
dfl_loop_clock_new (void)
{
  return g_object_new (DFL_TYPE_LOOP_CLOCK, NULL);
}

static void
dfl_loop_clock_finalize (GObject *object)
{
  DflLoopClock *self = DFL_LOOP_CLOCK (object);

  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_sequence_free (self->alarms);
  close (self->fd);

  G_OBJECT_CLASS (dfl_loop_clock_parent_class)->finalize (object);
}

static void
dfl_loop_clock_class_init (DflLoopClockClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_loop_clock_finalize;
}

static void
dfl_loop_clock_clock_init (DflClockInterface *iface)
{
  iface->now = dfl_loop_clock_now;
  iface->wall = dfl_loop_clock_wall;
  iface->set_alarm = dfl_loop_clock_set_alarm;
  iface->cancel_alarm = dfl_loop_clock_cancel_alarm;
}

static void
dfl_loop_clock_init (DflLoopClock *self)
{
  static GSourceFuncs functions = { .dispatch = on_timer };

  self->alarms = g_sequence_new (g_free);
  self->armed = G_MAXINT64;
  self->fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (self->fd < 0)
    g_error ("The kernel gives no timer: %s", g_strerror (errno));

  self->source = g_source_new (&functions, sizeof (ClockSource));
  ((ClockSource *)self->source)->clock = self;
  g_source_set_static_name (self->source, "deflectd clock");
  g_source_add_unix_fd (self->source, self->fd, G_IO_IN);
  g_source_attach (self->source, g_main_context_get_thread_default ());
}
