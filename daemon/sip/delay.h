/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A queue of things that all wait for the same span: the first in is the first due, so that one
 * alarm serves all of them, however many there are. */

#pragma once

#include <glib.h>

#include "core/clock.h"

typedef struct
{
  DflClock *clock; /* borrowed */
  GQueue waiting;
  gint64 span; /* microseconds */
  void (*due) (gpointer thing);
  DflAlarm *alarm;
  gboolean running; /* due is being called; the alarm is set afterwards */
} DflDelay;

/* The place in a queue of one thing; part of it. All zero before it first waits, but for thing. */
typedef struct
{
  gpointer thing;
  DflDelay *delay; /* the queue that it is in, or NULL */
  GList link;
  gint64 at;
} DflDelayPlace;

void dfl_delay_init (DflDelay *self, DflClock *clock, gint64 span, void (*due) (gpointer thing));

/* Leaves its queue, if it is in one, and waits at the end of this one; due is called once. */
void dfl_delay_enter (DflDelay *self, DflDelayPlace *place);

void dfl_delay_leave (DflDelayPlace *place);

/* The thing that has waited longest, or NULL. */
gpointer dfl_delay_peek (DflDelay *self);

/* Calls nobody any more; what waits stays where it is. */
void dfl_delay_stop (DflDelay *self);
