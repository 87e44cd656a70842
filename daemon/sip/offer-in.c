/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A leg is born with its INVITE and is in one queue at a time, each with the same delay for all:
 *
 *   ring      40 ms after the offer the first 1xx goes out. A decision that is faster needs none.
 *   repeat    the 1xx again, each minute (RFC 3261 section 13.3.1.1)
 *   settle    the final response is sent; the stack says ACK or Timer H, and if it says neither,
 *             this queue does
 *   wounded   the final response could not be sent, see below
 *
 * Core holds a leg until it calls release; the transaction may end before or after that. The leg
 * is freed when both are over.
 *
 * A wounded transaction is dangerous: the stack keeps one whose final response the network refused
 * in a list from which an ACK must not find it, or an assertion ends the process. So as long as
 * the response has not gone out, the gate keeps ACK and CANCEL of that INVITE away (they will be
 * sent again), and this file goes on trying. When a response went out at last, by us or by the
 * stack, the wound is healed; when none will, the leg is buried: it stays known to the gate until
 * the stack has certainly freed its transaction.
 */

#include "sip/offer-in.h"

#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_string.h>
#include <sofia-sip/tport.h>

#include "core/error.h"
#include "sip/delay.h"
#include "sip/guard.h"
#include "sip/identity.h"
#include "sip/via.h"

#define SERVER "deflectd"

#define RING_DELAY (40 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_DELAY (60 * G_TIME_SPAN_SECOND)
#define RETRY_DELAY (1 * G_TIME_SPAN_SECOND)

/* How long a final response is tried again, and how long the stack's own timers, started by a
 * later INVITE, may take to free a transaction that was given up. */
#define RETRY_LIMIT (32 * G_TIME_SPAN_SECOND)
#define BURIAL_LIMIT (10 * G_TIME_SPAN_SECOND)

/* The stack repeats a final response until its ACK comes, from a list that it walks along for each:
 * the ACKs of so many may be missing before others have to pay for it. */
#define MAX_UNACKNOWLEDGED 4096

struct _DflLegs
{
  DflSwitchboard *switchboard;
  DflClock *clock;
  DflSources *sources;
  DflSipLoop *loop;
  GHashTable *by_call_id; /* Call-ID -> the first DflLeg of a chain */
  GHashTable *by_flow;    /* DflFlow -> set of DflLeg */
  DflDelay ring, repeat, settle, wounded;
  guint unacknowledged; /* legs whose final response was decided */
  gint64 last_invite;   /* when the stack last began a transaction, which starts its timers */
};

struct _DflLeg
{
  DflLegs *legs;
  DflLeg *next; /* with the same Call-ID */
  DflAccount *account;
  DflCall *call;       /* NULL when core has released the leg */
  nta_incoming_t *irq; /* NULL when the transaction is over or given up */
  DflLegsContactFunc contact;
  nta_agent_t *agent;
  DflFlow *flow;  /* that its INVITE came through and that still lives, or NULL */
  sip_via_t *via; /* of answers through a flow; lives as long as irq. NULL: as the stack has it */
  char *call_id;
  guint32 cseq;
  guint16 final; /* the status of the final response, sent or to be sent; 0 before */

  guint offering : 1; /* inside dfl_switchboard_offer */
  guint held : 1;     /* core will call release */
  guint ringing : 1;  /* 180, not only 100 */
  guint wounded : 1;
  guint given_up : 1; /* the stack has tried to send the final response once more */

  DflDelayPlace place; /* in one of the queues */
  gint64 hurt;         /* when it was wounded or buried */
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
  if (leg->irq != NULL || leg->held || leg->offering || leg->wounded)
    return;
  dfl_delay_leave (&leg->place);
  flow_remove (leg->legs, leg);
  index_remove (leg->legs, leg);
  leg->legs->unacknowledged -= leg->final != 0;
  dfl_sources_release (leg->legs->sources);
  g_object_unref (leg->account);
  g_free (leg->call_id);
  g_slice_free (DflLeg, leg);
}

