/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory that held a password does not keep it. */

#pragma once

#include <glib.h>

/* Frees a text, after zeros were written over it. NULL is fine. */
void dfl_wipe_free (gpointer text);

/* The same for bytes. */
void dfl_wipe_free_bytes (gpointer data, gsize length);
