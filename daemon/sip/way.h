/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way from an account to its server: the places where that may be, and a transport to one. */

#pragma once

#include <sofia-sip/tport.h>

#include "sip/registrations.h"

typedef struct _DflWay DflWay;

/* None is called from within a function of the way; each may call any of them. */
typedef struct
{
  /* A place can be asked now: there is a transport, and what leads to it is known. */
  void (*opened) (DflWay *way, gpointer data);
  /* A connection that was open is gone; tools->flow_lost was called. */
  void (*closed) (DflWay *way, const char *reason, gpointer data);
  /* No place is left to try; the reason is that of the last one. */
  void (*failed) (DflWay *way, const char *reason, gpointer data);
} DflWayListener;

/* Leads nowhere yet. The settings must outlive it. */
DflWay *dfl_way_new (const DflRegistrationTools *tools,
                     const DflAccountSettings *settings,
                     const DflWayListener *listener,
                     gpointer data);
void dfl_way_free (DflWay *self);

/* Asks the name service and tries one place after another, until one is open or none is left. What
 * was open is closed. Places where this account may not go (see dfl_account_settings_allow_address)
 * are passed over. */
void dfl_way_seek (DflWay *self);

/* Tries this one place, without asking the name service. What was open is closed. */
void dfl_way_go_to (DflWay *self, const DflHop *hop);

/* The place that was open does not serve: goes on to the next one, or fails for that reason. */
void dfl_way_try_next (DflWay *self, const char *reason);

/* Stops seeking, closes what is open. */
void dfl_way_stop (DflWay *self);

/* Whether more places can be tried after this one. */
gboolean dfl_way_has_next (DflWay *self);

gboolean dfl_way_is_open (DflWay *self);

/* While it is open: */
tport_t *dfl_way_get_transport (DflWay *self);
gboolean dfl_way_is_flow (DflWay *self);      /* rather than datagrams */
const char *dfl_way_get_place (DflWay *self); /* HOST:PORT of our end, as it is here */
guint16 dfl_way_get_flow_port (DflWay *self); /* of the relay of its connection, or 0 */
/* Whether packets would leave from elsewhere by now, because the network changed. */
gboolean dfl_way_has_moved (DflWay *self);

/* The place that is open or tried, or was last; NULL where there was none. */
const DflHop *dfl_way_get_hop (DflWay *self);

/* Whether what comes from there may be an answer: a datagram from one of the places, or, where the
 * way is a connection, what its relay sends over TCP and nothing else. */
gboolean dfl_way_comes_from (DflWay *self, const DflSource *source);

/* The addresses (GInetAddress) of all places, for sip/sources.h. Never NULL. */
GPtrArray *dfl_way_get_servers (DflWay *self);

/* The server for people: "example.org (192.0.2.1:5060)". */
char *dfl_way_describe_server (DflWay *self);

/* What is waited for, in words: "no DNS answer for example.org yet". */
char *dfl_way_describe_wait (DflWay *self);

/* The name that people configured for the first hop: HOST or HOST:PORT. */
const char *dfl_way_get_server (DflWay *self);
