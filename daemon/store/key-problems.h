/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is wrong with a file, told as "PATH:LINE: KEY: what was expected". */

#pragma once

#include <glib.h>

typedef struct _DflKeyProblems DflKeyProblems;

/* path: for messages only, or NULL for a text that nobody sees: then no line is named either. */
DflKeyProblems *dfl_key_problems_new (const char *path);
void dfl_key_problems_free (DflKeyProblems *self);

/* what: NULL or the key. Past a limit they are only counted. */
void dfl_key_problems_add (DflKeyProblems *self, guint line, const char *what, const char *text);

/* All of them so far, of char *. Takes them away. */
GPtrArray *dfl_key_problems_take (DflKeyProblems *self);
