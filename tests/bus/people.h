/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several local users who manage accounts, for the tests of that. */

#pragma once

#include "bus/fixture.h"
#include "data/names.h"

#define ROOT DFL_ROOT_PATH
#define ERROR(name) DFL_ERROR_PREFIX name
#define UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"

#define OWN DFL_ACTION_MANAGE_OWN_ACCOUNTS
#define ALL DFL_ACTION_MANAGE_ACCOUNTS

/* The least that an account needs. */
#define WORK "{'address': <'sip:work@example.org'>}"

/* Another uid that is in no audience. */
#define OUTSIDER 2

/* Three local users beside root; where the test does not run as root, none of them. */
typedef struct
{
  Fixture base;
  GDBusConnection *owner, *neighbour, *outsider;
} People;

void people_set_up (People *self, gconstpointer mode);
void people_tear_down (People *self, gconstpointer mode);

/* Adds a test with them on a bus of many users. */
#define PEOPLE_ADD(path, function)                                                                 \
  g_test_add (path, People, FIXTURE_SYSTEM, people_set_up, function, people_tear_down)

/* What the machine calls a uid. */
const char *people_get_name (guint32 uid);

/* Parameters of AddAccount, of Update and of a Properties.Set of Enabled. settings is in the text
 * form of GVariant. */
GVariant *people_add_parameters (const char *name, const char *settings);
GVariant *people_update_parameters (const char *settings);
GVariant *people_enabled_parameters (gboolean enabled);

/* These must succeed; returns the path of what was added. */
const char *people_add (People *self, GDBusConnection *who, const char *name, const char *settings);
void people_update (People *self, GDBusConnection *who, const char *path, const char *settings);

/* And these fail with this D-Bus error; they return the message. */
char *people_fail_to_add (People *self,
                          GDBusConnection *who,
                          const char *name,
                          const char *settings,
                          const char *error_name);
char *people_fail_to_update (People *self,
                             GDBusConnection *who,
                             const char *path,
                             const char *settings,
                             const char *error_name);

void people_subscribe (People *self, GDBusConnection *connection);

/* The account's property is this, in text form. */
void
people_expect_property (People *self, const char *path, const char *property, const char *value);

/* What the keeper has of an account that it must have. */
const DflAccountSettings *people_get_kept (People *self, const char *path);

/* The oldest question to the authority matches this (* and ?); NULL: it was asked nothing more. */
void people_expect_asked (People *self, const char *question);

/* From now on nobody may anything. */
void people_refuse_all (People *self);

/* Runs the main loop until so many questions, or saves, wait. */
void people_run_until_asked (People *self, guint n);
void people_run_until_saving (People *self, guint n);

/* Waits for a refusal that core tells in another turn, by its clock. */
void people_wait_refused (People *self, Pending *pending);
