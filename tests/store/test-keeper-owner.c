/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What belongs to somebody else in or above the state directory. Only root can give files away. */

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "store/directory.h"
#include "store/keeper.h"
#include "store/state-dir.h"

#define SOMEBODY 54321
#define FILE_NAME "0123abcd.conf"
#define GOOD                                                                                       \
  "[account]\naddress=sip:alice@example.org\nusers=alice;\nname=work\ncreator=alice\ncreated=1\n"

static void
test_owner (void)
{
  char *directory = directory_make ();
  g_autofree char *accounts = g_build_filename (directory, "accounts.d", NULL);
  g_autofree char *path = g_build_filename (accounts, FILE_NAME, NULL);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) one = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) state_error = NULL;
  g_autoptr (DflKeeper) keeper = dfl_key_file_keeper_new (directory, &error);

  g_assert_no_error (error);
  directory_write (accounts, FILE_NAME, GOOD, -1);
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  g_assert_cmpint (chown (path, SOMEBODY, SOMEBODY), ==, 0);
  none = dfl_key_file_keeper_load (keeper, problems);
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_cmpint (chown (path, 0, 0), ==, 0);
  one = dfl_key_file_keeper_load (keeper, problems);
  g_assert_cmpuint (one->len, ==, 1);
  g_assert_cmpuint (problems->len, ==, 1);

  g_assert_cmpint (chown (accounts, SOMEBODY, SOMEBODY), ==, 0);
  g_assert_null (dfl_key_file_keeper_new (directory, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_true (dfl_state_dir_prepare (directory, NULL));
  g_assert_cmpint (chown (directory, SOMEBODY, SOMEBODY), ==, 0);
  g_assert_false (dfl_state_dir_prepare (directory, &state_error));
  g_assert_error (state_error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  directory_remove (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keeper-owner/somebody", test_owner);
  return g_test_run ();
}
