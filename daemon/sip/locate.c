/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/locate.h"

#include <string.h>

#include "core/error.h"
#include "sip/records.h"

#define MAX_HOPS 16
#define MAX_TARGETS 8   /* each has a share of the hops */
#define TIME_LIMIT 8000 /* milliseconds */
#define PATIENCE 2500   /* milliseconds for each kind of record */

/* One question of a step, or what needs none. */
typedef struct
{
  DflLocate *locate;
  DflQuestion *question; /* NULL when answered */
  DflTransport transport;
  char *name;
  guint16 port;       /* of an address; 0: the default */
  gboolean direct;    /* in the step for SRV records: the name of a host already */
  gboolean missing;   /* there is no such name */
  GPtrArray *records; /* NULL without an answer */
} Item;

/* Each step asks for its items, and makes those of the next one from the answers. */
struct _DflLocate
{
  DflResolver *resolver;
  char *host;
  guint16 port;
  DflTransport wish;
  DflLocateFunc func;
  gpointer data;

  GPtrArray *items;
  guint n_open;
  gboolean unanswered; /* the DNS did not answer something */
  void (*next) (DflLocate *self);
  GPtrArray *hops;
  GSource *patience, *limit;
};

/* --- Hops --- */

static gboolean
same_hop (const DflHop *a, const DflHop *b)
{
  return a->transport == b->transport
         && g_inet_socket_address_get_port (a->address)
                == g_inet_socket_address_get_port (b->address)
         && g_inet_address_equal (g_inet_socket_address_get_address (a->address),
                                  g_inet_socket_address_get_address (b->address));
}

/* Unless it is one of them already. */
static gboolean
add_hop (GPtrArray *hops, DflTransport transport, GInetAddress *address, guint16 port)
{
  g_autoptr (GSocketAddress) place = NULL;
  DflHop *hop;

  if (port == 0)
    port = transport == DFL_TRANSPORT_TLS ? 5061 : 5060;
  place = g_inet_socket_address_new (address, port);
  hop = dfl_hop_new (transport, G_INET_SOCKET_ADDRESS (place));
  for (guint i = 0; i < hops->len; i++)
    if (same_hop (g_ptr_array_index (hops, i), hop))
      {
        dfl_hop_free (hop);
        return FALSE;
      }
  g_ptr_array_add (hops, hop);
  return TRUE;
}

/* --- Items --- */

static void
item_free (gpointer data)
{
  Item *self = data;

  if (self->question != NULL)
    dfl_resolver_cancel (self->question);
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_free (self->name);
  g_free (self);
}

static GPtrArray *
new_items (void)
{
  return g_ptr_array_new_with_free_func (item_free);
}

static Item *
add_item (GPtrArray *items, DflTransport transport, const char *name, guint16 port)
{
  Item *item = g_new0 (Item, 1);

  item->transport = transport;
  item->name = g_strdup (name);
  item->port = port;
  g_ptr_array_add (items, item);
  return item;
}

/* --- The end --- */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
add_source (GSource **place, GSource *source, GSourceFunc func, DflLocate *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  *place = source;
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, context);
}

void
dfl_locate_cancel (DflLocate *self)
{
  clear_source (&self->patience);
  clear_source (&self->limit);
  g_ptr_array_unref (self->items);
  g_ptr_array_unref (self->hops);
  g_free (self->host);
  g_free (self);
}

static void
finish (DflLocate *self, const char *format, const char *name)
{
  g_autoptr (GPtrArray) hops = g_ptr_array_ref (self->hops);
  g_autoptr (GError) error = NULL;
  DflLocateFunc func = self->func;
  gpointer data = self->data;

  if (hops->len == 0)
    g_set_error (&error, DFL_ERROR, DFL_ERROR_LINE_DOWN, format, name);
  dfl_locate_cancel (self);
  func (error == NULL ? hops : NULL, error, data);
}

static gboolean
on_numeric (gpointer data)
{
  finish (data, "%s is no address", "");
  return G_SOURCE_REMOVE;
}

/* --- Steps --- */

static void
end_step (DflLocate *self)
{
  clear_source (&self->patience);
  for (guint i = 0; i < self->items->len; i++)
    {
      Item *item = g_ptr_array_index (self->items, i);

      if (item->question != NULL)
        self->unanswered = TRUE;
      g_clear_pointer (&item->question, dfl_resolver_cancel);
    }
  self->next (self);
}

static gboolean
on_impatient (gpointer data)
{
  end_step (data);
  return G_SOURCE_REMOVE;
}

