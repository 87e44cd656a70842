/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* All accounts of a switchboard that register: one registration each, spread in time. */

#pragma once

#include <sofia-sip/nta.h>

#include "core/switchboard.h"
#include "sip/agent.h"
#include "sip/flow.h"
#include "sip/pace.h"
#include "sip/resolver.h"
#include "sip/sources.h"

typedef struct _DflRegistrations DflRegistrations;

/* What a registration works with; borrowed, and outlives all of them. */
typedef struct
{
  DflSwitchboard *switchboard;
  DflClock *clock;
  nta_agent_t *nta;
  DflResolver *resolver;
  DflFlows *flows;
  DflSources *sources;
  const DflSipSettings *settings;
  DflPace *pace; /* of the REGISTERs with which attempts begin; made by dfl_registrations_new */
  /* A flow, on which calls may be offered, is about to be freed: its legs cannot go on. */
  void (*flow_lost) (DflFlow *flow, gpointer data);
  gpointer data;
} DflRegistrationTools;

/*
 * Follows the accounts of the switchboard, from the next turn of the loop on: registers those that
 * are enabled and have no problem, anew where settings changed that matter, and takes the contact
 * of those back that go; not of all where one user lets more go than anybody needs, because each
 * holds a connection. Attempts begin at settings->register_rate: so many a second look for
 * their servers, and so many a second send the REGISTER with which they begin there.
 */
DflRegistrations *dfl_registrations_new (const DflRegistrationTools *tools);
void dfl_registrations_free (DflRegistrations *self);

/* As dfl_sip_agent_host_changed and dfl_sip_agent_leave. */
void dfl_registrations_host_changed (DflRegistrations *self, DflHostChange change);
void dfl_registrations_leave (DflRegistrations *self, DflSipAgentLeftFunc done, gpointer data);

/* Whether a response with this Call-ID and CSeq number from there is one that is waited for: as a
 * datagram of a server, or over TCP from the relay of the account's own flow. Asked by the gate,
 * allocates nothing. */
gboolean dfl_registrations_expect (DflRegistrations *self,
                                   const char *call_id,
                                   guint32 cseq,
                                   const DflSource *source);

/* The Contact by which the server reaches this account, a URI; NULL where it is not registered.
 * Borrowed, until the loop goes on. */
const char *dfl_registrations_get_contact (DflRegistrations *self, DflAccount *account);
