/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "wire.h"

#include <stdlib.h>

struct _Wire
{
  Stage *stage;
  GSocket *socket;
  guint port;
  guint local_port;
  WireCaller caller; /* borrowed texts */
  char *id;
  char *to_tag; /* of the last final response, or "" */
  char *last;
  guint counts[700];
};

Wire *
wire_new_from (Stage *stage, guint port, const WireCaller *caller)
{
  Wire *self = g_new0 (Wire, 1);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) peer = g_inet_socket_address_new (loopback, (guint16)port);
  g_autoptr (GSocketAddress) local = NULL;
  g_autoptr (GError) error = NULL;

  self->stage = stage;
  self->caller = *caller;
  self->port = port;
  self->id = g_uuid_string_random ();
  self->to_tag = g_strdup ("");
  self->socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP,
                               &error);
  g_assert_no_error (error);
  g_socket_set_blocking (self->socket, FALSE);
  g_assert_true (g_socket_bind (self->socket, any, FALSE, NULL));
  g_assert_true (g_socket_connect (self->socket, peer, NULL, NULL));
  local = g_socket_get_local_address (self->socket, NULL);
  self->local_port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (local));
  return self;
}

Wire *
wire_new (Stage *stage, guint port)
{
  static const WireCaller carol = { "alice", "Carol Jensen", "carol", "Lunch?" };

  return wire_new_from (stage, port, &carol);
}

void
wire_free (Wire *self)
{
  g_object_unref (self->socket);
  g_free (self->id);
  g_free (self->to_tag);
  g_free (self->last);
  g_free (self);
}

const char *
wire_get_call_id (Wire *self)
{
  return self->id;
}

static void
send_request (Wire *self, const char *method)
{
  g_autofree char *text = g_strdup_printf ("%s sip:%s@127.0.0.1:%u SIP/2.0\r\n"
                                           "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK-%s\r\n"
                                           "From: \"%s\" <sip:%s@pbx.example>;tag=carol-1\r\n"
                                           "To: <sip:%s@deflect.example>%s%s\r\n"
                                           "Call-ID: %s\r\n"
                                           "CSeq: 1 %s\r\n"
                                           "Contact: <sip:%s@127.0.0.1:%u>\r\n"
                                           "Max-Forwards: 70\r\n"
                                           "Subject: %s\r\n"
                                           "Content-Length: 0\r\n\r\n",
                                           method, self->caller.called, self->port,
                                           self->local_port, self->id, self->caller.name,
                                           self->caller.number, self->caller.called,
                                           g_str_equal (method, "ACK") ? ";tag=" : "",
                                           g_str_equal (method, "ACK") ? self->to_tag : "",
                                           self->id, method, self->caller.number, self->local_port,
                                           self->caller.subject);

  /* Nobody listens while the daemon restarts: the error that comes back for that is no concern. */
  for (guint attempt = 0; attempt < 2; attempt++)
    if (g_socket_send (self->socket, text, strlen (text), NULL, NULL) >= 0)
      return;
}

void
wire_invite (Wire *self)
{
  send_request (self, "INVITE");
}

void
wire_cancel (Wire *self)
{
  send_request (self, "CANCEL");
}

void
wire_acknowledge (Wire *self)
{
  g_assert_cmpstr (self->to_tag, !=, "");
  send_request (self, "ACK");
}

/* Keeps what the ACK needs. */
static void
remember_tag (Wire *self)
{
  const char *to = strstr (self->last, "\nTo:");
  const char *tag = to != NULL ? strstr (to, ";tag=") : NULL;
  const char *end = to != NULL ? strchr (to + 1, '\r') : NULL;

  if (tag == NULL || end == NULL || tag > end)
    return;
  g_free (self->to_tag);
  self->to_tag = g_strndup (tag + 5, strcspn (tag + 5, ";\r"));
}

/* Reads one datagram if there is one. */
static guint
read_response (Wire *self)
{
  char buffer[65536];
  gssize length = g_socket_receive (self->socket, buffer, sizeof buffer - 1, NULL, NULL);
  guint status;

  if (length <= 0)
    return 0;
  buffer[length] = '\0';
  g_free (self->last);
  self->last = g_strdup (buffer);
  g_assert_true (g_str_has_prefix (self->last, "SIP/2.0 "));
  status = (guint)strtoul (self->last + 8, NULL, 10);
  g_assert_cmpuint (status, >=, 100);
  g_assert_cmpuint (status, <, 700);
  self->counts[status]++;
  if (status >= 300)
    remember_tag (self);
  return status;
}

static gboolean
is_response (Wire *self, guint status, const char *method)
{
  g_autofree char *sequence = g_strdup_printf (" 1 %s\r\n", method);

  while (TRUE)
    {
      guint got = read_response (self);

      if (got == 0)
        return FALSE;
      if (got == status && strstr (self->last, sequence) != NULL)
        return TRUE;
    }
}

const char *
wire_await_response (Wire *self, guint status, const char *method)
{
  AWAIT (self->stage, is_response (self, status, method));
  return self->last;
}

guint
wire_count_responses (Wire *self, guint status)
{
  while (read_response (self) != 0)
    ;
  return self->counts[status];
}
