/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first look at every message, inside the parser and before the SIP stack sees it. */

#pragma once

#include <glib.h>

#include <sofia-sip/sip.h>
#include <sofia-sip/su.h>

#include "sip/sources.h"

/*
 * The stack answers malformed requests, retransmissions, ACK and CANCEL before it asks its
 * application anything; what must not be answered at all has to be stopped earlier. The gate is a
 * message class whose parser stores the request line where nobody looks for it, and brings it to
 * its place only when the whole header has been read and found good. Whatever does not get there
 * is a message without a request line to the stack, which drops it in silence.
 *
 * No header of a thousand lines comes through the gate. Through it come requests from allowed
 * sources whose Via a response can be sent by, with Call-ID, CSeq, From and To; an INVITE only for
 * a user part that its source may call. From a source that was allowed when its call began come ACK
 * and CANCEL of that call.
 *
 * A response comes through only where a request of ours waits for it: the listener knows its
 * Call-ID, CSeq number and source, its status is one that exists, and it has the one Via that a
 * request of ours has (RFC 3261 section 8.1.3.3). Over TCP there are none but through a flow. Who
 * is neither source nor server costs no more than a look at the first line.
 *
 * What the stack answers at once says truly from where the request came, also through a flow: the
 * gate has it come from the far end. An INVITE still comes from the relay, because the way of its
 * later answers is made of that (see sip/via.h for what they say).
 */
typedef struct _DflGate DflGate;

/* What becomes of an ACK or CANCEL. */
typedef enum
{
  DFL_GATE_UNKNOWN, /* there is no such INVITE here */
  DFL_GATE_KNOWN,
  DFL_GATE_BLOCKED /* it must not reach the stack now */
} DflGateAnswer;

/* Asks about the INVITE with this Call-ID and CSeq number. */
typedef DflGateAnswer (*DflGateAskFunc) (const char *call_id, guint32 cseq, gpointer data);

/* Whether a request of ours with this Call-ID and CSeq number waits for a response from there. */
typedef gboolean (*DflGateExpectFunc) (const char *call_id,
                                       guint32 cseq,
                                       const DflSource *source,
                                       gpointer data);

/* Whether this TCP peer is the relay of a flow, and from where its messages really come. */
typedef gboolean (*DflGateFarEndFunc) (const struct sockaddr *relay,
                                       su_sockaddr_t *far,
                                       gpointer data);

/* Says that a TCP peer sent something that is not for us. */
typedef void (*DflGateStrangerFunc) (gpointer data);

typedef struct
{
  DflGateAskFunc ask;
  DflGateExpectFunc expect;
  DflGateFarEndFunc far_end;
  DflGateStrangerFunc stranger;
  gpointer data;
} DflGateListener;

/* max_message: the most bytes that one message may have. */
DflGate *dfl_gate_new (DflSources *sources, gsize max_message, const DflGateListener *listener);

/* To be freed after the last message that was made with its class. */
void dfl_gate_free (DflGate *self);

msg_mclass_t *dfl_gate_get_class (DflGate *self);

/* Where a message came from; points into it. */
DflSource dfl_gate_source_of (msg_t *msg);
