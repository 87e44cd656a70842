/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which account a person means, settings as they are typed, and targets. */

#include "accounts.h"

#include <string.h>

#include "errors.h"
#include "names.h"

#define ACCOUNT "/org/deflectd1/account/"

/* Two people may have an account of one name, and somebody may call one like another's id. */
static const char several[]
    = "{'" ACCOUNT "0a000001': {'org.deflectd1.Account': {'Name': <'work'>,"
      "   'Address': <'sip:\033[2Jalice@example.org'>}},"
      " '" ACCOUNT "0a000002': {'org.deflectd1.Account': {'Name': <'work'>}},"
      " '" ACCOUNT "0a000003': {'org.deflectd1.Account': {'Name': <'home'>}},"
      " '" ACCOUNT "beef0001': {'org.deflectd1.Account': {'Name': <'cafe0001'>}},"
      " '" ACCOUNT "cafe0001': {'org.deflectd1.Account': {'Name': <'other'>}},"
      " '/org/deflectd1/call/0a1b2c3d': {'org.deflectd1.Call': {'State': <'offered'>}}}";

static const char one[]
    = "{'" ACCOUNT "0a000001': {'org.deflectd1.Account': {'Name': <'work'>}},"
      " '/org/deflectd1/call/0a1b2c3d': {'org.deflectd1.Call': {'State': <'offered'>}}}";

static const char none[]
    = "{'/org/deflectd1/call/0a1b2c3d': {'org.deflectd1.Call': {'State': <'offered'>}}}";

static char *
match (const char *objects_text, const char *text, GError **error)
{
  g_autoptr (GError) parse_error = NULL;
  g_autoptr (GVariant) objects = g_variant_parse (G_VARIANT_TYPE ("a{oa{sa{sv}}}"), objects_text,
                                                  NULL, NULL, &parse_error);

  g_assert_no_error (parse_error);
  return dfl_account_match (objects, text, error);
}

static void
test_match (void)
{
  const struct
  {
    const char *objects, *text, *path;
  } cases[] = {
    { several, "home", ACCOUNT "0a000003" },
    { several, "0a000003", ACCOUNT "0a000003" },
    { several, "0a000002", ACCOUNT "0a000002" },
    { several, ACCOUNT "cafe0001", ACCOUNT "cafe0001" },
    { several, "work", NULL },
    { several, "cafe0001", NULL },
    { several, "Home", NULL },
    { several, "hom", NULL },
    { several, "0a00000", NULL },
    { several, "0a1b2c3d", NULL },
    { several, "", NULL },
    { several, NULL, NULL },
    { one, NULL, ACCOUNT "0a000001" },
    { one, "home", NULL },
    { none, NULL, NULL },
    { none, "work", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *path = match (cases[i].objects, cases[i].text, &error);

      g_assert_cmpstr (path, ==, cases[i].path);
      if (path == NULL)
        g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT);
      else
        g_assert_no_error (error);
    }
}

/* Who has to choose is shown what from, harmless. */
static void
test_candidates (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (match (several, "work", &error));
  g_assert_nonnull (
      strstr (error->message, "\n  0a000001  work  sip:\\u001b[2Jalice@example.org\n"));
  g_assert_nonnull (strstr (error->message, "0a000002  work"));
  g_assert_null (strstr (error->message, "home"));
  g_clear_error (&error);
  g_assert_null (match (several, "\033[2J", &error));
  g_assert_null (strchr (error->message, '\033'));
}

/* --- Keys --- */

static GVariant *
parse (GError **error, const char *word, const char *second_word)
{
  const char *const words[] = { word, second_word, NULL };
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);

  return dfl_account_keys_parse (words, &settings, error)
             ? g_variant_ref_sink (g_variant_dict_end (&settings))
             : NULL;
}

