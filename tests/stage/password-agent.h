/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What asks people for their password, as polkitd sees it; a test answers for them. Needs root. */

#pragma once

#include <gio/gio.h>

typedef enum
{
  PASSWORD_AGENT_YES,  /* the right password, at once */
  PASSWORD_AGENT_NO,   /* the dialog is closed, at once */
  PASSWORD_AGENT_NEVER /* the dialog stays open until polkitd takes it back */
} PasswordAgentAnswer;

typedef struct _PasswordAgent PasswordAgent;

/*
 * Registers with the polkitd on the bus at address as the agent for a process of a user. It lives
 * in a thread of its own, so that a test may block.
 */
PasswordAgent *
password_agent_new (const char *address, GPid pid, guint32 uid, PasswordAgentAnswer answer);
void password_agent_free (PasswordAgent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PasswordAgent, password_agent_free)

/* What it does with the dialogs that are opened from now on. */
void password_agent_set_answer (PasswordAgent *self, PasswordAgentAnswer answer);

/*
 * What happened, the oldest first, taken: "begin ACTION MESSAGE", where a dialog is opened, or
 * "cancel", where one is taken back. _take waits for it; _peek returns FALSE where there is none.
 * The default main context wakes up when something happens.
 */
char *password_agent_take (PasswordAgent *self);
gboolean password_agent_peek (PasswordAgent *self);
