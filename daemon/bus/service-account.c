/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "bus/account-change.h"
#include "bus/message.h"
#include "bus/service-manage.h"
#include "data/interface-info.h"

/* --- Properties --- */

static GVariant *
users_new (const DflAccountSettings *settings)
{
  static const char *const nobody[] = { NULL };
  const char *const *users = settings->users == NULL ? nobody
                                                     : (const char *const *)settings->users;

  return g_variant_new_strv (users, -1);
}

static GVariant *
targets_new (const DflAccountSettings *settings)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sss)"));
  for (guint i = 0; settings->targets != NULL && i < settings->targets->len; i++)
    {
      const DflAlias *alias = g_ptr_array_index (settings->targets, i);

      g_variant_builder_add (&builder, "(sss)", alias->alias, alias->label, alias->address);
    }
  return g_variant_builder_end (&builder);
}

/* A value of settings that may not have been given, cleaned of what the bus does not carry. */
static GVariant *
text_new (const char *text)
{
  return g_variant_new_take_string (text == NULL ? g_strdup ("") : g_utf8_make_valid (text, -1));
}

static GVariant *
name_new (DflAccount *account)
{
  return text_new (dfl_account_get_settings (account)->name);
}

static GVariant *
address_new (DflAccount *account)
{
  return text_new (dfl_account_get_settings (account)->address);
}

static GVariant *
display_name_new (DflAccount *account)
{
  return text_new (dfl_account_get_settings (account)->display_name);
}

static GVariant *
account_users_new (DflAccount *account)
{
  return users_new (dfl_account_get_settings (account));
}

static GVariant *
enabled_new (DflAccount *account)
{
  return g_variant_new_boolean (dfl_account_get_settings (account)->enabled);
}

static GVariant *
state_new (DflAccount *account)
{
  return g_variant_new_string (dfl_account_state_to_string (dfl_account_get_state (account)));
}

static GVariant *
state_reason_new (DflAccount *account)
{
  return text_new (dfl_account_get_state_reason (account));
}

static GVariant *
no_text_new (DflAccount *account)
{
  return g_variant_new_string ("");
}

static GVariant *
no_boolean_new (DflAccount *account)
{
  return g_variant_new_boolean (FALSE);
}

static GVariant *
no_time_new (DflAccount *account)
{
  return g_variant_new_uint64 (0);
}

static GVariant *
account_targets_new (DflAccount *account)
{
  return targets_new (dfl_account_get_settings (account));
}

static GVariant *
rules_new (DflAccount *account)
{
  return g_variant_new_array (G_VARIANT_TYPE ("a{sv}"), NULL, 0);
}

static GVariant *
redirect_policy_new (DflAccount *account)
{
  return g_variant_new_string ("unknown");
}

/* Where it stands in the interface's XML. */
#define ENABLED 4

/* In the order of the interface's XML; what this version cannot have yet is empty. */
static GVariant *(*const values[]) (DflAccount *account) = {
  name_new,
  address_new,
  display_name_new,
  account_users_new,
  [ENABLED] = enabled_new,
  state_new,
  state_reason_new,
  no_text_new /* Server */,
  no_text_new /* Transport */,
  no_boolean_new /* Secure */,
  no_time_new /* RegisteredUntil */,
  account_targets_new,
  rules_new,
  no_text_new /* RulesEtag */,
  redirect_policy_new,
};

static int
append_property (DflService *service, const DflNode *node, guint index, sd_bus_message *message)
{
  return dfl_message_append_variant (message, values[index](node->account));
}

/* --- Methods --- */

static void
handle_update (DflRequest *request)
{
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GVariant) settings = g_variant_get_child_value (request->parameters, 0);
  g_autoptr (GError) error = NULL;

  /* There may be a password in it. */
  sd_bus_message_sensitive (request->message);
  if (dfl_account_change_read_settings (change, settings, &error))
    dfl_manage_update (request, g_steal_pointer (&change), handle_update);
  else
    dfl_request_fail (request, error);
}

static void
handle_set_targets (DflRequest *request)
{
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GVariant) targets = g_variant_get_child_value (request->parameters, 0);
  g_autoptr (GError) error = NULL;

  if (dfl_account_change_read_targets (change, targets, &error))
    dfl_manage_update (request, g_steal_pointer (&change), handle_set_targets);
  else
    dfl_request_fail (request, error);
}

static void
handle_set_enabled (DflRequest *request)
{
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GVariant) enabled = NULL;

  g_variant_get_child (request->parameters, 2, "v", &enabled);
  dfl_account_change_set (change, "enabled", g_variant_get_boolean (enabled) ? "true" : "false");
  dfl_manage_update (request, g_steal_pointer (&change), handle_set_enabled);
}

static void
handle_remove (DflRequest *request)
{
  dfl_manage_remove (request, handle_remove);
}

static void
handle_register (DflRequest *request)
{
  if (dfl_account_get_settings (request->node.account)->registers)
    dfl_request_fail_unsupported (request,
                                  "This version cannot register accounts yet; use register=false "
                                  "and accept-from=, and point the server at deflectd instead");
  else
    dfl_request_fail_unsupported (request,
                                  "This is a direct account, which does not register; point the "
                                  "server at deflectd instead");
}

static void
handle_rules (DflRequest *request)
{
  dfl_request_fail_unsupported (request, "This version has no rules; let a program decide, such as "
                                         "deflectctl watch --exec");
}

static const DflRequestHandler methods[] = { handle_update,
                                             handle_remove,
                                             handle_register,
                                             handle_rules /* SetRules */,
                                             handle_rules /* TestRules */,
                                             handle_set_targets };

/* One for each of values. */
static const DflRequestHandler setters[G_N_ELEMENTS (values)] = {
  [ENABLED] = handle_set_enabled,
};

const DflInterface dfl_account_interface = {
  .info = &org_deflectd1_account_interface,
  .methods = methods,
  .append_property = append_property,
  .setters = setters,
};
