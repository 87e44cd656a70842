/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon leaves: at once where the registrar answers, within its limit where that is silent,
 * and at once when it is told a second time. */

#include <signal.h>
#include <string.h>

#include "account-view.h"
#include "registrar.h"

/* As the manual says it; milliseconds. What else an end takes comes on top. */
#define LIMIT 5000
#define REST 1000

typedef struct
{
  const char *defines; /* of the registrar */
  const char *more;    /* lines of the account */
} Way;

typedef struct
{
  Stage *stage;
  Registrar *registrar;
  gint64 began;
} Leaving;

static guint
slowly (guint milliseconds)
{
  return stage_is_slow () ? milliseconds * 5 : milliseconds;
}

static void
start (Leaving *self, const Way *way)
{
  RegistrarOptions options = { .defines = way->defines };

  self->stage = stage_new (STAGE_OWN_BUS);
  self->registrar = registrar_start (self->stage, &options);
  registrar_write_account (self->registrar, way->more);
  stage_start_daemon (self->stage);
  account_await_state (self->stage, "alice", "registered");
}

static void
begin_to_leave (Leaving *self)
{
  self->began = g_get_monotonic_time ();
  stage_signal_daemon (self->stage, SIGTERM);
}

/* Milliseconds until the daemon has ended well. */
static guint
await_end (Leaving *self)
{
  stage_await_daemon_end (self->stage);
  return (guint)((g_get_monotonic_time () - self->began) / 1000);
}

static void
end (Leaving *self)
{
  registrar_free (self->registrar);
  stage_free (self->stage);
}

static void
test_answered (gconstpointer way)
{
  Leaving self;

  start (&self, way);
  begin_to_leave (&self);
  g_assert_cmpuint (await_end (&self), <, slowly (REST));
  g_assert_cmpuint (registrar_count_contacts (self.registrar, "alice"), ==, 0);
  end (&self);
}

static void
test_silent (gconstpointer way)
{
  Leaving self;
  guint took;

  start (&self, way);
  registrar_freeze (self.registrar);
  begin_to_leave (&self);
  took = await_end (&self);
  g_assert_cmpuint (took, >, LIMIT - REST);
  g_assert_cmpuint (took, <, LIMIT + slowly (REST));
  registrar_kill (self.registrar);
  end (&self);
}

static void
test_second_signal (gconstpointer way)
{
  Leaving self;

  start (&self, way);
  registrar_freeze (self.registrar);
  begin_to_leave (&self);
  while (g_get_monotonic_time () - self.began < G_USEC_PER_SEC)
    stage_step (self.stage, G_MAXINT64, "", G_STRLOC);
  g_assert_false (player_has_ended (stage_get_daemon (self.stage)));
  begin_to_leave (&self);
  g_assert_cmpuint (await_end (&self), <, slowly (REST));
  registrar_kill (self.registrar);
  end (&self);
}

int
main (int argc, char **argv)
{
  static const Way udp = { .defines = "", .more = "transport=udp\n" };
  static const Way tcp = { .defines = "WITH_TCP", .more = "transport=tcp\n" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/leaving/answered/udp", &udp, test_answered);
  g_test_add_data_func ("/leaving/answered/tcp", &tcp, test_answered);
  g_test_add_data_func ("/leaving/silent/udp", &udp, test_silent);
  g_test_add_data_func ("/leaving/silent/tcp", &tcp, test_silent);
  g_test_add_data_func ("/leaving/second-signal/udp", &udp, test_second_signal);
  g_test_add_data_func ("/leaving/second-signal/tcp", &tcp, test_second_signal);
  return g_test_run ();
}
