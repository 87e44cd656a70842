/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A switchboard with a keeper, and what those who change accounts there are told. */

#pragma once

#include "core/error.h"
#include "core/switchboard.h"
#include "fakes/fake-clock.h"
#include "fakes/fake-keeper.h"
#include "fakes/signal-log.h"

typedef struct
{
  DflFakeClock *clock;
  DflFakeKeeper *keeper;
  DflSwitchboard *switchboard;
  DflSignalLog *log;
} DflChangeFixture;

/* What one who asked was told. */
typedef struct
{
  guint n_told;
  DflAccount *account;
  GError *error;
  DflSwitchboard *asks; /* who is told adds an account there, or NULL */
  guint *order;         /* counts, if set */
  guint turn;
} DflAnswer;

void dfl_answer_clear (DflAnswer *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DflAnswer, dfl_answer_clear)

/* For who asks the switchboard itself; data is a DflAnswer. */
void dfl_answer_on_done (DflAccount *account, const GError *error, gpointer data);

/* For g_test_add(). The second one fails when something is left behind. */
void dfl_change_fixture_set_up (DflChangeFixture *self, gconstpointer data);
void dfl_change_fixture_tear_down (DflChangeFixture *self, gconstpointer data);

/* The address of an account that registers. */
#define DFL_CHANGE_ADDRESS "address", "sip:work@example.org"

/* These ask the switchboard, and fail where the answer comes from within. Keys and values in turns,
 * up to NULL; the value "-" stands for none. */
void dfl_change_fixture_add (DflChangeFixture *self,
                             const char *name,
                             const char *caller,
                             DflAnswer *answer,
                             const char *key,
                             ...) G_GNUC_NULL_TERMINATED;
void dfl_change_fixture_update_as (DflChangeFixture *self,
                                   DflAccount *account,
                                   const DflAccountAuthor *author,
                                   DflAnswer *answer,
                                   const char *key,
                                   ...) G_GNUC_NULL_TERMINATED;
#define dfl_change_fixture_update(self, account, name, answer, ...)                                \
  dfl_change_fixture_update_as (self, account, &(DflAccountAuthor){ .caller = name }, answer,      \
                                __VA_ARGS__)
void dfl_change_fixture_remove_as (DflChangeFixture *self,
                                   DflAccount *account,
                                   const DflAccountAuthor *author,
                                   DflAnswer *answer);
/* As who added it. */
void dfl_change_fixture_remove (DflChangeFixture *self, DflAccount *account, DflAnswer *answer);

/* Lets everything happen that waits for nothing but its turn. */
void dfl_change_fixture_settle (DflChangeFixture *self);

/* An account of somebody's that is there; borrowed. */
DflAccount *dfl_change_fixture_have (DflChangeFixture *self, const char *name, const char *creator);

/* The answer has come, once, with that error or with none; and forgets it. */
#define DFL_ANSWER_ASSERT_FAILED(self, answer, code)                                               \
  G_STMT_START                                                                                     \
  {                                                                                                \
    dfl_change_fixture_settle (self);                                                              \
    g_assert_cmpuint ((answer)->n_told, ==, 1);                                                    \
    g_assert_error ((answer)->error, DFL_ERROR, (int)(code));                                      \
    g_assert_null ((answer)->account);                                                             \
    dfl_answer_clear (answer);                                                                     \
  }                                                                                                \
  G_STMT_END
#define DFL_ANSWER_ASSERT_DONE(self, answer)                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    dfl_change_fixture_settle (self);                                                              \
    g_assert_no_error ((answer)->error);                                                           \
    g_assert_cmpuint ((answer)->n_told, ==, 1);                                                    \
    dfl_answer_clear (answer);                                                                     \
  }                                                                                                \
  G_STMT_END
