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
  guint register_rate;   /* attempts to register that begin per second, all accounts together, at
                            most; what one needs is not counted: an answer to a challenge, an end of
                            old contacts; default 20 */
  guint retry_base, retry_max; /* RFC 5626 section 4.5, in seconds; default 30 and 1800 */
  guint8 secret[32]; /* what contact tokens and instance ids are made with (sip/token.h) */
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

/* What happened to the machine. */
typedef enum
{
  DFL_HOST_NETWORK_CHANGED, /* an address, a route or a link came or went */
  DFL_HOST_RESUMED          /* it slept */
} DflHostChange;

/* Looks whether the registrations still hold, and renews those that do not, at once and not at
 * their next refresh. */
void dfl_sip_agent_host_changed (DflSipAgent *self, DflHostChange change);

/*
 * Takes back what is registered: our own contact of each account, never another's (RFC 3261 section
 * 10.2.2). done is called once, never from within, when every server has answered or cannot be
 * asked; waiting has no limit here but that of the transactions. To be called once, before close.
 */
typedef void (*DflSipAgentLeftFunc) (gpointer data);
void dfl_sip_agent_leave (DflSipAgent *self, DflSipAgentLeftFunc done, gpointer data);

/* The addresses and ports really bound, in the form of listen=. */
const char *const *dfl_sip_agent_get_listening (DflSipAgent *self);

/* Lets go of the network and of every transaction. To be called once, when the switchboard has
 * drained or the wait for that is over; dispose does it too. */
void dfl_sip_agent_close (DflSipAgent *self);
