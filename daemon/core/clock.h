/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The port through which core, and the rooms that time something, learn the time and are woken. */

#pragma once

#include <glib-object.h>

#define DFL_TYPE_CLOCK (dfl_clock_get_type ())
G_DECLARE_INTERFACE (DflClock, dfl_clock, DFL, CLOCK, GObject)

/* One wake-up that was asked for; valid until it fires or is cancelled. */
typedef struct _DflAlarm DflAlarm;

typedef void (*DflAlarmFunc) (gpointer data);

struct _DflClockInterface
{
  GTypeInterface parent;

  gint64 (*now) (DflClock *self);
  gint64 (*wall) (DflClock *self);
  DflAlarm *(*set_alarm) (DflClock *self, gint64 at, DflAlarmFunc func, gpointer data);
  void (*cancel_alarm) (DflClock *self, DflAlarm *alarm);
};

/* Monotonic time in microseconds; it counts time in suspend too (CLOCK_BOOTTIME), so that an
 * offer that expired while the machine slept is expired. All deadlines inside are on this scale. */
gint64 dfl_clock_now (DflClock *self);

/* Wall clock in microseconds since the epoch; only for what people and the bus are shown. */
gint64 dfl_clock_wall (DflClock *self);

/*
 * Asks for one call of func(data), from the main loop and never from within this function, as
 * soon as now() >= at. Costs O(log n) in the alarms set. Alarms with the same time fire in the
 * order in which they were set. The alarm is gone when func is entered: forget the handle there.
 */
DflAlarm *dfl_clock_set_alarm (DflClock *self, gint64 at, DflAlarmFunc func, gpointer data);

/* Takes an alarm back that has not fired yet. */
void dfl_clock_cancel_alarm (DflClock *self, DflAlarm *alarm);

/* Cancels *alarm if there is one and sets it to NULL. */
void dfl_clock_clear_alarm (DflClock *self, DflAlarm **alarm);
