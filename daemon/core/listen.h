/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one grammar of a listen= item, for the settings that take it and the agent that binds it. */

#pragma once

#include <glib.h>

typedef enum
{
  DFL_LISTEN_UDP,
  DFL_LISTEN_TCP
} DflListenTransport;

/* Plain values, owned strings. */
typedef struct
{
  DflListenTransport transport;
  char *address; /* numeric, IPv6 without brackets; NULL for *, any address of any family */
  guint16 port;  /* 0: any free one */
} DflListen;

/*
 * Takes TRANSPORT:ADDRESS:PORT apart: udp or tcp in any case, an IPv4 address, an IPv6 address in
 * brackets or *, and a decimal port. A host name is refused, because what it means changes; so is a
 * zone (fe80::1%eth0). Fails with DFL_ERROR_INVALID_SETTINGS, saying what is expected.
 */
DflListen *dfl_listen_parse (const char *text, GError **error);

void dfl_listen_free (DflListen *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflListen, dfl_listen_free)
