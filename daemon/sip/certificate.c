/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/certificate.h"

#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define MOST_NAMES 256 /* that are looked at */
#define MOST_SHOWN 3   /* names in a sentence */
#define LONGEST_NAME 253
#define LONGEST_TEXT 64 /* characters of anything else that a certificate says */

typedef struct gnutls_x509_crt_int Parsed;

static void
parsed_free (Parsed *parsed)
{
  gnutls_x509_crt_deinit (parsed);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Parsed, parsed_free)

static Parsed *
parse (GTlsCertificate *certificate)
{
  g_autoptr (GByteArray) der = NULL;
  gnutls_x509_crt_t parsed;
  gnutls_datum_t datum;

  g_object_get (certificate, "certificate", &der, NULL);
  if (der == NULL || gnutls_x509_crt_init (&parsed) < 0)
    return NULL;
  datum = (gnutls_datum_t){ .data = der->data, .size = der->len };
  if (gnutls_x509_crt_import (parsed, &datum, GNUTLS_X509_FMT_DER) == 0)
    return parsed;
  gnutls_x509_crt_deinit (parsed);
  return NULL;
}

static GTlsCertificate *
new_of_der (const gnutls_datum_t *datum, GTlsCertificate *issuer)
{
  g_autoptr (GByteArray) der = g_byte_array_append (g_byte_array_new (), datum->data, datum->size);
  GType type = g_tls_backend_get_certificate_type (g_tls_backend_get_default ());

  return g_initable_new (type, NULL, NULL, "certificate", der, "issuer", issuer, NULL);
}

GTlsCertificate *
dfl_certificate_new_chain (const gnutls_datum_t *list, guint length)
{
  g_autoptr (GTlsCertificate) last = NULL;

  for (guint i = length; i > 0; i--)
    {
      g_autoptr (GTlsCertificate) issuer = g_steal_pointer (&last);

      last = new_of_der (&list[i - 1], issuer);
      if (last == NULL)
        return NULL;
    }
  return g_steal_pointer (&last);
}

/* --- Names --- */

/* A name as it may stand in a URI or the DNS, "*" as a first label included; no address. */
static gboolean
is_name (const char *text, gsize length)
{
  if (length == 0 || length > LONGEST_NAME)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (text[i]) && strchr ("-._*", text[i]) == NULL)
      return FALSE;
  return memchr (text, '\0', length) == NULL;
}

static void
add_name (GPtrArray *names, const char *text, gsize length)
{
  g_autofree char *name = NULL;

  if (!is_name (text, length))
    return;
  name = g_ascii_strdown (text, (gssize)length);
  if (!g_hostname_is_ip_address (name))
    g_ptr_array_add (names, g_steal_pointer (&name));
}

static void
add_address (GPtrArray *names, const guint8 *bytes, gsize length)
{
  g_autoptr (GInetAddress) address = NULL;

  if (length != 4 && length != 16)
    return;
  address = g_inet_address_new_from_bytes (bytes, length == 4 ? G_SOCKET_FAMILY_IPV4
                                                              : G_SOCKET_FAMILY_IPV6);
  g_ptr_array_add (names, g_inet_address_to_string (address));
}

/* The text of an address, with or without brackets, as GLib writes it; NULL where it is none. */
static char *
dup_address (const char *text, gsize length)
{
  g_autofree char *plain = length >= 2 && text[0] == '[' && text[length - 1] == ']'
                               ? g_strndup (text + 1, length - 2)
                               : g_strndup (text, length);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (plain);

  return address != NULL ? g_inet_address_to_string (address) : NULL;
}

static void
add_name_or_address (GPtrArray *names, const char *text, gsize length)
{
  char *address = dup_address (text, length);

  if (address != NULL)
    g_ptr_array_add (names, address);
  else
    add_name (names, text, length);
}

/* "sip:example.org", with a port or parameters; not "sip:alice@example.org". */
static void
add_uri (GPtrArray *domains, const char *text, gsize length)
{
  const char *host = text + strlen ("sip:");
  gsize rest;

  if (length <= strlen ("sip:") || g_ascii_strncasecmp (text, "sip:", strlen ("sip:")) != 0
      || memchr (text, '@', length) != NULL || memchr (text, '\0', length) != NULL)
    return;
  rest = length - strlen ("sip:");
  if (host[0] == '[')
    {
      const char *end = memchr (host, ']', rest);

      if (end != NULL)
        add_name_or_address (domains, host, (gsize)(end + 1 - host));
      return;
    }
  for (gsize i = 0; i < rest; i++)
    if (strchr (":;?", host[i]) != NULL)
      rest = i;
  add_name_or_address (domains, host, rest);
}

