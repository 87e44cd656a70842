/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/back-off.h"

#define REFUSED_BASE (15 * 60)      /* seconds; doubled before it is used first */
#define REFUSED_MAX (12 * 60 * 60)  /* seconds */
#define RETRY_AFTER_MAX (24 * 3600) /* seconds; who asks for more is not believed */
#define RETRY_AFTER_SPREAD 60       /* seconds of jitter on top of Retry-After, at most */

/* At random between half of min (max, base * 2^times) and the whole, in microseconds. */
static gint64
pick (guint base, guint max, guint times)
{
  guint64 whole = MAX (base, 1);
  guint64 half;

  while (times-- > 0 && whole < max)
    whole *= 2;
  half = MIN (whole, MAX (max, 1)) * G_USEC_PER_SEC / 2;
  return (gint64)(half + (guint64)(g_random_double () * (double)half));
}

gint64
dfl_back_off_fail (DflBackOff *self, guint retry_after)
{
  guint asked = MIN (retry_after, RETRY_AFTER_MAX);
  gint64 least = (gint64)asked * G_USEC_PER_SEC;
  gint64 wait;

  self->failures = MIN (self->failures + 1, G_MAXUINT16);
  wait = pick (self->base, self->max, self->failures);
  /* Who told a thousand clients the same number does not want them all at once. */
  if (least > 0)
    least += (gint64)(g_random_double () * MIN (asked + 1, RETRY_AFTER_SPREAD) * G_USEC_PER_SEC);
  return MAX (wait, least);
}

gint64
dfl_back_off_refuse (DflBackOff *self)
{
  self->refusals = MIN (self->refusals + 1, G_MAXUINT16);
  return pick (REFUSED_BASE, REFUSED_MAX, self->refusals);
}

void
dfl_back_off_reset (DflBackOff *self)
{
  self->failures = 0;
  self->refusals = 0;
}
