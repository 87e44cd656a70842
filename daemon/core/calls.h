/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls of a switchboard, found by their ids, their SIP Call-IDs and their accounts. */

#pragma once

#include "core/call.h"

typedef struct _DflCalls DflCalls;

typedef void (*DflCallFunc) (DflCall *call, gpointer data);

DflCalls *dfl_calls_new (void);
void dfl_calls_free (DflCalls *self);

/* Takes the call over, until it is removed. Its id must be free. */
void dfl_calls_add (DflCalls *self, DflCall *call);
void dfl_calls_remove (DflCalls *self, DflCall *call);

guint dfl_calls_get_n (DflCalls *self);
DflCall *dfl_calls_find (DflCalls *self, const char *id);

/* As dfl_switchboard_find_calls. */
GPtrArray *dfl_calls_find_by_call_id (DflCalls *self, const char *sip_call_id);

/* In the order of their ids; func may add and remove calls: it is called for those that were there
 * at the beginning. */
void dfl_calls_foreach (DflCalls *self, DflCallFunc func, gpointer data);
void dfl_calls_foreach_of (DflCalls *self, DflAccount *account, DflCallFunc func, gpointer data);

/* The account is not there any more; it is a former one while it has calls. */
void dfl_calls_part_with (DflCalls *self, DflAccount *account);

/* As dfl_switchboard_get_former_accounts. */
GPtrArray *dfl_calls_get_former_accounts (DflCalls *self);
