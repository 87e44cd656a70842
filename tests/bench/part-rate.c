/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const guint outstandings[] = { 1, 16, 64 };

/* What the rounds say of one number of outstanding calls; a sample a round. */
typedef struct
{
  BenchSamples *rate;
  BenchSamples *median;
  BenchSamples *p99;
} Rounds;

/* Who takes part, in both: the one who asks, the bus between, the one who answers. */
#define N_PROCESSES 3

typedef struct
{
  Rounds echo, floor, whole_floor, ours, whole_ours;
  BenchSamples *floor_cpu[N_PROCESSES]; /* µs a round or call */
  BenchSamples *our_cpu[N_PROCESSES];
  BenchSamples *caller_cpu;
  BenchSamples *median_ratio; /* ours to floor, of the same round */
  BenchSamples *rate_ratio;
} Results;

typedef struct
{
  BenchWorld *world;
  BenchChild *echo;
  BenchChild *emitter;
  BenchChild *answerer;
  BenchChild *decider;
  BenchCaller *caller;
  int echo_fd;
  Results results[G_N_ELEMENTS (outstandings)];
  guint calls;
  BenchCallerCounts counts; /* of all calls */
} Rate;

static void
add_round (Rounds *rounds, double rate, double median, double p99)
{
  bench_samples_add (rounds->rate, rate);
  bench_samples_add (rounds->median, median);
  bench_samples_add (rounds->p99, p99);
}

static double
last_of (const BenchSamples *samples)
{
  return g_array_index (samples->values, double, samples->values->len - 1);
}

static void
read_cpu (const pid_t pids[N_PROCESSES], double cpu[N_PROCESSES])
{
  for (guint i = 0; i < N_PROCESSES; i++)
    cpu[i] = bench_process_cpu (pids[i]);
}

static void
add_cpu (BenchSamples *samples[N_PROCESSES],
         const pid_t pids[N_PROCESSES],
         const double before[N_PROCESSES],
         guint count)
{
  for (guint i = 0; i < N_PROCESSES; i++)
    bench_samples_add (samples[i], (bench_process_cpu (pids[i]) - before[i]) * 1e6 / count);
}

/* Datagrams that carry the time when they were sent, in a closed loop. */
static gboolean
run_echo (Rate *self, Rounds *rounds, guint outstanding, guint datagrams, GError **error)
{
  g_autoptr (BenchSamples) samples = bench_samples_new ();
  gint64 started = bench_now ();
  guint to_send = datagrams;

  for (guint i = 0; i < outstanding && to_send > 0; i++, to_send--)
    {
      gint64 now = bench_now ();

      (void)!send (self->echo_fd, &now, sizeof now, 0);
    }
  while (samples->values->len < datagrams)
    {
      struct pollfd ready = { self->echo_fd, POLLIN, 0 };
      gint64 sent;

      if (poll (&ready, 1, 5000) == 0)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "the UDP echo lost datagrams");
          return FALSE;
        }
      while (recv (self->echo_fd, &sent, sizeof sent, MSG_DONTWAIT) == sizeof sent)
        {
          gint64 now = bench_now ();

          bench_samples_add (samples, (double)(now - sent) / 1000);
          if (to_send > 0)
            {
              to_send--;
              (void)!send (self->echo_fd, &now, sizeof now, 0);
            }
        }
    }
  add_round (rounds, datagrams / ((double)(bench_now () - started) / 1e9),
             bench_samples_median (samples), bench_samples_quantile (samples, 0.99));
  return TRUE;
}

