/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Network namespaces for tests, which vanish with the process that made them. */

#pragma once

#include <glib.h>

/* TRUE in a process of its own, which shall do the work; FALSE when that has done it well. */
gboolean space_in_child (void);

/* Whoever is not root becomes root of a user namespace. */
void space_become_root (void);

/* Enters a new namespace; returns a descriptor of it. No interface in it is up. */
int space_new (void);

/* Runs a command, which must succeed. */
void space_run (const char *format, ...) G_GNUC_PRINTF (1, 2);
