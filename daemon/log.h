/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where log lines go: to the journal if it listens, else to stderr. */

#pragma once

#include <glib.h>

/* Takes over g_log for the whole process: info and above, of our own code only. */
void dfl_log_init (void);

/* Lets debug messages through as well (log=debug). */
void dfl_log_set_debug (gboolean debug);

/* Tells the administrator one thing that has to be mended, as a line of its own; each line of a
 * text with several becomes one message. It is no g_warning: bad settings are no fault of ours,
 * and must not end a process for which warnings are fatal. */
void dfl_log_problem (const char *text);
