/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts that users add, change and remove: what becomes of them, and what is refused. */

#include <string.h>

#include "core/account-private.h"
#include "core/call-ids.h"
#include "fakes/change-fixture.h"
#include "fakes/samples.h"

/* What the kernel's randomness comes to next, up to NULL; then something else each time. */
static const char *const *next_ids;

/* Core's goes here, because the chance is small. */
void
dfl_call_ids_next (DflCallIds *self, char id[static 9])
{
  static guint n_drawn;

  if (next_ids != NULL && *next_ids != NULL)
    g_strlcpy (id, *next_ids++, 9);
  else
    g_snprintf (id, 9, "%08x", n_drawn++);
}

/* --- One change --- */

static void
test_add (DflChangeFixture *self, gconstpointer data)
{
  g_auto (DflAnswer) answer = { 0 };
  const DflAccountSettings *settings;
  const char *id;

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_add (self, "work", "alice", &answer, DFL_CHANGE_ADDRESS, "password", "secret",
                          NULL);
  dfl_change_fixture_settle (self);

  /* Nothing is in force that is not safe. */
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpuint (answer.n_told, ==, 0);
  g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->keeper), ==, 1);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  dfl_signal_log_expect (self->log, "account-added work connecting");
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.n_told, ==, 1);
  g_assert_nonnull (answer.account);

  id = dfl_account_get_id (answer.account);
  settings = dfl_account_get_settings (answer.account);
  g_assert_true (dfl_switchboard_get_account (self->switchboard, id) == answer.account);
  g_assert_cmpuint (strspn (id, "0123456789abcdef"), ==, 8);
  g_assert_cmpstr (settings->id, ==, id);
  g_assert_cmpstr (settings->name, ==, "work");
  g_assert_cmpstr (settings->creator, ==, "alice");
  g_assert_cmpint (settings->created, ==, DFL_FAKE_CLOCK_WALL);
  g_assert_cmpstr (settings->users[0], ==, "alice");
  g_assert_null (settings->users[1]);
  g_assert_cmpstr (settings->password, ==, "secret");
  g_assert_true (
      dfl_account_settings_equal (settings, dfl_fake_keeper_get_kept (self->keeper, id)));
}

/* Who does not know the password must not send it elsewhere. */
static void
test_password_stays_at_its_server (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) answer = { 0 };

  dfl_change_fixture_update (self, account, "alice", &answer, "registrar", "sip.example.org",
                             "password", "secret", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");

  dfl_change_fixture_update (self, account, "alice", &answer, "registrar", "sip.example.com", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  dfl_change_fixture_update (self, account, "alice", &answer, "registrar", "-", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  g_assert_cmpstr (dfl_account_get_settings (account)->registrar, ==, "sip.example.org");

  dfl_change_fixture_update (self, account, "alice", &answer, "display-name", "Alice", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  dfl_change_fixture_update (self, account, "alice", &answer, "registrar", "sip.example.com",
                             "password", "other", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  g_assert_cmpstr (dfl_account_get_settings (account)->password, ==, "other");
}

/* Whom the daemon believes to be the server is a way to it too. */
static void
test_password_stays_on_its_way (DflChangeFixture *self, gconstpointer data)
{
  static const char *const ways[][2] = {
    { "tls-wildcard", "true" },  { "tls-ca", "PEM" }, { "tls-wildcard", "false" },
    { "tls-ca", "another PEM" }, { "tls-ca", NULL },
  };
  static const char *const others[][2] = {
    { "tls-certificate", "PEM" },
    { "tls-key", "PEM" },
    { "expires", "60" },
    { "redirect-policy", "refused" },
  };
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) answer = { 0 };

  dfl_change_fixture_update (self, account, "alice", &answer, "password", "secret", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      dfl_change_fixture_update (self, account, "alice", &answer, others[i][0], others[i][1], NULL);
      DFL_ANSWER_ASSERT_DONE (self, &answer);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      const char *value = ways[i][1] != NULL ? ways[i][1] : "-";

      dfl_change_fixture_update (self, account, "alice", &answer, ways[i][0], value, NULL);
      DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
      dfl_change_fixture_update (self, account, "alice", &answer, ways[i][0], value, "password",
                                 "secret", NULL);
      DFL_ANSWER_ASSERT_DONE (self, &answer);
    }
  dfl_signal_log_clear (self->log);
}

static void
test_update (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_autofree char *id = g_strdup (dfl_account_get_id (account));
  g_auto (DflAnswer) answer = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_update (self, account, "alice", &answer, "display-name", "Alice", "enabled",
                             "false", NULL);
  dfl_change_fixture_settle (self);
  dfl_signal_log_expect_none (self->log);
  g_assert_true (dfl_account_get_settings (account)->enabled);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  dfl_signal_log_expect (self->log, "account-changed work disabled");
  g_assert_cmpuint (answer.n_told, ==, 1);
  g_assert_no_error (answer.error);
  g_assert_true (answer.account == account);
  g_assert_cmpstr (dfl_account_get_settings (account)->display_name, ==, "Alice");
  g_assert_cmpstr (dfl_account_get_settings (account)->address, ==, "sip:work@example.org");
  g_assert_cmpstr (dfl_account_get_settings (account)->creator, ==, "alice");
  g_assert_cmpstr (dfl_account_get_id (account), ==, id);
  g_assert_true (dfl_account_settings_equal (dfl_account_get_settings (account),
                                             dfl_fake_keeper_get_kept (self->keeper, id)));
}

static void
test_remove (DflChangeFixture *self, gconstpointer data)
{
  g_autoptr (DflAccount) account = g_object_ref (dfl_change_fixture_have (self, "work", "alice"));
  g_auto (DflAnswer) answer = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_remove (self, account, &answer);
  dfl_change_fixture_settle (self);
  dfl_signal_log_expect_none (self->log);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  dfl_signal_log_expect (self->log, "account-removed work connecting");
  g_assert_cmpuint (answer.n_told, ==, 1);
  g_assert_no_error (answer.error);
  g_assert_null (answer.account);
  g_assert_null (dfl_switchboard_get_account (self->switchboard, dfl_account_get_id (account)));
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 0);

  /* What is gone cannot be changed any more. */
  dfl_answer_clear (&answer);
  dfl_change_fixture_remove (self, account, &answer);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
  dfl_change_fixture_update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
}

static void
test_not_kept (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) answer = { 0 };

  dfl_fake_keeper_set_failure (self->keeper, "the disk is full: make room");
  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_settle (self);
  g_assert_cmpstr (answer.error->message, ==, "the disk is full: make room");
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
  dfl_change_fixture_update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 120);
  dfl_change_fixture_remove (self, account, &answer);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
  dfl_signal_log_expect_none (self->log);

  /* None of it stands in the way of trying again. */
  dfl_fake_keeper_set_failure (self->keeper, NULL);
  dfl_change_fixture_have (self, "home", "alice");
}

