/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Directories that tests put files into. */

#pragma once

#include <glib.h>

/* A new one, with mode 0700. */
char *directory_make (void);

/* With all that is in it; no link is followed. Frees the path. */
void directory_remove (char *path);

/* Puts a file there, whole or not at all; length may be -1. */
void directory_write (const char *directory, const char *name, const char *text, gssize length);

/* The permission bits of what is there; fails the test where nothing is. No link is followed. */
guint directory_get_mode (const char *directory, const char *name);

/* The names in it, sorted, with a space between them. */
char *directory_list (const char *directory);

/* The text of a file; fails the test where there is none. */
char *directory_read (const char *directory, const char *name);
