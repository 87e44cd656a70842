/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A system tree to install into, of which nothing is left afterwards. Needs root. */

#pragma once

#include <gio/gio.h>

/*
 * To be called first thing in main. From there on the process, which is another one then, and all
 * that it starts have mounts and process numbers of their own; all of them end with it, however it
 * ends. Whoever is not root can still list the cases.
 */
void tree_enter (void);

typedef struct _Tree Tree;

/* From now on whatever is written to /etc, /opt, /usr, /var and the build directory goes to memory,
 * and /run is empty. The absent paths, up to NULL, are not there, nor is the user, even where the
 * real machine has them. */
Tree *tree_new (const char *const *absent, const char *user);

/* Shows the real directories again. Whatever still runs in them must have ended. */
void tree_free (Tree *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tree, tree_free)

/* An empty directory of the tree, to be freed. */
char *tree_make_directory (Tree *self, const char *name);

/* What has come, changed or gone since tree_new in all but the build directory: a sorted path per
 * line, with a / behind a directory that is new and a ! behind a file that is gone. */
char *tree_list_changes (Tree *self);
