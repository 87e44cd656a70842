/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The figures, for a person and for a program. */

#pragma once

#include <glib.h>

typedef enum
{
  BENCH_NO_GOAL,
  BENCH_MET,
  BENCH_MISSED
} BenchVerdict;

typedef struct
{
  const char *part;   /* where it was measured */
  const char *figure; /* what it is */
  double measured;
  const char *unit;
  double floor;     /* the same of the floor, 0 where there is none */
  double ratio;     /* measured to floor, or to what the goal compares with; 0 none */
  const char *goal; /* in words, or NULL */
  BenchVerdict verdict;
} BenchFigure;

typedef struct _BenchReport BenchReport;

BenchReport *bench_report_new (void);
void bench_report_free (BenchReport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchReport, bench_report_free)

/* Copies the figure. */
void bench_report_add (BenchReport *self, BenchFigure figure);

/* The verdict on a condition. */
#define BENCH_VERDICT(condition) ((condition) ? BENCH_MET : BENCH_MISSED)

guint bench_report_count_missed (const BenchReport *self);

/* How many figures there are, and how many of them no measurement can have (negative, no number).
 */
guint bench_report_count (const BenchReport *self);
guint bench_report_count_absurd (const BenchReport *self);

/* To stdout. */
void bench_report_print (const BenchReport *self);

gboolean bench_report_write_json (const BenchReport *self, const char *path, GError **error);
