/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/switchboard.h"

#include "core/account-changes.h"
#include "core/account-draft.h"
#include "core/accounts.h"
#include "core/call-ids.h"
#include "core/call-private.h"
#include "core/calls.h"
#include "core/error.h"
#include "core/offer-limit.h"

struct _DflSwitchboard
{
  GObject parent;

  DflClock *clock;
  DflOfferLimit limit;
  gboolean shutting_down, drained;
  DflAlarm *drained_alarm;

  DflAccounts *accounts;
  DflAccountChanges *changes;

  DflCallHost host;
  DflCallIds ids;
  DflCalls *calls;
};

enum
{
  ACCOUNT_ADDED,
  ACCOUNT_CHANGED,
  ACCOUNT_REMOVED,
  CALL_ADDED,
  CALL_CHANGED,
  CALL_REMOVED,
  REGISTER_REQUESTED,
  DRAINED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (DflSwitchboard, dfl_switchboard, G_TYPE_OBJECT)

/* --- Accounts --- */

static void
on_account_added (DflAccount *account, gpointer data)
{
  g_signal_emit (data, signals[ACCOUNT_ADDED], 0, account);
}

static void
on_account_changed (DflAccount *account, gpointer data)
{
  g_signal_emit (data, signals[ACCOUNT_CHANGED], 0, account);
}

static void
on_account_removed (DflAccount *account, gpointer data)
{
  dfl_calls_part_with (DFL_SWITCHBOARD (data)->calls, account);
  g_signal_emit (data, signals[ACCOUNT_REMOVED], 0, account);
}

void
dfl_switchboard_set_accounts (DflSwitchboard *self, GPtrArray *settings)
{
  g_autoptr (DflSwitchboard) G_GNUC_UNUSED keep = g_object_ref (self);

  dfl_accounts_replace (self->accounts, settings);
}

void
dfl_switchboard_set_kept_accounts (DflSwitchboard *self, GPtrArray *settings)
{
  g_autoptr (DflSwitchboard) G_GNUC_UNUSED keep = g_object_ref (self);

  dfl_accounts_set_kept (self->accounts, settings);
}

GPtrArray *
dfl_switchboard_get_accounts (DflSwitchboard *self)
{
  GPtrArray *accounts = g_ptr_array_copy ((GPtrArray *)dfl_accounts_get_all (self->accounts), NULL,
                                          NULL);

  /* The copy inherits the free function, but holds no references. */
  g_ptr_array_set_free_func (accounts, NULL);
  return accounts;
}

DflAccount *
dfl_switchboard_get_account (DflSwitchboard *self, const char *id)
{
  return dfl_accounts_find_by_id (self->accounts, id);
}

DflAccount *
dfl_switchboard_find_direct (DflSwitchboard *self, const char *user)
{
  DflAccount *account = dfl_accounts_find_by_user (self->accounts, user);

  if (account == NULL || dfl_account_get_state (account) != DFL_ACCOUNT_STATE_DIRECT)
    return NULL;

  return account;
}

gboolean
dfl_switchboard_register_account (DflSwitchboard *self, DflAccount *account, GError **error)
{
  if (self->shutting_down)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_FAILED,
                           "deflectd is shutting down: try again when it runs again");
      return FALSE;
    }
  if (dfl_accounts_find_by_id (self->accounts, dfl_account_get_id (account)) != account)
    {
      dfl_account_draft_set_gone (error);
      return FALSE;
    }
  if (!dfl_account_check_registers (account, error))
    return FALSE;

  g_signal_emit (self, signals[REGISTER_REQUESTED], 0, account);

  return TRUE;
}

/* --- Changes of accounts, by users --- */

void
dfl_switchboard_set_keeper (DflSwitchboard *self, DflKeeper *keeper)
{
  dfl_account_changes_set_keeper (self->changes, keeper);
}

DflAccountSettings *
dfl_switchboard_draft_account (DflSwitchboard *self,
                               DflAccount *account,
                               const char *name,
                               const char *creator,
                               gboolean creator_owns,
                               const DflAccountChange *change,
                               GError **error)
{
  DflAccountWish wish = {
    .account = account,
    .name = name,
    .author = creator,
    .creator_owns = creator_owns,
  };

  return dfl_account_changes_draft (self->changes, &wish, change, error);
}

void
dfl_switchboard_add_account (DflSwitchboard *self,
                             const char *name,
                             const DflAccountAuthor *author,
                             gboolean creator_owns,
                             DflAccountChange *change,
                             DflAccountDoneFunc done,
                             gpointer data)
{
  dfl_account_changes_add (self->changes, name, author, creator_owns, change, done, data);
}

void
dfl_switchboard_update_account (DflSwitchboard *self,
                                DflAccount *account,
                                const DflAccountAuthor *author,
                                DflAccountChange *change,
                                DflAccountDoneFunc done,
                                gpointer data)
{
  dfl_account_changes_update (self->changes, account, author, change, done, data);
}

