/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GKeyFile knows the syntax, but not where in the file anything stood: its errors name no line, a
 * key that stands twice silently means its last value, and one that nobody knows means nothing. So
 * the text is parsed by GKeyFile, and beside it every line is looked at once more to note where its
 * group or key stands.
 */

#include "store/key-file.h"

#include <stdarg.h>
#include <string.h>

#include "core/offer.h"
#include "store/key-problems.h"
#include "store/key-readers.h"
#include "store/key-text.h"
#include "store/spelling.h"
#include "store/wipe.h"

#define MAX_QUOTED_BYTES 60

struct _DflKeyFile
{
  GKeyFile *keys;
  GPtrArray *lines;  /* of DflKeyLine, in the order of the file; none that stands twice */
  GHashTable *index; /* "GROUP" or "GROUP\nKEY" to its DflKeyLine */
  DflKeyProblems *problems;
};

static void
key_line_free (gpointer data)
{
  DflKeyLine *self = data;

  g_free (self->group);
  g_free (self->key);
  g_free (self);
}

/* --- Problems --- */

/* A key as a message shows it: whatever stands before the = came from a file. */
static char *
show_key (const DflKeyLine *at)
{
  g_autofree char *name = dfl_text_clean (at->key != NULL ? at->key : at->group, -1, 64);

  return at->key != NULL ? g_steal_pointer (&name) : g_strdup_printf ("[%s]", name);
}

void
dfl_key_file_complain (DflKeyFile *self, const DflKeyLine *at, const char *format, ...)
{
  g_autofree char *what = show_key (at);
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  dfl_key_problems_add (self->problems, at->line, what, text);
}

void
dfl_key_file_complain_missing (
    DflKeyFile *self, const char *group, const char *key, const char *format, ...)
{
  const DflKeyLine *opening = dfl_key_file_find (self, group, NULL);
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  dfl_key_problems_add (self->problems, opening != NULL ? opening->line : 1, key, text);
}

char *
dfl_key_file_quote (const char *value)
{
  g_autofree char *clean = dfl_text_clean (value, -1, MAX_QUOTED_BYTES);

  return g_strdup_printf ("\"%s%s\"", clean, strlen (value) > MAX_QUOTED_BYTES ? "..." : "");
}

GPtrArray *
dfl_key_file_take_problems (DflKeyFile *self)
{
  return dfl_key_problems_take (self->problems);
}

/* --- Where everything stands --- */

static char *
index_key (const char *group, const char *key)
{
  return key != NULL ? g_strconcat (group, "\n", key, NULL) : g_strdup (group);
}

/* Notes one line, or complains that it stands twice; then a key loses its value, because nobody can
 * know which one its writer meant. */
static void
note_line (DflKeyFile *self, const char *group, const char *key, guint line)
{
  g_autofree char *name = index_key (group, key);
  const DflKeyLine *first = g_hash_table_lookup (self->index, name);
  DflKeyLine *at = g_new0 (DflKeyLine, 1);

  at->group = g_strdup (group);
  at->key = g_strdup (key);
  at->line = line;
  if (first == NULL)
    {
      g_hash_table_insert (self->index, g_steal_pointer (&name), at);
      g_ptr_array_add (self->lines, at);
      return;
    }
  dfl_key_file_complain (self, at, "stands in line %u already; keep one of the two", first->line);
  if (key != NULL)
    g_key_file_remove_key (self->keys, group, key, NULL);
  key_line_free (at);
}

static void
note_lines (DflKeyFile *self, GPtrArray *lines)
{
  g_autofree char *group = NULL;

  for (guint i = 0; i < lines->len; i++)
    {
      const char *start = dfl_key_text_skip_space (g_ptr_array_index (lines, i));
      const char *equals = strchr (start, '=');

      if (*start == '[')
        {
          g_free (group);
          group = g_strndup (start + 1, (gsize)(strrchr (start, ']') - start - 1));
          note_line (self, group, NULL, i + 1);
        }
      else if (*start != '#' && equals != NULL && group != NULL)
        {
          g_autofree char *key = g_strchomp (g_strndup (start, (gsize)(equals - start)));

          note_line (self, group, key, i + 1);
        }
    }
}

