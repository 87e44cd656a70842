/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where we are, as a peer sees it who is not behind a NAT. */

#pragma once

#include <glib.h>
#include <sys/socket.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/tport.h>

/*
 * The address that a packet to this peer leaves from, as a URI has it: "192.0.2.1",
 * "[2001:db8::1]". NULL where no route leads there. Asks the kernel and sends nothing. An
 * IPv4-mapped IPv6 address is an IPv4 address here.
 */
char *dfl_local_address_towards (const struct sockaddr *peer);

/*
 * The UDP socket of the stack by which this peer is best reached, borrowed: one that is bound to
 * the address that the packets leave from, else one bound to any address, else one of the same
 * family. *place is HOST:PORT of it, to be freed. NULL where there is none, or no route.
 */
tport_t *dfl_local_address_find_udp (nta_agent_t *nta, const struct sockaddr *peer, char **place);
