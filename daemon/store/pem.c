/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "store/slurp.h"
#include "store/wipe.h"

/* RFC 7468 section 2: a line has 64 characters but for the last one. */
#define LINE_LENGTH 64

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

/* Whoever verifies with a key of 65536 bits, which fits in here, does nothing else for half a
 * minute. A private key of RSA with so many bits as are taken is PEM of some 6 KB. */
#define MOST_BITS 8192
#define MOST_EXPONENT_BYTES 8
#define MOST_Q_BYTES 64
#define MOST_KEY_BYTES (8 * 1024)

/* One block of a text, borrowed from it. */
typedef struct
{
  char label[64];
  const char *body;
  const char *end;
} Block;

typedef gnutls_datum_t Number;

static void
number_clear (Number *number)
{
  gnutls_free (number->data);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Number, number_clear)

static gboolean
fail (char **problem, const char *text)
{
  *problem = g_strdup (text);
  return FALSE;
}

/* --- Armour --- */

/* The first line at or behind text that begins so, white space aside, not beyond end. */
static const char *
find_line (const char *text, const char *end, const char *prefix)
{
  gsize length = strlen (prefix);

  while (text != NULL && text < end)
    {
      while (text < end && (*text == ' ' || *text == '\t'))
        text++;
      if ((gsize)(end - text) >= length && memcmp (text, prefix, length) == 0)
        return text;
      text = memchr (text, '\n', (gsize)(end - text));
      if (text != NULL)
        text++;
    }
  return NULL;
}

/* What stands between prefix and the dashes that end its line; FALSE where that is no label. */
static gboolean
take_label (const char *line, const char *end, const char *prefix, char label[64])
{
  const char *start = line + strlen (prefix);
  const char *newline = memchr (line, '\n', (gsize)(end - line));
  gsize length = (gsize)((newline != NULL ? newline : end) - start);

  while (length > 0 && g_ascii_isspace (start[length - 1]))
    length--;
  if (length <= strlen (DASHES) || length - strlen (DASHES) >= 64
      || memcmp (start + length - strlen (DASHES), DASHES, strlen (DASHES)) != 0)
    return FALSE;
  length -= strlen (DASHES);
  memcpy (label, start, length);
  label[length] = '\0';
  return strlen (label) == length;
}

/* The next block; FALSE at the end of the text, with a problem where that is too early. */
static gboolean
next_block (const char **text, const char *end, Block *block, char **problem)
{
  const char *begin = find_line (*text, end, BEGIN);
  char closing[64];
  const char *newline;

  if (begin == NULL)
    return FALSE;
  newline = memchr (begin, '\n', (gsize)(end - begin));
  block->body = newline != NULL ? newline + 1 : end;
  block->end = find_line (block->body, end, DASHES);
  if (!take_label (begin, end, BEGIN, block->label) || block->end == NULL
      || find_line (block->end, end, END) != block->end
      || !take_label (block->end, end, END, closing) || !g_str_equal (block->label, closing))
    return fail (problem, "has a -----BEGIN ...----- line without an -----END ...----- line of the "
                          "same name behind it; give all of it, lines and all");
  *text = block->end + strlen (END);
  return TRUE;
}

/* Writes a block in the one spelling; FALSE where its body is no base64. */
static gboolean
append_block (GString *pem, const Block *block)
{
  gsize n = 0, padding = 0;

  g_string_append_printf (pem, BEGIN "%s" DASHES, block->label);
  for (const char *at = block->body; at < block->end; at++)
    {
      if (g_ascii_isspace (*at))
        continue;
      if (*at == '=')
        padding++;
      else if (padding > 0 || !(g_ascii_isalnum (*at) || *at == '+' || *at == '/'))
        return FALSE;
      if (n++ % LINE_LENGTH == 0)
        g_string_append_c (pem, '\n');
      g_string_append_c (pem, *at);
    }
  g_string_append_printf (pem, "\n" END "%s" DASHES "\n", block->label);
  return n > 0 && n % 4 == 0 && padding <= 2;
}

