/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The directory that the daemon keeps its own files in. */

#pragma once

#include <glib.h>

/*
 * Makes the directory with mode 0700 where it is missing. Fails with DFL_ERROR_INVALID_SETTINGS
 * where the path is something else, cannot be made or written to, or where other users than the
 * daemon's and root can write to it, naming it and what to do.
 */
gboolean dfl_state_dir_prepare (const char *path, GError **error);
