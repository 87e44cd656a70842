/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/way.h"

#include <netinet/in.h>
#include <string.h>

#include "sip/local-address.h"
#include "sip/locate.h"

#define MAX_PLACES 16

struct _DflWay
{
  const DflRegistrationTools *tools;
  const DflAccountSettings *settings;
  DflWayListener listener;
  gpointer data;

  DflLocate *locate;
  GPtrArray *hops; /* of DflHop, owned by the array */
  guint hop;       /* the one that is tried or open */
  GPtrArray *servers;

  DflFlow *flow;
  gboolean open;
  tport_t *transport; /* a UDP socket of the stack, without a flow */
  char *place;

  DflAlarm *settling; /* says what is known already, from the loop */
  char *failure;      /* what it will say; NULL: that the way is open */
};

static void try_hop (DflWay *self);

static gboolean
get_native (const DflHop *hop, struct sockaddr_storage *native)
{
  return g_socket_address_to_native (G_SOCKET_ADDRESS (hop->address), native, sizeof *native, NULL);
}

static void
close_way (DflWay *self)
{
  if (self->flow != NULL && self->open)
    self->tools->flow_lost (self->flow, self->tools->data);
  g_clear_pointer (&self->flow, dfl_flow_free);
  g_clear_pointer (&self->place, g_free);
  self->transport = NULL;
  self->open = FALSE;
}

static void
on_settled (gpointer data)
{
  DflWay *self = data;
  g_autofree char *failure = g_steal_pointer (&self->failure);

  self->settling = NULL;
  if (failure != NULL)
    self->listener.failed (self, failure, self->data);
  else
    self->listener.opened (self, self->data);
}

static void
settle (DflWay *self, const char *failure)
{
  g_free (self->failure);
  self->failure = g_strdup (failure);
  if (self->settling == NULL)
    self->settling = dfl_clock_set_alarm (self->tools->clock, dfl_clock_now (self->tools->clock),
                                          on_settled, self);
}

static void
go_on (DflWay *self, const char *reason)
{
  close_way (self);
  if (!dfl_way_has_next (self))
    {
      settle (self, reason);
      return;
    }
  self->hop++;
  try_hop (self);
}

/* --- Connections --- */

static void
on_flow_ready (DflFlow *flow, gpointer data)
{
  DflWay *self = data;

  self->open = TRUE;
  self->place = g_strdup (dfl_flow_get_local (flow));
  self->listener.opened (self, self->data);
}

static void
on_flow_closed (DflFlow *flow, const char *reason, gpointer data)
{
  DflWay *self = data;
  g_autofree char *why = g_strdup (reason);

  if (!self->open)
    {
      go_on (self, why);
      return;
    }
  close_way (self);
  self->listener.closed (self, why, self->data);
}

static const DflFlowListener flow_listener = { on_flow_ready, on_flow_closed };

/* The name that was configured, without the port: not what DNS made of it (RFC 5922 section 7). */
static char *
dup_identity (DflWay *self)
{
  const char *server = dfl_way_get_server (self);
  const char *end = server[0] == '[' ? strchr (server, ']') : NULL;
  const char *colon = strchr (end != NULL ? end : server, ':');

  return colon != NULL ? g_strndup (server, (gsize)(colon - server)) : g_strdup (server);
}

static void
connect_flow (DflWay *self, const DflHop *hop)
{
  const DflAccountSettings *settings = self->settings;
  g_autofree char *identity = dup_identity (self);
  DflFlowTls tls = { .verify = settings->tls_verify,
                     .wildcard = settings->tls_wildcard,
                     .identity = identity,
                     .ca = settings->tls_ca,
                     .certificate = settings->tls_certificate,
                     .key = settings->tls_key };

  self->flow = dfl_flow_new (self->tools->flows, hop,
                             hop->transport == DFL_TRANSPORT_TLS ? &tls : NULL, &flow_listener,
                             self);
}

static void
open_udp (DflWay *self, const DflHop *hop)
{
  struct sockaddr_storage native;
  g_autofree char *name = dfl_hop_to_string (hop);
  g_autofree char *reason = NULL;

  if (get_native (hop, &native))
    self->transport = dfl_local_address_find_udp (self->tools->nta, (struct sockaddr *)&native,
                                                  &self->place);
  if (self->transport != NULL)
    {
      self->open = TRUE;
      settle (self, NULL);
      return;
    }
  reason = g_strdup_printf ("no way to %s: there is no route, or no UDP socket for such an address "
                            "in listen=",
                            name);
  go_on (self, reason);
}

