/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A password that stands in a file of its own. */

#pragma once

#include <glib.h>

/* What a password may be, wherever it stands. */
#define DFL_PASSWORD_MAX_BYTES 256

/*
 * The first line of the file that password-file= names: by an absolute path, or by NAME for the
 * credential password_NAME that systemd passed to the daemon (systemd.exec(5), LoadCredential=).
 * NULL where there is none to be had, with a problem that quotes neither value nor file, since a
 * person may have written a password into either. To be freed with dfl_wipe_free().
 */
char *dfl_password_file_read (const char *value, char **problem);
