/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real polkitd on a bus of the test's own, with rules, actions and sessions of the test's own.
 * Needs root. Everything here blocks until it is done, and runs nothing of the caller's context. */

#pragma once

#include <gio/gio.h>

/* What the bus must include in its configuration, beside <type>system</type>. */
#define POLKITD_BUS_CONFIG "/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf"
#define POLKITD_BUS_NAME "org.freedesktop.PolicyKit1"

typedef struct _Polkitd Polkitd;

/*
 * Starts polkitd on the bus at address, in a mount namespace of its own in which action_files
 * (NULL-terminated) are all actions, rules (JavaScript) all rules, there is no session, and passwd
 * (may be NULL) is /etc/passwd. Returns when it answers and the rules are in force.
 */
Polkitd *polkitd_new (const char *address,
                      const char *rules,
                      const char *const *action_files,
                      const char *passwd);

/* Ends it, and takes everything of it away. */
void polkitd_free (Polkitd *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Polkitd, polkitd_free)

/* Replaces all rules; returns when they are in force. */
void polkitd_set_rules (Polkitd *self, const char *rules);

typedef enum
{
  POLKITD_SESSION_NONE, /* what polkit calls "any" */
  POLKITD_SESSION_INACTIVE,
  POLKITD_SESSION_ACTIVE
} PolkitdSession;

/*
 * Puts the process into a local session of uid that is active or not, or into none; for what
 * polkit is asked from now on. A process that lives before polkitd starts again stays where it is.
 * One that asks by itself has to wait until this is done.
 */
void polkitd_set_session (Polkitd *self, GPid pid, guint32 uid, PolkitdSession session);

/* SIGKILL; returns when the bus knows. */
void polkitd_kill (Polkitd *self);
/* After polkitd_kill: the same polkitd once more. */
void polkitd_start (Polkitd *self);
/* SIGSTOP and SIGCONT. */
void polkitd_freeze (Polkitd *self);
void polkitd_thaw (Polkitd *self);
