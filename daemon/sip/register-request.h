/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One request of a registration, REGISTER or OPTIONS, and the wait for its answer. */

#pragma once

#include <sofia-sip/nta.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/tport.h>

#include "sip/digest.h"
#include "sip/locate.h"

/* What it says and which way it goes. Borrowed, for the time of the call. */
typedef struct
{
  sip_method_t method; /* sip_method_register or sip_method_options */
  const DflHop *hop;   /* where it goes, whatever it says */
  tport_t *transport;  /* a UDP socket of the stack, or that of a flow */
  const char *place;   /* HOST:PORT of our end, for Via */
  const char *uri;     /* Request-URI */
  const char *address; /* sip:USER@DOMAIN, for From and To */
  const char *from_tag;
  const char *call_id;
  guint32 cseq;
  const char *route;     /* the value of Route, or NULL */
  const char *contacts;  /* the value of Contact, or NULL */
  const char *supported; /* the value of Supported, or NULL */
  guint expires;         /* with contacts */
  DflDigest *digest;
  const char *username;
  const char *password; /* or NULL */
} DflRegisterDraft;

typedef enum
{
  DFL_REGISTER_ANSWERED,
  DFL_REGISTER_NO_ANSWER, /* Timer F (RFC 3261 section 17.1.2) */
  DFL_REGISTER_NOT_SENT   /* the network refused it, or the connection is gone */
} DflRegisterOutcome;

/* A client transaction of the stack. */
typedef struct _DflRegisterRequest DflRegisterRequest;

/* Called once, for the final response, which is valid during the call; NULL where there was none.
 * The request is gone when it is entered. Never from within dfl_register_request_new. */
typedef void (*DflRegisterRequestFunc) (DflRegisterOutcome outcome,
                                        const sip_t *response,
                                        gpointer data);

/* Composes and sends it. NULL where it cannot be composed: an address is no SIP URI. */
DflRegisterRequest *dfl_register_request_new (nta_agent_t *nta,
                                              const DflRegisterDraft *draft,
                                              DflRegisterRequestFunc func,
                                              gpointer data);

/* func will not be called. Over UDP the stack goes on repeating it until Timer F. */
void dfl_register_request_abandon (DflRegisterRequest *self);
