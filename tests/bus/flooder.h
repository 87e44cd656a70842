/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process that asks deflectd as much as a bus lets it, on many connections of one user. */

#pragma once

#include <glib.h>

/* What makes one: the program itself with these arguments, which main hands to flooder_main. */
#define FLOODER_ROLE "--flooder"

/* One that runs. */
typedef struct _Flooder Flooder;

/*
 * Starts one as a user that connects so often and has so many requests under way on each
 * connection; reads: whether it takes its answers, else it never reads its sockets again. call and
 * account are paths of objects that it may see, hidden one that it may not. Returns when all of its
 * first requests are on their way. Needs root.
 */
Flooder *flooder_start (const char *address,
                        guint32 uid,
                        guint n_connections,
                        guint in_flight,
                        gboolean reads,
                        const char *call,
                        const char *account,
                        const char *hidden);

/* Ends it; how many answers it got. */
guint flooder_stop (Flooder *self);

int flooder_main (int argc, char *argv[]);
