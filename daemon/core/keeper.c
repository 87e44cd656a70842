/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/keeper.h"

#include <string.h>

G_DEFINE_INTERFACE (DflKeeper, dfl_keeper, G_TYPE_OBJECT)

static void
dfl_keeper_default_init (DflKeeperInterface *iface)
{
}

DflAccountSettings *
dfl_keeper_draft (DflKeeper *self,
                  const DflAccountSettings *base,
                  const DflAccountChange *change,
                  GError **error)
{
  return DFL_KEEPER_GET_IFACE (self)->draft (self, base, change, error);
}

void
dfl_keeper_save (DflKeeper *self,
                 const DflAccountSettings *settings,
                 DflKeeperFunc done,
                 gpointer data)
{
  DFL_KEEPER_GET_IFACE (self)->save (self, settings, done, data);
}

void
dfl_keeper_remove (DflKeeper *self, const char *id, DflKeeperFunc done, gpointer data)
{
  DFL_KEEPER_GET_IFACE (self)->remove (self, id, done, data);
}

/* --- Changes --- */

/* One of them may be a password. */
static void
free_setting (DflSetting *self)
{
  if (self->value != NULL)
    explicit_bzero (self->value, strlen (self->value));
  g_free (self->key);
  g_free (self->value);
  g_free (self);
}

DflAccountChange *
dfl_account_change_new (void)
{
  DflAccountChange *self = g_new0 (DflAccountChange, 1);

  self->settings = g_ptr_array_new_with_free_func ((GDestroyNotify)free_setting);
  return self;
}

void
dfl_account_change_free (DflAccountChange *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->settings);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_free (self);
}

void
dfl_account_change_set (DflAccountChange *self, const char *key, const char *value)
{
  DflSetting *setting = g_new (DflSetting, 1);

  setting->key = g_strdup (key);
  setting->value = g_strdup (value);
  g_ptr_array_add (self->settings, setting);
}
