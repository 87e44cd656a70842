/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the line reports of an account that registers, and who is told. */

#include "core/error.h"
#include "fakes/samples.h"
#include "fakes/switchboard-fixture.h"

static DflAccountSettings *
registering (const char *name)
{
  DflAccountSettings *settings = dfl_sample_settings (name);

  settings->registers = TRUE;

  return settings;
}

static DflAccount *
add_alice (DflSwitchboardFixture *self)
{
  g_autoptr (GPtrArray) accounts = NULL;

  dfl_switchboard_fixture_set_accounts (self, registering ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice connecting");
  accounts = dfl_switchboard_get_accounts (self->switchboard);

  return accounts->pdata[0];
}

static const DflRegistrationReport registered = {
  .state = DFL_ACCOUNT_STATE_REGISTERED,
  .reason = "",
  .server = "192.0.2.1:5061",
  .transport = DFL_TRANSPORT_TLS,
  .secure = TRUE,
  .until = 1000,
};

static void
report_text (DflAccount *account, DflAccountState state, const char *reason)
{
  dfl_account_report_registration (account, &(DflRegistrationReport){
                                                .state = state, .reason = reason, .server = "" });
}

static void
assert_empty (DflAccount *account)
{
  const DflRegistrationReport *report = dfl_account_get_registration (account);

  g_assert_cmpint (report->state, ==, DFL_ACCOUNT_STATE_CONNECTING);
  g_assert_cmpstr (report->reason, ==, "");
  g_assert_cmpstr (report->server, ==, "");
  g_assert_cmpint (report->transport, ==, DFL_TRANSPORT_AUTO);
  g_assert_false (report->secure);
  g_assert_cmpint (report->until, ==, 0);
}

static void
test_report (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  char reason[] = "wrong password", server[] = "192.0.2.9:5060";
  DflRegistrationReport refused = {
    .state = DFL_ACCOUNT_STATE_FAILED,
    .reason = reason,
    .server = server,
    .transport = DFL_TRANSPORT_UDP,
  };
  const DflRegistrationReport *report;

  assert_empty (alice);
  g_assert_cmpstr (dfl_account_get_state_reason (alice), ==, "");

  dfl_account_report_registration (alice, &registered);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  report = dfl_account_get_registration (alice);
  g_assert_cmpstr (report->server, ==, "192.0.2.1:5061");
  g_assert_cmpint (report->transport, ==, DFL_TRANSPORT_TLS);
  g_assert_true (report->secure);
  g_assert_cmpint (report->until, ==, 1000);
  g_assert_cmpstr (dfl_account_get_state_reason (alice), ==, "");

  /* The texts are the account's own. */
  dfl_account_report_registration (alice, &refused);
  dfl_signal_log_expect (self->log, "account-changed alice failed");
  reason[0] = server[0] = 'x';
  report = dfl_account_get_registration (alice);
  g_assert_cmpstr (report->reason, ==, "wrong password");
  g_assert_cmpstr (report->server, ==, "192.0.2.9:5060");
  g_assert_cmpstr (dfl_account_get_state_reason (alice), ==, "wrong password");

  /* What was reported may be reported again. */
  dfl_account_report_registration (alice, dfl_account_get_registration (alice));
  dfl_signal_log_expect_none (self->log);
  refused = *dfl_account_get_registration (alice);
  refused.state = DFL_ACCOUNT_STATE_CONNECTING;
  dfl_account_report_registration (alice, &refused);
  dfl_signal_log_expect (self->log, "account-changed alice connecting");
  g_assert_cmpstr (dfl_account_get_state_reason (alice), ==, "wrong password");
}

/* Everything in it is news, and nothing else is. */
static void
test_news (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  DflRegistrationReport news = registered;

  dfl_account_report_registration (alice, &news);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  dfl_account_report_registration (alice, &news);
  dfl_signal_log_expect_none (self->log);

  news.reason = "no answer from sip.example.org";
  dfl_account_report_registration (alice, &news);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  g_assert_cmpstr (dfl_account_get_state_reason (alice), ==, news.reason);
  news.server = "192.0.2.2:5061";
  dfl_account_report_registration (alice, &news);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  news.transport = DFL_TRANSPORT_TCP;
  dfl_account_report_registration (alice, &news);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  news.secure = FALSE;
  dfl_account_report_registration (alice, &news);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  news.until++;
  dfl_account_report_registration (alice, &news);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
}

/* A report holds while the account is to register, however its settings change. */
static void
test_update (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);
  DflAccountSettings *settings = registering ("alice");

  dfl_account_report_registration (alice, &registered);
  dfl_signal_log_expect (self->log, "account-changed alice registered");

  settings->ring_limit = 7;
  dfl_account_update (alice, settings);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  g_assert_cmpstr (dfl_account_get_registration (alice)->server, ==, "192.0.2.1:5061");
}

