/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/call.h"

#include <string.h>

#include "core/error.h"
#include "core/switchboard.h"
#include "fakes/fake-clock.h"
#include "fakes/fake-line.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"
#include "fakes/signal-log.h"

/* One account, one call. */
typedef struct
{
  DflFakeClock *clock;
  DflFakeLine *line;
  DflSwitchboard *switchboard;
  DflAccountSettings *settings; /* to be changed before the offer is made */
  DflOffer *offer;              /* likewise; NULL afterwards */
  DflSignalLog *log;
  DflLeg *leg;
  DflCall *call;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->clock = dfl_fake_clock_new ();
  self->line = dfl_fake_line_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
  self->settings = dfl_sample_settings ("alice");
  self->offer = dfl_sample_offer (DFL_CLOCK (self->clock), "call-1");
  self->log = dfl_signal_log_new (self->switchboard);
  self->leg = dfl_fake_line_add_leg (self->line);
}

/* Makes the call of what the test has prepared. */
static void
offer (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  g_ptr_array_add (settings, g_steal_pointer (&self->settings));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added alice direct");

  self->call = dfl_switchboard_offer (self->switchboard,
                                      dfl_switchboard_find_direct (self->switchboard, "alice"),
                                      g_steal_pointer (&self->offer), DFL_LINE (self->line),
                                      self->leg, &error);
  g_assert_no_error (error);
  g_object_ref (self->call);
  dfl_signal_log_expect (self->log, "call-added offered none");
}

static void
tear_down (Fixture *self, gconstpointer data)
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

static void
assert_ended (Fixture *self, DflOutcome outcome, const char *decided_by)
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

static void
assert_refused (Fixture *self, const char *target, DflError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) checked = dfl_call_check_redirect (self->call, target, &error);

  g_test_message ("%s", target);
  g_assert_null (checked);
  g_assert_error (error, DFL_ERROR, (int)code);
  g_clear_error (&error);

  g_assert_false (dfl_call_redirect (self->call, target, "user:alice", &error));
  g_assert_error (error, DFL_ERROR, (int)code);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_OFFERED);
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "");
  dfl_signal_log_expect_none (self->log);
}

static void
assert_possible (Fixture *self, const char *target, const char *uri)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) checked = dfl_call_check_redirect (self->call, target, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (dfl_target_get_uri (checked), ==, uri);
  dfl_signal_log_expect_none (self->log);
}

static void
redirect (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", &error));
  g_assert_no_error (error);
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
}

static void
decline (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (dfl_call_decline (self->call, 603, "user:alice", &error));
  g_assert_no_error (error);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
}

/* Every decision comes too late now, and says who was first. */
static void
assert_too_late (Fixture *self, const char *who)
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

/* --- One decision --- */

static void
test_offered (Fixture *self, gconstpointer data)
{
  offer (self);

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
test_redirected (Fixture *self, gconstpointer data)
{
  offer (self);
  redirect (self);

  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "302 sip:bob@example.org");
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "sip:bob@example.org");
  g_assert_cmpstr (dfl_call_get_decided_by (self->call), ==, "user:alice");
  g_assert_cmpuint (dfl_account_get_n_offered (dfl_call_get_account (self->call)), ==, 0);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
  assert_too_late (self, "user:alice");

  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");
  assert_too_late (self, "user:alice");
}

static void
test_unconfirmed (Fixture *self, gconstpointer data)
{
  offer (self);
  redirect (self);
  dfl_call_leg_unconfirmed (self->call);
  assert_ended (self, DFL_OUTCOME_UNCONFIRMED, "user:alice");
}

static void
test_declined (Fixture *self, gconstpointer data)
{
  offer (self);
  decline (self);
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "603");
  assert_too_late (self, "user:alice");
  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_DECLINED, "user:alice");
}

static void
test_declined_unconfirmed (Fixture *self, gconstpointer data)
{
  offer (self);
  decline (self);
  dfl_call_leg_unconfirmed (self->call);
  assert_ended (self, DFL_OUTCOME_DECLINED, "user:alice");
}

