/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/change-fixture.h"

void
dfl_change_fixture_set_up (DflChangeFixture *self, gconstpointer data)
{
  self->clock = dfl_fake_clock_new ();
  self->keeper = dfl_fake_keeper_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
  dfl_switchboard_set_keeper (self->switchboard, DFL_KEEPER (self->keeper));
  self->log = dfl_signal_log_new (self->switchboard);
}

void
dfl_change_fixture_tear_down (DflChangeFixture *self, gconstpointer data)
{
  dfl_signal_log_free (self->log);
  g_assert_finalize_object (self->switchboard);
  g_assert_finalize_object (self->keeper);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->clock), ==, 0);
  g_assert_finalize_object (self->clock);
}

void
dfl_answer_clear (DflAnswer *self)
{
  g_clear_object (&self->account);
  g_clear_error (&self->error);
  self->n_told = 0;
}

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

void
dfl_answer_on_done (DflAccount *account, const GError *error, gpointer data)
{
  static const DflAccountAuthor author = { .caller = "dave" };
  DflAnswer *self = data;

  self->n_told++;
  g_set_object (&self->account, account);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  if (self->order != NULL)
    self->turn = ++*self->order;
  if (self->asks != NULL)
    dfl_switchboard_add_account (self->asks, "more", &author, TRUE, dfl_account_change_new (),
                                 dfl_answer_on_done, self + 1);
}

void
dfl_change_fixture_add (DflChangeFixture *self,
                        const char *name,
                        const char *caller,
                        DflAnswer *answer,
                        const char *key,
                        ...)
{
  DflAccountAuthor author = { .caller = caller };
  DflAccountChange *change;
  va_list more;

  va_start (more, key);
  change = make_change (key, more);
  va_end (more);
  dfl_switchboard_add_account (self->switchboard, name, &author, TRUE, change, dfl_answer_on_done,
                               answer);
  g_assert_cmpuint (answer->n_told, ==, 0);
}

void
dfl_change_fixture_update_as (DflChangeFixture *self,
                              DflAccount *account,
                              const DflAccountAuthor *author,
                              DflAnswer *answer,
                              const char *key,
                              ...)
{
  DflAccountChange *change;
  va_list more;

  va_start (more, key);
  change = make_change (key, more);
  va_end (more);
  dfl_switchboard_update_account (self->switchboard, account, author, change, dfl_answer_on_done,
                                  answer);
  g_assert_cmpuint (answer->n_told, ==, 0);
}

void
dfl_change_fixture_remove_as (DflChangeFixture *self,
                              DflAccount *account,
                              const DflAccountAuthor *author,
                              DflAnswer *answer)
{
  dfl_switchboard_remove_account (self->switchboard, account, author, dfl_answer_on_done, answer);
  g_assert_cmpuint (answer->n_told, ==, 0);
}

void
dfl_change_fixture_remove (DflChangeFixture *self, DflAccount *account, DflAnswer *answer)
{
  DflAccountAuthor author = { .caller = dfl_account_get_settings (account)->creator };

  dfl_change_fixture_remove_as (self, account, &author, answer);
}

void
dfl_change_fixture_settle (DflChangeFixture *self)
{
  for (int i = 0; i < 3; i++)
    {
      while (g_main_context_iteration (NULL, FALSE))
        continue;
      dfl_fake_clock_advance (self->clock, 0);
    }
}

DflAccount *
dfl_change_fixture_have (DflChangeFixture *self, const char *name, const char *creator)
{
  g_auto (DflAnswer) answer = { 0 };
  g_autofree char *line = g_strconcat ("account-added ", name, " connecting", NULL);

  dfl_change_fixture_add (self, name, creator, &answer, DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_settle (self);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.n_told, ==, 1);
  g_assert_nonnull (answer.account);
  dfl_signal_log_expect (self->log, line);

  /* The switchboard keeps it. */
  return answer.account;
}
