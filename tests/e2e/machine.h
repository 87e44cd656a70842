/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A machine with users of its own, for what several of them do on the system bus. Needs root. */

#pragma once

#include <glib.h>

/* The users it has besides those of the real one. */
#define MACHINE_DEFLECTD 4711 /* "deflectd", whom the daemon runs as */
#define MACHINE_ALICE 4801    /* "alice" */
#define MACHINE_BOB 4802      /* "bob" */
#define MACHINE_CAROL 4803    /* "carol" */

/*
 * To be called first thing in main. From there on the process, which is another one then, and all
 * that it starts see a user database and a directory of bus policies of their own (those of polkit
 * and of deflectd), and only each other as processes; all of them end with it, however it ends. The
 * rest of the machine sees nothing of that.
 */
void machine_enter (void);

/* The user's name. */
const char *machine_get_user (guint uid);
