/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts that users add, change and remove: what is allowed, in which order, and what is told. */

#include <string.h>

#include "core/account-private.h"
#include "core/call-ids.h"
#include "core/error.h"
#include "core/switchboard.h"
#include "fakes/fake-clock.h"
#include "fakes/fake-keeper.h"
#include "fakes/fake-line.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"
#include "fakes/signal-log.h"

typedef struct
{
  DflFakeClock *clock;
  DflFakeKeeper *keeper;
  DflSwitchboard *switchboard;
  DflSignalLog *log;
} Fixture;

/* What one who asked was told. */
typedef struct
{
  guint n_told;
  DflAccount *account;
  GError *error;
  DflSwitchboard *asks; /* who is told adds an account there, or NULL */
  guint *order;         /* counts, if set */
  guint turn;
} Answer;

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

static void
set_up (Fixture *self, gconstpointer data)
{
  self->clock = dfl_fake_clock_new ();
  self->keeper = dfl_fake_keeper_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
  dfl_switchboard_set_keeper (self->switchboard, DFL_KEEPER (self->keeper));
  self->log = dfl_signal_log_new (self->switchboard);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  dfl_signal_log_free (self->log);
  g_assert_finalize_object (self->switchboard);
  g_assert_finalize_object (self->keeper);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
  g_assert_finalize_object (self->clock);
}

/* --- Asking --- */

static void
answer_clear (Answer *self)
{
  g_clear_object (&self->account);
  g_clear_error (&self->error);
  self->n_told = 0;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

/* Key and value in turns, up to NULL; "-" stands for no value. */
static DflAccountChange *
make_change (const char *key, va_list more)
{
  DflAccountChange *change = dfl_account_change_new ();

  for (; key != NULL; key = va_arg (more, const char *))
    {
      const char *value = va_arg (more, const char *);

      dfl_account_change_set (change, key, g_str_equal (value, "-") ? NULL : value);
    }

  return change;
}

static void
on_done (DflAccount *account, const GError *error, gpointer data)
{
  static const DflAccountAuthor author = { "dave", FALSE };
  Answer *self = data;

  self->n_told++;
  g_set_object (&self->account, account);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  if (self->order != NULL)
    self->turn = ++*self->order;
  if (self->asks != NULL)
    dfl_switchboard_add_account (self->asks, "more", &author, TRUE, dfl_account_change_new (),
                                 on_done, self + 1);
}

static void
add (Fixture *self, const char *name, const char *caller, Answer *answer, const char *key, ...)
{
  DflAccountAuthor author = { .caller = caller };
  DflAccountChange *change;
  va_list more;

  va_start (more, key);
  change = make_change (key, more);
  va_end (more);
  dfl_switchboard_add_account (self->switchboard, name, &author, TRUE, change, on_done, answer);
  g_assert_cmpuint (answer->n_told, ==, 0);
}

static void
update_as (Fixture *self,
           DflAccount *account,
           const DflAccountAuthor *author,
           Answer *answer,
           const char *key,
           ...)
{
  DflAccountChange *change;
  va_list more;

  va_start (more, key);
  change = make_change (key, more);
  va_end (more);
  dfl_switchboard_update_account (self->switchboard, account, author, change, on_done, answer);
  g_assert_cmpuint (answer->n_told, ==, 0);
}

#define update(self, account, name, answer, ...)                                                   \
  update_as (self, account, &(DflAccountAuthor){ .caller = name }, answer, __VA_ARGS__)

static void
remove_account (Fixture *self, DflAccount *account, Answer *answer)
{
  dfl_switchboard_remove_account (self->switchboard, account, on_done, answer);
  g_assert_cmpuint (answer->n_told, ==, 0);
}

/* Lets everything happen that waits for nothing but its turn. */
static void
settle (Fixture *self)
{
  for (int i = 0; i < 3; i++)
    {
      while (g_main_context_iteration (NULL, FALSE))
        continue;
      dfl_fake_clock_advance (self->clock, 0);
    }
}

#define ADDRESS "address", "sip:work@example.org"

/* An account of somebody's that is there. */
static DflAccount *
have (Fixture *self, const char *name, const char *creator)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *line = g_strconcat ("account-added ", name, " failed", NULL);

  add (self, name, creator, &answer, ADDRESS, NULL);
  settle (self);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.n_told, ==, 1);
  g_assert_nonnull (answer.account);
  dfl_signal_log_expect (self->log, line);

  /* The switchboard keeps it. */
  return answer.account;
}

