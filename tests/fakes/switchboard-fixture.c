/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/switchboard-fixture.h"

#include "fakes/samples.h"

void
dfl_switchboard_fixture_set_up (DflSwitchboardFixture *self, gconstpointer data)
{
  self->clock = dfl_fake_clock_new ();
  self->line = dfl_fake_line_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100);
  self->log = dfl_signal_log_new (self->switchboard);
}

void
dfl_switchboard_fixture_tear_down (DflSwitchboardFixture *self, gconstpointer data)
{
  dfl_signal_log_free (self->log);
  g_assert_finalize_object (self->switchboard);
  g_assert_finalize_object (self->line);
  g_assert_finalize_object (self->clock);
}

void
dfl_switchboard_fixture_set_accounts (DflSwitchboardFixture *self, DflAccountSettings *first, ...)
{
  GPtrArray *settings = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  va_list more;

  va_start (more, first);
  for (DflAccountSettings *item = first; item != NULL; item = va_arg (more, DflAccountSettings *))
    g_ptr_array_add (settings, item);
  va_end (more);

  dfl_switchboard_set_accounts (self->switchboard, settings);
}

DflAccount *
dfl_switchboard_fixture_add_alice (DflSwitchboardFixture *self)
{
  dfl_switchboard_fixture_set_accounts (self, dfl_sample_settings ("alice"), NULL);
  dfl_signal_log_expect (self->log, "account-added alice direct");

  return dfl_switchboard_find_direct (self->switchboard, "alice");
}

DflCall *
dfl_switchboard_fixture_offer (DflSwitchboardFixture *self,
                               DflAccount *account,
                               const char *call_id,
                               DflLeg **leg,
                               GError **error)
{
  DflLeg *own = dfl_fake_line_add_leg (self->line);

  if (leg != NULL)
    *leg = own;

  return dfl_switchboard_offer (self->switchboard, account,
                                dfl_sample_offer (DFL_CLOCK (self->clock), call_id),
                                DFL_LINE (self->line), own, error);
}

DflCall *
dfl_switchboard_fixture_must_offer (DflSwitchboardFixture *self,
                                    DflAccount *account,
                                    const char *call_id)
{
  g_autoptr (GError) error = NULL;
  DflCall *call = dfl_switchboard_fixture_offer (self, account, call_id, NULL, &error);

  g_assert_no_error (error);
  dfl_signal_log_expect (self->log, "call-added offered none");

  return call;
}
