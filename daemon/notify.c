/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "notify.h"

#include <glib.h>
#include <systemd/sd-daemon.h>

void
dfl_notify_ready (void)
{
  sd_notify (FALSE, "READY=1");
}

void
dfl_notify_reloading (void)
{
  /* Type=notify-reload wants the moment of CLOCK_MONOTONIC beside the word. */
  g_autofree char *state = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
                                            g_get_monotonic_time ());

  sd_notify (FALSE, state);
}

void
dfl_notify_stopping (void)
{
  sd_notify (FALSE, "STOPPING=1");
}

static gboolean
on_watchdog (gpointer data)
{
  sd_notify (FALSE, "WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

guint
dfl_notify_start_watchdog (void)
{
  uint64_t interval; /* microseconds */

  if (sd_watchdog_enabled (FALSE, &interval) <= 0)
    return 0;
  on_watchdog (NULL);
  /* Before all else in a turn of the loop: what is watched is that it turns. */
  return g_timeout_add_full (G_PRIORITY_HIGH, MAX (interval / 2000, 1), on_watchdog, NULL, NULL);
}