#define assert_failed(self, answer, code)                                                          \
  G_STMT_START                                                                                     \
  {                                                                                                \
    settle (self);                                                                                 \
    g_assert_cmpuint ((answer)->n_told, ==, 1);                                                    \
    g_assert_error ((answer)->error, DFL_ERROR, (int)(code));                                      \
    g_assert_null ((answer)->account);                                                             \
    answer_clear (answer);                                                                         \
  }                                                                                                \
  G_STMT_END

#define assert_done(self, answer)                                                                  \
  G_STMT_START                                                                                     \
  {                                                                                                \
    settle (self);                                                                                 \
    g_assert_no_error ((answer)->error);                                                           \
    g_assert_cmpuint ((answer)->n_told, ==, 1);                                                    \
    answer_clear (answer);                                                                         \
  }                                                                                                \
  G_STMT_END

/* --- One change --- */

static void
test_add (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  const DflAccountSettings *settings;
  const char *id;

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  add (self, "work", "alice", &answer, ADDRESS, "password", "secret", NULL);
  settle (self);

  /* Nothing is in force that is not safe. */
  dfl_signal_log_expect_none (self->log);
  g_assert_cmpuint (answer.n_told, ==, 0);
  g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->keeper), ==, 1);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  settle (self);
  dfl_signal_log_expect (self->log, "account-added work failed");
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

static void
test_update (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_autofree char *id = g_strdup (dfl_account_get_id (account));
  g_auto (Answer) answer = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  update (self, account, "alice", &answer, "display-name", "Alice", "enabled", "false", NULL);
  settle (self);
  dfl_signal_log_expect_none (self->log);
  g_assert_true (dfl_account_get_settings (account)->enabled);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  settle (self);
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
test_remove (Fixture *self, gconstpointer data)
{
  g_autoptr (DflAccount) account = g_object_ref (have (self, "work", "alice"));
  g_auto (Answer) answer = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  remove_account (self, account, &answer);
  settle (self);
  dfl_signal_log_expect_none (self->log);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  settle (self);
  dfl_signal_log_expect (self->log, "account-removed work failed");
  g_assert_cmpuint (answer.n_told, ==, 1);
  g_assert_no_error (answer.error);
  g_assert_null (answer.account);
  g_assert_null (dfl_switchboard_get_account (self->switchboard, dfl_account_get_id (account)));
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 0);

  /* What is gone cannot be changed any more. */
  answer_clear (&answer);
  remove_account (self, account, &answer);
  assert_failed (self, &answer, DFL_ERROR_FAILED);
  update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  assert_failed (self, &answer, DFL_ERROR_FAILED);
}

static void
test_not_kept (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_auto (Answer) answer = { 0 };

  dfl_fake_keeper_set_failure (self->keeper, "the disk is full: make room");
  add (self, "home", "alice", &answer, ADDRESS, NULL);
  settle (self);
  g_assert_cmpstr (answer.error->message, ==, "the disk is full: make room");
  assert_failed (self, &answer, DFL_ERROR_FAILED);
  update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  assert_failed (self, &answer, DFL_ERROR_FAILED);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 120);
  remove_account (self, account, &answer);
  assert_failed (self, &answer, DFL_ERROR_FAILED);
  dfl_signal_log_expect_none (self->log);

  /* None of it stands in the way of trying again. */
  dfl_fake_keeper_set_failure (self->keeper, NULL);
  have (self, "home", "alice");
}

static void
test_targets (Fixture *self, gconstpointer data)
{
  static const DflAccountAuthor alice = { .caller = "alice" };
  DflAccount *account = have (self, "work", "alice");
  DflAccountChange *change = dfl_account_change_new ();
  g_auto (Answer) answer = { 0 };

  change->targets = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);
  g_ptr_array_add (change->targets, dfl_alias_new ("mobile", "Mobile", "+4915550100"));
  dfl_switchboard_update_account (self->switchboard, account, &alice, change, on_done, &answer);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work failed");
  g_assert_cmpuint (dfl_account_get_settings (account)->targets->len, ==, 1);

  update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work failed");
  g_assert_cmpuint (dfl_account_get_settings (account)->targets->len, ==, 1);
}

