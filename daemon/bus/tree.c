/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "bus/message.h"
#include "core/error.h"
#include "data/names.h"

/*
 * From an object path to a handler. What the caller must not see and what is not there take the
 * same way out, before anything else of the message is looked at: same error, same text. Only who
 * sees an object learns what it has.
 */

/* Owned by nobody: alive as long as the process. */
static DflInterface standard[4];

static const DflInterface *const above_interfaces[] = { &standard[0], &standard[1], NULL };
static const DflInterface *const root_interfaces[] = { &dfl_manager_interface, &standard[3],
                                                       &standard[2],           &standard[0],
                                                       &standard[1],           NULL };
static const DflInterface *const account_interfaces[] = { &dfl_account_interface, &standard[2],
                                                          &standard[0], &standard[1], NULL };
static const DflInterface *const call_interfaces[] = { &dfl_call_interface, &standard[2],
                                                       &standard[0], &standard[1], NULL };

const DflInterface *const *
dfl_tree_get_interfaces (DflNodeKind kind)
{
  switch (kind)
    {
    case DFL_NODE_ROOT:
      return root_interfaces;
    case DFL_NODE_ACCOUNT:
      return account_interfaces;
    case DFL_NODE_CALL:
      return call_interfaces;
    default:
      return above_interfaces;
    }
}

void
dfl_tree_init (void)
{
  static gsize done;
  static const struct
  {
    const char *name;
    const DflRequestHandler *methods;
  } tables[G_N_ELEMENTS (standard)] = {
    { "org.freedesktop.DBus.Introspectable", dfl_introspectable_methods },
    { "org.freedesktop.DBus.Peer", dfl_peer_methods },
    { "org.freedesktop.DBus.Properties", dfl_properties_methods },
    { "org.freedesktop.DBus.ObjectManager", dfl_object_manager_methods },
  };

  if (g_once_init_enter (&done))
    {
      g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (dfl_standard_xml, NULL);

      for (guint i = 0; i < G_N_ELEMENTS (standard); i++)
        {
          GDBusInterfaceInfo *info = g_dbus_node_info_lookup_interface (node, tables[i].name);

          g_assert (info != NULL);
          standard[i].info = g_dbus_interface_info_ref (info);
          standard[i].methods = tables[i].methods;
        }
      g_once_init_leave (&done, 1);
    }
}

/* --- Paths --- */

char *
dfl_account_path (DflAccount *account)
{
  return g_strconcat (DFL_ACCOUNT_PATH_PREFIX, dfl_account_get_id (account), NULL);
}

char *
dfl_call_path (DflCall *call)
{
  return g_strconcat (DFL_CALL_PATH_PREFIX, dfl_call_get_id (call), NULL);
}

DflNode
dfl_tree_get_node (DflService *service, const DflPeer *peer, const char *path)
{
  DflNode node = { DFL_NODE_ABSENT, NULL, NULL };

  if (g_str_has_prefix (path, DFL_CALL_PATH_PREFIX))
    {
      node.call = dfl_switchboard_get_call (service->switchboard,
                                            path + strlen (DFL_CALL_PATH_PREFIX));
      if (dfl_audience_sees (service->audience, peer,
                             node.call == NULL ? NULL : dfl_call_get_account (node.call)))
        node.kind = DFL_NODE_CALL;
    }
  else if (g_str_has_prefix (path, DFL_ACCOUNT_PATH_PREFIX))
    {
      node.account = dfl_switchboard_get_account (service->switchboard,
                                                  path + strlen (DFL_ACCOUNT_PATH_PREFIX));
      if (dfl_audience_sees (service->audience, peer, node.account))
        node.kind = DFL_NODE_ACCOUNT;
    }
  else if (g_str_equal (path, DFL_ROOT_PATH))
    node.kind = DFL_NODE_ROOT;
  else if (g_str_equal (path, DFL_CALLS_PATH))
    node.kind = DFL_NODE_CALLS;
  else if (g_str_equal (path, DFL_ACCOUNTS_PATH))
    node.kind = DFL_NODE_ACCOUNTS;
  else if (g_str_equal (path, "/") || g_str_equal (path, "/org"))
    node.kind = DFL_NODE_ABOVE;
  return node;
}

/* --- Methods --- */

