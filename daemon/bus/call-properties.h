/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of a call as the bus shows them. */

#pragma once

#include <systemd/sd-bus.h>

#include "core/call.h"

/* In the order of the interface's XML. */
typedef enum
{
  DFL_CALL_PROPERTY_ACCOUNT,
  DFL_CALL_PROPERTY_SIP_CALL_ID,
  DFL_CALL_PROPERTY_STATE,
  DFL_CALL_PROPERTY_OUTCOME,
  DFL_CALL_PROPERTY_CALLER_ADDRESS,
  DFL_CALL_PROPERTY_CALLER_NUMBER,
  DFL_CALL_PROPERTY_CALLER_NAME,
  DFL_CALL_PROPERTY_CALLER_PRESENTATION,
  DFL_CALL_PROPERTY_CALLER_SOURCE,
  DFL_CALL_PROPERTY_CALLER_TRUSTED,
  DFL_CALL_PROPERTY_IDENTITIES,
  DFL_CALL_PROPERTY_CALLED_ADDRESS,
  DFL_CALL_PROPERTY_DIVERTED_FROM,
  DFL_CALL_PROPERTY_SUBJECT,
  DFL_CALL_PROPERTY_OFFERED_AT,
  DFL_CALL_PROPERTY_DEADLINE,
  DFL_CALL_PROPERTY_NEXT_ACTION,
  DFL_CALL_PROPERTY_NEXT_ACTION_BY,
  DFL_CALL_PROPERTY_NEXT_ACTION_AT,
  DFL_CALL_PROPERTY_ALLOWED_ACTIONS,
  DFL_CALL_PROPERTY_REDIRECTED_TO,
  DFL_CALL_PROPERTY_DECIDED_BY,
  DFL_CALL_PROPERTY_SILENCED,
  DFL_N_CALL_PROPERTIES
} DflCallProperty;

/* Appends the value, as a variant; a negative errno where the message becomes too long. */
int dfl_call_append_property (DflCall *call, DflCallProperty property, sd_bus_message *message);

/* How many properties an announcement carries at most. */
#define DFL_CALL_MAX_CHANGED 6

/* Which ones an announcement of this change carries; returns how many. */
guint dfl_call_list_changed (DflCall *call, DflCallChange change, guint *properties);
