/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* list, show, redirect, decline, silence: one question, one answer. */
#include "command.h"

#include <glib/gi18n.h>
#include <string.h>

#include "daemon.h"
#include "listing.h"
#include "names.h"
#include "output.h"

static const char *
id_of (const char *path)
{
  return strrchr (path, '/') + 1;
}

/* --- list, show --- */

DflExit
dfl_verb_list (DflCommand *self, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;

  if (!dfl_command_parse (self, NULL, "", _ ("Lists the calls that you may see, oldest first."),
                          &argc, &argv, &error)
      || dfl_command_connect (self, &error) == NULL
      || (objects = dfl_daemon_list (self->connection, &error)) == NULL)
    return dfl_command_fail (self, error);
  if (self->json)
    dfl_output_json (dfl_listing_calls_json (objects), TRUE);
  else if (!dfl_listing_calls_print (objects))
    g_printerr ("%s\n", _ ("There are no calls."));
  return DFL_EXIT_DONE;
}

/* Reads [CALL] and whatever entries say besides. */
static gboolean
parse_call (DflCommand *self,
            const GOptionEntry *entries,
            const char *summary,
            int *argc,
            char ***argv,
            char **call,
            GError **error)
{
  g_auto (GStrv) words = NULL;
  g_autoptr (GArray) all = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  const GOptionEntry remaining = {
    G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, NULL
  };

  g_array_append_val (all, remaining);
  for (; entries != NULL && entries->long_name != NULL; entries++)
    g_array_append_vals (all, entries, 1);
  if (!dfl_command_parse (self, (const GOptionEntry *)all->data, _ ("[CALL]"), summary, argc, argv,
                          error))
    return FALSE;
  if (words != NULL && g_strv_length (words) > 1)
    {
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                   _ ("%s takes one call at most; see “deflectctl %s --help”"), self->verb,
                   self->verb);
      return FALSE;
    }
  *call = words != NULL ? g_strdup (words[0]) : NULL;
  return TRUE;
}

DflExit
dfl_verb_show (DflCommand *self, int argc, char **argv)
{
  g_autofree char *call = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  g_autoptr (GVariant) properties = NULL;

  if (!parse_call (self, NULL, _ ("Shows everything that is known about a call."), &argc, &argv,
                   &call, &error)
      || dfl_command_connect (self, &error) == NULL
      || (objects = dfl_daemon_list (self->connection, &error)) == NULL
      || (path = dfl_call_id_match (objects, call, &error)) == NULL)
    return dfl_command_fail (self, error);
  properties = dfl_objects_get (objects, path, DFL_CALL_INTERFACE);
  if (self->json)
    dfl_output_json (
        dfl_output_object_json (path,
                                dfl_objects_account_name (objects, dfl_property_string (properties,
                                                                                        "Account")),
                                properties),
        TRUE);
  else
    {
      g_print ("%s %s\n", _ ("call"), id_of (path));
      dfl_listing_print_properties (properties);
    }
  return DFL_EXIT_DONE;
}

/* --- redirect --- */

typedef struct
{
  char *call;
  gboolean no_wait;
  gboolean check;
} RedirectOptions;

/* The contract wants falling preferences for the further targets; the order is all a person says.
 */
static GVariant *
redirect_options (const RedirectOptions *options, const char *const *alternatives)
{
  GVariantBuilder builder;
  GVariantBuilder list;
  double q = 0.9;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  if (options->no_wait)
    g_variant_builder_add (&builder, "{sv}", "wait", g_variant_new_boolean (FALSE));
  if (*alternatives != NULL)
    {
      g_variant_builder_init (&list, G_VARIANT_TYPE ("a(sd)"));
      for (; *alternatives != NULL; alternatives++, q -= 0.1)
        g_variant_builder_add (&list, "(sd)", *alternatives, q);
      g_variant_builder_add (&builder, "{sv}", "alternatives", g_variant_builder_end (&list));
    }
  return g_variant_builder_end (&builder);
}

