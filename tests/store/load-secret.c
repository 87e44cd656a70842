/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Loads the secret of a state directory, for a test that lets the system calls of this fail or end
 * it:
 *
 *     load-secret DIRECTORY
 *
 * Prints it in hexadecimal digits; exits with 3, and prints the reason too, where it is none that
 * lasts.
 */

#include <sys/stat.h>

#include "store/secret.h"

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  guint8 secret[32];
  gboolean loaded;

  g_assert_cmpint (argc, ==, 2);
  /* The mode of a file must not be left to this. */
  umask (0);
  loaded = dfl_secret_load (argv[1], secret, &error);
  for (gsize i = 0; i < sizeof (secret); i++)
    g_print ("%02x", secret[i]);
  if (!loaded)
    g_print ("%s", error->message);
  return loaded ? 0 : 3;
}
