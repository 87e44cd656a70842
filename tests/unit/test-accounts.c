/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts of the settings directory beside those that users added: ids, order, user parts. */

#include <string.h>

#include "core/account-private.h"
#include "core/switchboard.h"
#include "fakes/fake-clock.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"
#include "fakes/signal-log.h"

typedef struct
{
  DflFakeClock *clock;
  DflSwitchboard *switchboard;
  DflSignalLog *log;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->clock = dfl_fake_clock_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
  self->log = dfl_signal_log_new (self->switchboard);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  dfl_signal_log_free (self->log);
  g_assert_finalize_object (self->switchboard);
  g_assert_finalize_object (self->clock);
}

static GPtrArray *
collect (DflAccountSettings *first, va_list more)
{
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  for (DflAccountSettings *item = first; item != NULL; item = va_arg (more, DflAccountSettings *))
    g_ptr_array_add (settings, item);

  return settings;
}

/* Take the settings over; lists that end with NULL. */
static void
set_accounts (Fixture *self, DflAccountSettings *first, ...)
{
  va_list more;

  va_start (more, first);
  dfl_switchboard_set_accounts (self->switchboard, collect (first, more));
  va_end (more);
}

static void
set_kept (Fixture *self, DflAccountSettings *first, ...)
{
  va_list more;

  va_start (more, first);
  dfl_switchboard_set_kept_accounts (self->switchboard, collect (first, more));
  va_end (more);
}

static DflAccountSettings *
kept (const char *name, const char *id, const char *creator, gint64 created)
{
  return dfl_sample_kept_settings (name, id, creator, created);
}

static DflAccountSettings *
with_user (DflAccountSettings *settings, const char *user)
{
  dfl_sample_set (&settings->user, user);

  return settings;
}

static DflAccount *
get (Fixture *self, const char *id)
{
  DflAccount *account = dfl_switchboard_get_account (self->switchboard, id);

  g_assert_nonnull (account);

  return account;
}

static void
assert_owner (Fixture *self, const char *user, const char *id)
{
  DflAccount *owner = dfl_switchboard_find_direct (self->switchboard, user);

  g_assert_cmpstr (owner != NULL ? dfl_account_get_id (owner) : NULL, ==, id);
}

/* --- Ids and order --- */

static void
test_order (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) accounts = NULL;
  g_autoptr (GString) order = g_string_new (NULL);

  set_kept (self, kept ("work", "cccccccc", "carol", 1), kept ("work", "aaaaaaaa", "alice", 3),
            kept ("work", "bbbbbbbb", "bob", 4), kept ("home", "dddddddd", "alice", 2), NULL);
  set_accounts (self, dfl_sample_settings ("zoe"), dfl_sample_settings ("jim"),
                dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_clear (self->log);

  accounts = dfl_switchboard_get_accounts (self->switchboard);
  for (guint i = 0; i < accounts->len; i++)
    g_string_append_printf (order, "%s %.4s,", dfl_account_get_settings (accounts->pdata[i])->name,
                            dfl_account_get_id (accounts->pdata[i]));
  g_assert_cmpstr (order->str, ==,
                   "alice 9872,home dddd,jim b4d8,work aaaa,work bbbb,work cccc,zoe 41e3,");
}

/* The two kinds come and go without each other, also with the same name. */
static void
test_kinds (Fixture *self, gconstpointer data)
{
  set_kept (self, with_user (kept ("work", "aaaaaaaa", "alice", 1), "1"), NULL);
  dfl_signal_log_expect (self->log, "account-added work direct");
  set_accounts (self, dfl_sample_settings ("work"), NULL);
  dfl_signal_log_expect (self->log, "account-added work direct");
  assert_owner (self, "1", "aaaaaaaa");
  g_assert_nonnull (dfl_switchboard_find_direct (self->switchboard, "work"));

  set_accounts (self, NULL);
  dfl_signal_log_expect (self->log, "account-removed work direct");
  dfl_signal_log_expect_none (self->log);
  assert_owner (self, "1", "aaaaaaaa");
  g_assert_null (dfl_switchboard_find_direct (self->switchboard, "work"));
}

