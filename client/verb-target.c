/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* target list, set, remove. */
#include "manage.h"

#include <glib/gi18n.h>

#include "accounts.h"
#include "names.h"
#include "output.h"

/* Which words there are says what they are: whoever has but one account never names it. The account
 * stands before the n last words, or not at all. */
static const char *
account_before (DflManage *self, guint n)
{
  return self->n_words > n ? self->words[0] : NULL;
}

static gboolean
check_alias (const char *alias, GError **error)
{
  g_autofree char *safe = NULL;

  if (dfl_alias_is_valid (alias))
    return TRUE;
  safe = dfl_output_escape (alias);
  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
               _ ("“%s” is no alias: an alias is a letter a-z, then up to 31 of a-z, 0-9, _ and -"),
               safe);
  return FALSE;
}

static GVariant *
get_targets (DflManage *self)
{
  GVariant *targets = g_variant_lookup_value (self->properties, "Targets",
                                              G_VARIANT_TYPE ("a(sss)"));

  return targets != NULL ? targets : g_variant_ref_sink (g_variant_new ("a(sss)", NULL));
}

static void
print_json (GVariant *targets)
{
  g_autoptr (JsonArray) array = json_array_new ();
  JsonNode *node = json_node_alloc ();
  GVariantIter iter;
  const char *alias, *label, *address;

  g_variant_iter_init (&iter, targets);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &alias, &label, &address))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "alias", alias);
      json_object_set_string_member (object, "label", label);
      json_object_set_string_member (object, "address", address);
      json_array_add_object_element (array, object);
    }
  dfl_output_json (json_node_init_array (node, array), TRUE);
}

static void
print_table (GVariant *targets)
{
  const char *headings[] = { _ ("ALIAS"), _ ("LABEL"), _ ("ADDRESS"), NULL };
  g_autoptr (DflTable) table = dfl_table_new (headings, TRUE, 1u << 2);
  GVariantIter iter;
  const char *alias, *label, *address;

  g_variant_iter_init (&iter, targets);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &alias, &label, &address))
    dfl_table_add (table, alias, label, address, NULL);
  dfl_table_print (table);
}

static DflExit
target_list (DflManage *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) targets = NULL;

  if (!dfl_manage_find_account (self, account_before (self, 0), &error))
    return dfl_command_fail (self->command, error);
  targets = get_targets (self);
  if (self->command->json)
    print_json (targets);
  else if (g_variant_n_children (targets) == 0)
    g_printerr ("%s\n", _ ("The account has no targets."));
  else
    print_table (targets);
  return DFL_EXIT_DONE;
}

/* Replaces all targets; takes the sentence over. */
static DflExit
set_targets (DflManage *self, GVariant *targets, char *sentence)
{
  return dfl_manage_change (self, DFL_ACCOUNT_INTERFACE, "SetTargets",
                            g_variant_new ("(@a(sss))", targets), sentence);
}

static DflExit
target_set (DflManage *self)
{
  const char *alias = self->words[self->n_words - 2];
  const char *address = self->words[self->n_words - 1];
  char *const *label = self->options;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;
  g_autofree char *safe = dfl_output_escape (address);
  g_autofree char *name = NULL;

  if (!check_alias (alias, &error)
      || !dfl_manage_find_account (self, account_before (self, 2), &error))
    return dfl_command_fail (self->command, error);
  before = get_targets (self);
  after = dfl_targets_set (before, alias, *label, address);
  name = dfl_manage_get_name (self);
  return set_targets (self, after,
                      /* Translators: an alias, an account, an address. */
                      g_strdup_printf (_ ("Target %s of account %s is now %s."), alias, name,
                                       safe));
}

static DflExit
target_remove (DflManage *self)
{
  const char *alias = self->words[self->n_words - 1];
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;
  g_autofree char *name = NULL;

  if (!check_alias (alias, &error)
      || !dfl_manage_find_account (self, account_before (self, 1), &error))
    return dfl_command_fail (self->command, error);
  before = get_targets (self);
  after = dfl_targets_remove (before, alias);
  name = dfl_manage_get_name (self);
  if (after == NULL)
    {
      g_set_error (&error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                   _ ("account %s has no target %s; see “deflectctl target list”"), name, alias);
      return dfl_command_fail (self->command, error);
    }
  return set_targets (self, after,
                      g_strdup_printf (_ ("Removed target %s of account %s."), alias, name));
}

static const DflManageVerb verbs[] = {
  { "list", N_ ("[ACCOUNT]"), N_ ("List the targets"), 0, 1, FALSE, target_list },
  { "set", N_ ("[ACCOUNT] ALIAS ADDRESS"), N_ ("Add a target, or change where it leads"), 2, 3,
    TRUE, target_set },
  { "remove", N_ ("[ACCOUNT] ALIAS"), N_ ("Remove a target"), 1, 2, FALSE, target_remove },
  { NULL, NULL, NULL, 0, 0, FALSE, NULL },
};

DflExit
dfl_verb_target (DflCommand *self, int argc, char **argv)
{
  g_autofree char *label = NULL;
  const GOptionEntry entries[] = {
    { "label", 0, 0, G_OPTION_ARG_STRING, &label,
      N_ ("set: What people are shown; default: as it is, or the alias"), N_ ("LABEL") },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (DflManage) manage = { .command = self, .options = &label };
  g_autoptr (GError) error = NULL;
  const DflManageVerb *verb;

  verb = dfl_manage_parse (
      &manage, verbs, entries,
      _ ("Shows and changes the targets of an account: short names for addresses. This version\n"
         "keeps them and does not redirect to them yet. ACCOUNT is the name or the id of an\n"
         "account, and may be left out where you see exactly one."),
      &argc, &argv, &error);
  if (verb != NULL && label != NULL && !verb->takes_options)
    {
      g_set_error_literal (&error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                           _ ("--label belongs to “deflectctl target set”"));
      verb = NULL;
    }
  return verb != NULL ? verb->run (&manage) : dfl_command_fail (self, error);
}
