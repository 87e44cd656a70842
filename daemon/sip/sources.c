/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Accounts change one by one, and of a thousand that register each reports several times a minute
 * when their server has trouble: so each account has an entry of its own, what all of them accept
 * is counted, and a report that changes nothing here costs two comparisons.
 *
 * A token is looked up by its HMAC under a key of this process. How long that takes depends on the
 * hash alone, of which nobody outside can say what it will be.
 */

#include "sip/sources.h"

#include <gnutls/crypto.h>
#include <netinet/in.h>
#include <string.h>

#include "sip/token.h"

#define MAX_USER 256
#define DIGEST_SIZE 32

struct _DflSources
{
  DflSwitchboard *switchboard;
  GHashTable *entries;  /* DflAccount -> Entry */
  GHashTable *tokens;   /* digest of an Entry -> Entry */
  GHashTable *flows;    /* port of a relay -> Entry */
  DflPrefixes *all;     /* what any entry accepts */
  DflPrefixes *servers; /* that requests of ours go to */
  DflPrefixes *former;  /* what any accepted since the first of the holds */
  guint holds;
  DflSourcesRelayFunc relay;
  gpointer relay_data;
  guint8 key[DIGEST_SIZE];
};

/* What one account accepts. */
typedef struct
{
  DflAccount *account;
  char **accept_from; /* as in the settings that prefixes were made of, or NULL */
  GArray *prefixes;   /* of DflPrefix */
  GArray *servers;    /* of DflPrefix: whole addresses; empty without a token, or with a flow */
  gboolean has_token;
  guint8 digest[DIGEST_SIZE]; /* of the token */
  guint16 flow_port;
} Entry;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_strfreev (entry->accept_from);
  g_array_unref (entry->prefixes);
  g_array_unref (entry->servers);
  g_object_unref (entry->account);
  g_free (entry);
}

static Entry *
ensure_entry (DflSources *self, DflAccount *account)
{
  Entry *entry = g_hash_table_lookup (self->entries, account);

  if (entry != NULL)
    return entry;
  entry = g_new0 (Entry, 1);
  entry->account = g_object_ref (account);
  entry->prefixes = g_array_new (FALSE, TRUE, sizeof (DflPrefix));
  entry->servers = g_array_new (FALSE, TRUE, sizeof (DflPrefix));
  g_hash_table_insert (self->entries, account, entry);
  return entry;
}

/* Puts new prefixes in the place of those of an entry. */
static void
replace_prefixes (DflSources *self, GArray **place, GArray *new)
{
  for (guint i = 0; i < new->len; i++)
    dfl_prefixes_add (self->all, &g_array_index (new, DflPrefix, i));
  for (guint i = 0; i < (*place)->len; i++)
    {
      const DflPrefix *prefix = &g_array_index (*place, DflPrefix, i);

      if (dfl_prefixes_remove (self->all, prefix) && self->holds > 0)
        dfl_prefixes_add (self->former, prefix);
    }
  g_array_unref (*place);
  *place = new;
}

static gboolean
same_texts (char **a, char **b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return g_strv_equal ((const char *const *)a, (const char *const *)b);
}

static void
set_accept_from (DflSources *self, Entry *entry, char **texts)
{
  GArray *prefixes;

  if (same_texts (entry->accept_from, texts))
    return;
  prefixes = g_array_new (FALSE, TRUE, sizeof (DflPrefix));
  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      DflPrefix prefix;

      /* The settings have checked it, so that a failure is none of ours. */
      if (dfl_prefix_parse (texts[i], &prefix))
        g_array_append_val (prefixes, prefix);
    }
  replace_prefixes (self, &entry->prefixes, prefixes);
  g_strfreev (entry->accept_from);
  entry->accept_from = g_strdupv (texts);
}

/* Whether an account takes calls by its token. */
static gboolean
takes_tokens (DflAccount *account)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);

  return settings->registers && settings->enabled && settings->problem == NULL;
}

static void
remove_entry (DflSources *self, Entry *entry)
{
  set_accept_from (self, entry, NULL);
  g_hash_table_remove (self->entries, entry->account);
}

static void
drop_token (DflSources *self, Entry *entry)
{
  if (entry->has_token)
    g_hash_table_remove (self->tokens, entry->digest);
  if (entry->flow_port != 0
      && g_hash_table_lookup (self->flows, GUINT_TO_POINTER (entry->flow_port)) == entry)
    g_hash_table_remove (self->flows, GUINT_TO_POINTER (entry->flow_port));
  entry->has_token = FALSE;
  entry->flow_port = 0;
}

static void
clear_registration (DflSources *self, Entry *entry)
{
  drop_token (self, entry);
  replace_prefixes (self, &entry->servers, g_array_new (FALSE, TRUE, sizeof (DflPrefix)));
}