/* An id that a name stands for may be another account's already; all of them if need be. */
static void
test_taken_ids (Fixture *self, gconstpointer data)
{
  g_autofree char *first = dfl_account_derive_id ("alice", 0);
  g_autofree char *second = dfl_account_derive_id ("alice", 1);
  g_autofree char *third = dfl_account_derive_id ("alice", 2);

  g_assert_cmpstr (first, !=, second);
  g_assert_cmpstr (second, !=, third);
  set_kept (self, kept ("a", first, "bob", 1), kept ("b", second, "bob", 2), NULL);
  set_accounts (self, dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_clear (self->log);
  assert_owner (self, "alice", third);
  assert_owner (self, "a", first);
  assert_owner (self, "b", second);

  /* Whatever is reloaded, it keeps the one it has. */
  set_accounts (self, dfl_sample_settings ("alice"), dfl_sample_settings ("carol"), NULL);
  dfl_signal_log_expect (self->log, "account-added carol direct");
  assert_owner (self, "alice", third);
}

static void
test_bad_kept (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) logged = NULL;
  DflAccountSettings *nobodys = kept ("c", "cccccccc", "alice", 1);

  dfl_sample_set (&nobodys->creator, NULL);
  dfl_log_catcher_start ();
  set_kept (self, kept ("a", "aaaaaaaa", "alice", 1), kept ("b", "aaaaaaaa", "alice", 2), nobodys,
            kept ("d", NULL, "alice", 3), kept ("e", "../../etc", "alice", 4),
            kept ("f", "AAAAAAAA", "alice", 5), kept ("g", "aaaaaaa", "alice", 6), NULL);
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 6);
  dfl_signal_log_expect (self->log, "account-added a direct");
}

/* --- Who owns a user part --- */

/* When the daemon starts: the settings directory first, then who was there earlier, in whatever
 * order they are read. */
static void
test_start (Fixture *self, gconstpointer data)
{
  set_kept (self, with_user (kept ("a", "aaaaaaaa", "alice", 3), "100"),
            with_user (kept ("b", "bbbbbbbb", "bob", 2), "100"),
            with_user (kept ("c", "cccccccc", "carol", 5), "200"),
            with_user (kept ("d", "dddddddd", "dave", 4), "200"), NULL);
  dfl_signal_log_clear (self->log);
  assert_owner (self, "100", "bbbbbbbb");
  assert_owner (self, "200", "dddddddd");

  set_accounts (self, with_user (dfl_sample_settings ("zoe"), "100"),
                with_user (dfl_sample_settings ("yves"), "100"), NULL);
  dfl_signal_log_expect (self->log, "account-added yves direct");
  dfl_signal_log_expect (self->log, "account-added zoe failed");
  dfl_signal_log_expect (self->log, "account-changed b failed");
  assert_owner (self, "200", "dddddddd");
  g_assert_cmpstr (dfl_account_get_settings (dfl_switchboard_find_direct (self->switchboard, "100"))
                       ->name,
                   ==, "yves");

  /* Once they run, a reload takes nothing away either. */
  set_accounts (self, with_user (dfl_sample_settings ("yves"), "100"),
                with_user (dfl_sample_settings ("adam"), "100"),
                with_user (dfl_sample_settings ("carl"), "200"), NULL);
  dfl_signal_log_expect (self->log, "account-added adam failed");
  dfl_signal_log_expect (self->log, "account-added carl failed");
  dfl_signal_log_expect (self->log, "account-removed zoe failed");
  assert_owner (self, "200", "dddddddd");

  /* The next one is of the settings directory, though others came earlier. */
  set_accounts (self, with_user (dfl_sample_settings ("adam"), "100"), NULL);
  dfl_signal_log_clear (self->log);
  g_assert_cmpstr (dfl_account_get_settings (dfl_switchboard_find_direct (self->switchboard, "100"))
                       ->name,
                   ==, "adam");
  set_accounts (self, NULL);
  dfl_signal_log_expect (self->log, "account-removed adam direct");
  dfl_signal_log_expect (self->log, "account-changed b direct");
  assert_owner (self, "100", "bbbbbbbb");
}