static void
test_decline_status (Fixture *self, gconstpointer data)
{
  static const guint refused[] = { 1, 100, 200, 302, 404, 487, 500, 503, 600, 700, G_MAXUINT };

  self->settings->decline_status = 480;
  offer (self);

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
test_silenced (Fixture *self, gconstpointer data)
{
  offer (self);
  g_assert_false (dfl_call_get_silenced (self->call));

  g_assert_true (dfl_call_silence (self->call, NULL));
  dfl_signal_log_expect (self->log, "call-changed offered none silenced");
  g_assert_true (dfl_call_get_silenced (self->call));

  g_assert_true (dfl_call_silence (self->call, NULL));
  dfl_signal_log_expect_none (self->log);

  redirect (self);
}

/* --- The network decides --- */

static void
test_cancelled (Fixture *self, gconstpointer data)
{
  offer (self);
  dfl_call_leg_cancelled (self->call, FALSE);
  assert_ended (self, DFL_OUTCOME_CANCELLED, "network");
  assert_too_late (self, "network");
  g_assert_null (dfl_fake_leg_get_final (self->leg));
}

static void
test_answered_elsewhere (Fixture *self, gconstpointer data)
{
  offer (self);
  dfl_call_leg_cancelled (self->call, TRUE);
  assert_ended (self, DFL_OUTCOME_ANSWERED_ELSEWHERE, "network");
}

static void
test_cancelled_after_decision (Fixture *self, gconstpointer data)
{
  offer (self);
  redirect (self);
  dfl_call_leg_cancelled (self->call, TRUE);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_REDIRECTING);

  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");

  dfl_call_leg_cancelled (self->call, FALSE);
  dfl_call_leg_acknowledged (self->call);
  dfl_call_leg_unconfirmed (self->call);
  dfl_call_leg_failed (self->call);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpint (dfl_call_get_outcome (self->call), ==, DFL_OUTCOME_REDIRECTED);
}

/* An ACK that acknowledges nothing is the network's nonsense, not ours. */
static void
test_acknowledged_while_offered (Fixture *self, gconstpointer data)
{
  offer (self);
  dfl_call_leg_acknowledged (self->call);
  dfl_call_leg_unconfirmed (self->call);
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_OFFERED);
}

static void
test_leg_failed (Fixture *self, gconstpointer data)
{
  offer (self);
  dfl_call_leg_failed (self->call);
  assert_ended (self, DFL_OUTCOME_FAILED, "network");
}

static void
test_leg_failed_after_decision (Fixture *self, gconstpointer data)
{
  offer (self);
  redirect (self);
  dfl_call_leg_failed (self->call);
  assert_ended (self, DFL_OUTCOME_FAILED, "user:alice");
}

static void
test_line_down (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  offer (self);
  dfl_fake_line_set_down (self->line, TRUE);
  if (GPOINTER_TO_INT (data) == 0)
    g_assert_false (dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", &error));
  else
    g_assert_false (dfl_call_decline (self->call, 0, "user:alice", &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_LINE_DOWN);
  assert_ended (self, DFL_OUTCOME_FAILED, "network");
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "");
  assert_too_late (self, "network");
}

/* --- The deadline --- */

static void
test_ring_limit (Fixture *self, gconstpointer data)
{
  offer (self);
  dfl_fake_clock_advance (self->clock, 120 * G_USEC_PER_SEC - 1);
  dfl_signal_log_expect_none (self->log);

  dfl_fake_clock_advance (self->clock, 1);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "480");
  assert_too_late (self, "deadline");

  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_ring_limit_unconfirmed (Fixture *self, gconstpointer data)
{
  offer (self);
  g_assert_true (dfl_fake_clock_jump (self->clock));
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  dfl_call_leg_unconfirmed (self->call);
  assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_ring_limit_line_down (Fixture *self, gconstpointer data)
{
  if (data != NULL)
    dfl_sample_set (&self->settings->default_target, "sip:bob@example.org");
  offer (self);
  dfl_fake_line_set_down (self->line, TRUE);
  g_assert_true (dfl_fake_clock_jump (self->clock));
  assert_ended (self, DFL_OUTCOME_FAILED, "network");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
}

static void
test_default_redirect (Fixture *self, gconstpointer data)
{
  dfl_sample_set (&self->settings->default_target, "+4915550100");
  offer (self);
  g_assert_true (dfl_fake_clock_jump (self->clock));
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==,
                   "302 sip:+4915550100@example.org;user=phone");
  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_REDIRECTED, "deadline");
}

