/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A parsed address, for who compares one with many. */

#pragma once

#include "core/address.h"

/* What dfl_address_same compares of an address. */
typedef struct _DflPlace DflPlace;

/* NULL where the text is no address that could equal another. */
DflPlace *dfl_place_new (const char *address);
void dfl_place_free (DflPlace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflPlace, dfl_place_free)

/* dfl_address_same for two parsed addresses; NULL equals nothing. */
gboolean dfl_place_same (const DflPlace *a, const DflPlace *b);

/* Whether both have the same user part but for the case of its letters, at whatever host; none is
 * not the same as none. */
gboolean dfl_place_same_user (const DflPlace *a, const DflPlace *b);
