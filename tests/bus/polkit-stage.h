/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real service with the real polkitd, on a bus of the test's own. Needs root. */

#pragma once

#include "bus/deciders.h"
#include "bus/polkit.h"
#include "stage/password-agent.h"
#include "stage/polkitd.h"

/* alice belongs to the stranger and the neighbour. All who ask are this process, so that there is
 * one session, and one agent, for both. */
typedef struct
{
  Fixture base;
  Polkitd *polkitd;
  DflAuthority *authority;
  GDBusConnection *stranger, *neighbour;
  DflCall *call;
  DflLeg *leg;
  const char *path;
} Stage;

/* For g_test_add, without data; with the actions as they are installed. */
void stage_set_up (Stage *self, gconstpointer data);
void stage_tear_down (Stage *self, gconstpointer data);
/* The same with actions of the test's own. */
void stage_set_up_with (Stage *self, const char *actions);
/* The file of actions as it is installed. */
char *stage_get_actions (void);

void stage_set_session (Stage *self, PolkitdSession session);

/* The stranger's. */
PasswordAgent *stage_add_agent (Stage *self, PasswordAgentAnswer answer);
/* Runs the main loop until something happens to the agent. */
void stage_expect_event (PasswordAgent *agent, const char *expected);

/* The stranger silences the call: starts it, does it, must fail to. */
Pending *stage_silence (Stage *self, GDBusMessageFlags flags);
void stage_do_silence (Stage *self);
void stage_fail_silence (Stage *self, GDBusMessageFlags flags, const char *pattern);

/* What agents hear of that. */
#define ASKED_TO_SILENCE                                                                           \
  "begin org.deflectd1.redirect "                                                                  \
  "Authentication is required to decide a call for alice: silence "

/* What polkit says of the stranger. */
DflAuthorityAnswer stage_ask (Stage *self, const char *action);
