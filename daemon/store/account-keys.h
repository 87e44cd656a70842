/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of an account, one by one. */

#pragma once

#include "store/account-file.h"
#include "store/key-file.h"

#define DFL_ACCOUNT_GROUP "account"
#define DFL_TARGETS_GROUP "targets"

/* The keys of [account] that such a text may have; what they read into is a DflAccountSettings. */
const DflKeySpec *dfl_account_keys (DflAccountFileKind kind);

/* Reads the lines of [targets] into a DflAccountSettings. Whether an address is a target is left
 * for when redirect-domain= is known. */
void dfl_account_read_target (DflKeyFile *file,
                              const DflKeyLine *at,
                              const DflKeySpec *spec,
                              const char *value,
                              gpointer into);

/* Whether a local user may be called so. */
gboolean dfl_account_is_user_name (const char *name);

/* As transport= and redirect-policy= say it. */
const char *dfl_account_transport_to_string (DflTransport transport);
const char *dfl_account_redirect_policy_to_string (DflRedirectPolicy policy);

/* Stands in where a domain is needed to look at the rest of a text and there is none. */
#define DFL_NO_DOMAIN "domain.invalid"
