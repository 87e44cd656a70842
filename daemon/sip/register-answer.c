/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/register-answer.h"

#include <gio/gio.h>
#include <string.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/url.h>

#include "core/offer.h"
#include "sip/token.h"

#define MAX_PHRASE 64
#define MAX_LEFT_OVERS 8 /* taken back at a time; more of them go with the next refresh */
#define MAX_ROUTE 1024
#define MAX_GRANT (7 * 86400)

/* --- Contacts --- */

static gboolean
is_place (const url_t *url, const char *place)
{
  gboolean secure = url->url_type == url_sips
                    || (url->url_params != NULL
                        && g_ascii_strncasecmp (url->url_params, "transport=tls", 13) == 0);
  g_autofree char *text = g_strdup_printf ("%s:%s", url->url_host,
                                           url->url_port != NULL && *url->url_port != '\0'
                                               ? url->url_port
                                           : secure ? "5061"
                                                    : "5060");

  return g_ascii_strcasecmp (text, place) == 0;
}

static gboolean
read_number (const char *text, guint64 max, guint *number)
{
  guint64 value;

  if (text == NULL || !g_ascii_isdigit (*text))
    return FALSE;
  value = g_ascii_strtoull (text, NULL, 10);
  *number = (guint)MIN (value, max);
  return TRUE;
}

static char *
dup_uri (const sip_contact_t *contact)
{
  su_home_t home[1] = { SU_HOME_INIT (home) };
  char *text = url_as_string (home, contact->m_url);
  char *result = text != NULL ? g_strdup (text) : NULL;

  su_home_deinit (home);
  return result;
}

static void
add_left_over (DflRegisterAnswer *self, const sip_contact_t *contact)
{
  g_autofree char *uri = dup_uri (contact);

  /* It goes into a header of ours: nothing may end it early. */
  if (uri != NULL && strpbrk (uri, "<>\"\r\n ,") == NULL && strlen (uri) <= 256
      && self->left_overs->len < MAX_LEFT_OVERS)
    g_ptr_array_add (self->left_overs, g_steal_pointer (&uri));
}

static gboolean
has_instance (const sip_contact_t *contact, const char *instance)
{
  const char *value = msg_params_find (contact->m_params, "+sip.instance=");
  gsize length = strlen (instance);

  return value != NULL && g_str_has_prefix (value, "\"<")
         && g_ascii_strncasecmp (value + 2, instance, length) == 0
         && g_str_equal (value + 2 + length, ">\"");
}

/*
 * A contact with our token elsewhere is one of before the network changed, unless there is none at
 * our place: then something on the way rewrote ours. FALSE where there are only others'.
 */
static gboolean
read_contacts (DflRegisterAnswer *self, const sip_t *sip, const DflRegisterAsked *asked)
{
  const sip_contact_t *own = NULL, *rewritten = NULL, *renamed = NULL;
  gboolean any = FALSE;

  for (const sip_contact_t *each = sip->sip_contact; each != NULL; each = each->m_next)
    {
      const url_t *url = each->m_url;

      any = any || url->url_type != url_any;
      if ((url->url_type != url_sip && url->url_type != url_sips) || url->url_user == NULL
          || url->url_host == NULL)
        continue;
      if (g_str_equal (url->url_user, asked->token))
        {
          if (own == NULL && is_place (url, asked->contact_place))
            own = each;
          else if (rewritten == NULL)
            rewritten = each;
          else
            add_left_over (self, each);
        }
      else if (dfl_token_is_ours (asked->secret, asked->account_id, url->url_user))
        add_left_over (self, each);
      else if (renamed == NULL && has_instance (each, asked->instance))
        renamed = each;
    }
  if (own != NULL && rewritten != NULL)
    add_left_over (self, rewritten);

  if (own == NULL)
    own = rewritten != NULL ? rewritten : renamed;
  if (own == NULL && any)
    return FALSE;
  if (own != NULL && read_number (own->m_expires, MAX_GRANT, &self->expires))
    return TRUE;
  if (sip->sip_expires != NULL && sip->sip_expires->ex_date == 0)
    self->expires = (guint)MIN (sip->sip_expires->ex_delta, MAX_GRANT);
  else
    self->expires = asked->expires;
  return TRUE;
}

