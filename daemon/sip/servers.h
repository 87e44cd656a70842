/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way to the servers at which accounts register, and all registrations. */

#pragma once

#include "sip/agent.h"
#include "sip/flow.h"
#include "sip/guard.h"
#include "sip/registrations.h"

/*
 * Where this machine cannot find servers or talk to them, every account that registers fails with
 * the reason, and the others go on.
 */
typedef struct _DflServers DflServers;

/* tools: all but resolver and flows, which are made here. */
DflServers *dfl_servers_new (const DflRegistrationTools *tools, DflGuard *guard);

/* Before the stack is destroyed. */
void dfl_servers_free (DflServers *self);

/* As those of sip/agent.h, sip/flow.h and sip/registrations.h. self may be NULL, which is: before
 * there are servers, or after. */
void dfl_servers_host_changed (DflServers *self, DflHostChange change);
void dfl_servers_leave (DflServers *self, DflSipAgentLeftFunc done, gpointer data);
DflFlow *dfl_servers_find_flow (DflServers *self, const struct sockaddr *peer);
gboolean
dfl_servers_expect (DflServers *self, const char *call_id, guint32 cseq, const DflSource *source);
const char *dfl_servers_get_contact (DflServers *self, DflAccount *account);

/* Whether this is the port on which the stack awaits relays, and nobody else. */
gboolean dfl_servers_await_relays_on (DflServers *self, guint16 port);