static gboolean
has_signature (const GDBusMethodInfo *method, const char *signature)
{
  for (guint i = 0; method->in_args != NULL && method->in_args[i] != NULL; i++)
    {
      const char *expected = method->in_args[i]->signature;

      if (!g_str_has_prefix (signature, expected))
        return FALSE;
      signature += strlen (expected);
    }
  return signature[0] == '\0';
}

/* The handler of a member, in the named interface or, without a name, in the only one that has it;
 * NULL where there is none. */
static DflRequestHandler
find_method (DflNodeKind kind,
             const char *interface,
             const char *member,
             const GDBusMethodInfo **method)
{
  DflRequestHandler found = NULL;

  for (const DflInterface *const *i = dfl_tree_get_interfaces (kind); *i != NULL; i++)
    {
      if (interface != NULL && !g_str_equal (interface, (*i)->info->name))
        continue;
      for (guint m = 0; (*i)->info->methods != NULL && (*i)->info->methods[m] != NULL; m++)
        {
          if (!g_str_equal (member, (*i)->info->methods[m]->name))
            continue;
          if (found != NULL)
            return NULL;
          found = (*i)->methods[m];
          *method = (*i)->info->methods[m];
        }
    }
  return found;
}

gboolean
dfl_tree_find_node (DflService *service,
                    const DflPeer *peer,
                    sd_bus_message *message,
                    DflNode *node)
{
  *node = dfl_tree_get_node (service, peer, sd_bus_message_get_path (message));
  if (node->kind != DFL_NODE_ABSENT)
    return TRUE;
  dfl_door_refuse (service->door, message, "org.freedesktop.DBus.Error.UnknownObject",
                   "There is no such object; ask for the ones there are");
  return FALSE;
}

void
dfl_tree_dispatch (DflService *service, DflPeer *peer, sd_bus_message *message)
{
  DflRequest request = { .service = service, .peer = peer, .message = message };
  const GDBusMethodInfo *method = NULL;
  g_autoptr (GVariant) parameters = NULL;
  DflRequestHandler handler;

  if (!dfl_tree_find_node (service, peer, message, &request.node))
    return;
  handler = find_method (request.node.kind, sd_bus_message_get_interface (message),
                         sd_bus_message_get_member (message), &method);
  if (handler == NULL)
    {
      dfl_door_refuse (service->door, message, "org.freedesktop.DBus.Error.UnknownMethod",
                       "The object has no such method; introspect it to see what it has");
      return;
    }
  if (!has_signature (method, sd_bus_message_get_signature (message, TRUE)))
    {
      dfl_door_refuse (service->door, message, "org.freedesktop.DBus.Error.InvalidArgs",
                       "The method takes other arguments; introspect the object to see which");
      return;
    }
  parameters = dfl_message_read (message, DFL_PEERS_MAX_BODY);
  if (parameters == NULL)
    {
      dfl_door_refuse_too_big (service->door, message);
      return;
    }
  request.parameters = g_variant_ref_sink (parameters);
  handler (&request);
}

/* --- Requests --- */

void
dfl_request_reply (DflRequest *self, GVariant *body)
{
  dfl_door_reply (self->service->door, self->message, body);
}

void
dfl_request_fail (DflRequest *self, const GError *error)
{
  dfl_door_reply_error (self->service->door, self->message, error);
}

void
dfl_request_fail_unsupported (DflRequest *self, const char *what)
{
  g_autoptr (GError) error = g_error_new_literal (DFL_ERROR, DFL_ERROR_NOT_SUPPORTED, what);

  dfl_request_fail (self, error);
}

static gboolean
check_option (const char *key, GVariant *value, const char *const *names, GError **error)
{
  const char *type = g_variant_get_type_string (value);

  while (names[0] != NULL && !g_str_equal (names[0], key))
    names += 2;
  if (names[0] == NULL)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_OPTION,
                   "There is no option \"%s\"; leave it out", key);
      return FALSE;
    }
  if (!g_str_equal (type, names[1]))
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_OPTION,
                   "Option \"%s\" has type %s; give it type %s", key, type, names[1]);
      return FALSE;
    }
  return TRUE;
}

gboolean
dfl_request_check_options (GVariant *options, const char *const *names, GError **error)
{
  gboolean good = TRUE;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, options);
  while (good && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      good = check_option (key, value, names, error);
      g_variant_unref (value);
    }
  return good;
}
