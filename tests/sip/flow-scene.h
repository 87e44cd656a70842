/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A SIP stack with flows to servers, which a thread of the test plays. */

#pragma once

#include <sofia-sip/nta.h>

#include "sip/flow.h"
#include "sip/loop.h"
#include "stage/certificates.h"

#include "far-end.h"

typedef struct
{
  DflSipLoop *loop;
  nta_agent_t *nta;
  DflFlows *flows;

  guint n_ready, n_closed;
  char *reason;
  int status; /* of the last answer */
  int status_when_closed;
  char *method;
  nta_incoming_t *incoming;
} Stack;

Stack *stack_new (void);
void stack_free (Stack *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stack, stack_free)

/* What becomes of it is counted in the stack. tls: NULL for TCP. */
DflFlow *open_flow (Stack *self, const char *host, guint16 port, const DflFlowTls *tls);
void wait_until_settled (Stack *self); /* one more became ready or closed */
void assert_ready (Stack *self);       /* waits for the first */
void wait_until_closed (Stack *self);

/* What signs, and a server of example.org. */
extern Certificate *flow_authority, *flow_server;
void flow_certificates_new (void);
void flow_certificates_free (void);

DflFlowTls usual_tls (void);
FarEndOptions usual_server (void);

/* reason: NULL where it becomes ready; %s is the server's address and port. */
void assert_flow (const FarEndOptions *options, const DflFlowTls *tls, const char *reason);

guint count_descriptors (void);
