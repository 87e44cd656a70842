/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens to the machine under the daemon: networks and sleep. */

#pragma once

#include <glib.h>

/*
 * Follows GNetworkMonitor, and PrepareForSleep of logind (org.freedesktop.login1.Manager) on the
 * system bus, in whichever mode the daemon runs; where either is missing it is silent. logind may
 * come, go and come again.
 *
 * What GNetworkMonitor should follow is the kernel (GIO_USE_NETWORK_MONITOR=netlink, for main to
 * set): beside NetworkManager it would ask that at its start, and wait for the answer. From the
 * kernel it hears of every address, because each brings a route of its own; it tells of each change
 * at once and again a second later, when an IPv6 address can be used (RFC 4862 section 5.4).
 */
typedef struct _DflHost DflHost;

typedef struct
{
  void (*network_changed) (gpointer data); /* settled for half a second: they come in bursts, but
                                              at most 5 s after the first of a burst */
  void (*resumed) (gpointer data);         /* after a sleep */
} DflHostListener;

DflHost *dfl_host_new (const DflHostListener *listener, gpointer data);
void dfl_host_free (DflHost *self);
