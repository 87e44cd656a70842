/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The syntax of key files, line by line. */

#pragma once

#include "store/key-problems.h"

/* A text that may hold anything, line by line; a line that no parser should see is empty and has
 * become a problem. */
GPtrArray *dfl_key_text_split (DflKeyProblems *problems, const char *data, gsize length);

/* Empties every line that GKeyFile refuses, each a problem; NULL with a problem where that does not
 * help. */
GKeyFile *dfl_key_text_parse (DflKeyProblems *problems, GPtrArray *lines);

const char *dfl_key_text_skip_space (const char *text);
