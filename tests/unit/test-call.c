/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/call.h"

#include <string.h>

#include "core/error.h"
#include "fakes/call-fixture.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"

/* --- One decision --- */

static void
test_offered (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);

  g_assert_cmpuint (strlen (dfl_call_get_id (self->call)), ==, 8);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_OFFERED);
  g_assert_cmpint (dfl_call_get_outcome (self->call), ==, DFL_OUTCOME_NONE);
  g_assert_cmpstr (dfl_call_get_decided_by (self->call), ==, "");
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "");
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==,
                   DFL_FAKE_CLOCK_WALL + 120 * G_USEC_PER_SEC);
  g_assert_cmpuint (dfl_account_get_n_offered (dfl_call_get_account (self->call)), ==, 1);
  g_assert_cmpstr (dfl_call_get_offer (self->call)->sip_call_id, ==, "call-1");
}

static void
test_redirected (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_fixture_redirect (self);

  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "302 sip:bob@example.org");
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "sip:bob@example.org");
  g_assert_cmpstr (dfl_call_get_decided_by (self->call), ==, "user:alice");
  g_assert_cmpuint (dfl_account_get_n_offered (dfl_call_get_account (self->call)), ==, 0);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
  dfl_call_fixture_assert_too_late (self, "user:alice");

  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");
  dfl_call_fixture_assert_too_late (self, "user:alice");
}

static void
test_unconfirmed (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_fixture_redirect (self);
  dfl_call_leg_unconfirmed (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_UNCONFIRMED, "user:alice");
}

static void
test_declined (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_fixture_decline (self);
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "603");
  dfl_call_fixture_assert_too_late (self, "user:alice");
  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_DECLINED, "user:alice");
}

static void
test_declined_unconfirmed (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_fixture_decline (self);
  dfl_call_leg_unconfirmed (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_DECLINED, "user:alice");
}

static void
test_decline_status (DflCallFixture *self, gconstpointer data)
{
  static const guint refused[] = { 1, 100, 200, 302, 404, 487, 500, 503, 600, 700, G_MAXUINT };

  self->settings->decline_status = 480;
  dfl_call_fixture_offer (self);

  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (dfl_call_decline (self->call, refused[i], "user:alice", &error));
      g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_OPTION);
    }
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);

  g_assert_true (dfl_call_decline (self->call, 0, "user:alice", NULL));
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "480");
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
}

static void
test_silenced (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  g_assert_false (dfl_call_get_silenced (self->call));

  g_assert_true (dfl_call_silence (self->call, NULL));
  dfl_signal_log_expect (self->log, "call-changed offered none silenced");
  g_assert_true (dfl_call_get_silenced (self->call));

  g_assert_true (dfl_call_silence (self->call, NULL));
  dfl_signal_log_expect_none (self->log);

  dfl_call_fixture_redirect (self);
}

/* --- The network decides --- */

static void
test_cancelled (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_leg_cancelled (self->call, FALSE);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_CANCELLED, "network");
  dfl_call_fixture_assert_too_late (self, "network");
  g_assert_null (dfl_fake_leg_get_final (self->leg));
}

static void
test_answered_elsewhere (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_leg_cancelled (self->call, TRUE);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_ANSWERED_ELSEWHERE, "network");
}

static void
test_cancelled_after_decision (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_fixture_redirect (self);
  dfl_call_leg_cancelled (self->call, TRUE);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_REDIRECTING);

  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");

  dfl_call_leg_cancelled (self->call, FALSE);
  dfl_call_leg_acknowledged (self->call);
  dfl_call_leg_unconfirmed (self->call);
  dfl_call_leg_failed (self->call);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpint (dfl_call_get_outcome (self->call), ==, DFL_OUTCOME_REDIRECTED);
}

/* An ACK that acknowledges nothing is the network's nonsense, not ours. */
static void
test_acknowledged_while_offered (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_leg_acknowledged (self->call);
  dfl_call_leg_unconfirmed (self->call);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_OFFERED);
}

static void
test_leg_failed (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_leg_failed (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_FAILED, "network");
}

static void
test_leg_failed_after_decision (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_fixture_redirect (self);
  dfl_call_leg_failed (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_FAILED, "user:alice");
}

static void
test_line_down (DflCallFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  dfl_call_fixture_offer (self);
  dfl_fake_line_set_down (self->line, TRUE);
  if (GPOINTER_TO_INT (data) == 0)
    g_assert_false (dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", &error));
  else
    g_assert_false (dfl_call_decline (self->call, 0, "user:alice", &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_LINE_DOWN);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_FAILED, "network");
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "");
  dfl_call_fixture_assert_too_late (self, "network");
}

