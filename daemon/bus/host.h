/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens to the machine under the daemon: networks and sleep. */

#pragma once

#include <glib.h>

/*
 * Follows GNetworkMonitor, and PrepareForSleep of logind (org.freedesktop.login1.Manager) on the
 * system bus, in whichever mode the daemon runs; where either is missing it is silent, and tries
 * again when logind comes.
 */
typedef struct _DflHost DflHost;

typedef struct
{
  void (*network_changed) (gpointer data); /* settled for half a second: they come in bursts */
  void (*resumed) (gpointer data);         /* after a sleep */
} DflHostListener;

DflHost *dfl_host_new (const DflHostListener *listener, gpointer data);
void dfl_host_free (DflHost *self);