/* No id is given twice, also not while the account that gets it is being kept. */
static void
test_ids (Fixture *self, gconstpointer data)
{
  g_autofree char *first = dfl_account_derive_id ("jim", 0);
  g_autofree char *second = dfl_account_derive_id ("jim", 1);
  const char *const ids[] = { "aaaaaaaa", "aaaaaaaa", "aaaaaaaa", first, NULL };
  g_auto (Answer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  next_ids = ids;
  g_assert_cmpstr (dfl_account_get_id (have (self, "work", "alice")), ==, "aaaaaaaa");

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  add (self, "home", "alice", &answer, ADDRESS, NULL);
  g_ptr_array_add (settings, dfl_sample_settings ("jim"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added jim direct");
  g_assert_cmpstr (dfl_account_get_id (dfl_switchboard_find_direct (self->switchboard, "jim")), ==,
                   second);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  settle (self);
  dfl_signal_log_expect (self->log, "account-added home failed");
  g_assert_cmpstr (dfl_account_get_id (answer.account), ==, first);
  g_assert_null (*next_ids);
  next_ids = NULL;
}

/* --- What is refused --- */

static void
test_invalid (Fixture *self, gconstpointer data)
{
  static const char *const names[] = { "", "Work", "../work", "work\nusers=bob", "1", "w-1" };
  DflAccount *account = have (self, "work", "alice");
  g_auto (Answer) answer = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      add (self, names[i], "alice", &answer, ADDRESS, NULL);
      assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);
    }
  add (self, NULL, "alice", &answer, ADDRESS, NULL);
  assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  add (self, "home", "alice", &answer, NULL);
  assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  add (self, "home", "alice", &answer, ADDRESS, "password-file", "/etc/shadow", NULL);
  assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  update (self, account, "alice", &answer, "nonsense", "1", NULL);
  assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);
  update (self, account, "alice", &answer, "register", "false", NULL);
  assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);

  /* Who has no name cannot own anything. */
  add (self, "home", NULL, &answer, ADDRESS, NULL);
  assert_failed (self, &answer, DFL_ERROR_FAILED);
  add (self, "home", "", &answer, ADDRESS, NULL);
  assert_failed (self, &answer, DFL_ERROR_FAILED);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 1);
}

