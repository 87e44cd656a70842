/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/account-queue.h"

#include "core/account-draft.h"

typedef struct
{
  char *name;   /* or NULL */
  GQueue items; /* at least one */
} Author;

struct _DflAccountQueue
{
  GQueue authors; /* of Author, the next one first */
  guint n;        /* items that are not root's */
};

static Author *
find (DflAccountQueue *self, const char *name)
{
  for (GList *link = self->authors.head; link != NULL; link = link->next)
    {
      Author *author = link->data;

      if (g_strcmp0 (author->name, name) == 0)
        return author;
    }

  return NULL;
}

gboolean
dfl_account_queue_has_room (DflAccountQueue *self, const char *author)
{
  Author *known = find (self, author);

  return dfl_account_author_is_root (author)
         || (self->n < DFL_MAX_CHANGES
             && (known == NULL || g_queue_get_length (&known->items) < DFL_MAX_CHANGES_OF_ONE));
}

void
dfl_account_queue_push (DflAccountQueue *self, const char *author, gpointer item)
{
  Author *known = find (self, author);

  if (known == NULL)
    {
      known = g_new0 (Author, 1);
      known->name = g_strdup (author);
      g_queue_init (&known->items);
      g_queue_push_tail (&self->authors, known);
    }
  g_queue_push_tail (&known->items, item);
  self->n += dfl_account_author_is_root (author) ? 0 : 1;
}

gpointer
dfl_account_queue_pop (DflAccountQueue *self)
{
  Author *author = g_queue_pop_head (&self->authors);
  gpointer item;

  if (author == NULL)
    return NULL;

  item = g_queue_pop_head (&author->items);
  self->n -= dfl_account_author_is_root (author->name) ? 0 : 1;
  if (!g_queue_is_empty (&author->items))
    {
      g_queue_push_tail (&self->authors, author);
      return item;
    }

  g_free (author->name);
  g_free (author);

  return item;
}

gboolean
dfl_account_queue_is_empty (DflAccountQueue *self)
{
  return g_queue_is_empty (&self->authors);
}

DflAccountQueue *
dfl_account_queue_new (void)
{
  DflAccountQueue *self = g_new0 (DflAccountQueue, 1);

  g_queue_init (&self->authors);

  return self;
}

void
dfl_account_queue_free (DflAccountQueue *self)
{
  g_return_if_fail (dfl_account_queue_is_empty (self));

  g_free (self);
}
