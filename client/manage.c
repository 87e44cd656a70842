/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "manage.h"

#include <glib/gi18n.h>
#include <string.h>

#include "accounts.h"
#include "daemon.h"
#include "names.h"
#include "output.h"

void
dfl_manage_clear (DflManage *self)
{
  g_clear_pointer (&self->words, g_strfreev);
  g_clear_pointer (&self->properties, g_variant_unref);
  g_clear_pointer (&self->path, g_free);
}

/* --- The command line --- */

static char *
describe (const DflManageVerb *verbs, const char *summary)
{
  GString *text = g_string_new (summary);

  g_string_append (text, "\n");
  for (; verbs->name != NULL; verbs++)
    {
      const char *arguments = *verbs->arguments != '\0' ? _ (verbs->arguments) : "";
      g_autofree char *usage = g_strdup_printf ("%s %s", verbs->name, arguments);
      int padding = MAX (1, 37 - (int)g_utf8_strlen (usage, -1));

      g_string_append_printf (text, "\n  %s%*s%s", usage, padding, "", _ (verbs->summary));
    }
  return g_string_free (text, FALSE);
}

static char *
list_names (const DflManageVerb *verbs)
{
  GString *text = g_string_new (NULL);

  for (; verbs->name != NULL; verbs++)
    g_string_append_printf (text, "%s%s", text->len > 0 ? "|" : "", verbs->name);
  return g_string_free (text, FALSE);
}

static const DflManageVerb *
find_verb (DflManage *self, const DflManageVerb *verbs, GError **error)
{
  const char *verb = self->command->verb;
  g_autofree char *names = list_names (verbs);

  for (; self->n_words > 0 && verbs->name != NULL; verbs++)
    {
      if (!g_str_equal (verbs->name, self->words[0]))
        continue;
      if (self->n_words > verbs->min_words && self->n_words - 1 <= verbs->max_words)
        return verbs;
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                   _ ("say “deflectctl %s %s %s”; see “deflectctl %s --help”"), verb, verbs->name,
                   *verbs->arguments != '\0' ? _ (verbs->arguments) : "", verb);
      return NULL;
    }
  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
               _ ("say “deflectctl %s %s”; see “deflectctl %s --help”"), verb, names, verb);
  return NULL;
}

const DflManageVerb *
dfl_manage_parse (DflManage *self,
                  const DflManageVerb *verbs,
                  const GOptionEntry *entries,
                  const char *summary,
                  int *argc,
                  char ***argv,
                  GError **error)
{
  g_autoptr (GArray) all = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  const GOptionEntry remaining = { G_OPTION_REMAINING, 0,    0,   G_OPTION_ARG_STRING_ARRAY,
                                   &self->words,       NULL, NULL };
  g_autofree char *names = list_names (verbs);
  g_autofree char *arguments = g_strdup_printf ("%s %s", names, _ ("[ARGUMENT…]"));
  g_autofree char *description = describe (verbs, summary);
  const DflManageVerb *verb;

  for (; entries->long_name != NULL; entries++)
    g_array_append_vals (all, entries, 1);
  g_array_append_val (all, remaining);
  if (!dfl_command_parse (self->command, (const GOptionEntry *)all->data, arguments, description,
                          argc, argv, error))
    return NULL;
  self->n_words = self->words != NULL ? g_strv_length (self->words) : 0;
  verb = find_verb (self, verbs, error);
  if (verb == NULL)
    return NULL;
  g_free (self->words[0]);
  memmove (self->words, self->words + 1, self->n_words-- * sizeof *self->words);
  return verb;
}

/* --- The account --- */

gboolean
dfl_manage_find_account (DflManage *self, const char *text, GError **error)
{
  g_autoptr (GVariant) objects = NULL;

  if (dfl_command_connect (self->command, error) == NULL
      || (objects = dfl_daemon_list (self->command->connection, error)) == NULL
      || (self->path = dfl_account_match (objects, text, error)) == NULL)
    return FALSE;
  self->properties = dfl_objects_get (objects, self->path, DFL_ACCOUNT_INTERFACE);
  return TRUE;
}

char *
dfl_manage_get_name (DflManage *self)
{
  return dfl_output_escape (dfl_property_string (self->properties, "Name"));
}

static void
print_registered (const char *id, const char *state, GVariant *properties)
{
  guint64 until = dfl_property_uint64 (properties, "RegisteredUntil");
  g_autofree char *server = dfl_output_server (properties);
  g_autofree char *safe = dfl_output_escape (server);
  g_autofree char *time = dfl_output_time (until);
  g_autofree char *left = dfl_output_until (until, (guint64)g_get_real_time ());

  /* Translators: an account's id, its state, a server, a time, and how long it is until then. */
  g_print (_ ("Its id is %s, its state %s at %s until %s (%s).\n"), id, state, safe, time, left);
}

static void
print_state (const char *id, GVariant *properties)
{
  g_autofree char *state = NULL;
  g_autofree char *reason = NULL;

  if (properties == NULL)
    {
      g_print (_ ("Its id is %s. It is not yours to see.\n"), id);
      return;
    }
  state = dfl_output_escape (dfl_property_string (properties, "State"));
  reason = dfl_output_escape (dfl_property_string (properties, "StateReason"));
  if (*reason == '\0' && dfl_property_uint64 (properties, "RegisteredUntil") != 0)
    print_registered (id, state, properties);
  else
    /* Translators: an account's id, its state, and ": why" or nothing. */
    g_print (_ ("Its id is %s, its state %s%s%s.\n"), id, state, *reason != '\0' ? ": " : "",
             reason);
}

void
dfl_manage_print_account (DflManage *self, const char *path, GVariant *properties)
{
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));

  if (self->command->json)
    dfl_output_json (dfl_output_object_json (path, NULL, properties != NULL ? properties : none),
                     TRUE);
  else
    print_state (strrchr (path, '/') + 1, properties);
}

DflExit
dfl_manage_tell (DflManage *self, const char *path, char *sentence)
{
  g_autofree char *held = sentence;
  g_autoptr (GVariant) reply = dfl_daemon_call (self->command->connection, path,
                                                "org.freedesktop.DBus.Properties", "GetAll",
                                                g_variant_new ("(s)", DFL_ACCOUNT_INTERFACE),
                                                G_VARIANT_TYPE ("(a{sv})"), NULL);
  g_autoptr (GVariant) properties = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  if (!self->command->json)
    g_print ("%s\n", held);
  dfl_manage_print_account (self, path, properties);
  return DFL_EXIT_DONE;
}

gboolean
dfl_manage_call (DflManage *self,
                 const char *interface,
                 const char *method,
                 GVariant *parameters,
                 GError **error)
{
  g_autoptr (GVariant) reply = dfl_command_call (self->command, self->path, interface, method,
                                                 parameters, NULL, error);

  return reply != NULL;
}

DflExit
dfl_manage_change (DflManage *self,
                   const char *interface,
                   const char *method,
                   GVariant *parameters,
                   char *sentence)
{
  g_autofree char *held = sentence;
  g_autoptr (GError) error = NULL;

  if (!dfl_manage_call (self, interface, method, parameters, &error))
    return dfl_command_fail (self->command, error);
  return dfl_manage_tell (self, self->path, g_steal_pointer (&held));
}
