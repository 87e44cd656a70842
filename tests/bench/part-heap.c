/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "count-heap.h"
#include "hold.h"

typedef struct
{
  long blocks;
  long bytes;
} Heap;

static BenchHeap *
map_counters (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void *mapped = MAP_FAILED;

  if (fd >= 0 && ftruncate (fd, sizeof (BenchHeap)) == 0)
    mapped = mmap (NULL, sizeof (BenchHeap), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd >= 0)
    close (fd);
  if (mapped == MAP_FAILED)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path,
                   g_strerror (errno));
      return NULL;
    }
  return mapped;
}

static Heap
read_counters (BenchHeap *counters)
{
  return (Heap){ atomic_load (&counters->blocks), atomic_load (&counters->bytes) };
}

/* Offers, looks, redirects, looks again when the last transaction is gone. */
static gboolean
hold_once (
    BenchWorld *world, BenchHeap *counters, guint calls, Heap *held, Heap *ended, GError **error)
{
  g_autoptr (BenchHold) hold = bench_hold_new (world, error);
  gint left;

  if (hold == NULL || !bench_hold_offer (hold, calls, NULL, error)
      || !bench_hold_wait_ringing (hold, error))
    return FALSE;
  bench_wait (0.2);
  *held = read_counters (counters);
  if (!bench_hold_redirect_all (hold, error))
    return FALSE;
  bench_world_settle (world);
  /* A look at the list makes deflectd forget what it may still keep of the last message. */
  left = bench_hold_list (hold, NULL, error);
  bench_wait (0.2);
  *ended = read_counters (counters);
  if (left > 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%d calls are still listed", left);
  return left == 0;
}

static void
report_heap (BenchReport *report,
             const BenchSizes *sizes,
             Heap before,
             Heap held,
             Heap ended,
             Heap held_again,
             Heap ended_again)
{
  g_autofree char *part = g_strdup_printf ("%u offered, heap", sizes->held);
  double bytes = (double)(held_again.bytes - ended.bytes) / sizes->held;
  double grown = (double)(ended_again.bytes - ended.bytes);
  struct
  {
    const char *figure;
    double value;
    const char *unit;
  } plain[] = {
    { "live blocks before", before.blocks, "blocks" },
    { "live blocks with all offered", held.blocks, "blocks" },
    { "live blocks after all ended", ended.blocks, "blocks" },
    { "live bytes before", before.bytes, "bytes" },
    { "live bytes with all offered", held.bytes, "bytes" },
    { "live bytes after all ended (tables keep their size)", ended.bytes, "bytes" },
    { "blocks per offered call", (double)(held_again.blocks - ended.blocks) / sizes->held,
      "blocks" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (plain); i++)
    bench_report_add (report, (BenchFigure){ .part = part,
                                             .figure = plain[i].figure,
                                             .measured = plain[i].value,
                                             .unit = plain[i].unit });
  bench_report_add (report, (BenchFigure){ .part = part,
                                           .figure = "bytes per offered call",
                                           .measured = bytes,
                                           .unit = "bytes",
                                           .goal = "<= 16384",
                                           .verdict = BENCH_VERDICT (bytes <= 16384) });
  /* A leak costs at least a block a call; what is left of a hundredth of that is coincidence. */
  bench_report_add (report, (BenchFigure){
                                .part = part,
                                .figure = "live blocks after all ended twice, beyond once",
                                .measured = (double)(ended_again.blocks - ended.blocks),
                                .unit = "blocks",
                                .goal = "none per call",
                                .verdict = BENCH_VERDICT (ended_again.blocks - ended.blocks
                                                          <= (long)MAX (sizes->held / 100, 16)) });
  bench_report_add (report,
                    (BenchFigure){ .part = part,
                                   .figure = "live bytes after all ended twice, beyond once",
                                   .measured = grown,
                                   .unit = "bytes",
                                   .goal = "none per call",
                                   .verdict = BENCH_VERDICT (grown <= 2 * (double)sizes->held
                                                             || grown <= 4096) });
}

gboolean
bench_part_heap (BenchWorld *world, const BenchSizes *sizes, BenchReport *report, GError **error)
{
  g_autofree char *path = g_build_filename (world->dir, "heap", NULL);
  g_autofree char *variable = g_strconcat (BENCH_HEAP_VARIABLE "=", path, NULL);
  g_autofree char *preload = g_strconcat ("LD_PRELOAD=", world->count_heap, NULL);
  /* GSlice of GLib before 2.76 takes whole pages; every object shall be a block of its own. */
  const char *environment[] = { variable, preload, "G_SLICE=always-malloc", NULL };
  BenchHeap *counters = map_counters (path, error);
  Heap before, held, ended, held_again, ended_again;
  gboolean done;

  if (counters == NULL)
    return FALSE;
  done = bench_world_start_daemon (world, NULL, environment, error)
         && hold_once (world, counters, sizes->block, &held, &before, error)
         && hold_once (world, counters, sizes->held, &held, &ended, error)
         && hold_once (world, counters, sizes->held, &held_again, &ended_again, error)
         && bench_world_stop_daemon (world, error);
  if (done && before.blocks <= 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "nothing was counted: %s could not be preloaded", world->count_heap);
      done = FALSE;
    }
  if (done)
    report_heap (report, sizes, before, held, ended, held_again, ended_again);
  munmap (counters, sizeof *counters);
  return done;
}
