/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/headers.h"

#include <string.h>

#include "core/offer.h"

#define MAX_NAME 128
#define MAX_ADDRESS 256
#define MAX_VALUE 128

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static DflSpan
span (const char *from, const char *to)
{
  DflSpan result;

  while (from < to && is_space (*from))
    from++;
  while (to > from && is_space (to[-1]))
    to--;
  result.text = from;
  result.length = (gsize)(to - from);
  return result;
}

/* Behind the quoted string that begins here; the end of the text where it is not closed. */
static const char *
skip_quoted (const char *text)
{
  for (text++; *text != '\0' && *text != '"'; text++)
    if (*text == '\\' && text[1] != '\0')
      text++;
  return *text == '"' ? text + 1 : text;
}

/* The first of the wanted characters that stands outside quotes, or the end of the text. */
static const char *
find_outside_quotes (const char *text, const char *wanted)
{
  while (*text != '\0' && strchr (wanted, *text) == NULL)
    text = *text == '"' ? skip_quoted (text) : text + 1;
  return text;
}

/* The same within a piece of text. */
static const char *
find_within (const char *text, const char *end, char wanted)
{
  while (text < end && *text != wanted)
    {
      const char *next = *text == '"' ? skip_quoted (text) : text + 1;

      text = MIN (next, end);
    }
  return text;
}

gboolean
dfl_header_next (const char **text, DflHeaderEntry *entry)
{
  const char *start = *text;
  const char *mark, *end;

  while (*start == ',' || is_space (*start))
    start++;
  if (*start == '\0')
    {
      *text = start;
      return FALSE;
    }

  entry->name = entry->address = entry->embedded = entry->parameters = span (start, start);
  mark = find_outside_quotes (start, "<,;");
  if (*mark == '<')
    {
      const char *close = mark + 1 + strcspn (mark + 1, ">");
      const char *query = memchr (mark + 1, '?', (gsize)(close - mark - 1));

      entry->name = span (start, mark);
      entry->address = span (mark + 1, query != NULL ? query : close);
      if (query != NULL)
        entry->embedded = span (query + 1, close);
      mark = *close == '>' ? close + 1 : close;
      end = find_outside_quotes (mark, ",");
      entry->parameters = span (mark, end);
    }
  else
    {
      end = find_outside_quotes (mark, ",");
      entry->address = span (start, mark);
      entry->parameters = span (mark, end);
    }

  *text = end;
  return TRUE;
}

char *
dfl_header_unquote (const char *text, gssize length, gsize max_bytes)
{
  g_autoptr (GString) plain = NULL;
  DflSpan trimmed;

  if (text == NULL)
    return g_strdup ("");
  trimmed = span (text, text + (length < 0 ? strlen (text) : (gsize)length));
  if (trimmed.length == 0 || trimmed.text[0] != '"')
    return dfl_text_clean (trimmed.text, (gssize)trimmed.length, max_bytes);

  plain = g_string_sized_new (trimmed.length);
  for (gsize i = 1; i < trimmed.length && trimmed.text[i] != '"'; i++)
    {
      if (trimmed.text[i] == '\\' && i + 1 < trimmed.length)
        i++;
      g_string_append_c (plain, trimmed.text[i]);
    }
  return dfl_text_clean (plain->str, (gssize)plain->len, max_bytes);
}

char *
dfl_header_dup_name (const DflHeaderEntry *entry)
{
  return dfl_header_unquote (entry->name.text, (gssize)entry->name.length, MAX_NAME);
}

char *
dfl_header_dup_address (const DflHeaderEntry *entry)
{
  return dfl_text_clean (entry->address.text, (gssize)entry->address.length, MAX_ADDRESS);
}

/* ;name=value;name="value";name */
static char *
find_parameter (const DflSpan *list, const char *name)
{
  const char *end = list->text + list->length;
  gsize name_length = strlen (name);

  for (const char *at = list->text; at < end;)
    {
      const char *next = find_within (at, end, ';');
      const char *equals = find_within (at, next, '=');
      DflSpan key = span (at, equals);

      if (key.length == name_length && g_ascii_strncasecmp (key.text, name, name_length) == 0)
        {
          DflSpan value = equals < next ? span (equals + 1, next) : span (next, next);

          return dfl_header_unquote (value.text, (gssize)value.length, MAX_VALUE);
        }
      at = next + 1;
    }
  return NULL;
}

char *
dfl_header_dup_parameter (const DflHeaderEntry *entry, const char *name)
{
  if (entry->parameters.length == 0)
    return NULL;
  return find_parameter (&entry->parameters, name);
}

char *
dfl_header_dup_uri_parameter (const DflHeaderEntry *entry, const char *name)
{
  const char *end = entry->address.text + entry->address.length;
  const char *first;
  DflSpan list;

  if (entry->address.length == 0)
    return NULL;
  /* A semicolon may stand in the user part; the parameters are behind the host. */
  first = memchr (entry->address.text, '@', entry->address.length);
  first = find_within (first != NULL ? first : entry->address.text, end, ';');
  if (first == end)
    return NULL;
  list = span (first + 1, end);
  return find_parameter (&list, name);
}

static char *
decode (const char *text, gsize length)
{
  GString *plain = g_string_sized_new (length);

  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '%' && i + 2 < length && g_ascii_isxdigit (text[i + 1])
          && g_ascii_isxdigit (text[i + 2]))
        {
          g_string_append_c (plain, (char)(g_ascii_xdigit_value (text[i + 1]) * 16
                                           + g_ascii_xdigit_value (text[i + 2])));
          i += 2;
        }
      else
        g_string_append_c (plain, text[i]);
    }
  return g_string_free (plain, FALSE);
}

char *
dfl_header_dup_embedded (const DflHeaderEntry *entry, const char *name)
{
  const char *end = entry->embedded.text + entry->embedded.length;
  gsize name_length = strlen (name);

  if (entry->embedded.length == 0)
    return NULL;
  for (const char *at = entry->embedded.text; at < end;)
    {
      const char *next = memchr (at, '&', (gsize)(end - at));
      const char *equals;

      if (next == NULL)
        next = end;
      equals = memchr (at, '=', (gsize)(next - at));
      if (equals != NULL && (gsize)(equals - at) == name_length
          && g_ascii_strncasecmp (at, name, name_length) == 0)
        {
          g_autofree char *plain = decode (equals + 1, (gsize)(next - equals - 1));

          return dfl_header_unquote (plain, -1, MAX_VALUE);
        }
      at = next + 1;
    }
  return NULL;
}

DflSpan
dfl_header_uri_host (const char *uri)
{
  DflSpan none = { "", 0 };
  const char *colon = strchr (uri, ':');
  const char *at, *end;

  if (colon == NULL
      || !((colon - uri == 3 && g_ascii_strncasecmp (uri, "sip", 3) == 0)
           || (colon - uri == 4 && g_ascii_strncasecmp (uri, "sips", 4) == 0)))
    return none;

  at = strchr (colon, '@');
  at = at != NULL ? at + 1 : colon + 1;
  end = *at == '[' ? at + strcspn (at, "]") : at + strcspn (at, ":;?>");
  return span (at, *at == '[' && *end == ']' ? end + 1 : end);
}