static void
try_hop (DflWay *self)
{
  const DflHop *hop = dfl_way_get_hop (self);

  if (hop->transport == DFL_TRANSPORT_UDP)
    open_udp (self, hop);
  else
    connect_flow (self, hop);
}

/* --- Names --- */

/* Whom we ask may also call us, from any of its places. The one that was used until now counts on
 * until another one is: calls may be on their way. */
static void
take_hops (DflWay *self, GPtrArray *found)
{
  const DflHop *former = dfl_way_get_hop (self);
  g_autoptr (GPtrArray) hops = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_hop_free);
  GPtrArray *servers = g_ptr_array_new_with_free_func (g_object_unref);

  if (former != NULL)
    g_ptr_array_add (servers, g_object_ref (g_inet_socket_address_get_address (former->address)));
  for (guint i = 0; i < found->len && hops->len < MAX_PLACES; i++)
    {
      const DflHop *hop = found->pdata[i];
      GInetAddress *address = g_inet_socket_address_get_address (hop->address);

      if (!dfl_account_settings_allow_address (self->settings, g_inet_address_to_bytes (address),
                                               g_inet_address_get_native_size (address)))
        continue;
      g_ptr_array_add (hops, dfl_hop_new (hop->transport, hop->address));
      g_ptr_array_add (servers, g_object_ref (address));
    }
  g_ptr_array_unref (self->hops);
  self->hops = g_steal_pointer (&hops);
  dfl_sources_replace_servers (self->tools->sources, self->servers, servers);
  g_ptr_array_unref (self->servers);
  self->servers = servers;
  self->hop = 0;
}

static void
on_located (GPtrArray *hops, const GError *error, gpointer data)
{
  DflWay *self = data;
  g_autofree char *reason = NULL;

  self->locate = NULL;
  if (error != NULL)
    {
      self->listener.failed (self, error->message, self->data);
      return;
    }
  take_hops (self, hops);
  if (self->hops->len > 0)
    {
      try_hop (self);
      return;
    }
  reason = g_strdup_printf ("%s is on this machine or its links, where only an administrator may "
                            "lead an account: name the server by its address",
                            dfl_way_get_server (self));
  self->listener.failed (self, reason, self->data);
}

void
dfl_way_stop (DflWay *self)
{
  g_clear_pointer (&self->locate, dfl_locate_cancel);
  dfl_clock_clear_alarm (self->tools->clock, &self->settling);
  g_clear_pointer (&self->failure, g_free);
  close_way (self);
}

void
dfl_way_seek (DflWay *self)
{
  dfl_way_stop (self);
  self->locate = dfl_locate_new (self->tools->resolver, dfl_way_get_server (self),
                                 self->settings->transport, on_located, self);
}

void
dfl_way_go_to (DflWay *self, const DflHop *hop)
{
  g_autoptr (GPtrArray) hops = g_ptr_array_new ();

  dfl_way_stop (self);
  g_ptr_array_add (hops, (gpointer)hop);
  take_hops (self, hops);
  if (self->hops->len > 0)
    try_hop (self);
  else
    settle (self, "this account may not go there");
}

void
dfl_way_try_next (DflWay *self, const char *reason)
{
  go_on (self, reason);
}

/* --- Looking --- */

gboolean
dfl_way_has_next (DflWay *self)
{
  return self->hop + 1 < self->hops->len;
}

gboolean
dfl_way_is_open (DflWay *self)
{
  return self->open;
}

gboolean
dfl_way_is_flow (DflWay *self)
{
  return self->flow != NULL;
}

tport_t *
dfl_way_get_transport (DflWay *self)
{
  return self->flow != NULL ? dfl_flow_get_transport (self->flow) : self->transport;
}

const char *
dfl_way_get_place (DflWay *self)
{
  return self->place;
}

guint16
dfl_way_get_flow_port (DflWay *self)
{
  tport_t *transport = self->flow != NULL ? dfl_flow_get_transport (self->flow) : NULL;

  if (transport == NULL)
    return 0;
  return g_ntohs (((const struct sockaddr_in *)tport_get_address (transport)->ai_addr)->sin_port);
}

