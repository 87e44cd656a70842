/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/account-properties.h"

#include <gio/gio.h>

#include "bus/message.h"

/* --- Values --- */

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
server_new (DflAccount *account)
{
  return text_new (dfl_account_get_registration (account)->server);
}

static GVariant *
transport_new (DflAccount *account)
{
  static const char *const names[] = {
    [DFL_TRANSPORT_AUTO] = "",
    [DFL_TRANSPORT_UDP] = "udp",
    [DFL_TRANSPORT_TCP] = "tcp",
    [DFL_TRANSPORT_TLS] = "tls",
  };

  return g_variant_new_string (names[dfl_account_get_registration (account)->transport]);
}

static GVariant *
secure_new (DflAccount *account)
{
  return g_variant_new_boolean (dfl_account_get_registration (account)->secure);
}

static GVariant *
registered_until_new (DflAccount *account)
{
  gint64 until = dfl_account_get_registration (account)->until;

  return g_variant_new_uint64 (until <= 0 ? 0 : (guint64)until);
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
rules_etag_new (DflAccount *account)
{
  return g_variant_new_string ("");
}

static GVariant *
redirect_policy_new (DflAccount *account)
{
  static const char *const names[] = {
    [DFL_REDIRECT_POLICY_UNKNOWN] = "unknown",
    [DFL_REDIRECT_POLICY_HONOURED] = "honoured",
    [DFL_REDIRECT_POLICY_REFUSED] = "refused",
  };

  return g_variant_new_string (names[dfl_account_get_settings (account)->redirect_policy]);
}

static GVariant *(*const values[DFL_N_ACCOUNT_PROPERTIES]) (DflAccount *account) = {
  [DFL_ACCOUNT_PROPERTY_NAME] = name_new,
  [DFL_ACCOUNT_PROPERTY_ADDRESS] = address_new,
  [DFL_ACCOUNT_PROPERTY_DISPLAY_NAME] = display_name_new,
  [DFL_ACCOUNT_PROPERTY_USERS] = account_users_new,
  [DFL_ACCOUNT_PROPERTY_ENABLED] = enabled_new,
  [DFL_ACCOUNT_PROPERTY_STATE] = state_new,
  [DFL_ACCOUNT_PROPERTY_STATE_REASON] = state_reason_new,
  [DFL_ACCOUNT_PROPERTY_SERVER] = server_new,
  [DFL_ACCOUNT_PROPERTY_TRANSPORT] = transport_new,
  [DFL_ACCOUNT_PROPERTY_SECURE] = secure_new,
  [DFL_ACCOUNT_PROPERTY_REGISTERED_UNTIL] = registered_until_new,
  [DFL_ACCOUNT_PROPERTY_TARGETS] = account_targets_new,
  [DFL_ACCOUNT_PROPERTY_RULES] = rules_new,
  [DFL_ACCOUNT_PROPERTY_RULES_ETAG] = rules_etag_new,
  [DFL_ACCOUNT_PROPERTY_REDIRECT_POLICY] = redirect_policy_new,
};

int
dfl_account_append_property (DflAccount *account,
                             DflAccountProperty property,
                             sd_bus_message *message)
{
  return dfl_message_append_variant (message, values[property](account));
}

/* --- What was last told of an account --- */

struct _DflAccountTold
{
  DflAccountSettings *settings;
  DflAccountState state;
  char *reason;
  char *server;
  DflTransport transport;
  gboolean secure;
  gint64 until;
};

static void
take_text (char **into, const char *text)
{
  g_free (*into);
  *into = g_strdup (text);
}

static void
take_note (DflAccountTold *self, DflAccount *account)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  const DflRegistrationReport *report = dfl_account_get_registration (account);

  if (self->settings != settings)
    {
      dfl_account_settings_free (self->settings);
      self->settings = dfl_account_settings_ref (settings);
    }
  self->state = dfl_account_get_state (account);
  take_text (&self->reason, dfl_account_get_state_reason (account));
  take_text (&self->server, report->server);
  self->transport = report->transport;
  self->secure = report->secure;
  self->until = report->until;
}

static guint
list_all (guint *changed)
{
  for (guint i = 0; i < DFL_N_ACCOUNT_PROPERTIES; i++)
    changed[i] = i;
  return DFL_N_ACCOUNT_PROPERTIES;
}

static guint
list_changed (const DflAccountTold *self, DflAccount *account, guint *changed)
{
  const DflRegistrationReport *report = dfl_account_get_registration (account);
  const struct
  {
    DflAccountProperty property;
    gboolean differs;
  } all[] = {
    { DFL_ACCOUNT_PROPERTY_STATE, dfl_account_get_state (account) != self->state },
    { DFL_ACCOUNT_PROPERTY_STATE_REASON,
      g_strcmp0 (dfl_account_get_state_reason (account), self->reason) != 0 },
    { DFL_ACCOUNT_PROPERTY_SERVER, g_strcmp0 (report->server, self->server) != 0 },
    { DFL_ACCOUNT_PROPERTY_TRANSPORT, report->transport != self->transport },
    { DFL_ACCOUNT_PROPERTY_SECURE, report->secure != self->secure },
    { DFL_ACCOUNT_PROPERTY_REGISTERED_UNTIL, report->until != self->until },
  };
  guint n = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      if (all[i].differs)
        changed[n++] = all[i].property;
    }
  return n;
}

guint
dfl_account_told_update (DflAccountTold *self, DflAccount *account, guint *changed)
{
  guint n = self->settings != dfl_account_get_settings (account)
                ? list_all (changed)
                : list_changed (self, account, changed);

  take_note (self, account);
  return n;
}

DflAccountTold *
dfl_account_told_new (DflAccount *account)
{
  DflAccountTold *self = g_new0 (DflAccountTold, 1);

  take_note (self, account);
  return self;
}

void
dfl_account_told_free (DflAccountTold *self)
{
  dfl_account_settings_free (self->settings);
  g_free (self->reason);
  g_free (self->server);
  g_free (self);
}
