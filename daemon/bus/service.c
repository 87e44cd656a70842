/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service.h"

#include "bus/call-properties.h"
#include "bus/service-private.h"
#include "data/names.h"

G_DEFINE_FINAL_TYPE (DflService, dfl_service, G_TYPE_OBJECT)

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

/* --- Announcements --- */

gboolean
dfl_service_has_listeners (DflService *self, DflAccount *account)
{
  return self->door != NULL
         && (dfl_audience_is_public (self->audience, account)
             || dfl_audience_get_listeners (self->audience, account)->len > 0);
}

void
dfl_service_announce (DflService *self,
                      DflAccount *account,
                      const char *path,
                      const char *interface,
                      const char *member,
                      GVariant *body)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (body);
  const GPtrArray *listeners;

  if (dfl_audience_is_public (self->audience, account))
    {
      dfl_door_signal (self->door, NULL, path, interface, member, owned);
      return;
    }
  listeners = dfl_audience_get_listeners (self->audience, account);
  for (guint i = 0; i < listeners->len; i++)
    {
      const DflPeer *peer = g_ptr_array_index (listeners, i);

      dfl_door_signal (self->door, peer->name, path, interface, member, owned);
    }
}

/* What every announcement about an interface repeats; made once. */
typedef struct
{
  GVariant *name;          /* s */
  GVariant *names;         /* as */
  GVariant *no_properties; /* as */
} Words;

static const Words *
get_words (const DflInterface *interface)
{
  static Words words[2];
  Words *own = &words[interface == &dfl_call_interface];

  if (own->name == NULL)
    {
      own->name = g_variant_ref_sink (g_variant_new_string (interface->info->name));
      own->names = g_variant_ref_sink (g_variant_new_array (NULL, &own->name, 1));
      own->no_properties = g_variant_ref_sink (
          g_variant_new_array (G_VARIANT_TYPE_STRING, NULL, 0));
    }
  return own;
}

void
dfl_service_announce_properties (DflService *self,
                                 DflAccount *account,
                                 const char *path,
                                 const DflInterface *interface,
                                 GVariant *changed)
{
  const Words *words = get_words (interface);
  GVariant *members[] = { words->name, changed, words->no_properties };

  dfl_service_announce (self, account, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                        g_variant_new_tuple (members, G_N_ELEMENTS (members)));
}

static GVariant *
added_new (const char *path, const DflInterface *interface, GVariant *properties)
{
  GVariant *entry = g_variant_new_dict_entry (get_words (interface)->name, properties);
  GVariant *members[] = { g_variant_new_object_path (path), g_variant_new_array (NULL, &entry, 1) };

  return g_variant_new_tuple (members, G_N_ELEMENTS (members));
}

static GVariant *
removed_new (const char *path, const DflInterface *interface)
{
  GVariant *members[] = { g_variant_new_object_path (path), get_words (interface)->names };

  return g_variant_new_tuple (members, G_N_ELEMENTS (members));
}

/* Tells one peer, or with NULL the whole audience, that an object has come or gone. */
static void
announce_object (DflService *self,
                 DflAccount *account,
                 const DflNode *node,
                 const DflPeer *peer,
                 gboolean exists)
{
  gboolean is_call = node->kind == DFL_NODE_CALL;
  const DflInterface *interface = is_call ? &dfl_call_interface : &dfl_account_interface;
  const char *member = exists ? "InterfacesAdded" : "InterfacesRemoved";
  g_autofree char *path = NULL;
  g_autoptr (GVariant) body = NULL;

  if (peer == NULL && !dfl_service_has_listeners (self, account))
    return;
  path = is_call ? dfl_call_path (node->call) : dfl_account_path (account);
  body = g_variant_ref_sink (exists ? added_new (path, interface, interface->get_all (self, node))
                                    : removed_new (path, interface));
  if (peer == NULL)
    dfl_service_announce (self, account, DFL_ROOT_PATH, OBJECT_MANAGER, member, body);
  else
    dfl_door_signal (self->door, peer->name, DFL_ROOT_PATH, OBJECT_MANAGER, member, body);
}

typedef struct
{
  DflService *service;
  DflAccount *account;
  const DflPeer *peer;
  gboolean sees;
} AudienceChange;

