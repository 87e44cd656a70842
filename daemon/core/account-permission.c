/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/account.h"

#include <arpa/inet.h>
#include <string.h>

/*
 * What a user may have the daemon do for an own account is what the user could do without it:
 * register an own address at a server somewhere. The daemon must not lend what it has beyond that:
 * a user part that calls from the network are taken for, the eyes of other users, the offers that
 * all share, and its place on this machine and its links, from where servers may believe it more
 * than the network.
 */

/* --- Addresses that mean this machine or its links --- */

static gboolean
is_local_ipv4 (const guint8 bytes[4])
{
  static const guint8 broadcast[4] = { 255, 255, 255, 255 };

  return bytes[0] == 0 || bytes[0] == 127 || (bytes[0] == 169 && bytes[1] == 254)
         || (bytes[0] & 0xF0) == 0xE0 || memcmp (bytes, broadcast, 4) == 0;
}

/* The forms of an IPv6 address that carry an IPv4 one, and may reach it. */
static const struct
{
  guint8 prefix[12];
  guint length; /* in bytes; the IPv4 address follows */
} carriers[] = {
  { { 0 }, 12 },                        /* ::a.b.c.d, and with it :: and ::1 */
  { { [10] = 0xFF, [11] = 0xFF }, 12 }, /* ::ffff:a.b.c.d */
  { { [8] = 0xFF, [9] = 0xFF }, 12 },   /* ::ffff:0:a.b.c.d, RFC 2765 */
  { { 0x00, 0x64, 0xFF, 0x9B }, 12 },   /* 64:ff9b::/96, RFC 6052 */
  { { 0x20, 0x02 }, 2 },                /* 2002::/16, RFC 3056 */
};

/*
 * 64:ff9b:1::/48 is for the translators of a network (RFC 8215), which put the IPv4 address behind
 * a prefix of 48, 56, 64 or 96 bits, around the ninth byte, and zeros behind it (RFC 6052 section
 * 2.2). Which of them, only they know: whatever may be one counts.
 */
static gboolean
is_translated_local_ipv4 (const guint8 bytes[16])
{
  static const guint8 prefix[] = { 0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01 };
  static const guint8 zeros[16];

  if (memcmp (bytes, prefix, sizeof prefix) != 0)
    return FALSE;
  for (guint at = 6; at <= 8; at++)
    {
      guint8 ipv4[4];

      for (guint i = 0; i < 4; i++)
        ipv4[i] = bytes[at + i + (at + i >= 8 ? 1 : 0)];
      if (memcmp (bytes + at + 5, zeros, 11 - at) == 0 && is_local_ipv4 (ipv4))
        return TRUE;
    }
  /* Zeros there are behind one of the shorter prefixes. */
  return memcmp (bytes + 12, zeros, 4) != 0 && is_local_ipv4 (bytes + 12);
}

static gboolean
is_local_ipv6 (const guint8 bytes[16])
{
  if (bytes[0] == 0xFF || (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80))
    return TRUE;

  for (gsize i = 0; i < G_N_ELEMENTS (carriers); i++)
    if (memcmp (bytes, carriers[i].prefix, carriers[i].length) == 0
        && is_local_ipv4 (bytes + carriers[i].length))
      return TRUE;

  return is_translated_local_ipv4 (bytes);
}

/* The names that the usual /etc/hosts gives to loopback addresses, and what RFC 6761 reserves. */
static gboolean
is_local_name (const char *host)
{
  static const char *const names[] = { "localhost",
                                       "localhost4",
                                       "localhost6",
                                       "localhost.localdomain",
                                       "localhost4.localdomain4",
                                       "localhost6.localdomain6",
                                       "ip6-localhost",
                                       "ip6-loopback",
                                       NULL };

  return g_strv_contains (names, host) || g_str_has_suffix (host, ".localhost");
}

/* HOST of HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT, in lower case, without zone and final dots.
 * Two colons without brackets are an IPv6 address. */
static char *
take_host (const char *text)
{
  const char *colon = strchr (text, ':');
  const char *end = text + strlen (text);
  char *host;

  if (*text == '[')
    {
      text++;
      end = text + strcspn (text, "]");
    }
  else if (colon != NULL && strchr (colon + 1, ':') == NULL)
    end = colon;

  host = g_ascii_strdown (text, end - text);
  if (strchr (host, ':') != NULL)
    host[strcspn (host, "%")] = '\0';
  for (gsize length = strlen (host); length > 0 && host[length - 1] == '.'; length--)
    host[length - 1] = '\0';

  return host;
}

