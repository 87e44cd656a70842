/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bench.h"

gboolean
bench_part_start (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  g_autoptr (BenchSamples) samples = bench_samples_new ();
  double median;

  for (guint i = 0; i < sizes->starts; i++)
    {
      gint64 started = bench_now ();

      if (!bench_world_start_daemon (world, NULL, NULL, error))
        return FALSE;
      bench_samples_add (samples, (double)(bench_now () - started) / 1e6);
      if (!bench_world_stop_daemon (world, error))
        return FALSE;
    }
  median = bench_samples_median (samples);
  bench_report_add (report, (BenchFigure){ .part = "start",
                                           .figure = "to name owned and port told",
                                           .measured = median,
                                           .unit = "ms",
                                           .goal = "< 100 ms",
                                           .verdict = BENCH_VERDICT (median < 100) });
  return TRUE;
}
