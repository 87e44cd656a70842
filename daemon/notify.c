/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "notify.h"

#include <glib.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

static void
notify (const char *state)
{
  sd_notify (FALSE, state);
}
#else
static void
notify (const char *state)
{
}
#endif

void
dfl_notify_ready (void)
{
  notify ("READY=1");
}

void
dfl_notify_reloading (void)
{
  /* Type=notify-reload wants the moment of CLOCK_MONOTONIC beside the word. */
  g_autofree char *state = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
                                            g_get_monotonic_time ());

  notify (state);
}

void
dfl_notify_stopping (void)
{
  notify ("STOPPING=1");
}
