/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real clock: CLOCK_BOOTTIME and one GSource over a sorted sequence of alarms. */

#pragma once

#include "core/clock.h"

#define DFL_TYPE_LOOP_CLOCK (dfl_loop_clock_get_type ())
G_DECLARE_FINAL_TYPE (DflLoopClock, dfl_loop_clock, DFL, LOOP_CLOCK, GObject)

/* A clock whose alarms fire in the thread-default main context of the caller. */
DflClock *dfl_loop_clock_new (void);
