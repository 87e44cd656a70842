/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses as loops compare them: two spellings of one place are one place. */

#pragma once

#include <glib.h>

/*
 * The dialled number in a SIP or tel URI, or in a bare string, cleaned of visual separators and
 * %-escapes: digits, * and # with at most one leading +. NULL where the user part is no number.
 * For CallerNumber and for comparing; free with g_free.
 */
char *dfl_address_number (const char *address);

/*
 * Whether two addresses (sip:, sips: or tel: URIs, name-addrs without the angle brackets, or bare
 * numbers) reach the same place, for the refusal of loops:
 *  - scheme sip and sips are one, host names ignore case and a final dot, %-escapes are decoded,
 *    a default port (5060; 5061 with sips) is as none, parameters and headers do not count;
 *  - two global numbers (+ or 00 followed by digits) are compared by their digits, whatever the
 *    domain; a number that begins with a single 0 equals a global number that is 1-3 digits of
 *    country code followed by it with or without the 0; other numbers need the same host, where
 *    a bare number or a tel: URI matches any host.
 * NULL and the empty string equal nothing.
 */
gboolean dfl_address_same (const char *a, const char *b);
