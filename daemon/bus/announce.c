/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "bus/call-properties.h"
#include "bus/message.h"
#include "data/names.h"

/*
 * Whom an announcement goes to follows from the account: what belongs to everybody is broadcast,
 * anything else is written for each connection that subscribed and may know of it.
 */

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* What the body of an announcement is made from. */
typedef struct
{
  DflService *service;
  const DflNode *node;
  const DflInterface *interface;
  const char *path;
  const guint *changed; /* of PropertiesChanged: indices; NULL means all */
  guint n_changed;
} Body;

static const DflInterface *
interface_of (const DflNode *node)
{
  return node->kind == DFL_NODE_CALL ? &dfl_call_interface : &dfl_account_interface;
}

static DflAccount *
account_of (const DflNode *node)
{
  return node->kind == DFL_NODE_CALL ? dfl_call_get_account (node->call) : node->account;
}

static char *
path_of (const DflNode *node)
{
  return node->kind == DFL_NODE_CALL ? dfl_call_path (node->call)
                                     : dfl_account_path (node->account);
}

/* --- Bodies --- */

static int
append_entry (DflService *self,
              const DflNode *node,
              const DflInterface *interface,
              guint index,
              sd_bus_message *message)
{
  const char *name = interface->info->properties[index]->name;
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_DICT_ENTRY, "sv");

  if (result >= 0)
    result = dfl_message_append_basic (message, SD_BUS_TYPE_STRING, name);
  if (result >= 0)
    result = interface->append_property (self, node, index, message);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

int
dfl_announce_append_properties (DflService *self,
                                const DflNode *node,
                                const DflInterface *interface,
                                sd_bus_message *message)
{
  GDBusPropertyInfo **properties = interface->info->properties;
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_ARRAY, "{sv}");

  for (guint i = 0; result >= 0 && properties != NULL && properties[i] != NULL; i++)
    result = append_entry (self, node, interface, i, message);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

