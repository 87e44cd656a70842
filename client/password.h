/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A password on its way from a person or a file: never shown, and wiped behind us. */

#pragma once

#include <glib.h>

/*
 * Asks on the terminal of this process, whatever standard input is, without an echo; prompt goes
 * there as it is. The terminal is as it was before when this returns, and also when a signal ends
 * or stops the process meanwhile. May return "". Fails with USAGE where there is no terminal.
 */
char *dfl_password_ask (const char *prompt, GError **error);

/* The first line of a file, which must not be empty; "-" is standard input, of which not a byte
 * more is read. */
char *dfl_password_read_file (const char *path, GError **error);

void dfl_password_free (char *password); /* wipes it; NULL is fine */
