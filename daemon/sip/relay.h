/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Copies bytes between two streams, both ways. */

#pragma once

#include <gio/gio.h>

/*
 * Each way has one small buffer, and reads no further before that is written: who does not read
 * stops the other's writing, and nothing is lost or changes places.
 *
 * Near is this machine's end and far the network's. When far has no more to say, near is told so
 * behind the last byte, may have its last word, and closes in its turn; it has two seconds for
 * that. Only then is the relay at its end, so that whoever listens at near has seen everything.
 */
typedef struct _DflRelay DflRelay;

/* The end, once: error is NULL where far closed in good order, G_IO_ERROR_CLOSED where near did
 * first. Never from within dfl_relay_new or dfl_relay_free. */
typedef void (*DflRelayEndedFunc) (const GError *error, gpointer data);

/* Refers to all of them. stream: what is spoken over far; far itself, or TLS over it, and in any
 * case one that can be polled. */
DflRelay *dfl_relay_new (GSocketConnection *near,
                         GSocketConnection *far,
                         GIOStream *stream,
                         DflRelayEndedFunc ended,
                         gpointer data);

/* Stops copying, now; ended is not called. The streams are let go of, and not closed. */
void dfl_relay_free (DflRelay *self);
