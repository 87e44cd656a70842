/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Everything goes through GKeyFile, which escapes what would end a line. What it does not escape
 * (control characters that no reader takes, a ; in a label) cannot stand in settings, because they
 * were read by account-keys.c once; and the keeper reads again what it is about to keep.
 */

#include "store/account-file.h"

#include <string.h>

#include "store/account-keys.h"
#include "store/wipe.h"

#define HEADING                                                                                    \
  "# deflectd keeps this account here and writes the file anew; use deflectctl to change it.\n"

void
dfl_account_file_set_text (GKeyFile *keys, const char *group, const char *key, const char *value)
{
  char *raw;
  char *whole;

  g_key_file_set_string (keys, group, key, value);
  raw = g_key_file_get_value (keys, group, key, NULL);
  if (g_str_has_suffix (raw, " "))
    {
      raw[strlen (raw) - 1] = '\0';
      whole = g_strconcat (raw, "\\s", NULL);
      g_key_file_set_value (keys, group, key, whole);
      dfl_wipe_free (whole);
    }
  dfl_wipe_free (raw);
}

static void
set_text (GKeyFile *keys, const char *key, const char *value, const char *usual)
{
  if (g_strcmp0 (value, usual) != 0)
    dfl_account_file_set_text (keys, DFL_ACCOUNT_GROUP, key, value);
}

static void
set_boolean (GKeyFile *keys, const char *key, gboolean value, gboolean usual)
{
  if (value != usual)
    g_key_file_set_boolean (keys, DFL_ACCOUNT_GROUP, key, value);
}

static void
set_number (GKeyFile *keys, const char *key, guint value, guint usual)
{
  if (value != usual)
    g_key_file_set_uint64 (keys, DFL_ACCOUNT_GROUP, key, value);
}

static void
set_list (GKeyFile *keys, const char *key, char **items)
{
  if (items[0] != NULL)
    g_key_file_set_string_list (keys, DFL_ACCOUNT_GROUP, key, (const char *const *)items,
                                g_strv_length (items));
}

static void
set_targets (GKeyFile *keys, GPtrArray *targets)
{
  for (guint i = 0; i < targets->len; i++)
    {
      const DflAlias *target = g_ptr_array_index (targets, i);
      g_autofree char *value = g_strconcat (target->label, ";", target->address, NULL);

      dfl_account_file_set_text (keys, DFL_TARGETS_GROUP, target->alias, value);
    }
}

GKeyFile *
dfl_account_file_compose (const DflAccountSettings *settings)
{
  g_autoptr (DflAccountSettings) usual = dfl_account_settings_new ("");
  g_autofree char *action = g_strconcat ("redirect:", settings->default_target, NULL);
  GKeyFile *keys = g_key_file_new ();

  set_text (keys, "address", settings->address, usual->address);
  set_text (keys, "display-name", settings->display_name, usual->display_name);
  set_list (keys, "users", settings->users);
  set_boolean (keys, "enabled", settings->enabled, usual->enabled);
  set_boolean (keys, "register", settings->registers, usual->registers);
  set_text (keys, "registrar", settings->registrar, usual->registrar);
  set_text (keys, "outbound-proxy", settings->outbound_proxy, usual->outbound_proxy);
  if (settings->transport != usual->transport)
    set_text (keys, "transport", dfl_account_transport_to_string (settings->transport), NULL);
  set_text (keys, "username", settings->username, usual->username);
  set_text (keys, "password", settings->password, NULL);
  set_boolean (keys, "tls-verify", settings->tls_verify, usual->tls_verify);
  set_boolean (keys, "tls-wildcard", settings->tls_wildcard, usual->tls_wildcard);
  set_text (keys, "tls-ca", settings->tls_ca, NULL);
  set_text (keys, "tls-certificate", settings->tls_certificate, NULL);
  set_text (keys, "tls-key", settings->tls_key, NULL);
  set_number (keys, "expires", settings->expires, usual->expires);
  if (settings->redirect_policy != usual->redirect_policy)
    set_text (keys, "redirect-policy",
              dfl_account_redirect_policy_to_string (settings->redirect_policy), NULL);
  set_list (keys, "accept-from", settings->accept_from);
  set_boolean (keys, "trusted", settings->trusted, usual->trusted);
  if (settings->alert != usual->alert)
    set_text (keys, "alert", settings->alert ? "ringing" : "silent", NULL);
  set_number (keys, "ring-limit", settings->ring_limit, usual->ring_limit);
  set_number (keys, "decline-status", settings->decline_status, usual->decline_status);
  set_number (keys, "max-offers", settings->max_offers, usual->max_offers);
  if (settings->default_target != NULL)
    set_text (keys, "default-action", action, NULL);
  set_boolean (keys, "allow-sips-downgrade", settings->allow_sips_downgrade,
               usual->allow_sips_downgrade);
  set_boolean (keys, "allow-local-targets", settings->allow_local_targets,
               usual->allow_local_targets);
  set_text (keys, "redirect-domain", settings->redirect_domain, settings->domain);
  set_targets (keys, settings->targets);
  return keys;
}

char *
dfl_account_file_print (GKeyFile *keys, gsize *length)
{
  char *text = g_key_file_to_data (keys, length, NULL);

  g_key_file_unref (keys);
  return text;
}

char *
dfl_account_file_write (const DflAccountSettings *settings, gsize *length)
{
  GKeyFile *keys = dfl_account_file_compose (settings);
  char *body;
  char *text;

  g_key_file_set_string (keys, DFL_ACCOUNT_GROUP, "name", settings->name);
  g_key_file_set_string (keys, DFL_ACCOUNT_GROUP, "creator", settings->creator);
  g_key_file_set_int64 (keys, DFL_ACCOUNT_GROUP, "created", settings->created);
  body = dfl_account_file_print (keys, NULL);
  text = g_strconcat (HEADING, body, NULL);
  dfl_wipe_free (body);
  *length = strlen (text);
  return text;
}
