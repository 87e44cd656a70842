/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The legs of the calls: what an INVITE is to the switchboard, and what the switchboard makes of
 * it. */

#pragma once

#include <sofia-sip/nta.h>

#include "core/line.h"
#include "core/switchboard.h"
#include "sip/flow.h"
#include "sip/gate.h"
#include "sip/loop.h"
#include "sip/sources.h"

/* All legs of one agent. */
typedef struct _DflLegs DflLegs;

DflLegs *dfl_legs_new (
    DflSwitchboard *switchboard, DflClock *clock, DflSources *sources, DflSipLoop *loop, guint t1);

/* Forgets every transaction, because the stack goes; legs that core still holds are dead from then
 * on. The legs themselves are freed by core's release. */
void dfl_legs_close (DflLegs *self);

/* To be called when no leg is held any more. */
void dfl_legs_free (DflLegs *self);

/* The Contact of a 180: the URI by which callers reach this account; asked for only when one is
 * sent. */
typedef char *(*DflLegsContactFunc) (nta_agent_t *agent, nta_incoming_t *irq, DflAccount *account);

/* Where an INVITE came in. */
typedef struct
{
  nta_agent_t *agent;
  DflAccount *account; /* that it is for */
  DflLine *line;
  DflLegsContactFunc contact;
  DflFlow *flow; /* that it came through, or NULL */
} DflLegOrigin;

/* Answers an INVITE: makes a leg of it and offers it to the switchboard. Takes msg over, with sip
 * its content. */
void dfl_legs_take_invite (DflLegs *self, msg_t *msg, sip_t *sip, const DflLegOrigin *origin);

/*
 * Ends the legs whose INVITE came through this flow, which is about to be freed, in good order or
 * because it broke. What was decided and not acknowledged is unconfirmed, and what was offered has
 * failed. No transaction of the stack sends anything by this flow from then on.
 */
void dfl_legs_lose_flow (DflLegs *self, DflFlow *flow);

/* Whether so many final responses wait for their ACK that no leg should be made of another INVITE.
 */
gboolean dfl_legs_are_full (DflLegs *self);

/* What the gate asks (see sip/gate.h). */
DflGateAnswer dfl_legs_ask (DflLegs *self, const char *call_id, guint32 cseq);

/* Adds the far ends of the TCP connections on which calls are offered (see sip/guard.h). */
void dfl_legs_add_peers (DflLegs *self, GHashTable *peers);

/* What the line does with its legs (see core/line.h). */
gboolean dfl_leg_redirect (DflLeg *leg, const DflTarget *target, GError **error);
gboolean dfl_leg_decline (DflLeg *leg, guint status, GError **error);
void dfl_leg_release (DflLeg *leg);
