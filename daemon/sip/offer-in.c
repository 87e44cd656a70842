/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A leg is born with its INVITE. Core holds it until it calls release; its transaction may be over
 * before or after that. The leg is freed when both are.
 */

#include "sip/offer-in.h"

#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_string.h>
#include <sofia-sip/tport.h>

#include "core/error.h"
#include "sip/guard.h"
#include "sip/identity.h"
#include "sip/transaction.h"

/* The stack repeats a final response until its ACK comes, from a list that it walks along for each:
 * the ACKs of so many may be missing before others have to pay for it. */
#define MAX_UNACKNOWLEDGED 4096

struct _DflLegs
{
  DflSwitchboard *switchboard;
  DflClock *clock;
  DflSources *sources;
  DflTransactions *transactions;
  GHashTable *by_call_id; /* Call-ID -> the first DflLeg of a chain */
  GHashTable *by_flow;    /* DflFlow -> set of DflLeg */
};

struct _DflLeg
{
  DflLegs *legs;
  DflLeg *next; /* with the same Call-ID */
  DflAccount *account;
  DflCall *call; /* NULL when core has released the leg */
  DflTransaction *transaction;
  DflLegsContactFunc contact;
  nta_agent_t *agent;
  DflFlow *flow; /* that its INVITE came through and that still lives, or NULL */
  char *call_id;
  guint32 cseq;

  guint offering : 1; /* inside dfl_switchboard_offer */
  guint held : 1;     /* core will call release */
};

static void
index_add (DflLegs *self, DflLeg *leg)
{
  leg->next = g_hash_table_lookup (self->by_call_id, leg->call_id);
  g_hash_table_replace (self->by_call_id, leg->call_id, leg);
}

static void
index_remove (DflLegs *self, DflLeg *leg)
{
  DflLeg *first = g_hash_table_lookup (self->by_call_id, leg->call_id);

  if (first == leg && leg->next == NULL)
    g_hash_table_remove (self->by_call_id, leg->call_id);
  else if (first == leg)
    /* The key has to be a string of the leg that stays. */
    g_hash_table_replace (self->by_call_id, leg->next->call_id, leg->next);
  else
    {
      while (first->next != leg)
        first = first->next;
      first->next = leg->next;
    }
}

static void
flow_add (DflLegs *self, DflLeg *leg)
{
  GHashTable *set = g_hash_table_lookup (self->by_flow, leg->flow);

  if (set == NULL)
    {
      set = g_hash_table_new (NULL, NULL);
      g_hash_table_insert (self->by_flow, leg->flow, set);
    }
  g_hash_table_add (set, leg);
}

static void
flow_remove (DflLegs *self, DflLeg *leg)
{
  GHashTable *set = leg->flow != NULL ? g_hash_table_lookup (self->by_flow, leg->flow) : NULL;

  if (set == NULL)
    return;
  g_hash_table_remove (set, leg);
  if (g_hash_table_size (set) == 0)
    g_hash_table_remove (self->by_flow, leg->flow);
  leg->flow = NULL;
}

static void
leg_free_if_over (DflLeg *leg)
{
  if (!dfl_transaction_is_over (leg->transaction) || leg->held || leg->offering)
    return;
  dfl_transaction_free (leg->transaction);
  flow_remove (leg->legs, leg);
  index_remove (leg->legs, leg);
  dfl_sources_release (leg->legs->sources);
  g_object_unref (leg->account);
  g_free (leg->call_id);
  g_slice_free (DflLeg, leg);
}

/* RFC 3326: any value SIP;cause=200 in any Reason header. */
static gboolean
is_answered_elsewhere (const sip_t *cancel)
{
  for (const sip_reason_t *reason = cancel->sip_reason; reason != NULL; reason = reason->re_next)
    if (su_casematch (reason->re_protocol, "SIP") && su_strmatch (reason->re_cause, "200"))
      return TRUE;
  return FALSE;
}

static void
on_cancelled (const sip_t *cancel, gpointer data)
{
  DflLeg *leg = data;
  DflCall *call = leg->call;
  gboolean answered_elsewhere = is_answered_elsewhere (cancel);

  if (dfl_transaction_get_final (leg->transaction) != 0)
    return;
  dfl_transaction_respond (leg->transaction, 487, NULL);
  if (call != NULL)
    dfl_call_leg_cancelled (call, answered_elsewhere);
}

static void
on_settled (gboolean acknowledged, gpointer data)
{
  DflLeg *leg = data;
  DflCall *call = leg->call;

  if (call == NULL)
    leg_free_if_over (leg);
  else if (acknowledged)
    dfl_call_leg_acknowledged (call); /* releases the leg */
  else
    dfl_call_leg_unconfirmed (call);
}

