/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way to the daemon for one question and one answer: no proxies, no object manager. */

#pragma once

#include <gio/gio.h>

/* Connects to "system", "session" or the address of a bus. */
GDBusConnection *dfl_daemon_connect (const char *bus, GError **error);

/*
 * Calls a method, without a time limit: the daemon has one for everything that it waits for. Nobody
 * is asked for a password (see authorisation.h). parameters as for g_dbus_connection_call; path may
 * be NULL for the root.
 */
GVariant *dfl_daemon_call (GDBusConnection *connection,
                           const char *path,
                           const char *interface,
                           const char *method,
                           GVariant *parameters,
                           const GVariantType *reply_type,
                           GError **error);

/* Everything that we may see, a{oa{sa{sv}}}. It subscribes the connection as well. */
GVariant *dfl_daemon_list (GDBusConnection *connection, GError **error);

/* The properties (a{sv}) of an object in such a list, or NULL where it is missing or has no such
 * interface. */
GVariant *dfl_objects_get (GVariant *objects, const char *path, const char *interface);

/* The name of the account at path in such a list, or its id where the name is missing. */
const char *dfl_objects_account_name (GVariant *objects, const char *path);

/* Whether text can be a CALL: 1 to 8 hexadecimal digits in lower case, or the path of a call. */
gboolean dfl_call_id_is_valid (const char *text);

/*
 * The path of the call that a person means: id is a CALL, or NULL for the only call that is
 * offered. Nothing is guessed: where several calls or none are meant, fails with NO_OBJECT and the
 * candidates in the message; a text that cannot be a CALL is USAGE.
 */
char *dfl_call_id_match (GVariant *objects, const char *id, GError **error);

/*
 * The same for a decision, asking the daemon only where id is no complete one. Without an id, where
 * no call is offered and exactly one is decided already: that one. A decision comes too late for
 * it, and the daemon's refusal tells who decided.
 */
char *dfl_daemon_find_call (GDBusConnection *connection, const char *id, GError **error);

/* What the arguments of redirect mean. Borrowed from the arguments. */
typedef struct
{
  const char *call; /* or NULL */
  const char *target;
  const char *const *alternatives; /* NULL-terminated */
} DflRedirectArguments;

/*
 * [CALL] TARGET [ALTERNATIVE...]: by its form alone, never by which calls there are, so that a
 * command means the same when the call it was written for has just ended. One argument is the
 * TARGET. Of several, the first is the CALL if it can be one, and else the TARGET; with call_option
 * (--call) all are targets. Fails with USAGE.
 */
gboolean dfl_redirect_arguments_parse (DflRedirectArguments *self,
                                       const char *call_option,
                                       const char *const *arguments,
                                       GError **error);
