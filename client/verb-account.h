/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the files of the verb account share. */

#pragma once

#include "manage.h"

/* Where --timeout was not given. */
#define DFL_ACCOUNT_NO_TIMEOUT (-1.0)

/* The options of the verb; owned by it. */
typedef struct
{
  gboolean ask; /* --password */
  char *file;   /* --password-file, or NULL */
  gboolean no_wait;
  double timeout; /* in seconds */
  char *caller;   /* --caller, or NULL */
  char *rang;     /* --rang, or NULL */
} DflAccountOptions;

/* account test ACCOUNT TARGET. */
DflExit dfl_account_test (DflManage *self);
