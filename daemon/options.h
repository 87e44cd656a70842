/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line of deflectd. */

#pragma once

#include <glib.h>

/* Plain values, owned strings. */
typedef struct
{
  char *config_dir;
  gboolean config_dir_given; /* then it must be there */
  char *state_dir;
  char *bus; /* "system", "session" or a D-Bus address */
  gboolean version;
} DflOptions;

void dfl_options_free (DflOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflOptions, dfl_options_free)

/*
 * Takes the options out of argv, with the defaults of the chosen bus for what is not there. --help
 * prints and ends the process. Fails where the command line is wrong; the message is for people.
 */
DflOptions *dfl_options_parse (int *argc, char ***argv, GError **error);

/* Whether the daemon serves the users of a machine rather than one of them. */
gboolean dfl_options_is_system (const DflOptions *self);
