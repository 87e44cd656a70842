/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include <systemd/sd-id128.h>

#include "bus/message.h"
#include "core/error.h"
#include "data/names.h"

/* The interfaces of the D-Bus specification, as seen by the one who asks. */

const char dfl_standard_xml[]
    = "<node>"
      "<interface name='org.freedesktop.DBus.Properties'>"
      "<method name='Get'><arg name='interface_name' type='s' direction='in'/>"
      "<arg name='property_name' type='s' direction='in'/>"
      "<arg name='value' type='v' direction='out'/></method>"
      "<method name='GetAll'><arg name='interface_name' type='s' direction='in'/>"
      "<arg name='properties' type='a{sv}' direction='out'/></method>"
      "<method name='Set'><arg name='interface_name' type='s' direction='in'/>"
      "<arg name='property_name' type='s' direction='in'/>"
      "<arg name='value' type='v' direction='in'/></method>"
      "<signal name='PropertiesChanged'><arg name='interface_name' type='s'/>"
      "<arg name='changed_properties' type='a{sv}'/>"
      "<arg name='invalidated_properties' type='as'/></signal>"
      "</interface>"
      "<interface name='org.freedesktop.DBus.Introspectable'>"
      "<method name='Introspect'><arg name='xml_data' type='s' direction='out'/></method>"
      "</interface>"
      "<interface name='org.freedesktop.DBus.Peer'>"
      "<method name='Ping'/>"
      "<method name='GetMachineId'><arg name='machine_uuid' type='s' direction='out'/></method>"
      "</interface>"
      "<interface name='org.freedesktop.DBus.ObjectManager'>"
      "<method name='GetManagedObjects'>"
      "<arg name='objects' type='a{oa{sa{sv}}}' direction='out'/></method>"
      "<signal name='InterfacesAdded'><arg name='object' type='o'/>"
      "<arg name='interfaces' type='a{sa{sv}}'/></signal>"
      "<signal name='InterfacesRemoved'><arg name='object' type='o'/>"
      "<arg name='interfaces' type='as'/></signal>"
      "</interface>"
      "</node>";

/* --- Properties --- */

/* An interface of the request's node by name; answers and returns NULL where there is none. */
static const DflInterface *
find_interface (DflRequest *request, const char *name)
{
  for (const DflInterface *const *i = dfl_tree_get_interfaces (request->node.kind); *i != NULL; i++)
    {
      if (g_str_equal (name, (*i)->info->name))
        return *i;
    }
  dfl_door_refuse (request->service->door, request->message,
                   "org.freedesktop.DBus.Error.UnknownInterface",
                   "The object has no such interface; introspect it to see what it has");
  return NULL;
}

/* A property by name; answers and returns NULL where there is none. */
static const GDBusPropertyInfo *
find_property (DflRequest *request, const DflInterface *interface, const char *name, guint *index)
{
  GDBusPropertyInfo **properties = interface->info->properties;

  for (guint i = 0; properties != NULL && properties[i] != NULL; i++)
    {
      if (!g_str_equal (name, properties[i]->name))
        continue;
      *index = i;
      return properties[i];
    }
  dfl_door_refuse (request->service->door, request->message,
                   "org.freedesktop.DBus.Error.UnknownProperty",
                   "The interface has no such property; introspect the object to see what it has");
  return NULL;
}

/* What Get and GetAll answer from. */
typedef struct
{
  const DflRequest *request;
  const DflInterface *interface;
  guint index;
} Question;

static int
write_property (sd_bus_message *message, gconstpointer data)
{
  const Question *question = data;

  return question->interface->append_property (question->request->service, &question->request->node,
                                               question->index, message);
}

static int
write_properties (sd_bus_message *message, gconstpointer data)
{
  const Question *question = data;

  return dfl_announce_append_properties (question->request->service, &question->request->node,
                                         question->interface, message);
}

