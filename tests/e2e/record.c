/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "callers.h"

static void
judge_message (Seen *seen, gboolean arrived, gint64 at, const char *message)
{
  guint status;

  if (arrived && g_str_has_prefix (message, "INVITE "))
    seen->arrived = TRUE;
  if (arrived && g_str_has_prefix (message, "ACK ") && seen->ack_at == 0)
    seen->ack_at = at;
  if (arrived || strstr (message, "CSeq: 1 INVITE") == NULL)
    return;
  status = (guint)strtoul (message + strlen ("SIP/2.0 "), NULL, 10);
  if (status < 200)
    return;
  if (seen->final != 0)
    g_assert_cmpuint (status, ==, seen->final);
  else
    seen->final_at = at;
  seen->final = status;
}

Seen *
record_read (const char *file, guint n_calls)
{
  Seen *seen = g_new0 (Seen, n_calls);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;
  char *at;

  g_file_get_contents (file, &text, &length, &error);
  g_assert_no_error (error);
  for (at = text; at < text + length;)
    {
      gboolean arrived = *at == '>';
      gint64 time = g_ascii_strtoll (at + 2, &at, 10);
      gsize size = g_ascii_strtoull (at + 1, &at, 10);
      g_autofree char *message = g_strndup (at + 1, size);
      guint number = callers_find_number (message);

      g_assert_cmpuint (number, <, n_calls);
      judge_message (&seen[number], arrived, time, message);
      at += 1 + size;
    }
  return seen;
}
