/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/challenge.h"

#include <string.h>

#define MAX_TEXT 1024
#define HASH_BLOCK 64 /* of MD5 and of SHA-256 */
#define MAX_HEX 64

static const struct
{
  const char *name;
  GChecksumType hash;
  gboolean session;
} algorithms[] = {
  { "MD5", G_CHECKSUM_MD5, FALSE },
  { "MD5-sess", G_CHECKSUM_MD5, TRUE },
  { "SHA-256", G_CHECKSUM_SHA256, FALSE },
  { "SHA-256-sess", G_CHECKSUM_SHA256, TRUE },
};

/* --- Reading --- */

/* What is quoted, without quotes and backslashes; text that is not quoted as it is. NULL where it
 * is too long, does not end where its quotes end, or could break out of a header line. */
static char *
unquote (const char *text)
{
  gboolean quoted = text[0] == '"';
  g_autoptr (GString) value = NULL;
  const char *at = quoted ? text + 1 : text;

  if (strnlen (text, MAX_TEXT + 1) > MAX_TEXT)
    return NULL;
  value = g_string_new (NULL);
  for (; *at != '\0' && !(quoted && *at == '"'); at++)
    {
      if (quoted && *at == '\\' && at[1] != '\0')
        at++;
      if (g_ascii_iscntrl (*at) || (!quoted && strchr ("\"\\", *at) != NULL))
        return NULL;
      g_string_append_c (value, *at);
    }
  if (quoted && (*at != '"' || at[1] != '\0'))
    return NULL;
  return g_string_free (g_steal_pointer (&value), FALSE);
}

static char *
quote (const char *value)
{
  GString *text = g_string_new ("\"");

  for (const char *at = value; *at != '\0'; at++)
    {
      if (*at == '"' || *at == '\\')
        g_string_append_c (text, '\\');
      if (!g_ascii_iscntrl (*at))
        g_string_append_c (text, *at);
    }
  g_string_append_c (text, '"');
  return g_string_free (text, FALSE);
}

/* With the quotes that it has, or with new ones. */
static char *
keep_quoted (const char *text)
{
  return text[0] == '"' ? g_strdup (text) : quote (text);
}

static gboolean
read_algorithm (DflChallenge *self, const char *value)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    if (g_ascii_strcasecmp (value, algorithms[i].name) == 0)
      {
        g_free (self->algorithm);
        self->algorithm = g_strdup (value);
        self->hash = algorithms[i].hash;
        self->session = algorithms[i].session;
        return TRUE;
      }
  return FALSE;
}

/* auth is enough: who can change a request on its way can do so with the server's answer, too. */
static gboolean
read_qop (DflChallenge *self, const char *value)
{
  g_auto (GStrv) names = g_strsplit_set (value, ", \t", -1);
  gboolean any = FALSE;

  for (guint i = 0; names[i] != NULL; i++)
    {
      any = any || names[i][0] != '\0';
      if (g_ascii_strcasecmp (names[i], "auth") == 0)
        self->qop = DFL_QOP_AUTH;
      else if (g_ascii_strcasecmp (names[i], "auth-int") == 0 && self->qop == DFL_QOP_NONE)
        self->qop = DFL_QOP_AUTH_INT;
    }
  return !any || self->qop != DFL_QOP_NONE;
}

static void
replace (char **place, char *value)
{
  g_free (*place);
  *place = value;
}

/* FALSE where it makes the challenge one that we cannot answer. */
static gboolean
read_parameter (DflChallenge *self, const char *parameter)
{
  gsize length = strcspn (parameter, "=");
  g_autofree char *name = g_strstrip (g_strndup (parameter, MIN (length, 16)));
  const char *text = parameter[length] == '=' ? parameter + length + 1 : "";
  g_autofree char *value = NULL;
  static const char *const known[] = {
    "realm", "nonce", "opaque", "algorithm", "qop", "stale", NULL
  };

  text += strspn (text, " \t");
  for (char *at = name; *at != '\0'; at++)
    *at = g_ascii_tolower (*at);
  if (!g_strv_contains (known, name))
    return TRUE;
  value = unquote (text);
  if (value == NULL)
    return FALSE;
  if (g_str_equal (name, "algorithm"))
    return read_algorithm (self, value);
  if (g_str_equal (name, "qop"))
    return read_qop (self, value);
  if (g_str_equal (name, "stale"))
    self->stale = g_ascii_strcasecmp (value, "true") == 0;
  else if (g_str_equal (name, "opaque"))
    replace (&self->quoted_opaque, keep_quoted (text));
  else if (g_str_equal (name, "realm"))
    {
      replace (&self->quoted_realm, keep_quoted (text));
      replace (&self->realm, g_steal_pointer (&value));
    }
  else
    {
      replace (&self->quoted_nonce, keep_quoted (text));
      replace (&self->nonce, g_steal_pointer (&value));
    }
  return TRUE;
}

static DflChallenge *
new_challenge (gboolean proxy)
{
  DflChallenge *self = g_new0 (DflChallenge, 1);

  self->proxy = proxy;
  self->hash = G_CHECKSUM_MD5;
  return self;
}

/* Keeps it where it is whole. */
static void
finish (DflChallenge *self, gboolean good, GPtrArray *challenges)
{
  if (good && self->realm != NULL && self->nonce != NULL)
    g_ptr_array_add (challenges, self);
  else
    dfl_challenge_free (self);
}