DflKeyFile *
dfl_key_file_new (const char *path, const char *data, gsize length)
{
  DflKeyFile *self = g_new0 (DflKeyFile, 1);
  g_autoptr (GPtrArray) lines = NULL;

  self->problems = dfl_key_problems_new (path);
  self->lines = g_ptr_array_new_with_free_func (key_line_free);
  self->index = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  lines = dfl_key_text_split (self->problems, data, length);
  self->keys = dfl_key_text_parse (self->problems, lines);
  if (self->keys == NULL)
    self->keys = g_key_file_new ();
  else
    note_lines (self, lines);
  return self;
}

void
dfl_key_file_free (DflKeyFile *self)
{
  g_key_file_unref (self->keys);
  g_hash_table_unref (self->index);
  g_ptr_array_unref (self->lines);
  dfl_key_problems_free (self->problems);
  g_free (self);
}

const DflKeyLine *
dfl_key_file_find (DflKeyFile *self, const char *group, const char *key)
{
  g_autofree char *name = index_key (group, key);

  return g_hash_table_lookup (self->index, name);
}

/* --- Values --- */

gboolean
dfl_key_file_is_plain (const char *value)
{
  char *clean = dfl_text_clean (value, -1, strlen (value));
  gboolean plain = g_str_equal (value, clean);

  dfl_wipe_free (clean);
  return plain;
}

gboolean
dfl_key_file_is_lines (const char *value)
{
  char *line = g_strdelimit (g_strdup (value), "\r\n\t", ' ');
  gboolean plain = dfl_key_file_is_plain (line);

  dfl_wipe_free (line);
  return plain;
}

/* White space that was not escaped is nothing of the value. */
static void
chomp_raw (DflKeyFile *self, const DflKeyLine *at)
{
  char *raw = g_key_file_get_value (self->keys, at->group, at->key, NULL);
  gsize length = raw != NULL ? strlen (raw) : 0;

  if (length > 0 && g_ascii_isspace (raw[length - 1]))
    g_key_file_set_value (self->keys, at->group, at->key, g_strchomp (raw));
  dfl_wipe_free (raw);
}

/* NULL, and a complaint where the line has a fault of its own that was not told before. */
static char *
get_value (DflKeyFile *self, const DflKeyLine *at, const DflKeySpec *spec)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *value = NULL;

  chomp_raw (self, at);
  value = g_key_file_get_string (self->keys, at->group, at->key, &error);

  /* An escape that is none gives both an error and what could be read. */
  if (error != NULL)
    {
      if (!g_error_matches (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND))
        dfl_key_file_complain (self, at,
                               "has a backslash that begins no escape; write \\\\ for one");
      return NULL;
    }
  if (!spec->literal)
    g_strstrip (value);
  if (!(spec->lines ? dfl_key_file_is_lines (value) : dfl_key_file_is_plain (value)))
    {
      dfl_key_file_complain (self, at, "holds control characters; expected plain text");
      return NULL;
    }
  return g_steal_pointer (&value);
}

gboolean
dfl_key_file_says (DflKeyFile *self, const char *group, const char *key, const char *value)
{
  char *said = g_key_file_get_string (self->keys, group, key, NULL);
  gboolean same = said != NULL && g_str_equal (g_strstrip (said), value);

  dfl_wipe_free (said);
  return same;
}

gboolean
dfl_key_file_begins (DflKeyFile *self, const DflKeyLine *at, const char *prefix)
{
  char *raw = g_key_file_get_value (self->keys, at->group, at->key, NULL);
  gboolean begins = raw != NULL && g_str_has_prefix (raw, prefix);

  dfl_wipe_free (raw);
  return begins;
}

