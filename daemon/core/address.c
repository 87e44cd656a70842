/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/address-private.h"

/*
 * An address is taken apart leniently: what is compared here came from other people's headers.
 * Only what is written to the network goes through the strict grammar of core/target.h.
 */
struct _DflPlace
{
  char *user;   /* %-decoded, without a password; "" for none */
  char *number; /* the user as a cleaned number, or NULL */
  char *host;   /* lower case, without a final dot; NULL: any host */
  guint port;   /* 0: the default one */
};

typedef enum
{
  SCHEME_NONE,
  SCHEME_SIP,
  SCHEME_SIPS,
  SCHEME_TEL
} Scheme;

static Scheme
skip_scheme (const char **address)
{
  static const struct
  {
    const char *prefix;
    Scheme scheme;
  } schemes[] = { { "sip:", SCHEME_SIP }, { "sips:", SCHEME_SIPS }, { "tel:", SCHEME_TEL } };

  for (gsize i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_ascii_strncasecmp (*address, schemes[i].prefix, strlen (schemes[i].prefix)) == 0)
      {
        *address += strlen (schemes[i].prefix);
        return schemes[i].scheme;
      }

  return SCHEME_NONE;
}

/* Broken escapes stay as they are. */
static char *
decode (const char *text, gsize length)
{
  char *decoded = g_malloc (length + 1);
  char *out = decoded;

  for (gsize i = 0; i < length; i++)
    if (text[i] == '%' && i + 2 < length && g_ascii_isxdigit (text[i + 1])
        && g_ascii_isxdigit (text[i + 2]))
      {
        *out++ = (char)(g_ascii_xdigit_value (text[i + 1]) * 16
                        + g_ascii_xdigit_value (text[i + 2]));
        i += 2;
      }
    else
      {
        *out++ = text[i];
      }
  *out = '\0';

  return decoded;
}

/* The decoded user part as a number, or NULL. Parameters of a telephone-subscriber end it. */
static char *
clean_number (const char *user)
{
  g_autofree char *number = g_malloc (strlen (user) + 1);
  gboolean has_digit = FALSE;
  gsize length = 0;

  for (const char *at = user; *at != '\0' && *at != ';'; at++)
    {
      if (strchr ("-.() ", *at) != NULL)
        continue;
      if (!g_ascii_isdigit (*at) && *at != '*' && *at != '#' && !(*at == '+' && length == 0))
        return NULL;
      has_digit |= g_ascii_isdigit (*at);
      number[length++] = *at;
    }
  number[length] = '\0';

  return has_digit ? g_steal_pointer (&number) : NULL;
}

/* Splits at the first '@': a raw one can stand nowhere else in a valid URI. */
static char *
decode_user (const char *rest, const char **host)
{
  const char *at_sign = strchr (rest, '@');
  const char *end;

  if (at_sign == NULL)
    {
      *host = rest;
      return g_strdup ("");
    }

  *host = at_sign + 1;
  end = memchr (rest, ':', at_sign - rest);

  return decode (rest, (end != NULL ? end : at_sign) - rest);
}

static char *
canonical_host (const char *text, gsize length)
{
  g_autofree char *host = g_ascii_strdown (text, length);
  char written[INET6_ADDRSTRLEN];
  guint8 binary[16];

  length = strlen (host);
  if (length > 2 && host[0] == '[' && host[length - 1] == ']')
    {
      g_autofree char *literal = g_strndup (host + 1, length - 2);

      if (inet_pton (AF_INET6, literal, binary) == 1
          && inet_ntop (AF_INET6, binary, written, sizeof (written)) != NULL)
        return g_strdup (written);
    }
  else if (length > 1 && host[length - 1] == '.')
    {
      host[length - 1] = '\0';
    }

  return g_steal_pointer (&host);
}

