/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One account's registration: finds the server, registers, refreshes, tries again. It has one
 * token and one set of settings for its whole life; for others there is another one.
 */

#pragma once

#include "sip/registrations.h"

typedef struct _DflRegistration DflRegistration;

/* Whether it is its turn: calls dfl_registration_go once, now or later (see registrations.c, which
 * spreads them in time). */
typedef void (*DflRegistrationAskFunc) (DflRegistration *registration, gpointer data);

/* Asks for its turn at once. */
DflRegistration *dfl_registration_new (const DflRegistrationTools *tools,
                                       DflAccount *account,
                                       DflRegistrationAskFunc ask,
                                       gpointer data);

/* Without a word to the server; see dfl_registration_leave. */
void dfl_registration_free (DflRegistration *self);

DflAccount *dfl_registration_get_account (DflRegistration *self);

/* Those of the account when it was made, with which it works for its whole life. */
const DflAccountSettings *dfl_registration_get_settings (DflRegistration *self);

/* Whether the server has it, so that another attempt keeps what there is. Not where the server
 * wants to be asked all the time: it could keep everybody else from their turns. */
gboolean dfl_registration_is_urgent (DflRegistration *self);

/* It is its turn: begins an attempt. */
void dfl_registration_go (DflRegistration *self);

/* Asks for its turn now: somebody wants it. A wrong password is tried again too. */
void dfl_registration_hurry (DflRegistration *self);

/* Looks whether the way to the server is still what it was, and asks for its turn where it is not;
 * after a sleep in any case. */
void dfl_registration_host_changed (DflRegistration *self, DflHostChange change);

/* Takes the contact back (sip/take-back.h), also where the way is closed and the server may have it
 * all the same. done is called when that was answered, cannot be sent, or had no answer for 5
 * seconds, never from within; nothing else happens after. */
typedef void (*DflRegistrationLeftFunc) (DflRegistration *registration, gpointer data);
void dfl_registration_leave (DflRegistration *self, DflRegistrationLeftFunc done, gpointer data);

/* See sip/registrations.h. */
gboolean dfl_registration_expects (DflRegistration *self, guint32 cseq, const DflSource *source);
const char *dfl_registration_get_call_id (DflRegistration *self, gboolean flow);
const char *dfl_registration_get_contact (DflRegistration *self);
