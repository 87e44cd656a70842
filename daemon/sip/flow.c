/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/flow.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>

#include "sip/handshake.h"
#include "sip/relay.h"

/*
 * How the stack is made to believe (sofia-sip 1.12.11, as its source has it and test-flow.c shows):
 *
 *  - NTATAG_TPORT with an accepted connection sends by it and by nothing else: no retry, no other
 *    destination, no UDP; where it is closed the transaction ends with 503 at once.
 *  - NTATAG_USER_VIA keeps the host and the port of a Via of ours but never its protocol: that is
 *    taken from the transport, so that a TLS flow would say SIP/2.0/TCP. The Via of a transport is
 *    its "magic", which a connection inherits from the socket that accepted it and which may be set
 *    for it alone. So each flow gives its connection a Via of its own, with the protocol and the
 *    address that the network sees; the stack writes it by itself, with or without NTATAG_USER_VIA.
 *  - A request that comes in gets "received=127.0.0.1;rport=PORT" into its Via, and its answer,
 *    which repeats that, leaves by the connection on which it came, whatever its Via says.
 *  - But once that connection is closed the stack connects anew, to 127.0.0.1:PORT. Whoever
 *    listened there would get the answer. That is why the port of a flow is not given back before
 *    the last transaction has let go of the connection (see Grave).
 */

#define TIME_LIMIT 8           /* seconds for everything until ready */
#define PEER_LIMIT (20 * 1000) /* milliseconds for which a peer may take nothing */
#define LONGEST_WAIT 64        /* milliseconds between two looks for the stack's side */

typedef enum
{
  CONNECTING,
  SHAKING_HANDS,
  JOINING, /* the stack */
  READY,
  CLOSED
} Phase;

/* Lives for as long as an operation is under way; to everybody else it is gone when freed. */
struct _DflFlow
{
  guint references;
  gboolean freed;
  Phase phase;

  DflFlows *flows;
  DflHop *hop;
  char *name; /* of the hop */
  const DflFlowListener *listener;
  gpointer data;

  DflHandshake *handshake; /* NULL without TLS */
  char *mistake;           /* in the settings */

  GCancellable *cancellable;
  guint limit, look;
  GSocketConnection *far; /* the socket */
  GIOStream *stream;      /* what is spoken over it; may be far itself */
  char *local;

  GSocketConnection *near;
  guint16 port;
  guint wait; /* milliseconds until the next look */
  tport_t *transport;
  sip_via_t via;
  char *via_host;
  DflRelay *relay;
};

/* --- The end of a flow --- */

static void
flow_unref (DflFlow *self)
{
  if (--self->references > 0)
    return;
  g_clear_object (&self->cancellable);
  dfl_hop_free (self->hop);
  g_free (self->name);
  g_free (self->mistake);
  g_free (self->local);
  g_free (self->via_host);
  g_free (self);
}

static void
shut_down (GSocketConnection *connection)
{
  g_socket_shutdown (g_socket_connection_get_socket (connection), TRUE, TRUE, NULL);
}

/* Lets go of the network and of the stack. Operations that are under way hold the streams until
 * they have heard of it. */
static void
let_go (DflFlow *self)
{
  self->phase = CLOSED;
  g_clear_handle_id (&self->limit, g_source_remove);
  g_clear_handle_id (&self->look, g_source_remove);
  g_cancellable_cancel (self->cancellable);
  g_clear_pointer (&self->relay, dfl_relay_free);
  g_clear_pointer (&self->handshake, dfl_handshake_free);
  if (self->port != 0)
    dfl_flows_forget (self->flows, self->port);
  self->port = 0;
  if (self->near != NULL)
    shut_down (self->near);
  if (self->transport != NULL)
    {
      tport_set_magic (self->transport, tport_magic (tport_parent (self->transport)));
      dfl_flows_bury (self->flows, self->near, self->transport);
      tport_decref (&self->transport);
    }
  if (self->far != NULL)
    shut_down (self->far);
  g_clear_object (&self->near);
  g_clear_object (&self->stream);
  g_clear_object (&self->far);
}

