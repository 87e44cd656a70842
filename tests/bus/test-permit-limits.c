/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* How many questions and dialogs may be open, and for how long. */

#include "bus/deciders.h"

#include <pwd.h>

static void
test_four_of_a_user (Deciders *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) second = test_bus_connect_as (self->base.bus, STRANGER);
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (Pending) fifth = NULL;
  g_autoptr (Pending) later = NULL;

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
  dfl_fake_authority_hold (self->base.authority);
  for (guint i = 0; i < 4; i++)
    g_ptr_array_add (held, deciders_start (self, i % 2 == 0 ? self->stranger : second, PLAIN));
  deciders_wait_asked (self, 4);
  fifth = deciders_start (self, second, PLAIN);
  pending_expect_error (fifth, LIMIT_EXCEEDED, "*wait for an answer*");
  /* A dry run is such a question too. */
  fixture_do (&self->base, second, self->path, "Call.CheckRedirect", redirect_to ("sip:bob@b"),
              "(false, [], 'org.deflectd1.Error.LimitExceeded: Too many authorizations are under "
              "way; wait for an answer and try again')");
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 4);

  g_ptr_array_add (held, deciders_start (self, self->neighbour, PLAIN));
  deciders_wait_asked (self, 5);
  dfl_fake_authority_release (self->base.authority);
  for (guint i = 0; i < held->len; i++)
    pending_expect_error (g_ptr_array_index (held, i), NOT_AUTHORIZED, "*");
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_REFUSED);
  later = deciders_start (self, second, PLAIN);
  pending_expect_done (later);
}

/* Sixteen users that there are everywhere; the bus wants to know who they are. */
static GPtrArray *
connect_sixteen (TestBus *bus)
{
  GPtrArray *connections = g_ptr_array_new_with_free_func (g_object_unref);
  struct passwd *entry;

  setpwent ();
  while (connections->len < 16 && (entry = getpwent ()) != NULL)
    {
      if (entry->pw_uid != 0 && entry->pw_uid != STRANGER)
        g_ptr_array_add (connections, test_bus_connect_as (bus, entry->pw_uid));
    }
  endpwent ();
  g_assert_cmpuint (connections->len, ==, 16);
  return connections;
}

static void
test_sixty_four (Deciders *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (GPtrArray) connections = connect_sixteen (self->base.bus);
  g_autoptr (Pending) refused = NULL;

  fixture_set_users (&self->base, "*", NULL);
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
  dfl_fake_authority_hold (self->base.authority);
  for (guint i = 0; i < 64; i++)
    g_ptr_array_add (held, deciders_start (self, g_ptr_array_index (connections, i / 4), PLAIN));
  deciders_wait_asked (self, 64);
  refused = deciders_start (self, self->stranger, PLAIN);
  pending_expect_error (refused, LIMIT_EXCEEDED, "*wait for an answer*");
  fixture_do (&self->base, self->base.client, self->path, "Call.Silence", NULL, "()");
  dfl_fake_authority_release (self->base.authority);
  for (guint i = 0; i < held->len; i++)
    pending_expect_error (g_ptr_array_index (held, i), NOT_AUTHORIZED, "*");
}

/* The stranger asks four times, each time from a connection that leaves. */
static void
ask_and_leave (Deciders *self)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GDBusConnection) one = test_bus_connect_as (self->base.bus, STRANGER);
      g_autoptr (Pending) pending = deciders_start (self, one, PLAIN);
      g_autoptr (GError) error = NULL;

      deciders_wait_asked (self, i + 1);
      g_dbus_connection_close_sync (one, NULL, &error);
      g_assert_no_error (error);
      pending_wait (pending);
      /* That of the call is left. */
      while (dfl_fake_clock_get_n_alarms (self->base.clock) > 1)
        g_main_context_iteration (NULL, TRUE);
    }
}

