/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "raw-peer.h"

#include <sys/socket.h>

struct _RawPeer
{
  GSocket *socket;
  GSource *source;
  GSocketAddress *server;
  gboolean stream;
  gboolean closed;
  char *local;
  guint16 port;
  GQueue packets;   /* of RawPacket */
  GHashTable *seen; /* the bytes of packets */
  GString *pending; /* bytes of a stream that are no whole message yet */
};

guint
raw_slowness (void)
{
  static guint slowness = 0;

  if (slowness == 0)
    {
      const char *wanted = g_getenv ("DFL_TEST_SLOWNESS");

      slowness = wanted != NULL ? (guint)MAX (g_ascii_strtoull (wanted, NULL, 10), 1) : 1;
#ifdef __SANITIZE_ADDRESS__
      slowness = MAX (slowness, 4);
#endif
    }
  return slowness;
}

RawTime
raw_now (void)
{
  RawTime now = { .at = g_get_monotonic_time () };
  g_autofree char *text = NULL;
  const char *waited = NULL;

  if (g_file_get_contents ("/proc/thread-self/schedstat", &text, NULL, NULL))
    waited = strchr (text, ' ');
  if (waited != NULL)
    now.lost = (gint64)(g_ascii_strtoull (waited, NULL, 10) / 1000);
  return now;
}

gint64
raw_elapsed (RawTime from, RawTime to)
{
  return to.at - from.at - (to.lost - from.lost);
}

static gboolean
on_timeout (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_CONTINUE;
}

void
raw_iterate (guint milliseconds)
{
  gboolean late = FALSE;
  guint id = g_timeout_add (milliseconds, on_timeout, &late);

  g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
}

void
raw_run_for (guint milliseconds)
{
  gboolean late = FALSE;
  guint id = g_timeout_add (milliseconds, on_timeout, &late);

  while (!late)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
}

void
raw_packet_free (RawPacket *self)
{
  g_free (self->bytes);
  g_free (self);
}

static void
raw_peer_keep (RawPeer *self, const char *bytes, gsize length)
{
  RawPacket *packet = g_new0 (RawPacket, 1);

  packet->bytes = g_malloc (length + 1);
  memcpy (packet->bytes, bytes, length);
  packet->bytes[length] = '\0';
  packet->length = length;
  packet->time = raw_now ();
  g_queue_push_tail (&self->packets, packet);
}

/* Cuts whole messages off the stream; RFC 3261 section 18.3 wants a Content-Length in each. */
static void
raw_peer_cut (RawPeer *self)
{
  for (;;)
    {
      const char *end = strstr (self->pending->str, "\r\n\r\n");
      const char *length;
      gsize whole;

      if (g_str_has_prefix (self->pending->str, "\r\n"))
        {
          /* A keep-alive's answer (RFC 5626 section 3.5.1), a packet of its own. */
          raw_peer_keep (self, "\r\n", 2);
          g_string_erase (self->pending, 0, 2);
          continue;
        }
      if (end == NULL)
        return;
      length = g_strstr_len (self->pending->str, end - self->pending->str + 2,
                             "\r\nContent-Length:");
      if (length == NULL)
        g_error ("a message on a stream without Content-Length: %s", self->pending->str);
      whole = (gsize)(end + 4 - self->pending->str)
              + g_ascii_strtoull (length + strlen ("\r\nContent-Length:"), NULL, 10);
      if (self->pending->len < whole)
        return;
      raw_peer_keep (self, self->pending->str, whole);
      g_string_erase (self->pending, 0, (gssize)whole);
    }
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  RawPeer *self = data;
  static char bytes[70000];

  for (;;)
    {
      g_autoptr (GError) error = NULL;
      gssize length = g_socket_receive (socket, bytes, sizeof bytes, NULL, &error);

      if (length > 0 || (length == 0 && !self->stream))
        {
          if (!self->stream)
            {
              raw_peer_keep (self, bytes, (gsize)length);
              continue;
            }
          g_string_append_len (self->pending, bytes, length);
          raw_peer_cut (self);
          continue;
        }
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return G_SOURCE_CONTINUE;
      if (!self->stream)
        continue; /* an ICMP error for something we sent; datagrams may follow */
      self->closed = TRUE;
      g_clear_pointer (&self->source, g_source_unref);
      return G_SOURCE_REMOVE;
    }
}

