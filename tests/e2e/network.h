/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Networks of the test's own: what it does to them nobody else notices. Needs root. */

#pragma once

#include <glib.h>

/* To be called first thing in main: from here on the process and all that it starts have a loopback
 * interface, and nothing else. */
void network_enter (void);

/* Another network, "the desk", at the end of a cable: 10.66.0.1 and fd66::1 there, 10.66.0.2 and
 * fd66::2 here. Laid once; network_reset_cable makes it as it was. */
#define NETWORK_HERE "10.66.0.2"
#define NETWORK_HERE6 "fd66::2"
#define NETWORK_DESK "10.66.0.1"
void network_lay_cable (void);
void network_reset_cable (void);

/* The same with a router before the desk, whose address is NETWORK_DESK seen from here, and whose
 * NAT forgets where UDP belongs to when there was none for so many seconds. No ports are kept. Not
 * to be reset. */
#define NETWORK_PRIVATE "192.168.66.2"
void network_lay_cable_through_nat (guint seconds);

/* The beginning of a command that makes the rest of it run at the desk. */
const char *network_get_desk_command (void);

/* Runs a command, which must succeed; at the desk. */
void network_run (const char *format, ...) G_GNUC_PRINTF (1, 2);
void network_run_at_desk (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* So many of a hundred UDP packets to either port, and so many of those from it, get lost by
 * chance, until further notice; 0: none. */
void network_lose (guint percent, guint port, guint other_port);
