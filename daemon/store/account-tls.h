/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whom an account believes, and what it shows of itself: tls-ca=, tls-certificate=, tls-key=. */

#pragma once

#include "store/account-file.h"
#include "store/key-file.h"

/* Why a key is refused outside of the settings directory. */
#define DFL_ACCOUNT_NAMES_FILE                                                                     \
  "names a file, which is allowed in files of the settings directory only; give the content "      \
  "itself"

/* Read PEM into the field of a DflAccountSettings that the spec says; the second one also takes the
 * absolute name of a file with it. */
void dfl_account_read_pem (DflKeyFile *file,
                           const DflKeyLine *at,
                           const DflKeySpec *spec,
                           const char *value,
                           gpointer into);
void dfl_account_read_pem_or_file (DflKeyFile *file,
                                   const DflKeyLine *at,
                                   const DflKeySpec *spec,
                                   const char *value,
                                   gpointer into);

/* Complains about what only all three of them can say. */
void dfl_account_check_tls (DflKeyFile *file,
                            const DflAccountSettings *settings,
                            DflAccountFileKind kind);