static gboolean
is_wanted (const Block *block, DflPemKind kind)
{
  static const char *const keys[] = { "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
                                      "ENCRYPTED PRIVATE KEY", NULL };

  return kind == DFL_PEM_CERTIFICATES ? g_str_equal (block->label, "CERTIFICATE")
                                      : g_strv_contains (keys, block->label);
}

/* RFC 7468 section 11, and the headers of RFC 1421 that older programs write. */
static gboolean
is_encrypted (const Block *block)
{
  return g_str_has_prefix (block->label, "ENCRYPTED")
         || find_line (block->body, block->end, "Proc-Type:") != NULL;
}

/* n: how many there are already. */
static gboolean
take_block (GString *pem, const Block *block, DflPemKind kind, guint n, char **problem)
{
  if (is_encrypted (block))
    return fail (problem, "is encrypted, and nobody is there to be asked for its passphrase; give "
                          "it without one, as \"openssl pkey\" writes it");
  if (n > 0 && kind == DFL_PEM_PRIVATE_KEY)
    return fail (problem, "holds more than one private key; give the one that the certificate is "
                          "for");
  if (!append_block (pem, block))
    return fail (problem, "holds something else than base64 between its -----BEGIN ...----- and "
                          "-----END ...----- lines; give it as it was");
  return TRUE;
}

static char *
free_with_wipe (GString *string)
{
  /* The allocation, not only what is used of it. */
  explicit_bzero (string->str, string->allocated_len);
  g_string_free (string, TRUE);
  return NULL;
}

char *
dfl_pem_read (const char *text, gsize length, DflPemKind kind, char **problem)
{
  /* Never grows, so that no copy of a key is left where it was. */
  GString *pem = g_string_sized_new (2 * MIN (length, DFL_PEM_MAX_BYTES) + 256);
  const char *end = text + length;
  g_autofree char *found = NULL;
  Block block;
  guint n = 0;

  if (length > DFL_PEM_MAX_BYTES)
    {
      *problem = g_strdup_printf ("is longer than %d KB; give fewer certificates",
                                  DFL_PEM_MAX_BYTES / 1024);
      return free_with_wipe (pem);
    }
  while (next_block (&text, end, &block, &found))
    if (is_wanted (&block, kind) && !take_block (pem, &block, kind, n++, &found))
      break;
  if (found == NULL && n == 0)
    found = g_strdup (kind == DFL_PEM_CERTIFICATES
                          ? "holds no certificate; expected PEM, which begins with -----BEGIN "
                            "CERTIFICATE-----"
                          : "holds no private key; expected PEM, which begins with -----BEGIN "
                            "PRIVATE KEY-----");
  if (found == NULL)
    return g_string_free (pem, FALSE);
  *problem = g_steal_pointer (&found);
  return free_with_wipe (pem);
}

/* --- Files --- */

static char *
explain_failure (int failure)
{
  if (failure == 0)
    return g_strdup ("names what is no regular file; expected one in PEM");
  return g_strdup_printf ("names a file that cannot be opened (%s); expected one in PEM that the "
                          "user of deflectd may read",
                          g_strerror (failure));
}

static gboolean
check_mode (guint mode, DflPemKind kind, char **problem)
{
  if (kind == DFL_PEM_PRIVATE_KEY && (mode & S_IRWXO) != 0)
    return fail (problem, "names a file that every local user may use; take that away with chmod "
                          "o=");
  if ((mode & S_IWOTH) != 0)
    return fail (problem, "names a file that every local user may write to; take that away with "
                          "chmod o-w");
  return TRUE;
}

char *
dfl_pem_read_file (const char *path, DflPemKind kind, char **problem)
{
  g_autofree char *slurp_problem = NULL;
  struct stat facts;
  gsize length = 0;
  char *pem = NULL;
  char *data;
  int fd = dfl_slurp_open (AT_FDCWD, path, 0, &facts, NULL);

  if (fd < 0)
    {
      *problem = explain_failure (errno);
      return NULL;
    }
  data = dfl_slurp_read (fd, DFL_PEM_MAX_BYTES, &length, &slurp_problem);
  if (data == NULL)
    {
      *problem = g_strdup_printf ("names a file that cannot be read, or is larger than %d KB; give "
                                  "fewer certificates",
                                  DFL_PEM_MAX_BYTES / 1024);
      return NULL;
    }
  if (check_mode (facts.st_mode, kind, problem))
    pem = dfl_pem_read (data, length, kind, problem);
  dfl_wipe_free_bytes (data, length);
  return pem;
}

