/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of addresses from strangers' headers: every entry has an end, every text that comes out is
 * clean, and nothing is read beyond the text. */

#include <stdlib.h>
#include <string.h>

#include "core/offer.h"
#include "sip/headers.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_clean (char *text)
{
  if (text == NULL)
    return;
  g_autofree char *again = dfl_text_clean (text, -1, G_MAXSIZE);

  if (!g_utf8_validate (text, -1, NULL) || strcmp (text, again) != 0)
    abort ();
  g_free (text);
}

static void
check_entry (const DflHeaderEntry *entry, const char *text, gsize size)
{
  static const char *const names[] = { "reason", "cause", "counter", "privacy", "screen", "p" };
  const DflSpan *spans[] = { &entry->name, &entry->address, &entry->embedded, &entry->parameters };

  for (guint i = 0; i < G_N_ELEMENTS (spans); i++)
    if (spans[i]->length > 0
        && (spans[i]->text < text || spans[i]->text + spans[i]->length > text + size))
      abort ();

  check_clean (dfl_header_dup_name (entry));
  check_clean (dfl_header_dup_address (entry));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      check_clean (dfl_header_dup_parameter (entry, names[i]));
      check_clean (dfl_header_dup_uri_parameter (entry, names[i]));
      check_clean (dfl_header_dup_embedded (entry, names[i]));
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *)data, size);
  gsize length = strlen (text);
  const char *at = text;
  DflHeaderEntry entry;
  DflSpan host = dfl_header_uri_host (text);

  if (host.length > length)
    abort ();
  while (*at != '\0')
    {
      const char *before = at;

      if (!dfl_header_next (&at, &entry))
        break;
      if (at <= before || at > text + length)
        abort ();
      check_entry (&entry, text, length);
    }
  check_clean (dfl_header_unquote (text, -1, 128));
  return 0;
}
