/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A caller of exact bytes over UDP, for what SIPp cannot time: it acknowledges when it is told to.
 */

#pragma once

#include "harness.h"

typedef struct _Wire Wire;

/* Who calls whom. */
typedef struct
{
  const char *called; /* the user part of an account */
  const char *name;
  const char *number;
  const char *subject;
} WireCaller;

/* A caller with a Call-ID of its own, towards 127.0.0.1:port; "Carol Jensen" calls alice. */
Wire *wire_new (Stage *stage, guint port);
Wire *wire_new_from (Stage *stage, guint port, const WireCaller *caller);
void wire_free (Wire *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Wire, wire_free)

const char *wire_get_call_id (Wire *self);

/* Sends the INVITE; again and again is a retransmission, byte for byte. */
void wire_invite (Wire *self);
void wire_cancel (Wire *self);

/* Acknowledges the last final response to the INVITE. */
void wire_acknowledge (Wire *self);

/* Waits for a response with this status for this CSeq method, passing over others; its text, which
 * is valid until the next one. */
const char *wire_await_response (Wire *self, guint status, const char *method);

/* How many responses with this status have come in all, read up to now. */
guint wire_count_responses (Wire *self, guint status);
