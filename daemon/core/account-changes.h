/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The changes of accounts that users ask for: they wait, are kept and put in force one after
 * another. */

#pragma once

#include "core/account-draft.h"
#include "core/switchboard.h"

typedef struct _DflAccountChanges DflAccountChanges;

/* accounts is borrowed until close. on_idle is told when there is nothing to do, and nobody to
 * answer, any more; owner, its argument, is referenced while others are called. */
DflAccountChanges *dfl_account_changes_new (DflAccounts *accounts,
                                            DflClock *clock,
                                            void (*on_idle) (gpointer owner),
                                            gpointer owner);

/* Answers everybody who waits with FAILED, here and now, and lets go of everything; what the keeper
 * is at may end later. */
void dfl_account_changes_close (DflAccountChanges *self);

void dfl_account_changes_set_keeper (DflAccountChanges *self, DflKeeper *keeper);

/* As the functions of the switchboard. */
DflAccountSettings *dfl_account_changes_draft (DflAccountChanges *self,
                                               const DflAccountWish *wish,
                                               const DflAccountChange *change,
                                               GError **error);
void dfl_account_changes_add (DflAccountChanges *self,
                              const char *name,
                              const DflAccountAuthor *author,
                              gboolean creator_owns,
                              DflAccountChange *change,
                              DflAccountDoneFunc done,
                              gpointer data);
void dfl_account_changes_update (DflAccountChanges *self,
                                 DflAccount *account,
                                 const DflAccountAuthor *author,
                                 DflAccountChange *change,
                                 DflAccountDoneFunc done,
                                 gpointer data);
void dfl_account_changes_remove (DflAccountChanges *self,
                                 DflAccount *account,
                                 const DflAccountAuthor *author,
                                 DflAccountDoneFunc done,
                                 gpointer data);

/* Refuses what comes from now on, and what waits; the change that is being kept goes on. */
void dfl_account_changes_shut_down (DflAccountChanges *self);

/* Waits for the keeper no longer: the change that is being kept is answered with FAILED. */
void dfl_account_changes_give_up (DflAccountChanges *self);

gboolean dfl_account_changes_are_idle (DflAccountChanges *self);
