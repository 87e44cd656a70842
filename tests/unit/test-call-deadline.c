/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of a call that nobody decides in time. */

#include "fakes/call-fixture.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"

static void
test_ring_limit (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  dfl_fake_clock_advance (self->clock, 120 * G_USEC_PER_SEC - 1);
  dfl_signal_log_expect_none (self->log);

  dfl_fake_clock_advance (self->clock, 1);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "480");
  dfl_call_fixture_assert_too_late (self, "deadline");

  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_ring_limit_unconfirmed (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  g_assert_true (dfl_fake_clock_jump (self->clock));
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  dfl_call_leg_unconfirmed (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_ring_limit_line_down (DflCallFixture *self, gconstpointer data)
{
  if (data != NULL)
    dfl_sample_set (&self->settings->default_target, "sip:bob@example.org");
  dfl_call_fixture_offer (self);
  dfl_fake_line_set_down (self->line, TRUE);
  g_assert_true (dfl_fake_clock_jump (self->clock));
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_FAILED, "network");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
}

static void
test_default_redirect (DflCallFixture *self, gconstpointer data)
{
  dfl_sample_set (&self->settings->default_target, "+4915550100");
  dfl_call_fixture_offer (self);
  g_assert_true (dfl_fake_clock_jump (self->clock));
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==,
                   "302 sip:+4915550100@example.org;user=phone");
  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_REDIRECTED, "deadline");
}

static void
test_default_redirect_refused (DflCallFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;

  dfl_sample_set (&self->settings->default_target, "sip:alice@example.org");
  dfl_call_fixture_offer (self);
  dfl_log_catcher_start ();
  g_assert_true (dfl_fake_clock_jump (self->clock));
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "480");
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "");
  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_no_deadline (DflCallFixture *self, gconstpointer data)
{
  self->settings->ring_limit = 0;
  dfl_call_fixture_offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==, 0);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
  dfl_fake_clock_advance (self->clock, 1800 * G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);
  dfl_call_fixture_redirect (self);
}

/* Pending for minutes: nothing happens before the limit, and a decision still works then. */
static void
test_pending_for_minutes (DflCallFixture *self, gconstpointer data)
{
  self->settings->ring_limit = 600;
  dfl_call_fixture_offer (self);
  dfl_fake_clock_advance (self->clock, 599 * G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);
  dfl_call_fixture_redirect (self);
  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_REDIRECTED, "user:alice");
}

static void
test_expires (DflCallFixture *self, gconstpointer data)
{
  guint expires = GPOINTER_TO_UINT (data);

  /* The caller's limit is not a reason to redirect: nobody waits any more. */
  dfl_sample_set (&self->settings->default_target, "sip:bob@example.org");
  self->offer->has_expires = TRUE;
  self->offer->expires = expires;
  dfl_call_fixture_offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==,
                   DFL_FAKE_CLOCK_WALL + expires * G_USEC_PER_SEC);
  dfl_signal_log_expect_none (self->log);

  if (expires > 0)
    dfl_fake_clock_advance (self->clock, expires * G_USEC_PER_SEC - 1);
  dfl_signal_log_expect_none (self->log);
  dfl_fake_clock_advance (self->clock, expires > 0 ? 1 : 0);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "487");
  dfl_call_fixture_assert_too_late (self, "deadline");
  dfl_call_leg_acknowledged (self->call);
  dfl_call_fixture_assert_ended (self, DFL_OUTCOME_EXPIRED, "deadline");
}

static void
test_expires_after_ring_limit (DflCallFixture *self, gconstpointer data)
{
  self->settings->ring_limit = 10;
  self->offer->has_expires = TRUE;
  self->offer->expires = G_MAXUINT;
  dfl_call_fixture_offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==,
                   DFL_FAKE_CLOCK_WALL + 10 * G_USEC_PER_SEC);
  dfl_fake_clock_advance (self->clock, 10 * G_USEC_PER_SEC);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
  g_assert_cmpstr (dfl_fake_leg_get_final (self->leg), ==, "480");
}

static void
test_expires_without_ring_limit (DflCallFixture *self, gconstpointer data)
{
  self->settings->ring_limit = 0;
  self->offer->has_expires = TRUE;
  self->offer->expires = G_MAXUINT;
  dfl_call_fixture_offer (self);
  g_assert_cmpint (dfl_call_get_deadline (self->call), ==,
                   DFL_FAKE_CLOCK_WALL + (gint64)G_MAXUINT * G_USEC_PER_SEC);
}

/* A machine that slept past the deadline expires the call when it wakes. */
static void
test_received_long_ago (DflCallFixture *self, gconstpointer data)
{
  self->offer->received -= 300 * G_USEC_PER_SEC;
  dfl_call_fixture_offer (self);
  dfl_fake_clock_advance (self->clock, 0);
  dfl_signal_log_expect (self->log, "call-changed declining none state decision");
}

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  DFL_CALL_FIXTURE_ADD ("deadline/ring-limit", NULL, test_ring_limit);
  DFL_CALL_FIXTURE_ADD ("deadline/ring-limit-unconfirmed", NULL, test_ring_limit_unconfirmed);
  DFL_CALL_FIXTURE_ADD ("deadline/line-down/decline", GINT_TO_POINTER (0),
                        test_ring_limit_line_down);
  DFL_CALL_FIXTURE_ADD ("deadline/line-down/redirect", GINT_TO_POINTER (1),
                        test_ring_limit_line_down);
  DFL_CALL_FIXTURE_ADD ("deadline/default-redirect", NULL, test_default_redirect);
  DFL_CALL_FIXTURE_ADD ("deadline/default-redirect-refused", NULL, test_default_redirect_refused);
  DFL_CALL_FIXTURE_ADD ("deadline/none", NULL, test_no_deadline);
  DFL_CALL_FIXTURE_ADD ("deadline/pending-for-minutes", NULL, test_pending_for_minutes);
  DFL_CALL_FIXTURE_ADD ("deadline/expires/0", GUINT_TO_POINTER (0), test_expires);
  DFL_CALL_FIXTURE_ADD ("deadline/expires/1", GUINT_TO_POINTER (1), test_expires);
  DFL_CALL_FIXTURE_ADD ("deadline/expires/120", GUINT_TO_POINTER (120), test_expires);
  DFL_CALL_FIXTURE_ADD ("deadline/expires/after-ring-limit", NULL, test_expires_after_ring_limit);
  DFL_CALL_FIXTURE_ADD ("deadline/expires/without-ring-limit", NULL,
                        test_expires_without_ring_limit);
  DFL_CALL_FIXTURE_ADD ("deadline/received-long-ago", NULL, test_received_long_ago);

  return g_test_run ();
}
