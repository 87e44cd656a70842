/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/error.h"

/* clang-format off */
G_DEFINE_QUARK (dfl-error-quark, dfl_error)
/* clang-format on */