static void
on_answer (GPtrArray *records, const GError *error, gpointer data)
{
  Item *item = data;
  DflLocate *self = item->locate;

  item->question = NULL;
  if (records != NULL)
    item->records = g_ptr_array_ref (records);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      finish (self, "no DNS answer for %s", self->host);
      return;
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    item->missing = TRUE;
  else
    self->unanswered = TRUE;
  if (--self->n_open == 0)
    end_step (self);
}

/* Takes the items over, asks for each that wants it, and then goes on with next. */
static void
begin_step (DflLocate *self,
            GPtrArray *items,
            DflQuestion *(*ask) (DflResolver *, const char *, DflResolverFunc, gpointer),
            void (*next) (DflLocate *self))
{
  g_ptr_array_unref (self->items);
  self->items = items;
  self->n_open = 0;
  self->next = next;
  for (guint i = 0; i < items->len; i++)
    {
      Item *item = g_ptr_array_index (items, i);

      item->locate = self;
      if (item->direct)
        continue;
      self->n_open++;
      item->question = ask (self->resolver, item->name, on_answer, item);
    }
  if (self->n_open == 0)
    end_step (self);
  else if (ask != dfl_resolver_ask_addresses)
    add_source (&self->patience, g_timeout_source_new (PATIENCE), on_impatient, self);
}

/* --- Addresses --- */

/* Why there is no hop, said of the first host that we were led to. */
static void
finish_without (DflLocate *self)
{
  gboolean missing = TRUE;
  Item *first = g_ptr_array_index (self->items, 0);

  for (guint i = 0; i < self->items->len; i++)
    missing = missing && ((Item *)g_ptr_array_index (self->items, i))->missing;
  if (self->unanswered)
    finish (self, "no DNS answer for %s", first->name);
  else
    finish (self, missing ? "%s does not exist" : "%s has no address", first->name);
}

static void
take_addresses (DflLocate *self)
{
  guint share = MAX_HOPS / self->items->len;

  for (guint i = 0; i < self->items->len; i++)
    {
      Item *item = g_ptr_array_index (self->items, i);
      guint n = 0;

      for (guint j = 0; item->records != NULL && j < item->records->len && n < share; j++)
        n += add_hop (self->hops, item->transport, g_ptr_array_index (item->records, j),
                      item->port);
    }
  if (self->hops->len > 0)
    finish (self, "", "");
  else
    finish_without (self);
}

/* The time is over: there may be hops enough. */
static gboolean
on_limit (gpointer data)
{
  DflLocate *self = data;

  self->unanswered = TRUE;
  if (self->next == take_addresses)
    take_addresses (self);
  else
    finish (self, "no DNS answer for %s", self->host);
  return G_SOURCE_REMOVE;
}

static void
ask_addresses (DflLocate *self, GPtrArray *items)
{
  begin_step (self, items, dfl_resolver_ask_addresses, take_addresses);
}

/* --- SRV --- */

static void
add_targets (GPtrArray *items, DflTransport transport, GPtrArray *records)
{
  g_autoptr (GPtrArray) drawn = dfl_records_draw_srv (records);

  for (guint i = 0; i < drawn->len && items->len < MAX_TARGETS; i++)
    {
      DflSrv *record = g_ptr_array_index (drawn, i);

      add_item (items, transport, record->target, record->port);
    }
}

static const char *
name_transport (DflTransport transport)
{
  return transport == DFL_TRANSPORT_TLS ? "tls" : transport == DFL_TRANSPORT_TCP ? "tcp" : "udp";
}

static void
take_srv (DflLocate *self)
{
  g_autoptr (GPtrArray) items = new_items ();
  Item *first = g_ptr_array_index (self->items, 0);
  gboolean refused = FALSE;

  for (guint i = 0; i < self->items->len; i++)
    {
      Item *item = g_ptr_array_index (self->items, i);

      if (item->direct)
        add_item (items, item->transport, item->name, 0);
      else if (item->records != NULL && item->records->len > 0)
        {
          refused = refused || item == first;
          add_targets (items, item->transport, item->records);
        }
    }
  if (items->len > 0)
    ask_addresses (self, g_steal_pointer (&items));
  else if (refused)
    {
      g_autofree char *offer = g_strdup_printf ("%s offers no SIP over %s", self->host,
                                                name_transport (first->transport));

      finish (self, "the DNS says that %s", offer);
    }
  else
    {
      add_item (items, first->transport, self->host, 0);
      ask_addresses (self, g_steal_pointer (&items));
    }
}

static void
add_service (GPtrArray *items, DflTransport transport, const char *domain)
{
  static const char *const prefixes[] = { [DFL_TRANSPORT_UDP] = "_sip._udp.",
                                          [DFL_TRANSPORT_TCP] = "_sip._tcp.",
                                          [DFL_TRANSPORT_TLS] = "_sips._tcp." };
  g_autofree char *name = g_strconcat (prefixes[transport], domain, NULL);

  add_item (items, transport, name, 0);
}

