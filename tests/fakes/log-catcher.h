/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the code under test logs, for tests that expect it to. */

#pragma once

#include <glib.h>

/* To be called once, first thing in main. Until caught, messages go where they always go, and a
 * warning still ends the test. */
void dfl_log_catcher_install (void);

/* Keeps warnings and messages from now on. */
void dfl_log_catcher_start (void);

/* Stops; the texts that were kept since the start. */
GPtrArray *dfl_log_catcher_stop (void);
