/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A machine on which no account can register, because there is no loopback interface for what is
 * connected to servers: a network of its own in which nobody brought it up. */

#include "sip-room.h"
#include "space.h"

#define OBSTACLE                                                                                   \
  "accounts cannot register: Cannot bind a TCP port of 127.0.0.1, which connections to servers "   \
  "need: *; see that the loopback interface is up"

static DflAccountSettings *
registering (const char *name)
{
  DflAccountSettings *settings = room_account (name);

  settings->registers = TRUE;
  raw_set (&settings->registrar, "192.0.2.1");
  return settings;
}

static DflAccount *
find_account (Room *room, const char *name)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (room->switchboard);

  for (guint i = 0; i < accounts->len; i++)
    if (g_str_equal (dfl_account_get_settings (accounts->pdata[i])->name, name))
      return accounts->pdata[i];
  g_assert_not_reached ();
}

static void
assert_fails (Room *room, const char *name)
{
  DflAccount *account = find_account (room, name);
  const char *reason = dfl_account_get_state_reason (account);

  g_assert_cmpint (dfl_account_get_state (account), ==, DFL_ACCOUNT_STATE_FAILED);
  if (!g_pattern_match_simple (OBSTACLE, reason))
    g_error ("%s: %s", name, reason);
}

static void
on_left (gpointer data)
{
  *(gboolean *)data = TRUE;
}

/* Each account that registers says why, whenever it comes; the others go on. */
static void
test_no_loopback (void)
{
  RoomOptions options = { .listen = "udp:*:0;tcp:*:0" };
  DflAccountSettings *disabled;
  Room *room;
  gboolean left = FALSE;

  if (!space_in_child ())
    return;
  space_become_root ();
  space_new ();
  /* There is a network, though. */
  space_run ("ip link add v0 type veth peer name v1");
  space_run ("ip addr add 10.66.0.1/24 dev v0");
  space_run ("ip link set v0 up");
  space_run ("ip link set v1 up");
  room = room_new (&options);
  disabled = registering ("dora");
  disabled->enabled = FALSE;
  room_set_accounts (room, room_account ("alice"), registering ("bob"), disabled, NULL);
  assert_fails (room, "bob");
  g_assert_cmpint (dfl_account_get_state (find_account (room, "alice")), ==,
                   DFL_ACCOUNT_STATE_DIRECT);
  g_assert_cmpint (dfl_account_get_state (find_account (room, "dora")), ==,
                   DFL_ACCOUNT_STATE_DISABLED);

  room_set_accounts (room, registering ("bob"), registering ("carol"), registering ("dora"), NULL);
  assert_fails (room, "bob");
  assert_fails (room, "carol");
  assert_fails (room, "dora");

  dfl_sip_agent_host_changed (room->agent, DFL_HOST_NETWORK_CHANGED);
  dfl_sip_agent_leave (room->agent, on_left, &left);
  g_assert_false (left);
  raw_wait_until (left);

  /* Those that were there first. */
  dfl_sip_agent_close (room->agent);
  room_set_accounts (room, registering ("eve"), NULL);
  {
    g_autoptr (DflSipSettings) settings = dfl_sip_settings_new ();
    g_autoptr (DflSipAgent) agent = NULL;
    g_autoptr (GError) error = NULL;

    agent = dfl_sip_agent_new (room->switchboard, room->clock, settings, &error);
    g_assert_no_error (error);
    assert_fails (room, "eve");
  }
  room_free (room);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/obstacle/no-loopback", test_no_loopback);
  return g_test_run ();
}
