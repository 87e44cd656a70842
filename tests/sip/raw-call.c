/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "raw-call.h"

#include <string.h>

static const char sdp[] = "v=0\r\n"
                          "o=- 1 1 IN IP4 192.0.2.9\r\n"
                          "s=-\r\n"
                          "c=IN IP4 192.0.2.9\r\n"
                          "t=0 0\r\n"
                          "m=audio 49170 RTP/AVP 0\r\n";

/* --- Responses --- */

static gboolean
line_has_name (const char *line, const char *name)
{
  gsize length = strlen (name);

  return g_ascii_strncasecmp (line, name, length) == 0 && line[length] == ':';
}

const char *
raw_reply_get_nth (RawReply *self, const char *name, guint n)
{
  for (char **line = self->headers; *line != NULL; line++)
    {
      const char *value;

      if (!line_has_name (*line, name) || n-- > 0)
        continue;
      value = *line + strlen (name) + 1;
      while (*value == ' ')
        value++;
      return value;
    }
  return NULL;
}

const char *
raw_reply_get (RawReply *self, const char *name)
{
  if (raw_reply_get_nth (self, name, 1) != NULL)
    g_error ("more than one %s: %s", name, self->text);
  return raw_reply_get_nth (self, name, 0);
}

/* The value of a header parameter, or NULL. */
static char *
parameter (const char *value, const char *name)
{
  const char *end = strrchr (value, '>');
  g_auto (GStrv) parts = g_strsplit (end != NULL ? end : value, ";", -1);

  for (char **part = parts + 1; parts[0] != NULL && *part != NULL; part++)
    if (g_str_has_prefix (*part, name) && (*part)[strlen (name)] == '=')
      return g_strdup (*part + strlen (name) + 1);
  return NULL;
}

