/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine sleeps and wakes up, as python-dbusmock's logind tells it on a bus that the daemon
 * takes for the system's. */

#include <string.h>

#include "account-view.h"
#include "names.h"
#include "registrar.h"

#define LOGIND "org.freedesktop.login1"

static gboolean
has_owner (Stage *stage, const char *name)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (stage_get_connection (stage),
                                                            "org.freedesktop.DBus",
                                                            "/org/freedesktop/DBus",
                                                            "org.freedesktop.DBus", "NameHasOwner",
                                                            g_variant_new ("(s)", name), NULL,
                                                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  gboolean owned = FALSE;

  g_variant_get (reply, "(b)", &owned);
  return owned;
}

static void
start_logind (Stage *stage)
{
  g_autofree char *address = g_strdup_printf ("DBUS_SYSTEM_BUS_ADDRESS=%s",
                                              stage_get_bus_address (stage));
  Player *player = stage_play (stage, "env", address, "/usr/bin/python3", "-m", "dbusmock",
                               "--system", "--template", "logind", NULL);

  AWAIT (stage, has_owner (stage, LOGIND) || player_has_ended (player));
  if (player_has_ended (player))
    player_await_success (stage, player);
}

static void
prepare_for_sleep (Stage *stage, gboolean begins)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder arguments;

  g_variant_builder_init (&arguments, G_VARIANT_TYPE ("av"));
  g_variant_builder_add (&arguments, "v", g_variant_new_boolean (begins));
  reply = g_dbus_connection_call_sync (stage_get_connection (stage), LOGIND,
                                       "/org/freedesktop/login1", "org.freedesktop.DBus.Mock",
                                       "EmitSignal",
                                       g_variant_new ("(sssav)", LOGIND ".Manager",
                                                      "PrepareForSleep", "b", &arguments),
                                       NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

static guint
count_saved (Registrar *registrar)
{
  return registrar_count_lines (registrar, "WIRE SAVED", NULL);
}

/* After a sleep what was open may be known to nobody else: registered anew at once, with the same
 * contact, and not when the sleep begins. */
static void
test_resume (gconstpointer more)
{
  RegistrarOptions options = { .defines = "WITH_TCP" };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);
  g_autofree char *wrapper = g_strdup_printf ("env DBUS_SYSTEM_BUS_ADDRESS=%s",
                                              stage_get_bus_address (stage));
  gint64 woke;
  guint saved;

  start_logind (stage);
  registrar_write_account (registrar, more);
  stage_wrap_daemon (stage, wrapper);
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  for (guint nights = 0; nights < 2; nights++)
    {
      saved = count_saved (registrar);
      prepare_for_sleep (stage, TRUE);
      for (gint64 until = g_get_monotonic_time () + 2 * G_USEC_PER_SEC;
           g_get_monotonic_time () < until;)
        stage_step (stage, G_MAXINT64, "", G_STRLOC);
      g_assert_cmpuint (count_saved (registrar), ==, saved);
      woke = g_get_monotonic_time ();
      prepare_for_sleep (stage, FALSE);
      AWAIT (stage, count_saved (registrar) > saved);
      g_assert_cmpint (g_get_monotonic_time () - woke, <,
                       (stage_is_slow () ? 30 : 10) * G_USEC_PER_SEC);
      account_await_state (stage, "alice", "registered");
    }
  g_assert_cmpuint (registrar_count_contacts (registrar, "alice"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/sleep/udp", "transport=udp\n", test_resume);
  g_test_add_data_func ("/sleep/tcp", "transport=tcp\n", test_resume);
  return g_test_run ();
}
