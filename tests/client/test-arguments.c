/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which call a person means, and what the arguments of redirect are. */

#include "daemon.h"

#include "errors.h"

#define CALL "/org/deflectd1/call/"

static const char three_calls[]
    = "{'/org/deflectd1/account/0a000001': {'org.deflectd1.Account': {'Name': <'alice'>}},"
      " '" CALL "0a1b2c3d': {'org.deflectd1.Call': {'State': <'redirecting'>}},"
      " '" CALL "0a1b9999': {'org.deflectd1.Call': {'State': <'offered'>,"
      "   'CallerName': <'\033[2JCarol'>}},"
      " '" CALL "ffffffff': {'org.deflectd1.Call': {'State': <'idle'>}}}";

static const char two_offered[] = "{'" CALL
                                  "0a1b2c3d': {'org.deflectd1.Call': {'State': <'offered'>}},"
                                  " '" CALL
                                  "ffffffff': {'org.deflectd1.Call': {'State': <'offered'>}}}";

static const char no_calls[]
    = "{'/org/deflectd1/account/0a000001': {'org.deflectd1.Account': {'Name': <'alice'>}}}";

static char *
match (const char *objects_text, const char *id, int *exit_code, char **message)
{
  g_autoptr (GError) parse_error = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = g_variant_parse (G_VARIANT_TYPE ("a{oa{sa{sv}}}"), objects_text,
                                                  NULL, NULL, &parse_error);
  char *path;

  g_assert_no_error (parse_error);
  path = dfl_call_id_match (objects, id, &error);
  g_assert_true ((path == NULL) == (error != NULL));
  *exit_code = error != NULL ? (int)dfl_errors_exit (error) : 0;
  if (message != NULL)
    *message = g_strdup (error != NULL ? error->message : "");
  return path;
}

static void
test_match (void)
{
  const struct
  {
    const char *objects, *id, *path;
    int exit_code;
  } cases[] = {
    { three_calls, "0a1b2c3d", CALL "0a1b2c3d", 0 },
    { three_calls, "0a1b2", CALL "0a1b2c3d", 0 },
    { three_calls, "f", CALL "ffffffff", 0 },
    { three_calls, CALL "ffffffff", CALL "ffffffff", 0 },
    /* Without an id: the only one that is offered. */
    { three_calls, NULL, CALL "0a1b9999", 0 },
    { three_calls, "0a1b", NULL, DFL_EXIT_NO_OBJECT },
    { three_calls, "1", NULL, DFL_EXIT_NO_OBJECT },
    /* An account is no call. */
    { three_calls, "0a000001", NULL, DFL_EXIT_NO_OBJECT },
    { two_offered, NULL, NULL, DFL_EXIT_NO_OBJECT },
    { no_calls, NULL, NULL, DFL_EXIT_NO_OBJECT },
    { no_calls, "0a1b2c3d", NULL, DFL_EXIT_NO_OBJECT },
    { three_calls, "", NULL, DFL_EXIT_USAGE },
    { three_calls, "0A1B2C3D", NULL, DFL_EXIT_USAGE },
    { three_calls, "0a1b2c3d0", NULL, DFL_EXIT_USAGE },
    { three_calls, "../account/0a000001", NULL, DFL_EXIT_USAGE },
    { three_calls, CALL, NULL, DFL_EXIT_USAGE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      int exit_code;
      g_autofree char *path = match (cases[i].objects, cases[i].id, &exit_code, NULL);

      g_assert_cmpstr (path, ==, cases[i].path);
      g_assert_cmpint (exit_code, ==, cases[i].exit_code);
    }
}

/* Who has to choose is shown what from, and nothing of it reaches the terminal raw. */
static void
test_candidates (void)
{
  int exit_code;
  g_autofree char *message = NULL;
  g_autofree char *path = match (three_calls, "0a1b", &exit_code, &message);

  g_assert_null (path);
  g_assert_nonnull (strstr (message, "0a1b2c3d  redirecting"));
  g_assert_nonnull (strstr (message, "0a1b9999  offered  \\u001b[2JCarol"));
  g_assert_null (strstr (message, "ffffffff"));
  g_assert_null (strchr (message, '\033'));
}

/* With thousands of calls, a person wants no thousands of lines. */
static void
test_many (void)
{
  g_autoptr (GString) objects = g_string_new ("{");
  g_autofree char *message = NULL;
  g_autofree char *path = NULL;
  g_auto (GStrv) lines = NULL;
  int exit_code;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (objects,
                            "%s'" CALL "%08x': {'org.deflectd1.Call': {'State': <'offered'>}}",
                            i > 0 ? ", " : "", i);
  g_string_append_c (objects, '}');
  path = match (objects->str, NULL, &exit_code, &message);
  g_assert_null (path);
  g_assert_cmpint (exit_code, ==, DFL_EXIT_NO_OBJECT);
  lines = g_strsplit (message, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 12);
  g_assert_cmpstr (lines[11], ==, "  … (+990)");
}

static void
test_redirect_arguments (void)
{
  const struct
  {
    const char *option;
    const char *arguments[9];
    gboolean valid;
    const char *call, *target;
    guint n_alternatives;
  } cases[] = {
    { NULL, { NULL }, FALSE, NULL, NULL, 0 },
    { NULL, { "200", NULL }, TRUE, NULL, "200", 0 },
    /* Also where it could be a call: one argument is a target. */
    { NULL, { "0a1b2c3d", NULL }, TRUE, NULL, "0a1b2c3d", 0 },
    { NULL, { "12345678", "200", NULL }, TRUE, "12345678", "200", 0 },
    { NULL, { CALL "12345678", "200", NULL }, TRUE, CALL "12345678", "200", 0 },
    { NULL, { "0a", "sip:bob@example.org", "201", NULL }, TRUE, "0a", "sip:bob@example.org", 1 },
    { NULL, { "+4930", "200", NULL }, TRUE, NULL, "+4930", 1 },
    { NULL, { "mobile", "200", "201", NULL }, TRUE, NULL, "mobile", 2 },
    { NULL, { "123456789", "200", NULL }, TRUE, NULL, "123456789", 1 },
    { "0a1b", { "200", NULL }, TRUE, "0a1b", "200", 0 },
    { "0a1b", { "200", "201", NULL }, TRUE, "0a1b", "200", 1 },
    { "0a1b", { NULL }, FALSE, NULL, NULL, 0 },
    { NULL, { "0a", "1", "2", "3", "4", "5", "6", NULL }, TRUE, "0a", "1", 5 },
    { NULL, { "0a", "1", "2", "3", "4", "5", "6", "7", NULL }, FALSE, NULL, NULL, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      DflRedirectArguments arguments;
      gboolean valid = dfl_redirect_arguments_parse (&arguments, cases[i].option,
                                                     cases[i].arguments, &error);

      g_assert_cmpint (valid, ==, cases[i].valid);
      if (!valid)
        {
          g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE);
          continue;
        }
      g_assert_cmpstr (arguments.call, ==, cases[i].call);
      g_assert_cmpstr (arguments.target, ==, cases[i].target);
      g_assert_cmpuint (g_strv_length ((char **)arguments.alternatives), ==,
                        cases[i].n_alternatives);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arguments/match", test_match);
  g_test_add_func ("/arguments/candidates", test_candidates);
  g_test_add_func ("/arguments/many", test_many);
  g_test_add_func ("/arguments/redirect", test_redirect_arguments);
  return g_test_run ();
}
