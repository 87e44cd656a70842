/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/hop.h"

DflHop *
dfl_hop_new (DflTransport transport, GInetSocketAddress *address)
{
  DflHop *self = g_new0 (DflHop, 1);

  self->transport = transport;
  self->address = g_object_ref (address);
  return self;
}

void
dfl_hop_free (DflHop *self)
{
  g_object_unref (self->address);
  g_free (self);
}

char *
dfl_hop_to_string (const DflHop *self)
{
  GInetAddress *address = g_inet_socket_address_get_address (self->address);
  g_autofree char *text = g_inet_address_to_string (address);
  gboolean six = g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6;

  return g_strdup_printf (six ? "[%s]:%u" : "%s:%u", text,
                          g_inet_socket_address_get_port (self->address));
}
