/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* All accounts and all calls: makes a call of an offer, keeps its deadline, tells who is
 * interested. */

#pragma once

#include <glib-object.h>

#include "core/account.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/keeper.h"

#define DFL_TYPE_SWITCHBOARD (dfl_switchboard_get_type ())
G_DECLARE_FINAL_TYPE (DflSwitchboard, dfl_switchboard, DFL, SWITCHBOARD, GObject)

/*
 * Signals, all emitted after the state has changed, on the main loop:
 *   account-added (DflAccount), account-changed (DflAccount), account-removed (DflAccount)
 *   call-added (DflCall)
 *   call-changed (DflCall, guint of DflCallChange bits)
 *   call-removed (DflCall): it is idle and was announced so; last chance to read it
 *   register-requested (DflAccount): somebody wants it registered now
 *   drained (): shut down, and the last call is gone
 */

/* max_offers: how many calls may be offered at once in all. */
DflSwitchboard *dfl_switchboard_new (DflClock *clock, guint max_offers);

void dfl_switchboard_set_max_offers (DflSwitchboard *self, guint max_offers);

/*
 * Replaces the accounts of the settings directory: takes over an array of DflAccountSettings (with
 * free function) that have no creator. They are matched by name; the unchanged ones are not
 * touched, calls that are offered stay as they are, also those of an account that goes.
 *
 * Of enabled direct accounts with the same user part one owns it, and the others fail with a reason
 * that names no other account to their users: whoever owns it keeps it, else accounts of the
 * settings directory come first, by name, and then the others as they were added.
 */
void dfl_switchboard_set_accounts (DflSwitchboard *self, GPtrArray *settings);

/*
 * The accounts that were added over D-Bus, as they were kept; once, before
 * dfl_switchboard_set_accounts. Takes over an array of DflAccountSettings that have an id and a
 * creator.
 */
void dfl_switchboard_set_kept_accounts (DflSwitchboard *self, GPtrArray *settings);

/* --- Changes of accounts, by users --- */

/* Who keeps changed accounts; until then every change fails with NOT_SUPPORTED. */
void dfl_switchboard_set_keeper (DflSwitchboard *self, DflKeeper *keeper);

/* What a user asks for, and may. */
typedef struct
{
  const char *caller;        /* the local user's name; "root" may everything */
  gboolean as_administrator; /* what dfl_account_settings_need_administrator is about is allowed */
  /* What was drafted when that was allowed, or the account's settings for a removal; NULL where
   * nobody had to be asked. At its turn the change must still come to the same, unless root is who
   * asks. Borrowed. */
  const DflAccountSettings *authorised;
} DflAccountAuthor;

/*
 * What would become of an account (NULL: a new one with that name for this creator) without doing
 * it: the settings as they would be in force, for a look at what they need to be allowed. A new
 * account belongs to its creator unless the change names users or there is but one user here
 * (creator_owns FALSE). Fails with
 *  - INVALID_SETTINGS: keys, or a name that no account may have, or that the creator has used
 *  - NOT_SUPPORTED: the account stands in the settings directory, or there is no keeper
 *  - LIMIT_EXCEEDED: the creator has as many accounts as anybody may have: 32, root 10,000
 *  - FAILED: the account is gone
 */
DflAccountSettings *dfl_switchboard_draft_account (DflSwitchboard *self,
                                                   DflAccount *account,
                                                   const char *name,
                                                   const char *creator,
                                                   gboolean creator_owns,
                                                   const DflAccountChange *change,
                                                   GError **error);

/* account is borrowed, NULL where it is gone or with an error. */
typedef void (*DflAccountDoneFunc) (DflAccount *account, const GError *error, gpointer data);

/*
 * These change accounts one after another: each is drafted anew when it is its turn, kept, and only
 * then put in force; the signals of that are emitted before done is told, which is always and never
 * from within. Authors take turns, so that nobody waits for more than the change that is being kept
 * and one of each other author; each author's own are done in the order in which they were asked
 * for. They fail as the draft does, and with
 *  - NOT_AUTHORIZED: the step needs an administrator now
 *  - LIMIT_EXCEEDED: 64 changes wait, or 8 of this author; root's are not counted, nor refused
 *  - FAILED: it could not be kept, the account is gone, it is no longer the author's or what was
 *    authorised, or the switchboard shuts down
 *
 * Then nothing has changed. They take the change over.
 *
 * Shutting down refuses what waits; what is being kept goes on and is answered. Who still waits
 * when waiting is given up, or when the switchboard is disposed of, is told FAILED from there.
 */
