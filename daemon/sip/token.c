/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/token.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define SECRET_SIZE 32
#define HASH_SIZE 32
#define RANDOM_SIZE 16
#define CHECK_SIZE 8

G_STATIC_ASSERT ((RANDOM_SIZE + CHECK_SIZE) * 2 == DFL_TOKEN_LENGTH);

static void
fill_random (guint8 *bytes, gsize size)
{
  /* So few bytes come whole once the kernel has any at all (getrandom(2)). */
  while (getrandom (bytes, size, 0) != (gssize)size)
    if (errno != EINTR)
      g_error ("The kernel gives no random numbers: %s", g_strerror (errno));
}

/* What the secret says of an account, for one purpose: what is shown of one says nothing of the
 * other. */
static void
make_hash (const guint8 secret[SECRET_SIZE],
           const char *purpose,
           const char *account_id,
           const guint8 *bytes,
           gsize size,
           guint8 hash[HASH_SIZE])
{
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, secret, SECRET_SIZE);
  gsize length = HASH_SIZE;

  /* With their final NULs, so that no two pairs of texts look alike. */
  g_hmac_update (hmac, (const guchar *)purpose, (gssize)strlen (purpose) + 1);
  g_hmac_update (hmac, (const guchar *)account_id, (gssize)strlen (account_id) + 1);
  g_hmac_update (hmac, bytes, (gssize)size);
  g_hmac_get_digest (hmac, hash, &length);
}

static void
write_hex (const guint8 *bytes, gsize size, char *text)
{
  static const char digits[] = "0123456789abcdef";

  for (gsize i = 0; i < size; i++)
    {
      text[2 * i] = digits[bytes[i] >> 4];
      text[2 * i + 1] = digits[bytes[i] & 15];
    }
  text[2 * size] = '\0';
}

void
dfl_token_new (const guint8 secret[32], const char *account_id, char token[DFL_TOKEN_LENGTH + 1])
{
  guint8 bytes[RANDOM_SIZE];
  guint8 hash[HASH_SIZE];

  fill_random (bytes, sizeof bytes);
  make_hash (secret, "contact", account_id, bytes, sizeof bytes, hash);
  write_hex (bytes, RANDOM_SIZE, token);
  write_hex (hash, CHECK_SIZE, token + 2 * RANDOM_SIZE);
}

/* In the same time whatever they have in common. */
static gboolean
equal (const char *a, const char *b, gsize length)
{
  guint differences = 0;

  for (gsize i = 0; i < length; i++)
    differences |= (guint8)a[i] ^ (guint8)b[i];
  return differences == 0;
}

gboolean
dfl_token_is_ours (const guint8 secret[32], const char *account_id, const char *user)
{
  guint8 bytes[RANDOM_SIZE];
  guint8 hash[HASH_SIZE];
  char again[DFL_TOKEN_LENGTH + 1];

  if (user == NULL || strnlen (user, DFL_TOKEN_LENGTH + 1) != DFL_TOKEN_LENGTH)
    return FALSE;
  for (guint i = 0; i < RANDOM_SIZE; i++)
    bytes[i] = (guint8)((guint)g_ascii_xdigit_value (user[2 * i]) * 16
                        + (guint)g_ascii_xdigit_value (user[2 * i + 1]));
  make_hash (secret, "contact", account_id, bytes, sizeof bytes, hash);
  /* What was no lower-case digit comes out as another one here. */
  write_hex (bytes, RANDOM_SIZE, again);
  write_hex (hash, CHECK_SIZE, again + 2 * RANDOM_SIZE);
  return equal (user, again, DFL_TOKEN_LENGTH);
}

char *
dfl_token_make_instance (const guint8 secret[32], const char *account_id)
{
  guint8 hash[HASH_SIZE];
  char hex[33];

  make_hash (secret, "instance", account_id, NULL, 0, hash);
  hash[6] = (hash[6] & 0x0f) | 0x80;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  write_hex (hash, 16, hex);
  return g_strdup_printf ("urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                          hex + 20);
}
