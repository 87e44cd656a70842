/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Preloaded into deflectd: counts the live heap. What a process holds resident says little about
 * its objects, because the allocator keeps what was freed; this counts the objects themselves.
 */

#include "count-heap.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own functions under the names that it exports beside the usual ones. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t count, size_t size);
void *__libc_realloc (void *block, size_t size);
void *__libc_memalign (size_t alignment, size_t size);
void __libc_free (void *block);

/* What glibc keeps in front of a block. */
#define HEADER_SIZE ((long)sizeof (size_t))

static BenchHeap before_mapping;
static BenchHeap *heap = &before_mapping;

static void *
added (void *block)
{
  if (block != NULL)
    {
      atomic_fetch_add_explicit (&heap->blocks, 1, memory_order_relaxed);
      atomic_fetch_add_explicit (&heap->bytes, (long)malloc_usable_size (block) + HEADER_SIZE,
                                 memory_order_relaxed);
    }
  return block;
}

static void
removed (long usable)
{
  atomic_fetch_sub_explicit (&heap->blocks, 1, memory_order_relaxed);
  atomic_fetch_sub_explicit (&heap->bytes, usable + HEADER_SIZE, memory_order_relaxed);
}

void *
malloc (size_t size)
{
  return added (__libc_malloc (size));
}

void *
calloc (size_t count, size_t size)
{
  return added (__libc_calloc (count, size));
}

void *
realloc (void *block, size_t size)
{
  long usable = (long)malloc_usable_size (block);
  void *moved = __libc_realloc (block, size);

  if (block != NULL && (moved != NULL || size == 0))
    removed (usable);
  return added (moved);
}

void *
memalign (size_t alignment, size_t size)
{
  return added (__libc_memalign (alignment, size));
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return added (__libc_memalign (alignment, size));
}

int
posix_memalign (void **block, size_t alignment, size_t size)
{
  *block = added (__libc_memalign (alignment, size));
  return *block != NULL ? 0 : ENOMEM;
}

void
free (void *block)
{
  if (block != NULL)
    removed ((long)malloc_usable_size (block));
  __libc_free (block);
}

__attribute__ ((constructor)) static void
map_counters (void)
{
  const char *path = getenv (BENCH_HEAP_VARIABLE);
  int fd = path != NULL ? open (path, O_RDWR | O_CLOEXEC) : -1;
  void *mapped;

  if (fd < 0)
    return;
  mapped = mmap (NULL, sizeof (BenchHeap), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close (fd);
  if (mapped == MAP_FAILED)
    return;
  *(BenchHeap *)mapped = before_mapping;
  heap = mapped;
}
