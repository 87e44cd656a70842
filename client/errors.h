/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What went wrong, as a person reads it, and what the program exits with. */

#pragma once

#include <glib.h>

/* The exit codes of deflectctl; they are documented and never change their meaning. */
typedef enum
{
  DFL_EXIT_DONE = 0,
  DFL_EXIT_FAILED = 1,
  DFL_EXIT_USAGE = 2,
  DFL_EXIT_TIMED_OUT = 3, /* also: nobody acknowledged the redirect yet */
  DFL_EXIT_NOT_AUTHORIZED = 4,
  DFL_EXIT_TOO_LATE = 5,
  DFL_EXIT_NO_DAEMON = 8,
  DFL_EXIT_NO_OBJECT = 10
} DflExit;

/* Errors of the client's own; the code is a DflExit, the message a translated sentence, in
 * which everything from elsewhere is harmless for a terminal already. */
#define DFL_CLIENT_ERROR (dfl_client_error_quark ())
GQuark dfl_client_error_quark (void);

/* The exit code for a D-Bus error name of the contract or of the bus itself; FAILED for others. */
DflExit dfl_errors_exit_for_name (const char *name);

/* The exit code for any error that this program meets. */
DflExit dfl_errors_exit (const GError *error);

/*
 * A translated sentence for a D-Bus error name, followed by what the daemon said about it (English,
 * may be NULL), made harmless for a terminal. bus is the text of --bus: it decides what the
 * sentence for a missing daemon says to start.
 */
char *dfl_errors_sentence (const char *name, const char *message, const char *bus);

/* The same for any error. */
char *dfl_errors_describe (const GError *error, const char *bus);

/* Prints the description on stderr behind the program's name and returns the exit code. */
DflExit dfl_errors_report (const GError *error, const char *bus);