gboolean
dfl_way_has_moved (DflWay *self)
{
  struct sockaddr_storage native;
  g_autofree char *now = NULL;
  gsize length;

  if (!self->open || !get_native (dfl_way_get_hop (self), &native))
    return FALSE;
  if (self->flow == NULL)
    return dfl_local_address_find_udp (self->tools->nta, (struct sockaddr *)&native, &now) != NULL
           && !g_str_equal (now, self->place);

  now = dfl_local_address_towards ((struct sockaddr *)&native);
  length = now != NULL ? strlen (now) : 0;
  return now != NULL && (strncmp (now, self->place, length) != 0 || self->place[length] != ':');
}

/* A datagram with the port of a relay is somebody else's. */
static gboolean
is_relay (DflWay *self, const DflSource *source)
{
  const struct sockaddr_in *address = (const struct sockaddr_in *)source->address;
  guint16 port = dfl_way_get_flow_port (self);

  return source->stream && port != 0 && source->address->sa_family == AF_INET
         && address->sin_addr.s_addr == g_htonl (INADDR_LOOPBACK)
         && address->sin_port == g_htons (port);
}

gboolean
dfl_way_comes_from (DflWay *self, const DflSource *source)
{
  guint8 bytes[16], server_bytes[16] = { 0 };

  if (self->flow != NULL)
    return is_relay (self, source);
  if (source->stream || !dfl_source_to_bytes (source->address, bytes))
    return FALSE;

  for (guint i = 0; i < self->servers->len; i++)
    {
      GInetAddress *server = self->servers->pdata[i];
      gsize length = g_inet_address_get_native_size (server);

      memset (server_bytes + 10, 0xff, 2);
      memcpy (server_bytes + sizeof server_bytes - length, g_inet_address_to_bytes (server),
              length);
      if (length == 4)
        memset (server_bytes, 0, 10);
      if (memcmp (bytes, server_bytes, sizeof bytes) == 0)
        return TRUE;
    }
  return FALSE;
}

const DflHop *
dfl_way_get_hop (DflWay *self)
{
  return self->hop < self->hops->len ? self->hops->pdata[self->hop] : NULL;
}

GPtrArray *
dfl_way_get_servers (DflWay *self)
{
  return self->servers;
}

const char *
dfl_way_get_server (DflWay *self)
{
  const DflAccountSettings *settings = self->settings;

  if (*settings->outbound_proxy != '\0')
    return settings->outbound_proxy;
  return *settings->registrar != '\0' ? settings->registrar : settings->domain;
}

char *
dfl_way_describe_server (DflWay *self)
{
  const DflHop *hop = dfl_way_get_hop (self);
  g_autofree char *name = hop != NULL ? dfl_hop_to_string (hop) : NULL;

  if (name == NULL || g_str_equal (name, dfl_way_get_server (self)))
    return g_strdup (dfl_way_get_server (self));
  return g_strdup_printf ("%s (%s)", dfl_way_get_server (self), name);
}

char *
dfl_way_describe_wait (DflWay *self)
{
  g_autofree char *server = dfl_way_describe_server (self);

  if (self->locate != NULL || dfl_way_get_hop (self) == NULL)
    return g_strdup_printf ("no DNS answer for %s yet", dfl_way_get_server (self));
  if (!self->open)
    return g_strdup_printf ("no connection to %s yet", server);
  return g_strdup_printf ("no answer from %s yet", server);
}

/* --- Life --- */

DflWay *
dfl_way_new (const DflRegistrationTools *tools,
             const DflAccountSettings *settings,
             const DflWayListener *listener,
             gpointer data)
{
  DflWay *self = g_new0 (DflWay, 1);

  self->tools = tools;
  self->settings = settings;
  self->listener = *listener;
  self->data = data;
  self->hops = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_hop_free);
  self->servers = g_ptr_array_new_with_free_func (g_object_unref);
  return self;
}

void
dfl_way_free (DflWay *self)
{
  dfl_way_stop (self);
  g_ptr_array_unref (self->hops);
  dfl_sources_replace_servers (self->tools->sources, self->servers, NULL);
  g_ptr_array_unref (self->servers);
  g_free (self);
}
