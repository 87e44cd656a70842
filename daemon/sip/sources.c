/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/sources.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define MAX_USER 256

/* An address of either family as 16 bytes, IPv4 mapped into IPv6, and how many bits of it count. */
typedef struct
{
  guint8 bytes[16];
  guint bits;
} Prefix;

struct _DflSources
{
  DflSwitchboard *switchboard;
  GHashTable *prefixes; /* DflAccount -> GArray of Prefix */
  GArray *all;          /* of Prefix: what any account accepts */
  GArray *former;       /* of Prefix: what any accepted since the first of the holds */
  guint holds;
};

static void
map_ipv4 (const void *address, guint8 bytes[16])
{
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

  memcpy (bytes, mapped, sizeof mapped);
  memcpy (bytes + sizeof mapped, address, 4);
}

/* "192.0.2.1", "2001:db8::/32"; the settings have checked it, so that a failure is none of ours. */
static gboolean
parse_prefix (const char *text, Prefix *prefix)
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

  length = is_ipv4 ? 32 : 128;
  if (slash != NULL && !g_ascii_string_to_unsigned (slash + 1, 10, 0, length, &length, NULL))
    return FALSE;
  prefix->bits = (guint)length + (is_ipv4 ? 96 : 0);
  return TRUE;
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

static gboolean
prefix_covers (const Prefix *prefix, const guint8 bytes[16])
{
  guint whole = prefix->bits / 8;
  guint rest = prefix->bits % 8;

  if (memcmp (prefix->bytes, bytes, whole) != 0)
    return FALSE;
  return rest == 0 || (prefix->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static gboolean
any_covers (const GArray *prefixes, const guint8 bytes[16])
{
  for (guint i = 0; i < prefixes->len; i++)
    if (prefix_covers (&g_array_index (prefixes, Prefix, i), bytes))
      return TRUE;
  return FALSE;
}

static void
add_unique (GArray *prefixes, const Prefix *prefix)
{
  for (guint i = 0; i < prefixes->len; i++)
    if (memcmp (&g_array_index (prefixes, Prefix, i), prefix, sizeof *prefix) == 0)
      return;
  g_array_append_vals (prefixes, prefix, 1);
}

static void
add_account (DflSources *self, DflAccount *account)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  GArray *prefixes;

  if (dfl_account_get_state (account) != DFL_ACCOUNT_STATE_DIRECT)
    return;

  prefixes = g_array_new (FALSE, FALSE, sizeof (Prefix));
  for (guint i = 0; settings->accept_from != NULL && settings->accept_from[i] != NULL; i++)
    {
      Prefix prefix;

      memset (&prefix, 0, sizeof prefix);
      if (!parse_prefix (settings->accept_from[i], &prefix))
        continue;
      g_array_append_val (prefixes, prefix);
      add_unique (self->all, &prefix);
    }
  g_hash_table_replace (self->prefixes, g_object_ref (account), prefixes);
}

static void
on_accounts_changed (DflSources *self)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (self->switchboard);

  g_hash_table_remove_all (self->prefixes);
  for (guint i = 0; self->holds > 0 && i < self->all->len; i++)
    add_unique (self->former, &g_array_index (self->all, Prefix, i));
  g_array_set_size (self->all, 0);
  for (guint i = 0; i < accounts->len; i++)
    add_account (self, g_ptr_array_index (accounts, i));
}

/* %-escapes stand for what they encode (RFC 3261 section 19.1.4). FALSE for what no user part of
 * ours can be. */
static gboolean
decode_user (const char *user, char decoded[MAX_USER])
{
  gsize length = 0;

  for (; *user != '\0'; user++)
    {
      char c = *user;

      if (c == '%' && g_ascii_isxdigit (user[1]) && g_ascii_isxdigit (user[2]))
        {
          c = (char)(g_ascii_xdigit_value (user[1]) * 16 + g_ascii_xdigit_value (user[2]));
          user += 2;
        }
      if (c == '\0' || length + 1 >= MAX_USER)
        return FALSE;
      decoded[length++] = c;
    }
  decoded[length] = '\0';
  return length > 0;
}

gboolean
dfl_sources_allow (DflSources *self, const DflSource *source)
{
  guint8 bytes[16];

  return dfl_source_to_bytes (source->address, bytes) && any_covers (self->all, bytes);
}

DflAccount *
dfl_sources_find (DflSources *self, const char *user, const DflSource *source)
{
  char decoded[MAX_USER];
  guint8 bytes[16];
  const GArray *prefixes;
  DflAccount *account;

  if (user == NULL || !decode_user (user, decoded) || !dfl_source_to_bytes (source->address, bytes))
    return NULL;
  account = dfl_switchboard_find_direct (self->switchboard, decoded);
  prefixes = account != NULL ? g_hash_table_lookup (self->prefixes, account) : NULL;
  return prefixes != NULL && any_covers (prefixes, bytes) ? account : NULL;
}

void
dfl_sources_hold (DflSources *self)
{
  self->holds++;
}

void
dfl_sources_release (DflSources *self)
{
  g_assert (self->holds > 0);
  if (--self->holds == 0)
    g_array_set_size (self->former, 0);
}

gboolean
dfl_sources_remember (DflSources *self, const DflSource *source)
{
  guint8 bytes[16];

  return dfl_source_to_bytes (source->address, bytes)
         && (any_covers (self->all, bytes) || any_covers (self->former, bytes));
}

void
dfl_sources_set_registration (DflSources *self,
                              DflAccount *account,
                              const char *token,
                              GPtrArray *servers,
                              guint16 flow_port)
{
}

DflSources *
dfl_sources_new (DflSwitchboard *switchboard)
{
  DflSources *self = g_new0 (DflSources, 1);

  self->switchboard = g_object_ref (switchboard);
  self->prefixes = g_hash_table_new_full (NULL, NULL, g_object_unref,
                                          (GDestroyNotify)g_array_unref);
  self->all = g_array_new (FALSE, FALSE, sizeof (Prefix));
  self->former = g_array_new (FALSE, FALSE, sizeof (Prefix));
  for (guint i = 0; i < 3; i++)
    {
      static const char *const signals[] = { "account-added", "account-changed",
                                             "account-removed" };

      g_signal_connect_swapped (switchboard, signals[i], G_CALLBACK (on_accounts_changed), self);
    }
  on_accounts_changed (self);
  return self;
}

void
dfl_sources_free (DflSources *self)
{
  g_signal_handlers_disconnect_by_data (self->switchboard, self);
  g_hash_table_unref (self->prefixes);
  g_array_unref (self->all);
  g_array_unref (self->former);
  g_object_unref (self->switchboard);
  g_free (self);
}
