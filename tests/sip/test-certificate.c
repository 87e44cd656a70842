/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names in certificates: RFC 5922 section 7. */

#include <gnutls/x509.h>
#include <string.h>

#include "sip/certificate.h"
#include "stage/certificates.h"

static GTlsCertificate *
make (const CertificateWish *wish)
{
  g_autoptr (Certificate) certificate = certificate_new (wish);
  g_autoptr (GError) error = NULL;
  GTlsCertificate *result = g_tls_certificate_new_from_pem (certificate_get_pem (certificate), -1,
                                                            &error);

  g_assert_no_error (error);
  return result;
}

static void
test_names (void)
{
  static const struct
  {
    CertificateWish wish;
    const char *names; /* with commas between */
  } table[] = {
    { { 0 }, "" },
    { { .common_name = "Example.ORG" }, "example.org" },
    { { .common_name = "192.0.2.1" }, "192.0.2.1" },
    { { .common_name = "My PBX" }, "" },
    { { .common_name = "cn.example", .dns = { "a.example", "B.example" } }, "a.example,b.example" },
    { { .dns = { "a.example" }, .address = "192.0.2.1" }, "a.example,192.0.2.1" },
    { { .address = "2001:db8::1" }, "2001:db8::1" },
    /* An address is no DNS name. */
    { { .dns = { "192.0.2.1" }, .common_name = "cn.example" }, "" },
    { { .dns = { "*.example.org", "a b", "x<y>" } }, "*.example.org" },
    /* Where a SIP domain is named DNS names do not count, and where another name stands the common
     * name does not. */
    { { .uris = { "sip:example.org" }, .dns = { "dns.example" } }, "example.org" },
    { { .uris = { "SIP:Example.org:5061;transport=tls", "sip:b.example?x=y" } },
      "example.org,b.example" },
    { { .uris = { "sip:[2001:db8::1]:5061" } }, "2001:db8::1" },
    { { .uris = { "sip:alice@example.org" }, .common_name = "cn.example" }, "" },
    { { .uris = { "sip:alice:secret@example.org" }, .common_name = "cn.example" }, "" },
    { { .uris = { "sip:alice@example.org" }, .dns = { "dns.example" } }, "dns.example" },
    { { .uris = { "sips:example.org", "https://example.org/", "sip:" } }, "" },
    { { .uris = { "sip:[2001:db8::1", "sip:%65xample.org", "urn:x" } }, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GTlsCertificate) certificate = make (&table[i].wish);
      g_autoptr (GPtrArray) names = dfl_certificate_get_names (certificate);
      g_autofree char *text = NULL;

      g_ptr_array_add (names, NULL);
      text = g_strjoinv (",", (char **)names->pdata);
      g_assert_cmpstr (text, ==, table[i].names);
    }
}

static void
test_is_for (void)
{
  static const struct
  {
    const char *name, *identity;
    gboolean exactly, by_wildcard;
  } table[] = {
    { "example.org", "example.org", TRUE, TRUE },
    { "example.org", "EXAMPLE.org", TRUE, TRUE },
    { "example.org", "example.org.", TRUE, TRUE },
    { "example.org", "sip.example.org", FALSE, FALSE },
    { "example.org", "example.or", FALSE, FALSE },
    { "example.org", "xample.org", FALSE, FALSE },
    { "example.org", "", FALSE, FALSE },
    { "*.example.org", "sip.example.org", FALSE, TRUE },
    { "*.example.org", "SIP.EXAMPLE.ORG", FALSE, TRUE },
    { "*.example.org", "example.org", FALSE, FALSE },
    { "*.example.org", "a.b.example.org", FALSE, FALSE },
    { "*.example.org", ".example.org", FALSE, FALSE },
    { "*.example.org", "*.example.org", FALSE, FALSE },
    { "*.org", "example.org", FALSE, FALSE },
    { "*", "example", FALSE, FALSE },
    { "s*.example.org", "sip.example.org", FALSE, FALSE },
    { "*.*.example.org", "a.b.example.org", FALSE, FALSE },
    { "*.0.2.1", "192.0.2.1", FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GTlsCertificate) certificate = make (
          &(CertificateWish){ .dns = { table[i].name } });

      g_assert_cmpint (dfl_certificate_is_for (certificate, table[i].identity, FALSE), ==,
                       table[i].exactly);
      g_assert_cmpint (dfl_certificate_is_for (certificate, table[i].identity, TRUE), ==,
                       table[i].by_wildcard);
    }
}

