/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One wait for everything: sofia-sip's event loop as the poll function of a GMainContext. */

#pragma once

#include <glib.h>

#include <sofia-sip/su_wait.h>

/*
 * The GLib source that comes with sofia-sip rounds its time-outs down to nothing and spins, so the
 * roles are turned round: GLib asks "wait for these descriptors", and the library's own loop does
 * the waiting, for its sockets and timers and for GLib's descriptors at once. What follows:
 *
 *  - sofia's callbacks run inside g_main_context_iteration, between prepare and check, and not as
 *    the dispatch of a source. They may do everything but iterate the context.
 *  - The library's clock becomes CLOCK_BOOTTIME for the whole process: a wall clock that is set
 *    neither freezes its timers nor lets them fire in a burst.
 *  - One loop a thread; agents on the same thread share it.
 */
typedef struct _DflSipLoop DflSipLoop;

/*
 * Milliseconds to take off what the library's transports are told to wait. They look when the time
 * has come, act only when it is past, and until then look again without a pause. Its clock goes in
 * steps of twice this, so that a wait of whole steps ends on one, and the transport looks a
 * thousand times before the next. Half a step earlier is between two, and past at the second.
 */
#define DFL_SIP_LOOP_HALF_STEP 5

/* The loop of this thread, on its thread-default main context; made where there is none. */
DflSipLoop *dfl_sip_loop_ref (void);

/* Gives the context its former poll function back when the last agent goes. */
void dfl_sip_loop_unref (DflSipLoop *self);

su_root_t *dfl_sip_loop_get_root (DflSipLoop *self);

/* To be called from a callback that a timer of the library runs: those run before the wait, and
 * what they leave for GLib must not wait as long as GLib had asked for before they ran. */
void dfl_sip_loop_wake (DflSipLoop *self);
