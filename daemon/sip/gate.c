/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/gate.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/su_string.h>

#include "sip/guard.h"

#define MAGIC_COOKIE "z9hG4bK"

/* The library reads that many characters behind the cookie without looking for the end. */
#define MIN_BRANCH_REST 8

/* The library appends each header, and each item of some, to a list by walking along it: of 20,000
 * that fit into a datagram it would make a second of work. */
#define MAX_PARTS 1024

struct _DflGate
{
  /* The message class has no place for a pointer of ours, but its name may stand in this struct:
   * so the gate is found from a message. */
  char name[16];
  DflSources *sources;
  DflGateListener listener;
  gsize max_message;
  msg_mclass_t *class;
  /* msg_hclass_t is constant */
  struct msg_hclass_s request_class, status_class, from_class, to_class;
  issize_t (*extract_body) (msg_t *msg, msg_pub_t *public, char text[], isize_t length, int end);
};

static DflGate *
gate_of (const msg_t *msg)
{
  return (DflGate *)(gpointer)(msg_mclass (msg)->mc_name - G_STRUCT_OFFSET (DflGate, name));
}

static gboolean
is_stream (msg_t *msg)
{
  return msg_addrinfo (msg)->ai_socktype == SOCK_STREAM;
}

DflSource
dfl_gate_source_of (msg_t *msg)
{
  return (DflSource){ .address = &msg_addr (msg)->su_sa, .stream = is_stream (msg) };
}

/* Labels of letters, digits and hyphens, not at an end, with dots between. Underscores are no part
 * of the grammar and of many host names. */
static gboolean
is_name (const char *host)
{
  const char *label = host;

  for (const char *at = host;; at++)
    {
      if (g_ascii_isalnum (*at) || *at == '_' || (*at == '-' && at > label))
        continue;
      if ((*at != '.' && *at != '\0') || at == label || at[-1] == '-')
        return FALSE;
      if (*at == '\0' || at[1] == '\0')
        return !g_ascii_isdigit (*label);
      label = at + 1;
    }
}

/* A name, an IPv4 address, or an [IPv6] address. */
static gboolean
is_plain_host (const char *host)
{
  gsize length = strlen (host);
  struct in6_addr ignored;

  if (length == 0 || length > 255)
    return FALSE;
  if (host[0] == '[')
    {
      char address[INET6_ADDRSTRLEN];

      if (length < 4 || length - 2 >= sizeof address || host[length - 1] != ']')
        return FALSE;
      memcpy (address, host + 1, length - 2);
      address[length - 2] = '\0';
      return inet_pton (AF_INET6, address, &ignored) == 1;
    }
  return inet_pton (AF_INET, host, &ignored) == 1 || is_name (host);
}

static gboolean
is_plain_port (const char *port)
{
  guint64 ignored;

  return port == NULL || g_ascii_string_to_unsigned (port, 10, 1, G_MAXUINT16, &ignored, NULL);
}

static gboolean
has_name (const char *parameter, const char *name)
{
  gsize length = strlen (name);

  return g_ascii_strncasecmp (parameter, name, length) == 0
         && (parameter[length] == '\0' || parameter[length] == '=');
}

/*
 * Whether the response can be sent by this Via without leaving the source of the request: a maddr
 * would send it anywhere, and the port 0 nowhere. Parameters that decide about the way must not
 * come twice, because nobody could say which of the two the stack reads.
 */
static gboolean
via_is_good (const sip_via_t *via)
{
  guint branches = 0, received = 0, rports = 0;

  if (via->v_host == NULL || !is_plain_host (via->v_host) || !is_plain_port (via->v_port))
    return FALSE;

  for (guint i = 0; via->v_params != NULL && via->v_params[i] != NULL; i++)
    {
      const char *parameter = via->v_params[i];

      if (has_name (parameter, "maddr"))
        return FALSE;
      branches += has_name (parameter, "branch");
      received += has_name (parameter, "received");
      rports += has_name (parameter, "rport");
    }

  return branches == 1 && received <= 1 && rports <= 1 && via->v_branch != NULL
         && su_casenmatch (via->v_branch, MAGIC_COOKIE, strlen (MAGIC_COOKIE))
         && strlen (via->v_branch) >= strlen (MAGIC_COOKIE) + MIN_BRANCH_REST;
}

/*
 * Whether a header that decides about transactions came twice, or in a form that nobody can read.
 * The library puts such a one aside and goes on with another, which may not be the one that the
 * sender means; of two Vias the one below is not even the sender's.
 */
static gboolean
is_ambiguous (const sip_t *sip)
{
  static const char *const names[] = { "Via", "From", "To", "Call-ID", "CSeq" };

  for (const sip_error_t *error = sip->sip_error; error != NULL; error = error->er_next)
    {
      const msg_hclass_t *class = error->er_common->h_class;
      const char *name = class == sip_error_class ? error->er_name : class->hc_name;

      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        if (su_casematch (name, names[i]))
          return TRUE;
    }
  return FALSE;
}

