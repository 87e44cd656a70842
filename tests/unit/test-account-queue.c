/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of accounts one after another: limits, order, what goes on beside them, and the end. */

#include "fakes/change-fixture.h"
#include "fakes/fake-line.h"
#include "fakes/samples.h"

/* --- Limits --- */

static void
test_limit_of_accounts (DflChangeFixture *self, gconstpointer data)
{
  g_auto (DflAnswer) answer = { 0 };
  DflAccount *account = NULL;

  for (guint i = 0; i < 32; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      account = dfl_change_fixture_have (self, name, "alice");
    }
  dfl_change_fixture_add (self, "last", "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_LIMIT_EXCEEDED);
  dfl_change_fixture_update (self, account, "alice", &answer, "enabled", "false", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed a31 disabled");
  dfl_change_fixture_have (self, "last", "bob");

  dfl_change_fixture_remove (self, account, &answer);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-removed a31 disabled");
  dfl_change_fixture_have (self, "last", "alice");

  for (guint i = 0; i < 33; i++)
    {
      g_autofree char *name = g_strdup_printf ("r%u", i);

      dfl_change_fixture_have (self, name, "root");
    }
}

static void
test_limit_of_one (DflChangeFixture *self, gconstpointer data)
{
  DflAnswer answers[10] = { 0 };
  g_auto (DflAnswer) other = { 0 };
  guint n_done = 0;

  /* One is being kept, eight wait, one is too many. */
  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      dfl_change_fixture_add (self, name, "alice", &answers[i], DFL_CHANGE_ADDRESS, NULL);
    }
  dfl_change_fixture_add (self, "work", "bob", &other, DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_settle (self);
  g_assert_error (answers[9].error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED);
  g_assert_cmpuint (other.n_told, ==, 0);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  DFL_ANSWER_ASSERT_DONE (self, &other);
  dfl_signal_log_clear (self->log);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      n_done += answers[i].account != NULL ? 1 : 0;
      g_assert_cmpuint (answers[i].n_told, ==, 1);
      dfl_answer_clear (&answers[i]);
    }
  g_assert_cmpuint (n_done, ==, 9);
}

static void
test_limit_of_all (DflChangeFixture *self, gconstpointer data)
{
  DflAnswer answers[66] = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *creator = g_strdup_printf ("user%u", i);

      dfl_change_fixture_add (self, "work", creator, &answers[i], DFL_CHANGE_ADDRESS, NULL);
    }
  dfl_change_fixture_settle (self);
  g_assert_cmpuint (answers[64].n_told, ==, 0);
  g_assert_error (answers[65].error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  dfl_signal_log_clear (self->log);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_cmpint (answers[i].account != NULL, ==, i < 65);
      g_assert_cmpuint (answers[i].n_told, ==, 1);
      dfl_answer_clear (&answers[i]);
    }
}

static void
test_limit_of_removals (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  DflAnswer answers[10] = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    dfl_change_fixture_remove (self, account, &answers[i]);
  dfl_change_fixture_settle (self);
  g_assert_error (answers[9].error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED);
  dfl_answer_clear (&answers[9]);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  DFL_ANSWER_ASSERT_DONE (self, &answers[0]);
  dfl_signal_log_expect (self->log, "account-removed work connecting");
  for (guint i = 1; i < 9; i++)
    DFL_ANSWER_ASSERT_FAILED (self, &answers[i], DFL_ERROR_FAILED);
}

/* --- Order --- */

