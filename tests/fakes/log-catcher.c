/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/log-catcher.h"

#include <string.h>

static GPtrArray *caught;

static const char *
find_message (const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      return fields[i].value;

  return "";
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (caught == NULL)
    return g_log_writer_default (level, fields, n_fields, NULL);

  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE)) != 0)
    g_ptr_array_add (caught, g_strdup (find_message (fields, n_fields)));

  return G_LOG_WRITER_HANDLED;
}

void
dfl_log_catcher_install (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}

void
dfl_log_catcher_start (void)
{
  g_assert_null (caught);
  caught = g_ptr_array_new_with_free_func (g_free);
}

GPtrArray *
dfl_log_catcher_stop (void)
{
  return g_steal_pointer (&caught);
}
