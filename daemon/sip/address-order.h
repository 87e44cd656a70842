/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which address of a host to try first. */

#pragma once

#include <gio/gio.h>

/*
 * Sorts addresses (of GInetAddress) by the rules of RFC 6724 section 6 that matter between
 * families: those that cannot be reached by any route last, then those for which this machine would
 * have to use an address of another kind (a unique local one towards the internet, and the other
 * way round), then IPv6 before IPv4. Equal ones keep their order. Opens sockets and sends nothing.
 */
void dfl_address_order (GPtrArray *addresses);
