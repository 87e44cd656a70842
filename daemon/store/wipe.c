/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/wipe.h"

#include <string.h>

void
dfl_wipe_free (gpointer text)
{
  if (text != NULL)
    dfl_wipe_free_bytes (text, strlen (text));
}

void
dfl_wipe_free_bytes (gpointer data, gsize length)
{
  if (data != NULL)
    explicit_bzero (data, length);
  g_free (data);
}