static void
on_forgotten (gpointer data)
{
  leg_free_if_over (data);
}

static char *
make_contact (gpointer data)
{
  DflLeg *leg = data;

  return leg->contact (leg->agent, dfl_transaction_get_incoming (leg->transaction), leg->account);
}

static const DflTransactionListener transaction_listener = {
  .cancelled = on_cancelled,
  .settled = on_settled,
  .forgotten = on_forgotten,
  .contact = make_contact,
};

static gboolean
is_merged_with (const DflLeg *leg, const DflAccount *account, const sip_t *sip)
{
  nta_incoming_t *irq = dfl_transaction_get_incoming (leg->transaction);
  msg_t *request;
  gboolean same_tag;

  if (leg->account != account || irq == NULL || dfl_transaction_get_final (leg->transaction) != 0
      || leg->cseq != sip->sip_cseq->cs_seq)
    return FALSE;
  request = nta_incoming_getrequest (irq);
  same_tag = su_strcasecmp (sip_object (request)->sip_from->a_tag, sip->sip_from->a_tag) == 0;
  msg_unref (request);
  return same_tag;
}

/* RFC 3261 section 8.2.2.2, but only while the first INVITE is pending: the same request may well
 * come again by another way when its call was redirected here. */
static gboolean
is_merged (DflLegs *self, const DflAccount *account, const sip_t *sip)
{
  const DflLeg *leg = g_hash_table_lookup (self->by_call_id, sip->sip_call_id->i_id);

  while (leg != NULL && !is_merged_with (leg, account, sip))
    leg = leg->next;
  return leg != NULL;
}

/* NULL where the stack takes the INVITE for none. Takes msg over. */
static DflLeg *
leg_new (DflLegs *self, msg_t *msg, sip_t *sip, const DflLegOrigin *origin)
{
  DflLeg *leg = g_slice_new0 (DflLeg);

  leg->transaction = dfl_transaction_new (self->transactions, origin->agent, msg, sip, origin->flow,
                                          &transaction_listener, leg);
  if (leg->transaction == NULL)
    {
      g_slice_free (DflLeg, leg);
      return NULL;
    }
  leg->legs = self;
  leg->agent = origin->agent;
  leg->contact = origin->contact;
  leg->flow = origin->flow;
  leg->account = g_object_ref (origin->account);
  leg->call_id = g_strdup (sip->sip_call_id->i_id);
  leg->cseq = sip->sip_cseq->cs_seq;
  index_add (self, leg);
  if (leg->flow != NULL)
    flow_add (self, leg);
  dfl_sources_hold (self->sources);
  return leg;
}

/* Where 1xx must be reliable (RFC 3262) only 100 is possible. */
static gboolean
should_ring (const DflAccountSettings *settings, const sip_t *sip)
{
  return settings->alert
         && !(sip->sip_require != NULL && sip_has_feature (sip->sip_require, "100rel"));
}

static void
leg_offer (DflLeg *leg, const sip_t *sip, DflLine *line)
{
  DflLegs *self = leg->legs;
  const DflAccountSettings *settings = dfl_account_get_settings (leg->account);
  DflOffer *offer = dfl_identity_read_invite (sip, settings);
  g_autoptr (GError) error = NULL;
  DflCall *call;

  offer->received = dfl_clock_now (self->clock);
  offer->received_wall = dfl_clock_wall (self->clock);

  leg->offering = leg->held = TRUE;
  dfl_transaction_ring (leg->transaction, should_ring (settings, sip));
  call = dfl_switchboard_offer (self->switchboard, leg->account, offer, line, leg, &error);
  leg->offering = FALSE;

  if (call == NULL)
    {
      leg->held = FALSE;
      dfl_transaction_respond (leg->transaction,
                               g_error_matches (error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED) ? 486
                                                                                            : 480,
                               NULL);
    }
  else if (leg->held)
    leg->call = call;
  else
    leg_free_if_over (leg);
}

void
dfl_legs_take_invite (DflLegs *self, msg_t *msg, sip_t *sip, const DflLegOrigin *origin)
{
  gboolean merged = is_merged (self, origin->account, sip);
  DflLeg *leg = leg_new (self, msg, sip, origin);

  if (leg == NULL)
    return;
  if (merged)
    dfl_transaction_respond (leg->transaction, 482, NULL);
  else
    leg_offer (leg, sip, origin->line);
}

static void
leg_lose_flow (DflLeg *leg)
{
  DflCall *call = leg->call;
  gboolean decided = dfl_transaction_get_final (leg->transaction) != 0;

  dfl_transaction_lose_flow (leg->transaction);
  flow_remove (leg->legs, leg);
  if (call == NULL)
    leg_free_if_over (leg);
  else if (decided)
    dfl_call_leg_unconfirmed (call); /* releases the leg */
  else
    dfl_call_leg_failed (call);
}

