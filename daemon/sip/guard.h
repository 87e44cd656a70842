/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keeps inbound TCP connections few: nobody's for long, and those of allowed sources to a limit. */

#pragma once

#include <glib.h>

#include "core/clock.h"
#include "sip/sources.h"

/*
 * The library accepts every connection and keeps it for as long as it is not idle; at the limit of
 * file descriptors it burns a core. The guard looks at the sockets of this process about once a
 * second: connections from where no account takes anything are shut down, and of the others those
 * that have been idle longest, when there are more than max_connections.
 */
typedef struct _DflGuard DflGuard;

DflGuard *dfl_guard_new (DflClock *clock, DflSources *sources, guint max_connections);
void dfl_guard_free (DflGuard *self);

/* Guards the TCP port that this process listens on, and has the kernel hand over connections only
 * when their first data is there. */
void dfl_guard_add_port (DflGuard *self, guint16 port);

/* A stranger is connected: look soon. */
void dfl_guard_hurry (DflGuard *self);

/* Raises the soft limit of file descriptors to what the hard one allows, within reason. */
void dfl_guard_raise_limit (void);
