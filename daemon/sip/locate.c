/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/locate.h"

DflHop *
dfl_hop_new (DflTransport transport, GInetSocketAddress *address)
{
  return NULL;
}
void
dfl_hop_free (DflHop *self)
{
}
char *
dfl_hop_to_string (const DflHop *self)
{
  return NULL;
}
DflLocate *
dfl_locate_new (
    DflResolver *resolver, const char *server, DflTransport wish, DflLocateFunc func, gpointer data)
{
  return NULL;
}
void
dfl_locate_cancel (DflLocate *self)
{
}
