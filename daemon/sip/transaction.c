/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/transaction.h"

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

#include "sip/delay.h"
#include "sip/via.h"

#define SERVER "deflectd"

#define RING_DELAY (40 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_DELAY (60 * G_TIME_SPAN_SECOND)
#define RETRY_DELAY (1 * G_TIME_SPAN_SECOND)

/* How long a final response is tried again, and how long the stack's own timers, started by a
 * later INVITE, may take to free a transaction that was given up. */
#define RETRY_LIMIT (32 * G_TIME_SPAN_SECOND)
#define BURIAL_LIMIT (10 * G_TIME_SPAN_SECOND)

struct _DflTransactions
{
  DflClock *clock;
  DflSipLoop *loop;
  DflDelay ring, repeat, settle, wounded;
  guint n_decided;
  gint64 last_invite; /* when the stack last began a transaction, which starts its timers */
};

struct _DflTransaction
{
  DflTransactions *all;
  const DflTransactionListener *listener;
  gpointer data;
  nta_incoming_t *irq; /* NULL when the transaction is over or given up */
  DflFlow *flow;       /* that its INVITE came through and that still lives, or NULL */
  sip_via_t *via;      /* of answers through a flow; lives as long as irq. NULL: as the stack has
                          it */
  guint16 final;       /* the status of the final response, sent or to be sent; 0 before */

  guint ringing : 1; /* 180, not only 100 */
  guint wounded : 1;
  guint given_up : 1; /* the stack has tried to send the final response once more */

  DflDelayPlace place; /* in one of the queues */
  gint64 hurt;         /* when it was wounded or buried */
};

/* The transaction got its ACK, or there is no hope of one. */
static void
settle (DflTransaction *self, gboolean acknowledged)
{
  dfl_delay_leave (&self->place);
  if (self->irq != NULL)
    nta_incoming_destroy (g_steal_pointer (&self->irq));
  self->wounded = FALSE;
  self->listener->settled (acknowledged, self->data);
}

static void
on_settle_due (gpointer thing)
{
  settle (thing, FALSE);
}

/* Whether the stack would send an answer by the way on which the INVITE came, and does not look for
 * one: that of a flow is never another. */
static gboolean
has_way (DflTransaction *self)
{
  return self->flow == NULL || dfl_flow_get_transport (self->flow) != NULL;
}

gboolean
dfl_transaction_respond (DflTransaction *self, guint status, const char *contact)
{
  self->all->n_decided += self->final == 0;
  self->final = (guint16)status;
  nta_incoming_treply (self->irq, (int)status, NULL, SIPTAG_VIA (self->via),
                       TAG_IF (contact, SIPTAG_UNKNOWN_STR (contact)), SIPTAG_SERVER_STR (SERVER),
                       TAG_END ());

  /* The return value says nothing about the network; the state of the transaction does. */
  if (nta_incoming_status (self->irq) >= 200)
    {
      dfl_delay_enter (&self->all->settle, &self->place);
      return TRUE;
    }

  self->wounded = TRUE;
  self->hurt = dfl_clock_now (self->all->clock);
  dfl_delay_enter (&self->all->wounded, &self->place);
  return FALSE;
}

static void
bury (DflTransaction *self)
{
  nta_incoming_destroy (g_steal_pointer (&self->irq));
  self->hurt = dfl_clock_now (self->all->clock);
  dfl_delay_enter (&self->all->wounded, &self->place);
}

static void
rest_in_peace (DflTransaction *self)
{
  self->wounded = FALSE;
  self->listener->forgotten (self->data);
}

static void
on_wounded_due (gpointer thing)
{
  DflTransaction *self = thing;
  DflTransactions *all = self->all;
  gint64 now = dfl_clock_now (all->clock);

  if (self->irq == NULL)
    {
      if (all->last_invite > self->hurt && now - all->last_invite > BURIAL_LIMIT)
        rest_in_peace (self);
      else
        dfl_delay_enter (&all->wounded, &self->place);
      return;
    }

  if (nta_incoming_status (self->irq) < 200 && !self->given_up)
    nta_incoming_treply (self->irq, self->final < 400 ? 480 : self->final, NULL,
                         SIPTAG_VIA (self->via), SIPTAG_SERVER_STR (SERVER), TAG_END ());

  if (nta_incoming_status (self->irq) >= 200)
    {
      self->wounded = FALSE;
      dfl_delay_enter (&all->settle, &self->place);
    }
  else if (self->given_up)
    {
      /* The stack has tried in vain and ended the transaction; it is freed at once. */
      nta_incoming_destroy (g_steal_pointer (&self->irq));
      rest_in_peace (self);
    }
  else if (now - self->hurt > RETRY_LIMIT)
    bury (self);
  else
    dfl_delay_enter (&all->wounded, &self->place);
}

static void
send_trying (DflTransaction *self)
{
  nta_incoming_treply (self->irq, SIP_100_TRYING, SIPTAG_VIA (self->via),
                       SIPTAG_SERVER_STR (SERVER), TAG_END ());
}

static void
send_ringing (DflTransaction *self)
{
  g_autofree char *uri = self->listener->contact (self->data);
  g_autofree char *contact = g_strdup_printf ("Contact: <%s>", uri);

  nta_incoming_treply (self->irq, SIP_180_RINGING, SIPTAG_VIA (self->via),
                       SIPTAG_UNKNOWN_STR (contact), SIPTAG_SERVER_STR (SERVER), TAG_END ());
}

