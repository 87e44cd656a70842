/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bench.h"

#include "hold.h"

/* What deflectd's process spends on a block of offers until all of them ring, in µs each. */
static double
offer_block (BenchHold *hold, guint calls, BenchSamples *samples, GError **error)
{
  pid_t pid = bench_hold_get_world (hold)->daemon_pid;
  double before, after;

  if (!bench_hold_wait_ringing (hold, error))
    return -1;
  before = bench_process_cpu (pid);
  if (!bench_hold_offer (hold, calls, samples, error) || !bench_hold_wait_ringing (hold, error))
    return -1;
  after = bench_process_cpu (pid);
  return (after - before) * 1e6 / calls;
}

typedef struct
{
  double first_cpu, last_cpu;   /* µs an offer */
  double first_time, last_time; /* µs an offer, median */
} Blocks;

static gboolean
offer_all (BenchHold *hold, const BenchSizes *sizes, Blocks *blocks, GError **error)
{
  g_autoptr (BenchSamples) samples = bench_samples_new ();

  blocks->first_cpu = offer_block (hold, sizes->block, samples, error);
  if (blocks->first_cpu < 0
      || !bench_hold_offer (hold, sizes->held - 2 * sizes->block, samples, error))
    return FALSE;
  blocks->last_cpu = offer_block (hold, sizes->block, samples, error);
  if (blocks->last_cpu < 0)
    return FALSE;
  blocks->first_time = bench_samples_median_of (samples, 0, sizes->block);
  blocks->last_time = bench_samples_median_of (samples, sizes->held - sizes->block, sizes->block);
  return TRUE;
}

static void
report_blocks (BenchReport *report, const char *part, const BenchSizes *sizes, const Blocks *blocks)
{
  g_autofree char *first = g_strdup_printf ("offers 1 to %u", sizes->block);
  g_autofree char *last = g_strdup_printf ("offers %u to %u", sizes->held - sizes->block + 1,
                                           sizes->held);
  g_autofree char *first_cpu = g_strconcat (first, ", CPU each", NULL);
  g_autofree char *last_cpu = g_strconcat (last, ", CPU each", NULL);
  g_autofree char *first_time = g_strconcat (first, ", INVITE to InterfacesAdded", NULL);
  g_autofree char *last_time = g_strconcat (last, ", INVITE to InterfacesAdded", NULL);
  double time_ratio = blocks->last_time / blocks->first_time;
  double cpu_ratio = blocks->last_cpu / blocks->first_cpu;

  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = first_time,
                                           .measured = blocks->first_time,
                                           .unit = "µs" });
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = last_time,
                                           .measured = blocks->last_time,
                                           .unit = "µs",
                                           .ratio = time_ratio,
                                           .goal = "<= 1.5 times the first",
                                           .verdict = BENCH_VERDICT (time_ratio <= 1.5) });
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = first_cpu,
                                           .measured = blocks->first_cpu,
                                           .unit = "µs" });
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = last_cpu,
                                           .measured = blocks->last_cpu,
                                           .unit = "µs",
                                           .ratio = cpu_ratio,
                                           .goal = "<= 1.5 times the first",
                                           .verdict = BENCH_VERDICT (cpu_ratio <= 1.5) });
}

/* All are offered: are they listed, is deflectd quiet, can each be redirected? */
static gboolean
check_held (
    BenchHold *hold, const char *part, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  pid_t pid = bench_hold_get_world (hold)->daemon_pid;
  double seconds = 0;
  double before = bench_process_cpu (pid);
  double used;
  gint listed = bench_hold_list (hold, &seconds, error);
  gint64 started;

  if (listed < 0)
    return FALSE;
  bench_report_add (report,
                    (BenchFigure){ .part = part,
                                   .figure = "calls listed by GetManagedObjects",
                                   .measured = listed,
                                   .unit = "calls",
                                   .goal = "all",
                                   .verdict = BENCH_VERDICT (listed == (gint)sizes->held) });
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = "GetManagedObjects with all of them",
                                           .measured = seconds * 1000,
                                           .unit = "ms" });
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = "of that, deflectd itself",
                                           .measured = (bench_process_cpu (pid) - before) * 1000,
                                           .unit = "ms" });

  bench_wait (MIN (sizes->rest, 1));
  before = bench_process_cpu (pid);
  bench_wait (sizes->rest);
  used = (bench_process_cpu (pid) - before) / sizes->rest;
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = "CPU at rest with all of them",
                                           .measured = 100 * used,
                                           .unit = "% of a core",
                                           .goal = "< 5 %",
                                           .verdict = BENCH_VERDICT (used < 0.05) });

  started = bench_now ();
  if (!bench_hold_redirect_all (hold, error))
    return FALSE;
  bench_report_add (report,
                    (BenchFigure){ .part = part,
                                   .figure = "calls then redirected",
                                   .measured = bench_hold_get_counts (hold)->final,
                                   .unit = "calls",
                                   .goal = "all",
                                   .verdict = BENCH_VERDICT (bench_hold_get_counts (hold)->final
                                                             == sizes->held) });
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = "redirecting them, rate",
                                           .measured = sizes->held
                                                       / ((double)(bench_now () - started) / 1e9),
                                           .unit = "/s" });
  return TRUE;
}

gboolean
bench_part_held (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  g_autofree char *part = g_strdup_printf ("%u offered", sizes->held);
  g_autoptr (BenchHold) warm_up = NULL;
  g_autoptr (BenchHold) hold = NULL;
  Blocks blocks;

  if (!bench_world_start_daemon (world, NULL, NULL, error))
    return FALSE;
  warm_up = bench_hold_new (world, error);
  if (warm_up == NULL || !bench_hold_offer (warm_up, sizes->block, NULL, error)
      || !bench_hold_redirect_all (warm_up, error))
    return FALSE;
  /* No pause: the first offer shall not be the dear one because the machine had gone to sleep. */
  g_clear_pointer (&warm_up, bench_hold_free);

  hold = bench_hold_new (world, error);
  if (hold == NULL || !offer_all (hold, sizes, &blocks, error))
    return FALSE;
  report_blocks (report, part, sizes, &blocks);
  return check_held (hold, part, sizes, report, error) && bench_world_stop_daemon (world, error);
}
