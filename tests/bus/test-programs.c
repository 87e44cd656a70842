/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that we did not write, against the service: gdbus and busctl. */

#include "bus/fixture.h"

#include "data/names.h"

typedef struct
{
  char *output;
  gboolean done;
} Run;

static void
on_exited (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), result, &run->output, NULL, &error);
  g_assert_no_error (error);
  run->done = TRUE;
}

/* Runs a program, its arguments separated by blanks, on the fixture's bus; what it printed. */
static char *
run_program (Fixture *fixture, const char *command, gboolean succeeds)
{
  g_auto (GStrv) words = g_strsplit (command, " ", -1);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) arguments = NULL;
  g_autoptr (GSubprocess) program = NULL;
  g_autoptr (GError) error = NULL;
  Run run = { 0 };

  for (guint i = 0; words[i] != NULL; i++)
    {
      g_autofree char *address = NULL;

      if (!g_str_equal (words[i], "ADDRESS"))
        {
          g_strv_builder_add (builder, words[i]);
          continue;
        }
      address = g_strconcat ("--address=", fixture->bus->address, NULL);
      g_strv_builder_add (builder, address);
    }
  arguments = g_strv_builder_end (builder);
  program = g_subprocess_newv ((const char *const *)arguments,
                               G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
                               &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (program, NULL, NULL, on_exited, &run);
  fixture_wait (&run.done);
  if (g_subprocess_get_successful (program) != succeeds)
    g_error ("%s: %s", command, run.output);
  return run.output;
}

static void
expect_output (Fixture *fixture, const char *command, gboolean succeeds, const char *part)
{
  g_autofree char *output = run_program (fixture, command, succeeds);

  if (strstr (output, part) == NULL)
    g_error ("%s: no \"%s\" in: %s", command, part, output);
}

static void
test_gdbus (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  const char *path = path_of_call (call);
  g_autofree char *introspect = g_strdup_printf ("gdbus introspect ADDRESS --dest " DFL_BUS_NAME
                                                 " --object-path %s",
                                                 path);
  g_autofree char *silence = g_strdup_printf ("gdbus call ADDRESS --dest " DFL_BUS_NAME
                                              " --object-path %s --method "
                                              "org.deflectd1.Call.Silence",
                                              path);
  g_autofree char *redirect
      = g_strdup_printf ("gdbus call ADDRESS --dest " DFL_BUS_NAME " --object-path %s --method "
                         "org.deflectd1.Call.Redirect sip:bob@b {'wait':<false>}",
                         path);
  g_autofree char *late = g_strdup_printf ("gdbus call ADDRESS --dest " DFL_BUS_NAME
                                           " --object-path %s --method "
                                           "org.deflectd1.Call.Redirect sip:bob@b {}",
                                           path);

  expect_output (fixture,
                 "gdbus introspect ADDRESS --dest " DFL_BUS_NAME " --object-path / --recurse", TRUE,
                 path);
  expect_output (fixture, introspect, TRUE, "CallerName = 'Carol'");
  expect_output (fixture, silence, TRUE, "()");
  expect_output (fixture, redirect, TRUE, "()");
  expect_output (fixture, late, FALSE, DFL_ERROR_PREFIX "TooLate");
}

static void
test_busctl (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  const char *path = path_of_call (call);
  g_autofree char *introspect = g_strdup_printf ("busctl ADDRESS introspect " DFL_BUS_NAME " %s",
                                                 path);
  g_autofree char *get = g_strdup_printf ("busctl ADDRESS get-property " DFL_BUS_NAME
                                          " %s org.deflectd1.Call State",
                                          path);
  g_autofree char *check = g_strdup_printf (
      "busctl ADDRESS call " DFL_BUS_NAME " %s org.deflectd1.Call CheckRedirect sa{sv} +4930123 0",
      path);
  g_autofree char *decline = g_strdup_printf ("busctl ADDRESS call " DFL_BUS_NAME
                                              " %s org.deflectd1.Call Decline a{sv} 1 status u 486",
                                              path);

  expect_output (fixture, "busctl ADDRESS tree --no-pager " DFL_BUS_NAME, TRUE, path);
  expect_output (fixture, "busctl ADDRESS introspect " DFL_BUS_NAME " /org/deflectd1", TRUE,
                 "FindCall");
  expect_output (fixture, introspect, TRUE, "\"Carol\"");
  expect_output (fixture, get, TRUE, "s \"offered\"");
  expect_output (fixture, check, TRUE, "bass true 1 \"sip:+4930123@example.org;user=phone\" \"\"");
  expect_output (fixture, decline, TRUE, "");
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_DECLINING);
  expect_output (fixture, "busctl ADDRESS introspect " DFL_BUS_NAME " /org/deflectd1/call/00000000",
                 FALSE, "");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/bus/programs/gdbus", Fixture, FIXTURE_SESSION, fixture_set_up, test_gdbus,
              fixture_tear_down);
  g_test_add ("/bus/programs/busctl", Fixture, FIXTURE_SESSION, fixture_set_up, test_busctl,
              fixture_tear_down);
  return g_test_run ();
}
