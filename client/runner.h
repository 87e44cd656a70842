/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs one command for each call, several at once, and hands over the first line that each prints.
 */

#pragma once

#include <gio/gio.h>

#define DFL_TYPE_RUNNER (dfl_runner_get_type ())
G_DECLARE_FINAL_TYPE (DflRunner, dfl_runner, DFL, RUNNER, GObject)

/*
 * Signals:
 *   answered (const char *path, const char *line)
 *     The command for this call printed its first line, or ended without one ("" then). Its place
 *     stays taken until dfl_runner_release. Not emitted for a command whose call is over or whose
 *     time is up.
 *   stopped ()
 *     After dfl_runner_stop: the last command has ended.
 *
 * What goes wrong with a command is reported on stderr.
 */

/*
 * argv: the command, without a shell. max_running: how many at once; the others wait. limit:
 * seconds after which a command and what it started get SIGTERM, and SIGKILL soon after. Stop it
 * before the last reference goes.
 */
DflRunner *dfl_runner_new (const char *const *argv, guint max_running, guint limit);

/* Asks for a run. path names it; environment is complete. Nothing happens for a path that is
 * waiting or running. */
void dfl_runner_add (DflRunner *self, const char *path, const char *const *environment);

/* The call is over: a command that waits for its turn never starts, one that runs and has not
 * answered gets SIGTERM. */
void dfl_runner_call_over (DflRunner *self, const char *path);

/* What was done with an answer is finished; the next command may have its place. */
void dfl_runner_release (DflRunner *self, const char *path);

/* Starts nothing more and ends everything that runs; emits stopped, never from within this call. */
void dfl_runner_stop (DflRunner *self);
