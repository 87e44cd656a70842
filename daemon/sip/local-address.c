/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/local-address.h"

#include <netinet/in.h>
#include <unistd.h>

#include <sofia-sip/nta_tport.h>
#include <sofia-sip/su.h>

static gboolean
copy_plain (const struct sockaddr *address, su_sockaddr_t *plain)
{
  memset (plain, 0, sizeof *plain);
  if (address->sa_family == AF_INET)
    memcpy (plain, address, sizeof (struct sockaddr_in));
  else if (address->sa_family == AF_INET6)
    memcpy (plain, address, sizeof (struct sockaddr_in6));
  else
    return FALSE;
  SU_CANONIZE_SOCKADDR (plain);
  return TRUE;
}

static gboolean
look_up (const struct sockaddr *peer, su_sockaddr_t *local)
{
  socklen_t length = sizeof *local;
  su_sockaddr_t plain;
  gboolean found;
  int fd;

  if (!copy_plain (peer, &plain))
    return FALSE;
  memset (local, 0, sizeof *local);
  fd = socket (plain.su_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return FALSE;
  /* Connecting a UDP socket asks for the route and sends nothing. */
  found = connect (fd, &plain.su_sa, su_sockaddr_size (&plain)) == 0
          && getsockname (fd, &local->su_sa, &length) == 0;
  close (fd);
  return found;
}

static char *
to_text (const su_sockaddr_t *address)
{
  char text[INET6_ADDRSTRLEN];

  if (su_inet_ntop (address->su_family, SU_ADDR (address), text, sizeof text) == NULL)
    return NULL;
  return address->su_family == AF_INET6 ? g_strdup_printf ("[%s]", text) : g_strdup (text);
}

char *
dfl_local_address_towards (const struct sockaddr *peer)
{
  su_sockaddr_t local;

  return look_up (peer, &local) ? to_text (&local) : NULL;
}

/* How well a socket bound there reaches a peer to whom packets leave from local; 0 not at all. */
static guint
rate (const su_sockaddr_t *bound, const su_sockaddr_t *local)
{
  gboolean any = SU_SOCKADDR_INADDR_ANY (bound);

  if (bound->su_family == local->su_family && !any)
    return memcmp (SU_ADDR (bound), SU_ADDR (local), (size_t)SU_ADDRLEN (bound)) == 0 ? 4 : 1;
  if (bound->su_family == local->su_family)
    return 3;
  /* A socket for any IPv6 address takes IPv4 as well, see bind_addresses in sip/sockets.c. */
  return any && bound->su_family == AF_INET6 ? 2 : 0;
}

tport_t *
dfl_local_address_find_udp (nta_agent_t *nta, const struct sockaddr *peer, char **place)
{
  tport_t *best = NULL;
  guint best_rating = 0;
  su_sockaddr_t local;
  g_autofree char *host = NULL;

  *place = NULL;
  if (!look_up (peer, &local))
    return NULL;
  for (tport_t *each = tport_primaries (nta_agent_tports (nta)); each != NULL;
       each = tport_next (each))
    {
      const su_addrinfo_t *bound = tport_get_address (each);
      guint rating = 0;

      if (tport_is_udp (each) && bound->ai_addr != NULL)
        rating = rate ((const su_sockaddr_t *)bound->ai_addr, &local);
      if (rating > best_rating)
        {
          best = each;
          best_rating = rating;
        }
    }
  if (best == NULL)
    return NULL;

  host = to_text (best_rating == 1 ? (const su_sockaddr_t *)tport_get_address (best)->ai_addr
                                   : &local);
  *place = g_strdup_printf ("%s:%s", host, tport_name (best)->tpn_port);
  return best;
}