static void
test_targets (DflChangeFixture *self, gconstpointer data)
{
  static const DflAccountAuthor alice = { .caller = "alice" };
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  DflAccountChange *change = dfl_account_change_new ();
  g_auto (DflAnswer) answer = { 0 };

  change->targets = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);
  g_ptr_array_add (change->targets, dfl_alias_new ("mobile", "Mobile", "+4915550100"));
  dfl_switchboard_update_account (self->switchboard, account, &alice, change, dfl_answer_on_done,
                                  &answer);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  g_assert_cmpuint (dfl_account_get_settings (account)->targets->len, ==, 1);

  dfl_change_fixture_update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  DFL_ANSWER_ASSERT_DONE (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work connecting");
  g_assert_cmpuint (dfl_account_get_settings (account)->targets->len, ==, 1);
}

/* No id is given twice, also not while the account that gets it is being kept. */
static void
test_ids (DflChangeFixture *self, gconstpointer data)
{
  g_autofree char *first = dfl_account_derive_id ("jim", 0);
  g_autofree char *second = dfl_account_derive_id ("jim", 1);
  const char *const ids[] = { "aaaaaaaa", "aaaaaaaa", "aaaaaaaa", first, NULL };
  g_auto (DflAnswer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  next_ids = ids;
  g_assert_cmpstr (dfl_account_get_id (dfl_change_fixture_have (self, "work", "alice")), ==,
                   "aaaaaaaa");

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
  g_ptr_array_add (settings, dfl_sample_settings ("jim"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added jim direct");
  g_assert_cmpstr (dfl_account_get_id (dfl_switchboard_find_direct (self->switchboard, "jim")), ==,
                   second);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  dfl_signal_log_expect (self->log, "account-added home connecting");
  g_assert_cmpstr (dfl_account_get_id (answer.account), ==, first);
  g_assert_null (*next_ids);
  next_ids = NULL;
}

/* --- What is refused --- */

static void
test_invalid (DflChangeFixture *self, gconstpointer data)
{
  static const char *const names[] = { "", "Work", "../work", "work\nusers=bob", "1", "w-1" };
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_auto (DflAnswer) answer = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      dfl_change_fixture_add (self, names[i], "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
      DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
    }
  dfl_change_fixture_add (self, NULL, "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  dfl_change_fixture_add (self, "home", "alice", &answer, "ring-limit", "7", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, "password-file",
                          "/etc/shadow", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  dfl_change_fixture_update (self, account, "alice", &answer, "nonsense", "1", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  dfl_change_fixture_update (self, account, "alice", &answer, "register", "false", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);

  /* Who has no name cannot own anything. */
  dfl_change_fixture_add (self, "home", NULL, &answer, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
  dfl_change_fixture_add (self, "home", "", &answer, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_FAILED);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 1);
}

/* A name is taken for who took it, and for nobody else. */
static void
test_same_name (DflChangeFixture *self, gconstpointer data)
{
  g_auto (DflAnswer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  g_ptr_array_add (settings, dfl_sample_settings ("work"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added work direct");

  dfl_change_fixture_have (self, "work", "alice");
  dfl_change_fixture_have (self, "work", "bob");
  dfl_change_fixture_have (self, "work", "root");
  dfl_change_fixture_add (self, "work", "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);

  /* Two at once are one after the other. */
  dfl_fake_keeper_set_held (self->keeper, TRUE);
  {
    g_auto (DflAnswer) first = { 0 };

    dfl_change_fixture_add (self, "home", "alice", &first, DFL_CHANGE_ADDRESS, NULL);
    dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
    dfl_fake_keeper_set_held (self->keeper, FALSE);
    DFL_ANSWER_ASSERT_DONE (self, &first);
    DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_INVALID_SETTINGS);
    dfl_signal_log_expect (self->log, "account-added home connecting");
  }
}

static void
test_settings_directory (DflChangeFixture *self, gconstpointer data)
{
  g_auto (DflAnswer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  DflAccount *account;

  g_ptr_array_add (settings, dfl_sample_settings ("alice"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  account = dfl_switchboard_find_direct (self->switchboard, "alice");

  dfl_change_fixture_update (self, account, "root", &answer, "ring-limit", "7", NULL);
  dfl_change_fixture_settle (self);
  g_assert_nonnull (strstr (answer.error->message, "accounts.d/alice.conf"));
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  dfl_change_fixture_remove (self, account, &answer);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 120);
}

static void
test_no_keeper (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GError) error = NULL;
  g_auto (DflAnswer) answer = { 0 };

  dfl_switchboard_set_keeper (self->switchboard, NULL);
  dfl_change_fixture_add (self, "home", "alice", &answer, DFL_CHANGE_ADDRESS, NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  dfl_change_fixture_update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  dfl_change_fixture_remove (self, account, &answer);
  DFL_ANSWER_ASSERT_FAILED (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  g_assert_null (
      dfl_switchboard_draft_account (self->switchboard, account, NULL, NULL, TRUE, change, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED);
}

/* --- Whose it is --- */

static void
test_owner (DflChangeFixture *self, gconstpointer data)
{
  static const struct
  {
    const char *creator;
    gboolean owns;
    const char *users; /* of the change */
    const char *expected;
  } cases[] = {
    { "alice", TRUE, NULL, "alice" }, { "alice", TRUE, "bob", "bob" },
    { "alice", TRUE, "*", "*" },      { "alice", TRUE, "-", "alice" },
    { "alice", FALSE, NULL, "" },     { "alice", FALSE, "bob", "bob" },
    { "root", TRUE, NULL, "" },       { "root", TRUE, "alice", "alice" },
    { "root", TRUE, "-", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (DflAccountChange) change = dfl_account_change_new ();
      g_autoptr (DflAccountSettings) drafted = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *users = NULL;

      dfl_account_change_set (change, "address", "sip:work@example.org");
      if (cases[i].users != NULL)
        dfl_account_change_set (change, "users",
                                g_str_equal (cases[i].users, "-") ? NULL : cases[i].users);
      drafted = dfl_switchboard_draft_account (self->switchboard, NULL, "work", cases[i].creator,
                                               cases[i].owns, change, &error);
      g_assert_no_error (error);
      users = g_strjoinv (";", drafted->users);
      g_assert_cmpstr (users, ==, cases[i].expected);
      g_assert_cmpstr (drafted->creator, ==, cases[i].creator);
      g_assert_null (drafted->id);
    }

  /* A draft does nothing. */
  dfl_change_fixture_settle (self);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 0);
  dfl_signal_log_expect_none (self->log);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, test)                                                                            \
  g_test_add ("/account-changes/" path, DflChangeFixture, NULL, dfl_change_fixture_set_up, test,   \
              dfl_change_fixture_tear_down)
  ADD ("add", test_add);
  ADD ("update", test_update);
  ADD ("password-stays", test_password_stays_at_its_server);
  ADD ("password-stays-on-its-way", test_password_stays_on_its_way);
  ADD ("remove", test_remove);
  ADD ("not-kept", test_not_kept);
  ADD ("targets", test_targets);
  ADD ("ids", test_ids);
  ADD ("invalid", test_invalid);
  ADD ("same-name", test_same_name);
  ADD ("settings-directory", test_settings_directory);
  ADD ("no-keeper", test_no_keeper);
  ADD ("owner", test_owner);
#undef ADD

  return g_test_run ();
}