/* A name is taken for who took it, and for nobody else. */
static void
test_same_name (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  g_ptr_array_add (settings, dfl_sample_settings ("work"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added work direct");

  have (self, "work", "alice");
  have (self, "work", "bob");
  have (self, "work", "root");
  add (self, "work", "alice", &answer, ADDRESS, NULL);
  assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);

  /* Two at once are one after the other. */
  dfl_fake_keeper_set_held (self->keeper, TRUE);
  {
    g_auto (Answer) first = { 0 };

    add (self, "home", "alice", &first, ADDRESS, NULL);
    add (self, "home", "alice", &answer, ADDRESS, NULL);
    dfl_fake_keeper_set_held (self->keeper, FALSE);
    assert_done (self, &first);
    assert_failed (self, &answer, DFL_ERROR_INVALID_SETTINGS);
    dfl_signal_log_expect (self->log, "account-added home failed");
  }
}

static void
test_settings_directory (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  DflAccount *account;

  g_ptr_array_add (settings, dfl_sample_settings ("alice"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added alice direct");
  account = dfl_switchboard_find_direct (self->switchboard, "alice");

  update (self, account, "root", &answer, "ring-limit", "7", NULL);
  settle (self);
  g_assert_nonnull (strstr (answer.error->message, "accounts.d/alice.conf"));
  assert_failed (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  remove_account (self, account, &answer);
  assert_failed (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 120);
}

static void
test_no_keeper (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Answer) answer = { 0 };

  dfl_switchboard_set_keeper (self->switchboard, NULL);
  add (self, "home", "alice", &answer, ADDRESS, NULL);
  assert_failed (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  update (self, account, "alice", &answer, "ring-limit", "7", NULL);
  assert_failed (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  remove_account (self, account, &answer);
  assert_failed (self, &answer, DFL_ERROR_NOT_SUPPORTED);
  g_assert_null (
      dfl_switchboard_draft_account (self->switchboard, account, NULL, NULL, TRUE, change, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED);
}

/* --- Permission --- */

static void
test_permission (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_auto (Answer) answer = { 0 };

  add (self, "home", "alice", &answer, ADDRESS, "users", "bob", NULL);
  assert_failed (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  add (self, "home", "alice", &answer, ADDRESS, "register", "false", "accept-from", "192.0.2.1",
       NULL);
  assert_failed (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  add (self, "home", "alice", &answer, ADDRESS, "registrar", "127.0.0.1:5060", NULL);
  assert_failed (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  update (self, account, "alice", &answer, "users", "alice;bob", NULL);
  assert_failed (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  update (self, account, "alice", &answer, "tls-verify", "false", NULL);
  assert_failed (self, &answer, DFL_ERROR_NOT_AUTHORIZED);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 1);
  dfl_signal_log_expect_none (self->log);

  update_as (self, account, &(DflAccountAuthor){ "alice", TRUE }, &answer, "users", "alice;bob",
             NULL);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work failed");
  update (self, account, "root", &answer, "tls-verify", "false", NULL);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work failed");
}

/* What was the caller's own when it was allowed may be somebody else's when it is its turn. */
static void
test_permission_at_its_turn (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_auto (Answer) given_away = { 0 }, late = { 0 }, allowed = { 0 };

  update (self, account, "root", &given_away, "users", "bob", NULL);
  update (self, account, "alice", &late, "registrar", "sip.evil.example", NULL);
  update_as (self, account, &(DflAccountAuthor){ "alice", TRUE }, &allowed, "ring-limit", "7",
             NULL);
  assert_done (self, &given_away);
  assert_failed (self, &late, DFL_ERROR_FAILED);
  assert_done (self, &allowed);
  dfl_signal_log_expect (self->log, "account-changed work failed");
  dfl_signal_log_expect (self->log, "account-changed work failed");
  g_assert_cmpstr (dfl_account_get_settings (account)->registrar, ==, "");
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 7);

  /* A step needs an administrator by what it is a step from. */
  update (self, account, "root", &given_away, "accept-from", "192.0.2.1", NULL);
  update (self, account, "bob", &late, "accept-from", "-", NULL);
  assert_done (self, &given_away);
  assert_failed (self, &late, DFL_ERROR_NOT_AUTHORIZED);
  dfl_signal_log_expect (self->log, "account-changed work failed");

  /* It stays one's own while one is among its users. */
  update (self, account, "root", &given_away, "users", "carol;bob", NULL);
  update (self, account, "bob", &late, "ring-limit", "8", NULL);
  assert_done (self, &given_away);
  assert_done (self, &late);
  dfl_signal_log_expect (self->log, "account-changed work failed");
  dfl_signal_log_expect (self->log, "account-changed work failed");
}

static void
test_owner (Fixture *self, gconstpointer data)
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
  settle (self);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->keeper), ==, 0);
  dfl_signal_log_expect_none (self->log);
}

/* --- Limits --- */

static void
test_limit_of_accounts (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  DflAccount *account = NULL;

  for (guint i = 0; i < 32; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      account = have (self, name, "alice");
    }
  add (self, "last", "alice", &answer, ADDRESS, NULL);
  assert_failed (self, &answer, DFL_ERROR_LIMIT_EXCEEDED);
  update (self, account, "alice", &answer, "enabled", "false", NULL);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed a31 disabled");
  have (self, "last", "bob");

  remove_account (self, account, &answer);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-removed a31 disabled");
  have (self, "last", "alice");

  for (guint i = 0; i < 33; i++)
    {
      g_autofree char *name = g_strdup_printf ("r%u", i);

      have (self, name, "root");
    }
}

static void
test_limit_of_one (Fixture *self, gconstpointer data)
{
  Answer answers[10] = { 0 };
  g_auto (Answer) other = { 0 };
  guint n_done = 0;

  /* One is being kept, eight wait, one is too many. */
  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      add (self, name, "alice", &answers[i], ADDRESS, NULL);
    }
  add (self, "work", "bob", &other, ADDRESS, NULL);
  settle (self);
  g_assert_error (answers[9].error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED);
  g_assert_cmpuint (other.n_told, ==, 0);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  assert_done (self, &other);
  dfl_signal_log_clear (self->log);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      n_done += answers[i].account != NULL ? 1 : 0;
      g_assert_cmpuint (answers[i].n_told, ==, 1);
      answer_clear (&answers[i]);
    }
  g_assert_cmpuint (n_done, ==, 9);
}

static void
test_limit_of_all (Fixture *self, gconstpointer data)
{
  Answer answers[66] = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *creator = g_strdup_printf ("user%u", i);

      add (self, "work", creator, &answers[i], ADDRESS, NULL);
    }
  settle (self);
  g_assert_cmpuint (answers[64].n_told, ==, 0);
  g_assert_error (answers[65].error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  settle (self);
  dfl_signal_log_clear (self->log);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_cmpint (answers[i].account != NULL, ==, i < 65);
      g_assert_cmpuint (answers[i].n_told, ==, 1);
      answer_clear (&answers[i]);
    }
}

static void
test_limit_of_removals (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  Answer answers[10] = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    remove_account (self, account, &answers[i]);
  settle (self);
  g_assert_error (answers[9].error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED);
  answer_clear (&answers[9]);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  assert_done (self, &answers[0]);
  dfl_signal_log_expect (self->log, "account-removed work failed");
  for (guint i = 1; i < 9; i++)
    assert_failed (self, &answers[i], DFL_ERROR_FAILED);
}

/* --- Order --- */

static void
test_order (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  guint order = 0;
  Answer answers[4] = {
    { .order = &order }, { .order = &order }, { .order = &order }, { .order = &order }
  };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  update (self, account, "alice", &answers[0], "ring-limit", "1", NULL);
  update (self, account, "alice", &answers[1], "display-name", "Alice", NULL);
  add (self, "home", "bob", &answers[2], ADDRESS, NULL);
  remove_account (self, account, &answers[3]);

  /* The keeper has one at a time. */
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      settle (self);
      g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->keeper), ==, 1);
      g_assert_cmpuint (order, ==, i);
      g_assert_true (dfl_fake_keeper_release (self->keeper));
    }
  settle (self);
  g_assert_false (dfl_fake_keeper_release (self->keeper));

  /* Each began with what the one before had left. */
  dfl_signal_log_expect (self->log, "account-changed work failed");
  dfl_signal_log_expect (self->log, "account-changed work failed");
  dfl_signal_log_expect (self->log, "account-added home failed");
  dfl_signal_log_expect (self->log, "account-removed work failed");
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_cmpuint (answers[i].turn, ==, i + 1);
      g_assert_no_error (answers[i].error);
      answer_clear (&answers[i]);
    }
}