static void
announce_call_to_peer (DflCall *call, gpointer data)
{
  const AudienceChange *change = data;
  DflNode node = { DFL_NODE_CALL, NULL, call };

  if (dfl_call_get_account (call) == change->account)
    announce_object (change->service, change->account, &node, change->peer, change->sees);
}

static void
on_audience_changed (DflAccount *account, DflPeer *peer, gboolean sees, gpointer data)
{
  DflService *self = data;
  AudienceChange change = { self, account, peer, sees };
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };

  if (self->door == NULL)
    return;
  if (dfl_switchboard_get_account (self->switchboard, dfl_account_get_id (account)) == account)
    announce_object (self, account, &node, peer, sees);
  dfl_switchboard_foreach_call (self->switchboard, announce_call_to_peer, &change);
}

/* --- What the switchboard says --- */

static void
on_account_added (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  DflService *self = data;
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };

  dfl_audience_update (self->audience, account);
  announce_object (self, account, &node, NULL, TRUE);
}

static void
on_account_changed (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  DflService *self = data;
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };
  g_autofree char *path = NULL;

  dfl_audience_update (self->audience, account);
  if (!dfl_service_has_listeners (self, account))
    return;
  path = dfl_account_path (account);
  dfl_service_announce_properties (self, account, path, &dfl_account_interface,
                                   dfl_account_interface.get_all (self, &node));
}

static void
on_account_removed (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };

  announce_object (data, account, &node, NULL, FALSE);
}

static void
on_call_added (DflSwitchboard *switchboard, DflCall *call, gpointer data)
{
  DflNode node = { DFL_NODE_CALL, NULL, call };

  announce_object (data, dfl_call_get_account (call), &node, NULL, TRUE);
}

static void
on_call_changed (DflSwitchboard *switchboard, DflCall *call, guint change, gpointer data)
{
  DflService *self = data;

  dfl_service_announce_call_changed (self, call, change);
  if (dfl_call_get_state (call) == DFL_CALL_STATE_IDLE)
    dfl_service_settle_waiter (self, call);
}

static void
on_call_removed (DflSwitchboard *switchboard, DflCall *call, gpointer data)
{
  DflNode node = { DFL_NODE_CALL, NULL, call };

  announce_object (data, dfl_call_get_account (call), &node, NULL, FALSE);
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

  dfl_audience_forget (self->audience, peer);
}

/* --- The service --- */

void
dfl_service_refresh_users (DflService *self)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (self->switchboard);

  for (guint i = 0; i < accounts->len; i++)
    dfl_audience_update (self->audience, g_ptr_array_index (accounts, i));
}

void
dfl_service_close (DflService *self)
{
  if (self->door == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->switchboard, self);
  dfl_service_dismiss_waiters (self);
  g_clear_pointer (&self->audience, dfl_audience_free);
  g_clear_pointer (&self->door, dfl_door_free);
}

static void
dfl_service_init (DflService *self)
{
  dfl_tree_init ();
  dfl_call_properties_init ();
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
                 DflSwitchboard *switchboard,
                 DflClock *clock,
                 const char *const *listening)
{
  DflService *self = g_object_new (DFL_TYPE_SERVICE, NULL);

  self->switchboard = g_object_ref (switchboard);
  self->clock = g_object_ref (clock);
  self->listening = g_strdupv ((char **)listening);
  self->waiters = dfl_service_waiters_new ();
  self->audience = dfl_audience_new (mode, on_audience_changed, self);
  dfl_service_refresh_users (self);
  g_signal_connect (switchboard, "account-added", G_CALLBACK (on_account_added), self);
  g_signal_connect (switchboard, "account-changed", G_CALLBACK (on_account_changed), self);
  g_signal_connect (switchboard, "account-removed", G_CALLBACK (on_account_removed), self);
  g_signal_connect (switchboard, "call-added", G_CALLBACK (on_call_added), self);
  g_signal_connect (switchboard, "call-changed", G_CALLBACK (on_call_changed), self);
  g_signal_connect (switchboard, "call-removed", G_CALLBACK (on_call_removed), self);
  self->door = dfl_door_new (connection, on_request, on_gone, self);
  return self;
}
