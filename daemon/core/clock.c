/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/clock.h"

G_DEFINE_INTERFACE (DflClock, dfl_clock, G_TYPE_OBJECT)

gint64
dfl_clock_now (DflClock *self)
{
  return DFL_CLOCK_GET_IFACE (self)->now (self);
}

gint64
dfl_clock_wall (DflClock *self)
{
  return DFL_CLOCK_GET_IFACE (self)->wall (self);
}

DflAlarm *
dfl_clock_set_alarm (DflClock *self, gint64 at, DflAlarmFunc func, gpointer data)
{
  g_return_val_if_fail (func != NULL, NULL);

  return DFL_CLOCK_GET_IFACE (self)->set_alarm (self, at, func, data);
}

void
dfl_clock_cancel_alarm (DflClock *self, DflAlarm *alarm)
{
  g_return_if_fail (alarm != NULL);

  DFL_CLOCK_GET_IFACE (self)->cancel_alarm (self, alarm);
}

void
dfl_clock_clear_alarm (DflClock *self, DflAlarm **alarm)
{
  DflAlarm *pending = g_steal_pointer (alarm);

  if (pending != NULL)
    dfl_clock_cancel_alarm (self, pending);
}

static void
dfl_clock_default_init (DflClockInterface *iface)
{
}
