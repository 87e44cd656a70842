/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The port through which core has accounts checked and kept. */

#pragma once

#include "core/account.h"

/* One key of an account's settings in the form of the key file; value NULL: back to its default. */
typedef struct
{
  char *key;
  char *value;
} DflSetting;

/* What somebody wants to be different about an account. Plain values, owned. */
typedef struct
{
  GPtrArray *settings; /* of DflSetting; what is not named stays as it is */
  GPtrArray *targets;  /* of DflAlias, all there shall be; NULL: as they are */
} DflAccountChange;

DflAccountChange *dfl_account_change_new (void); /* without a change */
void dfl_account_change_free (DflAccountChange *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflAccountChange, dfl_account_change_free)
void dfl_account_change_set (DflAccountChange *self, const char *key, const char *value);

#define DFL_TYPE_KEEPER (dfl_keeper_get_type ())
G_DECLARE_INTERFACE (DflKeeper, dfl_keeper, DFL, KEEPER, GObject)

/* error is NULL when it is done and safe on the disk, or DFL_ERROR_FAILED. */
typedef void (*DflKeeperFunc) (const GError *error, gpointer data);

struct _DflKeeperInterface
{
  GTypeInterface parent;

  DflAccountSettings *(*draft) (DflKeeper *self,
                                const DflAccountSettings *base,
                                const DflAccountChange *change,
                                GError **error);
  void (*save) (DflKeeper *self,
                const DflAccountSettings *settings,
                DflKeeperFunc done,
                gpointer data);
  void (*remove) (DflKeeper *self, const char *id, DflKeeperFunc done, gpointer data);
};

/*
 * What base becomes with the change, checked as if it were read from a file; touches no file. The
 * name, id, creator and created of base stay. Fails with DFL_ERROR_INVALID_SETTINGS and a message
 * of the form "KEY: what was expected", for every key that is wrong, unknown or allowed in files of
 * the settings directory only (those that name a file).
 */
DflAccountSettings *dfl_keeper_draft (DflKeeper *self,
                                      const DflAccountSettings *base,
                                      const DflAccountChange *change,
                                      GError **error);

/*
 * Writes an account that has an id and a creator, or takes it away. Each is whole or not done at
 * all, whatever happens; several are done in the order in which they were asked for. done is called
 * from the main loop, never from within.
 */
void dfl_keeper_save (DflKeeper *self,
                      const DflAccountSettings *settings,
                      DflKeeperFunc done,
                      gpointer data);
void dfl_keeper_remove (DflKeeper *self, const char *id, DflKeeperFunc done, gpointer data);