/* --- Races --- */

static void
test_two_redirects (DflCallFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  dfl_call_fixture_offer (self);
  g_assert_true (dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", NULL));
  g_assert_false (dfl_call_redirect (self->call, "sip:dave@example.org", "user:eve", &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_TOO_LATE);
  g_assert_nonnull (strstr (error->message, "user:alice"));
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "302 sip:bob@example.org");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
}

static void
test_redirect_against_deadline (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_fake_clock_advance (self->clock, 120 * G_USEC_PER_SEC - 1);
  dfl_call_fixture_redirect (self);
  dfl_fake_clock_advance (self->clock, 1);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
}

static void
on_changed_decide (DflSwitchboard *switchboard, DflCall *call, guint changes, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (dfl_call_redirect (call, "sip:dave@example.org", "user:eve", &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_TOO_LATE);
}

static void
test_decide_from_within (DflCallFixture *self, gconstpointer data)
{
  g_signal_connect (self->switchboard, "call-changed", G_CALLBACK (on_changed_decide), NULL);
  dfl_call_fixture_offer (self);
  dfl_call_fixture_redirect (self);
  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");
}

static void
on_changed_unref (DflSwitchboard *switchboard, DflCall *call, guint changes, gpointer data)
{
  DflSwitchboard **owner = data;

  if (dfl_call_get_state (call) == DFL_CALL_STATE_IDLE)
    g_clear_object (owner);
}

/* The switchboard may go in a listener's hands. */
static void
test_switchboard_goes (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_call_fixture_redirect (self);
  dfl_signal_log_free (self->log);
  g_signal_connect (self->switchboard, "call-changed", G_CALLBACK (on_changed_unref),
                    &self->switchboard);
  dfl_call_leg_acknowledged (self->call);
  g_assert_null (self->switchboard);
  g_assert_cmpuint (dfl_fake_leg_get_n_releases (self->leg), ==, 1);
  g_assert_cmpint (dfl_call_get_outcome (self->call), ==, DFL_OUTCOME_REDIRECTED);

  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 1);
  self->log = dfl_signal_log_new (self->switchboard);
}

static void
test_switchboard_gone (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_signal_log_free (self->log);
  g_assert_finalize_object (self->switchboard);
  g_assert_cmpuint (dfl_fake_leg_get_n_releases (self->leg), ==, 1);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_IDLE);
  g_assert_false (dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", NULL));

  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 1);
  self->log = dfl_signal_log_new (self->switchboard);
}

/* --- Any order of events --- */

static void
do_something (DflCallFixture *self)
{
  switch (g_test_rand_int_range (0, 10))
    {
    case 0:
      dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", NULL);
      break;
    case 1:
      dfl_call_redirect (self->call, "sip:alice@example.org", "user:alice", NULL);
      break;
    case 2:
      dfl_call_decline (self->call, 0, "user:bob", NULL);
      break;
    case 3:
      dfl_call_silence (self->call, NULL);
      break;
    case 4:
      dfl_fake_clock_advance (self->clock, 50 * G_USEC_PER_SEC);
      break;
    case 5:
      dfl_call_leg_acknowledged (self->call);
      break;
    case 6:
      dfl_call_leg_unconfirmed (self->call);
      break;
    case 7:
      dfl_call_leg_cancelled (self->call, g_test_rand_bit ());
      break;
    case 8:
      dfl_fake_line_set_down (self->line, g_test_rand_bit ());
      break;
    default:
      if (g_test_rand_int_range (0, 4) == 0)
        dfl_call_leg_failed (self->call);
      break;
    }
}

static void
test_any_order (gconstpointer data)
{
  for (int round = 0; round < 3000; round++)
    {
      DflCallFixture fixture = { 0 };
      DflCallFixture *self = &fixture;

      dfl_call_fixture_set_up (self, NULL);
      if (g_test_rand_bit ())
        dfl_sample_set (&self->settings->default_target, "sip:dave@example.org");
      self->offer->has_expires = g_test_rand_bit ();
      self->offer->expires = g_test_rand_int_range (0, 240);
      dfl_call_fixture_offer (self);

      for (int i = 0; i < 12; i++)
        {
          gboolean decided = dfl_call_get_state (self->call) != DFL_CALL_STATE_OFFERED;
          g_autofree char *by = g_strdup (dfl_call_get_decided_by (self->call));

          do_something (self);

          /* The fake line itself fails at a second final response and at one after release. */
          g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), <=, 1);
          if (decided)
            g_assert_cmpstr (dfl_call_get_decided_by (self->call), ==, by);
          g_assert_cmpint (dfl_call_get_state (self->call) == DFL_CALL_STATE_IDLE, ==,
                           dfl_fake_leg_get_n_releases (self->leg) == 1);
          g_assert_cmpint (dfl_call_get_outcome (self->call) == DFL_OUTCOME_NONE, ==,
                           dfl_call_get_state (self->call) != DFL_CALL_STATE_IDLE);
        }

      dfl_call_leg_failed (self->call);
      g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_IDLE);
      dfl_signal_log_clear (self->log);
      dfl_call_fixture_tear_down (self, NULL);
    }
}

