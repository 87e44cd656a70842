/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Questions to the name service, without the SIP stack, whose own resolver can stop the loop. */

#pragma once

#include <gio/gio.h>

/*
 * All questions go to the DNS servers of this machine (c-ares, on the loop; see sip/dns.h), and
 * addresses are looked for in /etc/hosts before. What the DNS does not have, or has no server for,
 * and names under .local, are looked for once more with GResolver, which knows whatever else
 * nsswitch.conf names (mDNS and others). localhost is this machine, without a question.
 *
 * GResolver is not asked first, because each of its questions keeps a thread until the C library
 * gives up, cancelled or not: behind 200 hosts whose server is silent, a good one was found after
 * 50 seconds. It gets four questions at a time; others wait.
 *
 * A question is answered within 8 seconds. Equal questions that are open at the same time are asked
 * once. All answers come from the thread-default main context, never from within.
 */
typedef struct _DflResolver DflResolver;

typedef struct
{
  guint16 order, preference;
  char *flags;       /* "s", "a", ... in lower case */
  char *service;     /* "SIP+D2U", ... in upper case */
  char *replacement; /* a domain name without the final dot */
} DflNaptr;

typedef struct
{
  guint16 priority, weight, port;
  char *target; /* without the final dot; "" where the service is decidedly not available */
} DflSrv;

/* NULL where c-ares cannot be used; the message says why. */
DflResolver *dfl_resolver_new (GError **error);

/* Answers what is still open with a cancellation, at once. */
void dfl_resolver_free (DflResolver *self);

/*
 * records: DflNaptr, DflSrv or GInetAddress; NULL with an error, empty where the name service says
 * that there are none; at most 64. Errors are G_IO_ERROR: NOT_FOUND where not even the name
 * exists, TIMED_OUT and HOST_UNREACHABLE where no server answered, CANCELLED. Valid during the call
 * only, but may be referred to.
 */
typedef void (*DflResolverFunc) (GPtrArray *records, const GError *error, gpointer data);

/* A question; to be given back with dfl_resolver_cancel unless it was answered. */
typedef struct _DflQuestion DflQuestion;

DflQuestion *
dfl_resolver_ask_naptr (DflResolver *self, const char *name, DflResolverFunc func, gpointer data);
DflQuestion *
dfl_resolver_ask_srv (DflResolver *self, const char *name, DflResolverFunc func, gpointer data);
/* IPv6 and IPv4 addresses: those first that are likely to be reached from here (RFC 6724). */
DflQuestion *dfl_resolver_ask_addresses (DflResolver *self,
                                         const char *host,
                                         DflResolverFunc func,
                                         gpointer data);

/* func will not be called. */
void dfl_resolver_cancel (DflQuestion *question);
