/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What was sent to whom and is not known to be read. */

#pragma once

#include <systemd/sd-bus.h>

#include "core/clock.h"

/*
 * A bus keeps what a connection does not read, and dbus-daemon stops to read from a sender of whom
 * it keeps too much (max_incoming_bytes, some 127 MB): one who does not read would silence deflectd
 * for all. So what is sent to each connection is counted, and when it is much, the bus is asked how
 * much of it waits there (org.freedesktop.DBus.Debug.Stats; the connection itself is not asked, as
 * one that makes blocking calls only reads and never answers). Until it is less, the requests of
 * that connection wait, and it is told no news: at the end it hears how what has changed is by
 * then. Where the bus does not say, everything counts as read.
 *
 * Limits, in bytes. They are per connection, per user so that many connections are no way round
 * them, and for all: then only those wait whose user has a part in it.
 */
#define DFL_UNREAD_MAX_REQUESTS (256 * 1024) /* a connection's requests wait */
#define DFL_UNREAD_MAX_NEWS (512 * 1024)     /* a connection is told no news */
#define DFL_UNREAD_MAX_USER_NEWS                                                                   \
  (4 * 1024 * 1024)                            /* a user's connections with much unread, too       \
                                                */
#define DFL_UNREAD_MAX_USER (16 * 1024 * 1024) /* all requests of a user wait */
#define DFL_UNREAD_MAX_ALL (64 * 1024 * 1024)  /* the same for every user with ... */
#define DFL_UNREAD_FREE_USER (1024 * 1024)     /* ... more than this */
/* What is broadcast has no receiver whose fault it could be: when the bus keeps so much of us, no
 * more is broadcast until it is less. */
#define DFL_UNREAD_MAX_BROADCAST (96 * 1024 * 1024)

/* How many objects may change while a connection is told no news; then it gives up. */
#define DFL_UNREAD_MAX_MISSED 1024

typedef struct _DflUnread DflUnread;

typedef struct
{
  /* Somebody has read: those who may not be answered may be asked about again. */
  void (*read) (gpointer data);
  /* The connection reads again: to be told how the object is now. known: it has been told of it
   * before. */
  void (*tell) (const char *name, const char *object, gboolean known, gpointer data);
  /* The connection has missed too much: it is told nothing any more. */
  void (*lose) (const char *name, gpointer data);
} DflUnreadFuncs;

DflUnread *
dfl_unread_new (sd_bus *bus, DflClock *clock, const DflUnreadFuncs *funcs, gpointer data);
void dfl_unread_free (DflUnread *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflUnread, dfl_unread_free)

/* So much was sent to a user's connection. */
void dfl_unread_add (DflUnread *self, const char *name, guint32 uid, gsize bytes);

/* Whether a request of the connection may be answered now. */
gboolean dfl_unread_may_answer (DflUnread *self, const char *name, guint32 uid);

/* Whether the connection may be told news of an object; where not, the object is remembered. known:
 * it has been told of it before. */
gboolean dfl_unread_may_tell (
    DflUnread *self, const char *name, guint32 uid, const char *object, gboolean known);

/* So much was broadcast, and whether something may be. */
void dfl_unread_add_broadcast (DflUnread *self, gsize bytes);
gboolean dfl_unread_may_broadcast (DflUnread *self);

/* The connection is gone. */
void dfl_unread_forget (DflUnread *self, const char *name);
