/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* An account as text: read, and written so that it reads the same. */

#pragma once

#include <glib.h>

#include "core/account.h"

/* Where the text of an account is from decides which keys it may have. */
typedef enum
{
  DFL_ACCOUNT_FILE_SETTINGS, /* the settings directory: keys may name files */
  DFL_ACCOUNT_FILE_STATE,    /* the state directory: with name=, creator=, created= */
  DFL_ACCOUNT_FILE_DRAFT     /* nowhere yet: what a user asks for */
} DflAccountFileKind;

typedef struct
{
  DflAccountFileKind kind;
  const char *path; /* for messages only; NULL: they begin with the key */
  const char *data; /* may be anything */
  gsize length;
  guint mode; /* of the file, to warn of passwords that others can read; 0 where there is none */
} DflAccountFile;

/*
 * Never NULL: what is wrong stands in the problem of the account, and each line of it is added to
 * problems, unless that is NULL. Warnings go to problems alone. name is overridden by what a file
 * of the state directory says; it is "" where that says nothing that can be used, and so is the
 * creator.
 */
DflAccountSettings *
dfl_account_file_read (const DflAccountFile *file, const char *name, GPtrArray *problems);

/* The keys of an account that differ from their defaults, as they stand in every kind of file. */
GKeyFile *dfl_account_file_compose (const DflAccountSettings *settings);

/* g_key_file_set_string(), which leaves a space at the end as it is, so that it would not be read.
 */
void
dfl_account_file_set_text (GKeyFile *keys, const char *group, const char *key, const char *value);

/* What dfl_account_file_compose() made, as text; frees it. */
char *dfl_account_file_print (GKeyFile *keys, gsize *length);

/* The text of a file for the state directory. It holds the password and the private key: to be
 * freed with dfl_wipe_free(). */
char *dfl_account_file_write (const DflAccountSettings *settings, gsize *length);