static gboolean
run_floor (Rate *self, Results *results, guint outstanding, guint count, GError **error)
{
  g_autofree char *command = g_strdup_printf ("run %u %u", outstanding, count);
  const pid_t pids[] = { bench_child_get_pid (self->emitter),
                         bench_child_get_pid (self->world->bus_daemon),
                         bench_child_get_pid (self->answerer) };
  double cpu[N_PROCESSES];
  g_autofree char *answer = NULL;
  g_autofree char *whole = NULL;
  double rate, median, p99, whole_median, whole_p99;

  read_cpu (pids, cpu);
  answer = bench_child_ask (self->emitter, command, 60, error);
  if (answer == NULL)
    return FALSE;
  add_cpu (results->floor_cpu, pids, cpu, count);
  whole = bench_child_ask (self->answerer, "report", 10, error);
  if (whole == NULL)
    return FALSE;
  if (sscanf (answer, "%lf %lf %lf", &rate, &median, &p99) != 3
      || sscanf (whole, "%lf %lf", &whole_median, &whole_p99) != 2)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the floor said %s and %s", answer, whole);
      return FALSE;
    }
  add_round (&results->floor, rate, median, p99);
  add_round (&results->whole_floor, rate, whole_median, whole_p99);
  return TRUE;
}

static gboolean
run_ours (Rate *self, Results *results, guint outstanding, guint calls, GError **error)
{
  g_autoptr (BenchSamples) samples = bench_samples_new ();
  const pid_t pids[] = { self->world->daemon_pid, bench_child_get_pid (self->world->bus_daemon),
                         bench_child_get_pid (self->decider) };
  const BenchCallerCounts *counts = bench_caller_get_counts (self->caller);
  g_autofree char *answer = NULL;
  double cpu[N_PROCESSES];
  double caller_cpu, rate, median, p99;
  guint replies, errors;

  read_cpu (pids, cpu);
  caller_cpu = bench_process_cpu (getpid ());
  rate = bench_caller_run (self->caller, outstanding, calls, samples, error);
  if (rate < 0)
    return FALSE;
  bench_samples_add (results->caller_cpu,
                     (bench_process_cpu (getpid ()) - caller_cpu) * 1e6 / calls);
  add_cpu (results->our_cpu, pids, cpu, calls);
  answer = bench_child_ask (self->decider, "report", 10, error);
  if (answer == NULL)
    return FALSE;
  if (sscanf (answer, "%u %u %lf %lf", &replies, &errors, &median, &p99) != 4)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the decider said %s", answer);
      return FALSE;
    }
  if (errors > 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%u of %u Redirect calls failed", errors,
                   errors + replies);
      return FALSE;
    }
  self->calls += calls;
  self->counts.repeated_here += counts->repeated_here;
  self->counts.repeated_there += counts->repeated_there;
  self->counts.provisional += counts->provisional;
  add_round (&results->ours, rate, bench_samples_median (samples),
             bench_samples_quantile (samples, 0.99));
  add_round (&results->whole_ours, rate, median, p99);
  return TRUE;
}

/* The floor right beside what it is the floor of, and either first in turn: a machine that has just
 * rested is faster. */
static gboolean
run_pair (Rate *self, guint i, gboolean floor_first, guint calls, GError **error)
{
  Results *results = &self->results[i];

  if (!run_echo (self, &results->echo, outstandings[i], calls, error))
    return FALSE;
  if (floor_first && !run_floor (self, results, outstandings[i], calls, error))
    return FALSE;
  if (!run_ours (self, results, outstandings[i], calls, error))
    return FALSE;
  if (!floor_first && !run_floor (self, results, outstandings[i], calls, error))
    return FALSE;
  bench_samples_add (results->median_ratio,
                     last_of (results->ours.median) / last_of (results->floor.median));
  bench_samples_add (results->rate_ratio,
                     last_of (results->ours.rate) / last_of (results->floor.rate));
  return TRUE;
}

static gboolean
run_rounds (Rate *self, const BenchSizes *sizes, GError **error)
{
  /* Caches, connections and tables come to their size before anything is measured. */
  if (bench_caller_run (self->caller, 16, MIN (sizes->calls[0], 500), NULL, error) < 0)
    return FALSE;
  g_free (bench_child_ask (self->decider, "report", 10, error));

  for (guint round = 0; round < sizes->rounds; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (outstandings); i++)
        if (!run_pair (self, i, round % 2 == 0, sizes->calls[i], error))
          return FALSE;
      /* The transactions of this round must not run out under the next floor. */
      bench_world_settle (self->world);
    }
  return TRUE;
}