/* A provisional response that the network refuses is no tragedy: the next one may go. */
static void
on_repeat_due (gpointer thing)
{
  DflTransaction *self = thing;

  if (!has_way (self))
    ;
  else if (self->ringing)
    send_ringing (self);
  else
    send_trying (self);
  dfl_delay_enter (&self->all->repeat, &self->place);
}

static void
on_ring_due (gpointer thing)
{
  DflTransaction *self = thing;

  if (self->ringing && has_way (self))
    send_trying (self);
  on_repeat_due (self);
}

void
dfl_transaction_ring (DflTransaction *self, gboolean ringing)
{
  self->ringing = ringing;
  dfl_delay_enter (&self->all->ring, &self->place);
}

/* The stack tells of an ACK or a CANCEL, or, without a message, that it gave up waiting or sending.
 */
static int
on_transaction (nta_incoming_magic_t *magic, nta_incoming_t *irq, const sip_t *sip)
{
  DflTransaction *self = (DflTransaction *)magic;

  if (sip == NULL)
    {
      dfl_sip_loop_wake (self->all->loop);
      if (nta_incoming_status (irq) >= 200)
        settle (self, FALSE);
      else
        self->given_up = TRUE;
    }
  else if (sip->sip_request == NULL)
    return 0;
  else if (sip->sip_request->rq_method == sip_method_ack)
    settle (self, TRUE);
  else if (sip->sip_request->rq_method == sip_method_cancel)
    self->listener->cancelled (sip, self->data);
  return 0;
}

DflTransaction *
dfl_transaction_new (DflTransactions *all,
                     nta_agent_t *agent,
                     msg_t *msg,
                     sip_t *sip,
                     DflFlow *flow,
                     const DflTransactionListener *listener,
                     gpointer data)
{
  sip_via_t *via = flow != NULL ? dfl_via_from_far_end (msg_home (msg), sip->sip_via,
                                                        dfl_flow_get_hop (flow))
                                : NULL;
  nta_incoming_t *irq;
  DflTransaction *self;

  if (flow != NULL)
    dfl_via_lead_nowhere (msg_home (msg), sip->sip_via);
  irq = nta_incoming_create (agent, NULL, msg, sip, TAG_END ());
  if (irq == NULL)
    return NULL;
  all->last_invite = dfl_clock_now (all->clock);
  self = g_slice_new0 (DflTransaction);
  self->all = all;
  self->listener = listener;
  self->data = data;
  self->irq = irq;
  self->flow = flow;
  self->via = via;
  self->place.thing = self;
  nta_incoming_bind (irq, on_transaction, (nta_incoming_magic_t *)self);
  return self;
}

void
dfl_transaction_free (DflTransaction *self)
{
  dfl_delay_leave (&self->place);
  self->all->n_decided -= self->final != 0;
  g_slice_free (DflTransaction, self);
}

void
dfl_transaction_lose_flow (DflTransaction *self)
{
  if (self->irq != NULL && self->final == 0)
    dfl_transaction_respond (self, 480, NULL);
  self->flow = NULL;
  if (self->wounded && self->irq != NULL)
    bury (self);
  else if (!self->wounded)
    {
      dfl_delay_leave (&self->place);
      if (self->irq != NULL)
        nta_incoming_destroy (g_steal_pointer (&self->irq));
    }
}

gboolean
dfl_transaction_is_over (DflTransaction *self)
{
  return self->irq == NULL && !self->wounded;
}

gboolean
dfl_transaction_is_wounded (DflTransaction *self)
{
  return self->wounded;
}

nta_incoming_t *
dfl_transaction_get_incoming (DflTransaction *self)
{
  return self->irq;
}

guint
dfl_transaction_get_final (DflTransaction *self)
{
  return self->final;
}

DflTransactions *
dfl_transactions_new (DflClock *clock, DflSipLoop *loop, guint t1)
{
  DflTransactions *self = g_new0 (DflTransactions, 1);

  self->clock = g_object_ref (clock);
  self->loop = loop;
  dfl_delay_init (&self->ring, clock, RING_DELAY, on_ring_due);
  dfl_delay_init (&self->repeat, clock, REPEAT_DELAY, on_repeat_due);
  dfl_delay_init (&self->settle, clock,
                  64 * (gint64)t1 * G_TIME_SPAN_MILLISECOND + 2 * G_TIME_SPAN_SECOND,
                  on_settle_due);
  dfl_delay_init (&self->wounded, clock, RETRY_DELAY, on_wounded_due);
  return self;
}

void
dfl_transactions_close (DflTransactions *self)
{
  DflDelay *delays[] = { &self->ring, &self->repeat, &self->settle, &self->wounded };

  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    {
      DflTransaction *each;

      dfl_delay_stop (delays[i]);
      while ((each = dfl_delay_peek (delays[i])) != NULL)
        {
          dfl_delay_leave (&each->place);
          each->irq = NULL;
          each->flow = NULL;
          rest_in_peace (each);
        }
    }
}

void
dfl_transactions_free (DflTransactions *self)
{
  g_object_unref (self->clock);
  g_free (self);
}

guint
dfl_transactions_get_n_decided (DflTransactions *self)
{
  return self->n_decided;
}