static void
test_words (void)
{
  g_assert_cmpstr (dfl_call_state_to_string (DFL_CALL_STATE_OFFERED), ==, "offered");
  g_assert_cmpstr (dfl_call_state_to_string (DFL_CALL_STATE_REDIRECTING), ==, "redirecting");
  g_assert_cmpstr (dfl_call_state_to_string (DFL_CALL_STATE_DECLINING), ==, "declining");
  g_assert_cmpstr (dfl_call_state_to_string (DFL_CALL_STATE_IDLE), ==, "idle");
  g_assert_cmpstr (dfl_outcome_to_string (DFL_OUTCOME_NONE), ==, "none");
  g_assert_cmpstr (dfl_outcome_to_string (DFL_OUTCOME_UNCONFIRMED), ==, "unconfirmed");
  g_assert_cmpstr (dfl_outcome_to_string (DFL_OUTCOME_ANSWERED_ELSEWHERE), ==,
                   "answered-elsewhere");
  g_assert_cmpstr (dfl_outcome_to_string (DFL_OUTCOME_FAILED), ==, "failed");
  g_assert_cmpstr (dfl_call_state_get_actions (DFL_CALL_STATE_OFFERED)[2], ==, "silence");
  g_assert_null (dfl_call_state_get_actions (DFL_CALL_STATE_REDIRECTING)[0]);
  g_assert_null (dfl_call_state_get_actions (DFL_CALL_STATE_IDLE)[0]);
}

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/call/words", test_words);
  DFL_CALL_FIXTURE_ADD ("offered", NULL, test_offered);
  DFL_CALL_FIXTURE_ADD ("redirected", NULL, test_redirected);
  DFL_CALL_FIXTURE_ADD ("unconfirmed", NULL, test_unconfirmed);
  DFL_CALL_FIXTURE_ADD ("declined", NULL, test_declined);
  DFL_CALL_FIXTURE_ADD ("declined-unconfirmed", NULL, test_declined_unconfirmed);
  DFL_CALL_FIXTURE_ADD ("decline-status", NULL, test_decline_status);
  DFL_CALL_FIXTURE_ADD ("silenced", NULL, test_silenced);

  DFL_CALL_FIXTURE_ADD ("network/cancelled", NULL, test_cancelled);
  DFL_CALL_FIXTURE_ADD ("network/answered-elsewhere", NULL, test_answered_elsewhere);
  DFL_CALL_FIXTURE_ADD ("network/cancelled-after-decision", NULL, test_cancelled_after_decision);
  DFL_CALL_FIXTURE_ADD ("network/acknowledged-while-offered", NULL,
                        test_acknowledged_while_offered);
  DFL_CALL_FIXTURE_ADD ("network/leg-failed", NULL, test_leg_failed);
  DFL_CALL_FIXTURE_ADD ("network/leg-failed-after-decision", NULL, test_leg_failed_after_decision);
  DFL_CALL_FIXTURE_ADD ("network/line-down/redirect", GINT_TO_POINTER (0), test_line_down);
  DFL_CALL_FIXTURE_ADD ("network/line-down/decline", GINT_TO_POINTER (1), test_line_down);

  DFL_CALL_FIXTURE_ADD ("races/two-redirects", NULL, test_two_redirects);
  DFL_CALL_FIXTURE_ADD ("races/deadline", NULL, test_redirect_against_deadline);
  DFL_CALL_FIXTURE_ADD ("races/from-within", NULL, test_decide_from_within);
  DFL_CALL_FIXTURE_ADD ("races/switchboard-goes", NULL, test_switchboard_goes);
  DFL_CALL_FIXTURE_ADD ("races/switchboard-gone", NULL, test_switchboard_gone);
  g_test_add_data_func ("/call/races/any-order", NULL, test_any_order);

  return g_test_run ();
}
