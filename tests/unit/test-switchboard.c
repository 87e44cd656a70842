/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/switchboard.h"

#include <string.h>

#include "core/error.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"
#include "fakes/switchboard-fixture.h"

/* --- Calls --- */

static void
test_find_calls (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) found = NULL;
  g_autofree char *id = NULL;
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflCall *first = dfl_switchboard_fixture_must_offer (self, alice, "shared");
  DflCall *second = dfl_switchboard_fixture_must_offer (self, alice, "shared");
  DflCall *third = dfl_switchboard_fixture_must_offer (self, alice, "shared");
  DflCall *other = dfl_switchboard_fixture_must_offer (self, alice, "other");

  g_assert_cmpuint (dfl_switchboard_get_n_calls (self->switchboard), ==, 4);
  id = g_strdup (dfl_call_get_id (first));
  g_assert_true (dfl_switchboard_get_call (self->switchboard, id) == first);
  g_assert_null (dfl_switchboard_get_call (self->switchboard, "nonsense"));

  found = dfl_switchboard_find_calls (self->switchboard, "shared");
  g_assert_cmpuint (found->len, ==, 3);
  g_clear_pointer (&found, g_ptr_array_unref);
  found = dfl_switchboard_find_calls (self->switchboard, "other");
  g_assert_cmpuint (found->len, ==, 1);
  g_assert_true (found->pdata[0] == other);
  g_clear_pointer (&found, g_ptr_array_unref);

  /* The index must survive each of them, whose Call-ID it may have borrowed. */
  dfl_call_leg_cancelled (third, FALSE);
  dfl_call_leg_cancelled (first, FALSE);
  dfl_signal_log_clear (self->log);
  g_assert_null (dfl_switchboard_get_call (self->switchboard, id));
  found = dfl_switchboard_find_calls (self->switchboard, "shared");
  g_assert_cmpuint (found->len, ==, 1);
  g_assert_true (found->pdata[0] == second);
  g_clear_pointer (&found, g_ptr_array_unref);

  dfl_call_leg_cancelled (second, FALSE);
  dfl_signal_log_clear (self->log);
  found = dfl_switchboard_find_calls (self->switchboard, "shared");
  g_assert_cmpuint (found->len, ==, 0);
}

static void
cancel_and_count (DflCall *call, gpointer data)
{
  guint *n = data;

  (*n)++;
  dfl_call_leg_cancelled (call, FALSE);
}

static void
test_foreach_call (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  guint n = 0;

  for (int i = 0; i < 10; i++)
    dfl_switchboard_fixture_must_offer (self, alice, "call");
  dfl_switchboard_foreach_call_of (self->switchboard, alice, cancel_and_count, &n);
  g_assert_cmpuint (n, ==, 10);
  g_assert_cmpuint (dfl_switchboard_get_n_calls (self->switchboard), ==, 0);
  dfl_signal_log_clear (self->log);
}

static void
note_call (DflCall *call, gpointer data)
{
  g_ptr_array_add (data, g_object_ref (call));
}

/* Exactly the account's calls, in the order of their ids. */
static void
must_have_calls (DflSwitchboardFixture *self, DflAccount *account, guint n)
{
  g_autoptr (GPtrArray) calls = g_ptr_array_new_with_free_func (g_object_unref);

  dfl_switchboard_foreach_call_of (self->switchboard, account, note_call, calls);
  g_assert_cmpuint (calls->len, ==, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (dfl_call_get_account (calls->pdata[i]) == account);
      if (i > 0)
        g_assert_cmpstr (dfl_call_get_id (calls->pdata[i - 1]), <,
                         dfl_call_get_id (calls->pdata[i]));
    }
}

static void
test_calls_of_account (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) former = NULL;
  DflAccount *alice, *bob;
  DflCall *first = NULL;
  guint n = 0;

  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"),
                                        dfl_sample_settings ("bob"), NULL);
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  bob = dfl_switchboard_find_direct (self->switchboard, "bob");
  dfl_signal_log_clear (self->log);
  must_have_calls (self, alice, 0);

  for (int i = 0; i < 8; i++)
    {
      DflCall *call = dfl_switchboard_fixture_must_offer (self, i % 2 == 0 ? alice : bob, "call");

      first = first != NULL ? first : call;
    }
  must_have_calls (self, alice, 4);
  must_have_calls (self, bob, 4);

  dfl_call_leg_cancelled (first, FALSE);
  must_have_calls (self, alice, 3);
  dfl_switchboard_foreach_call_of (self->switchboard, alice, cancel_and_count, &n);
  g_assert_cmpuint (n, ==, 3);
  must_have_calls (self, alice, 0);
  must_have_calls (self, bob, 4);

  former = dfl_switchboard_get_former_accounts (self->switchboard);
  g_assert_cmpuint (former->len, ==, 0);
  dfl_signal_log_clear (self->log);
}

