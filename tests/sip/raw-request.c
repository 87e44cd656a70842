/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "raw-request.h"

#include <string.h>

const char *
raw_request_get_nth (RawRequest *self, const char *name, guint n)
{
  gsize length = strlen (name);

  for (char **line = self->headers; *line != NULL; line++)
    if (g_ascii_strncasecmp (*line, name, length) == 0 && (*line)[length] == ':' && n-- == 0)
      return *line + length + 1 + strspn (*line + length + 1, " ");
  return NULL;
}

const char *
raw_request_get (RawRequest *self, const char *name)
{
  if (raw_request_get_nth (self, name, 1) != NULL)
    g_error ("more than one %s: %s", name, self->text);
  return raw_request_get_nth (self, name, 0);
}

guint
raw_request_get_cseq (RawRequest *self)
{
  return (guint)g_ascii_strtoull (raw_request_get (self, "CSeq"), NULL, 10);
}

RawRequest *
raw_request_new (RawPacket *packet)
{
  static const char *const once[] = { "Via",          "From",          "To", "Call-ID", "CSeq",
                                      "Max-Forwards", "Content-Length" };
  RawRequest *self = g_new0 (RawRequest, 1);
  char *end = strstr (packet->bytes, "\r\n\r\n");
  g_autofree char *head = NULL;
  g_auto (GStrv) first = NULL;

  g_assert_nonnull (end);
  g_assert_cmpuint (packet->length, ==, (gsize)(end - packet->bytes) + 4);
  self->text = g_strdup (packet->bytes);
  self->time = packet->time;
  head = g_strndup (packet->bytes, (gsize)(end - packet->bytes));
  self->headers = g_strsplit (head, "\r\n", -1);
  first = g_strsplit (self->headers[0], " ", -1);
  g_assert_cmpuint (g_strv_length (first), ==, 3);
  g_assert_cmpstr (first[2], ==, "SIP/2.0");
  self->method = g_strdup (first[0]);
  self->uri = g_strdup (first[1]);

  for (guint i = 0; i < G_N_ELEMENTS (once); i++)
    if (raw_request_get (self, once[i]) == NULL)
      g_error ("no %s in: %s", once[i], self->text);
  g_assert_cmpstr (raw_request_get (self, "Max-Forwards"), ==, "70");
  g_assert_cmpstr (raw_request_get (self, "Content-Length"), ==, "0");
  g_assert_cmpstr (raw_request_get (self, "User-Agent"), ==, "deflectd");
  g_assert_nonnull (strstr (raw_request_get (self, "Via"), ";branch=z9hG4bK"));
  g_assert_nonnull (strstr (raw_request_get (self, "Via"), ";rport"));
  raw_packet_free (packet);
  return self;
}

void
raw_request_free (RawRequest *self)
{
  g_free (self->text);
  g_free (self->method);
  g_free (self->uri);
  g_strfreev (self->headers);
  g_free (self);
}

char *
raw_request_format_answer (RawRequest *self, const char *status, const char *via, const char *extra)
{
  g_autoptr (GString) marked = g_string_new (raw_request_get (self, "Via"));
  g_autofree char *rport = g_strdup_printf (";rport%s", via != NULL ? via : "");

  g_string_replace (marked, ";rport", rport, 1);
  return g_strdup_printf ("SIP/2.0 %s\r\n"
                          "Via: %s\r\n"
                          "From: %s\r\n"
                          "To: %s;tag=registrar\r\n"
                          "Call-ID: %s\r\n"
                          "CSeq: %s\r\n"
                          "%s"
                          "Content-Length: 0\r\n"
                          "\r\n",
                          status, marked->str, raw_request_get (self, "From"),
                          raw_request_get (self, "To"), raw_request_get (self, "Call-ID"),
                          raw_request_get (self, "CSeq"), extra != NULL ? extra : "");
}

void
raw_request_answer (RawRequest *self, RawPeer *peer, const char *status, const char *extra)
{
  g_autofree char *text = raw_request_format_answer (self, status, NULL, extra);

  raw_peer_send_text (peer, text);
}

RawRequest *
raw_request_receive (RawPeer *peer, const char *method)
{
  RawRequest *self = raw_request_new (raw_peer_receive (peer));

  g_assert_cmpstr (self->method, ==, method);
  return self;
}