static void
ask_srv (DflLocate *self, GPtrArray *items)
{
  begin_step (self, items, dfl_resolver_ask_srv, take_srv);
}

static GPtrArray *
list_services (DflLocate *self)
{
  GPtrArray *items = new_items ();

  if (self->wish != DFL_TRANSPORT_AUTO)
    {
      add_service (items, self->wish, self->host);
      return items;
    }
  add_service (items, DFL_TRANSPORT_UDP, self->host);
  add_service (items, DFL_TRANSPORT_TCP, self->host);
  add_service (items, DFL_TRANSPORT_TLS, self->host);
  return items;
}

/* --- NAPTR --- */

/* AUTO for one that is of no use. */
static DflTransport
get_transport (const DflNaptr *record)
{
  static const struct
  {
    const char *service;
    DflTransport transport;
  } services[] = { { "SIP+D2U", DFL_TRANSPORT_UDP },
                   { "SIP+D2T", DFL_TRANSPORT_TCP },
                   { "SIPS+D2T", DFL_TRANSPORT_TLS } };

  if ((!g_str_equal (record->flags, "s") && !g_str_equal (record->flags, "a"))
      || record->replacement[0] == '\0')
    return DFL_TRANSPORT_AUTO;
  for (guint i = 0; i < G_N_ELEMENTS (services); i++)
    if (g_str_equal (record->service, services[i].service))
      return services[i].transport;
  return DFL_TRANSPORT_AUTO;
}

static void
take_naptr (DflLocate *self)
{
  Item *item = g_ptr_array_index (self->items, 0);
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  g_autoptr (GPtrArray) items = new_items ();
  guint order = 0;

  for (guint i = 0; item->records != NULL && i < item->records->len; i++)
    if (get_transport (g_ptr_array_index (item->records, i)) != DFL_TRANSPORT_AUTO)
      g_ptr_array_add (sorted, g_ptr_array_index (item->records, i));
  dfl_records_sort_naptr (sorted);
  for (guint i = 0; i < sorted->len && items->len < MAX_TARGETS; i++)
    {
      DflNaptr *record = g_ptr_array_index (sorted, i);

      if (items->len > 0 && record->order != order)
        break;
      order = record->order;
      add_item (items, get_transport (record), record->replacement, 0)->direct = record->flags[0]
                                                                                 == 'a';
    }
  ask_srv (self, items->len > 0 ? g_steal_pointer (&items) : list_services (self));
}

/* --- The beginning --- */

/* Splits HOST, HOST:PORT, [IPv6] or [IPv6]:PORT; returns the address where HOST is numeric. */
static GInetAddress *
read_server (DflLocate *self, const char *server)
{
  gboolean bracket = server[0] == '[';
  const char *end = bracket ? strchr (server, ']') : NULL;
  const char *colon = strrchr (end != NULL ? end : server, ':');
  guint64 port = 0;

  if (g_hostname_is_ip_address (server))
    colon = NULL;
  if (colon != NULL && g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL))
    self->port = (guint16)port;
  if (end != NULL)
    self->host = g_strndup (server + 1, (gsize)(end - server - 1));
  else
    self->host = g_strndup (server, colon != NULL ? (gsize)(colon - server) : strlen (server));
  return g_inet_address_new_from_string (self->host);
}

DflLocate *
dfl_locate_new (
    DflResolver *resolver, const char *server, DflTransport wish, DflLocateFunc func, gpointer data)
{
  DflLocate *self = g_new0 (DflLocate, 1);
  g_autoptr (GInetAddress) address = read_server (self, server);
  DflTransport transport = wish == DFL_TRANSPORT_AUTO ? DFL_TRANSPORT_UDP : wish;

  self->resolver = resolver;
  self->wish = wish;
  self->func = func;
  self->data = data;
  self->items = new_items ();
  self->hops = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_hop_free);
  if (address != NULL)
    {
      add_hop (self->hops, transport, address, self->port);
      add_source (&self->limit, g_idle_source_new (), on_numeric, self);
      return self;
    }
  add_source (&self->limit, g_timeout_source_new (TIME_LIMIT), on_limit, self);
  if (self->port != 0)
    {
      GPtrArray *items = new_items ();

      add_item (items, transport, self->host, self->port);
      ask_addresses (self, items);
    }
  else if (wish == DFL_TRANSPORT_AUTO)
    {
      GPtrArray *items = new_items ();

      add_item (items, DFL_TRANSPORT_AUTO, self->host, 0);
      begin_step (self, items, dfl_resolver_ask_naptr, take_naptr);
    }
  else
    ask_srv (self, list_services (self));
  return self;
}