static void
test_order (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  guint order = 0;
  DflAnswer answers[4] = {
    { .order = &order }, { .order = &order }, { .order = &order }, { .order = &order }
  };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_update (self, account, "alice", &answers[0], "ring-limit", "1", NULL);
  dfl_change_fixture_update (self, account, "alice", &answers[1], "display-name", "Alice", NULL);
  dfl_change_fixture_add (self, "home", "bob", &answers[2], DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_remove (self, account, &answers[3]);

  /* The keeper has one at a time. */
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      dfl_change_fixture_settle (self);
      g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->keeper), ==, 1);
      g_assert_cmpuint (order, ==, i);
      g_assert_true (dfl_fake_keeper_release (self->keeper));
    }
  dfl_change_fixture_settle (self);
  g_assert_false (dfl_fake_keeper_release (self->keeper));

  /* Each began with what the one before had left. */
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_signal_log_expect (self->log, "account-added home connecting");
  dfl_signal_log_expect (self->log, "account-removed work connecting");
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_cmpuint (answers[i].turn, ==, i + 1);
      g_assert_no_error (answers[i].error);
      dfl_answer_clear (&answers[i]);
    }
}

static void
test_each_from_the_last (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) first = { 0 }, second = { 0 };

  dfl_change_fixture_update (self, account, "alice", &first, "ring-limit", "7", NULL);
  dfl_change_fixture_update (self, account, "alice", &second, "display-name", "Alice", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &first);
  DFL_ANSWER_ASSERT_DONE (self, &second);
  dfl_signal_log_clear (self->log);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 7);
  g_assert_cmpstr (dfl_account_get_settings (account)->display_name, ==, "Alice");
}

/* A wall clock that goes back makes nobody the first. */
static void
test_created_grows (DflChangeFixture *self, gconstpointer data)
{
  gint64 later = DFL_FAKE_CLOCK_WALL + 1000;
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  g_ptr_array_add (settings, dfl_sample_kept_settings ("old", "0badcafe", "bob", later));
  dfl_switchboard_set_kept_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added old direct");
  g_assert_cmpint (dfl_account_get_settings (dfl_change_fixture_have (self, "work", "alice"))
                       ->created,
                   ==, later + 1);
  g_assert_cmpint (dfl_account_get_settings (dfl_change_fixture_have (self, "home", "alice"))
                       ->created,
                   ==, later + 2);
}

/* A file that says the end of time is read like any other. */
static void
test_created_ends (DflChangeFixture *self, gconstpointer data)
{
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  g_ptr_array_add (settings, dfl_sample_kept_settings ("old", "0badcafe", "bob", G_MAXINT64));
  dfl_switchboard_set_kept_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added old direct");
  g_assert_cmpint (dfl_account_get_settings (dfl_change_fixture_have (self, "work", "alice"))
                       ->created,
                   ==, G_MAXINT64);
}