/* Of an account that is not to register nothing is believed, nor remembered. */
static void
test_ignored (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccountSettings *others[] = { registering ("alice"), registering ("alice"),
                                   dfl_sample_settings ("alice") };
  static const char *const states[] = { "disabled", "failed", "direct" };
  static const char *const reasons[] = { "", "alice.conf:1: nonsense", "" };
  DflAccount *alice = add_alice (self);

  others[0]->enabled = FALSE;
  dfl_sample_set (&others[1]->problem, "alice.conf:1: nonsense");
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *line = g_strconcat ("account-changed alice ", states[i], NULL);

      report_text (alice, DFL_ACCOUNT_STATE_FAILED, "no DNS answer");
      dfl_signal_log_expect (self->log, "account-changed alice failed");
      dfl_account_update (alice, others[i]);
      dfl_signal_log_expect (self->log, line);
      assert_empty (alice);
      g_assert_cmpstr (dfl_account_get_state_reason (alice), ==, reasons[i]);
      dfl_account_report_registration (alice, &registered);
      dfl_signal_log_expect_none (self->log);
      assert_empty (alice);

      dfl_account_update (alice, registering ("alice"));
      dfl_signal_log_expect (self->log, "account-changed alice connecting");
      assert_empty (alice);
    }
}

/* It answers to no user part, and takes none from a direct account. */
static void
test_no_claim (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccountSettings *second = dfl_sample_settings ("bob");

  dfl_sample_set (&second->user, "alice");
  dfl_switchboard_fixture_set_accounts (self, registering ("alice"), second, NULL);
  dfl_signal_log_expect (self->log, "account-added alice connecting");
  dfl_signal_log_expect (self->log, "account-added bob direct");
  g_assert_cmpstr (
      dfl_account_get_settings (dfl_switchboard_find_direct (self->switchboard, "alice"))->name, ==,
      "bob");
}

/* --- Who asks for it --- */

static void
assert_no_register (DflSwitchboardFixture *self, DflAccount *account, DflError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (dfl_switchboard_register_account (self->switchboard, account, &error));
  g_assert_error (error, DFL_ERROR, (int)code);
  dfl_signal_log_expect_none (self->log);
}

static void
test_register (DflSwitchboardFixture *self, gconstpointer data)
{
  g_autoptr (DflAccount) alice = g_object_ref (add_alice (self));
  DflAccountSettings *settings;
  g_autoptr (GError) error = NULL;

  g_assert_true (dfl_switchboard_register_account (self->switchboard, alice, &error));
  g_assert_no_error (error);
  dfl_signal_log_expect (self->log, "register-requested alice connecting");
  dfl_account_report_registration (alice, &registered);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  g_assert_true (dfl_switchboard_register_account (self->switchboard, alice, NULL));
  dfl_signal_log_expect (self->log, "register-requested alice registered");

  settings = registering ("alice");
  settings->enabled = FALSE;
  dfl_account_update (alice, settings);
  dfl_signal_log_expect (self->log, "account-changed alice disabled");
  assert_no_register (self, alice, DFL_ERROR_LINE_DOWN);

  settings = registering ("alice");
  dfl_sample_set (&settings->problem, "alice.conf:1: nonsense");
  dfl_account_update (alice, settings);
  dfl_signal_log_expect (self->log, "account-changed alice failed");
  assert_no_register (self, alice, DFL_ERROR_LINE_DOWN);

  dfl_account_update (alice, dfl_sample_settings ("alice"));
  dfl_signal_log_expect (self->log, "account-changed alice direct");
  assert_no_register (self, alice, DFL_ERROR_NOT_SUPPORTED);

  dfl_switchboard_fixture_set_accounts (self, NULL, NULL);
  dfl_signal_log_expect (self->log, "account-removed alice direct");
  assert_no_register (self, alice, DFL_ERROR_FAILED);
}

