/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* deflectd on D-Bus: objects, methods and announcements, behind the one door (bus/door.h). */

#pragma once

#include "bus/authority.h"
#include "bus/connection.h"
#include "core/switchboard.h"

typedef enum
{
  DFL_BUS_SYSTEM, /* many users: accounts belong to their users= and to root */
  DFL_BUS_SESSION /* one user: everything belongs to the daemon's own uid, users= is ignored */
} DflBusMode;

#define DFL_TYPE_SERVICE (dfl_service_get_type ())
G_DECLARE_FINAL_TYPE (DflService, dfl_service, DFL, SERVICE, GObject)

/*
 * Publishes the switchboard on the connection from the moment of the call on, before any name is
 * owned. authority is asked, in system mode, before anybody but root decides a call or changes an
 * account (may be NULL in session mode, where nobody is). listening is what Manager.Listening
 * shows.
 */
DflService *dfl_service_new (DflConnection *connection,
                             DflBusMode mode,
                             DflAuthority *authority,
                             DflSwitchboard *switchboard,
                             DflClock *clock,
                             const char *const *listening);

/* Resolves users= anew (SIGHUP), and what users are called; audiences change, and users go on, when
 * the answers are there. */
void dfl_service_refresh_users (DflService *self);

/* Answers what is pending and stops listening; called before the connection is flushed, closed. */
void dfl_service_close (DflService *self);
