/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What would become of an account that somebody wants to add, change or remove. */

#pragma once

#include "core/accounts.h"
#include "core/clock.h"
#include "core/keeper.h"

/* How many accounts one user may have added, and root. */
#define DFL_MAX_ACCOUNTS 32
#define DFL_MAX_ACCOUNTS_OF_ROOT 10000

/* What it depends on, borrowed; keeper may be NULL. */
typedef struct
{
  DflAccounts *accounts;
  DflClock *clock;
  DflKeeper *keeper;
} DflAccountDesk;

/* What is asked for, borrowed. */
typedef struct
{
  DflAccount *account; /* NULL: a new one */
  const char *name;    /* of the new one */
  const char *id;      /* of the new one, or NULL while it has none */
  const char *author;
  gboolean creator_owns;
} DflAccountWish;

/* "root" is the name of uid 0 for who calls us. */
gboolean dfl_account_author_is_root (const char *author);

/* As dfl_switchboard_draft_account. */
DflAccountSettings *dfl_account_draft_change (const DflAccountDesk *desk,
                                              const DflAccountWish *wish,
                                              const DflAccountChange *change,
                                              GError **error);

/* Whether the account may be removed; fails likewise. */
gboolean
dfl_account_draft_removal (const DflAccountDesk *desk, DflAccount *account, GError **error);

/* An error, because the account is not there any more. */
void dfl_account_draft_set_gone (GError **error);
