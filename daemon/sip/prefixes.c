/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/prefixes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define WHOLE 128

/* A prefix and how often it was added. */
typedef struct
{
  DflPrefix prefix;
  guint uses;
} Member;

struct _DflPrefixes
{
  GHashTable *addresses; /* the 16 bytes of a Member that is a whole address -> Member */
  GArray *shorter;       /* of Member */
};

static void
map_ipv4 (const void *address, guint8 bytes[16])
{
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

  memcpy (bytes, mapped, sizeof mapped);
  memcpy (bytes + sizeof mapped, address, 4);
}

gboolean
dfl_prefix_parse (const char *text, DflPrefix *prefix)
{
  const char *slash = strchr (text, '/');
  g_autofree char *address = slash != NULL ? g_strndup (text, (gsize)(slash - text))
                                           : g_strdup (text);
  struct in_addr ipv4;
  guint64 length;
  gboolean is_ipv4 = inet_pton (AF_INET, address, &ipv4) == 1;

  if (is_ipv4)
    map_ipv4 (&ipv4, prefix->bytes);
  else if (inet_pton (AF_INET6, address, prefix->bytes) != 1)
    return FALSE;

  length = is_ipv4 ? 32 : WHOLE;
  if (slash != NULL && !g_ascii_string_to_unsigned (slash + 1, 10, 0, length, &length, NULL))
    return FALSE;
  prefix->bits = (guint)length + (is_ipv4 ? WHOLE - 32 : 0);
  return TRUE;
}

void
dfl_prefix_from_address (GInetAddress *address, DflPrefix *prefix)
{
  const guint8 *bytes = g_inet_address_to_bytes (address);

  if (g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV4)
    map_ipv4 (bytes, prefix->bytes);
  else
    memcpy (prefix->bytes, bytes, sizeof prefix->bytes);
  prefix->bits = WHOLE;
}

gboolean
dfl_prefix_covers (const DflPrefix *self, const guint8 bytes[16])
{
  guint whole = self->bits / 8;
  guint rest = self->bits % 8;

  if (memcmp (self->bytes, bytes, whole) != 0)
    return FALSE;
  return rest == 0 || (self->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

gboolean
dfl_source_to_bytes (const struct sockaddr *source, guint8 bytes[16])
{
  if (source->sa_family == AF_INET)
    map_ipv4 (&((const struct sockaddr_in *)(const void *)source)->sin_addr, bytes);
  else if (source->sa_family == AF_INET6)
    memcpy (bytes, &((const struct sockaddr_in6 *)(const void *)source)->sin6_addr, 16);
  else
    return FALSE;
  return TRUE;
}

static guint
hash_bytes (gconstpointer key)
{
  guint32 words[4];

  memcpy (words, key, sizeof words);
  return ((words[0] * 31 + words[1]) * 31 + words[2]) * 31 + words[3];
}

static gboolean
equal_bytes (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 16) == 0;
}

static Member *
find_member (DflPrefixes *self, const DflPrefix *prefix)
{
  if (prefix->bits == WHOLE)
    return g_hash_table_lookup (self->addresses, prefix->bytes);
  for (guint i = 0; i < self->shorter->len; i++)
    {
      Member *member = &g_array_index (self->shorter, Member, i);

      if (member->prefix.bits == prefix->bits && equal_bytes (member->prefix.bytes, prefix->bytes))
        return member;
    }
  return NULL;
}

void
dfl_prefixes_add (DflPrefixes *self, const DflPrefix *prefix)
{
  Member *known = find_member (self, prefix);
  Member new = { .prefix = *prefix, .uses = 1 };

  if (known != NULL)
    known->uses++;
  else if (prefix->bits == WHOLE)
    {
      known = g_memdup2 (&new, sizeof new);
      g_hash_table_insert (self->addresses, known->prefix.bytes, known);
    }
  else
    g_array_append_val (self->shorter, new);
}

gboolean
dfl_prefixes_remove (DflPrefixes *self, const DflPrefix *prefix)
{
  Member *known = find_member (self, prefix);

  g_return_val_if_fail (known != NULL, FALSE);
  if (--known->uses > 0)
    return FALSE;
  if (prefix->bits == WHOLE)
    g_hash_table_remove (self->addresses, prefix->bytes);
  else
    g_array_remove_index_fast (self->shorter,
                               (guint)(known - &g_array_index (self->shorter, Member, 0)));
  return TRUE;
}

void
dfl_prefixes_clear (DflPrefixes *self)
{
  g_hash_table_remove_all (self->addresses);
  g_array_set_size (self->shorter, 0);
}

gboolean
dfl_prefixes_cover (DflPrefixes *self, const guint8 bytes[16])
{
  if (g_hash_table_contains (self->addresses, bytes))
    return TRUE;
  for (guint i = 0; i < self->shorter->len; i++)
    if (dfl_prefix_covers (&g_array_index (self->shorter, Member, i).prefix, bytes))
      return TRUE;
  return FALSE;
}

DflPrefixes *
dfl_prefixes_new (void)
{
  DflPrefixes *self = g_new0 (DflPrefixes, 1);

  self->addresses = g_hash_table_new_full (hash_bytes, equal_bytes, NULL, g_free);
  self->shorter = g_array_new (FALSE, FALSE, sizeof (Member));
  return self;
}

void
dfl_prefixes_free (DflPrefixes *self)
{
  g_hash_table_unref (self->addresses);
  g_array_unref (self->shorter);
  g_free (self);
}
