/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever looks for SIP servers and numbers finds nothing here: not one packet comes back, and
 * nobody is told of a call. Counted by the packet filter, in a network of the test's own. */

#include <string.h>
#include <unistd.h>

#include "account-view.h"
#include "names.h"
#include "network.h"
#include "registrar.h"

/* Another address of this machine: who calls it comes from it, and no server of the daemon's is
 * there. */
#define SCANNER "10.66.6.6"

/* Counts what goes to the daemon from the scanner, and back. */
static void
count_packets (guint port)
{
  network_run ("nft add table inet count");
  network_run ("nft 'add chain inet count in { type filter hook input priority 0; }'");
  network_run ("nft add rule inet count in ip saddr " SCANNER " udp dport %u counter", port);
  network_run ("nft add rule inet count in ip daddr " SCANNER " udp sport %u counter", port);
}

/* The counters of the two rules above. */
static void
read_counters (guint64 counters[2])
{
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  const char *at;

  g_spawn_command_line_sync ("nft list table inet count", &output, NULL, NULL, &error);
  g_assert_no_error (error);
  at = output;
  for (guint i = 0; i < 2; i++)
    {
      at = strstr (at, "counter packets ");
      g_assert_nonnull (at);
      at += strlen ("counter packets ");
      counters[i] = g_ascii_strtoull (at, NULL, 10);
    }
  network_run ("nft delete table inet count");
}

static void
test_scanner (gconstpointer data)
{
  const char *const *program = data; /* and its arguments; @PORT@ is the daemon's */
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, NULL);
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *port = NULL;
  guint64 counters[2];
  Player *scanner;

  stage_write_settings (stage, "");
  registrar_write_account (registrar, "");
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  port = g_strdup_printf ("%u", stage_get_port (stage, "udp:"));
  count_packets (stage_get_port (stage, "udp:"));
  g_ptr_array_add (argv, g_strdup ("env"));
  g_ptr_array_add (argv, g_strdup_printf ("HOME=%s", stage_get_directory (stage)));
  for (guint i = 0; program[i] != NULL; i++)
    g_ptr_array_add (argv, g_strdup (g_str_equal (program[i], "@PORT@") ? port : program[i]));
  scanner = stage_play_argv_as (stage, 0, argv);
  player_await (stage, scanner);
  read_counters (counters);
  g_test_message ("%s: %u packets came, %u went back", program[0], (guint)counters[0],
                  (guint)counters[1]);
  g_assert_cmpuint (counters[0], >, 0);
  g_assert_cmpuint (counters[1], ==, 0);
  g_assert_cmpuint (stage_count_calls (stage), ==, 0);
}

int
main (int argc, char **argv)
{
  static const char *const map[] = { "svmap", "-P", "5999", "-p", "@PORT@", SCANNER, NULL };
  static const char *const map_invite[] = { "svmap", "-P",     "5999",  "-m", "INVITE",
                                            "-p",    "@PORT@", SCANNER, NULL };
  static const char *const war[] = { "svwar",  "--force", "-P",      "5999",  "-p",
                                     "@PORT@", "-e",      "100-300", SCANNER, NULL };
  static const char *const war_invite[] = { "svwar", "--force", "-P", "5999",    "-m",    "INVITE",
                                            "-p",    "@PORT@",  "-e", "100-300", SCANNER, NULL };

  network_enter ();
  g_test_init (&argc, &argv, NULL);
  if (getuid () == 0)
    network_run ("ip addr add " SCANNER "/32 dev lo");
  g_test_add_data_func ("/scanners/svmap/options", map, test_scanner);
  g_test_add_data_func ("/scanners/svmap/invite", map_invite, test_scanner);
  g_test_add_data_func ("/scanners/svwar/register", war, test_scanner);
  g_test_add_data_func ("/scanners/svwar/invite", war_invite, test_scanner);
  return g_test_run ();
}
