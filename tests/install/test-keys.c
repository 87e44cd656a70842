/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The settings of an account are written down three times: the bus knows the type of each key, the
 * store what its value means, and the documentation of the interface both. No room may look into
 * the other, so that it is here that the three are compared.
 */

#include <string.h>

#include "bus/account-change.h"
#include "store/account-keys.h"
#include "store/key-readers.h"

/* Of each documented key the type. */
static GHashTable *
read_documentation (void)
{
  GHashTable *types = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "data",
                                                 "org.deflectd1.Account.xml", NULL);
  g_autoptr (GRegex) key = g_regex_new ("([a-z][a-z-]*) \\((a?[sbu])\\)", G_REGEX_DEFAULT,
                                        G_REGEX_MATCH_DEFAULT, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  char *end;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  end = strstr (strstr (text, "<title>Keys of settings"), "</variablelist>");
  *end = '\0';
  for (char *at = strstr (text, "<title>Keys of settings"); (at = strstr (at, "<term>")) != NULL;)
    {
      char *term_end = strstr (at, "</term>");
      g_autofree char *term = g_strndup (at, (gsize)(term_end - at));
      g_autoptr (GMatchInfo) match = NULL;

      for (g_regex_match (key, term, G_REGEX_MATCH_DEFAULT, &match); g_match_info_matches (match);
           g_match_info_next (match, NULL))
        g_hash_table_insert (types, g_match_info_fetch (match, 1), g_match_info_fetch (match, 2));
      at = term_end;
    }
  return types;
}

static void
test_bus (void)
{
  g_autoptr (GHashTable) documented = read_documentation ();
  guint n = 0;

  for (const DflAccountKey *key = dfl_account_keys_of_bus; key->name != NULL; key++)
    {
      g_test_message ("%s", key->name);
      g_assert_cmpstr (g_hash_table_lookup (documented, key->name), ==, key->type);
      n++;
    }
  g_assert_cmpuint (n, ==, g_hash_table_size (documented));
}

static void
test_store (void)
{
  const DflKeySpec *specs = dfl_account_keys (DFL_ACCOUNT_FILE_DRAFT);
  guint n = 0;

  for (const DflAccountKey *key = dfl_account_keys_of_bus; key->name != NULL; key++)
    {
      const DflKeySpec *spec = dfl_key_spec_find (specs, key->name);

      g_test_message ("%s", key->name);
      g_assert_nonnull (spec);
      g_assert_true (spec->read != dfl_key_read_refused);
      g_assert_cmpint (spec->lines, ==, key->pem);
      n++;
    }
  for (const DflKeySpec *spec = specs; spec != NULL;
       spec = spec->key == NULL ? spec->more : spec + 1)
    {
      if (spec->key != NULL && spec->read != dfl_key_read_refused)
        n--;
    }
  g_assert_cmpuint (n, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keys/bus", test_bus);
  g_test_add_func ("/keys/store", test_store);
  return g_test_run ();
}
