/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/delay.h"

static void
on_alarm (gpointer data)
{
  DflDelay *self = data;
  gint64 now = dfl_clock_now (self->clock);
  DflDelayPlace *first;

  self->alarm = NULL;
  self->running = TRUE;
  while ((first = g_queue_peek_head (&self->waiting)) != NULL && first->at <= now)
    {
      dfl_delay_leave (first);
      self->due (first->thing);
    }
  self->running = FALSE;
  if (first != NULL)
    self->alarm = dfl_clock_set_alarm (self->clock, first->at, on_alarm, self);
}

void
dfl_delay_init (DflDelay *self, DflClock *clock, gint64 span, void (*due) (gpointer thing))
{
  self->clock = clock;
  self->span = span;
  self->due = due;
  g_queue_init (&self->waiting);
}

void
dfl_delay_enter (DflDelay *self, DflDelayPlace *place)
{
  dfl_delay_leave (place);
  place->delay = self;
  place->at = dfl_clock_now (self->clock) + self->span;
  place->link.data = place;
  g_queue_push_tail_link (&self->waiting, &place->link);
  if (self->alarm == NULL && !self->running)
    self->alarm = dfl_clock_set_alarm (self->clock, place->at, on_alarm, self);
}

void
dfl_delay_leave (DflDelayPlace *place)
{
  if (place->delay == NULL)
    return;
  /* The alarm stays: that it finds nothing due is cheaper than to set it anew for each thing. */
  g_queue_unlink (&place->delay->waiting, &place->link);
  place->delay = NULL;
}

gpointer
dfl_delay_peek (DflDelay *self)
{
  DflDelayPlace *first = g_queue_peek_head (&self->waiting);

  return first != NULL ? first->thing : NULL;
}

void
dfl_delay_stop (DflDelay *self)
{
  dfl_clock_clear_alarm (self->clock, &self->alarm);
}
