/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random ids for calls, drawn in batches because each draw is a system call. */

#pragma once

#include <glib.h>

typedef struct
{
  guint32 numbers[64];
  guint n_left;
} DflCallIds;

/* 8 hex digits of the kernel's randomness and a NUL: nobody guesses or counts a neighbour's. */
void dfl_call_ids_next (DflCallIds *self, char id[static 9]);