static void
must_have_former (DflSwitchboardFixture *self, DflAccount *first, DflAccount *second)
{
  g_autoptr (GPtrArray) former = dfl_switchboard_get_former_accounts (self->switchboard);

  g_assert_cmpuint (former->len, ==, (first != NULL) + (second != NULL));
  if (first != NULL)
    g_assert_true (former->pdata[0] == first);
  if (second != NULL)
    g_assert_true (former->pdata[1] == second);
}

/* The calls of an account that goes are still there, and so is the way to them. */
static void
test_former_accounts (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (DflAccount) alice = NULL;
  g_autoptr (DflAccount) bob = NULL;
  DflCall *call;
  guint n = 0;

  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"),
                                        dfl_sample_settings ("bob"), dfl_sample_settings ("carol"),
                                        NULL);
  alice = g_object_ref (dfl_switchboard_find_direct (self->switchboard, "alice"));
  bob = g_object_ref (dfl_switchboard_find_direct (self->switchboard, "bob"));
  dfl_signal_log_clear (self->log);
  call = dfl_switchboard_fixture_must_offer (self, bob, "call");
  dfl_switchboard_fixture_must_offer (self, alice, "call");
  dfl_switchboard_fixture_must_offer (self, alice, "call");
  must_have_former (self, NULL, NULL);

  /* Carol goes without a call. */
  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"), NULL);
  must_have_former (self, bob, NULL);
  must_have_calls (self, bob, 1);
  dfl_switchboard_fixture_set_accounts (self, NULL, NULL);
  must_have_former (self, alice, bob);

  dfl_call_leg_cancelled (call, FALSE);
  must_have_former (self, alice, NULL);
  dfl_signal_log_clear (self->log);

  /* Who was asked for it before it went offers it one more. */
  dfl_switchboard_fixture_must_offer (self, bob, "call");
  must_have_former (self, alice, bob);

  dfl_switchboard_foreach_call_of (self->switchboard, alice, cancel_and_count, &n);
  dfl_switchboard_foreach_call_of (self->switchboard, bob, cancel_and_count, &n);
  g_assert_cmpuint (n, ==, 3);
  must_have_former (self, NULL, NULL);
  dfl_signal_log_clear (self->log);
}

static void
on_added_redirect (DflSwitchboard *switchboard, DflCall *call, gpointer data)
{
  g_assert_true (dfl_switchboard_get_call (switchboard, dfl_call_get_id (call)) == call);
  dfl_call_redirect (call, "sip:bob@example.org", "user:alice", NULL);
}

/* Who listens for a call may decide before it learns of anything else. */
static void
test_decide_at_once (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflCall *call;
  DflLeg *leg;

  g_signal_connect (self->switchboard, "call-added", G_CALLBACK (on_added_redirect), NULL);
  call = dfl_switchboard_fixture_offer (self, alice, "call-1", &leg, NULL);
  dfl_signal_log_expect (self->log, "call-added offered none");
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (leg), ==, "302 sip:bob@example.org");
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_REDIRECTING);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
}

/* The decision may fail for good before the offer returns. */
static void
test_fail_at_once (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflLeg *leg;

  g_signal_connect (self->switchboard, "call-added", G_CALLBACK (on_added_redirect), NULL);
  dfl_fake_line_set_down (self->line, TRUE);
  g_assert_nonnull (dfl_switchboard_fixture_offer (self, alice, "call-1", &leg, NULL));
  dfl_signal_log_expect (self->log, "call-added offered none");
  dfl_signal_log_expect (self->log, "call-changed idle failed state decision");
  dfl_signal_log_expect (self->log, "call-removed idle failed");
  g_assert_cmpuint (dfl_fake_leg_get_n_releases (leg), ==, 1);
  g_assert_cmpuint (dfl_switchboard_get_n_calls (self->switchboard), ==, 0);
}

