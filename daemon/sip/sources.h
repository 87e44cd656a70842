/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* From where an INVITE may come, and for whom: the accept-from of every direct account. */

#pragma once

#include <glib.h>
#include <sys/socket.h>

#include "core/switchboard.h"

/* Follows the accounts of a switchboard. Looked at for every datagram: answers without allocating
 * anything. IPv4-mapped IPv6 addresses are IPv4 addresses here. */
typedef struct _DflSources DflSources;

DflSources *dfl_sources_new (DflSwitchboard *switchboard);
void dfl_sources_free (DflSources *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflSources, dfl_sources_free)

/* Whether any direct account takes requests from this address. */
gboolean dfl_sources_allow (DflSources *self, const struct sockaddr *source);

/* The direct account with this user part (as it stands in a Request-URI: %-escapes are decoded
 * here), if it takes INVITEs from this address; borrowed. NULL otherwise. */
DflAccount *dfl_sources_find (DflSources *self, const char *user, const struct sockaddr *source);

/* An address of either family as 16 bytes, IPv4 mapped into IPv6. FALSE for any other family. */
gboolean dfl_source_to_bytes (const struct sockaddr *source, guint8 bytes[16]);

/*
 * While a call is offered, its caller may still cancel and acknowledge it, even where the account
 * was removed or its accept-from changed since: between hold and the last release, sources that
 * were allowed once are remembered. Includes those that are allowed now.
 */
void dfl_sources_hold (DflSources *self);
void dfl_sources_release (DflSources *self);
gboolean dfl_sources_remember (DflSources *self, const struct sockaddr *source);
