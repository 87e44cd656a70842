/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A private bus and the real deflectd on it, with one direct account, on a port of its own. */

#pragma once

#include <gio/gio.h>

#include "caller.h"
#include "child.h"

/* The user part of the account. */
#define BENCH_USER "bench"

typedef struct
{
  const char *deflectd; /* the programs, and the library that counts the heap: set by the owner */
  const char *deflectctl;
  const char *count_heap;
  char *dir;     /* everything on disk; removed with the world */
  char *address; /* of the bus */
  BenchChild *bus_daemon;
  GDBusConnection *bus; /* the bench's own connection */
  BenchChild *daemon;   /* NULL while none runs */
  pid_t daemon_pid;     /* deflectd itself, where daemon is a program around it */
  guint16 port;
  gboolean hasty; /* only that everything runs matters, not what it measures */
} BenchWorld;

/* Starts the bus. */
BenchWorld *bench_world_new (GError **error);
void bench_world_free (BenchWorld *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchWorld, bench_world_free)

/*
 * Starts deflectd and waits until it owns its name and tells its port. around (may be NULL) are the
 * words of a program that runs it, such as valgrind; environment as in bench_child_spawn.
 */
gboolean bench_world_start_daemon (BenchWorld *self,
                                   const char *const *around,
                                   const char *const *environment,
                                   GError **error);

/* Ends it with SIGTERM; fails where it does not end cleanly. */
gboolean bench_world_stop_daemon (BenchWorld *self, GError **error);

/* What deflectd wrote to stderr since the world began, to ours. */
void bench_world_print_log (BenchWorld *self);

/* A role (see role.h) that has said that it is ready. */
BenchChild *bench_world_start_role (BenchWorld *self, const char *role, GError **error);

/* Places calls in a closed loop, for a decider to redirect and for somebody else to count. */
gboolean
bench_world_decide_calls (BenchWorld *self, guint outstanding, guint calls, GError **error);

/* Waits, for 10 s at most, until the transactions of ended calls are gone and deflectd is quiet. */
void bench_world_settle (BenchWorld *self);

/* Runs the default main context for so long. */
void bench_wait (double seconds);