static void
add_common_name (GPtrArray *names, Parsed *parsed)
{
  char text[LONGEST_NAME + 1];
  size_t size = sizeof text;

  /* With several the certificate does not say which is the name. */
  if (gnutls_x509_crt_get_dn_by_oid (parsed, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size) != 0)
    return;
  add_name_or_address (names, text, size);
  size = 0;
  if (gnutls_x509_crt_get_dn_by_oid (parsed, GNUTLS_OID_X520_COMMON_NAME, 1, 0, NULL, &size)
      != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
    g_ptr_array_set_size (names, 0);
}

/* constrained: an authority has said what DNS names there may be. Only those, and addresses, have
 * been held against that. */
static GPtrArray *
names_of (Parsed *parsed, gboolean constrained)
{
  g_autoptr (GPtrArray) domains = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  gboolean any = FALSE;

  for (guint i = 0; i < MOST_NAMES; i++)
    {
      char text[1024];
      size_t size = sizeof text;
      unsigned type = 0;
      int result = gnutls_x509_crt_get_subject_alt_name2 (parsed, i, text, &size, &type, NULL);

      if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        break;
      any = TRUE;
      if (result < 0)
        continue;
      if (type == GNUTLS_SAN_URI && !constrained)
        add_uri (domains, text, size);
      else if (type == GNUTLS_SAN_DNSNAME)
        add_name (names, text, size);
      else if (type == GNUTLS_SAN_IPADDRESS)
        add_address (names, (const guint8 *)text, size);
    }
  if (!any && !constrained)
    add_common_name (names, parsed);
  return domains->len > 0 ? g_steal_pointer (&domains) : g_steal_pointer (&names);
}

GPtrArray *
dfl_certificate_get_names (GTlsCertificate *certificate)
{
  g_autoptr (Parsed) parsed = parse (certificate);

  return parsed != NULL ? names_of (parsed, FALSE) : g_ptr_array_new_with_free_func (g_free);
}

/* --- Identity --- */

static gboolean
name_matches (const char *name, const char *identity, gboolean wildcard)
{
  const char *parent;

  if (g_ascii_strcasecmp (name, identity) == 0)
    return strchr (name, '*') == NULL;
  if (!wildcard || !g_str_has_prefix (name, "*.") || strchr (name + 1, '*') != NULL
      || strchr (name + 2, '.') == NULL || g_hostname_is_ip_address (identity))
    return FALSE;
  parent = strchr (identity, '.');
  return parent != NULL && parent != identity && g_ascii_strcasecmp (parent, name + 1) == 0;
}

static gboolean
names_match (GPtrArray *names, const char *identity, gboolean wildcard)
{
  gsize length = strlen (identity);
  g_autofree char *canonical = dup_address (identity, length);

  if (canonical == NULL)
    canonical = g_strndup (identity, g_str_has_suffix (identity, ".") ? length - 1 : length);
  for (guint i = 0; i < names->len; i++)
    if (name_matches (g_ptr_array_index (names, i), canonical, wildcard))
      return TRUE;
  return FALSE;
}

gboolean
dfl_certificate_is_for (GTlsCertificate *certificate, const char *identity, gboolean wildcard)
{
  g_autoptr (GPtrArray) names = dfl_certificate_get_names (certificate);

  return names_match (names, identity, wildcard);
}

/* --- Words --- */

/* Text out of a certificate is written by whoever made it. */
static char *
clean (const char *text, gssize length)
{
  g_autofree char *valid = g_utf8_make_valid (text, length);
  GString *result = g_string_new (NULL);
  guint count = 0;

  for (const char *each = valid; *each != '\0'; each = g_utf8_next_char (each))
    {
      gunichar c = g_utf8_get_char (each);

      if (!g_unichar_isprint (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
        continue;
      if (count++ == LONGEST_TEXT)
        {
          g_string_append (result, "...");
          break;
        }
      g_string_append_unichar (result, c);
    }
  return g_string_free (result, FALSE);
}

static char *
dup_issuer (Parsed *parsed)
{
  gnutls_datum_t name = { 0 };
  char text[256];
  size_t size = sizeof text;
  char *result;

  if (gnutls_x509_crt_get_issuer_dn_by_oid (parsed, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size)
          == 0
      && size > 0)
    return clean (text, (gssize)size);
  if (gnutls_x509_crt_get_issuer_dn3 (parsed, &name, 0) < 0)
    return g_strdup ("?");
  result = clean ((const char *)name.data, name.size);
  gnutls_free (name.data);
  return result;
}

static char *
dup_day (time_t when)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (when);

  return date != NULL ? g_date_time_format (date, "%Y-%m-%d") : g_strdup ("a day out of reach");
}

/* Which of the chain is out of its time; the server's own, where it cannot be found. */
static char *
explain_dates (GTlsCertificate *certificate, gboolean expired)
{
  time_t now = g_get_real_time () / G_USEC_PER_SEC;

  for (GTlsCertificate *each = certificate; each != NULL;
       each = g_tls_certificate_get_issuer (each))
    {
      g_autoptr (Parsed) parsed = parse (each);
      time_t limit = parsed == NULL ? -1
                     : expired      ? gnutls_x509_crt_get_expiration_time (parsed)
                                    : gnutls_x509_crt_get_activation_time (parsed);
      g_autofree char *day = dup_day (limit);
      const char *whose = each == certificate
                              ? "the certificate of the server"
                              : "an authority that signed the certificate of the server";

      if (limit == (time_t)-1)
        continue;
      if (expired && limit < now)
        return g_strdup_printf ("%s has expired on %s", whose, day);
      if (!expired && limit > now)
        return g_strdup_printf ("%s is not valid before %s; see that the clock of this machine is "
                                "right",
                                whose, day);
    }
  return g_strdup (expired ? "an authority in tls-ca= has expired"
                           : "an authority in tls-ca= is not yet valid");
}

static char *
explain_problems (GTlsCertificate *certificate, Parsed *parsed, DflTrustProblems problems)
{
  g_autofree char *issuer = dup_issuer (parsed);

  if (problems & DFL_TRUST_FORGED)
    return g_strdup ("the certificate of the server has a wrong signature");
  if (problems & DFL_TRUST_EXPIRED)
    return explain_dates (certificate, TRUE);
  if (problems & DFL_TRUST_NOT_YET_VALID)
    return explain_dates (certificate, FALSE);
  if (problems & DFL_TRUST_SELF_SIGNED)
    return g_strdup ("the certificate of the server is signed by itself alone; if it is the right "
                     "one, name it in tls-ca=");
  if (problems & DFL_TRUST_UNKNOWN_AUTHORITY)
    return g_strdup_printf ("the certificate of the server is signed by an authority that this "
                            "machine does not trust (%s); name it in tls-ca=",
                            issuer);
  if (problems & DFL_TRUST_NO_AUTHORITY)
    return g_strdup_printf ("the certificate of the server is signed by one that may not sign "
                            "others (%s)",
                            issuer);
  if (problems & DFL_TRUST_WEAK)
    return g_strdup ("the certificate of the server, or one that signed it, uses a key or a hash "
                     "that is too weak");
  if (problems & DFL_TRUST_NO_SERVER)
    return g_strdup ("the certificate of the server may not be used by a server");
  if (problems & DFL_TRUST_NO_AUTHORITY_OF_SERVERS)
    return g_strdup ("the certificate of the server is signed by one that may not sign those of "
                     "servers");
  return g_strdup ("the certificate of the server breaks a rule of an authority that signed it");
}

static char *
explain_names (GPtrArray *names, const char *identity, gboolean wildcard)
{
  g_autoptr (GString) text = g_string_new ("the certificate of the server is for ");

  for (guint i = 0; i < MIN (names->len, MOST_SHOWN); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
                            (const char *)g_ptr_array_index (names, i));
  if (names->len == 0)
    g_string_append (text, "no name at all");
  else if (names->len > MOST_SHOWN)
    g_string_append_printf (text, " and %u more", names->len - MOST_SHOWN);
  g_string_append_printf (text, ", expected %s", identity);
  if (!wildcard && names_match (names, identity, TRUE))
    g_string_append (text, "; tls-wildcard=true takes it");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
dfl_certificate_explain (GTlsCertificate *certificate,
                         DflTrust *trust,
                         const char *identity,
                         gboolean wildcard)
{
  g_autoptr (Parsed) parsed = parse (certificate);
  g_autoptr (GPtrArray) names = NULL;
  DflTrustProblems problems;

  if (parsed == NULL)
    return g_strdup ("the certificate of the server cannot be read");
  problems = dfl_trust_verify (trust, certificate);
  if (problems != 0)
    return explain_problems (certificate, parsed, problems);
  names = names_of (parsed, dfl_trust_constrains_names (trust, certificate));
  return names_match (names, identity, wildcard) ? NULL : explain_names (names, identity, wildcard);
}
