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
/* What one costs is the difference to so many, which have all that is there once. */
#define N_FEW 100
#define DEFAULT_RATE 20

/* Longer than AWAIT's minute. */
#define PATIENCE (240 * G_USEC_PER_SEC)

static void
write_accounts (Stage *stage, Registrar *registrar, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("user%u", i);
      g_autofree char *lines = g_strdup_printf ("[account]\naddress=sip:user%u@deflect.example\n"
                                                "registrar=%s\npassword=" REGISTRAR_PASSWORD "\n",
                                                i, registrar_get_address (registrar));

      stage_write_account (stage, name, lines);
    }
}

/* --- What it costs --- */

/* The daemon's heap is what it has asked for, and it gives back at once what it does not need: else
 * one would measure what was needed while the accounts registered. */
#define SPARING                                                                                    \
  "env G_SLICE=always-malloc MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=0 "                         \
  "MALLOC_TOP_PAD_=0 MALLOC_MMAP_THRESHOLD_=65536"

/* Kilobytes of its own; of the wrapper, where there is one. */
static guint
read_memory (Stage *stage)
{
  g_autofree char *file = g_strdup_printf ("/proc/%d/status",
                                           player_get_pid (stage_get_daemon (stage)));
  g_autofree char *text = NULL;
  const char *own;

  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  own = strstr (text, "\nRssAnon:");
  g_assert_nonnull (own);
  return (guint)g_ascii_strtoull (own + strlen ("\nRssAnon:"), NULL, 10);
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
let_pass (Stage *stage, guint seconds)
{
  for (gint64 until = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
       g_get_monotonic_time () < until;)
    stage_step (stage, G_MAXINT64, "", G_STRLOC);
}

/* Without the default account; rate 0 is not written down, and then is the default. */
static void
write_settings (Stage *stage, guint rate, const char *more)
{
  g_autoptr (GString) lines = g_string_new ("[daemon]\nlisten=udp:127.0.0.1:0\n");

  if (rate != 0)
    g_string_append_printf (lines, "register-rate=%u\n", rate);
  g_string_append (lines, more);
  stage_write_settings (stage, lines->str);
  stage_write_account (stage, "alice", NULL);
}

static void
assert_rate (Registrar *registrar, guint n, const char *when, guint took, guint rate)
{
  guint peak = find_peak (registrar, " credentials= ");

  g_print ("# %u accounts, register-rate=%u, %s: registered after %.1f s, at most %u attempts in a "
           "second\n",
           n, rate, when, took / 1000.0, peak);
  /* The daemon spaces them evenly as it sends them; here is measured when the server came to each,
   * in any second that one may choose, not in those of a clock. One that waited there, or behind
   * the machine's other work, slides into the second of the next ones: by up to a tenth of a
   * second, and one at the edge, that is no burst. */
  g_assert_cmpuint (peak, <=, rate * 11 / 10 + 1);
}

static void
start_default (Stage *stage, Registrar *registrar, guint n)
{
  write_settings (stage, 0, "");
  stage_wrap_daemon (stage, SPARING);
  write_accounts (stage, registrar, n);
  stage_start_daemon (stage);
}

/* At the default rate; and what they cost when they are there, compared with a daemon that has only
 * a few. */
static void
test_default_rate (void)
{
  g_autoptr (Stage) few = stage_new (STAGE_OWN_BUS);
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar_of_few = registrar_start (few, NULL);
  g_autoptr (Registrar) registrar = registrar_start (stage, NULL);
  guint memory_of_few, memory, took, used;

  start_default (few, registrar_of_few, N_FEW);
  start_default (stage, registrar, N_ACCOUNTS);
  took = await_all (stage, N_ACCOUNTS);
  assert_rate (registrar, N_ACCOUNTS, "at the start", took, DEFAULT_RATE);
  used = read_processor (stage);
  let_pass (stage, 5);
  used = read_processor (stage) - used;
  memory = read_memory (stage);
  g_assert_cmpuint (account_count_in_state (few, "registered"), ==, N_FEW);
  memory_of_few = read_memory (few);
  g_print (
      "# %u accounts at rest: %u KB, %.1f KB for each from the %uth on, %.1f %% of a processor\n",
      N_ACCOUNTS, memory, (double)(memory - memory_of_few) / (N_ACCOUNTS - N_FEW), N_FEW,
      used / 50.0);
  if (stage_is_slow ())
    return;
  g_assert_cmpuint (used, <, 250);
  g_assert_cmpuint (memory - memory_of_few, <, 12 * (N_ACCOUNTS - N_FEW));
}

static void
test_high_rate (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, NULL);

  write_settings (stage, 500, "");
  write_accounts (stage, registrar, N_ACCOUNTS);
  stage_start_daemon (stage);
  assert_rate (registrar, N_ACCOUNTS, "at the start", await_all (stage, N_ACCOUNTS), 500);
}

/* Their registrar is gone for long enough that all of them notice, and comes back. */
static void
test_outage (void)
{
  RegistrarOptions options = { .max_expires = 15 };
  /* A daemon that runs twenty times slower cannot refresh a thousand every 10 seconds. */
  guint n = stage_is_slow () ? N_ACCOUNTS / 10 : N_ACCOUNTS;
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);

  write_settings (stage, 200, "t1=100\nregister-retry=5\nregister-retry-max=30\n");
  write_accounts (stage, registrar, n);
  stage_start_daemon (stage);
  await_all (stage, n);
  registrar_kill (registrar);
  for (guint tick = 0; tick % 20 != 0 || account_count_in_state (stage, "registered") > 0; tick++)
    stage_step (stage, G_MAXINT64, "", G_STRLOC);
  registrar_start_again (registrar);
  assert_rate (registrar, n, "after an outage", await_all (stage, n), 200);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/thousand/start/default-rate", test_default_rate);
  g_test_add_func ("/thousand/start/high-rate", test_high_rate);
  g_test_add_func ("/thousand/outage", test_outage);
  return g_test_run ();
}