/* --- Contents --- */

static gsize
count_bytes (const Number *number)
{
  gsize skip = 0;

  while (skip < number->size && number->data[skip] == 0)
    skip++;
  return number->size - skip;
}

/* How long whoever verifies with a key works on it is up to its length and to that of the exponent,
 * which is a number of its own in RSA, and below q in DSA. */
static gboolean
is_modest (gnutls_x509_crt_t certificate)
{
  g_auto (Number) n = { NULL, 0 }, e = { NULL, 0 };
  g_auto (Number) p = { NULL, 0 }, q = { NULL, 0 }, g = { NULL, 0 }, y = { NULL, 0 };
  guint bits = 0;
  int algorithm = gnutls_x509_crt_get_pk_algorithm (certificate, &bits);

  if (bits > MOST_BITS)
    return FALSE;
  switch (algorithm)
    {
    case GNUTLS_PK_RSA:
    case GNUTLS_PK_RSA_PSS:
      return gnutls_x509_crt_get_pk_rsa_raw (certificate, &n, &e) >= 0
             && count_bytes (&e) <= MOST_EXPONENT_BYTES;
    case GNUTLS_PK_DSA:
      return gnutls_x509_crt_get_pk_dsa_raw (certificate, &p, &q, &g, &y) >= 0
             && count_bytes (&q) <= MOST_Q_BYTES;
    default:
      return TRUE;
    }
}

/* NULL where all is well, else what is the matter with one certificate. */
static const char *
find_fault (const char *pem, gsize length)
{
  const gnutls_datum_t text = { (unsigned char *)pem, (unsigned)length };
  const char *fault = NULL;
  gnutls_x509_crt_t certificate;

  gnutls_x509_crt_init (&certificate);
  if (gnutls_x509_crt_import (certificate, &text, GNUTLS_X509_FMT_PEM) < 0)
    fault = "that cannot be understood; expected X.509 as \"openssl x509\" writes it";
  else if (!is_modest (certificate))
    fault = "whose key is too large to be worked with; expected at most " G_STRINGIFY (
        MOST_BITS) " bits, and for RSA an exponent such as 65537";
  gnutls_x509_crt_deinit (certificate);
  return fault;
}

static gboolean
check_each (const char *certificates, char **problem)
{
  static const char end[] = END "CERTIFICATE" DASHES "\n";
  const char *last;
  guint n = 1;

  for (const char *at = certificates; (last = strstr (at, end)) != NULL; at = last, n++)
    {
      const char *fault;

      last += strlen (end);
      fault = find_fault (at, (gsize)(last - at));
      if (fault == NULL)
        continue;
      *problem = g_strdup_printf ("holds a certificate, the %u. one, %s", n, fault);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_key (const char *pem, char **problem)
{
  const gnutls_datum_t text = { (unsigned char *)pem, (unsigned)strlen (pem) };
  gnutls_x509_privkey_t key;
  gboolean good;

  if (text.size > MOST_KEY_BYTES)
    return fail (problem, "holds a private key that is too large to be worked with; expected at "
                          "most " G_STRINGIFY (MOST_BITS) " bits");
  gnutls_x509_privkey_init (&key);
  good = gnutls_x509_privkey_import2 (key, &text, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN)
         >= 0;
  gnutls_x509_privkey_deinit (key);
  return good
         || fail (problem, "holds a private key that cannot be understood; expected one as "
                           "\"openssl pkey\" writes it");
}

gboolean
dfl_pem_check (const char *certificates, const char *key, char **problem)
{
  return check_each (certificates, problem) && (key == NULL || check_key (key, problem));
}
