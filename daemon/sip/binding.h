/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Our contact at a server, and how we speak of it in the requests of one registration. */

#pragma once

#include "core/account.h"
#include "sip/register-answer.h"
#include "sip/register-request.h"
#include "sip/way.h"

/*
 * One token and one instance for its whole life, with CSeq counting up, and two Call-IDs: what can
 * be read in datagrams says nothing of what is waited for through a connection. The contact is
 * where the way begins, or where the server sees us behind a NAT; what the server may still have of
 * former contacts is taken back with the next REGISTER, after our own, because there are registrars
 * that read no further than the first.
 */
typedef struct _DflBinding DflBinding;

/* tools and settings must outlive it. */
DflBinding *dfl_binding_new (const DflRegistrationTools *tools,
                             const DflAccountSettings *settings,
                             const char *account_id);
void dfl_binding_free (DflBinding *self);

/* A REGISTER by the way, which is open; leaving: for an end of it. NULL where an address in the
 * settings cannot be sent. */
DflRegisterRequest *dfl_binding_register (DflBinding *self,
                                          DflWay *way,
                                          DflDigest *digest,
                                          gboolean leaving,
                                          DflRegisterRequestFunc func,
                                          gpointer data);

/* An OPTIONS to the same server, for the sake of an answer. */
DflRegisterRequest *dfl_binding_ping (
    DflBinding *self, DflWay *way, DflDigest *digest, DflRegisterRequestFunc func, gpointer data);

/* What a response to the last REGISTER means. */
DflRegisterAnswer *dfl_binding_read (DflBinding *self, DflWay *way, const sip_t *response);

/* Follows an answer that granted it. TRUE where another REGISTER should follow at once, because our
 * contact must be another one or old ones are left. */
gboolean dfl_binding_take (DflBinding *self, DflWay *way, const DflRegisterAnswer *answer);

/* Asks for what the answer wants (TOO_BRIEF, EXTENSION) from now on; FALSE where that was asked for
 * already. */
gboolean dfl_binding_yield (DflBinding *self, const DflRegisterAnswer *answer);

/* The server has let it go, because its time is over. */
void dfl_binding_expire (DflBinding *self);

/* Whether the server may have a contact of it. */
gboolean dfl_binding_is_known (DflBinding *self);

/* Whether the contact is not where the way begins. */
gboolean dfl_binding_is_behind_nat (DflBinding *self);

/* Whether the server wants the way kept open all the same, and after how many seconds of silence it
 * takes it for lost; 0: it does not say. */
gboolean dfl_binding_is_outbound (DflBinding *self);
guint dfl_binding_get_flow_timer (DflBinding *self);

const char *dfl_binding_get_token (DflBinding *self);
const char *dfl_binding_get_contact (DflBinding *self); /* a URI, the last that was sent, or NULL */
const char *dfl_binding_get_call_id (DflBinding *self, gboolean flow);
guint32 dfl_binding_get_cseq (DflBinding *self); /* of the last request */
