/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Costs that noise does not touch: what a run with many calls takes beyond one with few. */

#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* Runs calls through a deflectd in the hands of another program, one at a time. */
static gboolean
run_counted (
    BenchWorld *world, const char *const *around, guint outstanding, guint calls, GError **error)
{
  g_autoptr (BenchChild) decider = NULL;

  if (!bench_world_start_daemon (world, around, NULL, error))
    return FALSE;
  decider = bench_world_start_role (world, "decider", error);
  if (decider == NULL || !bench_world_decide_calls (world, outstanding, calls, error))
    return FALSE;
  bench_world_settle (world);
  return bench_world_stop_daemon (world, error);
}

/* The number behind the word at the beginning of a line, or in front of one at its end; negative
 * where there is none. */
static double
find_number (const char *path, const char *prefix, const char *suffix)
{
  g_autofree char *content = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &content, NULL, NULL))
    return -1;
  lines = g_strsplit (content, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (prefix != NULL && g_str_has_prefix (lines[i], prefix))
        return g_ascii_strtod (lines[i] + strlen (prefix), NULL);
      if (suffix != NULL && g_str_has_suffix (lines[i], suffix))
        return g_ascii_strtod (lines[i], NULL);
    }
  return -1;
}

static double
count_instructions (BenchWorld *world, const BenchSizes *sizes, guint calls, GError **error)
{
  g_autofree char *path = g_strdup_printf ("%s/callgrind.%u",
                                           sizes->keep != NULL ? sizes->keep : world->dir, calls);
  g_autofree char *option = g_strconcat ("--callgrind-out-file=", path, NULL);
  const char *around[] = { "valgrind", "--quiet", "--tool=callgrind", option, NULL };
  double counted;

  if (!run_counted (world, around, 1, calls, error))
    return -1;
  counted = find_number (path, "totals: ", NULL);
  if (counted < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "callgrind has counted nothing");
  return counted;
}

static double
count_system_calls (BenchWorld *world, guint outstanding, guint calls, GError **error)
{
  g_autofree char *path = g_strdup_printf ("%s/strace.%u.%u", world->dir, outstanding, calls);
  const char *around[] = { "strace", "-f", "-c", "-U", "calls,name", "-o", path, NULL };
  double counted;

  if (!run_counted (world, around, outstanding, calls, error))
    return -1;
  counted = find_number (path, NULL, " total");
  if (counted < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "strace has counted nothing");
  return counted;
}

gboolean
bench_part_cost (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  static const guint outstandings[] = { 1, 16 };
  guint few = sizes->counted[0];
  guint many = sizes->counted[1];
  double with_few = count_instructions (world, sizes, few, error);
  double with_many = with_few >= 0 ? count_instructions (world, sizes, many, error) : -1;

  if (with_many < 0)
    return FALSE;
  bench_report_add (report, (BenchFigure){ .part = "cost of a call",
                                           .figure = "user instructions (prototype: 466000)",
                                           .measured = (with_many - with_few) / (many - few),
                                           .unit = "instructions" });

  for (guint i = 0; i < G_N_ELEMENTS (outstandings); i++)
    {
      g_autofree char *figure = g_strdup_printf ("system calls with %u outstanding%s",
                                                 outstandings[i],
                                                 outstandings[i] == 1 ? " (prototype: 60)" : "");

      with_few = count_system_calls (world, outstandings[i], few, error);
      with_many = with_few >= 0 ? count_system_calls (world, outstandings[i], many, error) : -1;
      if (with_many < 0)
        return FALSE;
      bench_report_add (report, (BenchFigure){ .part = "cost of a call",
                                               .figure = figure,
                                               .measured = (with_many - with_few) / (many - few),
                                               .unit = "calls" });
    }
  return TRUE;
}
