/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* monitor. */
#include "follow.h"

#include <glib/gi18n.h>

#include "output.h"

static void
print_event_json (DflFollow *self,
                  const char *event,
                  DflRemote *call,
                  const char *const *changed_names)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonNode *node = json_node_alloc ();

  json_object_set_string_member (object, "event", event);
  json_object_set_int_member (object, "time", g_get_real_time ());
  if (changed_names != NULL)
    {
      JsonArray *names = json_array_new ();

      for (; *changed_names != NULL; changed_names++)
        json_array_add_string_element (names, *changed_names);
      json_object_set_array_member (object, "changed", names);
    }
  if (call != NULL)
    json_object_set_member (object, "call", dfl_follow_call_json (self, call));
  dfl_output_json (json_node_init_object (node, object), FALSE);
  dfl_follow_flush (self);
}

static void
print_event (DflFollow *self, const char *event, DflRemote *call, const char *detail)
{
  g_autofree char *time = dfl_output_time ((guint64)g_get_real_time ());
  g_autofree char *safe = dfl_output_escape (detail);

  g_print ("%s %s %s %s\n", time, event, dfl_remote_get_id (call), safe);
  dfl_follow_flush (self);
}

static void
on_added (DflCallsWatch *watch, DflRemote *call, DflFollow *self)
{
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);
  g_autofree char *caller = dfl_output_caller (properties);
  g_autofree char *detail = NULL;

  if (self->command->json)
    {
      print_event_json (self, "added", call, NULL);
      return;
    }
  detail = g_strdup_printf ("%s %s → %s (%s)", dfl_property_string (properties, "State"), caller,
                            dfl_property_string (properties, "CalledAddress"),
                            dfl_calls_watch_get_account_name (watch,
                                                              dfl_property_string (properties,
                                                                                   "Account")));
  print_event (self, _ ("added"), call, detail);
}

static void
on_changed (DflCallsWatch *watch, DflRemote *call, const char *const *names, DflFollow *self)
{
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);
  g_autoptr (GString) detail = g_string_new (NULL);

  if (self->command->json)
    {
      print_event_json (self, "changed", call, names);
      return;
    }
  for (; *names != NULL; names++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (properties, *names, NULL);
      g_autofree char *text = dfl_output_property (value);

      g_string_append_printf (detail, "%s%s=%s", detail->len > 0 ? " " : "", *names, text);
    }
  print_event (self, _ ("changed"), call, detail->str);
}

static void
on_removed (DflCallsWatch *watch, DflRemote *call, DflFollow *self)
{
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);

  if (self->command->json)
    print_event_json (self, "removed", call, NULL);
  else
    print_event (self, _ ("removed"), call, dfl_property_string (properties, "Outcome"));
}

static void
on_monitor_ready (DflCallsWatch *watch, DflFollow *self)
{
  g_autoptr (GPtrArray) calls = dfl_calls_watch_get_calls (watch);

  if (self->command->json)
    print_event_json (self, "ready", NULL, NULL);
  for (guint i = 0; i < calls->len; i++)
    on_added (watch, calls->pdata[i], self);
}

static void
on_monitor_lost (DflCallsWatch *watch, const GError *error, DflFollow *self)
{
  if (self->command->json && self->was_ready)
    print_event_json (self, "lost", NULL, NULL);
}

DflExit
dfl_verb_monitor (DflCommand *command, int argc, char **argv)
{
  g_auto (DflFollow) self = { 0 };
  g_autoptr (GError) error = NULL;

  if (!dfl_command_parse (command, NULL, "",
                          _ ("Prints a line for every call that is there, comes, changes or goes, "
                             "until it is interrupted. With --json, each line is an object."),
                          &argc, &argv, &error)
      || !dfl_follow_init (&self, command, &error))
    return dfl_command_fail (command, error);
  g_signal_connect (self.watch, "ready", G_CALLBACK (on_monitor_ready), &self);
  g_signal_connect (self.watch, "lost", G_CALLBACK (on_monitor_lost), &self);
  g_signal_connect (self.watch, "call-added", G_CALLBACK (on_added), &self);
  g_signal_connect (self.watch, "call-changed", G_CALLBACK (on_changed), &self);
  g_signal_connect (self.watch, "call-removed", G_CALLBACK (on_removed), &self);
  return dfl_follow_run (&self);
}
