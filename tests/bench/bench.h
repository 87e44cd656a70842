/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parts of the benchmark. Each starts and ends the deflectd it needs, and adds its figures. */

#pragma once

#include "report.h"
#include "world.h"

/* How much of everything. */
typedef struct
{
  guint rounds;     /* floor, ours, floor, ours, ... */
  guint calls[3];   /* a round, with 1, 16 and 64 outstanding */
  guint burst;      /* calls whose end is watched */
  guint held;       /* calls offered at once */
  guint block;      /* offers whose cost is compared, first ones with last ones */
  guint counted[2]; /* calls of the two runs whose difference is what calls cost */
  guint commands;   /* runs of deflectctl and busctl */
  guint starts;     /* of deflectd */
  double rest;      /* seconds of watching a deflectd that has nothing to do */
  const char *keep; /* directory for callgrind's output, or NULL */
} BenchSizes;

typedef gboolean (*BenchPart) (BenchWorld *world,
                               const BenchSizes *sizes,
                               BenchReport *report,
                               GError **error);

/* Calls per second and INVITE-to-302 beside the floors of UDP and GDBus; a burst and the rest
 * after it. */
gboolean
bench_part_rate (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error);

/* Many calls offered at once: what the first and the last of them cost, the rest with all of them
 * offered, and that each can still be redirected. */
gboolean
bench_part_held (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error);

/* The live heap per offered call and after all have ended. */
gboolean
bench_part_heap (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error);

/* User instructions and system calls per decided call. */
gboolean
bench_part_cost (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error);

/* deflectctl redirect as a whole process beside busctl call. */
gboolean bench_part_command (BenchWorld *world,
                             const BenchSizes *sizes,
                             BenchReport *report,
                             GError **error);

/* From start to name owned and port bound. */
gboolean
bench_part_start (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error);
