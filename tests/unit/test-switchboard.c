/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/switchboard.h"

#include <string.h>

#include "core/error.h"
#include "fakes/fake-clock.h"
#include "fakes/fake-line.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"
#include "fakes/signal-log.h"

typedef struct
{
  DflFakeClock *clock;
  DflFakeLine *line;
  DflSwitchboard *switchboard;
  DflSignalLog *log;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->clock = dfl_fake_clock_new ();
  self->line = dfl_fake_line_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
  self->log = dfl_signal_log_new (self->switchboard);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  dfl_signal_log_free (self->log);
  g_assert_finalize_object (self->switchboard);
  g_assert_finalize_object (self->line);
  g_assert_finalize_object (self->clock);
}

/* Takes the settings over; a list that ends with NULL. */
static void
set_accounts (Fixture *self, DflAccountSettings *first, ...)
{
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  va_list more;

  va_start (more, first);
  for (DflAccountSettings *item = first; item != NULL; item = va_arg (more, DflAccountSettings *))
    g_ptr_array_add (settings, item);
  va_end (more);

  dfl_switchboard_set_accounts (self->switchboard, settings);
}

static DflAccount *
add_alice (Fixture *self)
{
  set_accounts (self, dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");

  return dfl_switchboard_find_direct (self->switchboard, "alice");
}

static DflCall *
offer (Fixture *self, DflAccount *account, const char *call_id, DflLeg **leg, GError **error)
{
  DflLeg *own = dfl_fake_line_add_leg (self->line);

  if (leg != NULL)
    *leg = own;

  return dfl_switchboard_offer (self->switchboard, account,
                                dfl_sample_offer (DFL_CLOCK (self->clock), call_id),
                                DFL_LINE (self->line), own, error);
}

static DflCall *
must_offer (Fixture *self, DflAccount *account, const char *call_id)
{
  g_autoptr (GError) error = NULL;
  DflCall *call = offer (self, account, call_id, NULL, &error);

  g_assert_no_error (error);
  dfl_signal_log_expect (self->log, "call-added offered none");

  return call;
}

/* --- Accounts --- */

static void
test_accounts (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) accounts = NULL;
  DflAccount *alice, *bob;

  set_accounts (self, dfl_sample_settings ("bob"), dfl_sample_settings ("alice"), NULL);
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
test_replace_accounts (Fixture *self, gconstpointer data)
{
  DflAccountSettings *carol = dfl_sample_settings ("carol");
  DflAccountSettings *silent = dfl_sample_settings ("bob");
  DflAccount *alice, *bob;

  set_accounts (self, dfl_sample_settings ("alice"), dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  dfl_signal_log_expect (self->log, "account-added bob direct");
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  bob = dfl_switchboard_find_direct (self->switchboard, "bob");

  /* The unchanged one is not touched. */
  silent->alert = FALSE;
  carol->enabled = FALSE;
  set_accounts (self, dfl_sample_settings ("alice"), silent, carol, NULL);
  dfl_signal_log_expect (self->log, "account-changed bob direct");
  dfl_signal_log_expect (self->log, "account-added carol disabled");
  dfl_signal_log_expect_none (self->log);
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") == alice);
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "bob") == bob);
  g_assert_false (dfl_account_get_settings (bob)->alert);
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "carol"));

  set_accounts (self, dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-removed bob direct");
  dfl_signal_log_expect (self->log, "account-removed carol disabled");
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "bob"));
}

static void
test_same_user (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) accounts = NULL;
  DflAccountSettings *second = dfl_sample_settings ("bob");
  DflAccount *bob;

  dfl_sample_set (&second->user, "alice");
  set_accounts (self, second, dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  dfl_signal_log_expect (self->log, "account-added bob failed");

  accounts = dfl_switchboard_get_accounts (self->switchboard);
  bob = accounts->pdata[1];
  g_assert_null (strstr (dfl_account_get_state_reason (bob), "alice"));
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") != bob);

  /* When the first one lets go, the second one takes over. */
  second = dfl_sample_settings ("bob");
  dfl_sample_set (&second->user, "alice");
  set_accounts (self, second, NULL);
  dfl_signal_log_expect (self->log, "account-removed alice direct");
  dfl_signal_log_expect (self->log, "account-changed bob direct");
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") == bob);
}