/* The transaction got its ACK, or there is no hope of one. */
static void
leg_settle (DflLeg *leg, gboolean acknowledged)
{
  DflCall *call = leg->call;

  dfl_delay_leave (&leg->place);
  if (leg->irq != NULL)
    nta_incoming_destroy (g_steal_pointer (&leg->irq));
  leg->wounded = FALSE;

  if (call == NULL)
    leg_free_if_over (leg);
  else if (acknowledged)
    dfl_call_leg_acknowledged (call); /* releases the leg */
  else
    dfl_call_leg_unconfirmed (call);
}

static void
on_settle_due (gpointer thing)
{
  DflLeg *leg = thing;
  leg_settle (leg, FALSE);
}

/* Whether the stack would send an answer by the way on which the INVITE came, and does not look for
 * one: that of a flow is never another. */
static gboolean
leg_has_way (DflLeg *leg)
{
  return leg->flow == NULL || dfl_flow_get_transport (leg->flow) != NULL;
}

/* Hands a final response to the network. FALSE: it took none, and the leg is wounded. */
static gboolean
leg_send_final (DflLeg *leg, guint status, const char *contact)
{
  leg->legs->unacknowledged += leg->final == 0;
  leg->final = (guint16)status;
  nta_incoming_treply (leg->irq, (int)status, NULL, SIPTAG_VIA (leg->via),
                       TAG_IF (contact, SIPTAG_UNKNOWN_STR (contact)), SIPTAG_SERVER_STR (SERVER),
                       TAG_END ());

  /* The return value says nothing about the network; the state of the transaction does. */
  if (nta_incoming_status (leg->irq) >= 200)
    {
      dfl_delay_enter (&leg->legs->settle, &leg->place);
      return TRUE;
    }

  leg->wounded = TRUE;
  leg->hurt = dfl_clock_now (leg->legs->clock);
  dfl_delay_enter (&leg->legs->wounded, &leg->place);
  return FALSE;
}

static void
leg_bury (DflLeg *leg)
{
  nta_incoming_destroy (g_steal_pointer (&leg->irq));
  leg->hurt = dfl_clock_now (leg->legs->clock);
  dfl_delay_enter (&leg->legs->wounded, &leg->place);
}

static void
leg_rest_in_peace (DflLeg *leg)
{
  leg->wounded = FALSE;
  leg_free_if_over (leg);
}

static void
on_wounded_due (gpointer thing)
{
  DflLeg *leg = thing;
  DflLegs *self = leg->legs;
  gint64 now = dfl_clock_now (self->clock);

  if (leg->irq == NULL)
    {
      if (self->last_invite > leg->hurt && now - self->last_invite > BURIAL_LIMIT)
        leg_rest_in_peace (leg);
      else
        dfl_delay_enter (&self->wounded, &leg->place);
      return;
    }

  if (nta_incoming_status (leg->irq) < 200 && !leg->given_up)
    nta_incoming_treply (leg->irq, leg->final < 400 ? 480 : leg->final, NULL, SIPTAG_VIA (leg->via),
                         SIPTAG_SERVER_STR (SERVER), TAG_END ());

  if (nta_incoming_status (leg->irq) >= 200)
    {
      leg->wounded = FALSE;
      dfl_delay_enter (&self->settle, &leg->place);
    }
  else if (leg->given_up)
    {
      /* The stack has tried in vain and ended the transaction; it is freed at once. */
      nta_incoming_destroy (g_steal_pointer (&leg->irq));
      leg_rest_in_peace (leg);
    }
  else if (now - leg->hurt > RETRY_LIMIT)
    leg_bury (leg);
  else
    dfl_delay_enter (&self->wounded, &leg->place);
}

static void
leg_send_trying (DflLeg *leg)
{
  nta_incoming_treply (leg->irq, SIP_100_TRYING, SIPTAG_VIA (leg->via), SIPTAG_SERVER_STR (SERVER),
                       TAG_END ());
}

