/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts that come, go and change, and what they are to each other. */

#include <string.h>

#include "core/error.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"
#include "fakes/switchboard-fixture.h"

static void
test_accounts (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) accounts = NULL;
  DflAccount *alice, *bob;

  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("bob"),
                                        dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  dfl_signal_log_expect (self->log, "account-added bob direct");

  accounts = dfl_switchboard_get_accounts (self->switchboard);
  g_assert_cmpuint (accounts->len, ==, 2);
  alice = accounts->pdata[0];
  bob = accounts->pdata[1];
  g_assert_cmpstr (dfl_account_get_settings (alice)->name, ==, "alice");
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") == alice);
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "bob") == bob);
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "Alice"));
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, ""));
  g_assert_true (dfl_switchboard_get_account (self->switchboard, dfl_account_get_id (alice))
                 == alice);
  g_assert_null (dfl_switchboard_get_account (self->switchboard, "00000000"));
}

static void
test_replace_accounts (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccountSettings *carol = dfl_sample_settings ("carol");
  DflAccountSettings *silent = dfl_sample_settings ("bob");
  DflAccount *alice, *bob;

  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"),
                                        dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  dfl_signal_log_expect (self->log, "account-added bob direct");
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  bob = dfl_switchboard_find_direct (self->switchboard, "bob");

  /* The unchanged one is not touched. */
  silent->alert = FALSE;
  carol->enabled = FALSE;
  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"), silent, carol, NULL);
  dfl_signal_log_expect (self->log, "account-changed bob direct");
  dfl_signal_log_expect (self->log, "account-added carol disabled");
  dfl_signal_log_expect_none (self->log);
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") == alice);
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "bob") == bob);
  g_assert_false (dfl_account_get_settings (bob)->alert);
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "carol"));

  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-removed bob direct");
  dfl_signal_log_expect (self->log, "account-removed carol disabled");
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "bob"));
}

static void
test_same_user (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) accounts = NULL;
  DflAccountSettings *second = dfl_sample_settings ("bob");
  DflAccount *bob;

  dfl_sample_set (&second->user, "alice");
  dfl_switchboard_fixture_set_accounts (self, second, dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  dfl_signal_log_expect (self->log, "account-added bob failed");

  accounts = dfl_switchboard_get_accounts (self->switchboard);
  bob = accounts->pdata[1];
  g_assert_null (strstr (dfl_account_get_state_reason (bob), "alice"));
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") != bob);

  /* When the first one lets go, the second one takes over. */
  second = dfl_sample_settings ("bob");
  dfl_sample_set (&second->user, "alice");
  dfl_switchboard_fixture_set_accounts (self, second, NULL);
  dfl_signal_log_expect (self->log, "account-removed alice direct");
  dfl_signal_log_expect (self->log, "account-changed bob direct");
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") == bob);
}

static void
test_failed_account (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccountSettings *broken = dfl_sample_settings ("bob");
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflAccountSettings *mistaken = dfl_sample_settings ("alice");

  dfl_sample_set (&mistaken->problem, "alice.conf:1: nonsense");
  dfl_account_update (alice, mistaken);
  dfl_signal_log_expect (self->log, "account-changed alice failed");
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "alice"));

  /* A broken file keeps nobody else down. */
  dfl_sample_set (&broken->problem, "bob.conf:1: nonsense");
  dfl_sample_set (&broken->user, "");
  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"), broken, NULL);
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  dfl_signal_log_expect (self->log, "account-added bob failed");
  dfl_signal_log_expect_none (self->log);
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") == alice);
}

/* An update that changes the user part, not through the switchboard. */
static void
test_update_account (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflAccountSettings *settings = dfl_sample_settings ("alice");

  dfl_sample_set (&settings->user, "alison");
  dfl_account_update (alice, settings);
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "alice"));
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alison") == alice);
}

static void
test_account_twice (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;

  dfl_log_catcher_start ();
  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"),
                                        dfl_sample_settings ("alice"), NULL);
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  dfl_signal_log_expect (self->log, "account-added alice direct");
}

