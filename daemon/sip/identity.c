/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/identity.h"

#include <string.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/url.h>

#include "core/address.h"
#include "sip/headers.h"
#include "sip/token.h"

#define MAX_NAME 128
#define MAX_ADDRESS 256
#define MAX_SUBJECT 256
#define MAX_CALL_ID 1024

/* More than anybody sends; a header of 64 KB must not become a bus message of thousands. */
#define MAX_ENTRIES 50

/* What is learnt on the way and decides about the presentation. */
typedef struct
{
  DflOffer *offer;
  const DflAccountSettings *settings;
  GPtrArray *trusted; /* of DflIdentity: the three kinds, in the order of their worth */
  GPtrArray *from;
  GPtrArray *claimed;
  gboolean anonymous;
} Reader;

static char *
dup_url (const url_t *url)
{
  char *text = url_as_string (NULL, url);
  char *clean = dfl_text_clean (text != NULL ? text : "", -1, MAX_ADDRESS);

  su_free (NULL, text);
  return clean;
}

static gboolean
host_is (const char *address, const char *host)
{
  DflSpan found = dfl_header_uri_host (address);

  return found.length == strlen (host) && g_ascii_strncasecmp (found.text, host, found.length) == 0;
}

static void
set (char **field, char *value)
{
  g_free (*field);
  *field = value;
}

static DflIdentity *
make_identity (const char *source, char *address, char *name, gboolean trusted)
{
  DflIdentity *identity = dfl_identity_new ();
  char *number = dfl_address_number (address);

  set (&identity->source, g_strdup (source));
  set (&identity->address, address);
  set (&identity->name, name);
  if (number != NULL)
    set (&identity->number, number);
  identity->trusted = trusted;
  return identity;
}

/* What a hop that did caller verification found (3GPP TS 24.229, verstat). */
static gboolean
verstat_is (const DflHeaderEntry *entry, const char *result)
{
  g_autofree char *inside = dfl_header_dup_uri_parameter (entry, "verstat");
  g_autofree char *outside = dfl_header_dup_parameter (entry, "verstat");

  return g_strcmp0 (inside, result) == 0 || g_strcmp0 (outside, result) == 0;
}

static void
read_asserted (Reader *self, const char *text)
{
  DflHeaderEntry entry;

  while (dfl_header_next (&text, &entry) && self->trusted->len + self->claimed->len < MAX_ENTRIES)
    {
      gboolean trusted = self->settings->trusted && !verstat_is (&entry, "TN-Validation-Failed");

      if (entry.address.length > 0)
        g_ptr_array_add (trusted ? self->trusted : self->claimed,
                         make_identity ("P-Asserted-Identity", dfl_header_dup_address (&entry),
                                        dfl_header_dup_name (&entry), trusted));
    }
}

static void
read_remote_party (Reader *self, const char *text)
{
  DflHeaderEntry entry;

  while (dfl_header_next (&text, &entry) && self->trusted->len + self->claimed->len < MAX_ENTRIES)
    {
      g_autofree char *party = dfl_header_dup_parameter (&entry, "party");
      g_autofree char *screen = dfl_header_dup_parameter (&entry, "screen");
      g_autofree char *privacy = dfl_header_dup_parameter (&entry, "privacy");
      gboolean trusted = self->settings->trusted && screen != NULL
                         && g_ascii_strcasecmp (screen, "yes") == 0;

      if (party != NULL && g_ascii_strcasecmp (party, "calling") != 0)
        continue;
      /* full, name, uri, and what a carrier made up beside them (full-network). */
      if (privacy != NULL && g_ascii_strcasecmp (privacy, "off") != 0)
        self->anonymous = TRUE;
      if (entry.address.length > 0)
        g_ptr_array_add (trusted ? self->trusted : self->claimed,
                         make_identity ("Remote-Party-ID", dfl_header_dup_address (&entry),
                                        dfl_header_dup_name (&entry), trusted));
    }
}

static void
read_called_party (Reader *self, const char *text)
{
  DflHeaderEntry entry;

  if (self->settings->trusted && dfl_header_next (&text, &entry) && entry.address.length > 0)
    set (&self->offer->called_address, dfl_header_dup_address (&entry));
}

static DflDiversion *
make_diversion (const char *source, const DflHeaderEntry *entry)
{
  DflDiversion *diversion = dfl_diversion_new ();

  set (&diversion->source, g_strdup (source));
  set (&diversion->address, dfl_header_dup_address (entry));
  set (&diversion->name, dfl_header_dup_name (entry));
  diversion->counter = 1;
  return diversion;
}