/* Whether this INVITE is for somebody here, or one of those again that are. */
static gboolean
invite_is_good (DflGate *self, msg_t *msg, const sip_t *sip, const url_t *uri)
{
  DflSource source;

  if ((uri->url_type != url_sip && uri->url_type != url_sips) || uri->url_password != NULL
      || uri->url_host == NULL || !is_plain_host (uri->url_host))
    return FALSE;
  source = dfl_gate_source_of (msg);
  return dfl_sources_find (self->sources, uri->url_user, &source) != NULL
         || self->listener.ask (sip->sip_call_id->i_id, sip->sip_cseq->cs_seq, self->listener.data)
                == DFL_GATE_KNOWN;
}

static gboolean
request_is_good (DflGate *self, msg_t *msg, const sip_t *sip, const sip_request_t *request)
{
  DflSource source = dfl_gate_source_of (msg);
  gboolean allowed = dfl_sources_allow (self->sources, &source);
  DflGateAnswer answer;

  if (sip->sip_via == NULL || sip->sip_from == NULL || sip->sip_to == NULL
      || sip->sip_call_id == NULL || *sip->sip_call_id->i_id == '\0' || sip->sip_cseq == NULL
      || (sip->sip_content_length != NULL && sip->sip_content_length->l_length > self->max_message)
      || is_ambiguous (sip) || !via_is_good (sip->sip_via))
    return FALSE;

  /* The stack sends an INVITE whose CSeq says something else the wrong way. */
  if (request->rq_method != sip->sip_cseq->cs_method)
    return FALSE;

  switch (request->rq_method)
    {
    case sip_method_invite:
      return invite_is_good (self, msg, sip, request->rq_url);
    case sip_method_ack:
    case sip_method_cancel:
      answer = self->listener.ask (sip->sip_call_id->i_id, sip->sip_cseq->cs_seq,
                                   self->listener.data);
      return answer == DFL_GATE_KNOWN || (answer == DFL_GATE_UNKNOWN && allowed);
    default:
      return allowed;
    }
}

/*
 * Whether a request of ours waits for this response. The stack has no opinion on a status of 42 or
 * 999, compares branches only where there is one, and would take what a proxy should have taken off
 * for a Via of its own.
 */
static gboolean
response_is_good (DflGate *self, msg_t *msg, const sip_t *sip, const sip_status_t *status)
{
  const sip_via_t *via = sip->sip_via;
  DflSource source = dfl_gate_source_of (msg);

  return status->st_status >= 100 && status->st_status < 700 && via != NULL && via->v_next == NULL
         && via->v_branch != NULL
         && su_casenmatch (via->v_branch, MAGIC_COOKIE, strlen (MAGIC_COOKIE))
         && sip->sip_from != NULL && sip->sip_to != NULL && sip->sip_call_id != NULL
         && sip->sip_cseq != NULL
         && (sip->sip_cseq->cs_method == sip_method_register
             || sip->sip_cseq->cs_method == sip_method_options)
         && !(sip->sip_content_length != NULL
              && sip->sip_content_length->l_length > self->max_message)
         && !is_ambiguous (sip)
         && self->listener.expect (sip->sip_call_id->i_id, sip->sip_cseq->cs_seq, &source,
                                   self->listener.data);
}

/* Whether the header, as far as it has arrived, has more lines and commas than anybody means. It is
 * asked when the first line has been cut off by a NUL. */
static gboolean
has_too_many_parts (const msg_t *msg)
{
  const char *at = msg_buf_committed_data (msg);
  const char *end = at + msg_buf_committed (msg);
  gboolean first = TRUE;
  guint parts = 0;

  while (at < end && (*at == '\r' || *at == '\n' || *at == ' ' || *at == '\t'))
    at++;
  for (gsize length = 0; at < end && parts <= MAX_PARTS; at++)
    {
      parts += *at == ',';
      length++;
      if (*at != '\r' && *at != '\n' && (*at != '\0' || !first))
        continue;
      if (length == 1)
        return FALSE; /* the end of the header */
      if (*at != '\n' && at + 1 < end && at[1] == '\n')
        at++;
      first = FALSE;
      parts++;
      length = 0;
    }
  return parts > MAX_PARTS;
}

/* Replaces the parser of the request line: a stranger's message goes no further. */
static issize_t
parse_request_line (su_home_t *home, msg_header_t *header, char *text, isize_t length)
{
  msg_t *msg = (msg_t *)home;
  DflGate *self = gate_of (msg);
  DflSource source = dfl_gate_source_of (msg);

  if (msg_addr (msg)->su_port == 0 || !dfl_sources_remember (self->sources, &source))
    {
      if (is_stream (msg))
        self->listener.stranger (self->listener.data);
      return -1;
    }
  if (has_too_many_parts (msg))
    return -1;
  /* The library forgets the limit for what comes behind another message in a stream. */
  msg_maxsize (msg, self->max_message + DFL_GUARD_MOST_WAITING);
  return sip_request_class->hc_parse (home, header, text, length);
}