char **
dfl_key_file_get_list (DflKeyFile *self, const DflKeyLine *at)
{
  g_auto (GStrv) items = g_key_file_get_string_list (self->keys, at->group, at->key, NULL, NULL);
  g_autoptr (GStrvBuilder) kept = g_strv_builder_new ();

  if (items == NULL)
    {
      dfl_key_file_complain (self, at, "expected a list whose items are separated by ;");
      return NULL;
    }
  for (char **item = items; *item != NULL; item++)
    if (*g_strstrip (*item) != '\0')
      g_strv_builder_add (kept, *item);
  return g_strv_builder_end (kept);
}

/* Goes on to the next table where this one ends; NULL at the end of all. */
static const DflKeySpec *
skip_end (const DflKeySpec *spec)
{
  while (spec != NULL && spec->key == NULL)
    spec = spec->more;
  return spec;
}

const DflKeySpec *
dfl_key_spec_find (const DflKeySpec *specs, const char *key)
{
  const DflKeySpec *spec = skip_end (specs);

  while (spec != NULL && !g_str_equal (spec->key, key))
    spec = skip_end (spec + 1);
  return spec;
}

static void
complain_unknown_key (DflKeyFile *self, const DflKeyLine *at, const DflKeySpec *specs)
{
  g_autoptr (GPtrArray) known = g_ptr_array_new ();
  g_autofree char *list = NULL;
  const char *meant;

  for (const DflKeySpec *spec = skip_end (specs); spec != NULL; spec = skip_end (spec + 1))
    if (spec->read != dfl_key_read_later && spec->read != dfl_key_read_refused)
      g_ptr_array_add (known, (gpointer)spec->key);
  g_ptr_array_add (known, NULL);

  meant = dfl_spelling_suggest (at->key, (const char *const *)known->pdata);
  if (meant != NULL)
    {
      dfl_key_file_complain (self, at, "unknown key; did you mean %s?", meant);
      return;
    }
  list = g_strjoinv (", ", (char **)known->pdata);
  dfl_key_file_complain (self, at, "unknown key; expected one of %s", list);
}

void
dfl_key_file_read_group (DflKeyFile *self,
                         const char *group,
                         const DflKeySpec *specs,
                         gpointer into)
{
  for (guint i = 0; i < self->lines->len; i++)
    {
      const DflKeyLine *at = g_ptr_array_index (self->lines, i);
      const DflKeySpec *spec;
      char *value = NULL;

      if (at->key == NULL || !g_str_equal (at->group, group))
        continue;
      spec = dfl_key_spec_find (specs, at->key);
      if (spec == NULL)
        complain_unknown_key (self, at, specs);
      else if ((value = get_value (self, at, spec)) != NULL)
        spec->read (self, at, spec, value, into);
      dfl_wipe_free (value);
    }
}

void
dfl_key_file_read_names (DflKeyFile *self,
                         const char *group,
                         DflKeyReadFunc read_one,
                         gpointer into)
{
  static const DflKeySpec plain = { 0 };

  for (guint i = 0; i < self->lines->len; i++)
    {
      const DflKeyLine *at = g_ptr_array_index (self->lines, i);
      g_autofree char *value = NULL;

      if (at->key != NULL && g_str_equal (at->group, group)
          && (value = get_value (self, at, &plain)) != NULL)
        read_one (self, at, NULL, value, into);
    }
}

void
dfl_key_file_check_groups (DflKeyFile *self, const char *const *known, const char *later)
{
  for (guint i = 0; i < self->lines->len; i++)
    {
      const DflKeyLine *at = g_ptr_array_index (self->lines, i);
      g_autofree char *list = g_strjoinv ("], [", (char **)known);
      const char *meant;

      if (at->key != NULL || g_strv_contains (known, at->group))
        continue;
      meant = dfl_spelling_suggest (at->group, known);
      if (later != NULL && g_str_has_prefix (at->group, later))
        dfl_key_file_complain (self, at, "this version does not support it yet; remove the group");
      else if (meant != NULL)
        dfl_key_file_complain (self, at, "unknown group; did you mean [%s]?", meant);
      else
        dfl_key_file_complain (self, at, "unknown group; expected [%s]", list);
    }
}