/* Who asks and leaves has asked: what is not answered yet counts until it is. */
static void
test_leavers_count (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) refused = NULL;
  g_autoptr (Pending) others = NULL;
  g_autoptr (Pending) later = NULL;

  dfl_fake_authority_hold (self->base.authority);
  ask_and_leave (self);
  refused = deciders_start (self, self->stranger, PLAIN);
  pending_expect_error (refused, LIMIT_EXCEEDED,
                        "The polkit service has not answered what you asked for before; *");
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 4);
  others = deciders_start (self, self->neighbour, PLAIN);
  deciders_wait_asked (self, 5);

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
  dfl_fake_authority_release (self->base.authority);
  pending_expect_error (others, NOT_AUTHORIZED, "You may not do this from here *");
  deciders_expect_untouched (self);
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_REFUSED);
  later = deciders_start (self, self->stranger, PLAIN);
  pending_expect_done (later);
}

/* So has who was told that it takes too long. */
static void
test_late_answers_count (Deciders *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) late = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (Pending) refused = NULL;
  g_autoptr (Pending) later = NULL;

  dfl_fake_authority_hold (self->base.authority);
  for (guint i = 0; i < 4; i++)
    g_ptr_array_add (late, deciders_start (self, self->stranger, PLAIN));
  deciders_wait_asked (self, 4);
  dfl_fake_clock_advance (self->base.clock, 10 * G_USEC_PER_SEC);
  for (guint i = 0; i < late->len; i++)
    pending_expect_error (g_ptr_array_index (late, i), NOT_AUTHORIZED, "*within 10 seconds*");
  refused = deciders_start (self, self->stranger, PLAIN);
  pending_expect_error (refused, LIMIT_EXCEEDED, "The polkit service has not answered *");
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 4);

  dfl_fake_authority_release (self->base.authority);
  deciders_expect_untouched (self);
  later = deciders_start (self, self->stranger, PLAIN);
  pending_expect_done (later);
}

/* A dialog that was taken back stands there until the authority has done that. */
static void
test_dialogs_count (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) dialog = deciders_start_dialog (self, self->stranger);
  g_autoptr (Pending) refused = NULL;
  g_autoptr (Pending) later = NULL;

  dfl_fake_authority_be_slow (self->base.authority);
  dfl_fake_clock_advance (self->base.clock, 60 * G_USEC_PER_SEC);
  pending_expect_error (dialog, NOT_AUTHORIZED, "The dialog *taken back*");
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 1);
  refused = deciders_start (self, self->stranger, INTERACTIVE);
  pending_expect_error (refused, LIMIT_EXCEEDED, "You are being asked for a password already; *");

  dfl_fake_authority_release (self->base.authority);
  deciders_expect_untouched (self);
  later = deciders_start (self, self->stranger, INTERACTIVE);
  pending_expect_done (later);
}

/* Those of all together, too. */
static void
test_all_leavers_count (Deciders *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (GPtrArray) connections = connect_sixteen (self->base.bus);
  g_autoptr (Pending) refused = NULL;

  fixture_set_users (&self->base, "*", NULL);
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
  dfl_fake_authority_hold (self->base.authority);
  for (guint i = 0; i < 64; i++)
    g_ptr_array_add (held, deciders_start (self, g_ptr_array_index (connections, i / 4), PLAIN));
  deciders_wait_asked (self, 64);
  dfl_fake_clock_advance (self->base.clock, 10 * G_USEC_PER_SEC);
  for (guint i = 0; i < held->len; i++)
    pending_expect_error (g_ptr_array_index (held, i), NOT_AUTHORIZED, "*within 10 seconds*");
  refused = deciders_start (self, self->stranger, PLAIN);
  /* Nothing of what others have done. */
  pending_expect_error (refused, LIMIT_EXCEEDED, "Too many authorizations are under way; *");
  dfl_fake_authority_release (self->base.authority);
  deciders_expect_untouched (self);
}

