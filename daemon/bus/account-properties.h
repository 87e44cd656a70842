/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of an account as the bus shows them, and which of them an announcement carries. */

#pragma once

#include <systemd/sd-bus.h>

#include "core/account.h"

/* In the order of the interface's XML. */
typedef enum
{
  DFL_ACCOUNT_PROPERTY_NAME,
  DFL_ACCOUNT_PROPERTY_ADDRESS,
  DFL_ACCOUNT_PROPERTY_DISPLAY_NAME,
  DFL_ACCOUNT_PROPERTY_USERS,
  DFL_ACCOUNT_PROPERTY_ENABLED,
  DFL_ACCOUNT_PROPERTY_STATE,
  DFL_ACCOUNT_PROPERTY_STATE_REASON,
  DFL_ACCOUNT_PROPERTY_SERVER,
  DFL_ACCOUNT_PROPERTY_TRANSPORT,
  DFL_ACCOUNT_PROPERTY_SECURE,
  DFL_ACCOUNT_PROPERTY_REGISTERED_UNTIL,
  DFL_ACCOUNT_PROPERTY_TARGETS,
  DFL_ACCOUNT_PROPERTY_RULES,
  DFL_ACCOUNT_PROPERTY_RULES_ETAG,
  DFL_ACCOUNT_PROPERTY_REDIRECT_POLICY,
  DFL_N_ACCOUNT_PROPERTIES
} DflAccountProperty;

/* Appends the value, as a variant; a negative errno where the message becomes too long. */
int dfl_account_append_property (DflAccount *account,
                                 DflAccountProperty property,
                                 sd_bus_message *message);

/* --- What was last told of an account --- */

/* So that the refresh of a registration, which comes every few minutes for each account, tells what
 * is new and nothing else. */
typedef struct _DflAccountTold DflAccountTold;

DflAccountTold *dfl_account_told_new (DflAccount *account);
void dfl_account_told_free (DflAccountTold *self);

/* Takes note of how the account is now; changed, of DFL_N_ACCOUNT_PROPERTIES, becomes the
 * properties that must be told. New settings are told with all properties. Returns how many. */
guint dfl_account_told_update (DflAccountTold *self, DflAccount *account, guint *changed);
