/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/address-order.h"

#include <stdlib.h>

typedef struct
{
  GInetAddress *address;
  guint rank; /* lower is tried first */
  guint place;
} Candidate;

/* Of fc00::/7 (RFC 4193), for which there is no way from and to other addresses. */
static gboolean
is_unique_local (GInetAddress *address)
{
  return g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6
         && (g_inet_address_to_bytes (address)[0] & 0xfe) == 0xfc;
}

/* The address from which this machine would send there: that of a socket which is connected, but
 * sends nothing. NULL where there is no route. */
static GInetAddress *
find_source (GInetAddress *address)
{
  g_autoptr (GSocketAddress) there = g_inet_socket_address_new (address, 9);
  g_autoptr (GSocketAddress) here = NULL;
  g_autoptr (GSocket) socket = NULL;

  socket = g_socket_new (g_inet_address_get_family (address), G_SOCKET_TYPE_DATAGRAM,
                         G_SOCKET_PROTOCOL_UDP, NULL);
  if (socket == NULL || !g_socket_connect (socket, there, NULL, NULL))
    return NULL;
  here = g_socket_get_local_address (socket, NULL);
  if (!G_IS_INET_SOCKET_ADDRESS (here))
    return NULL;
  return g_object_ref (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (here)));
}

static guint
get_rank (GInetAddress *address)
{
  g_autoptr (GInetAddress) source = find_source (address);
  guint family = g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6 ? 0 : 1;

  if (source == NULL)
    return 4 + family;
  return (is_unique_local (source) != is_unique_local (address) ? 2 : 0) + family;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const Candidate *one = a, *other = b;

  if (one->rank != other->rank)
    return one->rank < other->rank ? -1 : 1;
  return one->place < other->place ? -1 : 1;
}

void
dfl_address_order (GPtrArray *addresses)
{
  g_autofree Candidate *candidates = NULL;

  if (addresses->len < 2)
    return;
  candidates = g_new (Candidate, addresses->len);
  for (guint i = 0; i < addresses->len; i++)
    {
      candidates[i].address = g_ptr_array_index (addresses, i);
      candidates[i].rank = get_rank (candidates[i].address);
      candidates[i].place = i;
    }
  qsort (candidates, addresses->len, sizeof *candidates, compare);
  for (guint i = 0; i < addresses->len; i++)
    g_ptr_array_index (addresses, i) = candidates[i].address;
}