/* Calls outlive their account, with the settings that they were offered with. */
static void
test_account_goes (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccountSettings *settings = dfl_sample_settings ("alice");
  DflAccount *alice;
  DflCall *call, *other;

  settings->decline_status = 603;
  dfl_switchboard_fixture_set_accounts (self, settings, NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  call = dfl_switchboard_fixture_must_offer (self, alice, "call-1");
  other = dfl_switchboard_fixture_must_offer (self, alice, "call-2");

  settings = dfl_sample_settings ("alice");
  dfl_sample_set (&settings->redirect_domain, "changed.example");
  dfl_switchboard_fixture_set_accounts (self, settings, NULL);
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  g_assert_true (dfl_call_redirect (call, "7042", "user:alice", NULL));
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  g_assert_cmpstr (dfl_call_get_redirected_to (call), ==, "sip:7042@example.org;user=phone");

  dfl_switchboard_fixture_set_accounts (self, NULL, NULL);
  dfl_signal_log_expect (self->log, "account-removed alice direct");
  g_assert_cmpstr (dfl_account_get_settings (dfl_call_get_account (call))->name, ==, "alice");
  g_assert_true (dfl_call_decline (other, 0, "user:alice", NULL));
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  dfl_call_leg_acknowledged (other);
  dfl_signal_log_expect (self->log, "call-changed idle declined state");
  dfl_signal_log_expect (self->log, "call-removed idle declined");
}

/* --- Loops between accounts --- */

static gboolean
try_local_target (DflSwitchboardFixture *self, const char *target)
{
  g_autoptr (GError) error = NULL;
  DflCall *call = dfl_switchboard_fixture_must_offer (
      self, dfl_switchboard_find_direct (self->switchboard, "alice"), "call-1");
  g_autoptr (DflTarget) checked = dfl_call_check_redirect (call, target, &error);

  dfl_call_leg_cancelled (call, FALSE);
  dfl_signal_log_expect (self->log, "call-changed idle cancelled state decision");
  dfl_signal_log_expect (self->log, "call-removed idle cancelled");

  g_assert_true (checked != NULL || g_error_matches (error, DFL_ERROR, DFL_ERROR_LOOP_DETECTED));

  return checked != NULL;
}

static void
test_local_target (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccountSettings *alice = dfl_sample_settings ("alice");

  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"),
                                        dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  dfl_signal_log_expect (self->log, "account-added bob direct");
  g_assert_false (try_local_target (self, "sip:bob@example.org"));
  g_assert_true (try_local_target (self, "sip:dave@example.org"));

  alice->allow_local_targets = TRUE;
  dfl_switchboard_fixture_set_accounts (self, alice, dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  g_assert_true (try_local_target (self, "sip:bob@example.org"));
  g_assert_false (try_local_target (self, "sip:alice@example.org"));
}

/* Whom a refusal may tell that an address is served here. */
static void
test_local_target_of_others (DflSwitchboardFixture *self, gconstpointer data)
{
  static const struct
  {
    const char *alice, *bob;
    gboolean possible;
  } cases[] = {
    { "alice", "alice", FALSE }, { "alice", "alice;bob", FALSE }, { "alice", "*", FALSE },
    { "", "bob", FALSE },        { "alice", "bob", TRUE },        { "alice;bob", "bob", TRUE },
    { "*", "bob", TRUE },        { "alice", "", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      DflAccountSettings *alice = dfl_sample_settings ("alice");
      DflAccountSettings *bob = dfl_sample_settings ("bob");

      g_strfreev (alice->users);
      g_strfreev (bob->users);
      alice->users = g_strsplit (cases[i].alice, ";", -1);
      bob->users = g_strsplit (cases[i].bob, ";", -1);
      dfl_switchboard_fixture_set_accounts (self, alice, bob, NULL);
      dfl_signal_log_clear (self->log);
      g_assert_cmpint (try_local_target (self, "sip:bob@example.org"), ==, cases[i].possible);
    }
}

#define ADD(path, test)                                                                            \
  g_test_add ("/switchboard/" path, DflSwitchboardFixture, NULL, dfl_switchboard_fixture_set_up,   \
              test, dfl_switchboard_fixture_tear_down)

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  ADD ("accounts/all", test_accounts);
  ADD ("accounts/replace", test_replace_accounts);
  ADD ("accounts/same-user", test_same_user);
  ADD ("accounts/failed", test_failed_account);
  ADD ("accounts/update", test_update_account);
  ADD ("accounts/twice", test_account_twice);
  ADD ("accounts/goes", test_account_goes);
  ADD ("loops/local-target", test_local_target);
  ADD ("loops/local-target-of-others", test_local_target_of_others);

  return g_test_run ();
}
