/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of accounts that were allowed, and what holds of that when it is their turn. */

#include "fakes/change-fixture.h"

static void
test_permission (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) answer = { 0 };

  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, "users", "bob", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, "register", "false",
                          "accept-from", "192.0.2.1", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, "registrar",
                          "127.0.0.1:5060", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  dfl_change_fixture_update (self, account, "alice", &answer, "users", "alice;bob", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  dfl_change_fixture_update (self, account, "alice", &answer, "tls-verify", "false", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 1);
  dfl_signal_log_expect_none (self->log);

  dfl_change_fixture_update_as (self, account,
                                &(DflAccountAuthor){ .caller = "alice", .as_administrator = TRUE },
                                &answer, "users", "alice;bob", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_change_fixture_update (self, account, "root", &answer, "tls-verify", "false", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
}

/* What was the caller's own when it was allowed may be somebody else's when it is its turn. */
static void
test_permission_at_its_turn (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) given_away = { 0 }, late = { 0 }, not_asked = { 0 }, allowed = { 0 };

  dfl_change_fixture_update (self, account, "root", &given_away, "users", "bob", NULL);
  dfl_change_fixture_update (self, account, "alice", &late, "registrar", "sip.evil.example", NULL);
  dfl_change_fixture_update_as (self, account,
                                &(DflAccountAuthor){ .caller = "alice", .as_administrator = TRUE },
                                &not_asked, "ring-limit", "7", NULL);
  dfl_change_fixture_update (self, account, "root", &allowed, "ring-limit", "8", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &given_away);
  DFL_ANSWER_ASSERT_FAILED (self, &late, DFL_ERROR_FAILED);
  DFL_ANSWER_ASSERT_FAILED (self, &not_asked, DFL_ERROR_FAILED);
  DFL_ANSWER_ASSERT_DONE (self, &allowed);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  g_assert_cmpstr (dfl_account_get_settings (account)->registrar, ==, "");
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 8);

  /* A step needs an administrator by what it is a step from. */
  dfl_change_fixture_update (self, account, "root", &given_away, "accept-from", "192.0.2.1", NULL);
  dfl_change_fixture_update (self, account, "bob", &late, "accept-from", "-", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &given_away);
  DFL_ANSWER_ASSERT_FAILED (self, &late, DFL_ERROR_NOT_AUTHORIZED);
  dfl_signal_log_expect (self->log, "account-changed work connecting");

  /* It stays one's own while one is among its users. */
  dfl_change_fixture_update (self, account, "root", &given_away, "users", "carol;bob", NULL);
  dfl_change_fixture_update (self, account, "bob", &late, "ring-limit", "8", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &given_away);
  DFL_ANSWER_ASSERT_DONE (self, &late);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_signal_log_expect (self->log, "account-changed work connecting");
}

/* An administrator's yes to what key and value make of the account (NULL: to its end), now. */
static void
ask_as_administrator (DflChangeFixture *self,
                      DflAccount *account,
                      DflAnswer *answer,
                      const char *key,
                      const char *value)
{
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (DflAccountSettings) authorised = NULL;
  DflAccountAuthor author = { .caller = "carol", .as_administrator = TRUE };

  if (key != NULL)
    dfl_account_change_set (change, key, value);
  authorised = dfl_switchboard_draft_account (self->switchboard, account, NULL, NULL, FALSE, change,
                                              NULL);
  g_assert_nonnull (authorised);
  author.authorised = authorised;
  if (key != NULL)
    dfl_change_fixture_update_as (self, account, &author, answer, key, value, NULL);
  else
    dfl_change_fixture_remove_as (self, account, &author, answer);
}

/* What an administrator allowed is what is done. */
static void
test_authorised (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) first = { 0 }, other = { 0 }, second = { 0 };

  ask_as_administrator (self, account, &first, "users", "alice;bob");
  DFL_ANSWER_ASSERT_DONE (self, &first);
  dfl_signal_log_expect (self->log, "account-changed work connecting");

  /* The account that was given to others has another server by then. */
  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_update (self, account, "alice", &other, "registrar", "sip.evil.example", NULL);
  ask_as_administrator (self, account, &first, "users", "*");
  ask_as_administrator (self, account, &second, NULL, NULL);
  dfl_fake_keeper_set_held (self->keeper, FALSE);
  DFL_ANSWER_ASSERT_DONE (self, &other);
  g_assert_nonnull (first.error);
  g_assert_cmpstr (first.error->message, ==,
                   "The account was changed meanwhile; look at it and try again");
  DFL_ANSWER_ASSERT_FAILED (self, &first, DFL_ERROR_FAILED);
  DFL_ANSWER_ASSERT_FAILED (self, &second, DFL_ERROR_FAILED);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  g_assert_true (
      g_strv_contains ((const char *const *)dfl_account_get_settings (account)->users, "bob"));

  /* Two that were allowed, the second one without the first. */
  ask_as_administrator (self, account, &first, "ring-limit", "7");
  ask_as_administrator (self, account, &second, "display-name", "Alice");
  DFL_ANSWER_ASSERT_DONE (self, &first);
  DFL_ANSWER_ASSERT_FAILED (self, &second, DFL_ERROR_FAILED);
  dfl_signal_log_expect (self->log, "account-changed work connecting");

  ask_as_administrator (self, account, &first, NULL, NULL);
  DFL_ANSWER_ASSERT_DONE (self, &first);
  dfl_signal_log_expect (self->log, "account-removed work connecting");
}

