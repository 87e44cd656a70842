/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/account-draft.h"

#include "core/error.h"

gboolean
dfl_account_author_is_root (const char *author)
{
  return g_strcmp0 (author, "root") == 0;
}

void
dfl_account_draft_set_gone (GError **error)
{
  g_set_error_literal (error, DFL_ERROR, DFL_ERROR_FAILED,
                       "The account is gone: look which ones there are");
}

static gboolean
check_new_account (const DflAccountDesk *desk,
                   const char *name,
                   const char *creator,
                   GError **error)
{
  const GPtrArray *accounts = dfl_accounts_get_all (desk->accounts);
  guint limit = dfl_account_author_is_root (creator) ? DFL_MAX_ACCOUNTS_OF_ROOT : DFL_MAX_ACCOUNTS;
  guint n = 0;

  if (creator == NULL || *creator == '\0')
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_FAILED,
                           "Your user has no name here: have the administrator give it one");
      return FALSE;
    }
  if (name == NULL || !dfl_account_name_is_valid (name))
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
                           "name: expected a-z, then up to 31 of a-z, 0-9 and _");
      return FALSE;
    }

  for (guint i = 0; i < accounts->len; i++)
    {
      const DflAccountSettings *settings = dfl_account_get_settings (accounts->pdata[i]);

      if (g_strcmp0 (settings->creator, creator) != 0)
        continue;
      if (g_str_equal (settings->name, name))
        {
          g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
                       "name: you have added an account %s already, choose another name or change "
                       "that one",
                       name);
          return FALSE;
        }
      n++;
    }

  if (n >= limit)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED,
                   "You have added %u accounts, which is as many as you may: remove one first", n);
      return FALSE;
    }

  return TRUE;
}

static gboolean
check_keeper (const DflAccountDesk *desk, GError **error)
{
  if (desk->keeper != NULL)
    return TRUE;

  g_set_error_literal (
      error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED,
      "This deflectd keeps no accounts: write accounts.d/NAME.conf in its settings "
      "directory and have it reload");
  return FALSE;
}

static gboolean
check_known_account (const DflAccountDesk *desk, DflAccount *account, GError **error)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);

  if (dfl_accounts_find_by_id (desk->accounts, dfl_account_get_id (account)) != account)
    {
      dfl_account_draft_set_gone (error);
      return FALSE;
    }
  if (settings->creator == NULL)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED,
                   "Account %s stands in the settings directory and is read-only here: have the "
                   "administrator edit accounts.d/%s.conf there, then reload deflectd",
                   settings->name, settings->name);
      return FALSE;
    }

  return TRUE;
}

static DflAccountSettings *
make_base (const DflAccountDesk *desk, const char *name, const char *creator, gboolean creator_owns)
{
  DflAccountSettings *base = dfl_account_settings_new (name);

  base->creator = g_strdup (creator);
  base->created = dfl_accounts_get_created (desk->accounts, dfl_clock_wall (desk->clock));
  /* No list is root alone. */
  if (creator_owns && !dfl_account_author_is_root (creator))
    {
      g_strfreev (base->users);
      base->users = g_strdupv ((char *[]){ (char *)creator, NULL });
    }

  return base;
}

static gboolean
names (const DflAccountChange *change, const char *key)
{
  for (guint i = 0; i < change->settings->len; i++)
    if (g_str_equal (((const DflSetting *)change->settings->pdata[i])->key, key))
      return TRUE;

  return FALSE;
}

/*
 * A password was given for one server. Who may change the account but does not know it must not
 * have it answer the challenges of another one, or on a less protected way.
 */
static gboolean
check_password (const DflAccountSettings *before,
                const DflAccountSettings *after,
                const DflAccountChange *change,
                GError **error)
{
  if (before->password == NULL || after->password == NULL || names (change, "password"))
    return TRUE;
  if (g_str_equal (before->registrar, after->registrar)
      && g_str_equal (before->outbound_proxy, after->outbound_proxy)
      && g_ascii_strcasecmp (before->domain, after->domain) == 0
      && before->transport == after->transport && before->tls_verify == after->tls_verify
      && before->tls_wildcard == after->tls_wildcard
      && g_strcmp0 (before->tls_ca, after->tls_ca) == 0)
    return TRUE;

  g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
                       "password: give it again, because it would be used with another server, or "
                       "on another way to it");
  return FALSE;
}

DflAccountSettings *
dfl_account_draft_change (const DflAccountDesk *desk,
                          const DflAccountWish *wish,
                          const DflAccountChange *change,
                          GError **error)
{
  g_autoptr (DflAccountSettings) base = NULL;
  g_autoptr (DflAccountSettings) drafted = NULL;

  if (!check_keeper (desk, error))
    return NULL;

  if (wish->account != NULL)
    {
      if (!check_known_account (desk, wish->account, error))
        return NULL;
      base = dfl_account_settings_ref (dfl_account_get_settings (wish->account));
    }
  else
    {
      if (!check_new_account (desk, wish->name, wish->author, error))
        return NULL;
      base = make_base (desk, wish->name, wish->author, wish->creator_owns);
      base->id = g_strdup (wish->id);
    }

  drafted = dfl_keeper_draft (desk->keeper, base, change, error);
  if (drafted != NULL && !check_password (base, drafted, change, error))
    return NULL;

  /* An account with the default of users= belongs to who added it, however that was said. */
  if (drafted != NULL && wish->account == NULL && drafted->users[0] == NULL)
    {
      g_strfreev (drafted->users);
      drafted->users = g_strdupv (base->users);
    }

  return g_steal_pointer (&drafted);
}

gboolean
dfl_account_draft_removal (const DflAccountDesk *desk, DflAccount *account, GError **error)
{
  return check_keeper (desk, error) && check_known_account (desk, account, error);
}