/* --- What else an answer tells --- */

static char *
read_route (const sip_t *sip)
{
  GString *text = g_string_new (NULL);

  for (const sip_service_route_t *each = sip->sip_service_route; each != NULL; each = each->r_next)
    {
      su_home_t home[1] = { SU_HOME_INIT (home) };
      const char *uri = url_as_string (home, each->r_url);

      if (uri != NULL && strpbrk (uri, "<>\"\r\n ,") == NULL)
        g_string_append_printf (text, "%s<%s>", text->len > 0 ? ", " : "", uri);
      su_home_deinit (home);
    }
  if (text->len == 0 || text->len > MAX_ROUTE)
    return g_string_free (text, TRUE), NULL;
  return g_string_free (text, FALSE);
}

static char *
read_public_place (const sip_t *sip, const char *via_place)
{
  const sip_via_t *via = sip->sip_via;
  const char *colon = strrchr (via_place, ':');
  g_autofree char *host = NULL;
  g_autoptr (GInetAddress) address = NULL;
  g_autofree char *plain = NULL;
  g_autofree char *place = NULL;
  guint port = 0;
  gsize length;

  if (via == NULL || colon == NULL)
    return NULL;
  if (via->v_received == NULL || *via->v_received == '\0')
    host = g_strndup (via_place, (gsize)(colon - via_place));
  else
    host = g_strdup (via->v_received);
  length = strlen (host);
  if (host[0] == '[' && host[length - 1] == ']')
    {
      host[length - 1] = '\0';
      memmove (host, host + 1, length - 1);
    }
  address = g_inet_address_new_from_string (host);
  if (address == NULL || g_inet_address_get_is_any (address)
      || g_inet_address_get_is_multicast (address))
    return NULL;
  if (!read_number (via->v_rport, 65536, &port) || port == 0 || port > 65535)
    port = (guint)g_ascii_strtoull (colon + 1, NULL, 10);

  plain = g_inet_address_to_string (address);
  place = g_strdup_printf (g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6 ? "[%s]:%u"
                                                                                       : "%s:%u",
                           plain, port);
  return g_ascii_strcasecmp (place, via_place) == 0 ? NULL : g_steal_pointer (&place);
}

static gboolean
lists (const msg_list_t *list, const char *tag)
{
  for (gsize i = 0; list != NULL && list->k_items != NULL && list->k_items[i] != NULL; i++)
    if (g_ascii_strcasecmp (list->k_items[i], tag) == 0)
      return TRUE;
  return FALSE;
}

/* The library does not know the header. */
static guint
read_flow_timer (const sip_t *sip)
{
  guint seconds = 0;

  for (const sip_unknown_t *each = sip->sip_unknown; each != NULL; each = each->un_next)
    if (g_ascii_strcasecmp (each->un_name, "Flow-Timer") == 0)
      read_number (each->un_value, MAX_GRANT, &seconds);
  return seconds;
}

static char *
describe_status (const sip_t *sip)
{
  const char *phrase = sip->sip_status->st_phrase;
  g_autofree char *clean = dfl_text_clean (phrase != NULL ? phrase : "", -1, MAX_PHRASE);

  return g_strstrip (g_strdup_printf ("%d %s", sip->sip_status->st_status, clean));
}

/* --- Verdicts --- */

