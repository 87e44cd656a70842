/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* GKeyFile says that a text is wrong, but of no line: so they are given to it one at a time. */

#include "store/key-text.h"

#include <string.h>

#include "store/wipe.h"

const char *
dfl_key_text_skip_space (const char *text)
{
  while (g_ascii_isspace (*text))
    text++;
  return text;
}

/* What no line may hold, whatever it says; NULL where all is well. */
static const char *
find_bad_bytes (const char *line, gsize length)
{
  if (memchr (line, '\0', length) != NULL)
    return "holds a NUL byte; expected a text file";
  if (!g_utf8_validate_len (line, length, NULL))
    return "is not UTF-8; save the file with that encoding";
  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (line[i]) && line[i] != '\t')
      return "holds a control character; expected text";
  return NULL;
}

GPtrArray *
dfl_key_text_split (DflKeyProblems *problems, const char *data, gsize length)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func (dfl_wipe_free);
  const char *end = data + length;

  if (length >= 3 && memcmp (data, "\xEF\xBB\xBF", 3) == 0)
    {
      dfl_key_problems_add (problems, 1, NULL,
                            "begins with a byte order mark; save the file as UTF-8 without it");
      data += 3;
    }
  while (data < end)
    {
      const char *newline = memchr (data, '\n', (gsize)(end - data));
      gsize size = (gsize)((newline != NULL ? newline : end) - data);
      gsize bare = size > 0 && newline != NULL && data[size - 1] == '\r' ? size - 1 : size;
      const char *problem = find_bad_bytes (data, bare);

      if (problem != NULL)
        dfl_key_problems_add (problems, lines->len + 1, NULL, problem);
      g_ptr_array_add (lines, problem != NULL ? g_strdup ("") : g_strndup (data, bare));
      data += size + (newline != NULL ? 1 : 0);
    }
  return lines;
}

static GKeyFile *
parse_lines (GPtrArray *lines)
{
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  char *text;
  gboolean parses;

  g_ptr_array_add (lines, NULL);
  text = g_strjoinv ("\n", (char **)lines->pdata);
  g_ptr_array_set_size (lines, (gint)lines->len - 1);
  parses = g_key_file_load_from_data (keys, text, strlen (text), G_KEY_FILE_NONE, NULL);
  dfl_wipe_free (text);
  return parses ? g_steal_pointer (&keys) : NULL;
}

static gboolean
line_parses (const char *line, gboolean is_group)
{
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  g_autofree char *text = is_group ? g_strdup (line) : g_strdup_printf ("[group]\n%s", line);

  return g_key_file_load_from_data (keys, text, strlen (text), G_KEY_FILE_NONE, NULL);
}

/* Empties every line that GKeyFile refuses, and what stands below a group line that is lost. */
static void
blank_bad_lines (DflKeyProblems *problems, GPtrArray *lines)
{
  enum
  {
    ABOVE,
    INSIDE,
    LOST
  } where
      = ABOVE;

  for (guint i = 0; i < lines->len; i++)
    {
      char *line = g_ptr_array_index (lines, i);
      const char *start = dfl_key_text_skip_space (line);
      const char *problem = NULL;

      if (*start == '#' || *start == '\0')
        continue;
      if (*start == '[')
        {
          if (!line_parses (line, TRUE))
            problem = "expected a group, such as [account], and nothing behind it";
          where = problem != NULL ? LOST : INSIDE;
        }
      else if (where == ABOVE)
        problem = "stands above the first [group] line; expected one before any key";
      else if (where == INSIDE && !line_parses (line, FALSE))
        problem = "expected KEY=VALUE, a [group], or a comment that begins with #";

      if (problem != NULL)
        dfl_key_problems_add (problems, i + 1, NULL, problem);
      if (problem != NULL || where == LOST)
        line[0] = '\0';
    }
}

GKeyFile *
dfl_key_text_parse (DflKeyProblems *problems, GPtrArray *lines)
{
  GKeyFile *keys = parse_lines (lines);

  if (keys == NULL)
    {
      blank_bad_lines (problems, lines);
      keys = parse_lines (lines);
    }
  if (keys == NULL)
    dfl_key_problems_add (problems, 1, NULL,
                          "is no key file; expected [group] lines and KEY=VALUE lines");
  return keys;
}
