/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One account and one call of it between fakes, for the tests of what becomes of a call. */

#pragma once

#include "core/call.h"
#include "core/switchboard.h"
#include "fakes/fake-clock.h"
#include "fakes/fake-line.h"
#include "fakes/signal-log.h"

typedef struct
{
  DflFakeClock *clock;
  DflFakeLine *line;
  DflSwitchboard *switchboard;
  DflAccountSettings *settings; /* of "alice", to be changed before the offer is made */
  DflOffer *offer;              /* likewise; NULL afterwards */
  DflSignalLog *log;
  DflLeg *leg;
  DflCall *call; /* NULL until the offer is made */
} DflCallFixture;

/* For g_test_add(). The second one fails when an ended call has left something behind. */
void dfl_call_fixture_set_up (DflCallFixture *self, gconstpointer data);
void dfl_call_fixture_tear_down (DflCallFixture *self, gconstpointer data);

/* Adds the case "/call/" PATH. */
#define DFL_CALL_FIXTURE_ADD(path, data, test)                                                     \
  g_test_add ("/call/" path, DflCallFixture, data, dfl_call_fixture_set_up, test,                  \
              dfl_call_fixture_tear_down)

/* Makes the call of what the test has prepared. */
void dfl_call_fixture_offer (DflCallFixture *self);

/* Decide as user:alice, where that is possible: to sip:bob@example.org, and with 603. */
void dfl_call_fixture_redirect (DflCallFixture *self);
void dfl_call_fixture_decline (DflCallFixture *self);

/* The call has just ended so, and has announced nothing else. */
void
dfl_call_fixture_assert_ended (DflCallFixture *self, DflOutcome outcome, const char *decided_by);

/* Every decision comes too late now, and says who was first. */
void dfl_call_fixture_assert_too_late (DflCallFixture *self, const char *who);