static void
add_times (BenchReport *report, const char *part, const char *what, Rounds *rounds, Rounds *floor)
{
  g_autofree char *rate = g_strdup_printf ("%s, rate", what);
  g_autofree char *median = g_strdup_printf ("%s, median", what);
  g_autofree char *p99 = g_strdup_printf ("%s, 99th percentile", what);
  double floors[] = { floor != NULL ? bench_samples_median (floor->rate) : 0,
                      floor != NULL ? bench_samples_median (floor->median) : 0,
                      floor != NULL ? bench_samples_median (floor->p99) : 0 };
  double values[] = { bench_samples_median (rounds->rate), bench_samples_median (rounds->median),
                      bench_samples_median (rounds->p99) };
  const char *figures[] = { rate, median, p99 };

  for (guint i = 0; i < G_N_ELEMENTS (figures); i++)
    bench_report_add (report, (BenchFigure){ .part = part,
                                             .figure = figures[i],
                                             .measured = values[i],
                                             .unit = i == 0 ? "/s" : "µs",
                                             .floor = floors[i],
                                             .ratio = floors[i] > 0 ? values[i] / floors[i] : 0 });
}

static void
add_cpus (BenchReport *report, const char *part, Results *results)
{
  static const char *const figures[N_PROCESSES] = { "CPU a call of deflectd (floor: emitter)",
                                                    "CPU a call of the bus",
                                                    "CPU a call of the decider (floor: answerer)" };

  for (guint i = 0; i < N_PROCESSES; i++)
    {
      double ours = bench_samples_median (results->our_cpu[i]);
      double floor = bench_samples_median (results->floor_cpu[i]);

      bench_report_add (report, (BenchFigure){ .part = part,
                                               .figure = figures[i],
                                               .measured = ours,
                                               .unit = "µs",
                                               .floor = floor,
                                               .ratio = ours / floor });
    }
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = "CPU a call of the caller",
                                           .measured = bench_samples_median (results->caller_cpu),
                                           .unit = "µs" });
}

static void
report_rounds (Rate *self, BenchReport *report)
{
  for (guint i = 0; i < G_N_ELEMENTS (outstandings); i++)
    {
      Results *results = &self->results[i];
      g_autofree char *part = g_strdup_printf ("%u outstanding", outstandings[i]);
      double median_ratio = bench_samples_median (results->median_ratio);
      double rate_ratio = bench_samples_median (results->rate_ratio);

      add_times (report, part, "UDP echo", &results->echo, NULL);
      add_times (report, part, "GDBus signal to call", &results->floor, NULL);
      add_times (report, part, "INVITE to 302", &results->ours, &results->floor);
      add_times (report, part, "with the reply (floor: GDBus)", &results->whole_ours,
                 &results->whole_floor);
      add_cpus (report, part, results);
      if (outstandings[i] == 1)
        bench_report_add (report, (BenchFigure){ .part = part,
                                                 .figure = "INVITE to 302 against the floor",
                                                 .measured = median_ratio,
                                                 .unit = "times",
                                                 .ratio = median_ratio,
                                                 .goal = "<= 1.8 (aim 1.4)",
                                                 .verdict = BENCH_VERDICT (median_ratio <= 1.8) });
      if (outstandings[i] == 64)
        bench_report_add (report, (BenchFigure){ .part = part,
                                                 .figure = "rate against the floor",
                                                 .measured = 100 * rate_ratio,
                                                 .unit = "%",
                                                 .ratio = rate_ratio,
                                                 .goal = ">= 35 % (aim 50 %)",
                                                 .verdict = BENCH_VERDICT (rate_ratio >= 0.35) });
    }
  bench_report_add (report,
                    (BenchFigure){
                        .part = "all rounds",
                        .figure = "repeated INVITEs and 302s",
                        .measured = self->counts.repeated_here + self->counts.repeated_there,
                        .unit = "messages",
                        .goal = "0",
                        .verdict = BENCH_VERDICT (
                            self->counts.repeated_here + self->counts.repeated_there == 0) });
  bench_report_add (report,
                    (BenchFigure){ .part = "all rounds",
                                   .figure = "provisional responses a call",
                                   .measured = self->counts.provisional / (double)self->calls,
                                   .unit = "messages" });
}