void
dfl_legs_lose_flow (DflLegs *self, DflFlow *flow)
{
  GHashTable *set;
  GHashTableIter iter;
  gpointer leg;

  /* What core does about one of them may end others. */
  while ((set = g_hash_table_lookup (self->by_flow, flow)) != NULL)
    {
      g_hash_table_iter_init (&iter, set);
      g_hash_table_iter_next (&iter, &leg, NULL);
      leg_lose_flow (leg);
    }
}

gboolean
dfl_legs_are_full (DflLegs *self)
{
  return dfl_transactions_get_n_decided (self->transactions) >= MAX_UNACKNOWLEDGED;
}

DflGateAnswer
dfl_legs_ask (DflLegs *self, const char *call_id, guint32 cseq)
{
  DflGateAnswer answer = DFL_GATE_UNKNOWN;

  for (const DflLeg *leg = g_hash_table_lookup (self->by_call_id, call_id); leg != NULL;
       leg = leg->next)
    if (leg->cseq == cseq)
      {
        if (dfl_transaction_is_wounded (leg->transaction))
          return DFL_GATE_BLOCKED;
        answer = DFL_GATE_KNOWN;
      }
  return answer;
}

void
dfl_legs_add_peers (DflLegs *self, GHashTable *peers)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->by_call_id);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    for (const DflLeg *leg = value; leg != NULL; leg = leg->next)
      {
        nta_incoming_t *irq = dfl_transaction_get_incoming (leg->transaction);
        tport_t *transport;
        msg_t *request;

        if (irq == NULL)
          continue;
        transport = nta_incoming_transport (leg->agent, irq, NULL);
        request = nta_incoming_getrequest (irq);
        if (tport_is_tcp (transport))
          g_hash_table_add (peers, dfl_guard_peer_new (&msg_addr (request)->su_sa));
        msg_unref (request);
        tport_unref (transport);
      }
}

static gboolean
is_undecided (DflLeg *leg)
{
  return dfl_transaction_get_incoming (leg->transaction) != NULL
         && dfl_transaction_get_final (leg->transaction) == 0;
}

static gboolean
leg_decide (DflLeg *leg, guint status, const char *contact, GError **error)
{
  if (is_undecided (leg) && dfl_transaction_respond (leg->transaction, status, contact))
    return TRUE;
  g_set_error_literal (error, DFL_ERROR, DFL_ERROR_LINE_DOWN,
                       "The response could not be sent to the caller's server; the call is lost, "
                       "check the network towards it");
  return FALSE;
}

gboolean
dfl_leg_redirect (DflLeg *leg, const DflTarget *target, GError **error)
{
  /* As an unknown header, so that the stack sends the URI as it is and does not rewrite it. */
  g_autofree char *contact = g_strdup_printf ("Contact: <%s>", dfl_target_get_uri (target));

  return leg_decide (leg, 302, contact, error);
}

gboolean
dfl_leg_decline (DflLeg *leg, guint status, GError **error)
{
  return leg_decide (leg, status, NULL, error);
}

void
dfl_leg_release (DflLeg *leg)
{
  leg->call = NULL;
  leg->held = FALSE;
  if (is_undecided (leg))
    dfl_transaction_respond (leg->transaction, 480, NULL);
  leg_free_if_over (leg);
}

DflLegs *
dfl_legs_new (
    DflSwitchboard *switchboard, DflClock *clock, DflSources *sources, DflSipLoop *loop, guint t1)
{
  DflLegs *self = g_new0 (DflLegs, 1);

  self->switchboard = switchboard;
  self->clock = g_object_ref (clock);
  self->sources = sources;
  self->transactions = dfl_transactions_new (clock, loop, t1);
  self->by_call_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_flow = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref);
  return self;
}

static void
forget_flows (DflLegs *self)
{
  GHashTableIter iter, legs;
  gpointer set, leg;

  g_hash_table_iter_init (&iter, self->by_flow);
  while (g_hash_table_iter_next (&iter, NULL, &set))
    {
      g_hash_table_iter_init (&legs, set);
      while (g_hash_table_iter_next (&legs, &leg, NULL))
        ((DflLeg *)leg)->flow = NULL;
    }
  g_hash_table_remove_all (self->by_flow);
}

void
dfl_legs_close (DflLegs *self)
{
  forget_flows (self);
  dfl_transactions_close (self->transactions);
}

void
dfl_legs_free (DflLegs *self)
{
  g_hash_table_unref (self->by_call_id);
  g_hash_table_unref (self->by_flow);
  dfl_transactions_free (self->transactions);
  g_object_unref (self->clock);
  g_free (self);
}
