/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "answer.h"

#include <glib/gi18n.h>

#include "errors.h"
#include "output.h"

/* Longer lines are not quoted in full. */
#define QUOTE_LENGTH 80

static gboolean
refuse (const char *line, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (line, -1);
  g_autofree char *start = g_utf8_substring (valid, 0,
                                             MIN (QUOTE_LENGTH, g_utf8_strlen (valid, -1)));
  g_autofree char *safe = dfl_output_escape (start);

  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
               _ ("“%s” is no answer; the first line has to be “redirect TARGET”, “decline”, "
                  "“decline 480|486|603”, “silence” or empty"),
               safe);
  return FALSE;
}

static gboolean
read_status (const char *word, guint *status)
{
  const char *const known[] = { "480", "486", "603" };

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (word, known[i]))
      {
        *status = (guint)g_ascii_strtoull (word, NULL, 10);
        return TRUE;
      }
  return FALSE;
}

gboolean
dfl_answer_parse (DflAnswer *self, const char *line, GError **error)
{
  g_auto (GStrv) parts = g_strsplit_set (line, " \t\r\n", -1);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();

  *self = (DflAnswer){ .kind = DFL_ANSWER_NOTHING };
  if (!g_utf8_validate (line, -1, NULL))
    return refuse (line, error);
  for (guint i = 0; parts[i] != NULL; i++)
    if (*parts[i] != '\0')
      g_ptr_array_add (words, parts[i]);
  if (words->len == 0)
    return TRUE;

  if (words->len == 2 && g_str_equal (words->pdata[0], "redirect"))
    {
      self->kind = DFL_ANSWER_REDIRECT;
      self->target = g_strdup (words->pdata[1]);
    }
  else if (words->len == 1 && g_str_equal (words->pdata[0], "silence"))
    self->kind = DFL_ANSWER_SILENCE;
  else if (g_str_equal (words->pdata[0], "decline")
           && (words->len == 1
               || (words->len == 2 && read_status (words->pdata[1], &self->status))))
    self->kind = DFL_ANSWER_DECLINE;
  else
    return refuse (line, error);
  return TRUE;
}

void
dfl_answer_clear (DflAnswer *self)
{
  g_clear_pointer (&self->target, g_free);
}