/* --- Limits --- */

static void
assert_refused (DflSwitchboardFixture *self, DflAccount *account, DflError code)
{
  g_autoptr (GError) error = NULL;
  DflLeg *leg;

  g_assert_null (dfl_switchboard_fixture_offer (self, account, "call", &leg, &error));
  g_assert_error (error, DFL_ERROR, (int)code);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (leg), ==, 0);
  g_assert_cmpuint (dfl_fake_leg_get_n_releases (leg), ==, 0);
}

static void
test_account_limit (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;
  DflAccountSettings *settings = dfl_sample_settings ("alice");
  DflAccount *alice;
  DflCall *first;

  settings->max_offers = 2;
  dfl_switchboard_fixture_set_accounts (self, settings, dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_clear (self->log);
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  first = dfl_switchboard_fixture_must_offer (self, alice, "call-1");
  dfl_switchboard_fixture_must_offer (self, alice, "call-2");

  dfl_log_catcher_start ();
  assert_refused (self, alice, DFL_ERROR_LIMIT_EXCEEDED);
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  dfl_switchboard_fixture_must_offer (self, dfl_switchboard_find_direct (self->switchboard, "bob"),
                                      "call-3");

  /* A decided call is offered no more. */
  g_assert_true (dfl_call_redirect (first, "sip:dave@example.org", "user:alice", NULL));
  dfl_signal_log_clear (self->log);
  dfl_switchboard_fixture_must_offer (self, alice, "call-4");
}

static void
test_daemon_limit (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflCall *call;

  dfl_switchboard_set_max_offers (self->switchboard, 1);
  call = dfl_switchboard_fixture_must_offer (self, alice, "call-1");
  dfl_log_catcher_start ();
  assert_refused (self, alice, DFL_ERROR_LIMIT_EXCEEDED);
  logged = dfl_log_catcher_stop ();

  dfl_call_leg_cancelled (call, FALSE);
  dfl_signal_log_clear (self->log);
  call = dfl_switchboard_fixture_must_offer (self, alice, "call-2");
  dfl_call_decline (call, 0, "user:alice", NULL);
  dfl_signal_log_clear (self->log);
  call = dfl_switchboard_fixture_must_offer (self, alice, "call-3");
  dfl_fake_line_set_down (self->line, TRUE);
  dfl_call_decline (call, 0, "user:alice", NULL);
  dfl_signal_log_clear (self->log);
  dfl_switchboard_fixture_must_offer (self, alice, "call-4");
}

static void
test_log_of_refusals (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);

  dfl_switchboard_set_max_offers (self->switchboard, 0);
  dfl_log_catcher_start ();
  for (int i = 0; i < 1000; i++)
    {
      assert_refused (self, alice, DFL_ERROR_LIMIT_EXCEEDED);
      dfl_fake_clock_advance (self->clock, G_USEC_PER_SEC / 250);
    }
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 4);
  g_assert_true (g_str_has_prefix (logged->pdata[0], "1 "));
  g_assert_true (g_str_has_prefix (logged->pdata[3], "250 "));
}

/* --- Shutdown --- */

static void
test_shut_down (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflCall *offered = dfl_switchboard_fixture_must_offer (self, alice, "call-1");
  DflCall *redirecting = dfl_switchboard_fixture_must_offer (self, alice, "call-2");

  g_assert_true (dfl_call_redirect (redirecting, "sip:bob@example.org", "user:alice", NULL));
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");

  dfl_switchboard_shut_down (self->switchboard);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_call_get_decided_by (offered), ==, "shutdown");
  assert_refused (self, alice, DFL_ERROR_FAILED);

  dfl_switchboard_shut_down (self->switchboard);
  dfl_fake_clock_advance (self->clock, G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);

  dfl_call_leg_acknowledged (redirecting);
  dfl_signal_log_expect (self->log, "call-changed idle redirected state");
  dfl_signal_log_expect (self->log, "call-removed idle redirected");
  dfl_call_leg_unconfirmed (offered);
  dfl_signal_log_expect (self->log, "call-changed idle declined state");
  dfl_signal_log_expect (self->log, "call-removed idle declined");
  dfl_signal_log_expect (self->log, "drained");
}

