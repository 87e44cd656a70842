/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "callers.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#define TIMER_B (64 * CALLERS_T1)

#define CALL_ID "loss-"

typedef struct
{
  guint number;
  gint64 next;  /* when to send the INVITE again, milliseconds since it was first sent; 0: not */
  gint64 began; /* milliseconds */
  gint64 interval;
  guint status; /* final, or 0 */
  gboolean cancelled;
} Caller;

struct _Callers
{
  GSocket *socket;
  guint via;
  char *to;
  Caller *calls;
  guint n_calls, n_begun, n_waiting;
};

gboolean
callers_cancels (guint number)
{
  return number % 40 == 3;
}

static gboolean
is_silent (guint number)
{
  return number % 50 == 7;
}

guint
callers_read_call_id (const char *id)
{
  g_assert_true (g_str_has_prefix (id, CALL_ID));
  return (guint)strtoul (id + strlen (CALL_ID), NULL, 10);
}

guint
callers_find_number (const char *message)
{
  const char *id = strstr (message, "\nCall-ID: ");

  g_assert_nonnull (id);
  return callers_read_call_id (id + strlen ("\nCall-ID: "));
}

static gint64
milliseconds (void)
{
  return g_get_monotonic_time () / 1000;
}

static void
send_request (Callers *self, const Caller *call, const char *method, const char *to_tag)
{
  g_autofree char *text = g_strdup_printf (
      "%s %s SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bK-a-call-over-loss-%u\r\n"
      "From: <sip:carol@pbx.example>;tag=carol-%u\r\n"
      "To: <sip:alice@deflect.example>%s%s\r\n"
      "Call-ID: " CALL_ID "%u\r\nCSeq: 1 %s\r\n"
      "Contact: <sip:carol@127.0.0.1>\r\n"
      "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
      method, self->to, self->via, call->number, call->number, *to_tag != '\0' ? ";tag=" : "",
      to_tag, call->number, method);

  /* An error came back for a datagram before; then this one is lost, too. */
  g_socket_send (self->socket, text, strlen (text), NULL, NULL);
}

static void
send_again (Callers *self, Caller *call)
{
  gint64 time = milliseconds () - call->began;

  if (call->next == 0 || time < call->next)
    return;
  if (time >= TIMER_B)
    {
      call->next = 0;
      self->n_waiting--;
      return;
    }
  send_request (self, call, "INVITE", "");
  call->interval *= 2;
  call->next = time + call->interval;
}

void
callers_begin (Callers *self)
{
  Caller *call = &self->calls[self->n_begun];

  g_assert_cmpuint (self->n_begun, <, self->n_calls);
  *call = (Caller){ .number = self->n_begun++, .began = milliseconds (), .interval = CALLERS_T1 };
  call->next = CALLERS_T1;
  self->n_waiting++;
  send_request (self, call, "INVITE", "");
}

static char *
find_tag (const char *message)
{
  const char *to = strstr (message, "\nTo:");
  const char *tag = to != NULL ? strstr (to, ";tag=") : NULL;

  return tag != NULL ? g_strndup (tag + 5, strcspn (tag + 5, ";\r")) : g_strdup ("");
}

static void
on_response (Callers *self, const char *message)
{
  guint status = (guint)strtoul (message + strlen ("SIP/2.0 "), NULL, 10);
  Caller *call = &self->calls[callers_find_number (message)];
  g_autofree char *tag = find_tag (message);

  if (strstr (message, "CSeq: 1 INVITE") == NULL)
    return;
  if (call->next != 0)
    {
      call->next = 0;
      if (status < 200 && callers_cancels (call->number) && !call->cancelled)
        {
          call->cancelled = TRUE;
          send_request (self, call, "CANCEL", "");
        }
    }
  if (status < 200)
    return;
  if (call->status == 0)
    self->n_waiting--;
  call->status = status;
  if (!is_silent (call->number))
    send_request (self, call, "ACK", tag);
}

static void
read_responses (Callers *self)
{
  char message[65536];
  gssize length;

  while ((length = g_socket_receive (self->socket, message, sizeof message - 1, NULL, NULL)) > 0)
    {
      message[length] = '\0';
      on_response (self, message);
    }
}

void
callers_step (Callers *self)
{
  read_responses (self);
  for (guint i = 0; i < self->n_begun; i++)
    send_again (self, &self->calls[i]);
}

guint
callers_count_begun (Callers *self)
{
  return self->n_begun;
}

guint
callers_count_waiting (Callers *self)
{
  return self->n_waiting;
}

static GSocket *
open_socket (guint port)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) peer = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr (GError) error = NULL;
  GSocket *self = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP,
                                &error);

  g_assert_no_error (error);
  g_socket_set_blocking (self, FALSE);
  g_assert_true (g_socket_bind (self, any, FALSE, NULL));
  g_assert_true (g_socket_connect (self, peer, NULL, NULL));
  return self;
}

Callers *
callers_new (guint n_calls, guint port, guint via, const char *to)
{
  Callers *self = g_new0 (Callers, 1);

  self->socket = open_socket (port);
  self->via = via;
  self->to = g_strdup (to);
  self->calls = g_new0 (Caller, n_calls);
  self->n_calls = n_calls;
  return self;
}

void
callers_free (Callers *self)
{
  g_object_unref (self->socket);
  g_free (self->to);
  g_free (self->calls);
  g_free (self);
}
