/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What several authors wait for: they take turns, and each author's own keep their order. */

#pragma once

#include <glib.h>

/* How much may wait, in all and of one author; root's is neither counted nor limited. */
#define DFL_MAX_CHANGES 64
#define DFL_MAX_CHANGES_OF_ONE 8

typedef struct _DflAccountQueue DflAccountQueue;

DflAccountQueue *dfl_account_queue_new (void);
void dfl_account_queue_free (DflAccountQueue *self); /* an empty one */

gboolean dfl_account_queue_has_room (DflAccountQueue *self, const char *author);
void dfl_account_queue_push (DflAccountQueue *self, const char *author, gpointer item);

/* The next author's next item; nobody who waits has to let an author go first twice. NULL where
 * nothing waits. */
gpointer dfl_account_queue_pop (DflAccountQueue *self);

gboolean dfl_account_queue_is_empty (DflAccountQueue *self);
