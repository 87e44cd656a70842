/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/flows.h"

#include <netinet/in.h>

#include <sofia-sip/nta_tport.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/tport_tag.h>

#include "core/error.h"
#include "sip/loop.h"

/* The library looks for a transport by comparing the names of those before it, too, and crashes at
 * one that has none. */
#define IDENT "flows"

/* Milliseconds. */
#define KEEP_ALIVE (25 * 1000 - DFL_SIP_LOOP_HALF_STEP)
#define INCOMPLETE (10 * 1000 - DFL_SIP_LOOP_HALF_STEP) /* for the rest of a message */

#define GRAVE_INTERVAL 2 /* seconds */

struct _DflFlows
{
  nta_agent_t *nta;
  tport_t *primary;
  guint16 port;
  GHashTable *by_port; /* GUINT_TO_POINTER (port) -> DflFlow, borrowed */
  GPtrArray *graves;   /* of Grave */
  guint sweeper;
};

/* What is left of a flow for as long as a transaction of the stack may still want its port. */
typedef struct
{
  GSocketConnection *near; /* shut down, and still bound */
  tport_t *transport;
} Grave;

static void
grave_free (Grave *grave)
{
  tport_unref (grave->transport);
  g_object_unref (grave->near);
  g_free (grave);
}

/* Whether nobody else refers to it: the library gives its own reference up soon after it has
 * closed. */
static gboolean
grave_is_forgotten (Grave *grave)
{
  return tport_is_closed (grave->transport)
         && su_home_refcount ((su_home_t *)grave->transport) == 1;
}

static gboolean
on_sweep (gpointer data)
{
  DflFlows *self = data;

  for (guint i = self->graves->len; i > 0; i--)
    if (grave_is_forgotten (g_ptr_array_index (self->graves, i - 1)))
      g_ptr_array_remove_index_fast (self->graves, i - 1);
  if (self->graves->len > 0)
    return G_SOURCE_CONTINUE;
  self->sweeper = 0;
  return G_SOURCE_REMOVE;
}

void
dfl_flows_bury (DflFlows *self, GSocketConnection *near, tport_t *transport)
{
  Grave *grave = g_new0 (Grave, 1);

  grave->near = g_object_ref (near);
  grave->transport = tport_ref (transport);
  g_ptr_array_add (self->graves, grave);
  if (self->sweeper == 0)
    self->sweeper = g_timeout_add_seconds (GRAVE_INTERVAL, on_sweep, self);
}

DflFlows *
dfl_flows_new (nta_agent_t *nta, GError **error)
{
  DflFlows *self;
  tport_t *last = NULL;

  if (nta_agent_add_tport (nta, URL_STRING_MAKE ("sip:127.0.0.1:*;transport=tcp"),
                           TPTAG_IDENT (IDENT), TPTAG_STUN_SERVER (0), TPTAG_KEEPALIVE (KEEP_ALIVE),
                           TPTAG_TIMEOUT (INCOMPLETE), TPTAG_IDLE (UINT_MAX), TAG_END ())
      < 0)
    {
      g_set_error (
          error, DFL_ERROR, DFL_ERROR_FAILED,
          "Cannot bind a TCP port of 127.0.0.1, which connections to servers need: %s; see "
          "that the loopback interface is up",
          g_strerror (su_errno ()));
      return NULL;
    }

  for (tport_t *each = tport_primaries (nta_agent_tports (nta)); each != NULL;
       each = tport_next (each))
    last = each;
  self = g_new0 (DflFlows, 1);
  self->nta = nta;
  self->primary = last;
  self->port = (guint16)g_ascii_strtoull (tport_name (last)->tpn_port, NULL, 10);
  self->by_port = g_hash_table_new (NULL, NULL);
  self->graves = g_ptr_array_new_with_free_func ((GDestroyNotify)grave_free);
  return self;
}

void
dfl_flows_free (DflFlows *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->sweeper, g_source_remove);
  g_ptr_array_unref (self->graves);
  g_hash_table_unref (self->by_port);
  g_free (self);
}

guint16
dfl_flows_get_port (DflFlows *self)
{
  return self->port;
}

DflFlow *
dfl_flows_find (DflFlows *self, const struct sockaddr *peer)
{
  const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)peer;

  if (peer->sa_family != AF_INET || address->sin_addr.s_addr != htonl (INADDR_LOOPBACK))
    return NULL;
  return g_hash_table_lookup (self->by_port, GUINT_TO_POINTER (ntohs (address->sin_port)));
}

tport_t *
dfl_flows_find_transport (DflFlows *self, guint16 port)
{
  g_autofree char *text = g_strdup_printf ("%u", port);
  tp_name_t name = {
    .tpn_proto = "tcp", .tpn_canon = "127.0.0.1", .tpn_host = "127.0.0.1", .tpn_port = text
  };
  tport_t *found = tport_by_name (self->primary, &name);

  return found != NULL && tport_is_secondary (found) ? found : NULL;
}

GSocket *
dfl_flows_bind (DflFlows *self, DflFlow *flow, guint16 *port, GError **error)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GPtrArray) remembered = g_ptr_array_new_with_free_func (g_object_unref);

  for (;;)
    {
      g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM,
                                                 G_SOCKET_PROTOCOL_TCP, error);
      g_autoptr (GSocketAddress) bound = NULL;

      if (socket == NULL || !g_socket_bind (socket, any, FALSE, error)
          || (bound = g_socket_get_local_address (socket, error)) == NULL)
        return NULL;
      *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
      if (dfl_flows_find_transport (self, *port) == NULL)
        {
          g_hash_table_insert (self->by_port, GUINT_TO_POINTER (*port), flow);
          return g_steal_pointer (&socket);
        }
      g_ptr_array_add (remembered, g_steal_pointer (&socket));
    }
}

void
dfl_flows_forget (DflFlows *self, guint16 port)
{
  g_hash_table_remove (self->by_port, GUINT_TO_POINTER (port));
}
