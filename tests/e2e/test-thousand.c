/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A thousand accounts on one daemon: they register one after the other at a set rate, also after
 * their registrar was away; what they cost is printed. */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "account-view.h"
#include "names.h"
#include "registrar.h"

#define N_ACCOUNTS 1000
#define DEFAULT_RATE 20

/* Longer than AWAIT's minute. */
#define PATIENCE (240 * G_USEC_PER_SEC)

static void
write_accounts (Stage *stage, Registrar *registrar, const char *more)
{
  for (guint i = 0; i < N_ACCOUNTS; i++)
    {
      g_autofree char *name = g_strdup_printf ("user%u", i);
      g_autofree char *lines = g_strdup_printf ("[account]\naddress=sip:user%u@deflect.example\n"
                                                "registrar=%s\npassword=" REGISTRAR_PASSWORD "\n%s",
                                                i, registrar_get_address (registrar), more);

      stage_write_account (stage, name, lines);
    }
}

/* --- What it costs --- */

/* Kilobytes; of the wrapper, where there is one. */
static guint
read_memory (Stage *stage)
{
  g_autofree char *file = g_strdup_printf ("/proc/%d/statm",
                                           player_get_pid (stage_get_daemon (stage)));
  g_autofree char *text = NULL;
  const char *resident;

  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  resident = strchr (text, ' ');
  return (guint)(g_ascii_strtoull (resident, NULL, 10) * (guint64)sysconf (_SC_PAGESIZE) / 1024);
}

/* Milliseconds of a processor so far. */
static guint
read_processor (Stage *stage)
{
  g_autofree char *file = g_strdup_printf ("/proc/%d/stat",
                                           player_get_pid (stage_get_daemon (stage)));
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;

  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  words = g_strsplit (strrchr (text, ')') + 2, " ", -1);
  return (guint)((g_ascii_strtoull (words[11], NULL, 10) + g_ascii_strtoull (words[12], NULL, 10))
                 * 1000 / (guint64)sysconf (_SC_CLK_TCK));
}

/* --- Their rate --- */

/* The most attempts that came within any second: REGISTERs without credentials or with old ones, of
 * which each attempt begins with one; the answer to its challenge is no attempt of its own. */
static guint
find_peak (Registrar *registrar, const char *user_part)
{
  g_autoptr (GArray) times = registrar_list_times (registrar, "WIRE REGISTER ", user_part);
  guint peak = 0;

  for (guint first = 0, last = 0; last < times->len; last++)
    {
      while (g_array_index (times, double, last) - g_array_index (times, double, first) >= 1.0)
        first++;
      peak = MAX (peak, last - first + 1);
    }
  return peak;
}

static guint
await_all (Stage *stage, guint wanted)
{
  gint64 began = g_get_monotonic_time ();

  for (guint tick = 0; tick % 20 != 0 || account_count_in_state (stage, "registered") < wanted;
       tick++)
    stage_step (stage, began + PATIENCE, "all are registered", G_STRLOC);
  return (guint)((g_get_monotonic_time () - began) / 1000);
}

static void
test_start (gconstpointer data)
{
  guint rate = GPOINTER_TO_UINT (data);
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, NULL);
  g_autofree char *settings = g_strdup_printf ("[daemon]\nlisten=udp:127.0.0.1:0\n"
                                               "register-rate=%u\n",
                                               rate);
  guint empty, peak, took, used;

  /* The default is not written down, but relied upon. */
  stage_write_settings (stage,
                        rate != DEFAULT_RATE ? settings : "[daemon]\nlisten=udp:127.0.0.1:0\n");
  stage_write_account (stage, "alice", NULL);
  stage_start_daemon (stage);
  empty = read_memory (stage);
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);

  write_accounts (stage, registrar, "");
  stage_start_daemon (stage);
  took = await_all (stage, N_ACCOUNTS);
  peak = find_peak (registrar, " credentials= ");
  used = read_processor (stage);
  for (gint64 until = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;
       g_get_monotonic_time () < until;)
    stage_step (stage, G_MAXINT64, "", G_STRLOC);
  used = read_processor (stage) - used;
  g_print ("# %u accounts, register-rate=%u: registered after %.1f s, at most %u attempts in a "
           "second, %u KB each, then %.1f %% of a processor\n",
           N_ACCOUNTS, rate, took / 1000.0, peak, (read_memory (stage) - empty) / N_ACCOUNTS,
           used / 50.0);
  /* Two of them may be so near to the end of a second that the server sees them in one. */
  g_assert_cmpuint (peak, <=, rate * 11 / 10 + 1);
  if (!stage_is_slow ())
    g_assert_cmpuint (used, <, 250);
}

/* Their registrar is gone for long enough that all of them notice, and comes back. */
static void
test_outage (void)
{
  RegistrarOptions options = { .max_expires = 30 };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);
  g_autofree char *all = NULL;
  guint took, peak;

  stage_write_settings (stage, "[daemon]\nlisten=udp:127.0.0.1:0\nt1=100\nregister-rate=100\n"
                               "register-retry=5\nregister-retry-max=30\n");
  stage_write_account (stage, "alice", NULL);
  write_accounts (stage, registrar, "");
  stage_start_daemon (stage);
  await_all (stage, N_ACCOUNTS);
  registrar_kill (registrar);
  for (guint tick = 0; tick % 20 != 0 || account_count_in_state (stage, "registered") > 0; tick++)
    stage_step (stage, G_MAXINT64, "", G_STRLOC);
  registrar_start_again (registrar);
  took = await_all (stage, N_ACCOUNTS);
  peak = find_peak (registrar, " credentials= ");
  g_print ("# %u accounts, registrar back after an outage: registered after %.1f s, at most %u "
           "attempts in a second\n",
           N_ACCOUNTS, took / 1000.0, peak);
  g_assert_cmpuint (peak, <=, 100 * 11 / 10 + 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/thousand/start/default-rate", GUINT_TO_POINTER (DEFAULT_RATE),
                        test_start);
  g_test_add_data_func ("/thousand/start/high-rate", GUINT_TO_POINTER (500), test_start);
  g_test_add_func ("/thousand/outage", test_outage);
  return g_test_run ();
}
