/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A private bus with the real service on it, and clients of any uid. */

#pragma once

#include <gio/gio.h>

#include "bus/fake-authority.h"
#include "bus/service.h"
#include "fakes/fake-clock.h"
#include "fakes/fake-keeper.h"
#include "fakes/fake-line.h"

/* A stranger's uid and another one's, where the test runs as root: nobody and daemon. */
#define STRANGER 65534
#define NEIGHBOUR 1

/* A dbus-daemon of the test's own. */
typedef struct
{
  GSubprocess *daemon;
  char *directory;
  char *address;
} TestBus;

/* config is what stands in <busconfig> beside the address; NULL lets everybody do everything.
 * wrapper is a NULL-terminated command to start the daemon through, or NULL. */
TestBus *test_bus_new (const char *config, const char *const *wrapper);
void test_bus_free (TestBus *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestBus, test_bus_free)

/* A connection of the process' own uid; not closed at its end. */
GDBusConnection *test_bus_connect (TestBus *self);

/* A connection of another uid; needs root. */
/* The connection that a service under test is given. */
DflConnection *test_bus_connect_server (TestBus *self);
DflConnection *test_bus_connect_server_as (TestBus *self, guint32 uid);
GDBusConnection *test_bus_connect_as (TestBus *self, guint32 uid);

typedef struct
{
  TestBus *bus;
  DflFakeClock *clock;
  DflFakeLine *line;
  DflFakeAuthority *authority;
  DflFakeKeeper *keeper;
  DflSwitchboard *switchboard;
  DflService *service;
  DflConnection *server;   /* owns the name */
  GDBusConnection *client; /* of the own uid */
  GDBusConnection *other;  /* of the own uid too */
} Fixture;

/* For g_test_add; data is NULL or the mode as an integer (DFL_BUS_SESSION). The account alice
 * exists; in system mode it has the users that fixture_set_users gave. */
#define FIXTURE_SESSION GINT_TO_POINTER (DFL_BUS_SESSION)
#define FIXTURE_SYSTEM GINT_TO_POINTER (DFL_BUS_SYSTEM)
void fixture_set_up (Fixture *self, gconstpointer mode);
/* The same on a bus of the test's own, where server may own the name; takes both over. */
void fixture_set_up_on (Fixture *self, TestBus *bus, DflConnection *server, DflBusMode mode);
void fixture_tear_down (Fixture *self, gconstpointer mode);

/* Replaces all accounts by alice and bob with these users, separated by commas; NULL: no such
 * account. Users lose sight at once and gain it when they were looked up. */
void fixture_set_users (Fixture *self, const char *alice, const char *bob);

/* Runs the main loop until the connection sees the object. */
void fixture_wait_seen (Fixture *self, GDBusConnection *connection, const char *path);
DflAccount *fixture_get_account (Fixture *self, const char *name);

/* A call for alice, or for the named account. */
DflCall *fixture_offer (Fixture *self, const char *sip_call_id);
DflCall *fixture_offer_to (Fixture *self, const char *name, const char *sip_call_id);
/* The same, and its leg. */
DflCall *fixture_offer_leg (Fixture *self, const char *sip_call_id, DflLeg **leg);

/* A method call to the service; runs the main loop until the answer is there. The name has no
 * interface without a dot: "Call.Redirect" stands for org.deflectd1.Call.Redirect, and
 * "Properties.Get" for org.freedesktop.DBus.Properties.Get. parameters may be NULL or floating. */
GVariant *fixture_call (Fixture *self,
                        GDBusConnection *connection,
                        const char *path,
                        const char *method,
                        GVariant *parameters,
                        GError **error);

/* As fixture_call, and it must succeed with this result (in text form; NULL: whatever). */
GVariant *fixture_expect (Fixture *self,
                          GDBusConnection *connection,
                          const char *path,
                          const char *method,
                          GVariant *parameters,
                          const char *result);

/* The same where the result does not matter beyond that. */
void fixture_do (Fixture *self,
                 GDBusConnection *connection,
                 const char *path,
                 const char *method,
                 GVariant *parameters,
                 const char *result);

/* As fixture_call, and it must fail with this D-Bus error; returns the message. */
char *fixture_expect_error (Fixture *self,
                            GDBusConnection *connection,
                            const char *path,
                            const char *method,
                            GVariant *parameters,
                            const char *error_name);

void fixture_fail (Fixture *self,
                   GDBusConnection *connection,
                   const char *path,
                   const char *method,
                   GVariant *parameters,
                   const char *error_name);

/* A property of an object in text form. */
char *fixture_get (Fixture *self,
                   GDBusConnection *connection,
                   const char *path,
                   const char *interface,
                   const char *property);

/* A call that is under way. */
typedef struct
{
  GVariant *result;
  GError *error;
  gboolean done;
} Pending;

Pending *fixture_start (Fixture *self,
                        GDBusConnection *connection,
                        const char *path,
                        const char *method,
                        GVariant *parameters);
/* The same with flags in its message's header. */
Pending *fixture_start_with (Fixture *self,
                             GDBusConnection *connection,
                             const char *path,
                             const char *method,
                             GVariant *parameters,
                             GDBusMessageFlags flags);
void pending_wait (Pending *self);
void pending_free (Pending *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pending, pending_free)

/* Runs the main loop until everything that was on its way to or from the connection is through. */
void fixture_settle (Fixture *self, GDBusConnection *connection);

/* Runs the main loop until what points to is TRUE. */
void fixture_wait (const gboolean *what);

/*
 * Everything that arrives on a connection, in the order of arrival, a line each:
 *   "added /org/deflectd1/call/..."    "removed /org/deflectd1/call/..."
 *   "changed State=redirecting AllowedActions=[] ..."  with the strings' quotes left out
 *   "reply"                            "error org.deflectd1.Error.TooLate"
 * What the bus itself says, and answers to Ping on the root, are left out.
 */
typedef struct _Log Log;
Log *log_new (GDBusConnection *connection);
void log_free (Log *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Log, log_free)
/* The oldest line, taken; NULL where none is left. */
char *log_take (Log *self);
/* Takes the oldest line, which must match a pattern (* and ?). */
#define log_expect(self, pattern) log_expect_at (self, pattern, __FILE__, __LINE__, G_STRFUNC)
void log_expect_at (
    Log *self, const char *pattern, const char *file, int line_number, const char *function);
/* The oldest raw message, taken; its serial numbers are made equal. */
GBytes *log_take_raw (Log *self);

/* The path of a call or account, in a buffer that lasts until the test ends. */
const char *path_of_call (DflCall *call);
const char *path_of_account (DflAccount *account);