void dfl_switchboard_add_account (DflSwitchboard *self,
                                  const char *name,
                                  const DflAccountAuthor *author,
                                  gboolean creator_owns,
                                  DflAccountChange *change,
                                  DflAccountDoneFunc done,
                                  gpointer data);
void dfl_switchboard_update_account (DflSwitchboard *self,
                                     DflAccount *account,
                                     const DflAccountAuthor *author,
                                     DflAccountChange *change,
                                     DflAccountDoneFunc done,
                                     gpointer data);
void dfl_switchboard_remove_account (DflSwitchboard *self,
                                     DflAccount *account,
                                     const DflAccountAuthor *author,
                                     DflAccountDoneFunc done,
                                     gpointer data);

/* --- Accounts --- */

/* Borrowed accounts, in the order of their names and ids; free the array. */
GPtrArray *dfl_switchboard_get_accounts (DflSwitchboard *self);
DflAccount *dfl_switchboard_get_account (DflSwitchboard *self, const char *id);

/*
 * Registers now instead of at the next refresh or at the end of a back-off: emits
 * register-requested. Fails with NOT_SUPPORTED for an account that does not register, with
 * LINE_DOWN where it is disabled or its settings have a problem (the message says what to do), and
 * with FAILED where it is gone or while shutting down.
 */
gboolean
dfl_switchboard_register_account (DflSwitchboard *self, DflAccount *account, GError **error);

/* The running direct account that owns this user part (compared exactly, RFC 3261 section 19.1.4),
 * or NULL. */
DflAccount *dfl_switchboard_find_direct (DflSwitchboard *self, const char *user);

/*
 * Makes a call of an offer: takes offer over, refs line, keeps leg until dfl_line_release. Emits
 * call-added before it returns; a listener may decide at once. Fails with LIMIT_EXCEEDED (the
 * account's or the daemon's; answer 486; logged at most once a second) or FAILED while shutting
 * down (answer 480); then offer is freed and the leg stays the caller's. The call is borrowed and
 * valid until it released its leg; NULL without an error cannot be.
 */
DflCall *dfl_switchboard_offer (DflSwitchboard *self,
                                DflAccount *account,
                                DflOffer *offer,
                                DflLine *line,
                                DflLeg *leg,
                                GError **error);

/* The calls that are not yet removed. */
guint dfl_switchboard_get_n_calls (DflSwitchboard *self);
DflCall *dfl_switchboard_get_call (DflSwitchboard *self, const char *id);

/* Those of one account, in the order of their ids: takes as long as that account has calls, however
 * many others have. func may end any of them. */
void dfl_switchboard_foreach_call_of (DflSwitchboard *self,
                                      DflAccount *account,
                                      void (*func) (DflCall *call, gpointer data),
                                      gpointer data);

/* Borrowed accounts that are not there any more but still have calls, in the order of their names
 * and ids; free the array. With those of dfl_switchboard_get_accounts, they have all calls. */
GPtrArray *dfl_switchboard_get_former_accounts (DflSwitchboard *self);

/* Calls with this SIP Call-ID (several where an INVITE was forked to two accounts here); borrowed
 * calls, free the array. */
GPtrArray *dfl_switchboard_find_calls (DflSwitchboard *self, const char *sip_call_id);

/*
 * Refuses offers from now on and declines what is offered with 480, decided by "shutdown"; emits
 * drained when the last call is gone and the last change of an account is answered, at once from a
 * later turn of the loop if there is none.
 */
void dfl_switchboard_shut_down (DflSwitchboard *self);

/* Stops waiting for ACKs: what was decided and is not acknowledged ends as if Timer H had fired,
 * and is announced so; nor for the change that is being kept. For the end of a shut-down that takes
 * too long; drained follows. */
void dfl_switchboard_give_up (DflSwitchboard *self);
