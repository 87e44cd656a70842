/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates and private keys, as texts and as files, good and bad. */

#include "store/pem.h"

#include <glib/gstdio.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/directory.h"
#include "store/pem-samples.h"

/* Nothing of what is refused may be shown. */
#define SECRET "c2VjcmV0"
#define ENCRYPTED                                                                                  \
  "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" SECRET "\n-----END ENCRYPTED PRIVATE KEY-----\n"
#define OLD_ENCRYPTED                                                                              \
  "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" SECRET   \
  "\n-----END RSA PRIVATE KEY-----\n"
#define PARAMETERS "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
#define BLOCK(label, body) "-----BEGIN " label "-----\n" body "-----END " label "-----\n"

static char *
read_text (const char *text, DflPemKind kind, char **problem)
{
  /* Without a final NUL, so that reading too far is found out. */
  gsize length = strlen (text);
  g_autofree char *bytes = g_memdup2 (text, length);

  return dfl_pem_read (bytes, length, kind, problem);
}

typedef struct
{
  DflPemKind kind;
  const char *text;
  const char *expected; /* what is read, or how the problem begins */
} Row;

static void
test_good (void)
{
  static const Row rows[] = {
    { DFL_PEM_CERTIFICATES, PEM_CERTIFICATE_ONE, PEM_CERTIFICATE_ONE },
    { DFL_PEM_CERTIFICATES, PEM_CERTIFICATE_ONE PEM_CERTIFICATE_TWO,
      PEM_CERTIFICATE_ONE PEM_CERTIFICATE_TWO },
    { DFL_PEM_CERTIFICATES, PEM_CERTIFICATE_TWO PEM_CERTIFICATE_ONE,
      PEM_CERTIFICATE_TWO PEM_CERTIFICATE_ONE },
    { DFL_PEM_PRIVATE_KEY, PEM_KEY_ONE, PEM_KEY_ONE },
    /* What people have in one file. */
    { DFL_PEM_CERTIFICATES,
      "subject=x\n\n" PEM_CERTIFICATE_ONE "\nissuer=y\n" PEM_KEY_ONE PEM_CERTIFICATE_TWO "\xFF",
      PEM_CERTIFICATE_ONE PEM_CERTIFICATE_TWO },
    { DFL_PEM_PRIVATE_KEY, PEM_CERTIFICATE_ONE PARAMETERS PEM_KEY_ONE PEM_CERTIFICATE_TWO,
      PEM_KEY_ONE },
    { DFL_PEM_PRIVATE_KEY, BLOCK ("RSA PRIVATE KEY", "AAAA\n"),
      BLOCK ("RSA PRIVATE KEY", "AAAA\n") },
    { DFL_PEM_PRIVATE_KEY, BLOCK ("EC PRIVATE KEY", "AAA=\n"), BLOCK ("EC PRIVATE KEY", "AAA=\n") },
    { DFL_PEM_CERTIFICATES, ENCRYPTED PEM_CERTIFICATE_ONE, PEM_CERTIFICATE_ONE },
    /* One spelling. */
    { DFL_PEM_CERTIFICATES,
      "  -----BEGIN CERTIFICATE-----\n\tAAAA\n \t-----END CERTIFICATE-----  \n",
      BLOCK ("CERTIFICATE", "AAAA\n") },
    { DFL_PEM_CERTIFICATES,
      "-----BEGIN CERTIFICATE-----\r\nAA\r\nA A\t\r\n-----END CERTIFICATE-----",
      BLOCK ("CERTIFICATE", "AAAA\n") },
    { DFL_PEM_CERTIFICATES,
      BLOCK ("CERTIFICATE", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                            "AA==\n"),
      BLOCK ("CERTIFICATE",
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\nAA==\n") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *problem = NULL;
      g_autofree char *pem = read_text (rows[i].text, rows[i].kind, &problem);
      g_autofree char *again = NULL;

      g_assert_cmpstr (problem, ==, NULL);
      g_assert_cmpstr (pem, ==, rows[i].expected);
      again = read_text (pem, rows[i].kind, &problem);
      g_assert_cmpstr (again, ==, pem);
    }
}

static void
test_bad (void)
{
  static const Row rows[] = {
    { DFL_PEM_CERTIFICATES, "", "holds no certificate; " },
    { DFL_PEM_CERTIFICATES, SECRET, "holds no certificate; " },
    { DFL_PEM_CERTIFICATES, PEM_KEY_ONE, "holds no certificate; " },
    { DFL_PEM_CERTIFICATES, "x-----BEGIN CERTIFICATE-----\n", "holds no certificate; " },
    { DFL_PEM_PRIVATE_KEY, "", "holds no private key; " },
    { DFL_PEM_PRIVATE_KEY, PEM_CERTIFICATE_ONE PARAMETERS, "holds no private key; " },
    { DFL_PEM_PRIVATE_KEY, BLOCK ("PUBLIC KEY", "AAAA\n"), "holds no private key; " },
    { DFL_PEM_PRIVATE_KEY, ENCRYPTED, "is encrypted, " },
    { DFL_PEM_PRIVATE_KEY, OLD_ENCRYPTED, "is encrypted, " },
    { DFL_PEM_PRIVATE_KEY, PEM_KEY_ONE PEM_KEY_TWO, "holds more than one private key; " },
    { DFL_PEM_CERTIFICATES, "-----BEGIN CERTIFICATE-----\n" SECRET "\n", "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, "-----BEGIN CERTIFICATE-----", "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, "-----BEGIN CERTIFICATE----", "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, "-----BEGIN ", "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, "-----BEGIN CERTIFICATE----- " SECRET " -----END CERTIFICATE-----",
      "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
      "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n",
      "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, PEM_CERTIFICATE_ONE "-----BEGIN CERTIFICATE-----\nAAAA\n-----END",
      "has a -----BEGIN " },
    { DFL_PEM_CERTIFICATES, BLOCK ("CERTIFICATE", ""), "holds something else than base64 " },
    { DFL_PEM_CERTIFICATES, BLOCK ("CERTIFICATE", "AAA\n"), "holds something else than base64 " },
    { DFL_PEM_CERTIFICATES, BLOCK ("CERTIFICATE", "AA=A\n"), "holds something else than base64 " },
    { DFL_PEM_CERTIFICATES, BLOCK ("CERTIFICATE", "A===\n"), "holds something else than base64 " },
    { DFL_PEM_CERTIFICATES, BLOCK ("CERTIFICATE", "AA-_\n"), "holds something else than base64 " },
    { DFL_PEM_CERTIFICATES, BLOCK ("CERTIFICATE", "AA\001A\n"),
      "holds something else than base64 " },
    { DFL_PEM_CERTIFICATES, BLOCK ("CERTIFICATE", "X: y\n\nAAAA\n"),
      "holds something else than base64 " },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *problem = NULL;
      g_autofree char *pem = read_text (rows[i].text, rows[i].kind, &problem);

      g_test_message ("%s", rows[i].text);
      g_assert_null (pem);
      g_assert_nonnull (problem);
      g_assert_true (g_str_has_prefix (problem, rows[i].expected));
      g_assert_null (strstr (problem, SECRET));
    }
}

/* NUL bytes are no ends. */
static void
test_nul (void)
{
  static const char text[] = "-----BEGIN CERTIFICATE-----\nAA\0A\n-----END CERTIFICATE-----\n";
  static const char label[] = "-----BEGIN CERT\0FICATE-----\nAAAA\n-----END CERT\0FICATE-----\n";
  static const char before[] = "\0\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  g_autofree char *first = NULL, *second = NULL, *none = NULL;
  g_autofree char *pem = dfl_pem_read (before, sizeof (before) - 1, DFL_PEM_CERTIFICATES, &none);

  g_assert_null (none);
  g_assert_cmpstr (pem, ==, BLOCK ("CERTIFICATE", "AAAA\n"));
  g_assert_null (dfl_pem_read (text, sizeof (text) - 1, DFL_PEM_CERTIFICATES, &first));
  g_assert_true (g_str_has_prefix (first, "holds something else than base64"));
  g_assert_null (dfl_pem_read (label, sizeof (label) - 1, DFL_PEM_CERTIFICATES, &second));
  g_assert_true (g_str_has_prefix (second, "has a -----BEGIN"));
}

static char *
make_long (gsize length)
{
  GString *text = g_string_new ("-----BEGIN CERTIFICATE-----\n");

  while (text->len + 100 < length)
    g_string_append (text, "AAAA");
  g_string_append (text, "\n-----END CERTIFICATE-----\n");
  while (text->len < length)
    g_string_append_c (text, '\n');

  return g_string_free (text, FALSE);
}

static void
test_size (void)
{
  g_autofree char *largest = make_long (DFL_PEM_MAX_BYTES);
  g_autofree char *larger = make_long (DFL_PEM_MAX_BYTES + 1);
  g_autofree char *problem = NULL;
  g_autofree char *pem = read_text (largest, DFL_PEM_CERTIFICATES, &problem);

  g_assert_null (problem);
  g_assert_nonnull (pem);
  g_assert_null (read_text (larger, DFL_PEM_CERTIFICATES, &problem));
  g_assert_cmpstr (problem, ==, "is longer than 64 KB; give fewer certificates");
}

static void
test_check (void)
{
  static const struct
  {
    const char *certificates, *key, *expected;
  } rows[] = {
    { PEM_CERTIFICATE_ONE, NULL, NULL },
    { PEM_CERTIFICATE_ONE PEM_CERTIFICATE_TWO, NULL, NULL },
    { PEM_CERTIFICATE_ONE, PEM_KEY_ONE, NULL },
    { PEM_CERTIFICATE_ONE PEM_CERTIFICATE_TWO, PEM_KEY_ONE, NULL },
    { BLOCK ("CERTIFICATE", "AAAA\n"), NULL, "holds a certificate, the 1. one, that cannot be " },
    { PEM_CERTIFICATE_ONE BLOCK ("CERTIFICATE", "AAAA\n") PEM_CERTIFICATE_TWO, NULL,
      "holds a certificate, the 2. one, that cannot be " },
    { PEM_CERTIFICATE_ONE, BLOCK ("PRIVATE KEY", "AAAA\n"), "holds a private key that cannot be " },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *problem = NULL;
      gboolean good = dfl_pem_check (rows[i].certificates, rows[i].key, &problem);

      g_assert_cmpint (good, ==, rows[i].expected == NULL);
      g_assert_cmpint (good, ==, problem == NULL);
      if (!good)
        g_assert_true (g_str_has_prefix (problem, rows[i].expected));
    }
}

/* --- Large keys --- */

static char *
take_text (gnutls_datum_t *datum)
{
  char *text = g_strndup ((char *)datum->data, datum->size);

  gnutls_free (datum->data);
  return text;
}

static gnutls_datum_t
make_number (guint bytes)
{
  gnutls_datum_t number = { g_malloc (bytes), bytes };

  memset (number.data, 0xC1, bytes);
  return number;
}

/* RSA with a modulus and an exponent of so many bytes, or DSA with p and q. */
static void
fill_key (gnutls_pubkey_t key, gnutls_pk_algorithm_t algorithm, guint bytes, guint other_bytes)
{
  gnutls_datum_t number = make_number (bytes);
  gnutls_datum_t other = make_number (other_bytes);

  if (algorithm == GNUTLS_PK_RSA)
    g_assert_cmpint (gnutls_pubkey_import_rsa_raw (key, &number, &other), ==, 0);
  else
    g_assert_cmpint (gnutls_pubkey_import_dsa_raw (key, &number, &other, &number, &number), ==, 0);
  g_free (number.data);
  g_free (other.data);
}

/* A certificate for a key that nobody has, signed with another one. */
static char *
make_certificate (gnutls_pk_algorithm_t algorithm, guint bytes, guint other_bytes)
{
  gnutls_x509_crt_t certificate, issuer;
  gnutls_x509_privkey_t signer;
  gnutls_pubkey_t key;
  gnutls_datum_t out;

  gnutls_pubkey_init (&key);
  fill_key (key, algorithm, bytes, other_bytes);
  gnutls_x509_privkey_init (&signer);
  gnutls_x509_privkey_generate (signer, GNUTLS_PK_ECDSA,
                                GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0);
  gnutls_x509_crt_init (&issuer);
  g_assert_cmpint (gnutls_x509_crt_set_key (issuer, signer), ==, 0);
  gnutls_x509_crt_init (&certificate);
  gnutls_x509_crt_set_version (certificate, 3);
  gnutls_x509_crt_set_serial (certificate, "1", 1);
  gnutls_x509_crt_set_activation_time (certificate, 0);
  gnutls_x509_crt_set_expiration_time (certificate, G_MAXINT32);
  g_assert_cmpint (gnutls_x509_crt_set_pubkey (certificate, key), ==, 0);
  g_assert_cmpint (gnutls_x509_crt_sign2 (certificate, issuer, signer, GNUTLS_DIG_SHA256, 0), ==,
                   0);
  g_assert_cmpint (gnutls_x509_crt_export2 (certificate, GNUTLS_X509_FMT_PEM, &out), ==, 0);
  gnutls_x509_crt_deinit (certificate);
  gnutls_x509_crt_deinit (issuer);
  gnutls_x509_privkey_deinit (signer);
  gnutls_pubkey_deinit (key);
  return take_text (&out);
}

/* Who verifies with such keys does nothing else for a long time. */
static void
test_large_certificate (void)
{
  static const struct
  {
    gnutls_pk_algorithm_t algorithm;
    guint bytes, other_bytes;
    gboolean good;
  } rows[] = {
    { GNUTLS_PK_RSA, 1024, 3, TRUE },  { GNUTLS_PK_RSA, 1024, 8, TRUE },
    { GNUTLS_PK_RSA, 1025, 3, FALSE }, { GNUTLS_PK_RSA, 8192, 3, FALSE },
    { GNUTLS_PK_RSA, 256, 9, FALSE },  { GNUTLS_PK_RSA, 256, 256, FALSE },
    { GNUTLS_PK_DSA, 1024, 64, TRUE }, { GNUTLS_PK_DSA, 1025, 32, FALSE },
    { GNUTLS_PK_DSA, 256, 65, FALSE }, { GNUTLS_PK_DSA, 256, 8192, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *one = make_certificate (rows[i].algorithm, rows[i].bytes,
                                               rows[i].other_bytes);
      g_autofree char *text = g_strconcat (PEM_CERTIFICATE_ONE, one, NULL);
      g_autofree char *problem = NULL;
      g_autofree char *pem = read_text (text, DFL_PEM_CERTIFICATES, &problem);

      g_assert_cmpstr (problem, ==, NULL);
      g_assert_cmpint (dfl_pem_check (pem, NULL, &problem), ==, rows[i].good);
      if (!rows[i].good)
        g_assert_cmpstr (problem, ==,
                         "holds a certificate, the 2. one, whose key is too large to be worked "
                         "with; expected at most 8192 bits, and for RSA an exponent such as 65537");
    }
}

/* Not even looked into. */
static void
test_large_key (void)
{
  g_autofree char *body = g_strnfill (8 * 1024, 'A');
  g_autofree char *text = g_strconcat ("-----BEGIN PRIVATE KEY-----\n", body,
                                       "\n-----END PRIVATE KEY-----\n", NULL);
  g_autofree char *problem = NULL;
  g_autofree char *pem = read_text (text, DFL_PEM_PRIVATE_KEY, &problem);

  g_assert_cmpstr (problem, ==, NULL);
  g_assert_false (dfl_pem_check (PEM_CERTIFICATE_ONE, pem, &problem));
  g_assert_cmpstr (problem, ==,
                   "holds a private key that is too large to be worked with; expected at most 8192 "
                   "bits");
}

/* --- Files --- */

typedef struct
{
  char *directory;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = directory_make ();
  fixture->path = g_build_filename (fixture->directory, "x.pem", NULL);
  directory_write (fixture->directory, "x.pem", PEM_CERTIFICATE_ONE PEM_KEY_ONE, -1);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  directory_remove (fixture->directory);
  g_free (fixture->path);
}

static void
assert_refused (const char *path, DflPemKind kind, const char *expected)
{
  g_autofree char *problem = NULL;
  g_autofree char *pem = dfl_pem_read_file (path, kind, &problem);

  g_assert_null (pem);
  g_assert_nonnull (problem);
  g_test_message ("%s", problem);
  g_assert_true (g_str_has_prefix (problem, expected));
  g_assert_null (strstr (problem, path));
}

static void
test_file (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    guint mode;
    gboolean certificate, key;
  } rows[] = {
    { 0600, TRUE, TRUE },  { 0640, TRUE, TRUE },   { 0660, TRUE, TRUE },   { 0644, TRUE, FALSE },
    { 0601, TRUE, FALSE }, { 0602, FALSE, FALSE }, { 0666, FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *problem = NULL, *key_problem = NULL;
      g_autofree char *certificate = NULL;
      g_autofree char *key = NULL;

      g_assert_cmpint (g_chmod (fixture->path, rows[i].mode), ==, 0);
      certificate = dfl_pem_read_file (fixture->path, DFL_PEM_CERTIFICATES, &problem);
      key = dfl_pem_read_file (fixture->path, DFL_PEM_PRIVATE_KEY, &key_problem);
      g_assert_cmpstr (certificate, ==, rows[i].certificate ? PEM_CERTIFICATE_ONE : NULL);
      g_assert_cmpstr (key, ==, rows[i].key ? PEM_KEY_ONE : NULL);
      g_assert_cmpint (problem != NULL, ==, !rows[i].certificate);
      g_assert_cmpint (key_problem != NULL, ==, !rows[i].key);
    }
}

static void
test_no_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (fixture->directory, "y.pem", NULL);
  g_autofree char *pipe = g_build_filename (fixture->directory, "pipe", NULL);
  g_autofree char *loop = g_build_filename (fixture->directory, "loop", NULL);
  g_autofree char *link = g_build_filename (fixture->directory, "link", NULL);
  g_autofree char *larger = make_long (DFL_PEM_MAX_BYTES + 1);
  g_autofree char *problem = NULL;
  g_autofree char *pem = NULL;

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_cmpint (symlink (loop, loop), ==, 0);
  g_assert_cmpint (symlink ("x.pem", link), ==, 0);
  assert_refused (missing, DFL_PEM_CERTIFICATES,
                  "names a file that cannot be opened (No such file or directory); ");
  assert_refused (loop, DFL_PEM_CERTIFICATES, "names a file that cannot be opened (");
  assert_refused (pipe, DFL_PEM_CERTIFICATES, "names what is no regular file; ");
  assert_refused (fixture->directory, DFL_PEM_CERTIFICATES, "names what is no regular file; ");
  assert_refused ("/dev/zero", DFL_PEM_PRIVATE_KEY, "names what is no regular file; ");
  /* As programs that renew certificates have it. */
  pem = dfl_pem_read_file (link, DFL_PEM_CERTIFICATES, &problem);
  g_assert_cmpstr (pem, ==, PEM_CERTIFICATE_ONE);

  directory_write (fixture->directory, "x.pem", larger, -1);
  assert_refused (fixture->path, DFL_PEM_CERTIFICATES,
                  "names a file that cannot be read, or is larger than 64 KB; ");
  directory_write (fixture->directory, "x.pem", "", 0);
  assert_refused (fixture->path, DFL_PEM_CERTIFICATES, "holds no certificate; ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pem/good", test_good);
  g_test_add_func ("/pem/bad", test_bad);
  g_test_add_func ("/pem/nul", test_nul);
  g_test_add_func ("/pem/size", test_size);
  g_test_add_func ("/pem/check", test_check);
  g_test_add_func ("/pem/large-certificate", test_large_certificate);
  g_test_add_func ("/pem/large-key", test_large_key);
  g_test_add ("/pem/file", Fixture, NULL, set_up, test_file, tear_down);
  g_test_add ("/pem/no-file", Fixture, NULL, set_up, test_no_file, tear_down);
  return g_test_run ();
}
