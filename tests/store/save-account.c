/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keeps one account, for a test that lets the system calls of this fail or end it:
 *
 *     save-account DIRECTORY save DISPLAY-NAME
 *     save-account DIRECTORY remove
 *
 * The state directory is DIRECTORY/start, and is called DIRECTORY/state from when the account is
 * about to be kept; so whoever looks for that path sees the system calls of the save alone. Exits
 * with 0 when it is told to be done, with 3 and the reason on standard output when it is told to
 * have failed.
 */

#include <glib/gstdio.h>
#include <sys/stat.h>

#include "store/keeper.h"

#define ID "0123abcd"

static int exit_code = -1;

static void
on_done (const GError *error, gpointer data)
{
  exit_code = error == NULL ? 0 : 3;
  if (error != NULL)
    g_print ("%s", error->message);
}

static DflAccountSettings *
new_account (DflKeeper *keeper, const char *display_name)
{
  g_autoptr (DflAccountSettings) base = dfl_account_settings_new ("work");
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GError) error = NULL;
  DflAccountSettings *account;

  base->id = g_strdup (ID);
  base->creator = g_strdup ("alice");
  base->created = 1790000000000000;
  dfl_account_change_set (change, "address", "sip:alice@example.org");
  dfl_account_change_set (change, "display-name", display_name);
  dfl_account_change_set (change, "password", "geheim");
  account = dfl_keeper_draft (keeper, base, change, &error);
  g_assert_no_error (error);
  return account;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflKeeper) keeper = NULL;
  g_autoptr (DflAccountSettings) account = NULL;
  g_autofree char *start = g_build_filename (argv[1], "start", NULL);
  g_autofree char *state = g_build_filename (argv[1], "state", NULL);

  g_assert_cmpint (argc, >=, 3);
  /* The mode of a file must not be left to this. */
  umask (0);
  keeper = dfl_key_file_keeper_new (start, &error);
  g_assert_no_error (error);
  if (argc == 4)
    account = new_account (keeper, argv[3]);
  g_assert_cmpint (g_rename (start, state), ==, 0);
  if (account != NULL)
    dfl_keeper_save (keeper, account, on_done, NULL);
  else
    dfl_keeper_remove (keeper, ID, on_done, NULL);
  while (exit_code < 0)
    g_main_context_iteration (NULL, TRUE);
  return exit_code;
}