/* Of two that were added at the same moment, one and always the same. */
static void
test_same_moment (Fixture *self, gconstpointer data)
{
  set_kept (self, with_user (kept ("a", "bbbbbbbb", "alice", 1), "100"),
            with_user (kept ("b", "aaaaaaaa", "bob", 1), "100"), NULL);
  dfl_signal_log_clear (self->log);
  assert_owner (self, "100", "aaaaaaaa");
}

/* Only running direct accounts claim one. */
static void
test_no_claim (Fixture *self, gconstpointer data)
{
  DflAccountSettings *registering = with_user (kept ("a", "aaaaaaaa", "alice", 1), "100");
  DflAccountSettings *disabled = with_user (kept ("b", "bbbbbbbb", "alice", 2), "100");
  DflAccountSettings *broken = with_user (kept ("c", "cccccccc", "alice", 3), "100");
  DflAccountSettings *empty = with_user (kept ("d", "dddddddd", "alice", 4), "");

  registering->registers = TRUE;
  disabled->enabled = FALSE;
  dfl_sample_set (&broken->problem, "x");
  set_kept (self, registering, disabled, broken, empty,
            with_user (kept ("e", "eeeeeeee", "bob", 5), "100"), NULL);
  dfl_signal_log_expect (self->log, "account-added a connecting");
  dfl_signal_log_expect (self->log, "account-added b disabled");
  dfl_signal_log_expect (self->log, "account-added c failed");
  dfl_signal_log_expect (self->log, "account-added d direct");
  dfl_signal_log_expect (self->log, "account-added e direct");
  assert_owner (self, "100", "eeeeeeee");
  assert_owner (self, "", NULL);
}

/* An account that is changed comes later than who is there. */
static void
test_change_comes_later (Fixture *self, gconstpointer data)
{
  DflAccountSettings *settings = with_user (kept ("a", "aaaaaaaa", "alice", 1), "100");
  DflAccount *alice;

  settings->enabled = FALSE;
  set_kept (self, settings, with_user (kept ("b", "bbbbbbbb", "bob", 2), "100"), NULL);
  dfl_signal_log_clear (self->log);
  alice = get (self, "aaaaaaaa");
  assert_owner (self, "100", "bbbbbbbb");

  dfl_account_update (alice, with_user (kept ("a", "aaaaaaaa", "alice", 1), "100"));
  dfl_signal_log_expect (self->log, "account-changed a failed");
  assert_owner (self, "100", "bbbbbbbb");
  g_assert_nonnull (strstr (dfl_account_get_state_reason (alice), "already in use"));

  /* Another change of the owner is none of its claim; letting go is. */
  settings = with_user (kept ("b", "bbbbbbbb", "bob", 2), "100");
  settings->ring_limit = 7;
  dfl_account_update (get (self, "bbbbbbbb"), settings);
  dfl_signal_log_expect (self->log, "account-changed b direct");
  assert_owner (self, "100", "bbbbbbbb");
  dfl_account_update (get (self, "bbbbbbbb"), with_user (kept ("b", "bbbbbbbb", "bob", 2), "101"));
  dfl_signal_log_expect (self->log, "account-changed b direct");
  dfl_signal_log_expect (self->log, "account-changed a direct");
  assert_owner (self, "100", "aaaaaaaa");
  assert_owner (self, "101", "bbbbbbbb");

  /* And there is no way back. */
  dfl_account_update (get (self, "bbbbbbbb"), with_user (kept ("b", "bbbbbbbb", "bob", 2), "100"));
  dfl_signal_log_expect (self->log, "account-changed b failed");
  assert_owner (self, "100", "aaaaaaaa");
  assert_owner (self, "101", NULL);
}