static void
handle_get (DflRequest *request)
{
  Question question = { .request = request };
  const char *interface_name, *name;

  g_variant_get (request->parameters, "(&s&s)", &interface_name, &name);
  question.interface = find_interface (request, interface_name);
  if (question.interface != NULL
      && find_property (request, question.interface, name, &question.index) != NULL)
    dfl_door_reply_written (request->service->door, request->message, write_property, &question);
}

static void
handle_get_all (DflRequest *request)
{
  Question question = { .request = request };
  const char *interface_name;

  g_variant_get (request->parameters, "(&s)", &interface_name);
  question.interface = find_interface (request, interface_name);
  if (question.interface != NULL)
    dfl_door_reply_written (request->service->door, request->message, write_properties, &question);
}

static void
handle_set (DflRequest *request)
{
  const char *interface_name, *name;
  const DflInterface *interface;
  const GDBusPropertyInfo *property;
  g_autoptr (GVariant) value = NULL;
  guint index;

  g_variant_get (request->parameters, "(&s&sv)", &interface_name, &name, &value);
  interface = find_interface (request, interface_name);
  if (interface == NULL)
    return;
  property = find_property (request, interface, name, &index);
  if (property == NULL)
    return;
  if ((property->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE) == 0)
    dfl_door_refuse (request->service->door, request->message,
                     "org.freedesktop.DBus.Error.PropertyReadOnly",
                     "The property cannot be set; it follows from what happens");
  else if (!g_str_equal (g_variant_get_type_string (value), property->signature))
    dfl_door_refuse (request->service->door, request->message,
                     "org.freedesktop.DBus.Error.InvalidArgs",
                     "The property has another type; introspect the object to see which");
  else
    interface->setters[index](request);
}

const DflRequestHandler dfl_properties_methods[] = { handle_get, handle_get_all, handle_set };

/* --- What the caller sees --- */

/* Keeps of the accounts those that the caller sees; takes them over. */
static GPtrArray *
keep_seen (const DflRequest *request, GPtrArray *accounts)
{
  guint n = 0;

  for (guint i = 0; i < accounts->len; i++)
    {
      if (dfl_audience_sees (request->service->audience, request->peer, accounts->pdata[i]))
        accounts->pdata[n++] = accounts->pdata[i];
    }
  g_ptr_array_set_size (accounts, (int)n);
  return accounts;
}

static GPtrArray *
get_seen_accounts (const DflRequest *request)
{
  return keep_seen (request, dfl_switchboard_get_accounts (request->service->switchboard));
}

static void
add_calls_of (const DflRequest *request,
              GPtrArray *accounts,
              void (*add) (DflCall *call, gpointer data),
              gpointer data)
{
  for (guint i = 0; i < accounts->len; i++)
    dfl_switchboard_foreach_call_of (request->service->switchboard, accounts->pdata[i], add, data);
}

/* Goes from the accounts to the calls: one who went through the calls of others as well would take
 * longer the more their telephones ring. */
static void
foreach_seen_call (const DflRequest *request,
                   void (*func) (DflCall *call, gpointer data),
                   gpointer data)
{
  g_autoptr (GPtrArray) accounts = get_seen_accounts (request);
  g_autoptr (GPtrArray) former = keep_seen (request, dfl_switchboard_get_former_accounts (
                                                         request->service->switchboard));

  add_calls_of (request, accounts, func, data);
  add_calls_of (request, former, func, data);
}

/* --- Introspectable --- */

static void
add_child (GString *xml, const char *name)
{
  g_string_append_printf (xml, "  <node name=\"%s\"/>\n", name);
}

static void
add_call_child (DflCall *call, gpointer xml)
{
  add_child (xml, dfl_call_get_id (call));
}

static void
add_account_children (DflRequest *request, GString *xml)
{
  g_autoptr (GPtrArray) accounts = get_seen_accounts (request);

  for (guint i = 0; i < accounts->len; i++)
    add_child (xml, dfl_account_get_id (accounts->pdata[i]));
}

