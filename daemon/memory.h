/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Passwords and the names of callers stand in the daemon's memory, and belong nowhere else. */

#pragma once

/* Keeps this process's memory from core dumps, and from being read or traced by other processes of
 * its user; root still may. To be called before there is anything to hide. A build with
 * AddressSanitizer leaves memory readable, because the search for leaks traces its own process. */
void dfl_hide_memory (void);
