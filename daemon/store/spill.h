/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing a file that is not to be found half written. */

#pragma once

#include <glib.h>

/*
 * Makes a new file in a directory, with mode 0600 from its first byte, whatever has its name now,
 * and waits until its bytes are on the disk; that it has a name there is for who renames it to wait
 * for. 0, or what errno says, and then there is none.
 */
int dfl_spill (int directory, const char *name, gconstpointer bytes, gsize length);
