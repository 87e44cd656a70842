/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keeps the accounts that were added over D-Bus, in key files of the state directory. */

#pragma once

#include "core/keeper.h"

#define DFL_TYPE_KEY_FILE_KEEPER (dfl_key_file_keeper_get_type ())
G_DECLARE_FINAL_TYPE (DflKeyFileKeeper, dfl_key_file_keeper, DFL, KEY_FILE_KEEPER, GObject)

/*
 * For a state directory that dfl_state_dir_prepare() has taken. Fails with
 * DFL_ERROR_INVALID_SETTINGS where accounts cannot be kept safely below it, naming it and what to
 * do.
 *
 * A worker thread writes; what it was asked for is told on the thread-default main context of this
 * call. Dropping the last reference waits until everything that was asked for is on the disk; what
 * was not told by then is told all the same, should that main context run again.
 */
DflKeeper *dfl_key_file_keeper_new (const char *state_dir, GError **error);

/*
 * What was kept: an array of DflAccountSettings, which have an id and a creator. Each mistake, and
 * each file that is none of ours or that another user may have written, adds to problems. An
 * account whose file has a mistake carries it as its problem, if only its name and creator could be
 * read; no file is ever removed for one. Blocks, for the start of the daemon; before any save.
 */
GPtrArray *dfl_key_file_keeper_load (DflKeeper *self, GPtrArray *problems);
