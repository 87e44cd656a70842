/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What main and the verbs share: global options and the bus. */

#pragma once

#include <gio/gio.h>

#include "errors.h"

/* One run of deflectctl. */
typedef struct
{
  const char *verb; /* as written, for the help of the verb */
  char *bus;        /* "system", "session" or an address */
  char *given_bus;  /* --bus, while the options are read */
  gboolean json;
  gboolean version;            /* --version was given; answered while the options are read */
  gboolean no_ask_password;    /* nobody is asked for anything */
  GDBusConnection *connection; /* after dfl_command_connect */
} DflCommand;

/*
 * Reads a verb's own options, which may be NULL, and the global ones. arguments is what --help
 * shows behind the verb, summary a sentence about it. Fails with USAGE; --help prints and exits.
 */
gboolean dfl_command_parse (DflCommand *self,
                            const GOptionEntry *entries,
                            const char *arguments,
                            const char *summary,
                            int *argc,
                            char ***argv,
                            GError **error);

/* Connects once; later calls return the same connection, which stays the command's. */
GDBusConnection *dfl_command_connect (DflCommand *self, GError **error);

/* Calls a method that may have to be authorised, after dfl_command_connect; see
 * dfl_authorisation_call. */
GVariant *dfl_command_call (DflCommand *self,
                            const char *path,
                            const char *interface,
                            const char *method,
                            GVariant *parameters,
                            const GVariantType *reply_type,
                            GError **error);

/* Reports the error for the bus of this command. */
DflExit dfl_command_fail (DflCommand *self, const GError *error);

/* A verb: argv[0] is the verb itself. Returns the exit code of the program. */
typedef DflExit (*DflVerbFunc) (DflCommand *self, int argc, char **argv);

DflExit dfl_verb_status (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_list (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_show (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_redirect (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_decline (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_silence (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_monitor (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_wait (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_watch (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_account (DflCommand *self, int argc, char **argv);
DflExit dfl_verb_target (DflCommand *self, int argc, char **argv);