static void
test_default_redirect_refused (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;

  dfl_sample_set (&self->settings->default_target, "sip:alice@example.org");
  offer (self);
  dfl_log_catcher_start ();
  g_assert_true (dfl_fake_clock_jump (self->clock));
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "480");
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "");
  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_no_deadline (Fixture *self, gconstpointer data)
{
  self->settings->ring_limit = 0;
  offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==, 0);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
  dfl_fake_clock_advance (self->clock, 1800 * G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);
  redirect (self);
}

/* Pending for minutes: nothing happens before the limit, and a decision still works then. */
static void
test_pending_for_minutes (Fixture *self, gconstpointer data)
{
  self->settings->ring_limit = 600;
  offer (self);
  dfl_fake_clock_advance (self->clock, 599 * G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);
  redirect (self);
  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");
}

static void
test_expires (Fixture *self, gconstpointer data)
{
  guint expires = GPOINTER_TO_UINT (data);

  /* The caller's limit is not a reason to redirect: nobody waits any more. */
  dfl_sample_set (&self->settings->default_target, "sip:bob@example.org");
  self->offer->has_expires = TRUE;
  self->offer->expires = expires;
  offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==,
                   DFL_FAKE_CLOCK_WALL + expires * G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);

  if (expires > 0)
    dfl_fake_clock_advance (self->clock, expires * G_USEC_PER_SEC - 1);
  dfl_signal_log_expect_none (self->log);
  dfl_fake_clock_advance (self->clock, expires > 0 ? 1 : 0);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "487");
  assert_too_late (self, "deadline");
  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_expires_after_ring_limit (Fixture *self, gconstpointer data)
{
  self->settings->ring_limit = 10;
  self->offer->has_expires = TRUE;
  self->offer->expires = G_MAXUINT;
  offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==,
                   DFL_FAKE_CLOCK_WALL + 10 * G_USEC_PER_SEC);
  dfl_fake_clock_advance (self->clock, 10 * G_USEC_PER_SEC);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "480");
}

static void
test_expires_without_ring_limit (Fixture *self, gconstpointer data)
{
  self->settings->ring_limit = 0;
  self->offer->has_expires = TRUE;
  self->offer->expires = G_MAXUINT;
  offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==,
                   DFL_FAKE_CLOCK_WALL + (gint64)G_MAXUINT * G_USEC_PER_SEC);
}

/* A machine that slept past the deadline expires the call when it wakes. */
static void
test_received_long_ago (Fixture *self, gconstpointer data)
{
  self->offer->received -= 300 * G_USEC_PER_SEC;
  offer (self);
  dfl_fake_clock_advance (self->clock, 0);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
}

/* --- What may be redirected where --- */

static void
test_targets (Fixture *self, gconstpointer data)
{
  offer (self);

  assert_possible (self, "sip:bob@example.org", "sip:bob@example.org");
  assert_possible (self, "tel:+49-155-50100", "sip:+4915550100@example.org;user=phone");
  assert_possible (self, "030 123", "sip:030123@example.org;user=phone");
  assert_refused (self, "mobile", DFL_ERROR_NOT_SUPPORTED);
  assert_refused (self, "", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "Mobile", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "sip:bob@example.org\r\nX: y", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "sip:bob@example.org?Replaces=x", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "*", DFL_ERROR_INVALID_TARGET);

  /* Refusals leave it redirectable. */
  redirect (self);
}

static void
test_own_address (Fixture *self, gconstpointer data)
{
  offer (self);
  assert_refused (self, "sip:alice@example.org", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "SIPS:%61lice@EXAMPLE.ORG:5061", DFL_ERROR_LOOP_DETECTED);
  /* The contact that the INVITE was sent to. */
  assert_refused (self, "sip:alice@192.0.2.10:5062;transport=tcp", DFL_ERROR_LOOP_DETECTED);
  assert_possible (self, "sip:alice@192.0.2.11:5062", "sip:alice@192.0.2.11:5062");
}