static void
test_addresses (void)
{
  g_autoptr (GTlsCertificate) four = make (&(CertificateWish){ .address = "192.0.2.1" });
  g_autoptr (GTlsCertificate) six = make (&(CertificateWish){ .address = "2001:db8::1" });
  g_autoptr (GTlsCertificate) name = make (&(CertificateWish){ .dns = { "192.0.2.1" } });

  g_assert_true (dfl_certificate_is_for (four, "192.0.2.1", FALSE));
  g_assert_false (dfl_certificate_is_for (four, "192.0.2.2", FALSE));
  g_assert_true (dfl_certificate_is_for (six, "[2001:db8::1]", FALSE));
  g_assert_true (dfl_certificate_is_for (six, "2001:DB8:0::0:1", FALSE));
  g_assert_false (dfl_certificate_is_for (six, "[2001:db8::2]", FALSE));
  g_assert_false (dfl_certificate_is_for (name, "192.0.2.1", FALSE));
}

/* Nobody uses a key of theirs. */
static void
test_large (void)
{
  g_autoptr (Certificate) authority = certificate_new (
      &(CertificateWish){ .common_name = "Authority", .authority = TRUE });
  g_autoptr (DflTrust) trust = dfl_trust_new (certificate_get_pem (authority), NULL);
  const struct
  {
    guint modulus_bytes, exponent_bytes;
    const char *reason;
  } table[] = {
    { 1024, 8, "the certificate of the server is for no name at all, expected example.org" },
    { 1025, 3, "the certificate of the server breaks a rule of an authority that signed it" },
    { 256, 9, "the certificate of the server breaks a rule of an authority that signed it" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GTlsCertificate) certificate = make (
          &(CertificateWish){ .issuer = authority,
                              .modulus_bytes = table[i].modulus_bytes,
                              .exponent_bytes = table[i].exponent_bytes });
      g_autofree char *reason = dfl_certificate_explain (certificate, trust, "example.org", FALSE);

      g_assert_cmpstr (reason, ==, table[i].reason);
    }
}

/* Whatever stands in it: no crash, and every name is printable. */
static void
assert_harmless (DflTrust *trust, const guint8 *der, gsize length)
{
  gnutls_datum_t in = { (unsigned char *)der, (unsigned)length };
  gnutls_datum_t pem;
  g_autofree char *text = NULL;
  g_autoptr (GTlsCertificate) certificate = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *reason = NULL;

  g_assert_cmpint (gnutls_pem_base64_encode2 ("CERTIFICATE", &in, &pem), ==, 0);
  text = g_strndup ((char *)pem.data, pem.size);
  gnutls_free (pem.data);
  certificate = g_tls_certificate_new_from_pem (text, -1, NULL);
  if (certificate == NULL)
    return;
  names = dfl_certificate_get_names (certificate);
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);

      g_assert_cmpuint (strlen (name), <=, 253);
      for (const char *c = name; *c != '\0'; c++)
        g_assert_true (g_ascii_isgraph (*c));
    }
  reason = dfl_certificate_explain (certificate, trust, "example.org", TRUE);
  if (reason != NULL)
    {
      g_assert_true (g_utf8_validate (reason, -1, NULL));
      g_assert_cmpuint (strlen (reason), <, 1200);
    }
}

static void
test_mutations (void)
{
  g_autoptr (GTlsCertificate) certificate = make (
      &(CertificateWish){ .common_name = "example.org",
                          .dns = { "example.org", "*.example.org" },
                          .uris = { "sip:example.org", "sip:[2001:db8::1]:5061" },
                          .address = "2001:db8::1",
                          .purpose = "1.3.6.1.5.5.7.3.20" });
  g_autoptr (Certificate) authority = certificate_new (
      &(CertificateWish){ .common_name = "Authority", .authority = TRUE });
  g_autoptr (DflTrust) trust = dfl_trust_new (certificate_get_pem (authority), NULL);
  g_autoptr (GByteArray) der = NULL;
  guint rounds = g_test_slow () ? 100000 : 5000;

  g_object_get (certificate, "certificate", &der, NULL);
  for (guint i = 0; i < rounds; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (der->data, der->len);
      int n = g_test_rand_int_range (1, 4);

      for (int k = 0; k < n; k++)
        copy[g_test_rand_int_range (0, (int)der->len)] = (guint8)g_test_rand_int_range (0, 256);
      assert_harmless (trust, copy, der->len);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/certificate/names", test_names);
  g_test_add_func ("/certificate/is-for", test_is_for);
  g_test_add_func ("/certificate/addresses", test_addresses);
  g_test_add_func ("/certificate/large", test_large);
  g_test_add_func ("/certificate/mutations", test_mutations);
  return g_test_run ();
}
