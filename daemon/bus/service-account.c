/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "bus/account-change.h"
#include "bus/account-properties.h"
#include "bus/service-manage.h"
#include "data/interface-info.h"

/* --- Methods --- */

static void
handle_update (DflRequest *request)
{
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GVariant) settings = g_variant_get_child_value (request->parameters, 0);
  g_autoptr (GError) error = NULL;

  /* There may be a password in it, or a key. */
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
  dfl_manage_register (request, handle_register);
}

static void
handle_rules (DflRequest *request)
{
  dfl_request_fail_unsupported (request, "This version has no rules; let a program decide, such as "
                                         "deflectctl watch --exec");
}

/* --- Tables --- */

static const DflRequestHandler methods[] = { handle_update,
                                             handle_remove,
                                             handle_register,
                                             handle_rules /* SetRules */,
                                             handle_rules /* TestRules */,
                                             handle_set_targets };

static const DflRequestHandler setters[DFL_N_ACCOUNT_PROPERTIES] = {
  [DFL_ACCOUNT_PROPERTY_ENABLED] = handle_set_enabled,
};

static int
append_property (DflService *service, const DflNode *node, guint index, sd_bus_message *message)
{
  return dfl_account_append_property (node->account, (DflAccountProperty)index, message);
}

const DflInterface dfl_account_interface = {
  .info = &org_deflectd1_account_interface,
  .methods = methods,
  .append_property = append_property,
  .setters = setters,
};
