/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The authority of a real machine: polkit, on the system bus. */

#pragma once

#include "bus/authority.h"

#define DFL_TYPE_POLKIT_AUTHORITY (dfl_polkit_authority_get_type ())
G_DECLARE_FINAL_TYPE (DflPolkitAuthority, dfl_polkit_authority, DFL, POLKIT_AUTHORITY, GObject)

/*
 * Connects when it is first asked, or told to. Names are those of the system bus: on any other bus
 * it would authorise a stranger.
 */
DflAuthority *dfl_polkit_authority_new (void);

/* Connects, unless it is or does. To be told to at the start: the bus tells everybody of a new
 * connection, and one that came with the first question would tell that somebody asks. */
void dfl_polkit_authority_connect (DflPolkitAuthority *self);