static void judge (DflRegisterAnswer *self, DflRegisterVerdict verdict, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static void
judge (DflRegisterAnswer *self, DflRegisterVerdict verdict, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  self->verdict = verdict;
  self->reason = g_strdup_vprintf (format, arguments);
  va_end (arguments);
}

static void
judge_move (DflRegisterAnswer *self, const sip_t *sip)
{
  const url_t *url = sip->sip_contact != NULL ? sip->sip_contact->m_url : NULL;
  g_autofree char *host = dfl_text_clean (url != NULL && url->url_host != NULL ? url->url_host : "",
                                          -1, MAX_PHRASE);

  if (*host == '\0')
    judge (self, DFL_REGISTER_FAILED,
           "the server says that the registrar has moved (%d): ask the provider for its name, and "
           "give that as registrar=",
           sip->sip_status->st_status);
  else
    judge (self, DFL_REGISTER_FAILED,
           "the server says that the registrar has moved to %s (%d): give that as registrar= if it "
           "is the provider's",
           host, sip->sip_status->st_status);
}

static void
judge_interval (DflRegisterAnswer *self, const sip_t *sip)
{
  unsigned long least = sip->sip_min_expires != NULL ? sip->sip_min_expires->me_delta : 0;

  if (least == 0)
    judge (self, DFL_REGISTER_FAILED,
           "the server wants a longer expires= and does not say how long (423)");
  else if (least > DFL_REGISTER_MAX_EXPIRES)
    judge (self, DFL_REGISTER_FAILED,
           "the server wants registrations of %lu seconds, which is more than a day (423)", least);
  else
    {
      judge (self, DFL_REGISTER_TOO_BRIEF,
             "the server wants registrations of %lu seconds or more (423)", least);
      self->min_expires = (guint)least;
    }
}

static void
judge_extension (DflRegisterAnswer *self, const sip_t *sip)
{
  self->without_path = lists ((const msg_list_t *)sip->sip_unsupported, "path");
  self->without_outbound = lists ((const msg_list_t *)sip->sip_unsupported, "outbound")
                           || sip->sip_status->st_status == 439;
  judge (self,
         self->without_path || self->without_outbound ? DFL_REGISTER_EXTENSION
                                                      : DFL_REGISTER_FAILED,
         "the server asks for an extension of SIP that deflectd lacks (%d)",
         sip->sip_status->st_status);
}

static void
judge_failure (DflRegisterAnswer *self, const sip_t *sip)
{
  g_autofree char *status = describe_status (sip);
  int code = sip->sip_status->st_status;

  switch (code)
    {
    case 401:
    case 407:
      self->verdict = DFL_REGISTER_CHALLENGED;
      break;
    case 403:
      judge (self, DFL_REGISTER_REFUSED, "the server refuses to register this account (%s)",
             status);
      break;
    case 404:
    case 604:
      judge (self, DFL_REGISTER_REFUSED, "the server does not know this number (%d)", code);
      break;
    case 405:
    case 501:
      judge (self, DFL_REGISTER_REFUSED,
             "the server takes no registrations (%d): see registrar= and outbound-proxy=", code);
      break;
    case 408:
      judge (self, DFL_REGISTER_UNAVAILABLE,
             "the server got no answer from the registrar behind it (408)");
      break;
    case 420:
    case 439:
      judge_extension (self, sip);
      break;
    case 423:
      judge_interval (self, sip);
      break;
    case 503:
      judge (self, DFL_REGISTER_UNAVAILABLE, "the server is not available now (%s)", status);
      break;
    default:
      if (code < 400)
        judge_move (self, sip);
      else if (code >= 500 && code < 600)
        judge (self, DFL_REGISTER_FAILED, "the server has a fault (%s)", status);
      else
        judge (self, DFL_REGISTER_FAILED, "the server does not register this account (%s)", status);
    }
}

DflRegisterAnswer *
dfl_register_answer_read (const sip_t *response, const DflRegisterAsked *asked)
{
  DflRegisterAnswer *self = g_new0 (DflRegisterAnswer, 1);

  self->left_overs = g_ptr_array_new_with_free_func (g_free);
  self->public_place = read_public_place (response, asked->via_place);
  if (response->sip_retry_after != NULL)
    self->retry_after = (guint)MIN (response->sip_retry_after->af_delta, G_MAXINT);

  if (response->sip_status->st_status < 300)
    {
      if (read_contacts (self, response, asked))
        self->verdict = DFL_REGISTER_GRANTED;
      else
        judge (self, DFL_REGISTER_NOT_KEPT,
               "the server keeps another contact of this address and not ours: it must allow "
               "several contacts");
      self->route = read_route (response);
      self->outbound = lists ((const msg_list_t *)response->sip_require, "outbound");
      self->flow_timer = read_flow_timer (response);
    }
  else
    judge_failure (self, response);
  return self;
}

void
dfl_register_answer_free (DflRegisterAnswer *self)
{
  g_free (self->reason);
  g_free (self->route);
  g_free (self->public_place);
  g_ptr_array_unref (self->left_overs);
  g_free (self);
}
