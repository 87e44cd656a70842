/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The other processes of a measurement: this program again, in a role, told what to do on stdin. */

#pragma once

#include <gio/gio.h>

/* echo: returns every UDP datagram. Says its port. */
int bench_role_echo (void);

/*
 * floor-emitter and floor-answerer: the floor of two stock GDBus programs. The emitter emits a
 * small signal, the answerer answers it with a method call to the emitter, which replies. The
 * emitter takes "run OUTSTANDING ROUNDS" and says "RATE MEDIAN P99" (rounds/s, µs from the signal
 * sent to the call received) when it has counted that many.
 */
int bench_role_floor_emitter (const char *bus_address);

/* The answerer says "MEDIAN P99" of the whole round, signal sent to reply received, on "report". */
int bench_role_floor_answerer (const char *bus_address);

/* decider: redirects every offered call at once. "report" says "REPLIES ERRORS MEDIAN P99" (µs from
 * the Redirect call sent to its reply) since the last one. */
int bench_role_decider (const char *bus_address);

/* How many method calls a client has in flight at most: the system bus allows 128. */
#define BENCH_MAX_IN_FLIGHT 120

/* Where every call is sent. */
#define BENCH_TARGET "sip:+4915550100@mobile.example.net"

/* --- For the roles themselves --- */

/* Says a line on stdout. */
void bench_role_say (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Runs the main loop, handing each line of stdin to handle, until stdin ends. */
void bench_role_serve (void (*handle) (const char *line, gpointer data), gpointer data);

/* A connection to the bus, or the end of the process. */
GDBusConnection *bench_role_connect (const char *bus_address);
