/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets of network addresses and prefixes. */

#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

/* An address of either family as 16 bytes, IPv4 mapped into IPv6, and how many bits of it count. */
typedef struct
{
  guint8 bytes[16];
  guint bits;
} DflPrefix;

/* "192.0.2.1", "2001:db8::/32". FALSE for what is neither. */
gboolean dfl_prefix_parse (const char *text, DflPrefix *prefix);

/* The address alone. */
void dfl_prefix_from_address (GInetAddress *address, DflPrefix *prefix);

gboolean dfl_prefix_covers (const DflPrefix *self, const guint8 bytes[16]);

/* The bytes of a socket address. FALSE for any other family. */
gboolean dfl_source_to_bytes (const struct sockaddr *source, guint8 bytes[16]);

/* What was added as often as it was not yet removed. A look takes no longer for more addresses,
 * only for more prefixes that are shorter than an address, and allocates nothing. */
typedef struct _DflPrefixes DflPrefixes;

DflPrefixes *dfl_prefixes_new (void);
void dfl_prefixes_free (DflPrefixes *self);
void dfl_prefixes_add (DflPrefixes *self, const DflPrefix *prefix);

/* TRUE where it was the last of its kind. */
gboolean dfl_prefixes_remove (DflPrefixes *self, const DflPrefix *prefix);
void dfl_prefixes_clear (DflPrefixes *self);
gboolean dfl_prefixes_cover (DflPrefixes *self, const guint8 bytes[16]);