/* Who is told may ask for more. */
static void
test_ask_when_told (DflChangeFixture *self, gconstpointer data)
{
  DflAnswer answers[2] = { { .asks = self->switchboard } };
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");

  dfl_change_fixture_add (self, "work", "alice", &answers[0], DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_settle (self);
  g_assert_error (answers[0].error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_error (answers[1].error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  dfl_answer_clear (&answers[0]);
  dfl_answer_clear (&answers[1]);

  dfl_change_fixture_update (self, account, "alice", &answers[0], "ring-limit", "7", NULL);
  dfl_change_fixture_settle (self);
  g_assert_no_error (answers[0].error);
  g_assert_error (answers[1].error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  dfl_answer_clear (&answers[0]);
  dfl_answer_clear (&answers[1]);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
}

/* --- Beside the rest --- */

/* Offered calls stay as they are. */
static void
test_calls_stay (DflChangeFixture *self, gconstpointer data)
{
  g_autoptr (DflFakeLine) line = dfl_fake_line_new ();
  g_auto (DflAnswer) answer = { 0 };
  DflAccount *account;
  DflCall *call;

  dfl_change_fixture_add (self, "work", "root", &answer, DFL_CHANGE_ADDRESS, "register", "false",
                          "accept-from", "192.0.2.1", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-added work direct");
  account = dfl_switchboard_find_direct (self->switchboard, "work");
  call = dfl_switchboard_offer (self->switchboard, account,
                                dfl_sample_offer (DFL_CLOCK (self->clock), "call"), DFL_LINE (line),
                                dfl_fake_line_add_leg (line), NULL);
  dfl_signal_log_expect (self->log, "call-added offered none");

  dfl_change_fixture_update (self, account, "root", &answer, "address",
                             "sip:work@elsewhere.example", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work direct");
  dfl_change_fixture_remove (self, account, &answer);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-removed work direct");
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_OFFERED);

  g_assert_true (dfl_call_redirect (call, "7042", "user:alice", NULL));
  dfl_signal_log_expect (self->log, "call-changed redirecting none state decision");
  g_assert_cmpstr (dfl_call_get_redirected_to (call), ==, "sip:7042@example.org;user=phone");
  dfl_call_leg_acknowledged (call);
  dfl_signal_log_clear (self->log);
}

/* A reload while a change is being kept. */
static void
test_reload_meanwhile (DflChangeFixture *self, gconstpointer data)
{
  g_auto (DflAnswer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_add (self, "work", "root", &answer, "address", "sip:100@example.org",
                          "register", "false", "accept-from", "192.0.2.1", NULL);
  g_ptr_array_add (settings, dfl_sample_settings ("100"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added 100 direct");

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-added work failed");
  g_assert_cmpstr (dfl_account_get_settings (dfl_switchboard_find_direct (self->switchboard, "100"))
                       ->name,
                   ==, "100");
}

static void
ask_something (DflChangeFixture *self, DflAnswer *answer)
{
  static const char *const names[] = { "home", "work", "Wrong" };
  static const char *const callers[] = { "alice", "bob", "root" };
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (self->switchboard);
  const char *caller = callers[g_test_rand_int_range (0, G_N_ELEMENTS (callers))];
  g_autofree char *limit = g_strdup_printf ("%d", g_test_rand_int_range (0, 90000));
  DflAccount *account = accounts->len > 0
                            ? accounts->pdata[g_test_rand_int_range (0, (int)accounts->len)]
                            : NULL;

  switch (g_test_rand_int_range (0, account != NULL ? 4 : 1))
    {
    case 0:
      dfl_change_fixture_add (self, names[g_test_rand_int_range (0, G_N_ELEMENTS (names))], caller,
                              answer, DFL_CHANGE_ADDRESS, NULL);
      break;
    case 1:
      dfl_change_fixture_update (self, account, caller, answer, "ring-limit", limit, NULL);
      break;
    case 2:
      dfl_change_fixture_update (self, account, caller, answer, "users",
                                 g_test_rand_bit () ? "alice" : "bob", NULL);
      break;
    default:
      dfl_change_fixture_remove (self, account, answer);
    }
}

/* Whatever is asked, kept, refused by the disk and reloaded: everybody is told once, and what is in
 * force is what is kept. */
static void
test_random_requests (DflChangeFixture *self, gconstpointer data)
{
  g_autofree DflAnswer *answers = g_new0 (DflAnswer, 5000);
  g_autoptr (GPtrArray) accounts = NULL;
  guint n_done = 0;

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint step = 0; step < 5000; step++)
    {
      GPtrArray *settings = g_ptr_array_new_with_free_func (
          (GDestroyNotify)dfl_account_settings_free);

      dfl_fake_keeper_set_failure (self->keeper,
                                   g_test_rand_int_range (0, 5) == 0 ? "the disk is full" : NULL);
      ask_something (self, &answers[step]);
      if (g_test_rand_bit ())
        dfl_fake_keeper_release (self->keeper);
      if (g_test_rand_bit ())
        dfl_fake_clock_advance (self->clock, 0);
      if (g_test_rand_bit ())
        g_ptr_array_add (settings, dfl_sample_settings ("work"));
      dfl_switchboard_set_accounts (self->switchboard, settings);
      g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->keeper), <=, 1);
    }
  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  dfl_signal_log_clear (self->log);

  for (guint i = 0; i < 5000; i++)
    {
      g_assert_cmpuint (answers[i].n_told, ==, 1);
      n_done += answers[i].error == NULL ? 1 : 0;
      dfl_answer_clear (&answers[i]);
    }
  g_assert_cmpuint (n_done, >, 100);

  dfl_switchboard_set_accounts (self->switchboard, g_ptr_array_new ());
  dfl_signal_log_clear (self->log);
  accounts = dfl_switchboard_get_accounts (self->switchboard);
  g_assert_cmpuint (accounts->len, ==, dfl_fake_keeper_get_n_kept (self->keeper));
  for (guint i = 0; i < accounts->len; i++)
    g_assert_true (dfl_account_settings_equal (dfl_account_get_settings (accounts->pdata[i]),
                                               dfl_fake_keeper_get_kept (self->keeper,
                                                                         dfl_account_get_id (
                                                                             accounts->pdata[i]))));
}

/* --- The end --- */

/* What is being kept is kept, what waits is refused, and only then all is over. */
static void
test_shut_down (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) current = { 0 }, waiting = { 0 }, late = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_update (self, account, "alice", &current, "ring-limit", "7", NULL);
  dfl_change_fixture_update (self, account, "alice", &waiting, "ring-limit", "8", NULL);
  dfl_switchboard_shut_down (self->switchboard);
  g_assert_cmpuint (waiting.n_told, ==, 0);
  dfl_change_fixture_add (self, "home", "bob", &late, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &waiting, DFL_ERROR_FAILED);
  DFL_ANSWER_ASSERT_FAILED (self, &late, DFL_ERROR_FAILED);
  g_assert_cmpuint (current.n_told, ==, 0);
  dfl_signal_log_expect_none (self->log);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  DFL_ANSWER_ASSERT_DONE (self, &current);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_signal_log_expect (self->log, "drained");
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 7);

  /* Once is enough. */
  dfl_change_fixture_add (self, "home", "bob", &late, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &late, DFL_ERROR_FAILED);
  dfl_signal_log_expect_none (self->log);
}

static void
test_give_up (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) current = { 0 }, waiting = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_update (self, account, "alice", &current, "ring-limit", "7", NULL);
  dfl_change_fixture_update (self, account, "alice", &waiting, "ring-limit", "8", NULL);
  dfl_switchboard_shut_down (self->switchboard);
  dfl_switchboard_give_up (self->switchboard);
  g_assert_cmpuint (current.n_told, ==, 1);
  g_assert_cmpuint (waiting.n_told, ==, 1);
  dfl_change_fixture_settle (self);
  dfl_signal_log_expect (self->log, "drained");

  /* The keeper's word comes too late. */
  dfl_fake_keeper_set_held (self->keeper, FALSE);
  DFL_ANSWER_ASSERT_FAILED (self, &current, DFL_ERROR_FAILED);
  DFL_ANSWER_ASSERT_FAILED (self, &waiting, DFL_ERROR_FAILED);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 120);
}

static void
on_done_give_up (DflAccount *account, const GError *error, gpointer data)
{
  dfl_switchboard_give_up (DFL_SWITCHBOARD (data));
}

/* Whoever is told may end the waiting of the others. */
static void
test_give_up_when_told (DflChangeFixture *self, gconstpointer data)
{
  static const DflAccountAuthor alice = { .caller = "alice" };
  g_auto (DflAnswer) refused = { 0 }, again = { 0 };

  dfl_switchboard_add_account (self->switchboard, "A", &alice, TRUE, dfl_account_change_new (),
                               on_done_give_up, self->switchboard);
  dfl_change_fixture_add (self, "B", "alice", &refused, DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_add (self, "C", "alice", &again, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &refused, DFL_ERROR_INVALID_SETTINGS);
  DFL_ANSWER_ASSERT_FAILED (self, &again, DFL_ERROR_INVALID_SETTINGS);
}

/* The switchboard goes while a change is being kept and others wait. */
static void
test_dispose (gconstpointer data)
{
  gboolean keeper_first = GPOINTER_TO_INT (data);
  g_autoptr (DflAccount) unknown = dfl_account_new (dfl_sample_settings ("x"));
  DflChangeFixture self = { 0 };
  DflAnswer answers[4] = { 0 };
  guint n_kept;

  dfl_change_fixture_set_up (&self, NULL);
  dfl_fake_keeper_set_held (self.keeper, TRUE);
  dfl_change_fixture_add (&self, "work", "alice", &answers[0], DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_add (&self, "home", "alice", &answers[1], DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_remove (&self, unknown, &answers[2]);
  dfl_change_fixture_add (&self, "", "bob", &answers[3], DFL_CHANGE_ADDRESS, NULL);
  dfl_signal_log_free (self.log);
  if (keeper_first)
    {
      dfl_switchboard_set_keeper (self.switchboard, NULL);
      g_assert_finalize_object (self.keeper);
      g_assert_finalize_object (self.switchboard);
    }
  else
    {
      g_assert_finalize_object (self.switchboard);
      for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
        g_assert_error (answers[i].error, DFL_ERROR, DFL_ERROR_FAILED);
      g_assert_true (dfl_fake_keeper_release (self.keeper));
      n_kept = dfl_fake_keeper_get_n_kept (self.keeper);
      g_assert_cmpuint (n_kept, ==, 1);
      g_assert_finalize_object (self.keeper);
    }
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_cmpuint (answers[i].n_told, ==, 1);
      dfl_answer_clear (&answers[i]);
    }
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self.clock), ==, 0);
  g_assert_finalize_object (self.clock);
}

static void
on_done_unref (DflAccount *account, const GError *error, gpointer data)
{
  g_clear_object ((DflSwitchboard **)data);
}

/* The last one who holds the switchboard lets go of it when told. */
static void
test_unref_when_told (void)
{
  static const char *const names[] = { "work", "Work" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      static const DflAccountAuthor alice = { .caller = "alice" };
      g_autoptr (DflFakeClock) clock = dfl_fake_clock_new ();
      g_autoptr (DflFakeKeeper) keeper = dfl_fake_keeper_new ();
      DflSwitchboard *switchboard = dfl_switchboard_new (DFL_CLOCK (clock), 100);
      DflChangeFixture self = { .clock = clock, .keeper = keeper, .switchboard = switchboard };
      DflAccountChange *change = dfl_account_change_new ();
      g_auto (DflAnswer) other = { 0 };

      dfl_switchboard_set_keeper (switchboard, DFL_KEEPER (keeper));
      dfl_account_change_set (change, "address", "sip:work@example.org");
      dfl_switchboard_add_account (switchboard, names[i], &alice, TRUE, change, on_done_unref,
                                   &switchboard);
      dfl_change_fixture_add (&self, "home", "alice", &other, DFL_CHANGE_ADDRESS, NULL);
      dfl_change_fixture_settle (&self);
      g_assert_null (switchboard);
      g_assert_cmpuint (other.n_told, ==, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, test)                                                                            \
  g_test_add ("/account-queue/" path, DflChangeFixture, NULL, dfl_change_fixture_set_up, test,     \
              dfl_change_fixture_tear_down)
  ADD ("limit/accounts", test_limit_of_accounts);
  ADD ("limit/of-one", test_limit_of_one);
  ADD ("limit/of-all", test_limit_of_all);
  ADD ("limit/removals", test_limit_of_removals);
  ADD ("order", test_order);
  ADD ("each-from-the-last", test_each_from_the_last);
  ADD ("created-grows", test_created_grows);
  ADD ("created-ends", test_created_ends);
  ADD ("ask-when-told", test_ask_when_told);
  ADD ("calls-stay", test_calls_stay);
  ADD ("reload-meanwhile", test_reload_meanwhile);
  ADD ("random-requests", test_random_requests);
  ADD ("shut-down", test_shut_down);
  ADD ("give-up/held", test_give_up);
  ADD ("give-up/when-told", test_give_up_when_told);
#undef ADD
  g_test_add_data_func ("/account-queue/dispose/switchboard-first", GINT_TO_POINTER (FALSE),
                        test_dispose);
  g_test_add_data_func ("/account-queue/dispose/keeper-first", GINT_TO_POINTER (TRUE),
                        test_dispose);
  g_test_add_func ("/account-queue/unref-when-told", test_unref_when_told);

  return g_test_run ();
}
