/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a test of the server in front says, and what it never says. */

#include "redirect-test.h"

#include <locale.h>
#include <string.h>

static void
test_answers (void)
{
  const struct
  {
    const char *line;
    DflRang rang;
  } cases[] = {
    { "y\n", DFL_RANG_YES },   { "Y", DFL_RANG_YES },         { " yes \n", DFL_RANG_YES },
    { "YES\n", DFL_RANG_YES }, { "n\n", DFL_RANG_NO },        { "No\n", DFL_RANG_NO },
    { "", DFL_RANG_UNKNOWN },  { "\n", DFL_RANG_UNKNOWN },    { "?\n", DFL_RANG_UNKNOWN },
    { "1", DFL_RANG_UNKNOWN }, { "maybe", DFL_RANG_UNKNOWN },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (dfl_rang_from_answer (cases[i].line), ==, cases[i].rang);
}

static void
test_options (void)
{
  const char *const wrong[] = { "", "Yes", "y", "unknown", "true" };
  DflRang rang = DFL_RANG_UNKNOWN;

  g_assert_true (dfl_rang_parse ("yes", &rang));
  g_assert_cmpstr (dfl_rang_to_policy (rang), ==, "honoured");
  g_assert_true (dfl_rang_parse ("no", &rang));
  g_assert_cmpstr (dfl_rang_to_policy (rang), ==, "refused");
  g_assert_true (dfl_rang_parse ("ask", &rang));
  g_assert_cmpint (rang, ==, DFL_RANG_ASK);
  g_assert_cmpstr (dfl_rang_to_policy (rang), ==, "unknown");
  g_assert_cmpstr (dfl_rang_to_policy (DFL_RANG_UNKNOWN), ==, "unknown");
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (dfl_rang_parse (wrong[i], &rang));
}

static void
assert_says (const char *outcome, gint64 took, const char *said, gboolean slow)
{
  g_autofree char *text = dfl_redirect_test_explain (outcome, took);

  g_test_message ("%s", text);
  g_assert_nonnull (strstr (text, said));
  g_assert_true ((strstr (text, "more than once") != NULL) == slow);
  /* Nobody can tell that from here. */
  g_assert_null (strstr (text, "TARGET rang."));
  g_assert_null (strchr (text, '\033'));
}

static void
test_outcomes (void)
{
  assert_says ("redirected", 12000, "after 12 ms", FALSE);
  assert_says ("redirected", 12000, "not whether it follows", FALSE);
  assert_says ("redirected", -5, "after 0 ms", FALSE);
  assert_says ("redirected", 499999, "after 499 ms", FALSE);
  assert_says ("redirected", 500000, "after 0.5 s", TRUE);
  assert_says ("redirected", 3600000, "after 3.6 s", TRUE);
  assert_says ("redirected", 3600000, "not whether it follows", TRUE);
  assert_says ("unconfirmed", 32000000, "never acknowledged", FALSE);
  assert_says ("failed", 10, "network did not take", FALSE);
  assert_says ("cancelled", 10, "before it could be redirected", FALSE);
  assert_says ("answered-elsewhere", 10, "Another phone answered", FALSE);
  assert_says ("declined", 10, "somebody else", FALSE);
  assert_says ("\033[2J", 10, "\\u001b[2J", FALSE);
}

int
main (int argc, char **argv)
{
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/redirect-test/answers", test_answers);
  g_test_add_func ("/redirect-test/options", test_options);
  g_test_add_func ("/redirect-test/outcomes", test_outcomes);
  return g_test_run ();
}
