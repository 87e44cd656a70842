/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens while somebody waits to be authorised. */

#include "bus/deciders.h"

static void
test_audience_lost (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = deciders_start_dialog (self, self->stranger);
  g_autofree char *absent = fixture_expect_error (&self->base, self->stranger,
                                                  DFL_CALL_PATH_PREFIX "12345678", "Call.Silence",
                                                  NULL, UNKNOWN_OBJECT);

  fixture_set_users (&self->base, "daemon", NULL);
  dfl_fake_authority_release (self->base.authority);
  pending_expect_error (pending, UNKNOWN_OBJECT, absent);
  deciders_expect_untouched (self);
}

static void
test_call_gone (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = deciders_start_dialog (self, self->stranger);

  dfl_call_leg_cancelled (self->call, FALSE);
  fixture_settle (&self->base, self->stranger);
  dfl_fake_authority_release (self->base.authority);
  pending_expect_error (pending, UNKNOWN_OBJECT, "*");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
}

static void
test_decided (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = deciders_start_dialog (self, self->stranger);

  fixture_do (&self->base, self->base.client, self->path, "Call.Decline",
              g_variant_new ("(a{sv})", NULL), "()");
  dfl_fake_authority_release (self->base.authority);
  pending_expect_error (pending, ERROR ("TooLate"), "*decided by user:root*");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
}

/* Everything is checked again: meanwhile the target has become an account here. */
static void
test_target_changed (Deciders *self, gconstpointer mode)
{
  GVariant *target = g_variant_new_parsed ("('sip:bob@example.org', {'wait': <false>})");
  g_autoptr (Pending) pending = NULL;

  dfl_fake_authority_hold (self->base.authority);
  pending = fixture_start (&self->base, self->stranger, self->path, "Call.Redirect", target);
  deciders_wait_asked (self, 1);
  fixture_set_users (&self->base, "nobody,daemon", "nobody,daemon");
  fixture_wait_seen (&self->base, self->stranger, self->path);
  dfl_fake_authority_release (self->base.authority);
  pending_expect_error (pending, ERROR ("LoopDetected"), "*");
  deciders_expect_untouched (self);
}

/* What the linker lets stand before the real one: what a text comes to changes. */
DflTarget *__real_dfl_call_check_redirect (DflCall *call, const char *text, GError **error);
DflTarget *__wrap_dfl_call_check_redirect (DflCall *call, const char *text, GError **error);

static const char *other_target;

DflTarget *
__wrap_dfl_call_check_redirect (DflCall *call, const char *text, GError **error)
{
  return __real_dfl_call_check_redirect (call, other_target == NULL ? text : other_target, error);
}

static void
test_goes_elsewhere (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = deciders_start_dialog (self, self->stranger);

  other_target = "sip:mallory@m";
  dfl_fake_authority_release (self->base.authority);
  pending_expect_error (pending, ERROR ("Failed"), "The account's settings changed *try again");
  other_target = NULL;
  deciders_expect_untouched (self);
}

/* One connection that asks twice decides once. */
static void
test_twice (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) first = NULL;
  g_autoptr (Pending) second = NULL;

  dfl_fake_authority_hold (self->base.authority);
  first = deciders_start (self, self->stranger, PLAIN);
  second = deciders_start (self, self->stranger, PLAIN);
  deciders_wait_asked (self, 2);
  dfl_fake_authority_release (self->base.authority);
  pending_expect_done (first);
  pending_expect_error (second, ERROR ("TooLate"), "*");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
}

/* Kept away from the fixture's main loop, so that the connection can be closed at once. */
static void
disconnect (GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_close_sync (connection, NULL, &error);
  g_assert_no_error (error);
}

static void
test_caller_gone (Deciders *self, gconstpointer dialog)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (GDBusConnection) again = test_bus_connect_as (self->base.bus, STRANGER);
  g_autoptr (Pending) other = NULL;
  g_autoptr (Pending) later = NULL;

  if (dialog != NULL)
    g_ptr_array_add (held, deciders_start_dialog (self, self->stranger));
  else
    {
      dfl_fake_authority_hold (self->base.authority);
      for (guint i = 0; i < 4; i++)
        g_ptr_array_add (held, deciders_start (self, self->stranger, PLAIN));
      deciders_wait_asked (self, 4);
    }
  dfl_fake_authority_hold (self->base.authority);
  other = deciders_start (self, self->neighbour, PLAIN);
  deciders_wait_asked (self, held->len + 1);
  disconnect (self->stranger);
  /* That of the call, and the neighbour's. */
  while (dfl_fake_clock_get_n_alarms (self->base.clock) > 2)
    g_main_context_iteration (NULL, TRUE);
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_GRANTED);
  dfl_fake_authority_release (self->base.authority);
  for (guint i = 0; i < held->len; i++)
    pending_wait (g_ptr_array_index (held, i));
  pending_expect_error (other, NOT_AUTHORIZED, "You may not do this from here *");
  deciders_expect_untouched (self);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->base.clock), ==, 1);

  /* What it had open counts no longer, once it is answered. */
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_GRANTED);
  later = deciders_start (self, again, INTERACTIVE);
  pending_expect_done (later);
}

