/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A clock that stands still until a test moves it. */

#pragma once

#include "core/clock.h"

#define DFL_TYPE_FAKE_CLOCK (dfl_fake_clock_get_type ())
G_DECLARE_FINAL_TYPE (DflFakeClock, dfl_fake_clock, DFL, FAKE_CLOCK, GObject)

/* Where every fake clock begins; the difference of both scales stays as it is. */
#define DFL_FAKE_CLOCK_NOW (1000 * G_USEC_PER_SEC)
#define DFL_FAKE_CLOCK_WALL (G_GINT64_CONSTANT (1800000000) * G_USEC_PER_SEC)

DflFakeClock *dfl_fake_clock_new (void);

/* Jumps to the next alarm and fires it alone; FALSE where there is none. */
gboolean dfl_fake_clock_jump (DflFakeClock *self);

/* Lets this much time go by and fires what is due meanwhile, each at its time and in order. */
void dfl_fake_clock_advance (DflFakeClock *self, gint64 microseconds);

/* How many alarms are set. */
guint dfl_fake_clock_get_n_alarms (DflFakeClock *self);
