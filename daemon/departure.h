/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way down: what the daemon owes to callers and servers before it ends, and how long it waits
 * for them. */

#pragma once

#include "core/switchboard.h"
#include "sip/agent.h"

typedef struct _DflDeparture DflDeparture;

typedef void (*DflDepartureFunc) (gpointer data);

/*
 * Declines what is offered and takes back what is registered, both at once. done is told once,
 * never from here: when the callers have acknowledged and the servers have answered, or after 5
 * seconds.
 */
DflDeparture *dfl_departure_new (DflSwitchboard *switchboard,
                                 DflSipAgent *agent,
                                 DflDepartureFunc done,
                                 gpointer data);

/* Waits for nobody any more: done is told from within, unless it was. */
void dfl_departure_hurry (DflDeparture *self);

/* To be called when the agent is closed. */
void dfl_departure_free (DflDeparture *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflDeparture, dfl_departure_free)
