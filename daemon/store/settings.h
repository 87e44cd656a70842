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
  guint register_rate;   /* attempts to register that begin per second, all accounts together */
  guint register_retry, register_retry_max; /* seconds before a failed one is tried again, at first
                                               and at most */
  gboolean debug;                           /* log=debug */
  GPtrArray *accounts; /* of DflAccountSettings, in the order of their names; may be stolen */
  GPtrArray *problems; /* of char *: "FILE:LINE: KEY: what was expected", for stderr */
} DflSettings;

void dfl_settings_free (DflSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflSettings, dfl_settings_free)

/*
 * Reads everything below config_dir. A bad line in an account's file makes that account fail (its
 * settings carry the problem) and keeps no other one down; a bad line in deflectd.conf fails the
 * whole load with DFL_ERROR_INVALID_SETTINGS, whose message has every problem, a line each. A
 * directory without deflectd.conf gives the defaults; one that cannot be read is an error, and so
 * is one that is not there, if it is required.
 *
 * In accounts.d only NAME.conf is looked at; a NAME that no account may have is a problem, anything
 * else is somebody's backup.
 */
DflSettings *dfl_settings_load (const char *config_dir, gboolean required, GError **error);

/* The text of a deflectd.conf, which may hold anything; no accounts come of it. Fails as
 * dfl_settings_load; path is for messages only. */
DflSettings *
dfl_settings_from_data (const char *path, const char *data, gsize length, GError **error);

/*
 * The text of an account's file, which may hold anything. Never NULL: what is wrong stands in the
 * problem of the account, and each line of it is added to problems, unless that is NULL. users= is
 * kept as far as it could be understood, because the problem is shown to them.
 */
DflAccountSettings *dfl_account_settings_from_data (
    const char *name, const char *path, const char *data, gsize length, GPtrArray *problems);
