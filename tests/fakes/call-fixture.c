/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/call-fixture.h"

#include <string.h>

#include "core/error.h"
#include "fakes/samples.h"

void
dfl_call_fixture_set_up (DflCallFixture *self, gconstpointer data)
{
  self->clock = dfl_fake_clock_new ();
  self->line = dfl_fake_line_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
  self->settings = dfl_sample_settings ("alice");
  self->offer = dfl_sample_offer (DFL_CLOCK (self->clock), "call-1");
  self->log = dfl_signal_log_new (self->switchboard);
  self->leg = dfl_fake_line_add_leg (self->line);
}

void
dfl_call_fixture_offer (DflCallFixture *self)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  const char *added = self->settings->registers ? "account-added alice connecting"
                                                : "account-added alice direct";
  g_autoptr (GPtrArray) accounts = NULL;

  g_ptr_array_add (settings, g_steal_pointer (&self->settings));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, added);

  accounts = dfl_switchboard_get_accounts (self->switchboard);
  self->call = dfl_switchboard_offer (self->switchboard, accounts->pdata[0],
                                      g_steal_pointer (&self->offer), DFL_LINE (self->line),
                                      self->leg, &error);
  g_assert_no_error (error);
  g_object_ref (self->call);
  dfl_signal_log_expect (self->log, "call-added offered none");
}

void
dfl_call_fixture_tear_down (DflCallFixture *self, gconstpointer data)
{
  /* Whatever happened, an ended call leaves nothing behind. */
  if (self->call != NULL && dfl_call_get_state (self->call) == DFL_CALL_STATE_IDLE)
    {
      g_assert_cmpuint (dfl_fake_leg_get_n_releases (self->leg), ==, 1);
      g_assert_cmpuint (dfl_switchboard_get_n_calls (self->switchboard), ==, 0);
      g_assert_cmpuint (dfl_account_get_n_offered (dfl_call_get_account (self->call)), ==, 0);
      g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
    }

  dfl_signal_log_free (self->log);
  g_assert_finalize_object (self->switchboard);
  if (self->call != NULL)
    g_assert_finalize_object (self->call);
  g_clear_pointer (&self->settings, dfl_account_settings_free);
  g_clear_pointer (&self->offer, dfl_offer_free);
  g_assert_finalize_object (self->line);
  g_assert_finalize_object (self->clock);
}

void
dfl_call_fixture_redirect (DflCallFixture *self)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", &error));
  g_assert_no_error (error);
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
}

void
dfl_call_fixture_decline (DflCallFixture *self)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (dfl_call_decline (self->call, 603, "user:alice", &error));
  g_assert_no_error (error);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
}

void
dfl_call_fixture_assert_ended (DflCallFixture *self, DflOutcome outcome, const char *decided_by)
{
  g_autofree char *changed = NULL;
  g_autofree char *removed = g_strdup_printf ("call-removed idle %s",
                                              dfl_outcome_to_string (outcome));

  changed = g_strdup_printf ("call-changed idle %s state%s", dfl_outcome_to_string (outcome),
                             strcmp (decided_by, "network") == 0 ? " decision" : "");
  dfl_signal_log_expect (self->log, changed);
  dfl_signal_log_expect (self->log, removed);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_IDLE);
  g_assert_cmpint (dfl_call_get_outcome (self->call), ==, outcome);
  g_assert_cmpstr (dfl_call_get_decided_by (self->call), ==, decided_by);
}

void
dfl_call_fixture_assert_too_late (DflCallFixture *self, const char *who)
{
  g_autofree char *final = g_strdup (dfl_fake_leg_get_final (self->leg));
  guint n_attempts = dfl_fake_leg_get_n_attempts (self->leg);

  for (int i = 0; i < 4; i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean done = i == 0   ? dfl_call_redirect (self->call, "+4915550100", "user:eve", &error)
                      : i == 1 ? dfl_call_decline (self->call, 0, "user:eve", &error)
                      : i == 2
                          ? dfl_call_silence (self->call, &error)
                          : dfl_call_check_redirect (self->call, "+4915550100", &error) != NULL;

      g_assert_false (done);
      g_assert_error (error, DFL_ERROR, DFL_ERROR_TOO_LATE);
      g_assert_nonnull (strstr (error->message, who));
    }

  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, n_attempts);
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, final);
  dfl_signal_log_expect_none (self->log);
}