static void
test_own_number (Fixture *self, gconstpointer data)
{
  dfl_sample_set (&self->settings->address, "sip:+4930123456@example.org");
  dfl_sample_set (&self->offer->request_uri, "sip:+4930123456@192.0.2.10");
  offer (self);
  assert_refused (self, "+49 30 123456", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "0049-30-123456", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "030 - 123456", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "sip:%2b49%330123456@elsewhere.example", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "tel:+49-30-123456", DFL_ERROR_LOOP_DETECTED);
  assert_possible (self, "030 123457", "sip:030123457@example.org;user=phone");
}

static void
test_caller (Fixture *self, gconstpointer data)
{
  DflIdentity *from = dfl_identity_new ();

  dfl_sample_set (&from->source, "From");
  dfl_sample_set (&from->address, "sip:+442079460000@gateway.example");
  g_ptr_array_add (self->offer->identities, from);
  offer (self);
  assert_refused (self, "sip:carol@caller.example", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "+44 20 7946 0000", DFL_ERROR_LOOP_DETECTED);
  assert_possible (self, "sip:carol@example.org", "sip:carol@example.org");
}

static void
test_diverted (Fixture *self, gconstpointer data)
{
  dfl_sample_add_diversion (self->offer, "sip:dave@example.org", 1);
  dfl_sample_add_diversion (self->offer, "tel:+4930999", 3);
  offer (self);
  assert_refused (self, "sip:dave@example.org", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "030999", DFL_ERROR_LOOP_DETECTED);
  redirect (self);
}

static void
test_diverted_often (Fixture *self, gconstpointer data)
{
  dfl_sample_add_diversion (self->offer, "sip:dave@example.org", GPOINTER_TO_UINT (data));
  dfl_sample_add_diversion (self->offer, "sip:erin@example.org", 1);
  offer (self);
  assert_refused (self, "sip:bob@example.org", DFL_ERROR_LOOP_DETECTED);
  decline (self);
}

/* The same four diversions, told in two ways: the call has not gone five hops. */
static void
test_diverted_told_twice (Fixture *self, gconstpointer data)
{
  dfl_sample_add_diversion (self->offer, "sip:dave@example.org", 4);
  for (guint i = 0; i < 4; i++)
    {
      dfl_sample_add_diversion (self->offer, "sip:erin@example.org", 1);
      dfl_sample_set (&((DflDiversion *)self->offer->diverted_from->pdata[0])->source,
                      "History-Info");
    }
  offer (self);
  redirect (self);
}

static void
test_secure (Fixture *self, gconstpointer data)
{
  self->offer->secure = TRUE;
  offer (self);
  assert_refused (self, "sip:bob@example.org", DFL_ERROR_TARGET_NOT_ALLOWED);
  assert_possible (self, "sips:bob@example.org", "sips:bob@example.org");
  assert_possible (self, "+4915550100", "sips:+4915550100@example.org;user=phone");
  assert_possible (self, "tel:+4915550100", "sips:+4915550100@example.org;user=phone");
}

static void
test_secure_downgrade (Fixture *self, gconstpointer data)
{
  self->offer->secure = TRUE;
  self->settings->allow_sips_downgrade = TRUE;
  offer (self);
  assert_possible (self, "sip:bob@example.org", "sip:bob@example.org");
  assert_possible (self, "+4915550100", "sips:+4915550100@example.org;user=phone");
}

/* --- Races --- */

static void
test_two_redirects (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  offer (self);
  g_assert_true (dfl_call_redirect (self->call, "sip:bob@example.org", "user:alice", NULL));
  g_assert_false (dfl_call_redirect (self->call, "sip:dave@example.org", "user:eve", &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_TOO_LATE);
  g_assert_nonnull (strstr (error->message, "user:alice"));
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "302 sip:bob@example.org");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
}

