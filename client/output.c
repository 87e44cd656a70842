/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "output.h"

#include <glib/gi18n.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Characters of a caller's name where there is little room. */
#define MAX_NAME 32

/* Invisible or reordering characters could make a caller's name look like something else. */
static gboolean
is_harmless (gunichar c)
{
  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
      return FALSE;
    default:
      return TRUE;
    }
}

static char *
make_harmless (const char *text, gboolean ascii_only, gboolean drop)
{
  GString *out = g_string_sized_new (strlen (text));

  while (*text != '\0')
    {
      gunichar c = g_utf8_get_char_validated (text, -1);

      if (c == (gunichar)-1 || c == (gunichar)-2)
        {
          if (!drop)
            g_string_append_printf (out, "\\x%02x", (guchar)*text);
          text++;
          continue;
        }
      if (is_harmless (c) && (c < 0x80 || !ascii_only))
        g_string_append_unichar (out, c);
      else if (!drop)
        g_string_append_printf (out, c > 0xffff ? "\\u{%x}" : "\\u%04x", c);
      text = g_utf8_next_char (text);
    }
  return g_string_free (out, FALSE);
}

char *
dfl_output_escape (const char *text)
{
  return make_harmless (text, !g_get_charset (NULL), FALSE);
}

char *
dfl_output_strip (const char *text)
{
  return make_harmless (text, FALSE, TRUE);
}

char *
dfl_output_time (guint64 microseconds)
{
  g_autoptr (GDateTime) time = NULL;
  g_autoptr (GDateTime) now = NULL;
  gboolean today;

  if (microseconds == 0 || microseconds / G_USEC_PER_SEC > G_MAXINT32 * 2ULL)
    return g_strdup ("");
  time = g_date_time_new_from_unix_local ((gint64)(microseconds / G_USEC_PER_SEC));
  now = g_date_time_new_now_local ();
  if (time == NULL || now == NULL)
    return g_strdup ("");
  today = g_date_time_get_year (time) == g_date_time_get_year (now)
          && g_date_time_get_day_of_year (time) == g_date_time_get_day_of_year (now);
  return g_date_time_format (time, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S");
}

char *
dfl_output_until (guint64 then, guint64 now)
{
  guint64 seconds = then > now ? (then - now) / G_USEC_PER_SEC : 0;

  if (then == 0)
    return g_strdup ("");
  if (then <= now)
    /* Translators: a moment that has passed, where else "in 9 min" stands. */
    return g_strdup (_ ("over"));
  /* Translators: seconds, minutes, hours, days from now. */
  if (seconds < 120)
    return g_strdup_printf (_ ("in %u s"), (guint)seconds);
  if (seconds < 120 * 60)
    return g_strdup_printf (_ ("in %u min"), (guint)(seconds / 60));
  if (seconds < 48 * 3600)
    return g_strdup_printf (_ ("in %u h"), (guint)(seconds / 3600));
  return g_strdup_printf (_ ("in %u days"), (guint)MIN (seconds / 86400, 99999));
}

/* --- Tables --- */

struct _DflTable
{
  struct libscols_table *table;
  guint columns;
};

DflTable *
dfl_table_new (const char *const *headings, gboolean with_headings, guint wide)
{
  DflTable *self = g_new0 (DflTable, 1);

  self->table = scols_new_table ();
  if (self->table == NULL)
    g_error ("out of memory");
  scols_table_enable_noheadings (self->table, !with_headings);
  self->columns = g_strv_length ((char **)headings);
  for (guint i = 0; i < self->columns; i++)
    scols_table_new_column (self->table, headings[i], 0,
                            (wide & (1u << i)) != 0 ? SCOLS_FL_WRAP : 0);
  return self;
}

void
dfl_table_add (DflTable *self, ...)
{
  struct libscols_line *line = scols_table_new_line (self->table, NULL);
  va_list cells;

  va_start (cells, self);
  for (guint i = 0; i < self->columns; i++)
    {
      const char *cell = va_arg (cells, const char *);
      g_autofree char *safe = dfl_output_escape (cell != NULL ? cell : "");

      scols_line_set_data (line, i, safe);
    }
  va_end (cells);
}

void
dfl_table_print (DflTable *self)
{
  char *text = NULL;

  /* An empty table prints nothing, not even headings. */
  if (scols_table_get_nlines (self->table) == 0
      || scols_print_table_to_string (self->table, &text) != 0)
    return;
  g_print ("%s\n", text);
  free (text); /* the library's, made by malloc */
}

void
dfl_table_free (DflTable *self)
{
  scols_unref_table (self->table);
  g_free (self);
}

/* --- JSON --- */

/* json-glib escapes what JSON demands, which leaves what a terminal takes for a command, or what
 * turns text around. Outside ASCII everything stands in strings, where an escape is the same text.
 */
static char *
escape_json (const char *text)
{
  GString *out = g_string_sized_new (strlen (text));

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      if (c < 0x7f || is_harmless (c))
        g_string_append_unichar (out, c);
      else if (c < 0x10000)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_printf (out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                                0xdc00 + ((c - 0x10000) & 0x3ff));
    }
  return g_string_free (out, FALSE);
}

