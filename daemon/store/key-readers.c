/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/key-readers.h"

#include <string.h>

void
dfl_key_read_boolean (DflKeyFile *file,
                      const DflKeyLine *at,
                      const DflKeySpec *spec,
                      const char *value,
                      gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);
  gboolean truth = g_str_equal (value, "true");

  if (!truth && !g_str_equal (value, "false"))
    dfl_key_file_complain (file, at, "expected true or false, not %s", quoted);
  else
    G_STRUCT_MEMBER (gboolean, into, spec->offset) = truth;
}

void
dfl_key_read_number (DflKeyFile *file,
                     const DflKeyLine *at,
                     const DflKeySpec *spec,
                     const char *value,
                     gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);
  guint64 number;

  if (!g_ascii_string_to_unsigned (value, 10, spec->minimum, spec->maximum, &number, NULL))
    dfl_key_file_complain (file, at, "expected a whole number from %u to %u, not %s", spec->minimum,
                           spec->maximum, quoted);
  else
    G_STRUCT_MEMBER (guint, into, spec->offset) = (guint)number;
}

void
dfl_key_read_text (DflKeyFile *file,
                   const DflKeyLine *at,
                   const DflKeySpec *spec,
                   const char *value,
                   gpointer into)
{
  char **text = &G_STRUCT_MEMBER (char *, into, spec->offset);

  if (strlen (value) > spec->maximum)
    {
      dfl_key_file_complain (file, at, "expected at most %u bytes of text", spec->maximum);
      return;
    }
  g_free (*text);
  *text = g_strdup (value);
}

void
dfl_key_read_later (DflKeyFile *file,
                    const DflKeyLine *at,
                    const DflKeySpec *spec,
                    const char *value,
                    gpointer into)
{
  if (spec->harmless == NULL)
    dfl_key_file_complain (file, at, "this version does not support it yet; remove the line");
  else if (!g_str_equal (value, spec->harmless))
    dfl_key_file_complain (file, at,
                           "this version does not support it yet; remove the line or set it to %s",
                           spec->harmless);
}

void
dfl_key_read_refused (DflKeyFile *file,
                      const DflKeyLine *at,
                      const DflKeySpec *spec,
                      const char *value,
                      gpointer into)
{
  dfl_key_file_complain (file, at, "%s", spec->refusal);
}
