/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The caller: a UDP user agent client with just as much SIP as a redirected call needs. */

#pragma once

#include <glib.h>

#include "measure.h"

typedef struct
{
  guint final;          /* calls that got a 3xx */
  guint refused;        /* calls that got another final response */
  guint provisional;    /* 1xx responses */
  guint ringing;        /* of them 180 */
  guint repeated_here;  /* INVITEs sent again because nothing came for 500 ms */
  guint repeated_there; /* final responses that came twice */
  guint last_refusal;   /* the last status that was neither 1xx nor 3xx */
} BenchCallerCounts;

typedef struct _BenchCaller BenchCaller;

/* Calls the account's user part at this port of 127.0.0.1. */
BenchCaller *bench_caller_new (const char *user, guint16 port, GError **error);
void bench_caller_free (BenchCaller *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchCaller, bench_caller_free)

/* Its socket, to wait for in a main loop. */
int bench_caller_get_fd (const BenchCaller *self);

/* Since the last bench_caller_reset. */
const BenchCallerCounts *bench_caller_get_counts (const BenchCaller *self);

/* Forgets every call; what still arrives for one is ignored. */
void bench_caller_reset (BenchCaller *self);

/* Sends the INVITE of a new call. */
void bench_caller_offer (BenchCaller *self);

/*
 * Reads what has arrived: ACKs final responses and adds the time from INVITE to 3xx, in µs, to
 * samples (may be NULL). Returns the number of calls that came to their end.
 */
guint bench_caller_pump (BenchCaller *self, BenchSamples *samples);

/* Sends the INVITEs again that nothing came for in 500 ms. */
void bench_caller_repeat (BenchCaller *self);

/*
 * Calls in a closed loop: outstanding at a time, the next as soon as one is redirected, until
 * so many calls have ended. Fails when nothing happens for 10 s or a call is refused. Returns the
 * calls per second, negative on failure.
 */
double bench_caller_run (
    BenchCaller *self, guint outstanding, guint calls, BenchSamples *samples, GError **error);