static void
print_redirect_json (const char *path, const char *target, const char *outcome)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonNode *node = json_node_alloc ();

  json_object_set_string_member (object, "id", id_of (path));
  json_object_set_string_member (object, "path", path);
  json_object_set_string_member (object, "target", target);
  json_object_set_string_member (object, "outcome", outcome);
  dfl_output_json (json_node_init_object (node, object), TRUE);
}

static DflExit
redirect (DflCommand *self, const char *path, const char *target, GVariant *options, gboolean wait)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *safe = dfl_output_escape (target);
  g_autoptr (GVariant) reply = dfl_command_call (self, path, DFL_CALL_INTERFACE, "Redirect",
                                                 g_variant_new ("(s@a{sv})", target, options), NULL,
                                                 &error);

  if (reply == NULL)
    {
      if (self->json && dfl_errors_exit (error) == DFL_EXIT_TIMED_OUT)
        print_redirect_json (path, target, "none");
      return dfl_command_fail (self, error);
    }
  if (self->json)
    print_redirect_json (path, target, wait ? "redirected" : "none");
  else if (wait)
    g_print (_ ("Redirected to %s (the server acknowledged it).\n"), safe);
  else
    g_print (_ ("Sent the redirect to %s (the server has not acknowledged it yet).\n"), safe);
  return DFL_EXIT_DONE;
}

/* What CheckRedirect says is "ERROR NAME: message". */
static DflExit
report_refusal (DflCommand *self, const char *refusal)
{
  const char *colon = strstr (refusal, ": ");
  g_autofree char *name = colon != NULL ? g_strndup (refusal, (gsize)(colon - refusal))
                                        : g_strdup (refusal);
  g_autofree char *sentence = dfl_errors_sentence (name, colon != NULL ? colon + 2 : NULL,
                                                   self->bus);

  if (!self->json)
    g_printerr ("deflectctl: %s\n", sentence);
  return dfl_errors_exit_for_name (name);
}

static void
print_check_json (const char *path, const char *target, GVariant *reply)
{
  g_autoptr (GVariant) possible = g_variant_get_child_value (reply, 0);
  g_autoptr (GVariant) contacts = g_variant_get_child_value (reply, 1);
  g_autoptr (GVariant) refusal = g_variant_get_child_value (reply, 2);
  g_autoptr (JsonObject) object = json_object_new ();
  JsonNode *node = json_node_alloc ();

  json_object_set_string_member (object, "id", id_of (path));
  json_object_set_string_member (object, "path", path);
  json_object_set_string_member (object, "target", target);
  json_object_set_member (object, "possible", json_gvariant_serialize (possible));
  json_object_set_member (object, "contacts", json_gvariant_serialize (contacts));
  json_object_set_member (object, "error", json_gvariant_serialize (refusal));
  dfl_output_json (json_node_init_object (node, object), TRUE);
}

static DflExit
check_redirect (DflCommand *self, const char *path, const char *target, GVariant *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = dfl_daemon_call (self->connection, path, DFL_CALL_INTERFACE,
                                                "CheckRedirect",
                                                g_variant_new ("(s@a{sv})", target, options),
                                                G_VARIANT_TYPE ("(bass)"), &error);
  g_autofree const char **contacts = NULL;
  gboolean possible;
  const char *refusal;

  if (reply == NULL)
    return dfl_command_fail (self, error);
  g_variant_get (reply, "(b^a&s&s)", &possible, &contacts, &refusal);
  if (self->json)
    print_check_json (path, target, reply);
  if (!possible)
    return report_refusal (self, refusal);
  for (guint i = 0; !self->json && contacts[i] != NULL; i++)
    {
      g_autofree char *safe = dfl_output_escape (contacts[i]);

      g_print (_ ("Would redirect to %s.\n"), safe);
    }
  return DFL_EXIT_DONE;
}