/* Replaces the parser of the status line: what none of our servers sent goes no further. */
static issize_t
parse_status_line (su_home_t *home, msg_header_t *header, char *text, isize_t length)
{
  msg_t *msg = (msg_t *)home;
  DflGate *self = gate_of (msg);
  DflSource source = dfl_gate_source_of (msg);

  if (!dfl_sources_answer (self->sources, &source))
    {
      if (is_stream (msg) && !dfl_sources_remember (self->sources, &source))
        self->listener.stranger (self->listener.data);
      return -1;
    }
  if (msg_addr (msg)->su_port == 0 || has_too_many_parts (msg))
    return -1;
  msg_maxsize (msg, self->max_message + DFL_GUARD_MOST_WAITING);
  return sip_status_class->hc_parse (home, header, text, length);
}

static void
set_far_end (DflGate *self, msg_t *msg)
{
  su_sockaddr_t far;

  if (is_stream (msg) && self->listener.far_end (&msg_addr (msg)->su_sa, &far, self->listener.data))
    msg_set_address (msg, &far, su_sockaddr_size (&far));
}

/* Replaces the parser of what follows the header. */
static issize_t
parse_body (msg_t *msg, msg_pub_t *public, char text[], isize_t length, int end)
{
  DflGate *self = gate_of (msg);
  sip_t *sip = (sip_t *)public;
  sip_header_t *line = sip->sip_user;

  sip->sip_user = NULL;
  if (line == NULL)
    ;
  else if (line->sh_common->h_class == &self->status_class)
    {
      if (response_is_good (self, msg, sip, line->sh_status))
        sip->sip_status = line->sh_status;
    }
  else if (request_is_good (self, msg, sip, line->sh_request))
    {
      sip->sip_request = line->sh_request;
      if (line->sh_request->rq_method != sip_method_invite)
        set_far_end (self, msg);
    }
  return self->extract_body (msg, public, text, length, end);
}

/*
 * From and To with a display name that should have been quoted (UTF-8 mostly) make the library
 * answer 400; callers mean no harm by it. What stands in front of the bracket is the name then.
 */
static issize_t
parse_party (su_home_t *home, msg_header_t *header, char *text, isize_t length)
{
  sip_addr_t *party = (sip_addr_t *)header;
  msg_hclass_t *original = header->sh_class->hc_hash == sip_from_class->hc_hash ? sip_from_class
                                                                                : sip_to_class;
  char *bracket = text[0] == '"' ? NULL : strchr (text, '<');
  char *name = NULL;
  issize_t result;

  header->sh_common->h_class = original;
  for (const char *at = text; bracket != NULL && name == NULL && at < bracket; at++)
    if (!g_ascii_isalnum (*at) && strchr ("-.!%*_+`'~ \t\r\n", *at) == NULL)
      name = su_strndup (home, text, bracket - text);
  if (name == NULL)
    return original->hc_parse (home, header, text, length);

  result = original->hc_parse (home, header, bracket, length - (isize_t)(bracket - text));
  party->a_display = g_strchomp (name);
  return result;
}

/*
 * Has our class parse a header. The original class stays in the table behind it: the parser takes
 * the first with the name, and what looks for the class itself still finds it.
 */
static void
replace_class (DflGate *self, msg_hclass_t *original, struct msg_hclass_s *ours)
{
  msg_href_t *shorts = (msg_href_t *)self->class->mc_short;
  msg_href_t reference;

  *ours = original[0];
  ours->hc_parse = parse_party;
  for (int i = 0; i < self->class->mc_hash_size; i++)
    {
      if (self->class->mc_hash[i].hr_class != original)
        continue;
      reference = self->class->mc_hash[i];
      self->class->mc_hash[i].hr_class = ours;
      msg_mclass_insert (self->class, &reference);
      shorts[original->hc_short[0] - 'a'].hr_class = ours;
      return;
    }
}

DflGate *
dfl_gate_new (DflSources *sources, gsize max_message, const DflGateListener *listener)
{
  DflGate *self = g_new0 (DflGate, 1);

  self->sources = sources;
  self->listener = *listener;
  self->max_message = max_message;
  self->class = msg_mclass_clone (sip_default_mclass (), 0, 0);
  if (self->class == NULL)
    g_error ("Out of memory");

  g_strlcpy (self->name, self->class->mc_name, sizeof self->name);
  self->class->mc_name = self->name;
  self->extract_body = self->class->mc_extract_body;
  self->class->mc_extract_body = parse_body;

  self->request_class = sip_request_class[0];
  self->request_class.hc_parse = parse_request_line;
  self->class->mc_request[0].hr_class = &self->request_class;
  self->class->mc_request[0].hr_offset = G_STRUCT_OFFSET (sip_t, sip_user);

  self->status_class = sip_status_class[0];
  self->status_class.hc_parse = parse_status_line;
  self->class->mc_status[0].hr_class = &self->status_class;
  self->class->mc_status[0].hr_offset = G_STRUCT_OFFSET (sip_t, sip_user);

  replace_class (self, sip_from_class, &self->from_class);
  replace_class (self, sip_to_class, &self->to_class);
  return self;
}

void
dfl_gate_free (DflGate *self)
{
  /* msg_mclass_clone allocates with malloc. */
  free (self->class);
  g_free (self);
}

msg_mclass_t *
dfl_gate_get_class (DflGate *self)
{
  return self->class;
}
