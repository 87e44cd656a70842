/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection of any user that reads only when a test says so. */

#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/* Connects as another user, and waits until the bus has greeted it; needs root. */
sd_bus *deaf_connect (const char *address, guint32 uid);

typedef struct _Deaf Deaf;

Deaf *deaf_new (const char *address, guint32 uid);
void deaf_free (Deaf *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Deaf, deaf_free)

/* Sends a method call without arguments to deflectd, and does not wait. */
void deaf_ask (Deaf *self, const char *path, const char *interface, const char *member);

/* Reads all that is there. */
void deaf_read (Deaf *self);
/* How many of deflectd were read. */
guint deaf_get_n_answers (Deaf *self);
guint deaf_get_n_news (Deaf *self);

/* What calls there are, as far as it was told: paths to the State. */
GHashTable *deaf_get_picture (Deaf *self);
