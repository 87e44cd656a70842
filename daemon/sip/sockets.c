/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/nta_tport.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#include "core/error.h"
#include "core/listen.h"
#include "sip/loop.h"

#define UDP_BUFFER (4 * 1024 * 1024)

/* Milliseconds. */
#define TCP_IDLE (10 * 60 * 1000 - DFL_SIP_LOOP_HALF_STEP) /* without a message or keep-alive */
#define TCP_INCOMPLETE (10 * 1000 - DFL_SIP_LOOP_HALF_STEP)

/* While they are being bound. */
typedef struct
{
  nta_agent_t *nta;
  DflGuard *guard;
  guint16 shared_port; /* the first port that the kernel chose; the other transport asks for it */
} Binding;

/* FALSE where the kernel has no IPv6; *only where an IPv6 socket takes no IPv4 packets. */
static gboolean
probe_ipv6 (gboolean *only)
{
  struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
  int fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int value = 0;
  socklen_t length = sizeof value;
  gboolean works = FALSE;

  if (fd < 0)
    return FALSE;
  works = bind (fd, (struct sockaddr *)&any, sizeof any) == 0
          && getsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length) == 0;
  *only = value != 0;
  close (fd);
  return works;
}

static tport_t *
last_transport (nta_agent_t *nta)
{
  tport_t *last = NULL;

  for (tport_t *each = tport_primaries (nta_agent_tports (nta)); each != NULL;
       each = tport_next (each))
    last = each;
  return last;
}

static guint
count_transports (nta_agent_t *nta)
{
  guint n = 0;

  for (tport_t *each = tport_primaries (nta_agent_tports (nta)); each != NULL;
       each = tport_next (each))
    n++;
  return n;
}

/* Binds one socket. host is as in a URI. On success *port is the port really bound. */
static gboolean
bind_socket (Binding *self, DflListenTransport transport, const char *host, guint16 *port)
{
  g_autofree char *number = *port == 0 ? g_strdup ("*") : g_strdup_printf ("%u", *port);
  g_autofree char *url = g_strdup_printf ("sip:%s:%s;transport=%s", host, number,
                                          transport == DFL_LISTEN_UDP ? "udp" : "tcp");
  /* A request goes out by one socket among several only where each has a name of its own. */
  g_autofree char *ident = g_strdup_printf ("socket%u", count_transports (self->nta));

  if (nta_agent_add_tport (self->nta, URL_STRING_MAKE (url), TPTAG_IDENT (ident),
                           TPTAG_STUN_SERVER (0), TPTAG_UDP_RMEM (UDP_BUFFER),
                           TPTAG_IDLE (TCP_IDLE), TPTAG_TIMEOUT (TCP_INCOMPLETE), TAG_END ())
      < 0)
    return FALSE;
  *port = (guint16)atoi (tport_name (last_transport (self->nta))->tpn_port);
  return TRUE;
}

/*
 * The library takes "any address" for "each address that there is now", and would never hear of
 * one that comes later; other spellings of 0.0.0.0 and :: it leaves to the kernel.
 */
static gboolean
bind_addresses (Binding *self, const DflListen *item, guint16 *port)
{
  gboolean only = FALSE;
  g_autofree char *bracketed = NULL;

  if (item->address == NULL && probe_ipv6 (&only))
    return bind_socket (self, item->transport, "[::0]", port)
           && (!only || bind_socket (self, item->transport, "0.0", port));
  if (item->address == NULL || g_str_equal (item->address, "0.0.0.0"))
    return bind_socket (self, item->transport, "0.0", port);
  if (g_str_equal (item->address, "::"))
    return bind_socket (self, item->transport, "[::0]", port);
  if (strchr (item->address, ':') != NULL)
    bracketed = g_strdup_printf ("[%s]", item->address);
  return bind_socket (self, item->transport, bracketed != NULL ? bracketed : item->address, port);
}

/* What was bound, in the form of listen=. */
static char *
bind_item (Binding *self, const char *text, GError **error)
{
  g_autoptr (DflListen) item = dfl_listen_parse (text, error);
  guint16 port;
  gboolean bound = FALSE;

  if (item == NULL)
    return NULL;

  port = item->port;
  if (port == 0 && self->shared_port != 0)
    {
      port = self->shared_port;
      bound = bind_addresses (self, item, &port);
      if (!bound)
        port = 0;
    }
  if (!bound && !bind_addresses (self, item, &port))
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED,
                   "Cannot listen on %s: %s; choose another address or port in listen=", text,
                   g_strerror (su_errno ()));
      return NULL;
    }
  if (item->port == 0)
    self->shared_port = port;
  if (!dfl_guard_add_port (self->guard, item->transport, port))
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED,
                   "Cannot guard the sockets of %s: %s; see that /proc is mounted", text,
                   g_strerror (errno));
      return NULL;
    }

  return g_strdup_printf (item->address != NULL && strchr (item->address, ':') != NULL
                              ? "%s:[%s]:%u"
                              : "%s:%s:%u",
                          item->transport == DFL_LISTEN_UDP ? "udp" : "tcp",
                          item->address != NULL ? item->address : "*", port);
}

char **
dfl_sockets_bind (nta_agent_t *nta, DflGuard *guard, char **listen, GError **error)
{
  Binding self = { .nta = nta, .guard = guard };
  g_autoptr (GPtrArray) bound = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; listen[i] != NULL; i++)
    {
      char *item = bind_item (&self, listen[i], error);

      if (item == NULL)
        return NULL;
      g_ptr_array_add (bound, item);
    }
  g_ptr_array_add (bound, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&bound), FALSE);
}