static void
check_lines (RawReply *self)
{
  static const char *const once[] = { "From", "To", "Call-ID", "CSeq", "Content-Length" };

  for (char **line = self->headers; *line != NULL; line++)
    {
      gsize name = strspn (*line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

      if (name == 0 || (*line)[name] != ':' || strpbrk (*line, "\r\n") != NULL)
        g_error ("a malformed line \"%s\" in: %s", *line, self->text);
    }
  for (guint i = 0; i < G_N_ELEMENTS (once); i++)
    if (raw_reply_get (self, once[i]) == NULL)
      g_error ("no %s in: %s", once[i], self->text);
  g_assert_nonnull (raw_reply_get_nth (self, "Via", 0));
}

RawReply *
raw_reply_new (RawPacket *packet)
{
  RawReply *self = g_new0 (RawReply, 1);
  g_autofree char *head = NULL;
  g_auto (GStrv) lines = NULL;
  const char *end;

  self->time = packet->time;
  self->text = g_steal_pointer (&packet->bytes);
  g_assert_cmpuint (strlen (self->text), ==, packet->length);
  end = strstr (self->text, "\r\n\r\n");
  if (end == NULL || !g_str_has_prefix (self->text, "SIP/2.0 ") || !g_ascii_isdigit (self->text[8])
      || !g_ascii_isdigit (self->text[9]) || !g_ascii_isdigit (self->text[10])
      || self->text[11] != ' ')
    g_error ("not a response: %s", self->text);
  self->status = (guint)g_ascii_strtoull (self->text + 8, NULL, 10);
  head = g_strndup (self->text, (gsize)(end - self->text));
  lines = g_strsplit (head, "\r\n", -1);
  self->phrase = g_strdup (lines[0] + 12);
  self->headers = g_strdupv (lines + 1);
  check_lines (self);
  g_assert_cmpuint (g_ascii_strtoull (raw_reply_get (self, "Content-Length"), NULL, 10), ==,
                    strlen (end + 4));
  self->tag = parameter (raw_reply_get (self, "To"), "tag");
  raw_packet_free (packet);
  return self;
}

void
raw_reply_free (RawReply *self)
{
  g_free (self->text);
  g_free (self->phrase);
  g_strfreev (self->headers);
  g_free (self->tag);
  g_free (self);
}

/* --- Requests --- */

void
raw_set (char **field, const char *format, ...)
{
  char *before = *field; /* which may be among the arguments */
  va_list arguments;

  va_start (arguments, format);
  *field = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_free (before);
}

char *
raw_branch (void)
{
  static guint n = 0;

  return g_strdup_printf ("z9hG4bK%08x.%u", g_random_int (), ++n);
}

void
raw_call_renew_branch (RawCall *self)
{
  g_autofree char *branch = raw_branch ();

  raw_set (&self->via, "SIP/2.0/%s %s;rport;branch=%s",
           raw_peer_is_stream (self->peer) ? "TCP" : "UDP", raw_peer_get_local (self->peer),
           branch);
}

RawCall *
raw_call_new (RawPeer *peer, const char *user)
{
  RawCall *self = g_new0 (RawCall, 1);

  self->peer = peer;
  self->cseq = 1;
  raw_call_renew_branch (self);
  raw_set (&self->request_uri, "sip:%s@192.0.2.1", user);
  raw_set (&self->max_forwards, "70");
  raw_set (&self->from, "\"Bob\" <sip:bob@example.com>;tag=%08x", g_random_int ());
  raw_set (&self->to, "<sip:%s@example.org>", user);
  raw_set (&self->call_id, "%08x%08x@caller.example", g_random_int (), g_random_int ());
  raw_set (&self->contact, "<sip:bob@%s>", raw_peer_get_local (peer));
  raw_set (&self->content_type, "application/sdp");
  raw_set (&self->body, "%s", sdp);
  return self;
}

void
raw_call_free (RawCall *self)
{
  g_free (self->request_uri);
  g_free (self->via);
  g_free (self->further_via);
  g_free (self->max_forwards);
  g_free (self->from);
  g_free (self->to);
  g_free (self->call_id);
  g_free (self->contact);
  g_free (self->content_type);
  g_free (self->content_length);
  g_free (self->body);
  g_free (self->extra);
  g_free (self->to_tag);
  g_free (self);
}

static void
append_line (GString *text, const char *name, const char *value)
{
  if (value != NULL)
    g_string_append_printf (text, "%s: %s\r\n", name, value);
}

char *
raw_call_format (RawCall *self, const char *method, const char *to_tag, const char *extra)
{
  GString *text = g_string_new (NULL);
  gboolean invite = g_str_equal (method, "INVITE");
  const char *body = invite && self->body != NULL ? self->body : "";

  g_string_append_printf (text, "%s %s SIP/2.0\r\n", method, self->request_uri);
  append_line (text, "Via", self->via);
  g_string_append (text, self->further_via != NULL ? self->further_via : "");
  append_line (text, "Max-Forwards", self->max_forwards);
  append_line (text, "From", self->from);
  if (self->to != NULL && to_tag != NULL)
    g_string_append_printf (text, "To: %s;tag=%s\r\n", self->to, to_tag);
  else
    append_line (text, "To", self->to);
  append_line (text, "Call-ID", self->call_id);
  g_string_append_printf (text, "CSeq: %u %s\r\n", self->cseq, method);
  g_string_append (text, extra != NULL ? extra : "");
  if (invite)
    {
      append_line (text, "Contact", self->contact);
      g_string_append (text, extra == NULL && self->extra != NULL ? self->extra : "");
      if (self->body != NULL)
        append_line (text, "Content-Type", self->content_type);
    }
  if (invite && self->content_length != NULL)
    append_line (text, "Content-Length", self->content_length);
  else
    g_string_append_printf (text, "Content-Length: %" G_GSIZE_FORMAT "\r\n", strlen (body));
  g_string_append_printf (text, "\r\n%s", body);
  return g_string_free (text, FALSE);
}

static void
raw_call_send (RawCall *self, const char *method, const char *to_tag, const char *extra)
{
  g_autofree char *text = raw_call_format (self, method, to_tag, extra);

  raw_peer_send_text (self->peer, text);
}

void
raw_call_invite (RawCall *self)
{
  raw_call_send (self, "INVITE", NULL, NULL);
}

void
raw_call_cancel (RawCall *self, const char *extra)
{
  raw_call_send (self, "CANCEL", NULL, extra);
}

void
raw_call_ack (RawCall *self)
{
  raw_call_send (self, "ACK", self->to_tag, NULL);
}

static void
check_top_via (RawCall *self, RawReply *reply)
{
  const char *via = raw_reply_get_nth (reply, "Via", 0);
  const char *sent_parameters = strchr (self->via, ';');
  g_autofree char *sent_by = g_strndup (self->via, (gsize)(sent_parameters - self->via));
  g_autofree char *branch = parameter (self->via, "branch");
  g_autofree char *got_branch = parameter (via, "branch");

  if (!g_str_has_prefix (via, sent_by) || (via[strlen (sent_by)] != ';'))
    g_error ("Via is not \"%s\" in: %s", self->via, reply->text);
  g_assert_cmpstr (got_branch, ==, branch);
  if (strstr (self->via, ";rport") != NULL)
    {
      g_autofree char *rport = parameter (via, "rport");
      g_autofree char *received = parameter (via, "received");
      g_autofree char *port = g_strdup_printf ("%u", raw_peer_get_port (self->peer));

      g_assert_cmpstr (rport, ==, port);
      /* RFC 3581 section 4 wants it always; section 18.2.1 of RFC 3261, which is what responses
       * are routed by, where sent-by is another address. */
      if (received != NULL)
        g_assert_nonnull (strstr (raw_peer_get_local (self->peer), received));
      else
        g_assert_nonnull (strstr (sent_by, raw_peer_get_local (self->peer)));
    }
}

static void
check_further_via (RawCall *self, RawReply *reply)
{
  g_auto (GStrv) lines = g_strsplit (self->further_via != NULL ? self->further_via : "", "\r\n",
                                     -1);
  guint n = 1;

  for (char **line = lines; *line != NULL && **line != '\0'; line++, n++)
    g_assert_cmpstr (raw_reply_get_nth (reply, "Via", n), ==, *line + strlen ("Via: "));
  g_assert_null (raw_reply_get_nth (reply, "Via", n));
}

static void
check_to (RawCall *self, RawReply *reply)
{
  if (!self->free_form)
    {
      const char *to = raw_reply_get (reply, "To");

      g_assert_true (g_str_has_prefix (to, self->to));
      g_assert_true (to[strlen (self->to)] == '\0' || to[strlen (self->to)] == ';');
      g_assert_cmpstr (raw_reply_get (reply, "From"), ==, self->from);
    }
  if (reply->status > 100 && reply->tag == NULL)
    g_error ("no To-tag in: %s", reply->text);
  if (reply->tag == NULL)
    return;
  if (self->to_tag == NULL)
    self->to_tag = g_strdup (reply->tag);
  g_assert_cmpstr (reply->tag, ==, self->to_tag);
}

static RawReply *
raw_call_check (RawCall *self, RawPacket *packet, const char *method, guint status)
{
  g_autoptr (RawReply) reply = raw_reply_new (packet);
  g_autofree char *cseq = g_strdup_printf ("%u %s", self->cseq, method);

  if (reply->status != status || g_strcmp0 (raw_reply_get (reply, "CSeq"), cseq) != 0)
    g_error ("wanted %u for %s, got: %s", status, cseq, reply->text);
  g_assert_cmpstr (raw_reply_get (reply, "Call-ID"), ==, self->call_id);
  check_top_via (self, reply);
  check_further_via (self, reply);
  check_to (self, reply);
  return g_steal_pointer (&reply);
}

RawReply *
raw_call_receive (RawCall *self, const char *method, guint status)
{
  g_autofree char *wanted = g_strdup_printf ("SIP/2.0 %u ", status);
  RawPacket *packet = raw_peer_receive (self->peer);

  /* On a busy machine a retransmission may cross the ACK that should have ended them. */
  while (!g_str_has_prefix (packet->bytes, wanted) && raw_peer_has_seen (self->peer, packet))
    {
      raw_packet_free (packet);
      packet = raw_peer_receive (self->peer);
    }
  raw_peer_remember (self->peer, packet);
  return raw_call_check (self, packet, method, status);
}

void
raw_call_expect (RawCall *self, const char *method, guint status)
{
  raw_reply_free (raw_call_receive (self, method, status));
}

void
raw_call_skip_trying (RawCall *self)
{
  RawPacket *again = raw_peer_peek_within (self->peer, 60);

  if (again != NULL && g_str_has_prefix (again->bytes, "SIP/2.0 100 "))
    raw_call_expect (self, "INVITE", 100);
}

void
raw_call_expect_trying (RawCall *self)
{
  raw_call_expect (self, "INVITE", 100);
  raw_call_skip_trying (self);
}

void
raw_call_expect_ringing (RawCall *self)
{
  raw_call_expect (self, "INVITE", 100);
  if (raw_peer_peek_within (self->peer, 5000 * raw_slowness ()) != NULL)
    raw_call_skip_trying (self);
  raw_call_expect (self, "INVITE", 180);
}

void
raw_call_expect_cancelled (RawCall *self)
{
  RawPacket *first = raw_peer_receive (self->peer);

  if (strstr (first->bytes, " INVITE\r\n") != NULL)
    {
      raw_reply_free (raw_call_check (self, first, "INVITE", 487));
      raw_call_expect (self, "CANCEL", 200);
      return;
    }
  raw_reply_free (raw_call_check (self, first, "CANCEL", 200));
  raw_call_expect (self, "INVITE", 487);
}

void
raw_peer_assert_alive (RawPeer *peer)
{
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  g_autofree char *options = raw_call_format (call, "OPTIONS", NULL, NULL);

  raw_peer_send_text (peer, options);
  raw_call_expect (call, "OPTIONS", 200);
}
