/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A line that records what it is told, and fails when a test says so. */

#pragma once

#include "core/line.h"

#define DFL_TYPE_FAKE_LINE (dfl_fake_line_get_type ())
G_DECLARE_FINAL_TYPE (DflFakeLine, dfl_fake_line, DFL, FAKE_LINE, GObject)

DflFakeLine *dfl_fake_line_new (void);

/* A leg for one offer. It lives as long as the line, so that it can still be read once released. */
DflLeg *dfl_fake_line_add_leg (DflFakeLine *self);

/* While down, redirect and decline fail with LINE_DOWN. */
void dfl_fake_line_set_down (DflFakeLine *self, gboolean down);

/* The final response that was sent: "302 sip:bob@example.org", "480"; NULL while there is none. */
const char *dfl_fake_leg_get_final (DflLeg *leg);

/* How many final responses were asked for, refused ones included. */
guint dfl_fake_leg_get_n_attempts (DflLeg *leg);

/* How often it was released. */
guint dfl_fake_leg_get_n_releases (DflLeg *leg);