static void
raw_peer_listen (RawPeer *self)
{
  self->source = g_socket_create_source (self->socket, G_IO_IN, NULL);
  g_source_set_priority (self->source, G_PRIORITY_HIGH);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->source, NULL);
}

static void
raw_peer_ignore (RawPeer *self)
{
  if (self->source == NULL)
    return;
  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

static void
raw_peer_watch (RawPeer *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (self->socket, &error);
  GInetAddress *inet;
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  text = g_inet_address_to_string (inet);
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  self->local = g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV6
                    ? g_strdup_printf ("[%s]:%u", text, self->port)
                    : g_strdup_printf ("%s:%u", text, self->port);
  g_socket_set_blocking (self->socket, FALSE);
  raw_peer_listen (self);
}

static RawPeer *
raw_peer_new (const char *own, guint16 own_port, const char *server, guint16 port, gboolean stream)
{
  RawPeer *self = g_new0 (RawPeer, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (own, own_port);

  self->stream = stream;
  self->pending = g_string_new (NULL);
  self->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->server = g_inet_socket_address_new_from_string (server, port);
  self->socket = g_socket_new (g_socket_address_get_family (address),
                               stream ? G_SOCKET_TYPE_STREAM : G_SOCKET_TYPE_DATAGRAM,
                               G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  g_socket_bind (self->socket, address, FALSE, &error);
  g_assert_no_error (error);
  return self;
}

RawPeer *
raw_peer_new_udp_at (const char *own, guint16 own_port, const char *server, guint16 port)
{
  RawPeer *self = raw_peer_new (own, own_port, server, port, FALSE);

  g_socket_set_option (self->socket, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20, NULL);
  raw_peer_watch (self);
  return self;
}

RawPeer *
raw_peer_new_udp (const char *own, const char *server, guint16 port)
{
  return raw_peer_new_udp_at (own, 0, server, port);
}

RawPeer *
raw_peer_new_tcp (const char *own, const char *server, guint16 port)
{
  RawPeer *self = raw_peer_new (own, 0, server, port, TRUE);
  g_autoptr (GError) error = NULL;

  /* The kernel completes the connection for a listener that does not run yet. */
  g_socket_connect (self->socket, self->server, NULL, &error);
  g_assert_no_error (error);
  raw_peer_watch (self);
  return self;
}

GSocket *
raw_listen (const char *own)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (own, 0);
  GSocket *socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                                  G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  g_socket_bind (socket, address, FALSE, &error);
  g_assert_no_error (error);
  g_socket_listen (socket, &error);
  g_assert_no_error (error);
  g_socket_set_blocking (socket, FALSE);
  return socket;
}

RawPeer *
raw_peer_accept (GSocket *listener)
{
  RawPeer *self = g_new0 (RawPeer, 1);
  g_autoptr (GError) error = NULL;

  raw_wait_until (g_socket_condition_check (listener, G_IO_IN) != 0);
  self->stream = TRUE;
  self->pending = g_string_new (NULL);
  self->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->socket = g_socket_accept (listener, NULL, &error);
  g_assert_no_error (error);
  self->server = g_socket_get_remote_address (self->socket, &error);
  g_assert_no_error (error);
  raw_peer_watch (self);
  return self;
}

void
raw_peer_free (RawPeer *self)
{
  raw_peer_ignore (self);
  raw_peer_flush (self);
  g_socket_close (self->socket, NULL);
  g_object_unref (self->socket);
  g_object_unref (self->server);
  g_string_free (self->pending, TRUE);
  g_hash_table_unref (self->seen);
  g_free (self->local);
  g_free (self);
}

gboolean
raw_peer_is_stream (RawPeer *self)
{
  return self->stream;
}

const char *
raw_peer_get_local (RawPeer *self)
{
  return self->local;
}

guint16
raw_peer_get_port (RawPeer *self)
{
  return self->port;
}

void
raw_peer_send (RawPeer *self, const char *bytes, gsize length)
{
  while (length > 0)
    {
      g_autoptr (GError) error = NULL;
      gssize sent = self->stream ? g_socket_send (self->socket, bytes, length, NULL, &error)
                                 : g_socket_send_to (self->socket, self->server, bytes, length,
                                                     NULL, &error);

      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          raw_iterate (10);
          continue;
        }
      g_assert_no_error (error);
      bytes += sent;
      length -= (gsize)sent;
    }
}

void
raw_peer_send_text (RawPeer *self, const char *text)
{
  raw_peer_send (self, text, strlen (text));
}

void
raw_peer_try_send (RawPeer *self, const char *bytes, gsize length)
{
  if (self->stream)
    g_socket_send (self->socket, bytes, length, NULL, NULL);
  else
    g_socket_send_to (self->socket, self->server, bytes, length, NULL, NULL);
}

RawPacket *
raw_peer_peek_within (RawPeer *self, guint milliseconds)
{
  gint64 end = g_get_monotonic_time () + (gint64)milliseconds * 1000;

  while (g_queue_is_empty (&self->packets))
    {
      gint64 left = (end - g_get_monotonic_time () + 999) / 1000;

      if (left <= 0)
        return NULL;
      raw_iterate ((guint)left);
    }
  return g_queue_peek_head (&self->packets);
}

RawPacket *
raw_peer_receive_within (RawPeer *self, guint milliseconds)
{
  return raw_peer_peek_within (self, milliseconds) != NULL ? g_queue_pop_head (&self->packets)
                                                           : NULL;
}

RawPacket *
raw_peer_receive (RawPeer *self)
{
  RawPacket *packet = raw_peer_receive_within (self, 20000 * raw_slowness ());

  if (packet == NULL)
    g_error ("the peer at %s waited in vain for a packet", self->local);
  return packet;
}

guint
raw_peer_get_n_waiting (RawPeer *self)
{
  return g_queue_get_length (&self->packets);
}

void
raw_peer_assert_silent (RawPeer *self, guint milliseconds)
{
  g_autoptr (RawPacket) packet = raw_peer_receive_within (self, milliseconds);

  if (packet != NULL)
    g_error ("the peer at %s got what nobody should have sent: %s", self->local, packet->bytes);
}

gboolean
raw_peer_has_seen (RawPeer *self, RawPacket *packet)
{
  return g_hash_table_contains (self->seen, packet->bytes);
}

void
raw_peer_remember (RawPeer *self, RawPacket *packet)
{
  g_hash_table_add (self->seen, g_strdup (packet->bytes));
}

void
raw_peer_flush (RawPeer *self)
{
  g_queue_clear_full (&self->packets, (GDestroyNotify)raw_packet_free);
}

gboolean
raw_peer_is_closed (RawPeer *self)
{
  return self->closed;
}

void
raw_peer_set_deaf (RawPeer *self, gboolean deaf)
{
  g_socket_set_option (self->socket, SOL_SOCKET, SO_RCVBUF, deaf ? 4096 : 1 << 20, NULL);
  raw_peer_ignore (self);
  if (!deaf)
    raw_peer_listen (self);
}

void
raw_peer_hang_up (RawPeer *self, gboolean reset)
{
  if (reset)
    {
      struct linger linger = { .l_onoff = 1, .l_linger = 0 };

      setsockopt (g_socket_get_fd (self->socket), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
  raw_peer_ignore (self);
  g_socket_close (self->socket, NULL);
  self->closed = TRUE;
}