static void
test_failed_account (Fixture *self, gconstpointer data)
{
  DflAccountSettings *broken = dfl_sample_settings ("bob");
  DflAccount *alice = add_alice (self);

  dfl_account_fail (alice, "a reason");
  dfl_signal_log_expect (self->log, "account-changed alice failed");
  dfl_account_fail (alice, "a reason");
  dfl_signal_log_expect_none (self->log);
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "alice"));

  /* Unchanged settings do not mend it; a broken file keeps nobody else down. */
  dfl_sample_set (&broken->problem, "bob.conf:1: nonsense");
  dfl_sample_set (&broken->user, "");
  set_accounts (self, dfl_sample_settings ("alice"), broken, NULL);
  dfl_signal_log_expect (self->log, "account-added bob failed");
  dfl_signal_log_expect_none (self->log);

  dfl_account_update (alice, dfl_sample_settings ("alice"));
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alice") == alice);
}

/* An update that changes the user part, not through the switchboard. */
static void
test_update_account (Fixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  DflAccountSettings *settings = dfl_sample_settings ("alice");

  dfl_sample_set (&settings->user, "alison");
  dfl_account_update (alice, settings);
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "alice"));
  g_assert_true (dfl_switchboard_find_direct (self->switchboard, "alison") == alice);
}

static void
test_account_twice (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;

  dfl_log_catcher_start ();
  set_accounts (self, dfl_sample_settings ("alice"), dfl_sample_settings ("alice"), NULL);
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  dfl_signal_log_expect (self->log, "account-added alice direct");
}

