/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What somebody on the bus wants to be different about an account, in the form of the key file. */

#pragma once

#include "core/keeper.h"

/*
 * Each function adds to change what a value asks for. They check what a key file could not hold
 * (control characters, white space around a text, an item of a list that would become two) and
 * bound how much there is; what the values mean is the keeper's to check. They fail with
 * DFL_ERROR_INVALID_SETTINGS and a message "KEY: ..." that quotes no value.
 */

/* What a key's value is written with on the bus. The meaning of the key is the store's. */
typedef struct
{
  const char *name;
  const char *type; /* "s", "b", "u" or "as" */
  gboolean pem;     /* a text in lines, up to 64 KB, where others have one line */
} DflAccountKey;

extern const DflAccountKey dfl_account_keys_of_bus[]; /* up to a name that is NULL */

/* settings: a{sv}, as the documentation of org.deflectd1.Account.Update has it. Without a value
 * ("" or an empty list) a key goes back to its default. */
gboolean
dfl_account_change_read_settings (DflAccountChange *change, GVariant *settings, GError **error);

/* targets: a(sss) of alias, label and address. */
gboolean
dfl_account_change_read_targets (DflAccountChange *change, GVariant *targets, GError **error);