/* HOST or HOST:PORT, followed by parameters or headers, which do not count. */
static void
parse_host (DflPlace *self, const char *text, Scheme scheme)
{
  gsize length = strcspn (text, ";?>, \t");
  const char *bracket = *text == '[' ? memchr (text, ']', length) : NULL;
  const char *search = bracket != NULL ? bracket : text;
  const char *colon = memchr (search, ':', length - (search - text));
  guint64 port = 0;

  if (colon != NULL)
    {
      g_autofree char *digits = g_strndup (colon + 1, length - (colon + 1 - text));

      if (!g_ascii_string_to_unsigned (digits, 10, 0, 65535, &port, NULL))
        port = 0;
      length = colon - text;
    }

  self->host = canonical_host (text, length);
  self->port = port == (scheme == SCHEME_SIPS ? 5061 : 5060) ? 0 : (guint)port;
}

DflPlace *
dfl_place_new (const char *address)
{
  g_autoptr (DflPlace) self = NULL;
  const char *host = NULL;
  Scheme scheme;

  if (address == NULL || *address == '\0')
    return NULL;

  self = g_new0 (DflPlace, 1);
  scheme = skip_scheme (&address);
  if (scheme == SCHEME_SIP || scheme == SCHEME_SIPS)
    {
      self->user = decode_user (address, &host);
      parse_host (self, host, scheme);
    }
  else
    {
      self->user = decode (address, strlen (address));
    }
  self->number = clean_number (self->user);

  return self->host != NULL || self->number != NULL ? g_steal_pointer (&self) : NULL;
}

void
dfl_place_free (DflPlace *self)
{
  if (self == NULL)
    return;

  g_free (self->user);
  g_free (self->number);
  g_free (self->host);
  g_free (self);
}

/* The digits of a global number, or NULL. */
static const char *
global_digits (const char *number)
{
  const char *digits = NULL;

  if (number[0] == '+')
    digits = number + 1;
  else if (number[0] == '0' && number[1] == '0')
    digits = number + 2;

  return digits != NULL && *digits != '\0' && digits[strspn (digits, "0123456789")] == '\0' ? digits
                                                                                            : NULL;
}

/* Whether global is a country code of one to three digits and the national number behind it, with
 * the trunk prefix (Italy keeps it) or without. */
static gboolean
is_national_of (const char *national, const char *global)
{
  gsize global_length = strlen (global);

  if (national[0] != '0' || national[1] == '0' || national[1] == '\0')
    return FALSE;

  for (int skip = 0; skip <= 1; skip++)
    {
      gsize length = strlen (national + skip);

      if (global_length > length && global_length - length <= 3
          && strcmp (global + global_length - length, national + skip) == 0)
        return TRUE;
    }

  return FALSE;
}

static gboolean
same_host (const DflPlace *a, const DflPlace *b)
{
  if (a->host == NULL || b->host == NULL)
    return TRUE;

  return a->port == b->port && strcmp (a->host, b->host) == 0;
}

gboolean
dfl_place_same (const DflPlace *a, const DflPlace *b)
{
  const char *global_a, *global_b;

  if (a == NULL || b == NULL)
    return FALSE;

  if (a->number == NULL || b->number == NULL)
    return a->number == b->number && same_host (a, b) && strcmp (a->user, b->user) == 0;

  global_a = global_digits (a->number);
  global_b = global_digits (b->number);
  if (global_a != NULL && global_b != NULL)
    return strcmp (global_a, global_b) == 0;
  if (global_a != NULL && is_national_of (b->number, global_a))
    return TRUE;
  if (global_b != NULL && is_national_of (a->number, global_b))
    return TRUE;

  return same_host (a, b) && strcmp (a->number, b->number) == 0;
}

gboolean
dfl_place_same_user (const DflPlace *a, const DflPlace *b)
{
  return a != NULL && b != NULL && *a->user != '\0' && g_ascii_strcasecmp (a->user, b->user) == 0;
}

char *
dfl_address_number (const char *address)
{
  g_autofree char *user = NULL;
  const char *host;
  Scheme scheme;

  if (address == NULL)
    return NULL;

  scheme = skip_scheme (&address);
  if (scheme == SCHEME_SIP || scheme == SCHEME_SIPS)
    user = decode_user (address, &host);
  else
    user = decode (address, strlen (address));

  return clean_number (user);
}

gboolean
dfl_address_same (const char *a, const char *b)
{
  g_autoptr (DflPlace) place_a = dfl_place_new (a);
  g_autoptr (DflPlace) place_b = dfl_place_new (b);

  return dfl_place_same (place_a, place_b);
}