/* Behind the scheme with which a parameter begins that is the first of another challenge, which
 * HTTP would allow in one line; the parameter itself where it does not. */
static const char *
skip_scheme (const char *parameter)
{
  gsize length = strcspn (parameter, " \t=\"");
  const char *rest = parameter + length + strspn (parameter + length, " \t");

  return length > 0 && rest > parameter + length && *rest != '=' ? rest : parameter;
}

static gboolean
is_digest (const char *scheme)
{
  return g_ascii_strncasecmp (scheme, "Digest", 6) == 0 && strchr (" \t", scheme[6]) != NULL;
}

static void
read_header (const msg_auth_t *header, gboolean proxy, GPtrArray *challenges)
{
  DflChallenge *challenge = new_challenge (proxy);
  gboolean good = header->au_scheme != NULL && is_digest (header->au_scheme);

  for (guint i = 0; header->au_params != NULL && header->au_params[i] != NULL; i++)
    {
      const char *parameter = header->au_params[i];
      const char *rest = skip_scheme (parameter);

      if (rest != parameter)
        {
          finish (challenge, good, challenges);
          challenge = new_challenge (proxy);
          good = is_digest (parameter);
        }
      good = good && read_parameter (challenge, rest);
    }
  finish (challenge, good, challenges);
}

void
dfl_challenge_read (const msg_auth_t *headers, gboolean proxy, GPtrArray *challenges)
{
  for (const msg_auth_t *header = headers; header != NULL; header = header->au_next)
    read_header (header, proxy, challenges);
}

void
dfl_challenge_free (DflChallenge *self)
{
  g_free (self->realm);
  g_free (self->quoted_realm);
  g_free (self->nonce);
  g_free (self->quoted_nonce);
  g_free (self->quoted_opaque);
  g_free (self->algorithm);
  g_free (self);
}

/* --- Answering --- */

/* The hash, in hexadecimal digits, of texts joined by colons; leaves nothing of them in the memory
 * that a GChecksum gives back without looking. */
static void
hash_joined (GChecksumType type, const char *const *texts, char hex[MAX_HEX + 1])
{
  static const guchar zeros[HASH_BLOCK];
  g_autoptr (GChecksum) checksum = g_checksum_new (type);
  char *digits;

  for (guint i = 0; texts[i] != NULL; i++)
    {
      if (i > 0)
        g_checksum_update (checksum, (const guchar *)":", 1);
      g_checksum_update (checksum, (const guchar *)texts[i], -1);
    }
  digits = (char *)g_checksum_get_string (checksum);
  g_strlcpy (hex, digits, MAX_HEX + 1);
  explicit_bzero (digits, strlen (digits));
  g_checksum_reset (checksum);
  g_checksum_update (checksum, zeros, sizeof zeros);
}

#define hash(type, hex, ...) hash_joined ((type), (const char *const[]){ __VA_ARGS__, NULL }, (hex))

static void
make_response (const DflChallenge *self,
               const DflCredentials *with,
               const char *count,
               char response[MAX_HEX + 1])
{
  char secret[MAX_HEX + 1], request[MAX_HEX + 1];

  hash (self->hash, secret, with->username, self->realm, with->password);
  if (self->session)
    {
      char first[MAX_HEX + 1];

      memcpy (first, secret, sizeof first);
      hash (self->hash, secret, first, self->nonce, with->cnonce);
      explicit_bzero (first, sizeof first);
    }
  if (self->qop == DFL_QOP_AUTH_INT)
    {
      g_autofree char *body = g_compute_checksum_for_data (self->hash, (const guchar *)with->body,
                                                           with->body != NULL ? with->body_length
                                                                              : 0);

      hash (self->hash, request, with->method, with->uri, body);
    }
  else
    hash (self->hash, request, with->method, with->uri);
  if (self->qop == DFL_QOP_NONE)
    hash (self->hash, response, secret, self->nonce, request);
  else
    hash (self->hash, response, secret, self->nonce, count, with->cnonce,
          self->qop == DFL_QOP_AUTH ? "auth" : "auth-int", request);
  explicit_bzero (secret, sizeof secret);
}

char *
dfl_challenge_answer (const DflChallenge *self, const DflCredentials *credentials)
{
  GString *text = g_string_new ("Digest ");
  g_autofree char *username = quote (credentials->username);
  g_autofree char *uri = quote (credentials->uri);
  char count[9], response[MAX_HEX + 1];

  g_snprintf (count, sizeof count, "%08x", credentials->count);
  make_response (self, credentials, count, response);
  g_string_append_printf (text, "username=%s, realm=%s, nonce=%s, uri=%s, response=\"%s\"",
                          username, self->quoted_realm, self->quoted_nonce, uri, response);
  if (self->algorithm != NULL)
    g_string_append_printf (text, ", algorithm=%s", self->algorithm);
  if (self->qop != DFL_QOP_NONE || self->session)
    g_string_append_printf (text, ", cnonce=\"%s\"", credentials->cnonce);
  if (self->qop != DFL_QOP_NONE)
    g_string_append_printf (text, ", qop=%s, nc=%s",
                            self->qop == DFL_QOP_AUTH ? "auth" : "auth-int", count);
  if (self->quoted_opaque != NULL)
    g_string_append_printf (text, ", opaque=%s", self->quoted_opaque);
  return g_string_free (text, FALSE);
}
