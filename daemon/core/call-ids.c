/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/call-ids.h"

#include <errno.h>
#include <sys/random.h>

static void
refill (DflCallIds *self)
{
  char *at = (char *)self->numbers;
  gsize left = sizeof (self->numbers);

  while (left > 0)
    {
      gssize n = getrandom (at, left, 0);

      if (n < 0 && errno != EINTR)
        g_error ("The kernel gives no random numbers: %s", g_strerror (errno));
      if (n > 0)
        {
          at += n;
          left -= n;
        }
    }

  self->n_left = G_N_ELEMENTS (self->numbers);
}

void
dfl_call_ids_next (DflCallIds *self, char id[static 9])
{
  if (self->n_left == 0)
    refill (self);

  g_snprintf (id, 9, "%08x", self->numbers[--self->n_left]);
}