void
dfl_switchboard_remove_account (DflSwitchboard *self,
                                DflAccount *account,
                                const DflAccountAuthor *author,
                                DflAccountDoneFunc done,
                                gpointer data)
{
  dfl_account_changes_remove (self->changes, account, author, done, data);
}

/* --- What calls report --- */

/*
 * Whether whoever may see the one account may see the other: the refusal of a local target must
 * not tell a user which addresses other users have here. An empty list is root, who sees all.
 */
static gboolean
is_within_audience (const DflAccountSettings *narrow, const DflAccountSettings *wide)
{
  const char *const *wide_users = (const char *const *)wide->users;

  if (g_strv_contains (wide_users, "*"))
    return TRUE;

  for (char **user = narrow->users; *user != NULL; user++)
    if (!g_strv_contains (wide_users, *user))
      return FALSE;

  return TRUE;
}

static gboolean
on_call_asks_is_local (DflCall *call, const DflPlace *place, gpointer data)
{
  DflSwitchboard *self = DFL_SWITCHBOARD (data);
  const GPtrArray *accounts = dfl_accounts_get_all (self->accounts);

  for (guint i = 0; i < accounts->len; i++)
    {
      DflAccount *account = accounts->pdata[i];

      if (dfl_place_same (dfl_account_get_place (account), place)
          && dfl_account_get_state (account) != DFL_ACCOUNT_STATE_DISABLED
          && is_within_audience (dfl_call_get_settings (call), dfl_account_get_settings (account)))
        return TRUE;
    }

  return FALSE;
}

static void
on_call_changed (DflCall *call, guint changes, gpointer data)
{
  DflSwitchboard *self = DFL_SWITCHBOARD (data);

  /* The decision, and only that, ends the state offered. */
  if ((changes & DFL_CALL_CHANGE_DECISION) != 0)
    self->limit.n_offered--;

  g_signal_emit (self, signals[CALL_CHANGED], 0, call, changes);
}

static void
emit_drained_if_empty (DflSwitchboard *self)
{
  if (!self->shutting_down || self->drained || self->drained_alarm != NULL
      || dfl_calls_get_n (self->calls) > 0 || !dfl_account_changes_are_idle (self->changes))
    return;

  self->drained = TRUE;
  g_signal_emit (self, signals[DRAINED], 0);
}

static void
on_changes_idle (gpointer owner)
{
  emit_drained_if_empty (DFL_SWITCHBOARD (owner));
}

static void
on_call_removed (DflCall *call, gpointer data)
{
  g_autoptr (DflSwitchboard) self = g_object_ref (DFL_SWITCHBOARD (data));
  g_autoptr (DflCall) G_GNUC_UNUSED keep = g_object_ref (call);

  dfl_calls_remove (self->calls, call);
  g_signal_emit (self, signals[CALL_REMOVED], 0, call);
  emit_drained_if_empty (self);
}

/* --- Calls --- */

static gboolean
check_offer (DflSwitchboard *self, DflAccount *account, GError **error)
{
  if (self->shutting_down)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_FAILED,
                           "deflectd is shutting down: offer the call to somebody else");
      return FALSE;
    }

  return dfl_offer_limit_check (&self->limit, self->clock, account, error);
}

DflCall *
dfl_switchboard_offer (DflSwitchboard *self,
                       DflAccount *account,
                       DflOffer *offer,
                       DflLine *line,
                       DflLeg *leg,
                       GError **error)
{
  char id[9];
  DflCall *call;

  if (!check_offer (self, account, error))
    {
      dfl_offer_free (offer);
      return NULL;
    }

  do
    dfl_call_ids_next (&self->ids, id);
  while (dfl_calls_find (self->calls, id) != NULL);

  call = dfl_call_new (&self->host, id, account, offer, line, leg);
  self->limit.n_offered++;
  dfl_calls_add (self->calls, call);
  if (dfl_accounts_find_by_id (self->accounts, dfl_account_get_id (account)) != account)
    dfl_calls_part_with (self->calls, account);
  g_signal_emit (self, signals[CALL_ADDED], 0, call);

  return call;
}

guint
dfl_switchboard_get_n_calls (DflSwitchboard *self)
{
  return dfl_calls_get_n (self->calls);
}

DflCall *
dfl_switchboard_get_call (DflSwitchboard *self, const char *id)
{
  return dfl_calls_find (self->calls, id);
}

void
dfl_switchboard_foreach_call_of (DflSwitchboard *self,
                                 DflAccount *account,
                                 void (*func) (DflCall *call, gpointer data),
                                 gpointer data)
{
  dfl_calls_foreach_of (self->calls, account, func, data);
}

GPtrArray *
dfl_switchboard_get_former_accounts (DflSwitchboard *self)
{
  return dfl_calls_get_former_accounts (self->calls);
}

