/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an account would become. */

#pragma once

#include "core/keeper.h"

/* dfl_keeper_draft(), with no keeper. */
DflAccountSettings *
dfl_account_draft (const DflAccountSettings *base, const DflAccountChange *change, GError **error);
