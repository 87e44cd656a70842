/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The line with which a command of watch --exec decides. */

#pragma once

#include <glib.h>

typedef enum
{
  DFL_ANSWER_NOTHING, /* an empty line: somebody else may decide */
  DFL_ANSWER_REDIRECT,
  DFL_ANSWER_DECLINE,
  DFL_ANSWER_SILENCE
} DflAnswerKind;

typedef struct
{
  DflAnswerKind kind;
  char *target; /* of REDIRECT, else NULL */
  guint status; /* of DECLINE: 480, 486, 603, or 0 for the account's own */
} DflAnswer;

/*
 * Reads "redirect TARGET", "decline [STATUS]", "silence" or nothing, white space around it ignored.
 * Everything else fails with a translated sentence that quotes the line, made harmless.
 */
gboolean dfl_answer_parse (DflAnswer *self, const char *line, GError **error);

void dfl_answer_clear (DflAnswer *self);
