/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a service manager is told: sd_notify(3). Without one, nothing is. */

#pragma once

#include <glib.h>

void dfl_notify_ready (void);
void dfl_notify_reloading (void); /* to be followed by dfl_notify_ready */
void dfl_notify_stopping (void);

/* Tells the service manager twice per interval of its watchdog that the main loop turns, from now
 * until the returned source is removed; 0 where nobody watches. */
guint dfl_notify_start_watchdog (void);
