/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Methods that not everybody may call, and the person who is asked for a password then. */

#pragma once

#include <gio/gio.h>

typedef enum
{
  DFL_ASK_NOBODY,  /* what is refused is refused */
  DFL_ASK_SESSION, /* whatever agent there is, such as a desktop's */
  DFL_ASK_TERMINAL /* the person at our terminal, where there is no other agent */
} DflAsk;

/*
 * dfl_daemon_call, and where that is refused, once more in such a way that somebody may be asked
 * for a password. What needs no password takes one message and its reply.
 */
GVariant *dfl_authorisation_call (GDBusConnection *connection,
                                  DflAsk ask,
                                  const char *path,
                                  const char *interface,
                                  const char *method,
                                  GVariant *parameters,
                                  const GVariantType *reply_type,
                                  GError **error);