GPtrArray *
dfl_switchboard_find_calls (DflSwitchboard *self, const char *sip_call_id)
{
  return dfl_calls_find_by_call_id (self->calls, sip_call_id);
}

/* --- Life --- */

static void
on_drained (gpointer data)
{
  DflSwitchboard *self = DFL_SWITCHBOARD (data);

  self->drained_alarm = NULL;
  emit_drained_if_empty (self);
}

static void
decline_for_shutdown (DflCall *call, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (dfl_call_get_state (call) == DFL_CALL_STATE_OFFERED
      && !dfl_call_decline (call, 480, "shutdown", &error))
    g_info ("Call %s: %s", dfl_call_get_id (call), error->message);
}

void
dfl_switchboard_shut_down (DflSwitchboard *self)
{
  if (self->shutting_down)
    return;

  /* Until the alarm fires nothing is drained: the caller first gets out of this function. */
  self->shutting_down = TRUE;
  self->drained_alarm = dfl_clock_set_alarm (self->clock, dfl_clock_now (self->clock), on_drained,
                                             self);
  dfl_account_changes_shut_down (self->changes);
  dfl_calls_foreach (self->calls, decline_for_shutdown, NULL);
}

static void
give_up_call (DflCall *call, gpointer data)
{
  dfl_call_leg_unconfirmed (call);
}

void
dfl_switchboard_give_up (DflSwitchboard *self)
{
  g_autoptr (DflSwitchboard) keep = g_object_ref (self);

  dfl_account_changes_give_up (self->changes);
  dfl_calls_foreach (self->calls, give_up_call, NULL);
}

void
dfl_switchboard_set_max_offers (DflSwitchboard *self, guint max_offers)
{
  self->limit.most = max_offers;
}

DflSwitchboard *
dfl_switchboard_new (DflClock *clock, guint max_offers)
{
  DflSwitchboard *self = g_object_new (DFL_TYPE_SWITCHBOARD, NULL);

  self->clock = g_object_ref (clock);
  self->limit.most = max_offers;
  self->accounts = dfl_accounts_new (&(DflAccountsListener){
      .on_added = on_account_added,
      .on_changed = on_account_changed,
      .on_removed = on_account_removed,
      .data = self,
  });
  self->changes = dfl_account_changes_new (self->accounts, clock, on_changes_idle, self);
  self->host = (DflCallHost){
    .clock = self->clock,
    .on_changed = on_call_changed,
    .on_removed = on_call_removed,
    .is_local = on_call_asks_is_local,
    .data = self,
  };

  return self;
}

static void
abandon_call (DflCall *call, gpointer data)
{
  dfl_call_abandon (call);
}

static void
dfl_switchboard_dispose (GObject *object)
{
  DflSwitchboard *self = DFL_SWITCHBOARD (object);

  /* Nobody waits for this one to be drained. */
  self->drained = TRUE;
  if (self->changes != NULL)
    dfl_account_changes_give_up (self->changes);
  if (self->calls != NULL)
    dfl_calls_foreach (self->calls, abandon_call, NULL);
  g_clear_pointer (&self->calls, dfl_calls_free);

  g_clear_pointer (&self->changes, dfl_account_changes_close);
  g_clear_pointer (&self->accounts, dfl_accounts_free);

  if (self->clock != NULL)
    dfl_clock_clear_alarm (self->clock, &self->drained_alarm);
  g_clear_object (&self->clock);

  G_OBJECT_CLASS (dfl_switchboard_parent_class)->dispose (object);
}

static void
dfl_switchboard_class_init (DflSwitchboardClass *class)
{
  static const struct
  {
    const char *name;
    GType (*type) (void);
  } simple[] = {
    [ACCOUNT_ADDED] = { "account-added", dfl_account_get_type },
    [ACCOUNT_CHANGED] = { "account-changed", dfl_account_get_type },
    [ACCOUNT_REMOVED] = { "account-removed", dfl_account_get_type },
    [CALL_ADDED] = { "call-added", dfl_call_get_type },
    [CALL_REMOVED] = { "call-removed", dfl_call_get_type },
    [REGISTER_REQUESTED] = { "register-requested", dfl_account_get_type },
  };
  GType type = G_TYPE_FROM_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = dfl_switchboard_dispose;

  for (guint i = 0; i < G_N_ELEMENTS (simple); i++)
    if (simple[i].name != NULL)
      signals[i] = g_signal_new (simple[i].name, type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, simple[i].type ());
  signals[CALL_CHANGED] = g_signal_new ("call-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 2, DFL_TYPE_CALL, G_TYPE_UINT);
  signals[DRAINED] = g_signal_new ("drained", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 0);
}

static void
dfl_switchboard_init (DflSwitchboard *self)
{
  self->calls = dfl_calls_new ();
}