/* Whoever waits for the end of a call hears of one, also when the caller never acknowledges. */
static void
test_shut_down_give_up (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = dfl_switchboard_fixture_add_alice (self);
  DflCall *redirecting = dfl_switchboard_fixture_must_offer (self, alice, "call-1");

  g_assert_true (dfl_call_redirect (redirecting, "sip:bob@example.org", "user:alice", NULL));
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  dfl_switchboard_shut_down (self->switchboard);
  dfl_fake_clock_advance (self->clock, G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);

  dfl_switchboard_give_up (self->switchboard);
  dfl_signal_log_expect (self->log, "call-changed idle unconfirmed state");
  dfl_signal_log_expect (self->log, "call-removed idle unconfirmed");
  dfl_signal_log_expect (self->log, "drained");
}

static void
test_shut_down_without_calls (DflSwitchboardFixture *self, gconstpointer data)
{
  dfl_switchboard_shut_down (self->switchboard);
  dfl_signal_log_expect_none (self->log);
  dfl_fake_clock_advance (self->clock, 0);
  dfl_signal_log_expect (self->log, "drained");
}

static void
test_shut_down_line_down (DflSwitchboardFixture *self, gconstpointer data)
{
  dfl_switchboard_fixture_must_offer (self, dfl_switchboard_fixture_add_alice (self), "call-1");
  dfl_fake_line_set_down (self->line, TRUE);
  dfl_switchboard_shut_down (self->switchboard);
  dfl_signal_log_expect (self->log, "call-changed idle failed state decision");
  dfl_signal_log_expect (self->log, "call-removed idle failed");
  dfl_signal_log_expect_none (self->log);
  dfl_fake_clock_advance (self->clock, 0);
  dfl_signal_log_expect (self->log, "drained");
}

/* --- Many --- */

static void
end_call (DflCall *call, gpointer data)
{
  g_assert_true (dfl_call_redirect (call, "sip:bob@example.org", "user:alice", NULL));
  dfl_call_leg_acknowledged (call);
}

/* Ids stay unique, every call stays reachable, and all of it goes again. */
static void
test_many (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (GHashTable) ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  DflAccountSettings *settings = dfl_sample_settings ("alice");
  DflAccount *alice;
  const guint n = 10000;

  settings->max_offers = n;
  dfl_switchboard_fixture_set_accounts (self, settings, NULL);
  dfl_switchboard_set_max_offers (self->switchboard, n);
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *call_id = g_strdup_printf ("call-%u@caller.example", i);
      DflCall *call = dfl_switchboard_fixture_offer (self, alice, call_id, NULL, NULL);

      g_assert_nonnull (call);
      g_assert_true (g_hash_table_add (ids, g_strdup (dfl_call_get_id (call))));
    }
  g_assert_cmpuint (dfl_switchboard_get_n_calls (self->switchboard), ==, n);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, n);

  dfl_switchboard_foreach_call_of (self->switchboard, alice, end_call, NULL);
  g_assert_cmpuint (dfl_switchboard_get_n_calls (self->switchboard), ==, 0);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
  g_assert_cmpuint (dfl_account_get_n_offered (alice), ==, 0);
  dfl_signal_log_clear (self->log);
}

#define ADD(path, test)                                                                            \
  g_test_add ("/switchboard/" path, DflSwitchboardFixture, NULL, dfl_switchboard_fixture_set_up,   \
              test, dfl_switchboard_fixture_tear_down)

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  ADD ("calls/find", test_find_calls);
  ADD ("calls/foreach", test_foreach_call);
  ADD ("calls/of-account", test_calls_of_account);
  ADD ("calls/of-former-accounts", test_former_accounts);
  ADD ("calls/decide-at-once", test_decide_at_once);
  ADD ("calls/fail-at-once", test_fail_at_once);
  ADD ("calls/many", test_many);
  ADD ("limits/account", test_account_limit);
  ADD ("limits/daemon", test_daemon_limit);
  ADD ("limits/log", test_log_of_refusals);
  ADD ("shut-down/calls", test_shut_down);
  ADD ("shut-down/give-up", test_shut_down_give_up);
  ADD ("shut-down/no-calls", test_shut_down_without_calls);
  ADD ("shut-down/line-down", test_shut_down_line_down);

  return g_test_run ();
}
