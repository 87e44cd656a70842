/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/pace.h"

/* A part of the pause: what jitter may take from a whole second. */
#define ROOM 25

struct _DflTurn
{
  DflTurnFunc func;
  gpointer data;
  GList link;
};

struct _DflPace
{
  DflClock *clock;
  gint64 pause;
  gint64 next;
  GQueue waiting; /* of DflTurn */
  DflAlarm *alarm;
};

static void
on_turn (gpointer data)
{
  DflPace *self = data;
  DflTurn *turn = g_queue_peek_head (&self->waiting);
  DflTurnFunc func = turn->func;
  gpointer func_data = turn->data;

  g_queue_unlink (&self->waiting, &turn->link);
  g_free (turn);
  dfl_pace_step (self);
  self->alarm = NULL;
  if (self->waiting.length > 0)
    self->alarm = dfl_clock_set_alarm (self->clock, self->next, on_turn, self);
  func (func_data);
}

DflPace *
dfl_pace_new (DflClock *clock, guint rate)
{
  DflPace *self = g_new0 (DflPace, 1);
  gint64 pause = G_USEC_PER_SEC / (gint64)MAX (rate, 1);

  self->clock = clock;
  self->pause = pause + pause / ROOM;
  g_queue_init (&self->waiting);
  return self;
}

void
dfl_pace_free (DflPace *self)
{
  g_assert (self->waiting.length == 0);
  g_free (self);
}

DflTurn *
dfl_pace_ask (DflPace *self, DflTurnFunc func, gpointer data)
{
  DflTurn *turn = g_new0 (DflTurn, 1);

  turn->func = func;
  turn->data = data;
  turn->link.data = turn;
  g_queue_push_tail_link (&self->waiting, &turn->link);
  if (self->alarm == NULL)
    self->alarm = dfl_clock_set_alarm (self->clock, dfl_pace_get_next (self), on_turn, self);
  return turn;
}

void
dfl_pace_clear (DflPace *self, DflTurn **turn)
{
  if (*turn == NULL)
    return;
  g_queue_unlink (&self->waiting, &(*turn)->link);
  g_clear_pointer (turn, g_free);
  if (self->waiting.length == 0)
    dfl_clock_clear_alarm (self->clock, &self->alarm);
}

gint64
dfl_pace_get_next (DflPace *self)
{
  return MAX (self->next, dfl_clock_now (self->clock));
}

void
dfl_pace_step (DflPace *self)
{
  self->next = dfl_clock_now (self->clock) + self->pause;
}
