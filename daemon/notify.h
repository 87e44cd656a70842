/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a service manager is told: sd_notify(3), where the daemon was built with it. */

#pragma once

void dfl_notify_ready (void);
void dfl_notify_reloading (void); /* to be followed by dfl_notify_ready */
void dfl_notify_stopping (void);
