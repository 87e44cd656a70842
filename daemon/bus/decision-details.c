/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/decision-details.h"

#include <string.h>

/* The user part, decoded; "" where there is none. */
static char *
read_user (const char *uri)
{
  const char *start = strchr (uri, ':') + 1;
  const char *end = strchr (start, '@');
  GString *user = g_string_new (NULL);

  for (const char *at = start; end != NULL && at < end; at++)
    {
      if (*at == '%' && end - at > 2)
        {
          g_string_append_c (user, (char)(g_ascii_xdigit_value (at[1]) * 16
                                          + g_ascii_xdigit_value (at[2])));
          at += 2;
        }
      else
        g_string_append_c (user, *at);
    }
  return g_string_free (user, FALSE);
}

char *
dfl_decision_number_new (const char *uri)
{
  g_autofree char *user = read_user (uri);
  GString *number = g_string_new (NULL);

  /* A ';' or ':' ends a number whether it was escaped or not: who decodes first sees it so. */
  user[strcspn (user, ";:")] = '\0';
  for (const char *at = user; *at != '\0'; at++)
    {
      if (strchr ("-.() ", *at) == NULL)
        g_string_append_c (number, *at);
    }
  if (number->str[strspn (number->str, "+")] == '\0'
      || strspn (number->str + (number->str[0] == '+'), "0123456789*#")
             != number->len - (number->str[0] == '+'))
    g_string_truncate (number, 0);
  return g_string_free (number, FALSE);
}

/* --- Details --- */

static void
add (GStrvBuilder *details, const char *key, const char *value)
{
  /* Names of users are whatever the user database says. */
  g_autofree char *text = g_utf8_make_valid (value, -1);

  g_strv_builder_add_many (details, key, text, NULL);
}

static void
add_account (GStrvBuilder *details, DflAccount *account, const DflAccountSettings *settings)
{
  add (details, "id", account == NULL ? "" : dfl_account_get_id (account));
  add (details, "account", settings->name);
  add (details, "creator", settings->creator == NULL ? "" : settings->creator);
}

static void
add_target (GStrvBuilder *details, const DflTarget *target)
{
  const char *uri = target == NULL ? "" : dfl_target_get_uri (target);
  g_autofree char *number = target == NULL ? g_strdup ("") : dfl_decision_number_new (uri);

  add (details, "target", uri);
  add (details, "number", number);
}

char **
dfl_decision_details_new (DflCall *call, const char *action, const DflTarget *target)
{
  DflAccount *account = dfl_call_get_account (call);
  g_autoptr (GStrvBuilder) details = g_strv_builder_new ();

  add_account (details, account, dfl_account_get_settings (account));
  add (details, "action", action);
  add_target (details, target);
  return g_strv_builder_end (details);
}

/* Where calls go at the ring limit; NULL where they are declined. */
static DflTarget *
read_default_target (const DflAccountSettings *settings)
{
  if (settings->default_target == NULL)
    return NULL;
  return dfl_target_new (settings->default_target, settings->redirect_domain, FALSE, NULL);
}

static gboolean
is_same_target (const DflTarget *a, const DflTarget *b)
{
  return a != NULL && b != NULL && g_str_equal (dfl_target_get_uri (a), dfl_target_get_uri (b));
}

char **
dfl_change_details_new (const char *method,
                        DflAccount *account,
                        const DflAccountSettings *before,
                        const DflAccountSettings *after)
{
  g_autoptr (GStrvBuilder) details = g_strv_builder_new ();
  g_autofree char *users = g_strjoinv (";", after->users);
  g_autoptr (DflTarget) was = before == NULL ? NULL : read_default_target (before);
  g_autoptr (DflTarget) is = read_default_target (after);

  add (details, "method", method);
  add_account (details, account, after);
  add (details, "address", after->address);
  add (details, "users", users);
  add_target (details, is_same_target (was, is) ? NULL : is);
  return g_strv_builder_end (details);
}

/* --- Changes by somebody who may not know all of the account --- */

static const DflSetting *
find_setting (const DflAccountChange *change, const char *key)
{
  for (guint i = 0; i < change->settings->len; i++)
    {
      const DflSetting *setting = g_ptr_array_index (change->settings, i);

      if (g_str_equal (setting->key, key))
        return setting;
    }
  return NULL;
}

static void
take_text (char **text, char *value)
{
  g_free (*text);
  *text = value;
}

static void
guess_address (DflAccountSettings *guess,
               const DflAccountSettings *before,
               const DflAccountChange *change)
{
  const DflSetting *setting = find_setting (change, "address");
  const char *address = setting == NULL || setting->value == NULL ? before->address
                                                                  : setting->value;
  const char *at = strchr (address, '@');

  if (g_ascii_strncasecmp (address, "sip:", 4) == 0)
    take_text (&guess->address, g_strconcat ("sip:", address + 4, NULL));
  else
    take_text (&guess->address, g_strdup (address));
  take_text (&guess->domain, g_strdup (at == NULL ? "" : at + 1));
}

/* The domain follows that of the address unless there is another one. */
static void
guess_default_target (DflAccountSettings *guess,
                      const DflAccountSettings *before,
                      const DflAccountChange *change)
{
  static const char redirect[] = "redirect:";
  const DflSetting *action = find_setting (change, "default-action");
  const DflSetting *domain = find_setting (change, "redirect-domain");

  if (action != NULL && action->value != NULL && g_str_has_prefix (action->value, redirect))
    guess->default_target = g_strchug (g_strdup (action->value + strlen (redirect)));
  if (domain != NULL && domain->value != NULL)
    take_text (&guess->redirect_domain, g_strdup (domain->value));
  else if (domain != NULL || g_str_equal (before->redirect_domain, before->domain))
    take_text (&guess->redirect_domain, g_strdup (guess->domain));
  else
    take_text (&guess->redirect_domain, g_strdup (before->redirect_domain));
  if (!dfl_target_is_domain (guess->redirect_domain))
    g_clear_pointer (&guess->default_target, g_free);
}

DflAccountSettings *
dfl_change_guess_new (const DflAccountSettings *before, const DflAccountChange *change)
{
  DflAccountSettings *guess = dfl_account_settings_new (before->name);
  const DflSetting *users = find_setting (change, "users");

  guess->creator = g_strdup (before->creator);
  guess_address (guess, before, change);
  guess_default_target (guess, before, change);
  g_strfreev (guess->users);
  if (users == NULL)
    guess->users = g_strdupv (before->users);
  else
    guess->users = g_strsplit (users->value == NULL ? "" : users->value, ";", -1);
  return guess;
}