/* alice's later account cannot shadow bob's, whatever either is called. */
static void
test_shadow (Fixture *self, gconstpointer data)
{
  static const char *const names[][2] = { { "a", "b" }, { "b", "a" }, { "same", "same" } };
  static const char *const ids[][2] = { { "aaaaaaaa", "bbbbbbbb" }, { "bbbbbbbb", "aaaaaaaa" } };

  for (gsize i = 0; i < G_N_ELEMENTS (names) * G_N_ELEMENTS (ids); i++)
    {
      g_autoptr (DflSwitchboard) switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
      Fixture own = { .switchboard = switchboard };
      const char *const *name = names[i / 2];
      const char *const *id = ids[i % 2];

      set_kept (&own, with_user (kept (name[0], id[0], "bob", 1), "100"), NULL);
      set_accounts (&own, NULL);
      assert_owner (&own, "100", id[0]);
      set_kept (&own, with_user (kept (name[1], id[1], "alice", 2), "100"), NULL);
      assert_owner (&own, "100", id[0]);
      g_assert_cmpint (dfl_account_get_state (get (&own, id[1])), ==, DFL_ACCOUNT_STATE_FAILED);
      set_accounts (&own, dfl_sample_settings ("x"), NULL);
      assert_owner (&own, "100", id[0]);
    }
}

static gboolean
is_direct (DflAccount *account)
{
  return dfl_account_get_state (account) == DFL_ACCOUNT_STATE_DIRECT;
}

/* Whatever happens to a few accounts and user parts: one that runs owns its user part alone, keeps
 * it while it claims it, and none is left that somebody claims. */
static void
test_random_changes (Fixture *self, gconstpointer data)
{
  static const char *const users[] = { "100", "200", "300" };
  static const char *const ids[] = { "11111111", "22222222", "33333333", "44444444", "55555555" };

  set_accounts (self, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    set_kept (self, kept ("work", ids[i], "alice", i + 1), NULL);

  for (guint step = 0; step < 20000; step++)
    {
      guint which = (guint)g_test_rand_int_range (0, G_N_ELEMENTS (ids));
      DflAccountSettings *settings
          = with_user (kept ("work", ids[which], "alice", which + 1),
                       users[g_test_rand_int_range (0, G_N_ELEMENTS (users))]);
      DflAccount *owners[G_N_ELEMENTS (users)];

      settings->enabled = g_test_rand_bit ();
      settings->ring_limit = step;
      for (guint i = 0; i < G_N_ELEMENTS (users); i++)
        owners[i] = dfl_switchboard_find_direct (self->switchboard, users[i]);
      dfl_account_update (get (self, ids[which]), settings);

      for (guint i = 0; i < G_N_ELEMENTS (users); i++)
        {
          DflAccount *owner = dfl_switchboard_find_direct (self->switchboard, users[i]);
          guint n_claims = 0, n_direct = 0;

          for (guint j = 0; j < G_N_ELEMENTS (ids); j++)
            {
              DflAccount *account = get (self, ids[j]);
              const DflAccountSettings *now = dfl_account_get_settings (account);

              if (!now->enabled || g_strcmp0 (now->user, users[i]) != 0)
                continue;
              n_claims++;
              n_direct += is_direct (account) ? 1 : 0;
              g_assert_cmpint (is_direct (account), ==, account == owner);
              g_assert_true (account != owners[i] || owner == owners[i]);
            }
          g_assert_cmpuint (n_direct, ==, MIN (n_claims, 1));
          g_assert_cmpint (owner != NULL, ==, n_claims > 0);
        }
    }
  dfl_signal_log_clear (self->log);
}

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

#define ADD(path, test) g_test_add ("/accounts/" path, Fixture, NULL, set_up, test, tear_down)
  ADD ("order", test_order);
  ADD ("kinds", test_kinds);
  ADD ("taken-ids", test_taken_ids);
  ADD ("bad-kept", test_bad_kept);
  ADD ("start", test_start);
  ADD ("same-moment", test_same_moment);
  ADD ("no-claim", test_no_claim);
  ADD ("change-comes-later", test_change_comes_later);
  ADD ("shadow", test_shadow);
  ADD ("random-changes", test_random_changes);
#undef ADD

  return g_test_run ();
}
