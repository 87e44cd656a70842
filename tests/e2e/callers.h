/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Many callers at one socket, each with a client transaction of its own (RFC 3261 section 17.1.1)
 * that is patient with a bad network, and some whose manners are bad: one of 50 never acknowledges,
 * one of 40 cancels after the first provisional response.
 */

#pragma once

#include <glib.h>

#define CALLERS_T1 100 /* milliseconds */

typedef struct _Callers Callers;

/* They send to the port on 127.0.0.1, and wait for answers to what came from the port via. to is
 * the Request-URI. */
Callers *callers_new (guint n_calls, guint port, guint via, const char *to);
void callers_free (Callers *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Callers, callers_free)

/* The next call; the Call-ID says its number, from 0. */
void callers_begin (Callers *self);

/* Reads what has come, and sends again what is due. */
void callers_step (Callers *self);

guint callers_count_begun (Callers *self);
/* Those that still wait for a final status. */
guint callers_count_waiting (Callers *self);

/* Whether that call is one that cancels. */
gboolean callers_cancels (guint number);

/* Of a message, and of a Call-ID. */
guint callers_find_number (const char *message);
guint callers_read_call_id (const char *id);
