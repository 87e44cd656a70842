/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Turns, so many a second. */

#pragma once

#include "core/clock.h"

/*
 * Each turn begins no sooner than a pause after the one before really began, however late that was
 * and however long nobody wanted one: nothing is saved up, and there is no burst. The pause is a
 * little longer than the rate asks for, because the network brings what is sent nearer together or
 * farther apart, and no second of the receiver's should see more than the rate.
 */
typedef struct _DflPace DflPace;

/* One that waits. */
typedef struct _DflTurn DflTurn;

typedef void (*DflTurnFunc) (gpointer data);

/* The clock must outlive it; rate: turns per second, 1 or more. */
DflPace *dfl_pace_new (DflClock *clock, guint rate);
/* Nobody may wait any more. */
void dfl_pace_free (DflPace *self);

/* Calls func once, never from within; turns come in the order of asking. The turn is gone when func
 * is entered. */
DflTurn *dfl_pace_ask (DflPace *self, DflTurnFunc func, gpointer data);

/* Takes *turn back if there is one, and sets it to NULL. */
void dfl_pace_clear (DflPace *self, DflTurn **turn);

/* For who has a queue of its own: when the next turn may begin, and that one begins now. */
gint64 dfl_pace_get_next (DflPace *self);
void dfl_pace_step (DflPace *self);