static void
test_values (void)
{
  const struct
  {
    const char *word;
    const char *settings; /* NULL: a usage error */
  } cases[] = {
    { "display-name=Alice = me", "{'display-name': <'Alice = me'>}" },
    { "display-name=", "{'display-name': <''>}" },
    { "enabled=true", "{'enabled': <true>}" },
    { "enabled=false", "{'enabled': <false>}" },
    { "enabled=", "{'enabled': <''>}" },
    { "enabled=yes", NULL },
    { "enabled=True", NULL },
    { "ring-limit=30", "{'ring-limit': <uint32 30>}" },
    { "ring-limit=4294967295", "{'ring-limit': <uint32 4294967295>}" },
    { "ring-limit=4294967296", NULL },
    { "ring-limit=-1", NULL },
    { "ring-limit=3 0", NULL },
    { "ring-limit=0x10", NULL },
    { "ring-limit=", "{'ring-limit': <''>}" },
    { "users=alice", "{'users': <['alice']>}" },
    { "users= alice ;bob,,carol;", "{'users': <['alice', 'bob', 'carol']>}" },
    { "users=", "{'users': <@as []>}" },
    { "users=;", "{'users': <@as []>}" },
    { "users=*", "{'users': <['*']>}" },
    { "accept-from=192.0.2.1;2001:db8::/32", "{'accept-from': <['192.0.2.1', '2001:db8::/32']>}" },
    { "password=", "{'password': <''>}" },
    { "expires=120", "{'expires': <uint32 120>}" },
    { "tls-wildcard=true", "{'tls-wildcard': <true>}" },
    { "redirect-policy=refused", "{'redirect-policy': <'refused'>}" },
    { "tls-ca=", "{'tls-ca': <''>}" },
    { "tls-key=", "{'tls-key': <''>}" },
    { "ring-limit", NULL },
    { "=30", NULL },
    { "", NULL },
    { "Ring-Limit=30", NULL },
    { "name=x", NULL },
    { "creator=x", NULL },
    { "tls-ca-file=x", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) settings = parse (&error, cases[i].word, NULL);
      g_autoptr (GVariant) wanted = NULL;

      g_test_message ("%s", cases[i].word);
      if (cases[i].settings == NULL)
        {
          g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE);
          continue;
        }
      g_assert_no_error (error);
      wanted = g_variant_parse (G_VARIANT_TYPE_VARDICT, cases[i].settings, NULL, NULL, NULL);
      g_assert_nonnull (wanted);
      g_assert_cmpvariant (settings, wanted);
    }
}

static void
test_refusals (void)
{
  const char *const secret[] = { "password=s3cret", "password-file=s3cret", "passwords=s3cret" };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (secret); i++)
    {
      g_assert_null (parse (&error, secret[i], NULL));
      g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE);
      g_assert_nonnull (strstr (error->message, "--password-file FILE"));
      g_assert_null (strstr (error->message, "s3cret"));
      g_clear_error (&error);
    }
  g_assert_null (parse (&error, "enabled=true", "enabled=true"));
  g_assert_nonnull (strstr (error->message, "twice"));
  g_clear_error (&error);
  g_assert_null (parse (&error, "\033[2Jx=1", NULL));
  g_assert_null (strchr (error->message, '\033'));
  for (const DflAccountKey *key = dfl_account_keys; key->key != NULL; key++)
    g_assert_nonnull (strstr (error->message, key->key));
}

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static char *
join_sorted (GPtrArray *lines)
{
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (char **)lines->pdata);
}

