/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A polkitd that dies, is not there, or does not answer; and one that does not know us. */

#include "bus/polkit-stage.h"

#include <glib/gstdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fakes/log-catcher.h"

/* A user that is not root and owns nothing. */
#define OWNER 2

/* --- polkitd in trouble --- */

static void
test_killed (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = stage_add_agent (self, PASSWORD_AGENT_NEVER);
  g_autoptr (Pending) asked = NULL;

  stage_set_session (self, POLKITD_SESSION_INACTIVE);
  asked = stage_silence (self, INTERACTIVE);
  stage_expect_event (agent, ASKED_TO_SILENCE);
  polkitd_kill (self->polkitd);
  pending_expect_error (asked, NOT_AUTHORIZED,
                        "The polkit service went away before it answered; try again");
  g_assert_false (dfl_call_get_silenced (self->call));

  polkitd_start (self->polkitd);
  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  stage_do_silence (self);
}

static void
test_absent (Stage *self, gconstpointer data)
{
  polkitd_kill (self->polkitd);
  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  stage_fail_silence (self, INTERACTIVE,
                      "The polkit service is not running, so that only root may *");
  stage_fail_silence (self, PLAIN, "The polkit service is not running, so that only root may *");
  fixture_do (&self->base, self->base.client, self->path, "Call.Silence", NULL, "()");

  polkitd_start (self->polkitd);
  stage_do_silence (self);
}

static void
test_frozen (Stage *self, gconstpointer asked_before)
{
  g_autoptr (Pending) asked = NULL;
  g_autoptr (Pending) later = NULL;

  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  if (asked_before != NULL)
    g_assert_cmpint (stage_ask (self, DFL_ACTION_REDIRECT), ==, DFL_AUTHORITY_GRANTED);
  polkitd_freeze (self->polkitd);
  asked = stage_silence (self, PLAIN);
  fixture_settle (&self->base, self->stranger);
  dfl_fake_clock_advance (self->base.clock, 10 * G_USEC_PER_SEC);
  pending_expect_error (asked, NOT_AUTHORIZED,
                        "The polkit service did not answer within 10 seconds*");
  fixture_do (&self->base, self->base.client, self->path, "Call.CheckRedirect",
              g_variant_new ("(sa{sv})", "sip:bob@b", NULL), NULL);
  g_assert_false (dfl_call_get_silenced (self->call));
  polkitd_thaw (self->polkitd);
  stage_do_silence (self);
}

static void
test_frozen_later (Stage *self, gconstpointer data)
{
  test_frozen (self, self);
}

static void
test_frozen_first (Stage *self, gconstpointer data)
{
  test_frozen (self, NULL);
}

/* Somebody who asks and leaves, more often than the bus lets us wait for answers (128), while
 * polkit does not answer: another user is asked for all the same. */
static void
test_leavers (Stage *self, gconstpointer data)
{
  g_autoptr (Pending) others = NULL;

  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  polkitd_freeze (self->polkitd);
  for (guint i = 0; i < 140; i++)
    {
      g_autoptr (GDBusConnection) one = test_bus_connect_as (self->base.bus, STRANGER);
      g_autoptr (Pending) asked = fixture_start (&self->base, one, self->path, "Call.Silence",
                                                 NULL);
      g_autoptr (GError) error = NULL;

      fixture_settle (&self->base, one);
      g_dbus_connection_close_sync (one, NULL, &error);
      g_assert_no_error (error);
      pending_wait (asked);
      /* That of the call is left. */
      while (dfl_fake_clock_get_n_alarms (self->base.clock) > 1)
        g_main_context_iteration (NULL, TRUE);
    }
  others = fixture_start (&self->base, self->neighbour, self->path, "Call.Silence", NULL);
  fixture_settle (&self->base, self->neighbour);
  g_assert_false (others->done);
  polkitd_thaw (self->polkitd);
  pending_expect_done (others);
}

/* Returns when polkit has done what it had to do; the main loop does not run meanwhile. */
static void
wait_for_polkit (Stage *self)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
          self->neighbour, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
          "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
          &error);

      g_assert_no_error (error);
    }
}

/* Who asks for a dialog and leaves: polkit closes it before it is told to, and nobody writes a line
 * about that (warnings are fatal here). */
static void
test_dialog_gone (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = stage_add_agent (self, PASSWORD_AGENT_NEVER);
  g_autoptr (Pending) asked = NULL;
  g_autofree char *event = NULL;
  g_autoptr (GError) error = NULL;

  stage_set_session (self, POLKITD_SESSION_INACTIVE);
  asked = stage_silence (self, INTERACTIVE);
  stage_expect_event (agent, ASKED_TO_SILENCE);
  g_dbus_connection_close_sync (self->stranger, NULL, &error);
  g_assert_no_error (error);
  /* The service hears of it when the main loop runs, and that is after polkit has. */
  event = password_agent_take (agent);
  g_assert_cmpstr (event, ==, "cancel");
  wait_for_polkit (self);
  pending_wait (asked);
  fixture_settle (&self->base, self->base.client);
}