/* An account came, or says something else than before. */
static void
on_account_changed (DflSources *self, DflAccount *account)
{
  gboolean direct = dfl_account_get_state (account) == DFL_ACCOUNT_STATE_DIRECT;
  Entry *entry = direct ? ensure_entry (self, account)
                        : g_hash_table_lookup (self->entries, account);

  if (entry == NULL)
    return;
  if (direct || (entry->has_token && takes_tokens (account)))
    set_accept_from (self, entry, dfl_account_get_settings (account)->accept_from);
  else
    set_accept_from (self, entry, NULL);
  if (!direct && !entry->has_token)
    remove_entry (self, entry);
}

static void
on_account_removed (DflSources *self, DflAccount *account)
{
  Entry *entry = g_hash_table_lookup (self->entries, account);

  if (entry == NULL)
    return;
  clear_registration (self, entry);
  remove_entry (self, entry);
}

/* --- Tokens --- */

static void
make_digest (DflSources *self, const char *token, guint8 digest[DIGEST_SIZE])
{
  if (gnutls_hmac_fast (GNUTLS_MAC_SHA256, self->key, sizeof self->key, token, strlen (token),
                        digest)
      < 0)
    g_error ("GnuTLS has no HMAC-SHA-256");
}

static guint
hash_digest (gconstpointer key)
{
  guint hash;

  memcpy (&hash, key, sizeof hash);
  return hash;
}

static gboolean
equal_digests (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, DIGEST_SIZE) == 0;
}

static gboolean
same_prefixes (const GArray *a, const GArray *b)
{
  for (guint i = 0; a->len == b->len && i < a->len; i++)
    if (memcmp (&g_array_index (a, DflPrefix, i), &g_array_index (b, DflPrefix, i),
                sizeof (DflPrefix))
        != 0)
      return FALSE;
  return a->len == b->len;
}

static GArray *
read_servers (GPtrArray *servers)
{
  GArray *prefixes = g_array_new (FALSE, TRUE, sizeof (DflPrefix));

  for (guint i = 0; servers != NULL && i < servers->len; i++)
    {
      DflPrefix prefix;

      dfl_prefix_from_address (g_ptr_array_index (servers, i), &prefix);
      g_array_append_val (prefixes, prefix);
    }
  return prefixes;
}

void
dfl_sources_set_registration (
    DflSources *self, DflAccount *account, const char *token, GPtrArray *servers, guint16 flow_port)
{
  Entry *entry = token != NULL ? ensure_entry (self, account)
                               : g_hash_table_lookup (self->entries, account);
  GArray *addresses;

  if (entry == NULL)
    return;
  if (token == NULL)
    {
      clear_registration (self, entry);
      on_account_changed (self, account);
      return;
    }

  drop_token (self, entry);
  make_digest (self, token, entry->digest);
  entry->has_token = TRUE;
  g_hash_table_replace (self->tokens, entry->digest, entry);
  entry->flow_port = flow_port;
  if (flow_port != 0)
    g_hash_table_replace (self->flows, GUINT_TO_POINTER (flow_port), entry);

  /* A datagram only says that it comes from a server; a connection to it does. */
  addresses = read_servers (flow_port == 0 ? servers : NULL);
  if (same_prefixes (entry->servers, addresses))
    g_array_unref (addresses);
  else
    replace_prefixes (self, &entry->servers, addresses);
  on_account_changed (self, account);
}

void
dfl_sources_replace_servers (DflSources *self, GPtrArray *old, GPtrArray *new)
{
  DflPrefix prefix;

  for (guint i = 0; new != NULL &&i < new->len; i++)
    {
      dfl_prefix_from_address (g_ptr_array_index (new, i), &prefix);
      dfl_prefixes_add (self->servers, &prefix);
    }
  for (guint i = 0; old != NULL && i < old->len; i++)
    {
      dfl_prefix_from_address (g_ptr_array_index (old, i), &prefix);
      dfl_prefixes_remove (self->servers, &prefix);
    }
}

/* --- What is asked --- */

/* The entry whose flow has its relay there. */
static Entry *
find_flow (DflSources *self, const DflSource *source)
{
  const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)source->address;

  if (!source->stream || address->sin_family != AF_INET
      || address->sin_addr.s_addr != htonl (INADDR_LOOPBACK))
    return NULL;
  return g_hash_table_lookup (self->flows, GUINT_TO_POINTER (ntohs (address->sin_port)));
}

gboolean
dfl_sources_is_relay (DflSources *self, const DflSource *source)
{
  return find_flow (self, source) != NULL
         || (source->stream && self->relay != NULL
             && self->relay (source->address, self->relay_data));
}

