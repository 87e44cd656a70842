/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The secret of this machine, from which contact tokens and instance ids are made. */

#pragma once

#include <glib.h>

/*
 * Reads STATE_DIR/secret, 32 bytes, mode 0600; makes it where there is none, whole or not at all.
 * One that cannot be read, or has another size, owner or mode, is an error that names the file and
 * says what to do, and secret is random then: registrations work, but what an earlier run left at
 * the servers is not recognised.
 */
gboolean dfl_secret_load (const char *state_dir, guint8 secret[32], GError **error);
