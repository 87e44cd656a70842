/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A local user on the system bus, and every byte that the bus ever sent to them. */

#pragma once

#include "harness.h"

typedef struct _Witness Witness;

/* The user's connections all go through one process of theirs, which records (recorder.c). Opens a
 * first one. After machine_enter. */
Witness *witness_new (Stage *stage, guint uid);
void witness_free (Witness *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Witness, witness_free)

guint witness_get_uid (Witness *self);

/* The process that the bus takes for all of this user's programs here. */
GPid witness_get_pid (Witness *self);

/* The bus as this user's programs are to find it, for --address= of gdbus and others. */
const char *witness_get_address (Witness *self);

/* The first connection, and another one. */
GDBusConnection *witness_get_connection (Witness *self);
GDBusConnection *witness_connect (Witness *self);

/* Subscribes to whatever the bus lets this user subscribe to, and by GetManagedObjects. */
void witness_listen (Witness *self);

/* A method call to the daemon over the first connection: its answer, which may be an error. Runs
 * the main loop meanwhile. body may be NULL, and is taken over where it is floating. */
GDBusMessage *witness_ask (
    Witness *self, const char *path, const char *interface, const char *member, GVariant *body);
/* The same, allowing that a person is asked for a password. */
GDBusMessage *witness_ask_interactively (
    Witness *self, const char *path, const char *interface, const char *member, GVariant *body);

/* Like witness_ask; "" for a reply, else the name of the error. */
char *witness_try (
    Witness *self, const char *path, const char *interface, const char *member, GVariant *body);

/* Asks for a new account, with settings in the text format of GVariant: "" and its path (which may
 * be NULL) where there is one now, else "ERROR: MESSAGE". */
char *witness_add_account (Witness *self, const char *name, const char *settings, char **path);

/* Asks for changes of an account, such as "'enabled': <false>"; answers likewise. */
char *witness_update_account (Witness *self, const char *path, const char *settings);

/* "" for a reply, else "ERROR: MESSAGE". */
char *witness_describe (GDBusMessage *reply);

/* Returns when whatever was sent to this user's first connection up to now has been recorded. */
void witness_catch_up (Witness *self);

/* Whether a text occurs in what the bus has sent to this user so far. */
gboolean witness_has_received (Witness *self, const char *text);
gsize witness_count_bytes (Witness *self);