/* Whether the server is one that only this machine or its links have. What a name resolves to is
 * not asked here: it changes, and who connects must look at it then. */
static gboolean
is_local_server (const char *server)
{
  g_autofree char *host = take_host (server);
  struct in6_addr ipv6;
  struct in_addr ipv4;

  if (inet_pton (AF_INET6, host, &ipv6) == 1)
    return is_local_ipv6 (ipv6.s6_addr);
  /* All that the resolver takes for an IPv4 address: "127.1", "0x7f.0.0.1", "2130706433". */
  if (inet_aton (host, &ipv4) != 0)
    return is_local_ipv4 ((const guint8 *)&ipv4.s_addr);

  /* What is no host name is not known to be another machine's. */
  return *host == '\0' || host[strspn (host, "abcdefghijklmnopqrstuvwxyz0123456789.-_")] != '\0'
         || is_local_name (host);
}

/* --- The rule --- */

static const char *
get_registrar (const DflAccountSettings *settings)
{
  return *settings->registrar != '\0' ? settings->registrar : settings->domain;
}

static const char *
get_next_hop (const DflAccountSettings *settings)
{
  return *settings->outbound_proxy != '\0' ? settings->outbound_proxy : get_registrar (settings);
}

static gboolean
equal_lists (char **a, char **b)
{
  return g_strv_equal ((const char *const *)a, (const char *const *)b);
}

static gboolean
belongs_to (const DflAccountSettings *settings, const char *user)
{
  return g_strcmp0 (settings->users[0], user) == 0 && user != NULL && settings->users[1] == NULL
         && !g_str_equal (user, "*");
}

/* Where calls to its user part come from, and what is believed of what they say. */
static gboolean
changes_sources (const DflAccountSettings *before, const DflAccountSettings *after)
{
  if (before == NULL)
    return !after->registers || after->accept_from[0] != NULL;

  return before->registers != after->registers
         || !equal_lists (before->accept_from, after->accept_from)
         || (!after->registers && g_strcmp0 (before->address, after->address) != 0)
         || (after->accept_from[0] != NULL && after->trusted && !before->trusted);
}

/* To which server, and how. */
static gboolean
changes_way (const DflAccountSettings *before, const DflAccountSettings *after)
{
  return before == NULL || g_strcmp0 (before->domain, after->domain) != 0
         || g_strcmp0 (before->registrar, after->registrar) != 0
         || g_strcmp0 (before->outbound_proxy, after->outbound_proxy) != 0
         || before->transport != after->transport;
}

/* As whom. */
static gboolean
changes_identity (const DflAccountSettings *before, const DflAccountSettings *after)
{
  return before == NULL || g_strcmp0 (before->address, after->address) != 0
         || g_strcmp0 (before->username, after->username) != 0;
}

static gboolean
uses_local_server (const DflAccountSettings *settings)
{
  return is_local_server (get_registrar (settings))
         || (*settings->outbound_proxy != '\0' && is_local_server (settings->outbound_proxy));
}

/*
 * What an administrator allowed was one account at one server, and one server without verification
 * of its certificate: not whatever else could be said to a local one, nor to another one so.
 */
static gboolean
changes_at_server (const DflAccountSettings *before, const DflAccountSettings *after)
{
  if (uses_local_server (after)
      && (changes_way (before, after) || changes_identity (before, after)))
    return TRUE;

  return !after->tls_verify && (changes_way (before, after) || before->tls_verify);
}

/* One user's calls must not take the place of the others'. */
static gboolean
takes_more_offers (const DflAccountSettings *before, const DflAccountSettings *after)
{
  return after->max_offers > DFL_ACCOUNT_MAX_OFFERS
         && (before == NULL || after->max_offers > before->max_offers);
}

gboolean
dfl_account_settings_need_administrator (const DflAccountSettings *before,
                                         const DflAccountSettings *after,
                                         const char *caller)
{
  if (before != NULL ? !equal_lists (before->users, after->users) : !belongs_to (after, caller))
    return TRUE;

  /* Nobody can say what an account was that could not be read. */
  if (before != NULL && before->problem != NULL)
    before = NULL;

  return changes_sources (before, after) || changes_at_server (before, after)
         || takes_more_offers (before, after);
}

gboolean
dfl_account_settings_allow_address (const DflAccountSettings *self,
                                    const guint8 *bytes,
                                    gsize length)
{
  g_return_val_if_fail (length == 4 || length == 16, FALSE);

  return self->creator == NULL || is_local_server (get_next_hop (self))
         || !(length == 4 ? is_local_ipv4 (bytes) : is_local_ipv6 (bytes));
}
