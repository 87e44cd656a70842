/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The base is written as a file would be, the change is made to that, and the whole is read again:
 * one grammar, whoever asks. A value can say nothing beside its key, because GKeyFile escapes it;
 * what could end up as another key or group is a key itself, so that those are looked at first.
 */

#include "store/account-draft.h"

#include <string.h>

#include "core/error.h"
#include "core/offer.h"
#include "core/target.h"
#include "store/account-file.h"
#include "store/account-keys.h"
#include "store/key-readers.h"
#include "store/wipe.h"

#define MAX_SHOWN_BYTES 64

static void
complain (GPtrArray *problems, const char *key, const char *text)
{
  g_autofree char *shown = dfl_text_clean (key, -1, MAX_SHOWN_BYTES);

  g_ptr_array_add (problems, g_strdup_printf ("%s: %s", shown, text));
}

/* Whether it may stand before an = at all; which of them there are is known to the reader. */
static gboolean
is_key (const char *key)
{
  return *key != '\0' && strlen (key) <= MAX_SHOWN_BYTES
         && strspn (key, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen (key);
}

/* A key that is none here stays in, for the reader to say so. */
static gboolean
has_default (const DflKeySpec *spec)
{
  return spec != NULL && spec->read != dfl_key_read_refused;
}

static gboolean
is_readable (const DflKeySpec *spec, const char *value)
{
  return spec != NULL && spec->lines ? dfl_key_file_is_lines (value)
                                     : dfl_key_file_is_plain (value);
}

static void
apply_setting (GKeyFile *keys, const DflSetting *setting, GPtrArray *problems)
{
  const char *value = setting->value != NULL ? setting->value : "";
  const DflKeySpec *spec = dfl_key_spec_find (dfl_account_keys (DFL_ACCOUNT_FILE_DRAFT),
                                              setting->key);

  if (!is_key (setting->key))
    complain (problems, setting->key, "unknown key; leave it out");
  else if (!is_readable (spec, value))
    complain (problems, setting->key, "holds control characters; expected plain text");
  else if (*value == '\0' && has_default (spec))
    g_key_file_remove_key (keys, DFL_ACCOUNT_GROUP, setting->key, NULL);
  else
    dfl_account_file_set_text (keys, DFL_ACCOUNT_GROUP, setting->key, value);
}

static void
apply_target (GKeyFile *keys, const DflAlias *target, GPtrArray *problems)
{
  g_autofree char *value = g_strconcat (target->label, ";", target->address, NULL);

  if (dfl_target_kind (target->alias) != DFL_TARGET_KIND_ALIAS)
    complain (problems, target->alias,
              "expected an alias of a-z, 0-9, _ and - that begins with a letter and has at most 32 "
              "characters");
  else if (g_key_file_has_key (keys, DFL_TARGETS_GROUP, target->alias, NULL))
    complain (problems, target->alias, "stands twice; keep one of the two");
  else if (!dfl_key_file_is_plain (value))
    complain (problems, target->alias, "holds control characters; expected plain text");
  else if (strchr (target->label, ';') != NULL)
    complain (problems, target->alias, "expected a label without ;");
  else
    dfl_account_file_set_text (keys, DFL_TARGETS_GROUP, target->alias, value);
}

static GKeyFile *
apply (const DflAccountSettings *base, const DflAccountChange *change, GPtrArray *problems)
{
  GKeyFile *keys = dfl_account_file_compose (base);

  for (guint i = 0; i < change->settings->len; i++)
    apply_setting (keys, g_ptr_array_index (change->settings, i), problems);
  if (change->targets != NULL)
    g_key_file_remove_group (keys, DFL_TARGETS_GROUP, NULL);
  for (guint i = 0; change->targets != NULL && i < change->targets->len; i++)
    apply_target (keys, g_ptr_array_index (change->targets, i), problems);
  return keys;
}

DflAccountSettings *
dfl_account_draft (const DflAccountSettings *base, const DflAccountChange *change, GError **error)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (DflAccountSettings) self = NULL;
  DflAccountFile file = { .kind = DFL_ACCOUNT_FILE_DRAFT };
  char *text = dfl_account_file_print (apply (base, change, problems), &file.length);

  file.data = text;
  self = dfl_account_file_read (&file, base->name, problems);
  dfl_wipe_free (text);
  if (problems->len > 0)
    {
      g_autofree char *joined = NULL;

      g_ptr_array_add (problems, NULL);
      joined = g_strjoinv ("; ", (char **)problems->pdata);
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, joined);
      return NULL;
    }
  self->id = g_strdup (base->id);
  self->creator = g_strdup (base->creator);
  self->created = base->created;
  return g_steal_pointer (&self);
}
