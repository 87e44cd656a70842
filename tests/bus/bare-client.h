/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A bare socket to the bus, so that nothing but the bus and the daemon is measured, and what makes
 * of measured times how much longer one thing takes than another. */

#pragma once

#include <gio/gio.h>

typedef struct _BareClient BareClient;

/* To be used in a thread of its own, which becomes that uid for good. */
BareClient *bare_client_new (const char *address, guint32 as_uid);
void bare_client_free (BareClient *self);

/* parameters may be NULL or floating. */
GByteArray *bare_message_new (const char *name,
                              const char *path,
                              const char *interface,
                              const char *member,
                              GVariant *parameters);

/* Sends a message and waits for its answer; returns the microseconds that took. */
double bare_client_ask (BareClient *self, GByteArray *message);
/* The last answer; its serial numbers are made equal. */
GBytes *bare_client_get_reply (BareClient *self);

/* Two that were measured right after one another, which of them first by lot. */
typedef struct
{
  double one, other; /* microseconds */
  gboolean one_first;
} TimePair;

/* times: of double; they are sorted. */
double times_get_quantile (GArray *times, double part);

/*
 * How much longer one takes than the other, by an array of TimePair. What a busy machine does least
 * to are the quick pairs, and being the second may be quicker: the quicker half counts, of those
 * where one was first and of those where the other was.
 */
double time_pairs_compare (const GArray *pairs);
