/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files of accounts in the state directory, which nobody but the daemon has a hand in. */

#pragma once

#include <glib.h>

/*
 * STATE_DIR/accounts.d, held open: whatever becomes of its path afterwards, only this directory is
 * read and written, and no symbolic link in it is followed. Files are named by the account's id, 8
 * hexadecimal digits. Reading, replacing and removing may be done in any one thread at a time.
 */
typedef struct _DflStateFiles DflStateFiles;

/*
 * Makes accounts.d where it is missing, with mode 0700, and takes away what a crash may have left
 * half written. Fails with DFL_ERROR_INVALID_SETTINGS where it is no directory or where another
 * user can write to it, naming it and what to do.
 */
DflStateFiles *dfl_state_files_open (const char *state_dir, GError **error);
void dfl_state_files_close (DflStateFiles *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflStateFiles, dfl_state_files_close)

/* The ids there are files for, sorted; every file that is called *.conf and is none of ours is a
 * problem. */
char **dfl_state_files_list (DflStateFiles *self, GPtrArray *problems);

/* The path of an account's file, for messages. */
char *dfl_state_files_get_path (DflStateFiles *self, const char *id);

/* The text of an account's file, to be freed with dfl_wipe_free_bytes(), and its mode. NULL with a
 * problem where it cannot be read, or where another user may have written it. */
char *dfl_state_files_read (
    DflStateFiles *self, const char *id, gsize *length, guint *mode, char **problem);

/*
 * Writes the whole file, with mode 0600 from its first byte, or takes it away, and waits until that
 * is on the disk. Whenever this is interrupted, the file is the old one or the new one. Fails with
 * DFL_ERROR_FAILED, saying what to do; then the file is the old one. (It is the new one only where
 * a file system that cannot let files trade names takes the file and not the directory.)
 */
gboolean dfl_state_files_replace (
    DflStateFiles *self, const char *id, const char *text, gsize length, GError **error);
gboolean dfl_state_files_remove (DflStateFiles *self, const char *id, GError **error);

/* Whether text is 8 hexadecimal digits, the letters among them small. */
gboolean dfl_state_files_is_id (const char *text);
