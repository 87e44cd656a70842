/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A place where a SIP server may be reached. */

#pragma once

#include <gio/gio.h>

#include "core/account.h"

/* One place to try. Plain values, owned. */
typedef struct
{
  DflTransport transport; /* UDP, TCP or TLS */
  GInetSocketAddress *address;
} DflHop;

DflHop *dfl_hop_new (DflTransport transport, GInetSocketAddress *address);
void dfl_hop_free (DflHop *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflHop, dfl_hop_free)
/* "192.0.2.1:5060", "[2001:db8::1]:5061" */
char *dfl_hop_to_string (const DflHop *self);
