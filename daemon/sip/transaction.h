/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What leaves for an INVITE, and what becomes of one whose final response cannot leave. */

#pragma once

#include <sofia-sip/nta.h>

#include "core/clock.h"
#include "sip/flow.h"
#include "sip/loop.h"

/*
 * An INVITE server transaction is in one queue at a time, each with the same delay for all:
 *
 *   ring      40 ms after the offer the first 1xx goes out. A decision that is faster needs none.
 *   repeat    the 1xx again, each minute (RFC 3261 section 13.3.1.1)
 *   settle    the final response is sent; the stack says ACK or Timer H, and if it says neither,
 *             this queue does
 *   wounded   the final response could not be sent, see below
 *
 * A wounded transaction is dangerous: the stack keeps one whose final response the network refused
 * in a list from which an ACK must not find it, or an assertion ends the process. So as long as
 * the response has not gone out, the gate has to keep ACK and CANCEL of that INVITE away (they will
 * be sent again), and it is tried again here. When a response went out at last, by us or by the
 * stack, the wound is healed; when none will, the transaction is buried: it stays wounded until the
 * stack has certainly freed it.
 */
typedef struct _DflTransaction DflTransaction;

/* All of one agent. */
typedef struct _DflTransactions DflTransactions;

DflTransactions *dfl_transactions_new (DflClock *clock, DflSipLoop *loop, guint t1);
void dfl_transactions_free (DflTransactions *self);

/* Forgets every transaction, because the stack goes. */
void dfl_transactions_close (DflTransactions *self);

/* How many have a final response, sent or to be sent, and are not freed. */
guint dfl_transactions_get_n_decided (DflTransactions *self);

/* Each may free the transaction. */
typedef struct
{
  void (*cancelled) (const sip_t *cancel, gpointer data);
  /* The final response got its ACK, or there is no hope of one. */
  void (*settled) (gboolean acknowledged, gpointer data);
  /* A wounded one is over. */
  void (*forgotten) (gpointer data);
  /* The Contact of a 180. */
  char *(*contact) (gpointer data);
} DflTransactionListener;

/* Takes msg over, an INVITE, with sip its content. flow: that it came through, or NULL. NULL where
 * the stack takes it for none. Listeners are static. */
DflTransaction *dfl_transaction_new (DflTransactions *all,
                                     nta_agent_t *agent,
                                     msg_t *msg,
                                     sip_t *sip,
                                     DflFlow *flow,
                                     const DflTransactionListener *listener,
                                     gpointer data);

/* Of one that is over. */
void dfl_transaction_free (DflTransaction *self);

/* Nothing leaves any more, and the stack knows it no more. */
gboolean dfl_transaction_is_over (DflTransaction *self);
gboolean dfl_transaction_is_wounded (DflTransaction *self);

/* The stack's; NULL when it is over or given up. */
nta_incoming_t *dfl_transaction_get_incoming (DflTransaction *self);

/* The status of the final response, sent or to be sent; 0 before. */
guint dfl_transaction_get_final (DflTransaction *self);

/* Has 1xx sent until there is a final response: 180 too, or only 100. */
void dfl_transaction_ring (DflTransaction *self, gboolean ringing);

/* Hands the final response to the network, with this line of Contact or none (NULL). FALSE: it took
 * none, and the transaction is wounded. To be called once. */
gboolean dfl_transaction_respond (DflTransaction *self, guint status, const char *contact);

/* The flow is about to be freed: the last word goes to it, which passes it on or not. */
void dfl_transaction_lose_flow (DflTransaction *self);