static void
close_flow (DflFlow *self, const char *reason)
{
  g_autofree char *text = g_strdup (reason);

  let_go (self);
  self->listener->closed (self, text, self->data);
}

static char *
explain (DflFlow *self, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    return g_strdup_printf ("%s refused the connection", self->name);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return g_strdup_printf (self->phase == READY ? "%s takes nothing any more"
                                                 : "no answer from %s",
                            self->name);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NETWORK_UNREACHABLE))
    return g_strdup_printf ("there is no way to %s; see the network of this machine", self->name);
  if (self->handshake != NULL && error->domain == G_TLS_ERROR)
    return dfl_handshake_explain (self->handshake, error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    return g_strdup_printf ("%s broke the connection off", self->name);
  return g_strdup_printf ("the connection with %s failed: %s", self->name, error->message);
}

static gboolean
on_limit (gpointer data)
{
  DflFlow *self = data;
  g_autofree char *reason = g_strdup_printf (
      self->phase == CONNECTING      ? "no answer from %s"
      : self->phase == SHAKING_HANDS ? "%s accepts connections but does not answer in TLS"
                                     : "this machine is too busy to connect to %s",
      self->name);

  self->limit = 0;
  close_flow (self, reason);
  return G_SOURCE_REMOVE;
}

/* --- Joining the stack --- */

static void
on_relay_ended (const GError *error, gpointer data)
{
  DflFlow *self = data;
  g_autofree char *reason = NULL;

  if (error == NULL)
    reason = g_strdup_printf ("%s closed the connection", self->name);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    reason = g_strdup_printf ("the connection with %s was closed from here", self->name);
  else
    reason = explain (self, error);
  close_flow (self, reason);
}

/* The Via of requests that leave by this flow. */
static void
set_via (DflFlow *self)
{
  const char *colon = strrchr (self->local, ':');

  self->via_host = g_strndup (self->local, (gsize)(colon - self->local));
  sip_via_init (&self->via);
  self->via.v_protocol = self->handshake != NULL ? sip_transport_tls : sip_transport_tcp;
  self->via.v_host = self->via_host;
  self->via.v_port = colon + 1;
  tport_set_magic (self->transport, (tp_magic_t *)&self->via);
}

/* The library accepts when its turn comes, and tells nobody. */
static gboolean
on_look (gpointer data)
{
  DflFlow *self = data;
  tport_t *found = dfl_flows_find_transport (self->flows, self->port);

  if (found == NULL)
    {
      self->wait = CLAMP (2 * self->wait, 1, LONGEST_WAIT);
      self->look = g_timeout_add (self->wait, on_look, self);
      return G_SOURCE_REMOVE;
    }

  self->look = 0;
  g_clear_handle_id (&self->limit, g_source_remove);
  self->transport = tport_ref (found);
  set_via (self);
  self->phase = READY;
  self->relay = dfl_relay_new (self->near, self->far, self->stream, on_relay_ended, self);
  self->listener->ready (self, self->data);
  return G_SOURCE_REMOVE;
}

static void
on_joined (GObject *source, GAsyncResult *result, gpointer data)
{
  DflFlow *self = data;
  g_autoptr (GError) error = NULL;
  gboolean joined = g_socket_connection_connect_finish (G_SOCKET_CONNECTION (source), result,
                                                        &error);

  if (!self->freed && self->phase == JOINING)
    {
      if (joined)
        self->look = g_timeout_add (0, on_look, self);
      else
        {
          g_autofree char *reason = g_strdup_printf ("cannot connect to this machine's own SIP "
                                                     "stack over 127.0.0.1: %s; see that the "
                                                     "loopback interface is up",
                                                     error->message);

          close_flow (self, reason);
        }
    }
  flow_unref (self);
}

