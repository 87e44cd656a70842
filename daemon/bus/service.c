/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service.h"

#include "bus/account-properties.h"
#include "bus/service-manage.h"
#include "bus/service-private.h"

G_DEFINE_FINAL_TYPE (DflService, dfl_service, G_TYPE_OBJECT)

/* --- Audiences --- */

typedef struct
{
  DflService *service;
  const DflPeer *peer;
  gboolean sees;
} AudienceChange;

static void
announce_call_to_peer (DflCall *call, gpointer data)
{
  const AudienceChange *change = data;
  DflNode node = { DFL_NODE_CALL, NULL, call };

  dfl_announce_object (change->service, &node, change->peer, change->sees);
}

static void
on_audience_changed (DflAccount *account, DflPeer *peer, gboolean sees, gpointer data)
{
  DflService *self = data;
  AudienceChange change = { self, peer, sees };
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };

  if (self->door == NULL)
    return;
  if (dfl_switchboard_get_account (self->switchboard, dfl_account_get_id (account)) == account)
    dfl_announce_object (self, &node, peer, sees);
  dfl_switchboard_foreach_call_of (self->switchboard, account, announce_call_to_peer, &change);
}

static void
on_audience_settled (DflAccount *account, gpointer data)
{
  DflService *self = data;

  if (self->door != NULL)
    dfl_manage_settle (self, account);
}

/* --- What the switchboard says --- */

static void
take_account (DflService *self, DflAccount *account)
{
  dfl_audience_update (self->audience, account);
  g_hash_table_insert (self->told, account, dfl_account_told_new (account));
}

static void
on_account_added (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  DflService *self = data;
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };

  take_account (self, account);
  dfl_announce_object (self, &node, NULL, TRUE);
}

static void
on_account_changed (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  DflService *self = data;
  DflAccountTold *told = g_hash_table_lookup (self->told, account);
  guint changed[DFL_N_ACCOUNT_PROPERTIES];
  guint n_changed = dfl_account_told_update (told, account, changed);

  /* What becomes of registrations changes nothing about who sees them, and comes often. */
  if (n_changed == DFL_N_ACCOUNT_PROPERTIES)
    dfl_audience_update (self->audience, account);
  dfl_announce_account_changed (self, account, changed, n_changed);
}

static void
on_account_removed (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  DflService *self = data;
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };

  g_hash_table_remove (self->told, account);
  dfl_announce_object (self, &node, NULL, FALSE);
}

static void
on_call_added (DflSwitchboard *switchboard, DflCall *call, gpointer data)
{
  DflNode node = { DFL_NODE_CALL, NULL, call };

  dfl_announce_object (data, &node, NULL, TRUE);
}

static void
on_call_changed (DflSwitchboard *switchboard, DflCall *call, guint change, gpointer data)
{
  DflService *self = data;

  dfl_announce_call_changed (self, call, change);
  if (dfl_call_get_state (call) == DFL_CALL_STATE_IDLE)
    dfl_service_settle_waiter (self, call);
}

static void
on_call_removed (DflSwitchboard *switchboard, DflCall *call, gpointer data)
{
  DflNode node = { DFL_NODE_CALL, NULL, call };

  dfl_announce_object (data, &node, NULL, FALSE);
}

/* --- What the door says --- */

static void
on_request (DflPeer *peer, sd_bus_message *message, gpointer data)
{
  dfl_tree_dispatch (data, peer, message);
}

static void
on_gone (DflPeer *peer, gpointer data)
{
  DflService *self = data;

  if (self->permits != NULL)
    dfl_permits_forget (self->permits, peer);
  dfl_service_forget_waiters (self, peer);
  dfl_audience_forget (self->audience, peer);
}

static void
on_lost (DflPeer *peer, gpointer data)
{
  DflService *self = data;

  dfl_audience_forget (self->audience, peer);
}

static void
on_caught_up (DflPeer *peer, const char *path, gboolean known, gpointer data)
{
  dfl_announce_now (data, peer, path, known);
}

/* --- The service --- */

void
dfl_service_refresh_users (DflService *self)
{
  if (self->door == NULL)
    return;
  dfl_audience_refresh (self->audience);
  dfl_door_refresh_users (self->door);
}

void
dfl_service_close (DflService *self)
{
  if (self->door == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->switchboard, self);
  dfl_service_dismiss_waiters (self);
  dfl_manage_dismiss (self);
  g_clear_pointer (&self->permits, dfl_permits_free);
  g_clear_pointer (&self->audience, dfl_audience_free);
  g_clear_pointer (&self->door, dfl_door_free);
}

static void
dfl_service_init (DflService *self)
{
  dfl_tree_init ();
}

static void
dfl_service_dispose (GObject *object)
{
  DflService *self = DFL_SERVICE (object);

  dfl_service_close (self);
  g_clear_object (&self->switchboard);
  g_clear_object (&self->clock);
  G_OBJECT_CLASS (dfl_service_parent_class)->dispose (object);
}

static void
dfl_service_finalize (GObject *object)
{
  DflService *self = DFL_SERVICE (object);

  g_clear_pointer (&self->waiters, g_hash_table_unref);
  g_clear_pointer (&self->changes, g_ptr_array_unref);
  g_clear_pointer (&self->told, g_hash_table_unref);
  g_strfreev (self->listening);
  G_OBJECT_CLASS (dfl_service_parent_class)->finalize (object);
}

static void
dfl_service_class_init (DflServiceClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->dispose = dfl_service_dispose;
  object_class->finalize = dfl_service_finalize;
}

DflService *
dfl_service_new (DflConnection *connection,
                 DflBusMode mode,
                 DflAuthority *authority,
                 DflSwitchboard *switchboard,
                 DflClock *clock,
                 const char *const *listening)
{
  static const DflDoorFuncs funcs = { on_request, on_gone, on_caught_up, on_lost };
  DflService *self = g_object_new (DFL_TYPE_SERVICE, NULL);
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (switchboard);

  self->single_user = mode == DFL_BUS_SESSION;
  if (authority != NULL && !self->single_user)
    self->permits = dfl_permits_new (authority, clock);
  self->switchboard = g_object_ref (switchboard);
  self->clock = g_object_ref (clock);
  self->listening = g_strdupv ((char **)listening);
  self->waiters = dfl_service_waiters_new ();
  self->changes = g_ptr_array_new ();
  self->told = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)dfl_account_told_free);
  self->audience = dfl_audience_new (mode, on_audience_changed, on_audience_settled, self);
  for (guint i = 0; i < accounts->len; i++)
    take_account (self, g_ptr_array_index (accounts, i));
  g_signal_connect (switchboard, "account-added", G_CALLBACK (on_account_added), self);
  g_signal_connect (switchboard, "account-changed", G_CALLBACK (on_account_changed), self);
  g_signal_connect (switchboard, "account-removed", G_CALLBACK (on_account_removed), self);
  g_signal_connect (switchboard, "call-added", G_CALLBACK (on_call_added), self);
  g_signal_connect (switchboard, "call-changed", G_CALLBACK (on_call_changed), self);
  g_signal_connect (switchboard, "call-removed", G_CALLBACK (on_call_removed), self);
  self->door = dfl_door_new (connection, self->single_user ? NULL : clock, &funcs, self);
  return self;
}