static void
add_children (DflRequest *request, GString *xml)
{
  switch (request->node.kind)
    {
    case DFL_NODE_ABOVE:
      add_child (xml, g_str_equal (sd_bus_message_get_path (request->message), "/") ? "org"
                                                                                    : "deflectd1");
      break;
    case DFL_NODE_ROOT:
      add_child (xml, "account");
      add_child (xml, "call");
      break;
    case DFL_NODE_ACCOUNTS:
      add_account_children (request, xml);
      break;
    case DFL_NODE_CALLS:
      foreach_seen_call (request, add_call_child, xml);
      break;
    default:
      break;
    }
}

static void
handle_introspect (DflRequest *request)
{
  g_autoptr (GString) xml = g_string_new (
      "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
      "  \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
      "<node>\n");

  for (const DflInterface *const *i = dfl_tree_get_interfaces (request->node.kind); *i != NULL; i++)
    g_dbus_interface_info_generate_xml ((GDBusInterfaceInfo *)(*i)->info, 2, xml);
  add_children (request, xml);
  g_string_append (xml, "</node>\n");
  dfl_request_reply (request, g_variant_new ("(s)", xml->str));
}

const DflRequestHandler dfl_introspectable_methods[] = { handle_introspect };

/* --- Peer --- */

static void
handle_ping (DflRequest *request)
{
  dfl_request_reply (request, NULL);
}

static void
handle_get_machine_id (DflRequest *request)
{
  sd_id128_t id;
  char text[SD_ID128_STRING_MAX];

  if (sd_id128_get_machine (&id) < 0)
    {
      g_autoptr (GError) error = g_error_new_literal (
          DFL_ERROR, DFL_ERROR_FAILED, "This machine has no id; run systemd-machine-id-setup");

      dfl_request_fail (request, error);
      return;
    }
  dfl_request_reply (request, g_variant_new ("(s)", sd_id128_to_string (id, text)));
}

const DflRequestHandler dfl_peer_methods[] = { handle_ping, handle_get_machine_id };

/* --- ObjectManager --- */

typedef struct
{
  const DflRequest *request;
  sd_bus_message *message;
  int result;
} Objects;

static void
add_object (Objects *objects, const char *path, const DflNode *node)
{
  sd_bus_message *message = objects->message;

  if (objects->result >= 0)
    objects->result = sd_bus_message_open_container (message, SD_BUS_TYPE_DICT_ENTRY, "oa{sa{sv}}");
  if (objects->result >= 0)
    objects->result = dfl_message_append_basic (message, SD_BUS_TYPE_OBJECT_PATH, path);
  if (objects->result >= 0)
    objects->result = dfl_announce_append_interface (objects->request->service, node, message);
  if (objects->result >= 0)
    objects->result = sd_bus_message_close_container (message);
}

static void
add_call_object (DflCall *call, gpointer data)
{
  Objects *objects = data;
  DflNode node = { DFL_NODE_CALL, NULL, call };
  g_autofree char *path = dfl_call_path (call);

  add_object (objects, path, &node);
}

static void
add_account_objects (Objects *objects)
{
  g_autoptr (GPtrArray) accounts = get_seen_accounts (objects->request);

  for (guint i = 0; i < accounts->len; i++)
    {
      DflNode node = { DFL_NODE_ACCOUNT, g_ptr_array_index (accounts, i), NULL };
      g_autofree char *path = dfl_account_path (node.account);

      add_object (objects, path, &node);
    }
}

static int
write_objects (sd_bus_message *message, gconstpointer data)
{
  Objects objects = { data, message, 0 };

  objects.result = sd_bus_message_open_container (message, SD_BUS_TYPE_ARRAY, "{oa{sa{sv}}}");
  add_account_objects (&objects);
  foreach_seen_call (objects.request, add_call_object, &objects);
  return objects.result < 0 ? objects.result : sd_bus_message_close_container (message);
}

static void
handle_get_managed_objects (DflRequest *request)
{
  g_autoptr (GError) error = NULL;

  if (dfl_audience_subscribe (request->service->audience, request->peer, &error))
    dfl_door_reply_written (request->service->door, request->message, write_objects, request);
  else
    dfl_request_fail (request, error);
}

const DflRequestHandler dfl_object_manager_methods[] = { handle_get_managed_objects };
