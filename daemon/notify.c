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
