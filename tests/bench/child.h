/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process that the bench started, spoken to line by line. None outlives the bench. */

#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct _BenchChild BenchChild;

/*
 * Starts argv (found in PATH) with the given NAME=VALUE strings added to the environment; either
 * may end in NULL, environment may be NULL. stderr goes to log_path, or stays the bench's where
 * that is NULL.
 */
BenchChild *bench_child_spawn (const char *const *argv,
                               const char *const *environment,
                               const char *log_path,
                               GError **error);

/* Starts this very program in one of its roles (see role.h), with the bus' address. */
BenchChild *bench_child_spawn_role (const char *role, const char *bus_address, GError **error);

pid_t bench_child_get_pid (const BenchChild *self);

/* Whether it has not ended yet. */
gboolean bench_child_is_running (const BenchChild *self);

/* Readable when it has ended, to wait for in a main loop. */
int bench_child_get_fd (const BenchChild *self);

/* The next line of its stdout without the line's end; fails when it ends or says nothing in time.
 */
char *bench_child_read_line (BenchChild *self, double seconds, GError **error);

/* Sends a line and returns the line that answers it. */
char *bench_child_ask (BenchChild *self, const char *line, double seconds, GError **error);

/* Waits until it ended by itself; FALSE where it did not in time or not with status 0. */
gboolean bench_child_wait (BenchChild *self, double seconds, GError **error);

/* Ends it if it still runs, and frees. */
void bench_child_free (BenchChild *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchChild, bench_child_free)