/* RFC 5806: the first entry is the latest diversion. */
static void
read_diversion (Reader *self, const char *text)
{
  DflHeaderEntry entry;

  while (dfl_header_next (&text, &entry) && self->offer->diverted_from->len < MAX_ENTRIES)
    {
      DflDiversion *diversion = make_diversion ("Diversion", &entry);
      char *reason = dfl_header_dup_parameter (&entry, "reason");
      char *privacy = dfl_header_dup_parameter (&entry, "privacy");
      g_autofree char *counter = dfl_header_dup_parameter (&entry, "counter");
      guint64 count;

      if (reason != NULL)
        set (&diversion->reason, reason);
      if (privacy != NULL)
        set (&diversion->privacy, privacy);
      if (counter != NULL && g_ascii_string_to_unsigned (counter, 10, 1, 1000, &count, NULL))
        diversion->counter = (guint)count;
      g_ptr_array_add (self->offer->diverted_from, diversion);
    }
}

/* The cause with which a request to this entry ended: in its embedded Reason header. */
static char *
dup_cause (const DflHeaderEntry *entry)
{
  g_autofree char *reason = dfl_header_dup_embedded (entry, "Reason");
  DflHeaderEntry parts;
  const char *text = reason;

  if (reason == NULL || !dfl_header_next (&text, &parts))
    return NULL;
  return dfl_header_dup_parameter (&parts, "cause");
}

/* RFC 7044: the oldest entry comes first, and the last is the target that this INVITE has reached;
 * that one is no diversion. The chain may be spread over several header fields. */
static void
read_history (Reader *self, const char *text, GPtrArray *oldest_first)
{
  DflHeaderEntry entry;

  while (dfl_header_next (&text, &entry) && oldest_first->len < MAX_ENTRIES)
    {
      DflDiversion *diversion = make_diversion ("History-Info", &entry);
      DflDiversion *before = oldest_first->len > 0
                                 ? g_ptr_array_index (oldest_first, oldest_first->len - 1)
                                 : NULL;
      char *cause = dup_cause (&entry);
      char *privacy = dfl_header_dup_embedded (&entry, "Privacy");
      /* RFC 4458: the URI that was diverted to says why. */
      char *cause_of_before = dfl_header_dup_uri_parameter (&entry, "cause");

      if (cause != NULL)
        set (&diversion->reason, cause);
      if (privacy != NULL)
        set (&diversion->privacy, privacy);
      if (cause_of_before != NULL && before != NULL && *before->reason == '\0')
        set (&before->reason, cause_of_before);
      else
        g_free (cause_of_before);
      g_ptr_array_add (oldest_first, diversion);
    }
}

static void
add_history (Reader *self, GPtrArray *oldest_first)
{
  gboolean at_current_target = TRUE;

  for (guint i = oldest_first->len; i > 0; i--)
    {
      DflDiversion *diversion = g_ptr_array_index (oldest_first, i - 1);

      at_current_target = at_current_target
                          && (dfl_address_same (diversion->address, self->offer->request_uri)
                              || dfl_address_same (diversion->address, self->settings->address));
      if (at_current_target || self->offer->diverted_from->len >= MAX_ENTRIES)
        dfl_diversion_free (diversion);
      else
        g_ptr_array_add (self->offer->diverted_from, diversion);
    }
}

/* The library knows no class for most headers that tell about a caller; they are all read here. */
static void
read_unknown (Reader *self, const sip_t *sip)
{
  g_autoptr (GPtrArray) oldest_first = g_ptr_array_new ();

  for (const sip_unknown_t *header = sip->sip_unknown; header != NULL; header = header->un_next)
    {
      if (header->un_name == NULL || header->un_value == NULL)
        continue;
      if (g_ascii_strcasecmp (header->un_name, "P-Asserted-Identity") == 0)
        read_asserted (self, header->un_value);
      else if (g_ascii_strcasecmp (header->un_name, "Remote-Party-ID") == 0)
        read_remote_party (self, header->un_value);
      else if (g_ascii_strcasecmp (header->un_name, "P-Called-Party-ID") == 0)
        read_called_party (self, header->un_value);
      else if (g_ascii_strcasecmp (header->un_name, "Diversion") == 0)
        read_diversion (self, header->un_value);
      else if (g_ascii_strcasecmp (header->un_name, "History-Info") == 0)
        read_history (self, header->un_value, oldest_first);
    }
  add_history (self, oldest_first);
}

static void
read_from (Reader *self, const sip_t *sip)
{
  g_autofree char *address = dup_url (sip->sip_from->a_url);
  DflHeaderEntry entry = { .address = { address, strlen (address) } };
  gboolean verified = self->settings->trusted && verstat_is (&entry, "TN-Validation-Passed");

  if (host_is (address, "anonymous.invalid"))
    self->anonymous = TRUE;
  if (*address == '\0' || host_is (address, "unknown.invalid"))
    return;
  g_ptr_array_add (self->from,
                   make_identity ("From", g_steal_pointer (&address),
                                  dfl_header_unquote (sip->sip_from->a_display, -1, MAX_NAME),
                                  verified));
}

