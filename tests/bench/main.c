/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* deflect-bench: what a deflected call costs, beside what it cannot cost less than. */

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "role.h"

static const struct
{
  const char *name;
  const char *says;
  BenchPart run;
} parts[] = {
  { "start", "start of deflectd", bench_part_start },
  { "rate", "calls beside the floors of UDP and GDBus", bench_part_rate },
  { "held", "many calls offered at once", bench_part_held },
  { "heap", "their memory", bench_part_heap },
  { "command", "deflectctl beside busctl", bench_part_command },
  { "cost", "instructions and system calls", bench_part_cost },
};

/* A round stays below the 5 s after which its first transactions run out. */
static const BenchSizes full = { .rounds = 9,
                                 .calls = { 500, 2000, 4000 },
                                 .burst = 20000,
                                 .held = 10000,
                                 .block = 500,
                                 .counted = { 100, 600 },
                                 .commands = 30,
                                 .starts = 10,
                                 .rest = 4 };

/* For somebody who changes something and wants to see whether it helped. */
static const BenchSizes quick = { .rounds = 3,
                                  .calls = { 500, 1000, 3000 },
                                  .burst = 3000,
                                  .held = 2000,
                                  .block = 100,
                                  .counted = { 50, 150 },
                                  .commands = 10,
                                  .starts = 5,
                                  .rest = 1 };

static const BenchSizes smoke = { .rounds = 1,
                                  .calls = { 10, 32, 64 },
                                  .burst = 128,
                                  .held = 40,
                                  .block = 10,
                                  .counted = { 3, 6 },
                                  .commands = 2,
                                  .starts = 2,
                                  .rest = 0.2 };

static struct
{
  char *role;
  char *bus;
  char *deflectd;
  char *deflectctl;
  char *json;
  char *keep;
  char **only;
  int rounds;
  gboolean quick;
  gboolean smoke;
  gboolean strict;
} options;

static const GOptionEntry entries[] = {
  { "only", 'o', 0, G_OPTION_ARG_STRING_ARRAY, &options.only,
    "Run this part alone: start, rate, held, heap, command or cost; may be repeated", "PART" },
  { "rounds", 'r', 0, G_OPTION_ARG_INT, &options.rounds, "Rounds of floor and ours (9)", "N" },
  { "json", 'j', 0, G_OPTION_ARG_FILENAME, &options.json, "Write the figures there too", "FILE" },
  { "keep", 'k', 0, G_OPTION_ARG_FILENAME, &options.keep, "Keep callgrind's output there", "DIR" },
  { "strict", 's', 0, G_OPTION_ARG_NONE, &options.strict, "Exit 1 where a goal is missed", NULL },
  { "quick", 'q', 0, G_OPTION_ARG_NONE, &options.quick, "Less of everything, for a first look",
    NULL },
  { "smoke", 0, 0, G_OPTION_ARG_NONE, &options.smoke,
    "Run everything so small that the figures mean nothing", NULL },
  { "deflectd", 0, 0, G_OPTION_ARG_FILENAME, &options.deflectd,
    "The daemon (the one of this build)", "PROGRAM" },
  { "deflectctl", 0, 0, G_OPTION_ARG_FILENAME, &options.deflectctl,
    "The client (the one of this build)", "PROGRAM" },
  { "role", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &options.role, NULL, NULL },
  { "bus", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &options.bus, NULL, NULL },
  G_OPTION_ENTRY_NULL
};

static int
run_role (void)
{
  if (g_str_equal (options.role, "echo"))
    return bench_role_echo ();
  if (g_str_equal (options.role, "floor-emitter"))
    return bench_role_floor_emitter (options.bus);
  if (g_str_equal (options.role, "floor-answerer"))
    return bench_role_floor_answerer (options.bus);
  if (g_str_equal (options.role, "decider"))
    return bench_role_decider (options.bus);
  return 2;
}

/* A file of this build, beside this program. */
static char *
built (const char *relative)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *dir = g_path_get_dirname (self);

  return g_canonicalize_filename (relative, dir);
}

static gboolean
is_wanted (const char *part)
{
  return options.only == NULL || g_strv_contains ((const char *const *)options.only, part);
}

static gboolean
check_options (void)
{
  for (guint i = 0; options.only != NULL && options.only[i] != NULL; i++)
    {
      gboolean known = FALSE;

      for (guint part = 0; part < G_N_ELEMENTS (parts); part++)
        known = known || g_str_equal (parts[part].name, options.only[i]);
      if (!known)
        {
          g_printerr ("deflect-bench: --only %s: no such part, see --help\n", options.only[i]);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_program (const char *path, const char *option)
{
  if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    return TRUE;
  g_printerr ("deflect-bench: %s is no program: build it, or name another one with %s\n", path,
              option);
  return FALSE;
}

static gboolean
run_parts (BenchReport *report, GError **error)
{
  g_autoptr (BenchWorld) world = bench_world_new (error);
  g_autofree char *count_heap = built ("libcount-heap.so");
  BenchSizes sizes = options.smoke ? smoke : options.quick ? quick : full;

  if (world == NULL)
    return FALSE;
  world->deflectd = options.deflectd;
  world->deflectctl = options.deflectctl;
  world->count_heap = count_heap;
  world->hasty = options.smoke;
  sizes.keep = options.keep;
  if (options.rounds > 0)
    sizes.rounds = (guint)options.rounds;

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (is_wanted (parts[i].name))
      {
        g_printerr ("deflect-bench: %s\n", parts[i].says);
        if (!parts[i].run (world, &sizes, report, error))
          {
            g_prefix_error (error, "%s: ", parts[i].says);
            bench_world_print_log (world);
            return FALSE;
          }
      }
  return TRUE;
}

/* So few calls measure nothing; that each part comes to its figures is what counts. */
static int
finish_smoke (const BenchReport *report)
{
  guint absurd = bench_report_count_absurd (report);

  g_print ("%u figures, %u of them absurd\n", bench_report_count (report), absurd);
  return absurd == 0 ? 0 : 1;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (BenchReport) report = bench_report_new ();
  g_autoptr (GError) error = NULL;
  gboolean done;
  guint missed;

  setlocale (LC_ALL, "C.UTF-8");
  signal (SIGPIPE, SIG_IGN);
  g_option_context_set_summary (
      context, "Starts a private bus and deflectd, calls it, and prints what a call costs beside\n"
               "the floor: what UDP and two stock GDBus programs cost in the same run.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("deflect-bench: %s\n", error->message);
      return 2;
    }
  if (options.role != NULL)
    return run_role ();

  if (options.deflectd == NULL)
    options.deflectd = built ("../../daemon/deflectd");
  if (options.deflectctl == NULL)
    options.deflectctl = built ("../../client/deflectctl");
  if (!check_options () || !check_program (options.deflectd, "--deflectd")
      || (is_wanted ("command") && !check_program (options.deflectctl, "--deflectctl")))
    return 2;

  done = run_parts (report, &error)
         && (options.json == NULL || bench_report_write_json (report, options.json, &error));
  /* What was measured is shown even where a later part broke. */
  if (!options.smoke)
    bench_report_print (report);
  if (!done)
    g_printerr ("deflect-bench: %s\n", error->message);
  if (options.smoke)
    return done ? finish_smoke (report) : 1;

  missed = bench_report_count_missed (report);
  if (missed > 0)
    g_printerr ("deflect-bench: %u goals are missed\n", missed);
  return !done || (options.strict && missed > 0) ? 1 : 0;
}
