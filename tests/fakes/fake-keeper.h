/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A keeper that remembers instead of writing, knows a few keys, and answers when a test says so. */

#pragma once

#include "core/keeper.h"

#define DFL_TYPE_FAKE_KEEPER (dfl_fake_keeper_get_type ())
G_DECLARE_FINAL_TYPE (DflFakeKeeper, dfl_fake_keeper, DFL, FAKE_KEEPER, GObject)

/*
 * Knows address, display-name, users, enabled, register, accept-from, trusted, ring-limit,
 * registrar, outbound-proxy, tls-verify, username and password, hardly checks their values, and
 * refuses every other key. It answers from an idle source of the default main context.
 */
DflFakeKeeper *dfl_fake_keeper_new (void);

/* Whether answers wait for dfl_fake_keeper_release from now on. */
void dfl_fake_keeper_set_held (DflFakeKeeper *self, gboolean held);

/* Gives the oldest answer that waits, from within; FALSE where none does. */
gboolean dfl_fake_keeper_release (DflFakeKeeper *self);

/* What every save and removal that is asked for from now on fails with; NULL: nothing. */
void dfl_fake_keeper_set_failure (DflFakeKeeper *self, const char *message);

/* How many answers wait. */
guint dfl_fake_keeper_get_n_waiting (DflFakeKeeper *self);

/* What is kept: how many accounts, and the one with this id or NULL. */
guint dfl_fake_keeper_get_n_kept (DflFakeKeeper *self);
const DflAccountSettings *dfl_fake_keeper_get_kept (DflFakeKeeper *self, const char *id);
