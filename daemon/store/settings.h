/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Settings in key files: /etc/deflectd/deflectd.conf and accounts.d/NAME.conf. */

#pragma once

#include <glib.h>

#include "core/account.h"

/* deflectd.conf, checked. Plain values, owned strings. */
typedef struct
{
  char **listen;         /* items of the form "udp:*:0" */
  guint max_offers;      /* calls offered at once, in all accounts together */
  guint max_connections; /* inbound TCP connections held at once */
  guint t1, t2;          /* RFC 3261 timers in milliseconds */
  gboolean debug;        /* log=debug */
  GPtrArray *accounts;   /* of DflAccountSettings, in the order of their names */
  GPtrArray *problems;   /* of char *: "FILE:LINE: KEY: what was expected", for stderr */
} DflSettings;

void dfl_settings_free (DflSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflSettings, dfl_settings_free)

/*
 * Reads everything below config_dir. A bad line in an account's file makes that account fail (its
 * settings carry the problem) and keeps no other one down; a bad line in deflectd.conf fails the
 * whole load with DFL_ERROR_INVALID_SETTINGS, whose message has every problem, a line each. A
 * directory without deflectd.conf gives the defaults; one that cannot be read is an error.
 */
DflSettings *dfl_settings_load (const char *config_dir, GError **error);
