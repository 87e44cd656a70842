/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/key-problems.h"

#include "core/offer.h"

/* So many problems of one file are told; a person wants to see the next one after mending these. */
#define MAX_PROBLEMS 20

struct _DflKeyProblems
{
  char *path; /* or NULL */
  GPtrArray *all;
  guint n_untold;
};

DflKeyProblems *
dfl_key_problems_new (const char *path)
{
  DflKeyProblems *self = g_new0 (DflKeyProblems, 1);

  self->path = path != NULL ? dfl_text_clean (path, -1, 1024) : NULL;
  self->all = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
dfl_key_problems_free (DflKeyProblems *self)
{
  g_free (self->path);
  g_ptr_array_unref (self->all);
  g_free (self);
}

void
dfl_key_problems_add (DflKeyProblems *self, guint line, const char *what, const char *text)
{
  g_autofree char *where = NULL;

  if (self->all->len >= MAX_PROBLEMS)
    {
      self->n_untold++;
      return;
    }
  where = self->path != NULL ? g_strdup_printf ("%s:%u: ", self->path, line) : g_strdup ("");
  g_ptr_array_add (self->all, g_strconcat (where, what != NULL ? what : text,
                                           what != NULL ? ": " : NULL, text, NULL));
}

GPtrArray *
dfl_key_problems_take (DflKeyProblems *self)
{
  GPtrArray *problems = g_steal_pointer (&self->all);

  if (self->n_untold > 0)
    g_ptr_array_add (problems, g_strdup_printf ("%s%s%u more problems, shown when these are mended",
                                                self->path != NULL ? self->path : "",
                                                self->path != NULL ? ": " : "", self->n_untold));
  self->all = g_ptr_array_new_with_free_func (g_free);
  self->n_untold = 0;
  return problems;
}