static void
leg_send_ringing (DflLeg *leg)
{
  g_autofree char *uri = leg->contact (leg->agent, leg->irq, leg->account);
  g_autofree char *contact = g_strdup_printf ("Contact: <%s>", uri);

  nta_incoming_treply (leg->irq, SIP_180_RINGING, SIPTAG_VIA (leg->via),
                       SIPTAG_UNKNOWN_STR (contact), SIPTAG_SERVER_STR (SERVER), TAG_END ());
}

/* A provisional response that the network refuses is no tragedy: the next one may go. */
static void
on_repeat_due (gpointer thing)
{
  DflLeg *leg = thing;

  if (!leg_has_way (leg))
    ;
  else if (leg->ringing)
    leg_send_ringing (leg);
  else
    leg_send_trying (leg);
  dfl_delay_enter (&leg->legs->repeat, &leg->place);
}

static void
on_ring_due (gpointer thing)
{
  DflLeg *leg = thing;

  if (leg->ringing && leg_has_way (leg))
    leg_send_trying (leg);
  on_repeat_due (leg);
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
on_cancel (DflLeg *leg, const sip_t *cancel)
{
  DflCall *call = leg->call;
  gboolean answered_elsewhere = is_answered_elsewhere (cancel);

  if (leg->final != 0)
    return;
  leg_send_final (leg, 487, NULL);
  if (call != NULL)
    dfl_call_leg_cancelled (call, answered_elsewhere);
}

/* The stack tells a leg: ACK, CANCEL, or, without a message, that it gave up waiting or sending. */
static int
on_transaction (nta_incoming_magic_t *magic, nta_incoming_t *irq, const sip_t *sip)
{
  DflLeg *leg = (DflLeg *)magic;

  if (sip == NULL)
    {
      dfl_sip_loop_wake (leg->legs->loop);
      if (nta_incoming_status (irq) >= 200)
        leg_settle (leg, FALSE);
      else
        leg->given_up = TRUE;
    }
  else if (sip->sip_request == NULL)
    return 0;
  else if (sip->sip_request->rq_method == sip_method_ack)
    leg_settle (leg, TRUE);
  else if (sip->sip_request->rq_method == sip_method_cancel)
    on_cancel (leg, sip);
  return 0;
}

static gboolean
is_merged_with (const DflLeg *leg, const DflAccount *account, const sip_t *sip)
{
  msg_t *request;
  gboolean same_tag;

  if (leg->account != account || leg->irq == NULL || leg->final != 0
      || leg->cseq != sip->sip_cseq->cs_seq)
    return FALSE;
  request = nta_incoming_getrequest (leg->irq);
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

static DflLeg *
leg_new (DflLegs *self, nta_incoming_t *irq, sip_t *sip, const DflLegOrigin *origin)
{
  DflLeg *leg = g_slice_new0 (DflLeg);

  leg->legs = self;
  leg->agent = origin->agent;
  leg->contact = origin->contact;
  leg->flow = origin->flow;
  leg->irq = irq;
  leg->account = g_object_ref (origin->account);
  leg->call_id = g_strdup (sip->sip_call_id->i_id);
  leg->cseq = sip->sip_cseq->cs_seq;
  leg->place.thing = leg;
  /* Where 1xx must be reliable (RFC 3262) only 100 is possible. */
  leg->ringing = dfl_account_get_settings (leg->account)->alert
                 && !(sip->sip_require != NULL && sip_has_feature (sip->sip_require, "100rel"));
  index_add (self, leg);
  if (leg->flow != NULL)
    flow_add (self, leg);
  dfl_sources_hold (self->sources);
  nta_incoming_bind (irq, on_transaction, (nta_incoming_magic_t *)leg);
  return leg;
}

static void
leg_offer (DflLeg *leg, const sip_t *sip, DflLine *line)
{
  DflLegs *self = leg->legs;
  DflOffer *offer = dfl_identity_read_invite (sip, dfl_account_get_settings (leg->account));
  g_autoptr (GError) error = NULL;
  DflCall *call;

  offer->received = dfl_clock_now (self->clock);
  offer->received_wall = dfl_clock_wall (self->clock);

  leg->offering = leg->held = TRUE;
  dfl_delay_enter (&self->ring, &leg->place);
  call = dfl_switchboard_offer (self->switchboard, leg->account, offer, line, leg, &error);
  leg->offering = FALSE;

  if (call == NULL)
    {
      leg->held = FALSE;
      leg_send_final (leg, g_error_matches (error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED) ? 486 : 480,
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
  sip_via_t *via = origin->flow != NULL ? dfl_via_from_far_end (msg_home (msg), sip->sip_via,
                                                                dfl_flow_get_hop (origin->flow))
                                        : NULL;
  nta_incoming_t *irq;
  DflLeg *leg;

  if (origin->flow != NULL)
    dfl_via_lead_nowhere (msg_home (msg), sip->sip_via);
  irq = nta_incoming_create (origin->agent, NULL, msg, sip, TAG_END ());
  if (irq == NULL)
    return;
  self->last_invite = dfl_clock_now (self->clock);
  leg = leg_new (self, irq, sip, origin);
  leg->via = via;
  if (merged)
    leg_send_final (leg, 482, NULL);
  else
    leg_offer (leg, sip, origin->line);
}

/* The last word goes to the flow, which passes it on or not. */
static void
leg_lose_flow (DflLeg *leg)
{
  DflCall *call = leg->call;
  gboolean decided = leg->final != 0;

  if (leg->irq != NULL && !decided)
    leg_send_final (leg, 480, NULL);
  flow_remove (leg->legs, leg);
  if (leg->wounded && leg->irq != NULL)
    leg_bury (leg);
  else if (!leg->wounded)
    {
      dfl_delay_leave (&leg->place);
      if (leg->irq != NULL)
        nta_incoming_destroy (g_steal_pointer (&leg->irq));
    }

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
  return self->unacknowledged >= MAX_UNACKNOWLEDGED;
}

DflGateAnswer
dfl_legs_ask (DflLegs *self, const char *call_id, guint32 cseq)
{
  DflGateAnswer answer = DFL_GATE_UNKNOWN;

  for (const DflLeg *leg = g_hash_table_lookup (self->by_call_id, call_id); leg != NULL;
       leg = leg->next)
    if (leg->cseq == cseq)
      {
        if (leg->wounded)
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
        tport_t *transport;
        msg_t *request;

        if (leg->irq == NULL)
          continue;
        transport = nta_incoming_transport (leg->agent, leg->irq, NULL);
        request = nta_incoming_getrequest (leg->irq);
        if (tport_is_tcp (transport))
          g_hash_table_add (peers, dfl_guard_peer_new (&msg_addr (request)->su_sa));
        msg_unref (request);
        tport_unref (transport);
      }
}

static gboolean
leg_decide (DflLeg *leg, guint status, const char *contact, GError **error)
{
  if (leg->irq != NULL && leg->final == 0 && leg_send_final (leg, status, contact))
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
  if (leg->irq != NULL && leg->final == 0)
    leg_send_final (leg, 480, NULL);
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
  self->loop = loop;
  self->by_call_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_flow = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref);
  dfl_delay_init (&self->ring, clock, RING_DELAY, on_ring_due);
  dfl_delay_init (&self->repeat, clock, REPEAT_DELAY, on_repeat_due);
  dfl_delay_init (&self->settle, clock,
                  64 * (gint64)t1 * G_TIME_SPAN_MILLISECOND + 2 * G_TIME_SPAN_SECOND,
                  on_settle_due);
  dfl_delay_init (&self->wounded, clock, RETRY_DELAY, on_wounded_due);
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
  DflDelay *delays[] = { &self->ring, &self->repeat, &self->settle, &self->wounded };

  forget_flows (self);

  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    {
      DflLeg *leg;

      dfl_delay_stop (delays[i]);
      while ((leg = dfl_delay_peek (delays[i])) != NULL)
        {
          dfl_delay_leave (&leg->place);
          leg->irq = NULL;
          leg->wounded = FALSE;
          leg_free_if_over (leg);
        }
    }
}

void
dfl_legs_free (DflLegs *self)
{
  g_hash_table_unref (self->by_call_id);
  g_hash_table_unref (self->by_flow);
  g_object_unref (self->clock);
  g_free (self);
}