static int
append_changed (const Body *body, sd_bus_message *message)
{
  int result;

  if (body->changed == NULL)
    return dfl_announce_append_properties (body->service, body->node, body->interface, message);

  result = sd_bus_message_open_container (message, SD_BUS_TYPE_ARRAY, "{sv}");
  for (guint i = 0; result >= 0 && i < body->n_changed; i++)
    result = append_entry (body->service, body->node, body->interface, body->changed[i], message);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

int
dfl_announce_append_interface (DflService *self, const DflNode *node, sd_bus_message *message)
{
  const DflInterface *interface = interface_of (node);
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_ARRAY, "{sa{sv}}");

  if (result >= 0)
    result = sd_bus_message_open_container (message, SD_BUS_TYPE_DICT_ENTRY, "sa{sv}");
  if (result >= 0)
    result = dfl_message_append_basic (message, SD_BUS_TYPE_STRING, interface->info->name);
  if (result >= 0)
    result = dfl_announce_append_properties (self, node, interface, message);
  if (result >= 0)
    result = sd_bus_message_close_container (message);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

static int
write_added (sd_bus_message *message, gconstpointer data)
{
  const Body *body = data;
  int result = dfl_message_append_basic (message, SD_BUS_TYPE_OBJECT_PATH, body->path);

  return result < 0 ? result : dfl_announce_append_interface (body->service, body->node, message);
}

static int
write_removed (sd_bus_message *message, gconstpointer data)
{
  const Body *body = data;

  int result = dfl_message_append_basic (message, SD_BUS_TYPE_OBJECT_PATH, body->path);

  return result < 0 ? result
                    : sd_bus_message_append (message, "as", 1, body->interface->info->name);
}

static int
write_changed (sd_bus_message *message, gconstpointer data)
{
  const Body *body = data;
  int result = dfl_message_append_basic (message, SD_BUS_TYPE_STRING, body->interface->info->name);

  if (result >= 0)
    result = append_changed (body, message);
  return result < 0 ? result : sd_bus_message_append_strv (message, NULL);
}

/* --- Announcements --- */

typedef enum
{
  ADDED,
  CHANGED,
  REMOVED
} News;

gboolean
dfl_announce_has_listeners (DflService *self, DflAccount *account)
{
  return self->door != NULL
         && (dfl_audience_is_public (self->audience, account)
             || dfl_audience_get_listeners (self->audience, account)->len > 0);
}

/* Sends it to one peer, or broadcasts it. */
static void
send_news (const Body *body, const DflPeer *peer, News news)
{
  DflDoor *door = body->service->door;

  switch (news)
    {
    case ADDED:
      dfl_door_signal (door, peer, DFL_ROOT_PATH, OBJECT_MANAGER, "InterfacesAdded", write_added,
                       body);
      break;
    case CHANGED:
      dfl_door_signal (door, peer, body->path, PROPERTIES, "PropertiesChanged", write_changed,
                       body);
      break;
    case REMOVED:
      dfl_door_signal (door, peer, DFL_ROOT_PATH, OBJECT_MANAGER, "InterfacesRemoved",
                       write_removed, body);
      break;
    }
}

/* Sends it to one peer if that reads what it is sent. */
static void
tell (const Body *body, const DflPeer *peer, News news)
{
  if (dfl_door_may_tell (body->service->door, peer, body->path, news != ADDED))
    send_news (body, peer, news);
}

static void
announce (const Body *body, News news)
{
  DflService *self = body->service;
  DflAccount *account = account_of (body->node);
  g_autoptr (GPtrArray) listeners = NULL;

  if (dfl_audience_is_public (self->audience, account))
    {
      send_news (body, NULL, news);
      return;
    }
  /* Who does not read may lose its place while the others are told. */
  listeners = g_ptr_array_copy ((GPtrArray *)dfl_audience_get_listeners (self->audience, account),
                                NULL, NULL);
  for (guint i = 0; i < listeners->len; i++)
    tell (body, g_ptr_array_index (listeners, i), news);
}

void
dfl_announce_object (DflService *self, const DflNode *node, const DflPeer *peer, gboolean exists)
{
  g_autofree char *path = NULL;
  Body body = { .service = self, .node = node, .interface = interface_of (node) };

  if (peer == NULL && !dfl_announce_has_listeners (self, account_of (node)))
    return;
  body.path = path = path_of (node);
  if (peer == NULL)
    announce (&body, exists ? ADDED : REMOVED);
  else
    tell (&body, peer, exists ? ADDED : REMOVED);
}

void
dfl_announce_now (DflService *self, const DflPeer *peer, const char *path, gboolean known)
{
  DflNode node = dfl_tree_get_node (self, peer, path);
  Body body = { .service = self, .node = &node, .path = path };
  News news = known ? CHANGED : ADDED;

  if (node.kind != DFL_NODE_CALL && node.kind != DFL_NODE_ACCOUNT)
    {
      if (!known)
        return;
      news = REMOVED;
      node.kind = g_str_has_prefix (path, DFL_CALL_PATH_PREFIX) ? DFL_NODE_CALL : DFL_NODE_ACCOUNT;
    }
  body.interface = interface_of (&node);
  send_news (&body, peer, news);
}

static void
announce_changed (DflService *self, const DflNode *node, const guint *changed, guint n_changed)
{
  g_autofree char *path = path_of (node);
  const Body body = { .service = self,
                      .node = node,
                      .interface = interface_of (node),
                      .path = path,
                      .changed = changed,
                      .n_changed = n_changed };

  announce (&body, CHANGED);
}

void
dfl_announce_call_changed (DflService *self, DflCall *call, DflCallChange change)
{
  DflNode node = { DFL_NODE_CALL, NULL, call };
  guint changed[DFL_CALL_MAX_CHANGED];

  if (dfl_announce_has_listeners (self, dfl_call_get_account (call)))
    announce_changed (self, &node, changed, dfl_call_list_changed (call, change, changed));
}

void
dfl_announce_account_changed (DflService *self,
                              DflAccount *account,
                              const guint *changed,
                              guint n_changed)
{
  DflNode node = { DFL_NODE_ACCOUNT, account, NULL };

  if (n_changed > 0 && dfl_announce_has_listeners (self, account))
    announce_changed (self, &node, changed, n_changed);
}