static void
test_caller_gone_check (Deciders *self, gconstpointer mode)
{
  test_caller_gone (self, NULL);
}

static void
test_caller_gone_dialog (Deciders *self, gconstpointer mode)
{
  test_caller_gone (self, self);
}

/* A caller that wants no answer decides all the same. */
static void
test_no_reply (Deciders *self, gconstpointer mode)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (DFL_BUS_NAME, self->path,
                                                                     DFL_CALL_INTERFACE, "Decline");
  g_autoptr (GError) error = NULL;

  g_dbus_message_set_body (message, g_variant_new ("(a{sv})", NULL));
  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_connection_send_message (self->stranger, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                  &error);
  g_assert_no_error (error);
  while (dfl_call_get_state (self->call) == DFL_CALL_STATE_OFFERED)
    g_main_context_iteration (NULL, TRUE);
  deciders_expect_asked (self, ASKED_OF_ALICE "action=decline target= number=");
}

static void
test_closing (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) dialog = deciders_start_dialog (self, self->stranger);
  g_autoptr (Pending) check = NULL;
  g_autoptr (Pending) dry = NULL;

  dfl_fake_authority_hold (self->base.authority);
  check = deciders_start (self, self->neighbour, PLAIN);
  dry = fixture_start (&self->base, self->neighbour, self->path, "Call.CheckRedirect",
                       redirect_to ("sip:bob@b"));
  deciders_wait_asked (self, 3);
  dfl_service_close (self->base.service);
  pending_expect_error (dialog, ERROR ("Failed"), "The daemon is stopping*");
  pending_expect_error (check, ERROR ("Failed"), "The daemon is stopping*");
  pending_expect_error (dry, ERROR ("Failed"), "The daemon is stopping*");
  /* The dialog is taken back; what has none is answered when nobody listens any longer. */
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 2);
  dfl_fake_authority_release (self->base.authority);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
}

/* --- While the redirect waits for its ACK --- */

/* A redirect that the authority grants; returns when it is sent. */
static Pending *
start_waiting (Deciders *self)
{
  Pending *pending = fixture_start (&self->base, self->stranger, self->path, "Call.Redirect",
                                    redirect_to ("sip:bob@b"));

  while (dfl_call_get_state (self->call) == DFL_CALL_STATE_OFFERED)
    g_main_context_iteration (NULL, TRUE);
  return pending;
}

/* Who loses sight while the redirect waits for its ACK does not hear when it comes. */
static void
test_audience_lost_waiting (Deciders *self, gconstpointer acknowledged)
{
  g_autoptr (Pending) pending = start_waiting (self);
  g_autofree char *absent = fixture_expect_error (&self->base, self->stranger,
                                                  DFL_CALL_PATH_PREFIX "12345678", "Call.Silence",
                                                  NULL, UNKNOWN_OBJECT);

  fixture_set_users (&self->base, "daemon", NULL);
  if (acknowledged != NULL)
    dfl_call_leg_acknowledged (self->call);
  dfl_fake_clock_advance (self->base.clock, 20 * G_USEC_PER_SEC - 1);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_fake_clock_advance (self->base.clock, 1);
  pending_expect_error (pending, UNKNOWN_OBJECT, absent);
  if (acknowledged == NULL)
    dfl_call_leg_acknowledged (self->call);
}

static void
test_audience_lost_before_ack (Deciders *self, gconstpointer mode)
{
  test_audience_lost_waiting (self, NULL);
}

static void
test_audience_lost_at_ack (Deciders *self, gconstpointer mode)
{
  test_audience_lost_waiting (self, self);
}

static void
test_audience_lost_closing (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_waiting (self);

  fixture_set_users (&self->base, "daemon", NULL);
  dfl_call_leg_acknowledged (self->call);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_service_close (self->base.service);
  pending_expect_error (pending, UNKNOWN_OBJECT, "*");
}

static void
test_gone_waiting (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_waiting (self);
  guint n_alarms = dfl_fake_clock_get_n_alarms (self->base.clock);

  disconnect (self->stranger);
  pending_wait (pending);
  while (dfl_fake_clock_get_n_alarms (self->base.clock) == n_alarms)
    g_main_context_iteration (NULL, TRUE);
  dfl_call_leg_acknowledged (self->call);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/meanwhile/" name, Deciders, FIXTURE_SYSTEM, deciders_set_up, func,                 \
              deciders_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("audience-lost", test_audience_lost);
  ADD ("call-gone", test_call_gone);
  ADD ("decided", test_decided);
  ADD ("target-changed", test_target_changed);
  ADD ("goes-elsewhere", test_goes_elsewhere);
  ADD ("twice", test_twice);
  ADD ("caller-gone-check", test_caller_gone_check);
  ADD ("caller-gone-dialog", test_caller_gone_dialog);
  ADD ("no-reply", test_no_reply);
  ADD ("closing", test_closing);
  ADD ("audience-lost-before-ack", test_audience_lost_before_ack);
  ADD ("audience-lost-at-ack", test_audience_lost_at_ack);
  ADD ("audience-lost-closing", test_audience_lost_closing);
  ADD ("gone-waiting", test_gone_waiting);
  return g_test_run ();
}
