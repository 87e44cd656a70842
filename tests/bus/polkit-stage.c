/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/polkit-stage.h"

#include <unistd.h>

static const char bus_config[]
    = "<type>system</type>"
      "<policy context=\"default\"><allow user=\"*\"/><allow own=\"org.deflectd1\"/>"
      "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy>"
      "<include>" POLKITD_BUS_CONFIG "</include>";

char *
stage_get_actions (void)
{
  g_autofree char *file = g_test_build_filename (G_TEST_BUILT, "..", "data", "org.deflectd1.policy",
                                                 NULL);

  return g_canonicalize_filename (file, NULL);
}

void
stage_set_up_with (Stage *self, const char *actions)
{
  static const char *const listening[] = { NULL };
  Fixture *fixture = &self->base;
  TestBus *bus = test_bus_new (bus_config, NULL);
  const char *files[] = { actions, NULL };

  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", bus->address, TRUE);
  self->polkitd = polkitd_new (bus->address, "", files, NULL);
  fixture_set_up_on (fixture, bus, test_bus_connect_server (bus), DFL_BUS_SYSTEM);
  dfl_service_close (fixture->service);
  g_object_unref (fixture->service);
  self->authority = dfl_polkit_authority_new ();
  fixture->service = dfl_service_new (fixture->server, DFL_BUS_SYSTEM, self->authority,
                                      fixture->switchboard, DFL_CLOCK (fixture->clock), listening);
  fixture_set_users (fixture, "nobody,daemon", NULL);
  self->stranger = test_bus_connect_as (bus, STRANGER);
  self->neighbour = test_bus_connect_as (bus, NEIGHBOUR);
  self->call = fixture_offer_leg (fixture, "one", &self->leg);
  self->path = path_of_call (self->call);
  fixture_wait_seen (fixture, self->stranger, self->path);
  fixture_wait_seen (fixture, self->neighbour, self->path);
}

void
stage_set_up (Stage *self, gconstpointer data)
{
  g_autofree char *actions = stage_get_actions ();

  stage_set_up_with (self, actions);
}

typedef struct
{
  DflAuthorityAnswer answer;
  GError *error;
  gboolean done;
} Check;

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  Check *check = data;

  dfl_authority_check_finish (DFL_AUTHORITY (source), result, &check->answer, &check->error);
  check->done = TRUE;
}

static Check
stage_ask_about (Stage *self, GDBusConnection *connection, const char *action)
{
  static const char *const details[] = { "account", "alice", NULL };
  Check check = { 0 };

  dfl_authority_check_async (self->authority, g_dbus_connection_get_unique_name (connection),
                             action, details, FALSE, NULL, on_checked, &check);
  fixture_wait (&check.done);
  return check;
}

DflAuthorityAnswer
stage_ask (Stage *self, const char *action)
{
  Check check = stage_ask_about (self, self->stranger, action);

  g_assert_no_error (check.error);
  return check.answer;
}

void
stage_set_session (Stage *self, PolkitdSession session)
{
  polkitd_set_session (self->polkitd, getpid (), STRANGER, session);
}

Pending *
stage_silence (Stage *self, GDBusMessageFlags flags)
{
  return fixture_start_with (&self->base, self->stranger, self->path, "Call.Silence", NULL, flags);
}

void
stage_do_silence (Stage *self)
{
  g_autoptr (Pending) pending = stage_silence (self, PLAIN);

  pending_expect_done (pending);
}

void
stage_fail_silence (Stage *self, GDBusMessageFlags flags, const char *pattern)
{
  g_autoptr (Pending) pending = stage_silence (self, flags);

  pending_expect_error (pending, NOT_AUTHORIZED, pattern);
  g_assert_false (dfl_call_get_silenced (self->call));
}

void
stage_expect_event (PasswordAgent *agent, const char *expected)
{
  g_autofree char *event = NULL;

  while (!password_agent_peek (agent))
    g_main_context_iteration (NULL, TRUE);
  event = password_agent_take (agent);
  g_assert_cmpstr (event, ==, expected);
}

PasswordAgent *
stage_add_agent (Stage *self, PasswordAgentAnswer answer)
{
  return password_agent_new (self->base.bus->address, getpid (), STRANGER, answer);
}

/* The connection that libpolkit shares is let go of in time for the next test to have its own. */
static void
wait_disconnected (void)
{
  GDBusConnection *shared = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);

  g_assert_nonnull (shared);
  g_object_add_weak_pointer (G_OBJECT (shared), (gpointer *)&shared);
  g_object_unref (shared);
  while (shared != NULL)
    g_main_context_iteration (NULL, TRUE);
}

void
stage_tear_down (Stage *self, gconstpointer data)
{
  /* What was asked before is answered when this is. */
  Check last = stage_ask_about (self, self->base.client, DFL_ACTION_REDIRECT);

  g_clear_error (&last.error);
  dfl_service_close (self->base.service);
  g_assert_finalize_object (g_steal_pointer (&self->authority));
  wait_disconnected ();
  g_clear_object (&self->stranger);
  g_clear_object (&self->neighbour);
  polkitd_free (self->polkitd);
  fixture_tear_down (&self->base, FIXTURE_SYSTEM);
}