static void
test_redirect_against_deadline (Fixture *self, gconstpointer data)
{
  offer (self);
  dfl_fake_clock_advance (self->clock, 120 * G_USEC_PER_SEC - 1);
  redirect (self);
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
test_decide_from_within (Fixture *self, gconstpointer data)
{
  g_signal_connect (self->switchboard, "call-changed", G_CALLBACK (on_changed_decide), NULL);
  offer (self);
  redirect (self);
  dfl_call_leg_acknowledged (self->call);
  assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");
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
test_switchboard_goes (Fixture *self, gconstpointer data)
{
  offer (self);
  redirect (self);
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
test_switchboard_gone (Fixture *self, gconstpointer data)
{
  offer (self);
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
do_something (Fixture *self)
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
      Fixture fixture = { 0 };
      Fixture *self = &fixture;

      set_up (self, NULL);
      if (g_test_rand_bit ())
        dfl_sample_set (&self->settings->default_target, "sip:dave@example.org");
      self->offer->has_expires = g_test_rand_bit ();
      self->offer->expires = g_test_rand_int_range (0, 240);
      offer (self);

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
      tear_down (self, NULL);
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

#define ADD(path, data, test) g_test_add ("/call/" path, Fixture, data, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/call/words", test_words);
  ADD ("offered", NULL, test_offered);
  ADD ("redirected", NULL, test_redirected);
  ADD ("unconfirmed", NULL, test_unconfirmed);
  ADD ("declined", NULL, test_declined);
  ADD ("declined-unconfirmed", NULL, test_declined_unconfirmed);
  ADD ("decline-status", NULL, test_decline_status);
  ADD ("silenced", NULL, test_silenced);

  ADD ("network/cancelled", NULL, test_cancelled);
  ADD ("network/answered-elsewhere", NULL, test_answered_elsewhere);
  ADD ("network/cancelled-after-decision", NULL, test_cancelled_after_decision);
  ADD ("network/acknowledged-while-offered", NULL, test_acknowledged_while_offered);
  ADD ("network/leg-failed", NULL, test_leg_failed);
  ADD ("network/leg-failed-after-decision", NULL, test_leg_failed_after_decision);
  ADD ("network/line-down/redirect", GINT_TO_POINTER (0), test_line_down);
  ADD ("network/line-down/decline", GINT_TO_POINTER (1), test_line_down);

  ADD ("deadline/ring-limit", NULL, test_ring_limit);
  ADD ("deadline/ring-limit-unconfirmed", NULL, test_ring_limit_unconfirmed);
  ADD ("deadline/line-down/decline", GINT_TO_POINTER (0), test_ring_limit_line_down);
  ADD ("deadline/line-down/redirect", GINT_TO_POINTER (1), test_ring_limit_line_down);
  ADD ("deadline/default-redirect", NULL, test_default_redirect);
  ADD ("deadline/default-redirect-refused", NULL, test_default_redirect_refused);
  ADD ("deadline/none", NULL, test_no_deadline);
  ADD ("deadline/pending-for-minutes", NULL, test_pending_for_minutes);
  ADD ("deadline/expires/0", GUINT_TO_POINTER (0), test_expires);
  ADD ("deadline/expires/1", GUINT_TO_POINTER (1), test_expires);
  ADD ("deadline/expires/120", GUINT_TO_POINTER (120), test_expires);
  ADD ("deadline/expires/after-ring-limit", NULL, test_expires_after_ring_limit);
  ADD ("deadline/expires/without-ring-limit", NULL, test_expires_without_ring_limit);
  ADD ("deadline/received-long-ago", NULL, test_received_long_ago);

  ADD ("targets/all", NULL, test_targets);
  ADD ("targets/own-address", NULL, test_own_address);
  ADD ("targets/own-number", NULL, test_own_number);
  ADD ("targets/caller", NULL, test_caller);
  ADD ("targets/diverted", NULL, test_diverted);
  ADD ("targets/diverted-told-twice", NULL, test_diverted_told_twice);
  ADD ("targets/diverted-often/4", GUINT_TO_POINTER (4), test_diverted_often);
  ADD ("targets/diverted-often/overflow", GUINT_TO_POINTER (G_MAXUINT), test_diverted_often);
  ADD ("targets/secure", NULL, test_secure);
  ADD ("targets/secure-downgrade", NULL, test_secure_downgrade);

  ADD ("races/two-redirects", NULL, test_two_redirects);
  ADD ("races/deadline", NULL, test_redirect_against_deadline);
  ADD ("races/from-within", NULL, test_decide_from_within);
  ADD ("races/switchboard-goes", NULL, test_switchboard_goes);
  ADD ("races/switchboard-gone", NULL, test_switchboard_gone);
  g_test_add_data_func ("/call/races/any-order", NULL, test_any_order);

  return g_test_run ();
}