/* What is no matter while the account names nobody to be believed is one when it does. */
static void
test_authorised_trust (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) answer = { 0 }, other = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_update (self, account, "alice", &other, "trusted", "true", NULL);
  ask_as_administrator (self, account, &answer, "accept-from", "192.0.2.1");
  dfl_fake_keeper_set_held (self->keeper, FALSE);
  DFL_ANSWER_ASSERT_DONE (self, &other);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
  dfl_signal_log_expect (self->log, "account-changed work connecting");

  ask_as_administrator (self, account, &answer, "accept-from", "192.0.2.1");
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
}

/* A new account has another id and time when it is kept; all else is as it was allowed. */
static void
test_authorised_new (DflChangeFixture *self, gconstpointer data)
{
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (DflAccountSettings) authorised = NULL;
  DflAccountAuthor author = { .caller = "alice", .as_administrator = TRUE };
  g_auto (DflAnswer) answer = { 0 };

  dfl_account_change_set (change, "address", "sip:work@example.org");
  dfl_account_change_set (change, "users", "bob");
  authorised = dfl_switchboard_draft_account (self->switchboard, NULL, "work", "alice", TRUE,
                                              change, NULL);
  author.authorised = authorised;
  dfl_fake_clock_advance (self->clock, G_USEC_PER_SEC);
  dfl_switchboard_add_account (self->switchboard, "work", &author, TRUE, g_steal_pointer (&change),
                               dfl_answer_on_done, &answer);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-added work connecting");

  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, "users", "bob", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  change = dfl_account_change_new ();
  dfl_account_change_set (change, "address", "sip:work@example.org");
  dfl_account_change_set (change, "users", "*");
  dfl_switchboard_add_account (self->switchboard, "home", &author, TRUE, g_steal_pointer (&change),
                               dfl_answer_on_done, &answer);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
}

/* Removals are allowed as changes are. */
static void
test_removal_at_its_turn (DflChangeFixture *self, gconstpointer data)
{
  static const DflAccountAuthor alice = { .caller = "alice" };
  static const DflAccountAuthor dave = { .caller = "dave", .as_administrator = TRUE };
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) given_away = { 0 }, late = { 0 }, not_asked = { 0 };

  dfl_change_fixture_update (self, account, "root", &given_away, "users", "bob", NULL);
  dfl_change_fixture_remove_as (self, account, &alice, &late);
  dfl_change_fixture_remove_as (self, account, &dave, &not_asked);
  DFL_ANSWER_ASSERT_DONE (self, &given_away);
  DFL_ANSWER_ASSERT_FAILED (self, &late, DFL_ERROR_FAILED);
  DFL_ANSWER_ASSERT_FAILED (self, &not_asked, DFL_ERROR_FAILED);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 1);

  /* It stays one's own while one is among its users, and root's is everything. */
  dfl_change_fixture_update (self, account, "root", &given_away, "users", "bob;alice", NULL);
  dfl_change_fixture_remove_as (self, account, &alice, &late);
  DFL_ANSWER_ASSERT_DONE (self, &given_away);
  DFL_ANSWER_ASSERT_DONE (self, &late);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_signal_log_expect (self->log, "account-removed work connecting");

  account = dfl_change_fixture_have (self, "work", "alice");
  dfl_change_fixture_update (self, account, "root", &given_away, "users", "bob", NULL);
  dfl_change_fixture_remove_as (self, account, &(DflAccountAuthor){ .caller = "root" }, &late);
  DFL_ANSWER_ASSERT_DONE (self, &given_away);
  DFL_ANSWER_ASSERT_DONE (self, &late);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_signal_log_expect (self->log, "account-removed work connecting");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, test)                                                                            \
  g_test_add ("/account-authorised/" path, DflChangeFixture, NULL, dfl_change_fixture_set_up,      \
              test, dfl_change_fixture_tear_down)
  ADD ("now", test_permission);
  ADD ("at-its-turn", test_permission_at_its_turn);
  ADD ("removal-at-its-turn", test_removal_at_its_turn);
  ADD ("same", test_authorised);
  ADD ("same-trust", test_authorised_trust);
  ADD ("same-new", test_authorised_new);
#undef ADD

  return g_test_run ();
}
