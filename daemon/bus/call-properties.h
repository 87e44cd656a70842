/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of a call as the bus shows them. */

#pragma once

#include <gio/gio.h>

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

/* Makes the values that every call shares; once. */
void dfl_call_properties_init (void);

/* A dictionary entry {sv}; floating, or shared between calls. */
GVariant *dfl_call_property_new (DflCall *call, DflCallProperty property);

/* All of them, floating a{sv}. */
GVariant *dfl_call_properties_new (DflCall *call);

/* Those that an announcement carries, floating a{sv}. */
GVariant *dfl_call_changed_properties_new (DflCall *call, DflCallChange change);
