/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A target, and behind the first NUL an address to compare it with: what is accepted cannot leave
 * the angle brackets of a Contact, means the same when it is read again, and is itself a place. */

#include <string.h>

#include "core/address.h"
#include "core/error.h"
#include "core/offer.h"
#include "core/target.h"

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

#define DOMAIN "example.org"

static void
check_escapes (const char *uri)
{
  for (const char *at = strchr (uri, '%'); at != NULL; at = strchr (at + 1, '%'))
    {
      int decoded;

      g_assert_true (g_ascii_isxdigit (at[1]) && g_ascii_isxdigit (at[2]));
      decoded = g_ascii_xdigit_value (at[1]) * 16 + g_ascii_xdigit_value (at[2]);
      g_assert_true (decoded >= 0x20 && decoded != 0x7f);
      g_assert_null (strchr ("<>\"@,", decoded));
    }
}

static void
check_uri (const DflTarget *target)
{
  const char *uri = dfl_target_get_uri (target);
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) again = NULL;

  g_assert_cmpuint (strlen (uri), <=, DFL_TARGET_MAX_LENGTH);
  g_assert_true (g_str_has_prefix (uri, dfl_target_is_secure (target) ? "sips:" : "sip:"));
  for (const char *at = uri; *at != '\0'; at++)
    g_assert_true (*at > 0x20 && *at < 0x7f && strchr ("<>\"\\,?#", *at) == NULL);
  check_escapes (uri);

  again = dfl_target_new (uri, DOMAIN, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (dfl_target_get_uri (again), ==, uri);
  g_assert_cmpint (dfl_target_is_secure (again), ==, dfl_target_is_secure (target));
  g_assert_true (dfl_address_same (uri, uri));
}

static void
check_target (const char *text, gboolean secure)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) target = dfl_target_new (text, DOMAIN, secure, &error);
  gboolean is_sip = g_ascii_strncasecmp (text, "sip", 3) == 0;
  g_autofree char *number = dfl_address_number (text);

  if (target == NULL)
    {
      g_assert_true (g_error_matches (error, DFL_ERROR, DFL_ERROR_INVALID_TARGET));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return;
    }

  g_assert_no_error (error);
  check_uri (target);
  if (!is_sip)
    g_assert_cmpint (dfl_target_is_secure (target), ==, secure);
  /* A loop is seen whichever of both spellings was received. */
  if (is_sip || number != NULL)
    g_assert_true (dfl_address_same (text, dfl_target_get_uri (target)));
}

static void
check_clean (const char *text, gsize length, gsize max_bytes)
{
  g_autofree char *clean = dfl_text_clean (text, length, max_bytes);
  g_autofree char *again = dfl_text_clean (clean, -1, max_bytes);

  g_assert_true (g_utf8_validate (clean, -1, NULL));
  g_assert_cmpuint (strlen (clean), <=, max_bytes);
  g_assert_cmpstr (clean, ==, again);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *)data, size);
  gsize length = strlen (text);
  g_autofree char *other = length < size
                               ? g_strndup ((const char *)data + length + 1, size - length - 1)
                               : g_strdup ("sip:alice@example.org");

  check_target (text, FALSE);
  check_target (text, TRUE);
  g_assert_cmpint (dfl_address_same (text, other), ==, dfl_address_same (other, text));
  check_clean ((const char *)data, size, 64);
  check_clean ((const char *)data, size, size);

  return 0;
}
