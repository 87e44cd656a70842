/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be told from one redirect about the server in front, and what cannot. */

#pragma once

#include <glib.h>

/* Whether the target rang, which only a person there knows. */
typedef enum
{
  DFL_RANG_UNKNOWN,
  DFL_RANG_YES,
  DFL_RANG_NO,
  DFL_RANG_ASK /* ask on the terminal */
} DflRang;

/* What --rang takes: yes, no or ask; FALSE for anything else. */
gboolean dfl_rang_parse (const char *text, DflRang *rang);

/* What somebody typed, in the words of the locale or in English; UNKNOWN for anything that is
 * neither. */
DflRang dfl_rang_from_answer (const char *line);

/* The value of redirect-policy= for it, as far as it is known. */
const char *dfl_rang_to_policy (DflRang rang);

/* What became of the redirect, in sentences: outcome as in the contract, took in microseconds from
 * when it was sent until that was known. */
char *dfl_redirect_test_explain (const char *outcome, gint64 took);
