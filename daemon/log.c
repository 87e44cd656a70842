/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean show_debug;
static gboolean to_journal;

static const char *
find_domain (const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "GLIB_DOMAIN"))
      return fields[i].value;
  return NULL;
}

/* Libraries debug themselves with G_MESSAGES_DEBUG, as everywhere. */
static gboolean
is_wanted (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  const char *domain = find_domain (fields, n_fields);

  if (!g_log_writer_default_would_drop (level, domain))
    return TRUE;
  return (domain == NULL || !g_str_has_prefix (domain, "GLib"))
         && (show_debug || (level & G_LOG_LEVEL_INFO) != 0);
}

/* One form for all that an administrator reads. */
static void
print_line (const char *line)
{
  g_printerr ("deflectd: %s\n", line);
}

static const char *
find_message (const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      return fields[i].value;
  return "";
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  /* What may be fatal goes the default way, which knows when to abort. */
  if ((level & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) == 0)
    return g_log_writer_default (level, fields, n_fields, data);
  if ((level & G_LOG_LEVEL_MESSAGE) == 0 && !is_wanted (level, fields, n_fields))
    return G_LOG_WRITER_HANDLED;
  if (to_journal && g_log_writer_journald (level, fields, n_fields, data) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  print_line (find_message (fields, n_fields));
  return G_LOG_WRITER_HANDLED;
}

void
dfl_log_init (void)
{
  to_journal = g_log_writer_is_journald (fileno (stderr));
  g_log_writer_default_set_use_stderr (TRUE);
  g_log_set_writer_func (write_log, NULL, NULL);
}

void
dfl_log_set_debug (gboolean debug)
{
  show_debug = debug;
}

static void
write_problem (const char *line)
{
  const GLogField fields[] = {
    { "MESSAGE", line, -1 }, { "PRIORITY", "4", -1 }, /* warning */
  };

  if (!to_journal
      || g_log_writer_journald (G_LOG_LEVEL_WARNING, fields, G_N_ELEMENTS (fields), NULL)
             != G_LOG_WRITER_HANDLED)
    print_line (line);
}

void
dfl_log_problem (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    write_problem (*line);
}
