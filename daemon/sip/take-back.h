/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a registration: takes our contact back from the server that has it. */

#pragma once

#include "sip/binding.h"

typedef struct _DflTakeBack DflTakeBack;

/* It was answered, cannot be sent, or 5 seconds went by. Never called from within. */
typedef void (*DflTakeBackFunc) (gpointer data);

/*
 * Sends one REGISTER with expires=0 (and its answer to a challenge) by the way that is open. Where
 * none is, the place that granted the contact is gone to once more, over UDP at once and else by a
 * new connection: no name is asked for, because the end does not wait for name servers that are
 * silent. place is NULL where the server has nothing of ours any more. What is handed over must
 * outlive it; the owner of the way hands on what happens to it.
 */
DflTakeBack *dfl_take_back_new (const DflRegistrationTools *tools,
                                DflBinding *binding,
                                DflWay *way,
                                DflDigest *digest,
                                gboolean has_password,
                                const DflHop *place,
                                DflTakeBackFunc done,
                                gpointer data);
/* done will not be called. */
void dfl_take_back_free (DflTakeBack *self);

void dfl_take_back_way_opened (DflTakeBack *self);
void dfl_take_back_way_lost (DflTakeBack *self); /* closed or failed */
