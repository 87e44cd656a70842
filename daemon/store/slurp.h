/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading a file that anybody may have put there. */

#pragma once

#include <glib.h>

/* A file larger than this is not read. */
#define DFL_SLURP_MAX_BYTES (256 * 1024)

/*
 * The bytes of a regular file, or of what a symbolic link to one names. Never waits: a FIFO, a
 * device or a directory is refused, and so is what is larger than DFL_SLURP_MAX_BYTES. Fails
 * with DFL_ERROR_INVALID_SETTINGS, the message naming the file; with G_FILE_ERROR_NOENT where
 * there is none.
 */
char *dfl_slurp (const char *path, gsize *length, GError **error);
