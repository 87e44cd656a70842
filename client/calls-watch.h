/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The client-side object manager: every account and call that we may see, kept up to date. */

#pragma once

#include <gio/gio.h>

/* One account or call of the daemon. Borrowed from the watch; valid until its removal was told. */
typedef struct _DflRemote DflRemote;

const char *dfl_remote_get_path (DflRemote *self);
const char *dfl_remote_get_id (DflRemote *self);

/* All properties as they are now, a{sv}; new reference, does not change later. */
GVariant *dfl_remote_get_properties (DflRemote *self);

#define DFL_TYPE_CALLS_WATCH (dfl_calls_watch_get_type ())
G_DECLARE_FINAL_TYPE (DflCallsWatch, dfl_calls_watch, DFL, CALLS_WATCH, GObject)

/*
 * Signals, from the main context in which the watch was made, each after the state has changed:
 *   ready ()                              the daemon is there and everything is listed; again after
 *                                         each restart of it
 *   call-added (DflRemote)                after ready; the calls that ready found are not told
 *   call-changed (DflRemote, const char *const *names)
 *   call-removed (DflRemote)              the last chance to read it
 *   account-changed (DflRemote, const char *const *names)
 *   account-removed (const char *path)    not where the daemon went away
 *   lost (GError)                         the daemon is not there (at the start), went away, or
 *                                         could not be asked; every call is removed before. The
 *                                         watch goes on: ready tells when it is back, except after
 *                                         G_IO_ERROR_CLOSED: then the bus itself is gone
 */
DflCallsWatch *dfl_calls_watch_new (GDBusConnection *connection);

/* Starts; nothing is emitted before. */
void dfl_calls_watch_start (DflCallsWatch *self);

/* Borrowed calls, oldest first; free the array. */
GPtrArray *dfl_calls_watch_get_calls (DflCallsWatch *self);

/* The name of the account at path, or its id where that is not known. */
const char *dfl_calls_watch_get_account_name (DflCallsWatch *self, const char *path);

/* The account at path, or NULL. */
DflRemote *dfl_calls_watch_get_account (DflCallsWatch *self, const char *path);

/* An account with this name, or the one with this id, or NULL. */
DflRemote *dfl_calls_watch_find_account (DflCallsWatch *self, const char *text);
