/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The SIP side: transports, dispatch of what arrives, and the line of each account. */

#pragma once

#include <glib-object.h>

#include "core/switchboard.h"

/* Where and how to listen. Plain values, owned strings. */
typedef struct
{
  char **listen;         /* "udp:ADDRESS:PORT", "tcp:..."; ADDRESS numeric, [v6] or * */
  guint t1;              /* RFC 3261 T1 in milliseconds, default 500 */
  guint t2;              /* RFC 3261 T2 in milliseconds, default 4000 */
  guint max_connections; /* inbound TCP connections held at once, default 256 */
} DflSipSettings;

DflSipSettings *dfl_sip_settings_new (void); /* with the defaults */
void dfl_sip_settings_free (DflSipSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflSipSettings, dfl_sip_settings_free)

#define DFL_TYPE_SIP_AGENT (dfl_sip_agent_get_type ())
G_DECLARE_FINAL_TYPE (DflSipAgent, dfl_sip_agent, DFL, SIP_AGENT, GObject)

/*
 * Binds every address of settings and serves the direct accounts of the switchboard from then on,
 * on the thread-default main context of the caller (see sip/loop.h). Fails where an address cannot
 * be bound, naming it and the reason.
 */
DflSipAgent *dfl_sip_agent_new (DflSwitchboard *switchboard,
                                DflClock *clock,
                                const DflSipSettings *settings,
                                GError **error);

/* The addresses and ports really bound, in the form of listen=. */
const char *const *dfl_sip_agent_get_listening (DflSipAgent *self);

/* Lets go of the network and of every transaction. To be called once, when the switchboard has
 * drained or the wait for that is over; dispose does it too. */
void dfl_sip_agent_close (DflSipAgent *self);
