/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a switchboard announces, in order; an announcement that no test expected fails it. */

#pragma once

#include "core/switchboard.h"

typedef struct _DflSignalLog DflSignalLog;

/*
 * Logs every signal of the switchboard from now on, a line each:
 *   "account-added alice direct", "account-changed alice failed", "account-removed alice direct"
 *   "call-added offered none", "call-removed idle redirected"
 *   "call-changed redirecting none state decision", "call-changed offered none silenced"
 *   "drained"
 */
DflSignalLog *dfl_signal_log_new (DflSwitchboard *switchboard);

/* Fails where an announcement was not expected. */
void dfl_signal_log_free (DflSignalLog *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflSignalLog, dfl_signal_log_free)

/* Takes the oldest line, which must be this one. */
#define dfl_signal_log_expect(self, line)                                                          \
  dfl_signal_log_expect_at (self, line, __FILE__, __LINE__, G_STRFUNC)
void dfl_signal_log_expect_at (
    DflSignalLog *self, const char *line, const char *file, int line_number, const char *function);

/* Fails where a line is left. */
#define dfl_signal_log_expect_none(self)                                                           \
  dfl_signal_log_expect_at (self, NULL, __FILE__, __LINE__, G_STRFUNC)

/* For tests that only count. */
void dfl_signal_log_clear (DflSignalLog *self);
