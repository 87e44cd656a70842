/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "measure.h"

#include <time.h>

gint64
bench_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

BenchSamples *
bench_samples_new (void)
{
  BenchSamples *self = g_new (BenchSamples, 1);

  self->values = g_array_new (FALSE, FALSE, sizeof (double));
  return self;
}

void
bench_samples_free (BenchSamples *self)
{
  g_array_unref (self->values);
  g_free (self);
}

void
bench_samples_add (BenchSamples *self, double value)
{
  g_array_append_val (self->values, value);
}

void
bench_samples_clear (BenchSamples *self)
{
  g_array_set_size (self->values, 0);
}

static int
compare_values (const void *a, const void *b)
{
  double left = *(const double *)a;
  double right = *(const double *)b;

  return (left > right) - (left < right);
}

static double
quantile (const double *values, guint length, double part)
{
  g_autofree double *sorted = NULL;

  if (length == 0)
    return 0;
  sorted = g_memdup2 (values, length * sizeof *values);
  qsort (sorted, length, sizeof *sorted, compare_values);
  return sorted[MIN ((guint)(part * length), length - 1)];
}

double
bench_samples_quantile (const BenchSamples *self, double part)
{
  return quantile ((const double *)(void *)self->values->data, self->values->len, part);
}

double
bench_samples_median (const BenchSamples *self)
{
  return bench_samples_quantile (self, 0.5);
}

double
bench_samples_median_of (const BenchSamples *self, guint start, guint length)
{
  if (start >= self->values->len)
    return 0;
  return quantile (&g_array_index (self->values, double, start),
                   MIN (length, self->values->len - start), 0.5);
}

double
bench_process_cpu (pid_t pid)
{
  clockid_t clock;
  struct timespec used;

  if (clock_getcpuclockid (pid, &clock) != 0 || clock_gettime (clock, &used) != 0)
    return -1;
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}