/* RFC 3323 and 3325: somebody asked the network to hide the caller. */
static void
read_privacy (Reader *self, const sip_t *sip)
{
  const sip_privacy_t *privacy = sip->sip_privacy;

  for (guint i = 0; privacy != NULL && privacy->priv_values != NULL && privacy->priv_values[i]; i++)
    {
      const char *value = privacy->priv_values[i];

      if (g_ascii_strcasecmp (value, "id") == 0 || g_ascii_strcasecmp (value, "user") == 0
          || g_ascii_strcasecmp (value, "header") == 0)
        self->anonymous = TRUE;
    }
}

static void
move_all (GPtrArray *to, GPtrArray *from)
{
  for (guint i = 0; i < from->len; i++)
    g_ptr_array_add (to, g_ptr_array_index (from, i));
  g_ptr_array_unref (from);
}

/* A hop often asserts a URI without a name, or a name at a URI and the number at a second one:
 * what belongs together is looked for among the identities of the same header. */
static void
choose_caller (DflOffer *offer)
{
  const DflIdentity *best = g_ptr_array_index (offer->identities, 0);

  set (&offer->caller_address, g_strdup (best->address));
  set (&offer->caller_name, g_strdup (best->name));
  set (&offer->caller_number, g_strdup (best->number));
  set (&offer->caller_source, g_strdup (best->source));
  offer->caller_trusted = best->trusted;

  for (guint i = 1; i < offer->identities->len; i++)
    {
      const DflIdentity *other = g_ptr_array_index (offer->identities, i);
      gboolean same_header = other->trusted == best->trusted
                             && strcmp (other->source, best->source) == 0;

      if (*offer->caller_number == '\0' && same_header)
        set (&offer->caller_number, g_strdup (other->number));
      if (*offer->caller_name == '\0'
          && (same_header || dfl_address_same (other->address, best->address)))
        set (&offer->caller_name, g_strdup (other->name));
    }
}

static void
read_caller (Reader *self, const sip_t *sip)
{
  DflOffer *offer = self->offer;

  read_from (self, sip);
  read_privacy (self, sip);
  move_all (offer->identities, self->trusted);
  move_all (offer->identities, self->from);
  move_all (offer->identities, self->claimed);

  if (self->anonymous)
    offer->presentation = DFL_PRESENTATION_ANONYMOUS;
  else if (offer->identities->len == 0)
    offer->presentation = DFL_PRESENTATION_UNAVAILABLE;
  else
    {
      offer->presentation = DFL_PRESENTATION_ALLOWED;
      choose_caller (offer);
    }
}

/* Whether the user part of this URI looks like a contact token of ours, the one of now or one of
 * before. */
static gboolean
has_token (const char *uri)
{
  const char *user = strchr (uri, ':');
  gsize length;

  if (user == NULL)
    return FALSE;
  user++;
  length = strspn (user, "0123456789abcdef");
  return length == DFL_TOKEN_LENGTH && (user[length] == '@' || user[length] == '\0');
}

/* Some servers write the contact that they call into To, too. Of an account that registers, that is
 * neither for people nor for anybody's eyes. */
static void
hide_token (Reader *self)
{
  if (self->settings->registers && has_token (self->offer->called_address))
    set (&self->offer->called_address, g_strdup (self->settings->address));
}

DflOffer *
dfl_identity_read_invite (const sip_t *sip, const DflAccountSettings *settings)
{
  DflOffer *offer = dfl_offer_new ();
  Reader self = { .offer = offer,
                  .settings = settings,
                  .trusted = g_ptr_array_new (),
                  .from = g_ptr_array_new (),
                  .claimed = g_ptr_array_new () };

  set (&offer->sip_call_id, dfl_text_clean (sip->sip_call_id->i_id, -1, MAX_CALL_ID));
  set (&offer->request_uri, dup_url (sip->sip_request->rq_url));
  offer->secure = sip->sip_request->rq_url->url_type == url_sips;
  set (&offer->called_address, dup_url (sip->sip_to->a_url));
  if (sip->sip_subject != NULL)
    set (&offer->subject, dfl_text_clean (sip->sip_subject->g_string, -1, MAX_SUBJECT));
  if (sip->sip_expires != NULL && sip->sip_expires->ex_date == 0)
    {
      offer->has_expires = TRUE;
      offer->expires = (guint)MIN (sip->sip_expires->ex_delta, G_MAXUINT);
    }

  read_unknown (&self, sip);
  hide_token (&self);
  read_caller (&self, sip);
  return offer;
}