/* The transactions live on for 5 s: what does deflectd do in that time? */
static gboolean
run_burst (Rate *self, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  double rate = bench_caller_run (self->caller, 64, sizes->burst, NULL, error);
  double at_end = bench_process_cpu (self->world->daemon_pid);
  double after_2, after_6;

  if (rate < 0)
    return FALSE;
  bench_wait (sizes->rest * 0.5);
  after_2 = bench_process_cpu (self->world->daemon_pid);
  bench_wait (sizes->rest);
  after_6 = bench_process_cpu (self->world->daemon_pid);

  bench_report_add (report, (BenchFigure){ .part = "burst",
                                           .figure = "calls of the burst, rate",
                                           .measured = rate,
                                           .unit = "/s" });
  bench_report_add (report,
                    (BenchFigure){ .part = "burst",
                                   .figure = "CPU in the first 2 s after it",
                                   .measured = 100 * (after_2 - at_end) / (sizes->rest * 0.5),
                                   .unit = "% of a core" });
  bench_report_add (report, (BenchFigure){ .part = "burst",
                                           .figure = "CPU 2 s to 6 s after it",
                                           .measured = 100 * (after_6 - after_2) / sizes->rest,
                                           .unit = "% of a core",
                                           .goal = "< 5 %",
                                           .verdict = BENCH_VERDICT (
                                               (after_6 - after_2) / sizes->rest < 0.05) });
  return TRUE;
}

static int
connect_to (guint16 port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                 .sin_port = htons (port) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  return fd >= 0 && connect (fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static gboolean
start_all (Rate *self, GError **error)
{
  g_autofree char *port = NULL;

  if (!bench_world_start_daemon (self->world, NULL, NULL, error))
    return FALSE;
  self->echo = bench_child_spawn_role ("echo", self->world->address, error);
  if (self->echo == NULL)
    return FALSE;
  port = bench_child_read_line (self->echo, 10, error);
  if (port == NULL)
    return FALSE;
  self->echo_fd = connect_to ((guint16)atoi (port));
  self->emitter = bench_world_start_role (self->world, "floor-emitter", error);
  if (self->emitter == NULL)
    return FALSE;
  self->answerer = bench_world_start_role (self->world, "floor-answerer", error);
  if (self->answerer == NULL)
    return FALSE;
  self->decider = bench_world_start_role (self->world, "decider", error);
  if (self->decider == NULL)
    return FALSE;
  self->caller = bench_caller_new (BENCH_USER, self->world->port, error);
  return self->caller != NULL;
}

gboolean
bench_part_rate (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  Rate self = { .world = world, .echo_fd = -1 };
  g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func (
      (GDestroyNotify)bench_samples_free);
  gboolean done;

  for (guint i = 0; i < G_N_ELEMENTS (outstandings); i++)
    {
      /* Rounds and the ratios are nothing but pointers to samples. */
      BenchSamples **fields = (BenchSamples **)&self.results[i];

      for (guint field = 0; field < sizeof (Results) / sizeof *fields; field++)
        {
          fields[field] = bench_samples_new ();
          g_ptr_array_add (samples, fields[field]);
        }
    }

  done = start_all (&self, error) && run_rounds (&self, sizes, error);
  if (done)
    report_rounds (&self, report);
  done = done && run_burst (&self, sizes, report, error) && bench_world_stop_daemon (world, error);

  g_clear_pointer (&self.caller, bench_caller_free);
  g_clear_pointer (&self.decider, bench_child_free);
  g_clear_pointer (&self.answerer, bench_child_free);
  g_clear_pointer (&self.emitter, bench_child_free);
  g_clear_pointer (&self.echo, bench_child_free);
  if (self.echo_fd >= 0)
    close (self.echo_fd);
  return done;
}