void
dfl_sources_set_relays (DflSources *self, DflSourcesRelayFunc func, gpointer data)
{
  self->relay = func;
  self->relay_data = data;
}

gboolean
dfl_sources_answer (DflSources *self, const DflSource *source)
{
  guint8 bytes[16];

  if (source->stream)
    return dfl_sources_is_relay (self, source);
  return dfl_source_to_bytes (source->address, bytes) && dfl_prefixes_cover (self->servers, bytes);
}

gboolean
dfl_sources_allow (DflSources *self, const DflSource *source)
{
  guint8 bytes[16];

  if (dfl_sources_is_relay (self, source))
    return find_flow (self, source) != NULL;
  return dfl_source_to_bytes (source->address, bytes) && dfl_prefixes_cover (self->all, bytes);
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

static gboolean
any_covers (const GArray *prefixes, const guint8 bytes[16])
{
  for (guint i = 0; i < prefixes->len; i++)
    if (dfl_prefix_covers (&g_array_index (prefixes, DflPrefix, i), bytes))
      return TRUE;
  return FALSE;
}

/* The account that has this token, if what comes from there is for it. */
static DflAccount *
find_registered (DflSources *self, const char *user, const DflSource *source)
{
  guint8 digest[DIGEST_SIZE], bytes[16];
  const Entry *entry;
  gboolean good;

  if (strlen (user) != DFL_TOKEN_LENGTH)
    return NULL;
  make_digest (self, user, digest);
  entry = g_hash_table_lookup (self->tokens, digest);
  if (entry == NULL || !takes_tokens (entry->account))
    return NULL;
  if (dfl_sources_is_relay (self, source))
    good = find_flow (self, source) == entry;
  else
    good = dfl_source_to_bytes (source->address, bytes)
           && (any_covers (entry->servers, bytes) || any_covers (entry->prefixes, bytes));
  return good ? entry->account : NULL;
}

static DflAccount *
find_direct (DflSources *self, const char *user, const DflSource *source)
{
  DflAccount *account = dfl_switchboard_find_direct (self->switchboard, user);
  const Entry *entry = account != NULL ? g_hash_table_lookup (self->entries, account) : NULL;
  guint8 bytes[16];

  return entry != NULL && !dfl_sources_is_relay (self, source)
                 && dfl_source_to_bytes (source->address, bytes)
                 && any_covers (entry->prefixes, bytes)
             ? account
             : NULL;
}

DflAccount *
dfl_sources_find (DflSources *self, const char *user, const DflSource *source)
{
  char decoded[MAX_USER];
  DflAccount *account;

  if (user == NULL || !decode_user (user, decoded))
    return NULL;
  account = find_registered (self, decoded, source);
  return account != NULL ? account : find_direct (self, decoded, source);
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
    dfl_prefixes_clear (self->former);
}

gboolean
dfl_sources_remember (DflSources *self, const DflSource *source)
{
  guint8 bytes[16];

  return dfl_sources_is_relay (self, source)
         || (dfl_source_to_bytes (source->address, bytes)
             && (dfl_prefixes_cover (self->all, bytes)
                 || dfl_prefixes_cover (self->former, bytes)));
}

DflSources *
dfl_sources_new (DflSwitchboard *switchboard)
{
  DflSources *self = g_new0 (DflSources, 1);
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (switchboard);

  self->switchboard = g_object_ref (switchboard);
  self->entries = g_hash_table_new_full (NULL, NULL, NULL, entry_free);
  self->tokens = g_hash_table_new (hash_digest, equal_digests);
  self->flows = g_hash_table_new (NULL, NULL);
  self->all = dfl_prefixes_new ();
  self->former = dfl_prefixes_new ();
  self->servers = dfl_prefixes_new ();
  if (gnutls_rnd (GNUTLS_RND_KEY, self->key, sizeof self->key) < 0)
    g_error ("GnuTLS has no random numbers");
  g_signal_connect_swapped (switchboard, "account-added", G_CALLBACK (on_account_changed), self);
  g_signal_connect_swapped (switchboard, "account-changed", G_CALLBACK (on_account_changed), self);
  g_signal_connect_swapped (switchboard, "account-removed", G_CALLBACK (on_account_removed), self);
  for (guint i = 0; i < accounts->len; i++)
    on_account_changed (self, g_ptr_array_index (accounts, i));
  return self;
}

void
dfl_sources_free (DflSources *self)
{
  g_signal_handlers_disconnect_by_data (self->switchboard, self);
  g_hash_table_unref (self->tokens);
  g_hash_table_unref (self->flows);
  g_hash_table_unref (self->entries);
  dfl_prefixes_free (self->all);
  dfl_prefixes_free (self->former);
  dfl_prefixes_free (self->servers);
  g_object_unref (self->switchboard);
  g_free (self);
}
