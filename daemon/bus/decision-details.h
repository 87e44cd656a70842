/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the authority, and with it an administrator's rule, is told about a decision. */

#pragma once

#include "core/call.h"

/*
 * Keys and values for dfl_request_authorise: "account" (its name), "action" (redirect, decline,
 * silence or keep), "target" (the URI that would be sent, or "" without a target) and "number" (see
 * below).
 */
char **dfl_decision_details_new (DflCall *call, const char *action, const DflTarget *target);

/*
 * The telephone number in the user part of a SIP URI, as an element behind us may dial it:
 * %-decoded, without visual separators and without what follows a ';' (RFC 3261 section 19.1.6); ""
 * where the user part is no number.
 */
char *dfl_decision_number_new (const char *uri);
