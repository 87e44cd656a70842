/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The counters that count-heap.c keeps in a file mapped by the counted and the counting process. */

#pragma once

#include <stdatomic.h>

/* The environment variable that names the file; it exists and has the size of BenchHeap. */
#define BENCH_HEAP_VARIABLE "DEFLECT_BENCH_HEAP"

typedef struct
{
  atomic_long blocks; /* allocated and not freed */
  atomic_long bytes;  /* in those, as the allocator rounds them, its headers included */
} BenchHeap;
