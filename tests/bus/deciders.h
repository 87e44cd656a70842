/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two users beside root who decide a call, and an authority of the test's own in front of them. */

#pragma once

#include "bus/fixture.h"
#include "data/names.h"

#define ERROR(name) DFL_ERROR_PREFIX name
#define NOT_AUTHORIZED ERROR ("NotAuthorized")
#define LIMIT_EXCEEDED ERROR ("LimitExceeded")
#define UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"
#define INTERACTIVE G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION
#define PLAIN G_DBUS_MESSAGE_FLAGS_NONE

/* What the authority hears of deciders_start. */
#define ASKED_OF_ALICE "org.deflectd1.redirect id=9872f052 account=alice creator= "
#define ASKED_OF_BOB ASKED_OF_ALICE "action=redirect target=sip:bob@b number="

typedef struct
{
  Fixture base;
  GDBusConnection *stranger, *neighbour; /* users of alice */
  DflCall *call;                         /* for alice */
  DflLeg *leg;
  const char *path;
} Deciders;

/* For g_test_add, with the mode as the fixture's. */
void deciders_set_up (Deciders *self, gconstpointer mode);
void deciders_tear_down (Deciders *self, gconstpointer mode);

/* A redirect to bob that is answered when it was sent. */
Pending *deciders_start (Deciders *self, GDBusConnection *connection, GDBusMessageFlags flags);
/* The same, where a password is asked for; returns when the dialog is open. */
Pending *deciders_start_dialog (Deciders *self, GDBusConnection *connection);

/* Runs the main loop until so many questions wait. */
void deciders_wait_asked (Deciders *self, guint n);
/* Takes the oldest question of all; NULL: there is none. */
void deciders_expect_asked (Deciders *self, const char *question);
/* Nothing has happened to the call. */
void deciders_expect_untouched (Deciders *self);

/* The arguments of Redirect, without options. */
GVariant *redirect_to (const char *target);

/* Waits for the end: done, or the error with a message that matches. */
void pending_expect_done (Pending *self);
void pending_expect_error (Pending *self, const char *name, const char *pattern);
