/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bench.h"

#include <glib-unix.h>
#include <stdlib.h>

#include "hold.h"
#include "names.h"
#include "role.h"

static gboolean
on_ended (int fd, GIOCondition condition, gpointer data)
{
  *(gint64 *)data = bench_now ();
  return G_SOURCE_REMOVE;
}

/* From before the process is made until it has ended, in µs; the caller's ACK is sent meanwhile. */
static double
time_command (const char *const *argv, GError **error)
{
  gint64 started = bench_now ();
  gint64 ended = 0;
  g_autoptr (BenchChild) child = bench_child_spawn (argv, NULL, NULL, error);

  if (child == NULL)
    return -1;
  g_unix_fd_add (bench_child_get_fd (child), G_IO_IN, on_ended, &ended);
  while (ended == 0)
    g_main_context_iteration (NULL, TRUE);
  if (!bench_child_wait (child, 1, error))
    {
      g_prefix_error (error, "%s: ", argv[0]);
      return -1;
    }
  return (double)(ended - started) / 1000;
}

static double
time_deflectctl (BenchWorld *world, const char *path, GError **error)
{
  const char *argv[] = {
    world->deflectctl, "--bus", world->address, "redirect", path + strlen (DFL_CALL_PATH_PREFIX),
    BENCH_TARGET,      NULL
  };

  return time_command (argv, error);
}

static double
time_busctl (BenchWorld *world, const char *path, GError **error)
{
  g_autofree char *address = g_strconcat ("--address=", world->address, NULL);
  const char *argv[] = { "busctl",   address,  "call",       DFL_BUS_NAME, path, DFL_CALL_INTERFACE,
                         "Redirect", "sa{sv}", BENCH_TARGET, "0",          NULL };

  return time_command (argv, error);
}

gboolean
bench_part_command (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  g_autoptr (BenchSamples) ours = bench_samples_new ();
  g_autoptr (BenchSamples) theirs = bench_samples_new ();
  g_autoptr (BenchHold) hold = NULL;
  double median, busctl, ratio;

  if (!bench_world_start_daemon (world, NULL, NULL, error))
    return FALSE;
  hold = bench_hold_new (world, error);
  if (hold == NULL)
    return FALSE;

  /* The first pair brings the programs into memory and is not counted. */
  for (guint i = 0; i <= 2 * sizes->commands + 1; i++)
    {
      gboolean is_ours = i % 2 == 0;
      double taken;

      if (!bench_hold_offer (hold, 1, NULL, error) || !bench_hold_wait_ringing (hold, error))
        return FALSE;
      taken = is_ours ? time_deflectctl (world, bench_hold_get_last (hold), error)
                      : time_busctl (world, bench_hold_get_last (hold), error);
      if (taken < 0 || !bench_hold_wait_ended (hold, i + 1, error))
        return FALSE;
      if (i >= 2)
        bench_samples_add (is_ours ? ours : theirs, taken / 1000);
    }

  median = bench_samples_median (ours);
  busctl = bench_samples_median (theirs);
  ratio = median / busctl;
  bench_report_add (report, (BenchFigure){ .part = "command",
                                           .figure = "deflectctl redirect (floor: busctl call)",
                                           .measured = median,
                                           .unit = "ms",
                                           .floor = busctl,
                                           .ratio = ratio,
                                           .goal = "< 20 ms",
                                           .verdict = BENCH_VERDICT (median < 20) });
  bench_report_add (report, (BenchFigure){ .part = "command",
                                           .figure = "deflectctl redirect against busctl call",
                                           .measured = ratio,
                                           .unit = "times",
                                           .ratio = ratio,
                                           .goal = "<= 1.5",
                                           .verdict = BENCH_VERDICT (ratio <= 1.5) });
  return bench_world_stop_daemon (world, error);
}
