/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Time, samples and what the kernel says of another process. */

#pragma once

#include <glib.h>
#include <sys/types.h>

/* Monotonic nanoseconds; one clock for every process of the machine. */
gint64 bench_now (void);

/* Durations in microseconds, in the order in which they were taken. */
typedef struct
{
  GArray *values;
} BenchSamples;

BenchSamples *bench_samples_new (void);
void bench_samples_free (BenchSamples *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchSamples, bench_samples_free)

void bench_samples_add (BenchSamples *self, double value);
void bench_samples_clear (BenchSamples *self);

/* The value below which the given part (0-1) of the samples lies; 0 where there are none. */
double bench_samples_quantile (const BenchSamples *self, double part);
double bench_samples_median (const BenchSamples *self);

/* The same of length samples from the one at start on. */
double bench_samples_median_of (const BenchSamples *self, guint start, guint length);

/* User and system time of a process, all its threads, in seconds; negative once it is gone. */
double bench_process_cpu (pid_t pid);