/* Calls outlive their account, with the settings that they were offered with. */
static void
test_account_goes (Fixture *self, gconstpointer data)
{
  DflAccountSettings *settings = dfl_sample_settings ("alice");
  DflAccount *alice;
  DflCall *call, *other;

  settings->decline_status = 603;
  set_accounts (self, settings, NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  call = must_offer (self, alice, "call-1");
  other = must_offer (self, alice, "call-2");

  settings = dfl_sample_settings ("alice");
  dfl_sample_set (&settings->redirect_domain, "changed.example");
  set_accounts (self, settings, NULL);
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  g_assert_true (dfl_call_redirect (call, "7042", "user:alice", NULL));
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  g_assert_cmpstr (dfl_call_get_redirected_to (call), ==, "sip:7042@example.org;user=phone");

  set_accounts (self, NULL);
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
try_local_target (Fixture *self, const char *target)
{
  g_autoptr (GError) error = NULL;
  DflCall *call = must_offer (self, dfl_switchboard_find_direct (self->switchboard, "alice"),
                              "call-1");
  g_autoptr (DflTarget) checked = dfl_call_check_redirect (call, target, &error);

  dfl_call_leg_cancelled (call, FALSE);
  dfl_signal_log_expect (self->log, "call-changed idle cancelled state decision");
  dfl_signal_log_expect (self->log, "call-removed idle cancelled");

  g_assert_true (checked != NULL || g_error_matches (error, DFL_ERROR, DFL_ERROR_LOOP_DETECTED));

  return checked != NULL;
}

static void
test_local_target (Fixture *self, gconstpointer data)
{
  DflAccountSettings *alice = dfl_sample_settings ("alice");

  set_accounts (self, dfl_sample_settings ("alice"), dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  dfl_signal_log_expect (self->log, "account-added bob direct");
  g_assert_false (try_local_target (self, "sip:bob@example.org"));
  g_assert_true (try_local_target (self, "sip:dave@example.org"));

  alice->allow_local_targets = TRUE;
  set_accounts (self, alice, dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  g_assert_true (try_local_target (self, "sip:bob@example.org"));
  g_assert_false (try_local_target (self, "sip:alice@example.org"));
}

/* Whom a refusal may tell that an address is served here. */
static void
test_local_target_of_others (Fixture *self, gconstpointer data)
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
      set_accounts (self, alice, bob, NULL);
      dfl_signal_log_clear (self->log);
      g_assert_cmpint (try_local_target (self, "sip:bob@example.org"), ==, cases[i].possible);
    }
}

/* --- Calls --- */

static void
test_find_calls (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) found = NULL;
  g_autofree char *id = NULL;
  DflAccount *alice = add_alice (self);
  DflCall *first = must_offer (self, alice, "shared");
  DflCall *second = must_offer (self, alice, "shared");
  DflCall *third = must_offer (self, alice, "shared");
  DflCall *other = must_offer (self, alice, "other");

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
test_foreach_call (Fixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  guint n = 0;

  for (int i = 0; i < 10; i++)
    must_offer (self, alice, "call");
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
must_have_calls (Fixture *self, DflAccount *account, guint n)
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
test_calls_of_account (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) former = NULL;
  DflAccount *alice, *bob;
  DflCall *first = NULL;
  guint n = 0;

  set_accounts (self, dfl_sample_settings ("alice"), dfl_sample_settings ("bob"), NULL);
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  bob = dfl_switchboard_find_direct (self->switchboard, "bob");
  dfl_signal_log_clear (self->log);
  must_have_calls (self, alice, 0);

  for (int i = 0; i < 8; i++)
    {
      DflCall *call = must_offer (self, i % 2 == 0 ? alice : bob, "call");

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
must_have_former (Fixture *self, DflAccount *first, DflAccount *second)
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
test_former_accounts (Fixture *self, gconstpointer data)
{
  g_autoptr (DflAccount) alice = NULL;
  g_autoptr (DflAccount) bob = NULL;
  DflCall *call;
  guint n = 0;

  set_accounts (self, dfl_sample_settings ("alice"), dfl_sample_settings ("bob"),
                dfl_sample_settings ("carol"), NULL);
  alice = g_object_ref (dfl_switchboard_find_direct (self->switchboard, "alice"));
  bob = g_object_ref (dfl_switchboard_find_direct (self->switchboard, "bob"));
  dfl_signal_log_clear (self->log);
  call = must_offer (self, bob, "call");
  must_offer (self, alice, "call");
  must_offer (self, alice, "call");
  must_have_former (self, NULL, NULL);

  /* Carol goes without a call. */
  set_accounts (self, dfl_sample_settings ("alice"), NULL);
  must_have_former (self, bob, NULL);
  must_have_calls (self, bob, 1);
  set_accounts (self, NULL, NULL);
  must_have_former (self, alice, bob);

  dfl_call_leg_cancelled (call, FALSE);
  must_have_former (self, alice, NULL);
  dfl_signal_log_clear (self->log);

  /* Who was asked for it before it went offers it one more. */
  must_offer (self, bob, "call");
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
test_decide_at_once (Fixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  DflCall *call;
  DflLeg *leg;

  g_signal_connect (self->switchboard, "call-added", G_CALLBACK (on_added_redirect), NULL);
  call = offer (self, alice, "call-1", &leg, NULL);
  dfl_signal_log_expect (self->log, "call-added offered none");
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (leg), ==, "302 sip:bob@example.org");
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_REDIRECTING);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
}

/* The decision may fail for good before the offer returns. */
static void
test_fail_at_once (Fixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  DflLeg *leg;

  g_signal_connect (self->switchboard, "call-added", G_CALLBACK (on_added_redirect), NULL);
  dfl_fake_line_set_down (self->line, TRUE);
  g_assert_nonnull (offer (self, alice, "call-1", &leg, NULL));
  dfl_signal_log_expect (self->log, "call-added offered none");
  dfl_signal_log_expect (self->log, "call-changed idle failed state decision");
  dfl_signal_log_expect (self->log, "call-removed idle failed");
  g_assert_cmpuint (dfl_fake_leg_get_n_releases (leg), ==, 1);
  g_assert_cmpuint (dfl_switchboard_get_n_calls (self->switchboard), ==, 0);
}

/* --- Limits --- */

static void
assert_refused (Fixture *self, DflAccount *account, DflError code)
{
  g_autoptr (GError) error = NULL;
  DflLeg *leg;

  g_assert_null (offer (self, account, "call", &leg, &error));
  g_assert_error (error, DFL_ERROR, (int)code);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (leg), ==, 0);
  g_assert_cmpuint (dfl_fake_leg_get_n_releases (leg), ==, 0);
}

static void
test_account_limit (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;
  DflAccountSettings *settings = dfl_sample_settings ("alice");
  DflAccount *alice;
  DflCall *first;

  settings->max_offers = 2;
  set_accounts (self, settings, dfl_sample_settings ("bob"), NULL);
  dfl_signal_log_clear (self->log);
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  first = must_offer (self, alice, "call-1");
  must_offer (self, alice, "call-2");

  dfl_log_catcher_start ();
  assert_refused (self, alice, DFL_ERROR_LIMIT_EXCEEDED);
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  must_offer (self, dfl_switchboard_find_direct (self->switchboard, "bob"), "call-3");

  /* A decided call is offered no more. */
  g_assert_true (dfl_call_redirect (first, "sip:dave@example.org", "user:alice", NULL));
  dfl_signal_log_clear (self->log);
  must_offer (self, alice, "call-4");
}

static void
test_daemon_limit (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;
  DflAccount *alice = add_alice (self);
  DflCall *call;

  dfl_switchboard_set_max_offers (self->switchboard, 1);
  call = must_offer (self, alice, "call-1");
  dfl_log_catcher_start ();
  assert_refused (self, alice, DFL_ERROR_LIMIT_EXCEEDED);
  logged = dfl_log_catcher_stop ();

  dfl_call_leg_cancelled (call, FALSE);
  dfl_signal_log_clear (self->log);
  call = must_offer (self, alice, "call-2");
  dfl_call_decline (call, 0, "user:alice", NULL);
  dfl_signal_log_clear (self->log);
  call = must_offer (self, alice, "call-3");
  dfl_fake_line_set_down (self->line, TRUE);
  dfl_call_decline (call, 0, "user:alice", NULL);
  dfl_signal_log_clear (self->log);
  must_offer (self, alice, "call-4");
}

static void
test_log_of_refusals (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;
  DflAccount *alice = add_alice (self);

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
test_shut_down (Fixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  DflCall *offered = must_offer (self, alice, "call-1");
  DflCall *redirecting = must_offer (self, alice, "call-2");

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
test_shut_down_give_up (Fixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  DflCall *redirecting = must_offer (self, alice, "call-1");

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
test_shut_down_without_calls (Fixture *self, gconstpointer data)
{
  dfl_switchboard_shut_down (self->switchboard);
  dfl_signal_log_expect_none (self->log);
  dfl_fake_clock_advance (self->clock, 0);
  dfl_signal_log_expect (self->log, "drained");
}

static void
test_shut_down_line_down (Fixture *self, gconstpointer data)
{
  must_offer (self, add_alice (self), "call-1");
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
test_many (Fixture *self, gconstpointer data)
{
  g_autoptr (GHashTable) ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  DflAccountSettings *settings = dfl_sample_settings ("alice");
  DflAccount *alice;
  const guint n = 10000;

  settings->max_offers = n;
  set_accounts (self, settings, NULL);
  dfl_switchboard_set_max_offers (self->switchboard, n);
  alice = dfl_switchboard_find_direct (self->switchboard, "alice");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *call_id = g_strdup_printf ("call-%u@caller.example", i);
      DflCall *call = offer (self, alice, call_id, NULL, NULL);

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

#define ADD(path, test) g_test_add ("/switchboard/" path, Fixture, NULL, set_up, test, tear_down)

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
