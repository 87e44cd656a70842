/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for many descriptors of which nearly all keep still. */

#pragma once

#include <glib.h>

/*
 * GLib looks at each of its sources in each turn of the loop, and so does poll: a thousand silent
 * connections make every turn dear, whatever it is about. The watches of a thread are one epoll
 * set, and to GLib one source with one descriptor.
 *
 * A watch tells once, and only when asked: dfl_watch_arm before each time. An error or a hang-up
 * counts as readable.
 */
typedef struct _DflWatch DflWatch;

typedef void (*DflWatchFunc) (gpointer data);

/* For reading from fd, which is not closed before the watch is freed; readable is called on the
 * thread-default context of the thread's first watch. NULL where the kernel takes no more. */
DflWatch *dfl_watch_new (int fd, DflWatchFunc readable, gpointer data);

/* At any time, from within a watch's call too; readable is not called from then on. */
void dfl_watch_free (DflWatch *self);

/* Calls readable, once, as soon as something can be read, and never from within. */
void dfl_watch_arm (DflWatch *self);
