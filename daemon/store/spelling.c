/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/spelling.h"

#include <string.h>

#define MAX_WORD 31

/* A slip of - for _ or of the case is none. */
static char
fold (char c)
{
  return c == '_' ? '-' : g_ascii_tolower (c);
}

/* Levenshtein's distance, row by row. Both words have at most MAX_WORD bytes. */
static guint
distance (const char *a, const char *b)
{
  guint row[MAX_WORD + 1];
  gsize length = strlen (b);

  for (guint j = 0; j <= length; j++)
    row[j] = j;
  for (guint i = 1; a[i - 1] != '\0'; i++)
    {
      guint diagonal = row[0];

      row[0] = i;
      for (guint j = 1; j <= length; j++)
        {
          guint replaced = diagonal + (fold (a[i - 1]) == fold (b[j - 1]) ? 0 : 1);

          diagonal = row[j];
          row[j] = MIN (replaced, MIN (row[j], row[j - 1]) + 1);
        }
    }
  return row[length];
}

const char *
dfl_spelling_suggest (const char *word, const char *const *known)
{
  const char *best = NULL;
  guint best_distance = 3;

  if (strlen (word) > MAX_WORD)
    return NULL;
  for (const char *const *candidate = known; *candidate != NULL; candidate++)
    {
      guint d = strlen (*candidate) <= MAX_WORD ? distance (word, *candidate) : G_MAXUINT;

      /* Of a short word, two wrong letters leave too little to guess from. */
      if (d < best_distance && d * 3 <= strlen (*candidate))
        {
          best = *candidate;
          best_distance = d;
        }
    }
  return best;
}