DflExit
dfl_verb_redirect (DflCommand *self, int argc, char **argv)
{
  RedirectOptions given = { 0 };
  g_auto (GStrv) words = NULL;
  const GOptionEntry entries[] = {
    { "call", 0, 0, G_OPTION_ARG_STRING, &given.call,
      N_ ("The call; every argument is then a target"), N_ ("CALL") },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &given.no_wait,
      N_ ("Do not wait until the server acknowledges it"), NULL },
    { "check", 0, 0, G_OPTION_ARG_NONE, &given.check,
      N_ ("Only tell whether it is possible and what would be sent"), NULL },
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &given.check, N_ ("The same as --check"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };
  DflRedirectArguments arguments;
  g_autofree char *call_option = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GVariant) options = NULL;
  g_autoptr (GError) error = NULL;
  gboolean parsed;

  parsed = dfl_command_parse (
      self, entries, _ ("[CALL] TARGET [ALTERNATIVE…]"),
      _ ("Sends a call to TARGET instead of answering it: a sip:, sips: or tel: URI or a number.\n"
         "A single argument is the TARGET. Of several, the first is the CALL if it consists of 1 "
         "to\n"
         "8 digits of 0-9 and a-f; where that is not meant, use --call. Waits until the server in\n"
         "front acknowledges the redirect, which does not mean that the target was reached."),
      &argc, &argv, &error);
  call_option = given.call;
  if (!parsed
      || !dfl_redirect_arguments_parse (&arguments, call_option, (const char *const *)words, &error)
      || dfl_command_connect (self, &error) == NULL
      || (path = dfl_daemon_find_call (self->connection, arguments.call, &error)) == NULL)
    return dfl_command_fail (self, error);
  options = g_variant_ref_sink (redirect_options (&given, arguments.alternatives));
  if (given.check)
    return check_redirect (self, path, arguments.target, options);
  return redirect (self, path, arguments.target, options, !given.no_wait);
}

/* --- decline, silence --- */

static DflExit
print_id_json (const char *path)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonNode *node = json_node_alloc ();

  json_object_set_string_member (object, "id", id_of (path));
  json_object_set_string_member (object, "path", path);
  dfl_output_json (json_node_init_object (node, object), TRUE);
  return DFL_EXIT_DONE;
}

DflExit
dfl_verb_decline (DflCommand *self, int argc, char **argv)
{
  int status = 0;
  const GOptionEntry entries[] = {
    { "status", 0, 0, G_OPTION_ARG_INT, &status,
      N_ ("480 (unavailable), 486 (busy) or 603 (on all phones); default: as the account says"),
      N_ ("STATUS") },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree char *call = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  GVariantBuilder options;

  if (!parse_call (self, entries, _ ("Declines a call."), &argc, &argv, &call, &error))
    return dfl_command_fail (self, error);
  if (status != 0 && status != 480 && status != 486 && status != 603)
    {
      g_printerr ("deflectctl: %s\n", _ ("--status takes 480, 486 or 603"));
      return DFL_EXIT_USAGE;
    }
  if (dfl_command_connect (self, &error) == NULL
      || (path = dfl_daemon_find_call (self->connection, call, &error)) == NULL)
    return dfl_command_fail (self, error);
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (status != 0)
    g_variant_builder_add (&options, "{sv}", "status", g_variant_new_uint32 ((guint32)status));
  reply = dfl_command_call (self, path, DFL_CALL_INTERFACE, "Decline",
                            g_variant_new ("(a{sv})", &options), NULL, &error);
  if (reply == NULL)
    return dfl_command_fail (self, error);
  if (self->json)
    return print_id_json (path);
  g_print (_ ("Declined call %s.\n"), id_of (path));
  return DFL_EXIT_DONE;
}

DflExit
dfl_verb_silence (DflCommand *self, int argc, char **argv)
{
  g_autofree char *call = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  if (!parse_call (self, NULL, _ ("Stops telling people about a call; it stays offered."), &argc,
                   &argv, &call, &error)
      || dfl_command_connect (self, &error) == NULL
      || (path = dfl_daemon_find_call (self->connection, call, &error)) == NULL)
    return dfl_command_fail (self, error);
  reply = dfl_command_call (self, path, DFL_CALL_INTERFACE, "Silence", NULL, NULL, &error);
  if (reply == NULL)
    return dfl_command_fail (self, error);
  if (self->json)
    return print_id_json (path);
  g_print (_ ("Silenced call %s; it stays offered.\n"), id_of (path));
  return DFL_EXIT_DONE;
}