static void
test_register_too_late (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);

  dfl_switchboard_shut_down (self->switchboard);
  assert_no_register (self, alice, DFL_ERROR_FAILED);
  dfl_fake_clock_advance (self->clock, 0);
  dfl_signal_log_expect (self->log, "drained");
}

/* --- Many --- */

static void
remove_all (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  dfl_switchboard_set_accounts (switchboard, g_ptr_array_new_with_free_func (
                                                 (GDestroyNotify)dfl_account_settings_free));
}

/* Who is told may have the account removed. */
static void
test_gone_meanwhile (DflSwitchboardFixture *self, gconstpointer data)
{
  DflAccount *alice = add_alice (self);

  g_signal_connect (self->switchboard, "account-changed", G_CALLBACK (remove_all), NULL);
  dfl_account_report_registration (alice, &registered);
  dfl_signal_log_expect (self->log, "account-changed alice registered");
  dfl_signal_log_expect (self->log, "account-removed alice registered");
}

static void
count (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  ++*(guint *)data;
}

/* The processor time of as many reports for one of n accounts. */
static gint64
measure_reports (guint n)
{
  g_autoptr (DflFakeClock) clock = dfl_fake_clock_new ();
  g_autoptr (DflSwitchboard) switchboard = dfl_switchboard_new (DFL_CLOCK (clock), 1);
  g_autoptr (GPtrArray) accounts = NULL;
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  DflRegistrationReport report = registered;
  guint n_told = 0;
  gint64 best = G_MAXINT64;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      g_ptr_array_add (settings, registering (name));
    }
  dfl_switchboard_set_accounts (switchboard, settings);
  accounts = dfl_switchboard_get_accounts (switchboard);
  g_signal_connect (switchboard, "account-changed", G_CALLBACK (count), &n_told);

  for (guint round = 0; round < 5; round++)
    {
      gint64 begin = g_get_monotonic_time ();

      for (guint i = 0; i < 200; i++)
        {
          report.until++;
          dfl_account_report_registration (accounts->pdata[n / 2], &report);
        }
      best = MIN (best, g_get_monotonic_time () - begin);
    }
  g_assert_cmpuint (n_told, ==, 1000);

  return best;
}

/* Were all accounts looked at for each, 5,000 would take a thousand times as long as five. */
static void
test_many (void)
{
  gint64 few = measure_reports (5), many = measure_reports (5000);

  g_test_message ("200 reports: %" G_GINT64_FORMAT " us of 5 accounts, %" G_GINT64_FORMAT
                  " us of 5,000",
                  few, many);
  g_assert_cmpint (many, <, 20 * few + 2000);
}

#define ADD(path, test)                                                                            \
  g_test_add ("/registration/" path, DflSwitchboardFixture, NULL, dfl_switchboard_fixture_set_up,  \
              test, dfl_switchboard_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("report", test_report);
  ADD ("news", test_news);
  ADD ("update", test_update);
  ADD ("ignored", test_ignored);
  ADD ("no-claim", test_no_claim);
  ADD ("register", test_register);
  ADD ("register-too-late", test_register_too_late);
  ADD ("gone-meanwhile", test_gone_meanwhile);
  g_test_add_func ("/registration/many", test_many);

  return g_test_run ();
}
