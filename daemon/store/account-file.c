/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/account-file.h"

#include <string.h>
#include <sys/stat.h>

#include "core/address.h"
#include "core/target.h"
#include "store/account-keys.h"
#include "store/account-tls.h"
#include "store/settings.h"

static void
replace_text (char **text, char *value)
{
  g_free (*text);
  *text = value;
}

/* --- What only the whole file can say --- */

/* NULL where text can be redirected to, else what to do about it. */
static char *
check_target (const DflAccountSettings *settings, const char *text)
{
  const char *domain = *settings->redirect_domain != '\0' ? settings->redirect_domain
                                                          : DFL_NO_DOMAIN;
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) target = NULL;

  if (dfl_target_kind (text) == DFL_TARGET_KIND_ALIAS)
    return g_strdup ("this version cannot redirect to an alias yet; write the address itself");
  target = dfl_target_new (text, domain, FALSE, &error);
  if (target == NULL)
    return g_strdup_printf ("expected a SIP address or a number: %s", error->message);
  if (dfl_address_same (dfl_target_get_uri (target), settings->address))
    return g_strdup ("expected another address than the account's own, which would bring the call "
                     "back");
  return NULL;
}

static void
complain_if_missing (DflKeyFile *file, const char *key, const char *expected)
{
  if (dfl_key_file_find (file, DFL_ACCOUNT_GROUP, key) == NULL)
    dfl_key_file_complain_missing (file, DFL_ACCOUNT_GROUP, key, "is missing; expected %s",
                                   expected);
}

static void
check_required (DflKeyFile *file, DflAccountFileKind kind)
{
  complain_if_missing (file, "address", "address=sip:USER@HOST");
  if (kind == DFL_ACCOUNT_FILE_STATE)
    {
      complain_if_missing (file, "name", "the account's name");
      complain_if_missing (file, "creator", "the local user who added the account");
      complain_if_missing (file, "created", "microseconds since the epoch");
    }
}

/* Calls come from the server that the account registers with; without one, from where it says. */
static void
check_accept_from (DflKeyFile *file, const DflAccountSettings *settings)
{
  if (!settings->registers)
    complain_if_missing (file, "accept-from",
                         "the numeric addresses or prefixes that calls may come from, such as "
                         "accept-from=192.0.2.1;2001:db8::/32");
}

static void
check_password (DflKeyFile *file)
{
  const DflKeyLine *at = dfl_key_file_find (file, DFL_ACCOUNT_GROUP, "password-file");

  if (at != NULL && dfl_key_file_find (file, DFL_ACCOUNT_GROUP, "password") != NULL)
    dfl_key_file_complain (file, at, "stands beside password=; keep one of the two");
}

static void
check_targets (DflKeyFile *file, const DflAccountSettings *settings)
{
  if (settings->default_target != NULL)
    {
      g_autofree char *problem = check_target (settings, settings->default_target);

      if (problem != NULL)
        dfl_key_file_complain (file, dfl_key_file_find (file, DFL_ACCOUNT_GROUP, "default-action"),
                               "%s", problem);
    }
  for (guint i = 0; i < settings->targets->len; i++)
    {
      const DflAlias *target = g_ptr_array_index (settings->targets, i);
      g_autofree char *problem = check_target (settings, target->address);

      if (problem != NULL)
        dfl_key_file_complain (file, dfl_key_file_find (file, DFL_TARGETS_GROUP, target->alias),
                               "%s", problem);
    }
}

static char *
join_problems (GPtrArray *problems)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < problems->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "; " : "",
                            (const char *)g_ptr_array_index (problems, i));
  return g_string_free (text, FALSE);
}

/* No mistake of the account, but one of who keeps it. */
static void
warn_of_readers (DflKeyFile *keys,
                 const DflAccountFile *file,
                 const DflAccountSettings *settings,
                 GPtrArray *problems)
{
  const DflKeyLine *password = dfl_key_file_find (keys, DFL_ACCOUNT_GROUP, "password");
  const DflKeyLine *key = dfl_key_file_find (keys, DFL_ACCOUNT_GROUP, "tls-key");
  g_autoptr (GPtrArray) warnings = NULL;

  if ((file->mode & S_IROTH) == 0)
    return;
  if (password != NULL)
    dfl_key_file_complain (keys, password,
                           "every local user can read it; take that away with chmod o= and choose "
                           "another password");
  /* One in a file of its own was looked at with that. */
  if (key != NULL && settings->tls_key != NULL && !dfl_key_file_begins (keys, key, "/"))
    dfl_key_file_complain (keys, key,
                           "every local user can read it; take that away with chmod o= and have "
                           "another key certified");
  warnings = dfl_key_file_take_problems (keys);
  g_ptr_array_extend_and_steal (problems, g_steal_pointer (&warnings));
}

DflAccountSettings *
dfl_account_file_read (const DflAccountFile *file, const char *name, GPtrArray *problems)
{
  static const char *const groups[] = { DFL_ACCOUNT_GROUP, DFL_TARGETS_GROUP, NULL };
  g_autoptr (DflAccountSettings) self = dfl_account_settings_new (name);
  g_autoptr (DflKeyFile) keys = dfl_key_file_new (file->path, file->data, file->length);
  g_autoptr (GPtrArray) found = NULL;

  dfl_key_file_check_groups (keys, groups, "rule");
  dfl_key_file_read_group (keys, DFL_ACCOUNT_GROUP, dfl_account_keys (file->kind), self);
  dfl_key_file_read_names (keys, DFL_TARGETS_GROUP, dfl_account_read_target, self);
  if (*self->redirect_domain == '\0')
    replace_text (&self->redirect_domain, g_strdup (self->domain));
  if (file->kind != DFL_ACCOUNT_FILE_DRAFT
      && dfl_key_file_find (keys, DFL_ACCOUNT_GROUP, NULL) == NULL)
    dfl_key_file_complain_missing (keys, DFL_ACCOUNT_GROUP, "[" DFL_ACCOUNT_GROUP "]",
                                   "the group is missing; expected it and its keys");
  else
    {
      check_required (keys, file->kind);
      check_accept_from (keys, self);
      check_password (keys);
      dfl_account_check_tls (keys, self, file->kind);
    }
  check_targets (keys, self);

  found = dfl_key_file_take_problems (keys);
  if (found->len > 0)
    self->problem = join_problems (found);
  if (problems == NULL)
    return g_steal_pointer (&self);
  g_ptr_array_extend_and_steal (problems, g_steal_pointer (&found));
  warn_of_readers (keys, file, self, problems);
  return g_steal_pointer (&self);
}

DflAccountSettings *
dfl_account_settings_from_data (
    const char *name, const char *path, const char *data, gsize length, GPtrArray *problems)
{
  DflAccountFile file = {
    .kind = DFL_ACCOUNT_FILE_SETTINGS,
    .path = path,
    .data = data,
    .length = length,
  };

  return dfl_account_file_read (&file, name, problems);
}
