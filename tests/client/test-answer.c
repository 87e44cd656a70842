/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What decides in watch: the answer's line and the filter. */

#include "answer.h"
#include "errors.h"
#include "filter.h"

static void
test_answer (void)
{
  const struct
  {
    const char *line;
    gboolean valid;
    DflAnswerKind kind;
    const char *target;
    guint status;
  } cases[] = {
    { "", TRUE, DFL_ANSWER_NOTHING, NULL, 0 },
    { " \t\r", TRUE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "redirect sip:bob@example.org", TRUE, DFL_ANSWER_REDIRECT, "sip:bob@example.org", 0 },
    { "  redirect\t+49-30-1234 \r", TRUE, DFL_ANSWER_REDIRECT, "+49-30-1234", 0 },
    { "decline", TRUE, DFL_ANSWER_DECLINE, NULL, 0 },
    { "decline 480", TRUE, DFL_ANSWER_DECLINE, NULL, 480 },
    { "decline 603", TRUE, DFL_ANSWER_DECLINE, NULL, 603 },
    { "silence", TRUE, DFL_ANSWER_SILENCE, NULL, 0 },
    { "redirect", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "redirect 200 201", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "Redirect 200", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "decline 500", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "decline 0480", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "decline 486 now", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "silence!", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "accept", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "redirect \xff", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
    { "\001redirect 200", FALSE, DFL_ANSWER_NOTHING, NULL, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      DflAnswer answer;

      g_assert_cmpint (dfl_answer_parse (&answer, cases[i].line, &error), ==, cases[i].valid);
      g_assert_true ((error == NULL) == cases[i].valid);
      g_assert_cmpint (answer.kind, ==, cases[i].kind);
      g_assert_cmpstr (answer.target, ==, cases[i].target);
      g_assert_cmpuint (answer.status, ==, cases[i].status);
      dfl_answer_clear (&answer);
    }
}

/* A wrong answer is quoted, but neither raw nor in full. */
static void
test_quoted (void)
{
  g_autofree char *line = g_strnfill (5000, 'x');
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) hostile = NULL;
  DflAnswer answer;

  g_assert_false (dfl_answer_parse (&answer, line, &error));
  g_assert_cmpuint (strlen (error->message), <, 400);
  g_assert_false (dfl_answer_parse (&answer, "\033[2J\xff", &hostile));
  g_assert_nonnull (strstr (hostile->message, "\\u001b[2J"));
  g_assert_null (strchr (hostile->message, '\033'));
}

static void
test_filter (void)
{
  const struct
  {
    const char *caller, *account, *state;
    gboolean matches;
  } cases[] = {
    { NULL, NULL, "offered", TRUE },
    { NULL, NULL, "redirecting", FALSE },
    { NULL, "alice", "offered", TRUE },
    { NULL, "ali", "offered", FALSE },
    { "*@example.org", NULL, "offered", TRUE },
    { "+4930*", NULL, "offered", TRUE },
    { "carol j?nsen", NULL, "offered", TRUE },
    { "carol", NULL, "offered", FALSE },
    { "", NULL, "offered", FALSE },
    { "*", "bob", "offered", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      DflFilter filter = { .caller = (char *)cases[i].caller, .account = (char *)cases[i].account };
      g_autofree char *text = g_strdup_printf ("{'State': <'%s'>, 'CallerName': <'Carol Jensen'>,"
                                               " 'CallerNumber': <'+49301234'>,"
                                               " 'CallerAddress': <'sip:carol@Example.org'>}",
                                               cases[i].state);
      g_autoptr (GVariant) call = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);

      g_assert_cmpint (dfl_filter_matches (&filter, call, "alice"), ==, cases[i].matches);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/answer/lines", test_answer);
  g_test_add_func ("/answer/quoted", test_quoted);
  g_test_add_func ("/filter/matches", test_filter);
  return g_test_run ();
}