/* --- A daemon that is not root --- */

static gpointer
connect_shared (gpointer data)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection;

  g_assert_cmpint (syscall (SYS_setresuid, OWNER, OWNER, 0), ==, 0);
  connection = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, &error);
  g_assert_no_error (error);
  return connection;
}

static void
test_not_owner (Stage *self, gconstpointer data)
{
  g_autoptr (GDBusConnection) shared = g_thread_join (
      g_thread_new ("shared", connect_shared, NULL));
  g_autoptr (GPtrArray) logged = NULL;

  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  dfl_log_catcher_start ();
  stage_fail_silence (self, PLAIN, "The polkit service does not answer deflectd*");
  stage_fail_silence (self, PLAIN, "The polkit service does not answer deflectd*");
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  g_assert_true (g_pattern_match_simple ("polkit does not answer deflectd: Only trusted callers *. "
                                         "Install org.deflectd1.policy *owner*",
                                         g_ptr_array_index (logged, 0)));
}

static void
set_up_owned (Stage *self, gconstpointer data)
{
  g_autofree char *actions = stage_get_actions ();
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GString) owned = NULL;
  g_autoptr (GError) error = NULL;
  int file = g_file_open_tmp ("deflectd-policy-XXXXXX", &name, &error);

  g_assert_no_error (error);
  close (file);
  g_assert_true (g_file_get_contents (actions, &text, NULL, &error));
  owned = g_string_new (text);
  g_assert_cmpuint (g_string_replace (owned, "unix-user:deflectd", "unix-user:bin", 0), ==, 4);
  g_assert_true (g_file_set_contents (name, owned->str, -1, &error));
  stage_set_up_with (self, name);
  g_unlink (name);
}

static void
test_owner (Stage *self, gconstpointer data)
{
  g_autoptr (GDBusConnection) shared = g_thread_join (
      g_thread_new ("shared", connect_shared, NULL));

  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  g_assert_cmpint (stage_ask (self, DFL_ACTION_REDIRECT), ==, DFL_AUTHORITY_GRANTED);
  g_assert_cmpint (stage_ask (self, DFL_ACTION_MANAGE_OWN_ACCOUNTS), ==, DFL_AUTHORITY_GRANTED);
  g_assert_cmpint (stage_ask (self, DFL_ACTION_READ_HISTORY), ==, DFL_AUTHORITY_GRANTED);
  g_assert_cmpint (stage_ask (self, DFL_ACTION_MANAGE_ACCOUNTS), ==, DFL_AUTHORITY_CHALLENGE);
  stage_do_silence (self);
}

/* --- No bus --- */

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
  gboolean *closed = data;

  g_assert_true (vanished);
  *closed = TRUE;
}

static void
on_failed (GObject *source, GAsyncResult *result, gpointer data)
{
  GError **error = data;
  DflAuthorityAnswer answer;

  g_assert_false (dfl_authority_check_finish (DFL_AUTHORITY (source), result, &answer, error));
}

static void
expect_failure (DflAuthority *authority, const char *pattern)
{
  g_autoptr (GError) error = NULL;

  dfl_authority_check_async (authority, ":1.1", DFL_ACTION_REDIRECT, NULL, FALSE, NULL, on_failed,
                             &error);
  while (error == NULL)
    g_main_context_iteration (NULL, TRUE);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("\"%s\" is not \"%s\"", error->message, pattern);
}

/* libpolkit's connection must not end the process when the bus goes. */
static void
test_bus_gone (void)
{
  g_autoptr (TestBus) bus = test_bus_new (NULL, NULL);
  DflAuthority *authority = dfl_polkit_authority_new ();
  g_autoptr (GDBusConnection) shared = NULL;
  gboolean closed = FALSE;

  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", bus->address, TRUE);
  expect_failure (authority, "The polkit service is not running*");
  shared = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  g_signal_connect (shared, "closed", G_CALLBACK (on_closed), &closed);
  g_subprocess_force_exit (bus->daemon);
  fixture_wait (&closed);
  expect_failure (authority, "The polkit service went away before it answered*");
  g_assert_finalize_object (authority);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/polkit-trouble/" name, Stage, NULL, stage_set_up, func, stage_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  dfl_log_catcher_install ();
  ADD ("killed", test_killed);
  ADD ("absent", test_absent);
  ADD ("frozen", test_frozen_later);
  ADD ("frozen-first", test_frozen_first);
  ADD ("leavers", test_leavers);
  ADD ("dialog-gone", test_dialog_gone);
  ADD ("not-owner", test_not_owner);
  g_test_add_func ("/polkit-trouble/bus-gone", test_bus_gone);
  g_test_add ("/polkit-trouble/owner", Stage, NULL, set_up_owned, test_owner, stage_tear_down);
  return g_test_run ();
}
