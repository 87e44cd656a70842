/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manual page and the completions know every verb and every option that the program has. */

#include <gio/gio.h>
#include <string.h>

#include "accounts.h"

static char *
run (const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                                       &error);
  char *output = NULL;

  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));
  return output;
}

static char *
read_help (const char *verb)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  const char *argv[] = { program, verb != NULL ? verb : "--help", verb != NULL ? "--help" : NULL,
                         NULL };

  return run (argv);
}

static char *
read_data (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "data", name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* The first group of every match. */
static GPtrArray *
find_all (const char *text, const char *pattern)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_MULTILINE, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  for (g_regex_match (regex, text, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    g_ptr_array_add (found, g_match_info_fetch (match, 1));
  return found;
}

static GPtrArray *
find_verbs (void)
{
  g_autofree char *help = read_help (NULL);
  GPtrArray *verbs = find_all (strstr (help, "Verbs:"), "^  ([a-z]+)");

  g_assert_cmpuint (verbs->len, ==, 11);
  return verbs;
}

/* The verbs that account and target have of their own, as they are typed. */
static GPtrArray *
find_inner_verbs (void)
{
  const char *const outer[] = { "account", "target" };
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < G_N_ELEMENTS (outer); i++)
    {
      g_autofree char *help = read_help (outer[i]);
      g_autoptr (GPtrArray) names = find_all (help, "^  (?!deflectctl)([a-z]+)(?= )");

      for (guint j = 0; j < names->len; j++)
        g_ptr_array_add (found, g_strdup_printf ("%s %s", outer[i], (char *)names->pdata[j]));
    }
  g_assert_cmpuint (found->len, ==, 12);
  return found;
}

static GPtrArray *
find_options (const char *verb)
{
  g_autofree char *help = read_help (verb);

  return find_all (help, "^  (?:-h, )?(--[a-z-]+)");
}

static void
assert_contains (const char *where, const char *text, const char *format, const char *word)
{
  g_auto (GStrv) parts = g_strsplit (format, "@", 2);
  g_autofree char *wanted = g_strconcat (parts[0], word, parts[1], NULL);

  if (strstr (text, wanted) == NULL)
    g_error ("%s has no “%s”", where, wanted);
}

/* For every option of every verb. format: how an option without its dashes is written there. */
static void
assert_complete (const char *file, const char *verb_format, const char *option_format)
{
  g_autofree char *text = read_data (file);
  g_autoptr (GPtrArray) verbs = find_verbs ();

  for (guint i = 0; i < verbs->len; i++)
    {
      g_autoptr (GPtrArray) options = find_options (verbs->pdata[i]);

      assert_contains (file, text, verb_format, verbs->pdata[i]);
      g_assert_cmpuint (options->len, >=, 4);
      for (guint j = 0; j < options->len; j++)
        assert_contains (file, text, option_format, (char *)options->pdata[j] + 2);
    }
}

static void
test_manual (void)
{
  g_autofree char *text = read_data ("deflectctl.1.scd");
  g_autoptr (GPtrArray) inner = find_inner_verbs ();

  assert_complete ("deflectctl.1.scd", "\n*@", "*--@*");
  for (guint i = 0; i < inner->len; i++)
    assert_contains ("the manual", text, "\n*@*", inner->pdata[i]);
}

/* Every key of an account is in the completions, and none that there is not. */
static void
assert_keys (const char *file)
{
  g_autofree char *text = read_data (file);
  char *words = strstr (text, "'address= ");
  g_auto (GStrv) keys = NULL;
  guint n = 0;

  g_assert_nonnull (words);
  *strchr (words + 1, '\'') = '\0';
  keys = g_strsplit_set (words + 1, " \n\\", -1);
  for (guint i = 0; keys[i] != NULL; i++)
    if (*keys[i] != '\0')
      {
        g_autofree char *name = g_strndup (keys[i], strlen (keys[i]) - 1);

        g_assert_true (g_str_has_suffix (keys[i], "="));
        g_assert_cmpstr (name, ==, dfl_account_keys[n++].key);
      }
  g_assert_null (dfl_account_keys[n].key);
}

/* Every verb of account and target stands in their lists. */
static void
assert_inner_verbs (const char *file)
{
  g_autofree char *text = read_data (file);

  assert_contains (file, text, "@", "list show add set remove enable disable register test");
  assert_contains (file, text, "@", "list set remove");
}

static void
test_zsh (void)
{
  assert_keys ("completions/_deflectctl");
  assert_inner_verbs ("completions/_deflectctl");
  assert_complete ("completions/_deflectctl", "'@:", "--@");
}

static void
test_fish (void)
{
  assert_keys ("completions/deflectctl.fish");
  assert_inner_verbs ("completions/deflectctl.fish");
  assert_complete ("completions/deflectctl.fish", "-a @ ", "-l @ ");
}

/* bash is everywhere, so it has to show what it does. */
static char *
complete_bash (const char *line)
{
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "..", "data", "completions",
                                                 "deflectctl.bash", NULL);
  const char *argv[] = { "bash", "-c",
                         /* The place of the program is taken by what tells how it is called. */
                         "deflectctl () { printf 'HEAD\\n%s\\n' \"$(IFS=_; echo \"$*\")\"; }; "
                         "source \"$1\"; COMP_LINE=$2; COMP_POINT=${#2}; _deflectctl; "
                         "echo \" ${COMPREPLY[*]} \"",
                         "bash", file, line, NULL };

  return run (argv);
}