/* The table is the contract's: every key with its type, no other, and no password. */
static void
test_contract (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "data",
                                                 DFL_ACCOUNT_INTERFACE ".xml", NULL);
  g_autofree char *xml = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GRegex) terms = g_regex_new ("<term>([^<]*)</term>", 0, 0, NULL);
  g_autoptr (GRegex) keys = g_regex_new ("([a-z-]+) \\(([a-z]+)\\)", 0, 0, NULL);
  g_autoptr (GMatchInfo) term = NULL;
  g_autoptr (GPtrArray) documented = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) known = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *documented_text = NULL;
  g_autofree char *known_text = NULL;
  char *table, *end;

  g_file_get_contents (path, &xml, NULL, &error);
  g_assert_no_error (error);
  table = strstr (xml, "<title>Keys of settings");
  g_assert_nonnull (table);
  end = strstr (table, "</variablelist>");
  g_assert_nonnull (end);
  *end = '\0';
  for (g_regex_match (terms, table, 0, &term); g_match_info_matches (term);
       g_match_info_next (term, NULL))
    {
      g_autofree char *text = g_match_info_fetch (term, 1);
      g_autoptr (GMatchInfo) key = NULL;

      for (g_regex_match (keys, text, 0, &key); g_match_info_matches (key);
           g_match_info_next (key, NULL))
        {
          g_autofree char *line = g_match_info_fetch (key, 0);

          if (!g_str_equal (line, "password (s)"))
            g_ptr_array_add (documented, g_steal_pointer (&line));
        }
    }
  for (const DflAccountKey *key = dfl_account_keys; key->key != NULL; key++)
    g_ptr_array_add (known, g_strdup_printf ("%s (%s)", key->key, key->type));
  known_text = join_sorted (known);
  documented_text = join_sorted (documented);
  g_assert_cmpstr (known_text, ==, documented_text);
}

/* --- Targets --- */

static GVariant *
targets (const char *text)
{
  return g_variant_parse (G_VARIANT_TYPE ("a(sss)"), text, NULL, NULL, NULL);
}

static void
test_targets (void)
{
  const struct
  {
    const char *alias, *label, *address, *after;
  } cases[] = {
    { "desk", NULL, "200", "[('mobile','Cell','1'),('home','Home','2'),('desk','Desk','200')]" },
    { "desk", "My desk", "3",
      "[('mobile','Cell','1'),('home','Home','2'),('desk','My desk','3')]" },
    /* The place and, unless another is given, the label stay. */
    { "mobile", NULL, "9", "[('mobile','Cell','9'),('home','Home','2')]" },
    { "mobile", "Phone", "9", "[('mobile','Phone','9'),('home','Home','2')]" },
    { "mobile", "", "9", "[('mobile','','9'),('home','Home','2')]" },
  };
  g_autoptr (GVariant) before = targets ("[('mobile','Cell','1'),('home','Home','2')]");
  g_autoptr (GVariant) empty = targets ("@a(sss) []");
  g_autoptr (GVariant) without_home = dfl_targets_remove (before, "home");
  g_autoptr (GVariant) without_mobile = dfl_targets_remove (without_home, "mobile");
  g_autoptr (GVariant) only_mobile = targets ("[('mobile','Cell','1')]");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) after = dfl_targets_set (before, cases[i].alias, cases[i].label,
                                                    cases[i].address);
      g_autoptr (GVariant) wanted = targets (cases[i].after);

      g_assert_cmpvariant (after, wanted);
    }
  g_assert_cmpvariant (without_home, only_mobile);
  g_assert_cmpvariant (without_mobile, empty);
  g_assert_null (dfl_targets_remove (before, "desk"));
  g_assert_null (dfl_targets_remove (empty, "mobile"));
}

static void
test_aliases (void)
{
  const char *const good[] = { "a", "mobile", "a-b_c9", "abcdefghijklmnopqrstuvwxyz012345" };
  const char *const bad[] = { "",    "9",        "-a",
                              "_a",  "Mobile",   "a b",
                              "+49", "\xc3\xa4", "abcdefghijklmnopqrstuvwxyz0123456" };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (dfl_alias_is_valid (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (dfl_alias_is_valid (bad[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/accounts/match", test_match);
  g_test_add_func ("/accounts/candidates", test_candidates);
  g_test_add_func ("/accounts/values", test_values);
  g_test_add_func ("/accounts/refusals", test_refusals);
  g_test_add_func ("/accounts/contract", test_contract);
  g_test_add_func ("/accounts/targets", test_targets);
  g_test_add_func ("/accounts/aliases", test_aliases);
  return g_test_run ();
}
