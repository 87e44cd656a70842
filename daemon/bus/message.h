/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bodies of messages: GVariants on our side, D-Bus on the wire. */

#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/* sd_bus_message_unref, as a GDestroyNotify. */
void dfl_message_unref (gpointer message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (sd_bus_message, sd_bus_message_unref)

/*
 * What a message carries, as a tuple; NULL where that is more than max_bytes. (The bus has checked
 * that it is well formed, and file descriptors were never agreed on.) Leaves the message at its
 * beginning.
 */
GVariant *dfl_message_read (sd_bus_message *message, gsize max_bytes);

/*
 * These append to a message that is being written, and return a negative errno where it becomes too
 * long, as sd-bus does. They count what they append, as sd-bus does not say how long a message is:
 * one message is written at a time, in one thread.
 */

/* The next message begins. */
void dfl_message_start_count (void);
/* What was appended since, in bytes, more or less; never much less than it is. */
gsize dfl_message_get_count (void);

/* One basic value, as sd_bus_message_append_basic wants it. */
int dfl_message_append_basic (sd_bus_message *message, char type, const void *value);

/* What a tuple holds. */
int dfl_message_append_tuple (sd_bus_message *message, GVariant *tuple);

/* A variant with the value, which may be floating. */
int dfl_message_append_variant (sd_bus_message *message, GVariant *value);

/* A variant with one basic value, as sd_bus_message_append_basic wants it; type is its signature.
 */
int dfl_message_append_value (sd_bus_message *message, const char *type, const void *value);

/* The same with a text: type is "s" or "o". */
int dfl_message_append_text (sd_bus_message *message, const char *type, const char *text);
