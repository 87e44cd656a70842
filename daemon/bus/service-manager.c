/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "bus/message.h"
#include "bus/service-manage.h"
#include "config.h"
#include "data/interface-info.h"

static void
handle_add_account (DflRequest *request)
{
  const char *name;
  g_autoptr (GVariant) settings = NULL;

  /* There may be a password in it, or a key. */
  sd_bus_message_sensitive (request->message);
  g_variant_get (request->parameters, "(&s@a{sv})", &name, &settings);
  dfl_manage_add (request, name, settings, handle_add_account);
}

static void
handle_find_call (DflRequest *request)
{
  DflService *service = request->service;
  const char *sip_call_id;
  g_autoptr (GPtrArray) calls = NULL;
  GVariantBuilder paths;

  g_variant_get (request->parameters, "(&s)", &sip_call_id);
  calls = dfl_switchboard_find_calls (service->switchboard, sip_call_id);
  g_variant_builder_init (&paths, G_VARIANT_TYPE ("ao"));
  for (guint i = 0; i < calls->len; i++)
    {
      DflCall *call = g_ptr_array_index (calls, i);
      g_autofree char *path = NULL;

      if (!dfl_audience_sees (service->audience, request->peer, dfl_call_get_account (call)))
        continue;
      path = dfl_call_path (call);
      g_variant_builder_add (&paths, "o", path);
    }
  dfl_request_reply (request, g_variant_new ("(ao)", &paths));
}

static void
handle_history (DflRequest *request)
{
  dfl_request_fail_unsupported (request,
                                "This version keeps no history; watch the calls as they come, "
                                "such as with deflectctl monitor");
}

static int
append_property (DflService *service, const DflNode *node, guint index, sd_bus_message *message)
{
  static const char *const features[] = { "redirect",       "decline",   "silence",
                                          "check-redirect", "find-call", "account-management",
                                          "registration",   NULL };
  const char *name = org_deflectd1_manager_interface.properties[index]->name;

  if (g_str_equal (name, "Version"))
    return dfl_message_append_text (message, "s", DFL_VERSION);
  return dfl_message_append_variant (message, g_variant_new_strv (g_str_equal (name, "Features")
                                                                      ? features
                                                                      : (const char *const *)
                                                                            service->listening,
                                                                  -1));
}

static const DflRequestHandler methods[] = { handle_add_account, handle_find_call,
                                             handle_history /* GetHistory */,
                                             handle_history /* ClearHistory */ };

const DflInterface dfl_manager_interface = {
  .info = &org_deflectd1_manager_interface,
  .methods = methods,
  .append_property = append_property,
};
