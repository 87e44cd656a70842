/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/offer.h"

#include <string.h>

DflIdentity *
dfl_identity_new (void)
{
  DflIdentity *self = g_new0 (DflIdentity, 1);

  self->source = g_strdup ("");
  self->address = g_strdup ("");
  self->number = g_strdup ("");
  self->name = g_strdup ("");

  return self;
}

void
dfl_identity_free (DflIdentity *self)
{
  if (self == NULL)
    return;

  g_free (self->source);
  g_free (self->address);
  g_free (self->number);
  g_free (self->name);
  g_free (self);
}

DflDiversion *
dfl_diversion_new (void)
{
  DflDiversion *self = g_new0 (DflDiversion, 1);

  self->source = g_strdup ("");
  self->address = g_strdup ("");
  self->name = g_strdup ("");
  self->reason = g_strdup ("");
  self->privacy = g_strdup ("");
  self->counter = 1;

  return self;
}

void
dfl_diversion_free (DflDiversion *self)
{
  if (self == NULL)
    return;

  g_free (self->source);
  g_free (self->address);
  g_free (self->name);
  g_free (self->reason);
  g_free (self->privacy);
  g_free (self);
}

DflOffer *
dfl_offer_new (void)
{
  DflOffer *self = g_new0 (DflOffer, 1);

  self->sip_call_id = g_strdup ("");
  self->request_uri = g_strdup ("");
  self->presentation = DFL_PRESENTATION_UNAVAILABLE;
  self->caller_address = g_strdup ("");
  self->caller_number = g_strdup ("");
  self->caller_name = g_strdup ("");
  self->caller_source = g_strdup ("");
  self->identities = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_identity_free);
  self->called_address = g_strdup ("");
  self->diverted_from = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_diversion_free);
  self->subject = g_strdup ("");

  return self;
}

void
dfl_offer_free (DflOffer *self)
{
  if (self == NULL)
    return;

  g_free (self->sip_call_id);
  g_free (self->request_uri);
  g_free (self->caller_address);
  g_free (self->caller_number);
  g_free (self->caller_name);
  g_free (self->caller_source);
  g_ptr_array_unref (self->identities);
  g_free (self->called_address);
  g_ptr_array_unref (self->diverted_from);
  g_free (self->subject);
  g_free (self);
}

const char *
dfl_presentation_to_string (DflPresentation presentation)
{
  switch (presentation)
    {
    case DFL_PRESENTATION_ALLOWED:
      return "allowed";
    case DFL_PRESENTATION_ANONYMOUS:
      return "anonymous";
    case DFL_PRESENTATION_UNAVAILABLE:
      return "unavailable";
    default:
      g_return_val_if_reached ("unavailable");
    }
}

static gboolean
is_unwanted (gunichar c)
{
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f
         || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Nearly every text: printable ASCII, of which nothing goes. */
static gboolean
is_plain (const char *text, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (text[i] < 0x20 || text[i] > 0x7e)
      return FALSE;

  return TRUE;
}

char *
dfl_text_clean (const char *text, gssize length, gsize max_bytes)
{
  gsize size = length < 0 ? strlen (text) : (gsize)length;
  const char *end = text + size;
  GString *clean;

  if (size <= max_bytes && is_plain (text, size))
    return g_strndup (text, size);

  clean = g_string_sized_new (MIN (size, max_bytes) + 1);

  for (const char *at = text; at < end;)
    {
      gunichar c = g_utf8_get_char_validated (at, end - at);
      char utf8[6];
      gsize utf8_size;

      /* A NUL inside the length is reported as incomplete or as 0, by GLib's version. */
      if (*at == '\0')
        c = 0;

      if (c == (gunichar)-1 || c == (gunichar)-2)
        {
          c = 0xfffd;
          at++;
        }
      else
        {
          at = c == 0 ? at + 1 : g_utf8_next_char (at);
          if (is_unwanted (c))
            continue;
        }

      utf8_size = g_unichar_to_utf8 (c, utf8);
      if (clean->len + utf8_size > max_bytes)
        break;
      g_string_append_len (clean, utf8, utf8_size);
    }

  return g_string_free (clean, FALSE);
}
