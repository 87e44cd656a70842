/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading a file that anybody may have put there. */

#pragma once

#include <glib.h>
#include <sys/stat.h>

/* A key file larger than this is not read. */
#define DFL_SLURP_MAX_BYTES (256 * 1024)

/*
 * Opens a regular file below a directory (AT_FDCWD: any path) and says what it is. Never waits: a
 * FIFO, a device or a directory is refused. flags are more of open(2), such as O_NOFOLLOW. Fails
 * with -1, with errno where the system refused it and 0 else, and with what is wrong, as the rest
 * of a sentence that begins with the file.
 */
int dfl_slurp_open (int directory, const char *path, int flags, struct stat *facts, char **problem);

/* Its bytes, at most max_bytes of them, and a NUL behind them; closes it. NULL with a problem as
 * above. To be freed with dfl_wipe_free_bytes() where it may hold a password. */
char *dfl_slurp_read (int fd, gsize max_bytes, gsize *length, char **problem);

/*
 * The bytes of a regular file, or of what a symbolic link to one names, of DFL_SLURP_MAX_BYTES at
 * most. Fails with DFL_ERROR_INVALID_SETTINGS, the message naming the file; with
 * G_FILE_ERROR_NOENT where there is none.
 */
char *dfl_slurp (const char *path, struct stat *facts, gsize *length, GError **error);
