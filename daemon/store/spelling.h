/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* "Did you mean ...?" */

#pragma once

#include <glib.h>

/* The one of known (NULL-terminated) that word is most likely a misspelling of, or NULL. */
const char *dfl_spelling_suggest (const char *word, const char *const *known);