static void
join (DflFlow *self)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) stack = g_inet_socket_address_new (loopback,
                                                                dfl_flows_get_port (self->flows));
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = NULL;

  self->phase = JOINING;
  socket = dfl_flows_bind (self->flows, self, &self->port, &error);
  if (socket == NULL)
    {
      g_autofree char *reason
          = g_strdup_printf ("cannot bind a TCP port of 127.0.0.1: %s; see that "
                             "the loopback interface is up",
                             error->message);

      close_flow (self, reason);
      return;
    }
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  self->near = g_socket_connection_factory_create_connection (socket);
  self->references++;
  g_socket_connection_connect_async (self->near, stack, self->cancellable, on_joined, self);
}

/* --- Connecting --- */

static void
on_hands_shaken (GIOStream *stream, const char *reason, gpointer data)
{
  DflFlow *self = data;

  if (stream == NULL)
    close_flow (self, reason);
  else
    {
      self->stream = g_object_ref (stream);
      join (self);
    }
}

/* The socket is connected. */
static void
take_socket (DflFlow *self, GSocketConnection *far, GSocketAddress *local)
{
  GSocket *socket = g_socket_connection_get_socket (far);
  g_autoptr (DflHop) here = dfl_hop_new (self->hop->transport, G_INET_SOCKET_ADDRESS (local));

  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_USER_TIMEOUT, PEER_LIMIT, NULL);
  self->local = dfl_hop_to_string (here);
  self->far = g_object_ref (far);
  if (self->handshake != NULL)
    {
      self->phase = SHAKING_HANDS;
      dfl_handshake_start (self->handshake, far, self->name, on_hands_shaken, self);
    }
  else
    {
      self->stream = g_object_ref (G_IO_STREAM (far));
      join (self);
    }
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  DflFlow *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) far = g_socket_client_connect_finish (G_SOCKET_CLIENT (source),
                                                                      result, &error);

  if (!self->freed && self->phase == CONNECTING)
    {
      g_autoptr (GSocketAddress) local = far != NULL
                                             ? g_socket_connection_get_local_address (far, &error)
                                             : NULL;

      if (local != NULL)
        take_socket (self, far, local);
      else
        {
          g_autofree char *reason = explain (self, error);

          close_flow (self, reason);
        }
    }
  flow_unref (self);
}

static gboolean
on_mistake (gpointer data)
{
  DflFlow *self = data;

  self->look = 0;
  close_flow (self, self->mistake);
  return G_SOURCE_REMOVE;
}

DflFlow *
dfl_flow_new (DflFlows *flows,
              const DflHop *hop,
              const DflFlowTls *tls,
              const DflFlowListener *listener,
              gpointer data)
{
  DflFlow *self = g_new0 (DflFlow, 1);
  g_autoptr (GSocketClient) client = NULL;

  self->references = 1;
  self->flows = flows;
  self->hop = dfl_hop_new (hop->transport, hop->address);
  self->name = dfl_hop_to_string (hop);
  self->listener = listener;
  self->data = data;
  self->cancellable = g_cancellable_new ();
  if (tls != NULL)
    self->handshake = dfl_handshake_new (tls, &self->mistake);
  if (self->mistake != NULL)
    {
      self->look = g_timeout_add (0, on_mistake, self);
      return self;
    }

  self->limit = g_timeout_add_seconds (TIME_LIMIT, on_limit, self);
  client = g_socket_client_new ();
  g_socket_client_set_enable_proxy (client, FALSE);
  self->references++;
  g_socket_client_connect_async (client, G_SOCKET_CONNECTABLE (self->hop->address),
                                 self->cancellable, on_connected, self);
  return self;
}

void
dfl_flow_free (DflFlow *self)
{
  if (self == NULL)
    return;
  if (self->phase != CLOSED)
    let_go (self);
  self->freed = TRUE;
  flow_unref (self);
}

tport_t *
dfl_flow_get_transport (DflFlow *self)
{
  return self->phase == READY && tport_is_clear_to_send (self->transport) ? self->transport : NULL;
}

const char *
dfl_flow_get_local (DflFlow *self)
{
  return self->local;
}

const DflHop *
dfl_flow_get_hop (DflFlow *self)
{
  return self->hop;
}
