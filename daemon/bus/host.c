/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/host.h"

DflHost *
dfl_host_new (const DflHostListener *listener, gpointer data)
{
  return NULL;
}
void
dfl_host_free (DflHost *self)
{
}
