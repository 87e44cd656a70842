/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keeps the way through a NAT open: an OPTIONS every 25 seconds, to which any answer is good.
 * Where the server takes the way for lost sooner (Flow-Timer, RFC 5626 section 4.4), 5 seconds
 * before that, but not more often than every 5 seconds. Only for datagrams: the stack's CRLFs
 * through a flow have an interval of their own (sip/flow.h), whatever the server says. */

#pragma once

#include "sip/binding.h"

typedef struct _DflKeepAlive DflKeepAlive;

/* The other side has not answered for 8 seconds; nothing follows until it is started again. */
typedef void (*DflKeepAliveFunc) (gpointer data);

/* What is handed over must outlive it. It stands still. */
DflKeepAlive *dfl_keep_alive_new (DflClock *clock,
                                  DflBinding *binding,
                                  DflWay *way,
                                  DflDigest *digest,
                                  DflKeepAliveFunc lost,
                                  gpointer data);
void dfl_keep_alive_free (DflKeepAlive *self);

void dfl_keep_alive_start (DflKeepAlive *self);
void dfl_keep_alive_stop (DflKeepAlive *self);