static void
test_bash (void)
{
  /* How the program is called for what is offered. */
  const struct
  {
    const char *words, *lists;
  } names[] = {
    { "show", "--bus_system_list " },
    { "--bus session redirect", "--bus_session_list " },
    { "wait --account", "--bus_system_account_list " },
    { "account show", "--bus_system_account_list " },
    { "account --json remove", "--bus_system_account_list " },
    { "account remove work", " " },
    { "account register", "--bus_system_account_list " },
    { "account --rang no test", "--bus_system_account_list " },
    { "account test work", " " },
    { "account add", " " },
    { "account add work", " " },
    { "account list", " " },
    { "target list", "--bus_system_account_list " },
    { "target remove", "--bus_system_target_list --bus_system_account_list " },
    { "target remove work", "--bus_system_target_list_work " },
    { "target set --label Cell work", "--bus_system_target_list_work " },
  };
  g_autoptr (GPtrArray) verbs = find_verbs ();
  g_autofree char *offered = complete_bash ("deflectctl ");
  g_autofree char *behind_bus = complete_bash ("deflectctl --bus unix:path=/nonexistent/a:b=c sil");
  g_autofree char *value = complete_bash ("deflectctl decline --status ");
  g_autofree char *answers = complete_bash ("deflectctl account test work 200 --rang ");
  g_autofree char *accounts = complete_bash ("deflectctl account ");
  g_autofree char *targets = complete_bash ("deflectctl target ");
  g_autofree char *keys = complete_bash ("deflectctl account set work tr");

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *line = g_strconcat ("deflectctl ", names[i].words, " ", NULL);
      g_autofree char *answer = complete_bash (line);
      g_autofree char *wanted = g_strdup_printf (" %s\n", names[i].lists);

      g_assert_cmpstr (answer, ==, wanted);
    }
  assert_keys ("completions/deflectctl.bash");
  g_assert_cmpstr (accounts, ==, " list show add set remove enable disable register test \n");
  g_assert_cmpstr (targets, ==, " list set remove \n");
  g_assert_cmpstr (keys, ==, " transport= trusted= \n");
  g_assert_cmpstr (behind_bus, ==, " silence \n");
  g_assert_cmpstr (value, ==, " 480 486 603 \n");
  g_assert_cmpstr (answers, ==, " yes no ask \n");
  for (guint i = 0; i < verbs->len; i++)
    {
      g_autoptr (GPtrArray) options = find_options (verbs->pdata[i]);
      g_autofree char *line = g_strdup_printf ("deflectctl %s --", (char *)verbs->pdata[i]);
      g_autofree char *offered_options = complete_bash (line);

      assert_contains ("bash", offered, " @ ", verbs->pdata[i]);
      for (guint j = 0; j < options->len; j++)
        assert_contains ("bash", offered_options, " @ ", options->pdata[j]);
    }
}

int
main (int argc, char **argv)
{
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/documented/manual", test_manual);
  g_test_add_func ("/documented/bash", test_bash);
  g_test_add_func ("/documented/zsh", test_zsh);
  g_test_add_func ("/documented/fish", test_fish);
  return g_test_run ();
}
