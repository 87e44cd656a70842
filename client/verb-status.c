/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* status. */
#include "command.h"

#include <glib/gi18n.h>

#include "daemon.h"
#include "listing.h"
#include "names.h"
#include "output.h"

static void
print_status (GVariant *manager, GVariant *objects)
{
  const char *headings[] = { "", "", NULL };
  g_autoptr (DflTable) table = dfl_table_new (headings, FALSE, 1u << 1);
  g_autoptr (GArray) calls = dfl_listing_new (objects, DFL_CALL_INTERFACE);
  g_autofree char *number = g_strdup_printf ("%u", calls->len);
  g_autofree char *accounts = dfl_listing_accounts_count (objects);
  const struct
  {
    const char *name;
    const char *label;
  } lists[] = { { "Features", _ ("can do") }, { "Listening", _ ("listening on") } };

  dfl_table_add (table, "deflectd", dfl_property_string (manager, "Version"), NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (manager, lists[i].name,
                                                           G_VARIANT_TYPE_STRING_ARRAY);
      g_autofree char *text = value != NULL ? dfl_output_property (value) : NULL;

      dfl_table_add (table, lists[i].label, text != NULL ? text : "", NULL);
    }
  dfl_table_add (table, _ ("calls"), number, NULL);
  dfl_table_add (table, _ ("accounts"), accounts, NULL);
  dfl_table_print (table);
  g_print ("\n");
  if (!dfl_listing_accounts_print (objects))
    g_print ("%s\n", _ ("There are no accounts that you may see."));
}

static void
print_status_json (GVariant *manager, GVariant *objects)
{
  g_autoptr (GArray) calls = dfl_listing_new (objects, DFL_CALL_INTERFACE);
  JsonNode *node = json_gvariant_serialize (manager);
  JsonObject *object = json_node_get_object (node);

  json_object_set_int_member (object, "calls", calls->len);
  json_object_set_member (object, "accounts", dfl_listing_accounts_json (objects));
  dfl_output_json (node, TRUE);
}

DflExit
dfl_verb_status (DflCommand *self, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) manager = NULL;
  g_autoptr (GVariant) objects = NULL;

  if (!dfl_command_parse (self, NULL, "",
                          _ ("Shows the daemon's version, what it can do, where it listens, the "
                             "accounts that you may see and how many calls they have."),
                          &argc, &argv, &error)
      || dfl_command_connect (self, &error) == NULL)
    return dfl_command_fail (self, error);
  reply = dfl_daemon_call (self->connection, NULL, "org.freedesktop.DBus.Properties", "GetAll",
                           g_variant_new ("(s)", DFL_MANAGER_INTERFACE), G_VARIANT_TYPE ("(a{sv})"),
                           &error);
  if (reply == NULL || (objects = dfl_daemon_list (self->connection, &error)) == NULL)
    return dfl_command_fail (self, error);
  manager = g_variant_get_child_value (reply, 0);
  if (self->json)
    print_status_json (manager, objects);
  else
    print_status (manager, objects);
  return DFL_EXIT_DONE;
}