static void
test_each_from_the_last (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_auto (Answer) first = { 0 }, second = { 0 };

  update (self, account, "alice", &first, "ring-limit", "7", NULL);
  update (self, account, "alice", &second, "display-name", "Alice", NULL);
  assert_done (self, &first);
  assert_done (self, &second);
  dfl_signal_log_clear (self->log);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 7);
  g_assert_cmpstr (dfl_account_get_settings (account)->display_name, ==, "Alice");
}

/* A wall clock that goes back makes nobody the first. */
static void
test_created_grows (Fixture *self, gconstpointer data)
{
  gint64 later = DFL_FAKE_CLOCK_WALL + 1000;
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  g_ptr_array_add (settings, dfl_sample_kept_settings ("old", "0badcafe", "bob", later));
  dfl_switchboard_set_kept_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added old direct");
  g_assert_cmpint (dfl_account_get_settings (have (self, "work", "alice"))->created, ==, later + 1);
  g_assert_cmpint (dfl_account_get_settings (have (self, "home", "alice"))->created, ==, later + 2);
}

/* Who is told may ask for more. */
static void
test_ask_when_told (Fixture *self, gconstpointer data)
{
  Answer answers[2] = { { .asks = self->switchboard } };
  DflAccount *account = have (self, "work", "alice");

  add (self, "work", "alice", &answers[0], ADDRESS, NULL);
  settle (self);
  g_assert_error (answers[0].error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  g_assert_error (answers[1].error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  answer_clear (&answers[0]);
  answer_clear (&answers[1]);

  update (self, account, "alice", &answers[0], "ring-limit", "7", NULL);
  settle (self);
  g_assert_no_error (answers[0].error);
  g_assert_error (answers[1].error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
  answer_clear (&answers[0]);
  answer_clear (&answers[1]);
  dfl_signal_log_expect (self->log, "account-changed work failed");
}

/* --- Beside the rest --- */

/* Offered calls stay as they are. */
static void
test_calls_stay (Fixture *self, gconstpointer data)
{
  g_autoptr (DflFakeLine) line = dfl_fake_line_new ();
  g_auto (Answer) answer = { 0 };
  DflAccount *account;
  DflCall *call;

  add (self, "work", "root", &answer, ADDRESS, "register", "false", "accept-from", "192.0.2.1",
       NULL);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-added work direct");
  account = dfl_switchboard_find_direct (self->switchboard, "work");
  call = dfl_switchboard_offer (self->switchboard, account,
                                dfl_sample_offer (DFL_CLOCK (self->clock), "call"), DFL_LINE (line),
                                dfl_fake_line_add_leg (line), NULL);
  dfl_signal_log_expect (self->log, "call-added offered none");

  update (self, account, "root", &answer, "address", "sip:work@elsewhere.example", NULL);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-changed work direct");
  remove_account (self, account, &answer);
  assert_done (self, &answer);
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
test_reload_meanwhile (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  add (self, "work", "root", &answer, "address", "sip:100@example.org", "register", "false",
       "accept-from", "192.0.2.1", NULL);
  g_ptr_array_add (settings, dfl_sample_settings ("100"));
  dfl_switchboard_set_accounts (self->switchboard, settings);
  dfl_signal_log_expect (self->log, "account-added 100 direct");

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  assert_done (self, &answer);
  dfl_signal_log_expect (self->log, "account-added work failed");
  g_assert_cmpstr (dfl_account_get_settings (dfl_switchboard_find_direct (self->switchboard, "100"))
                       ->name,
                   ==, "100");
}

/* --- The end --- */

/* What is being kept is kept, what waits is refused, and only then all is over. */
static void
test_shut_down (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_auto (Answer) current = { 0 }, waiting = { 0 }, late = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  update (self, account, "alice", &current, "ring-limit", "7", NULL);
  update (self, account, "alice", &waiting, "ring-limit", "8", NULL);
  dfl_switchboard_shut_down (self->switchboard);
  g_assert_cmpuint (waiting.n_told, ==, 0);
  add (self, "home", "bob", &late, ADDRESS, NULL);
  assert_failed (self, &waiting, DFL_ERROR_FAILED);
  assert_failed (self, &late, DFL_ERROR_FAILED);
  g_assert_cmpuint (current.n_told, ==, 0);
  dfl_signal_log_expect_none (self->log);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  assert_done (self, &current);
  dfl_signal_log_expect (self->log, "account-changed work failed");
  dfl_signal_log_expect (self->log, "drained");
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 7);

  /* Once is enough. */
  add (self, "home", "bob", &late, ADDRESS, NULL);
  assert_failed (self, &late, DFL_ERROR_FAILED);
  dfl_signal_log_expect_none (self->log);
}

static void
test_give_up (Fixture *self, gconstpointer data)
{
  DflAccount *account = have (self, "work", "alice");
  g_auto (Answer) current = { 0 }, waiting = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  update (self, account, "alice", &current, "ring-limit", "7", NULL);
  update (self, account, "alice", &waiting, "ring-limit", "8", NULL);
  dfl_switchboard_shut_down (self->switchboard);
  dfl_switchboard_give_up (self->switchboard);
  g_assert_cmpuint (current.n_told, ==, 1);
  g_assert_cmpuint (waiting.n_told, ==, 1);
  settle (self);
  dfl_signal_log_expect (self->log, "drained");

  /* The keeper's word comes too late. */
  dfl_fake_keeper_set_held (self->keeper, FALSE);
  assert_failed (self, &current, DFL_ERROR_FAILED);
  assert_failed (self, &waiting, DFL_ERROR_FAILED);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 120);
}

static void
on_done_give_up (DflAccount *account, const GError *error, gpointer data)
{
  dfl_switchboard_give_up (DFL_SWITCHBOARD (data));
}

/* Whoever is told may end the waiting of the others. */
static void
test_give_up_when_told (Fixture *self, gconstpointer data)
{
  static const DflAccountAuthor alice = { .caller = "alice" };
  g_auto (Answer) refused = { 0 }, again = { 0 };

  dfl_switchboard_add_account (self->switchboard, "A", &alice, TRUE, dfl_account_change_new (),
                               on_done_give_up, self->switchboard);
  add (self, "B", "alice", &refused, ADDRESS, NULL);
  add (self, "C", "alice", &again, ADDRESS, NULL);
  assert_failed (self, &refused, DFL_ERROR_INVALID_SETTINGS);
  assert_failed (self, &again, DFL_ERROR_INVALID_SETTINGS);
}

/* The switchboard goes while a change is being kept and others wait. */
static void
test_dispose (gconstpointer data)
{
  gboolean keeper_first = GPOINTER_TO_INT (data);
  g_autoptr (DflAccount) unknown = dfl_account_new (dfl_sample_settings ("x"));
  Fixture self = { 0 };
  Answer answers[4] = { 0 };
  guint n_kept;

  set_up (&self, NULL);
  dfl_fake_keeper_set_held (self.keeper, TRUE);
  add (&self, "work", "alice", &answers[0], ADDRESS, NULL);
  add (&self, "home", "alice", &answers[1], ADDRESS, NULL);
  dfl_switchboard_remove_account (self.switchboard, unknown, on_done, &answers[2]);
  add (&self, "", "bob", &answers[3], ADDRESS, NULL);
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
      answer_clear (&answers[i]);
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
      Fixture self = { .clock = clock, .keeper = keeper, .switchboard = switchboard };
      DflAccountChange *change = dfl_account_change_new ();
      g_auto (Answer) other = { 0 };

      dfl_switchboard_set_keeper (switchboard, DFL_KEEPER (keeper));
      dfl_account_change_set (change, "address", "sip:work@example.org");
      dfl_switchboard_add_account (switchboard, names[i], &alice, TRUE, change, on_done_unref,
                                   &switchboard);
      add (&self, "home", "alice", &other, ADDRESS, NULL);
      settle (&self);
      g_assert_null (switchboard);
      g_assert_cmpuint (other.n_told, ==, 1);
    }
}

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

#define ADD(path, test)                                                                            \
  g_test_add ("/account-changes/" path, Fixture, NULL, set_up, test, tear_down)
  ADD ("add", test_add);
  ADD ("update", test_update);
  ADD ("remove", test_remove);
  ADD ("not-kept", test_not_kept);
  ADD ("targets", test_targets);
  ADD ("ids", test_ids);
  ADD ("invalid", test_invalid);
  ADD ("same-name", test_same_name);
  ADD ("settings-directory", test_settings_directory);
  ADD ("no-keeper", test_no_keeper);
  ADD ("permission/now", test_permission);
  ADD ("permission/at-its-turn", test_permission_at_its_turn);
  ADD ("owner", test_owner);
  ADD ("limit/accounts", test_limit_of_accounts);
  ADD ("limit/of-one", test_limit_of_one);
  ADD ("limit/of-all", test_limit_of_all);
  ADD ("limit/removals", test_limit_of_removals);
  ADD ("order", test_order);
  ADD ("each-from-the-last", test_each_from_the_last);
  ADD ("created-grows", test_created_grows);
  ADD ("ask-when-told", test_ask_when_told);
  ADD ("calls-stay", test_calls_stay);
  ADD ("reload-meanwhile", test_reload_meanwhile);
  ADD ("shut-down", test_shut_down);
  ADD ("give-up/held", test_give_up);
  ADD ("give-up/when-told", test_give_up_when_told);
#undef ADD
  g_test_add_data_func ("/account-changes/dispose/switchboard-first", GINT_TO_POINTER (FALSE),
                        test_dispose);
  g_test_add_data_func ("/account-changes/dispose/keeper-first", GINT_TO_POINTER (TRUE),
                        test_dispose);
  g_test_add_func ("/account-changes/unref-when-told", test_unref_when_told);

  return g_test_run ();
}
