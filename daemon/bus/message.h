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

/* Appends what a tuple holds. FALSE where the message would become too long. */
gboolean dfl_message_append (sd_bus_message *message, GVariant *tuple);