static void
test_check_limit (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = NULL;
  g_autoptr (Pending) later = NULL;

  dfl_fake_authority_hold (self->base.authority);
  pending = deciders_start (self, self->stranger, INTERACTIVE);
  deciders_wait_asked (self, 1);
  dfl_fake_clock_advance (self->base.clock, 10 * G_USEC_PER_SEC - 1);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_fake_clock_advance (self->base.clock, 1);
  pending_expect_error (pending, NOT_AUTHORIZED,
                        "The polkit service did not answer within 10 seconds*");
  deciders_expect_untouched (self);

  /* What it says now reaches nobody. */
  dfl_fake_authority_release (self->base.authority);
  deciders_expect_untouched (self);
  later = deciders_start (self, self->stranger, PLAIN);
  pending_expect_done (later);
}

static void
test_prompt_limit (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = deciders_start_dialog (self, self->stranger);
  g_autoptr (Pending) later = NULL;

  dfl_fake_clock_advance (self->base.clock, 60 * G_USEC_PER_SEC - 1);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_fake_clock_advance (self->base.clock, 1);
  pending_expect_error (pending, NOT_AUTHORIZED, "The dialog *open for 60 seconds*taken back*");
  deciders_wait_asked (self, 0);
  deciders_expect_untouched (self);

  later = deciders_start_dialog (self, self->stranger);
  dfl_fake_authority_release (self->base.authority);
  pending_expect_done (later);
}

static void
test_one_dialog (Deciders *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) again = test_bus_connect_as (self->base.bus, STRANGER);
  g_autoptr (Pending) first = deciders_start_dialog (self, self->stranger);
  g_autoptr (Pending) others = NULL;
  g_autoptr (Pending) second = NULL;

  second = deciders_start (self, again, INTERACTIVE);
  pending_expect_error (second, LIMIT_EXCEEDED,
                        "You are being asked for a password already; answer *");
  others = deciders_start_dialog (self, self->neighbour);
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 2);
  dfl_fake_authority_release (self->base.authority);
  pending_expect_done (first);
  pending_expect_error (others, ERROR ("TooLate"), "*decided by user:nobody*");
}

/* The prompt does not count against the 20 seconds for the ACK. */
static void
test_prompt_comes_on_top (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = NULL;

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_GRANTED);
  dfl_fake_authority_hold_dialogs (self->base.authority);
  pending = fixture_start_with (&self->base, self->stranger, self->path, "Call.Redirect",
                                redirect_to ("sip:bob@b"), INTERACTIVE);
  deciders_wait_asked (self, 1);
  dfl_fake_clock_advance (self->base.clock, 50 * G_USEC_PER_SEC);
  dfl_fake_authority_release (self->base.authority);
  while (dfl_call_get_state (self->call) == DFL_CALL_STATE_OFFERED)
    g_main_context_iteration (NULL, TRUE);
  dfl_fake_clock_advance (self->base.clock, 20 * G_USEC_PER_SEC - 1);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_fake_clock_advance (self->base.clock, 1);
  pending_expect_error (pending, ERROR ("Unconfirmed"), "*");
  dfl_call_leg_acknowledged (self->call);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/permit-limits/" name, Deciders, FIXTURE_SYSTEM, deciders_set_up, func,             \
              deciders_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("four-of-a-user", test_four_of_a_user);
  ADD ("sixty-four", test_sixty_four);
  ADD ("leavers-count", test_leavers_count);
  ADD ("late-answers-count", test_late_answers_count);
  ADD ("dialogs-count", test_dialogs_count);
  ADD ("all-leavers-count", test_all_leavers_count);
  ADD ("check-limit", test_check_limit);
  ADD ("prompt-limit", test_prompt_limit);
  ADD ("one-dialog", test_one_dialog);
  ADD ("prompt-comes-on-top", test_prompt_comes_on_top);
  return g_test_run ();
}
