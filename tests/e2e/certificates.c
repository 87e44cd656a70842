/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "certificates.h"

static char *
path_of (Stage *stage, const char *name, const char *suffix)
{
  g_autofree char *base = g_strconcat (name, suffix, NULL);

  return g_build_filename (stage_get_directory (stage), base, NULL);
}

static char *
make_key (Stage *stage, const char *name)
{
  char *key = path_of (stage, name, ".key");

  player_await_success (stage,
                        stage_play (stage, "certtool", "--generate-privkey", "--key-type", "ecdsa",
                                    "--curve", "secp256r1", "--no-text", "--outfile", key, NULL));
  return key;
}

static char *
write_template (Stage *stage, const char *name, const char *lines)
{
  char *file = path_of (stage, name, ".template");
  g_autoptr (GError) error = NULL;

  g_file_set_contents (file, lines, -1, &error);
  g_assert_no_error (error);
  return file;
}

char *
certificates_make_authority (Stage *stage, const char *name)
{
  g_autofree char *key = make_key (stage, name);
  g_autofree char *lines = g_strdup_printf ("cn = \"%s\"\nca\ncert_signing_key\n"
                                            "expiration_days = 365\n",
                                            name);
  g_autofree char *template = write_template (stage, name, lines);
  char *certificate = path_of (stage, name, ".pem");

  player_await_success (stage,
                        stage_play (stage, "certtool", "--generate-self-signed", "--load-privkey",
                                    key, "--template", template, "--outfile", certificate, NULL));
  return certificate;
}

void
certificates_issue (Stage *stage,
                    const char *authority,
                    const char *name,
                    const char *lines,
                    char **certificate,
                    char **key)
{
  g_autofree char *all = g_strdup_printf ("signing_key\ntls_www_server\n%s%s", lines,
                                          g_strrstr (lines, "expiration") != NULL
                                              ? ""
                                              : "expiration_days = 30\n");
  g_autofree char *template = write_template (stage, name, all);
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  Player *player;

  *key = make_key (stage, name);
  *certificate = path_of (stage, name, ".pem");
  for (const char **word = (const char *[]){ "certtool",
                                             authority != NULL ? "--generate-certificate"
                                                               : "--generate-self-signed",
                                             "--load-privkey", *key, "--template", template,
                                             "--outfile", *certificate, NULL };
       *word != NULL; word++)
    g_ptr_array_add (argv, g_strdup (*word));
  if (authority != NULL)
    {
      g_ptr_array_add (argv, g_strdup ("--load-ca-certificate"));
      g_ptr_array_add (argv, path_of (stage, authority, ".pem"));
      g_ptr_array_add (argv, g_strdup ("--load-ca-privkey"));
      g_ptr_array_add (argv, path_of (stage, authority, ".key"));
    }
  player = stage_play_argv_as (stage, 0, argv);
  player_await_success (stage, player);
}
