/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Our connection to a message bus, served by the GLib loop in the one thread that decides. */

#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/*
 * The bus library is sd-bus and not GDBus, for two reasons that were measured. GDBus reads and
 * writes in a thread of its own: every message changes threads, and an offer that is decided over
 * the bus costs more than twice the instructions. And GDBus answers introspection, wrong
 * signatures and unknown paths by itself, before anybody asked who is asking.
 */
typedef struct _DflConnection DflConnection;

typedef void (*DflConnectionFunc) (gpointer data);

/* A name is ours (error is NULL), or why it is not. */
typedef void (*DflConnectionNameFunc) (const GError *error, gpointer data);

/*
 * Connects to the bus at a D-Bus server address and waits until the bus has greeted us; serves the
 * connection on the thread-default main context of the caller from then on. Fails with
 * DFL_ERROR_FAILED.
 */
DflConnection *dfl_connection_new (const char *address, GError **error);

/* Closes it; what is not sent yet is lost. */
void dfl_connection_free (DflConnection *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflConnection, dfl_connection_free)

/* Borrowed; for those who send and receive. */
sd_bus *dfl_connection_get_bus (DflConnection *self);

/* closed is told once, from the loop, when the bus goes away by itself. */
void dfl_connection_set_closed (DflConnection *self, DflConnectionFunc closed, gpointer data);

/* Asks to be the owner of a well-known name, without standing in line; the answer comes from the
 * loop. Fails with DFL_ERROR_FAILED and a sentence that says what to do. */
void dfl_connection_request_name (DflConnection *self,
                                  const char *name,
                                  DflConnectionNameFunc answered,
                                  gpointer data);

/* Gives the name back; released is told from the loop when the bus has read that, and with it all
 * that was sent before. */
void dfl_connection_release_name (DflConnection *self,
                                  const char *name,
                                  DflConnectionFunc released,
                                  gpointer data);
