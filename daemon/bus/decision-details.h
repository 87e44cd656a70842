/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the authority, and with it an administrator's rule, is told about what somebody wants. */

#pragma once

#include "core/call.h"
#include "core/keeper.h"

/*
 * Keys and values for dfl_request_authorise. All of them have the account's "id" ("" where it is to
 * be added), its name as "account", which alone identifies nothing as only the names of one creator
 * are unique, and "creator", the local user who added it ("" where it stands in the settings
 * directory).
 */

/*
 * A decision: also "action" (redirect, decline, silence or keep), "target" (the URI that would be
 * sent, or "" without a target) and "number" (see below).
 */
char **dfl_decision_details_new (DflCall *call, const char *action, const DflTarget *target);

/*
 * The change of an account: also "method" (add, update or remove), "address", "users" (separated by
 * ;) as they will be, and "target" and "number" where calls will go elsewhere at the ring limit
 * than before, as if one was redirected there, else "". account and before are NULL where there was
 * none before; without before there is always a target where after has one.
 */
char **dfl_change_details_new (const char *method,
                               DflAccount *account,
                               const DflAccountSettings *before,
                               const DflAccountSettings *after);

/*
 * What the details of a change are made from where who wants it may not know all of the account,
 * such as whether the change is possible: but for redirect-domain=, it depends only on what the
 * change says and what everybody who sees the account sees. A dialog shows the details.
 */
DflAccountSettings *dfl_change_guess_new (const DflAccountSettings *before,
                                          const DflAccountChange *change);

/*
 * The telephone number in the user part of a SIP URI, as an element behind us may dial it:
 * %-decoded, without visual separators and without what follows a ';' (RFC 3261 section 19.1.6); ""
 * where the user part is no number.
 */
char *dfl_decision_number_new (const char *uri);
