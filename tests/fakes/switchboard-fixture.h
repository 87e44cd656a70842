/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A switchboard with a fake line, and what it tells. */

#pragma once

#include "core/switchboard.h"
#include "fakes/fake-clock.h"
#include "fakes/fake-line.h"
#include "fakes/signal-log.h"

typedef struct
{
  DflFakeClock *clock;
  DflFakeLine *line;
  DflSwitchboard *switchboard;
  DflSignalLog *log;
} DflSwitchboardFixture;

/* For g_test_add(). The second one fails when something is left behind. */
void dfl_switchboard_fixture_set_up (DflSwitchboardFixture *self, gconstpointer data);
void dfl_switchboard_fixture_tear_down (DflSwitchboardFixture *self, gconstpointer data);

/* Takes the settings over; a list that ends with NULL. */
void dfl_switchboard_fixture_set_accounts (DflSwitchboardFixture *self,
                                           DflAccountSettings *first,
                                           ...) G_GNUC_NULL_TERMINATED;

/* The account alice, which is announced. */
DflAccount *dfl_switchboard_fixture_add_alice (DflSwitchboardFixture *self);

/* leg may be NULL. */
DflCall *dfl_switchboard_fixture_offer (DflSwitchboardFixture *self,
                                        DflAccount *account,
                                        const char *call_id,
                                        DflLeg **leg,
                                        GError **error);

/* The same, and it is announced. */
DflCall *dfl_switchboard_fixture_must_offer (DflSwitchboardFixture *self,
                                             DflAccount *account,
                                             const char *call_id);
