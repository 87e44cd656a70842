/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Contact tokens that nobody can guess and we recognise, and the instance id (RFC 5626 4.1). */

#include <string.h>

#include "sip/token.h"

static const guint8 secret[32] = "0123456789abcdef0123456789abcde";
static const guint8 other_secret[32] = "0123456789abcdef0123456789abcdf";

static void
test_recognised (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 1000; i++)
    {
      char token[DFL_TOKEN_LENGTH + 1];

      dfl_token_new (secret, "00c0ffee", token);
      g_assert_cmpuint (strlen (token), ==, DFL_TOKEN_LENGTH);
      g_assert_cmpuint (strspn (token, "0123456789abcdef"), ==, DFL_TOKEN_LENGTH);
      g_assert_true (g_hash_table_add (seen, g_strdup (token)));
      g_assert_true (dfl_token_is_ours (secret, "00c0ffee", token));
      g_assert_false (dfl_token_is_ours (secret, "00c0ffef", token));
      g_assert_false (dfl_token_is_ours (other_secret, "00c0ffee", token));
    }
}

/* Every digit counts, in the spelling that we gave it. */
static void
test_each_digit (void)
{
  char token[DFL_TOKEN_LENGTH + 1];
  static const char others[] = "0123456789abcdefABCDEFgG %\xff";

  dfl_token_new (secret, "00c0ffee", token);
  for (guint i = 0; i < DFL_TOKEN_LENGTH; i++)
    for (guint j = 0; j < sizeof others; j++)
      {
        char changed[DFL_TOKEN_LENGTH + 1];

        memcpy (changed, token, sizeof changed);
        changed[i] = others[j];
        if (changed[i] != token[i])
          g_assert_false (dfl_token_is_ours (secret, "00c0ffee", changed));
      }
}

static void
test_not_ours (void)
{
  char token[DFL_TOKEN_LENGTH + 1];
  g_autofree char *longer = NULL;
  g_autofree char *huge = g_strnfill (1000000, 'a');
  static const char *const texts[] = { "", "alice",
                                       "000000000000000000000000000000000000000000000000",
                                       "ffffffffffffffffffffffffffffffffffffffffffffffff" };

  dfl_token_new (secret, "00c0ffee", token);
  longer = g_strconcat (token, "0", NULL);
  g_assert_false (dfl_token_is_ours (secret, "00c0ffee", NULL));
  g_assert_false (dfl_token_is_ours (secret, "00c0ffee", longer));
  g_assert_false (dfl_token_is_ours (secret, "00c0ffee", token + 1));
  g_assert_false (dfl_token_is_ours (secret, "00c0ffee", huge));
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_false (dfl_token_is_ours (secret, "00c0ffee", texts[i]));
}

static void
test_instance (void)
{
  g_autofree char *instance = dfl_token_make_instance (secret, "00c0ffee");
  g_autofree char *again = dfl_token_make_instance (secret, "00c0ffee");
  g_autofree char *other = dfl_token_make_instance (secret, "00c0ffef");
  g_autofree char *elsewhere = dfl_token_make_instance (other_secret, "00c0ffee");

  g_assert_true (g_regex_match_simple ("^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-"
                                       "[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
                                       instance, 0, 0));
  g_assert_true (g_uuid_string_is_valid (instance + strlen ("urn:uuid:")));
  /* It stays what it is, also with the next version of the program. */
  g_assert_cmpstr (instance, ==, "urn:uuid:4c15000f-13f3-83db-b6ba-481563c88ef1");
  g_assert_cmpstr (instance, ==, again);
  g_assert_cmpstr (instance, !=, other);
  g_assert_cmpstr (instance, !=, elsewhere);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/token/recognised", test_recognised);
  g_test_add_func ("/sip/token/each-digit", test_each_digit);
  g_test_add_func ("/sip/token/not-ours", test_not_ours);
  g_test_add_func ("/sip/token/instance", test_instance);
  return g_test_run ();
}
