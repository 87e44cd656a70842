/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the verbs account and target have in common: verbs of their own, and an account that is
 * changed. */

#pragma once

#include "command.h"

/* One run of such a verb; zero it. */
typedef struct
{
  DflCommand *command;
  GStrv words; /* the arguments behind the verb's own verb */
  guint n_words;
  GVariant *properties; /* of the account, after dfl_manage_find_account */
  char *path;           /* of the account, after dfl_manage_find_account */
  gpointer options;     /* the verb's own */
} DflManage;

typedef struct
{
  const char *name;
  const char *arguments; /* as --help shows them */
  const char *summary;
  guint min_words, max_words;
  guint takes_options; /* which of the verb's own ones are for this: bits of its own, 0: none */
  DflExit (*run) (DflManage *self);
} DflManageVerb;

void dfl_manage_clear (DflManage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DflManage, dfl_manage_clear)

/*
 * Reads the command line: which of verbs it is (the last has a NULL name), and its words. entries
 * are the verb's own options. Fails with USAGE.
 */
const DflManageVerb *dfl_manage_parse (DflManage *self,
                                       const DflManageVerb *verbs,
                                       const GOptionEntry *entries,
                                       const char *summary,
                                       int *argc,
                                       char ***argv,
                                       GError **error);

/* Connects and fills in path and properties; text as for dfl_account_match. */
gboolean dfl_manage_find_account (DflManage *self, const char *text, GError **error);

/* The name of the account that was found, harmless for a terminal. */
char *dfl_manage_get_name (DflManage *self);

/* Calls a method of the account that was found, which may have to be authorised. */
gboolean dfl_manage_call (DflManage *self,
                          const char *interface,
                          const char *method,
                          GVariant *parameters,
                          GError **error);

/*
 * The same, and tells what has been done: with --json the account as it is now, else the sentence,
 * and the account's state. Takes the sentence over.
 */
DflExit dfl_manage_change (DflManage *self,
                           const char *interface,
                           const char *method,
                           GVariant *parameters,
                           char *sentence);

/* The same for an account that was changed already. */
DflExit dfl_manage_tell (DflManage *self, const char *path, char *sentence);

/* Prints an account as it is, behind what was said of it: a sentence, with --json the object.
 * properties NULL: it is not ours to see. */
void dfl_manage_print_account (DflManage *self, const char *path, GVariant *properties);
