/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the calls of a direct account may come from. */

#pragma once

#include <glib.h>

/* NULL where text is a numeric address or a prefix, else what to do about it. */
char *dfl_accept_from_check (const char *text);