void
dfl_output_json (JsonNode *node, gboolean pretty)
{
  g_autoptr (JsonNode) root = node;
  g_autofree char *text = json_to_string (root, pretty);
  g_autofree char *safe = escape_json (text);

  /* JSON is UTF-8 whatever the locale is, so not g_print(). */
  fputs (safe, stdout);
  fputc ('\n', stdout);
  fflush (stdout);
}

gboolean
dfl_output_is_lost (void)
{
  GPollFD output = { .fd = STDOUT_FILENO, .events = G_IO_OUT };

  if (fflush (stdout) == 0 && !ferror (stdout))
    return FALSE;
  /* What went wrong is not kept, but a pipe goes on telling that nobody reads it. */
  return g_poll (&output, 1, 0) < 1 || (output.revents & (G_IO_ERR | G_IO_HUP)) == 0;
}

static const char *
id_of (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash != NULL ? slash + 1 : path;
}

JsonNode *
dfl_output_object_json (const char *path, const char *account_name, GVariant *properties)
{
  g_autoptr (JsonObject) object = json_object_new ();
  GVariantIter iter;
  const char *name;
  GVariant *value;

  json_object_set_string_member (object, "id", id_of (path));
  json_object_set_string_member (object, "path", path);
  if (account_name != NULL)
    json_object_set_string_member (object, "accountName", account_name);
  g_variant_iter_init (&iter, properties);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      json_object_set_member (object, name, json_gvariant_serialize (value));
      g_variant_unref (value);
    }
  return json_node_init_object (json_node_alloc (), object);
}

/* --- Properties --- */

const char *
dfl_property_string (GVariant *properties, const char *name)
{
  const char *value = "";

  if (!g_variant_lookup (properties, name, "&s", &value))
    (void)g_variant_lookup (properties, name, "&o", &value);
  return value;
}

guint64
dfl_property_uint64 (GVariant *properties, const char *name)
{
  guint64 value = 0;

  (void)g_variant_lookup (properties, name, "t", &value);
  return value;
}

gboolean
dfl_property_boolean (GVariant *properties, const char *name)
{
  gboolean value = FALSE;

  (void)g_variant_lookup (properties, name, "b", &value);
  return value;
}

/* A name of any length must not push the number, or the doubt, out of sight. */
static char *
shorten (const char *name)
{
  g_autofree char *start = NULL;

  if (g_utf8_strlen (name, -1) <= MAX_NAME)
    return g_strdup (name);
  start = g_utf8_substring (name, 0, MAX_NAME - 1);
  return g_strconcat (start, "…", NULL);
}

char *
dfl_output_caller (GVariant *properties)
{
  const char *presentation = dfl_property_string (properties, "CallerPresentation");
  g_autofree char *name = shorten (dfl_property_string (properties, "CallerName"));
  const char *place = dfl_property_string (properties, "CallerNumber");
  g_autofree char *who = NULL;

  if (*place == '\0')
    place = dfl_property_string (properties, "CallerAddress");
  if (g_str_equal (presentation, "anonymous"))
    return g_strdup (_ ("anonymous"));
  if (*place == '\0' && *name == '\0')
    return g_strdup (_ ("unknown"));
  who = g_strdup_printf ("%s%s%s", name, *name != '\0' && *place != '\0' ? " " : "", place);
  if (dfl_property_boolean (properties, "CallerTrusted"))
    return g_steal_pointer (&who);
  /* Translators: a caller who says so about himself; nobody has vouched for it. */
  return g_strdup_printf (_ ("%s (claimed)"), who);
}

char *
dfl_output_server (GVariant *properties)
{
  const char *server = dfl_property_string (properties, "Server");
  const char *transport = dfl_property_string (properties, "Transport");

  if (*server == '\0')
    return g_strdup ("");
  return g_strdup_printf ("%s%s%s", transport, *transport != '\0' ? " " : "", server);
}

static void
append_value (GString *out, GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) inner = g_variant_get_variant (value);

      append_value (out, inner);
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_DICT_ENTRY))
    {
      g_autoptr (GVariant) key = g_variant_get_child_value (value, 0);
      g_autoptr (GVariant) content = g_variant_get_child_value (value, 1);

      append_value (out, key);
      g_string_append_c (out, '=');
      append_value (out, content);
    }
  else if (g_variant_is_container (value))
    {
      gboolean list_of_lists = g_variant_is_of_type (value, G_VARIANT_TYPE ("aa{sv}"))
                               || g_variant_is_of_type (value, G_VARIANT_TYPE ("aas"))
                               || g_variant_is_of_type (value, G_VARIANT_TYPE ("a(sss)"));

      for (gsize i = 0; i < g_variant_n_children (value); i++)
        {
          g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

          if (i > 0)
            g_string_append (out, list_of_lists ? "; " : ", ");
          append_value (out, child);
        }
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
           || g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH))
    g_string_append (out, g_variant_get_string (value, NULL));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    g_string_append (out, g_variant_get_boolean (value) ? _ ("yes") : _ ("no"));
  else
    {
      g_autofree char *text = g_variant_print (value, FALSE);

      g_string_append (out, text);
    }
}

char *
dfl_output_property (GVariant *value)
{
  GString *out;

  /* Every t of the contract is a moment. */
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    return dfl_output_time (g_variant_get_uint64 (value));
  out = g_string_new (NULL);
  append_value (out, value);
  return g_string_free (out, FALSE);
}
