/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens to a registration when the network or the server goes away and comes back. The
 * daemon sits at the desk, everything else at the other end of a cable. */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "account-view.h"
#include "names.h"
#include "network.h"
#include "registrar.h"

#define TARGET "sip:+4915550100@mobile.example"
#define REDIRECTED "offered redirecting idle:redirected removed"

/* Tries again soon, for a test's patience. */
#define SETTINGS                                                                                   \
  "[daemon]\nlisten=udp:*:0;tcp:*:0\nt1=100\nregister-retry=5\nregister-retry-max=30\n"

typedef struct
{
  Stage *stage;
  Registrar *registrar;
} Outage;

static void
let_pass (Outage *self, guint seconds)
{
  for (gint64 until = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
       g_get_monotonic_time () < until;)
    stage_step (self->stage, G_MAXINT64, "", G_STRLOC);
}

/* The caller is at the server's end. */
static void
assert_call (Outage *self)
{
  Player *caller = stage_call (self->stage, "call.xml", "u1", NETWORK_HERE,
                               registrar_get_port (self->registrar), NULL);
  g_autofree char *call = stage_await_call (self->stage);
  g_autofree char *trace = NULL;

  g_assert_cmpint (stage_deflectctl (self->stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (self->stage, caller);
  stage_await_story (self->stage, call, REDIRECTED);
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "<" TARGET ">"));
}

static void
start (Outage *self, const char *defines, const char *more)
{
  RegistrarOptions options = { .host = NETWORK_HERE, .defines = defines };

  network_reset_cable ();
  self->stage = stage_new (STAGE_OWN_BUS);
  self->registrar = registrar_start (self->stage, &options);
  stage_write_settings (self->stage, SETTINGS);
  registrar_write_account (self->registrar, more);
  stage_wrap_daemon (self->stage, network_get_desk_command ());
  stage_start_daemon (self->stage);
  account_await_state (self->stage, "alice", "registered");
  assert_call (self);
}

/* The server knows one contact, and it is one at which we answer. */
static void
end (Outage *self)
{
  g_assert_cmpuint (registrar_count_contacts (self->registrar, "alice"), ==, 1);
  assert_call (self);
  stage_signal_daemon (self->stage, SIGTERM);
  stage_await_daemon_end (self->stage);
  g_assert_cmpuint (registrar_count_contacts (self->registrar, "alice"), ==, 0);
  registrar_free (self->registrar);
  stage_free (self->stage);
}

static gboolean
has_saved (Outage *self, guint before)
{
  return registrar_count_lines (self->registrar, "WIRE SAVED", NULL) > before;
}

/* An address that the desk gets. */
#define ELSEWHERE "10.66.0.78"

typedef struct
{
  const char *path, *defines, *more;
  gboolean moves; /* while the cable is pulled */
} Way;

/* How long a network that is there again may take to be found. */
static gint64
get_patience (void)
{
  return (stage_is_slow () ? 30 : 10) * G_USEC_PER_SEC;
}

/* The cable is pulled for half a minute: whatever the daemon made of that, it is called again. Over
 * UDP nothing but the machine's network tells of it for as long as the registration lasts, which is
 * ten minutes here: there the desk has another address afterwards, and the old contact leads
 * nowhere. */
static void
test_link_down (gconstpointer data)
{
  const Way *way = data;
  Outage self = { 0 };
  gint64 began;

  start (&self, way->defines, way->more);
  network_run_at_desk ("ip link set v0 down");
  if (way->moves)
    {
      network_run_at_desk ("ip addr flush dev v0");
      network_run_at_desk ("ip addr add " ELSEWHERE "/24 dev v0");
    }
  let_pass (&self, 30);
  network_run_at_desk ("ip link set v0 up");
  network_run_at_desk ("ip route replace default via " NETWORK_HERE);
  began = g_get_monotonic_time ();
  if (way->moves)
    AWAIT (self.stage, registrar_count_lines (self.registrar, "WIRE SAVED", "@" ELSEWHERE ":") > 0);
  g_assert_cmpint (g_get_monotonic_time () - began, <, get_patience ());
  account_await_state (self.stage, "alice", "registered");
  end (&self);
}

/* The desk gets another address: the old contact goes, the new one is there, at once. */
static void
test_address_changed (gconstpointer data)
{
  const Way *way = data;
  Outage self = { 0 };
  gint64 began;
  guint saved;

  start (&self, way->defines, way->more);
  saved = registrar_count_lines (self.registrar, "WIRE SAVED", NULL);
  began = g_get_monotonic_time ();
  network_run_at_desk ("ip addr flush dev v0");
  network_run_at_desk ("ip addr add 10.66.0.77/24 dev v0");
  network_run_at_desk ("ip route replace default via " NETWORK_HERE);
  AWAIT (self.stage, has_saved (&self, saved));
  g_assert_cmpint (g_get_monotonic_time () - began, <, get_patience ());
  AWAIT (self.stage, registrar_count_contacts (self.registrar, "alice") == 1);
  g_assert_cmpuint (registrar_count_lines (self.registrar, "WIRE SAVED", "10.66.0.77"), >, 0);
  end (&self);
}

/* The server is killed and started again: it has forgotten everybody. Over TCP the end of the
 * connection says so at once; over UDP the next refresh does, which the server keeps short. */
static void
test_restart (gconstpointer data)
{
  const Way *way = data;
  RegistrarOptions options = { .host = NETWORK_HERE, .defines = way->defines, .max_expires = 12 };
  Outage self = { 0 };
  gint64 began;

  network_reset_cable ();
  self.stage = stage_new (STAGE_OWN_BUS);
  self.registrar = registrar_start (self.stage, &options);
  stage_write_settings (self.stage, SETTINGS);
  registrar_write_account (self.registrar, way->more);
  stage_wrap_daemon (self.stage, network_get_desk_command ());
  stage_start_daemon (self.stage);
  account_await_state (self.stage, "alice", "registered");
  registrar_kill (self.registrar);
  let_pass (&self, 3);
  registrar_start_again (self.registrar);
  began = g_get_monotonic_time ();
  AWAIT (self.stage, registrar_count_contacts (self.registrar, "alice") == 1);
  g_assert_cmpint (g_get_monotonic_time () - began, <,
                   (stage_is_slow () ? 60 : 35) * G_USEC_PER_SEC);
  account_await_state (self.stage, "alice", "registered");
  end (&self);
}

/* Away for longer than the registration lasts: failed, with a reason, and found again. Meanwhile
 * the attempts come as the back-off says, and an account elsewhere does not notice. */
static void
test_long_absence (void)
{
  RegistrarOptions options = { .host = NETWORK_HERE, .max_expires = 12 };
  Outage self = { 0 };
  g_autofree char *other = NULL;
  Registrar *elsewhere;

  network_reset_cable ();
  self.stage = stage_new (STAGE_OWN_BUS);
  self.registrar = registrar_start (self.stage, &options);
  elsewhere = registrar_start (self.stage, &options);
  stage_write_settings (self.stage, SETTINGS);
  other = g_strdup_printf ("[account]\naddress=sip:bob@deflect.example\nregistrar=%s\n"
                           "password=" REGISTRAR_PASSWORD "\n",
                           registrar_get_address (elsewhere));
  stage_write_account (self.stage, "bob", other);
  registrar_write_account (self.registrar, "");
  stage_wrap_daemon (self.stage, network_get_desk_command ());
  stage_start_daemon (self.stage);
  account_await_state (self.stage, "alice", "registered");
  account_await_state (self.stage, "bob", "registered");
  registrar_kill (self.registrar);
  account_await_state (self.stage, "alice", "failed");
  account_await_reason (self.stage, "alice", NETWORK_HERE);
  let_pass (&self, 5);
  g_assert_cmpuint (account_count_in_state (self.stage, "registered"), ==, 1);
  registrar_start_again (self.registrar);
  account_await_state (self.stage, "alice", "registered");
  registrar_free (elsewhere);
  end (&self);
}

int
main (int argc, char **argv)
{
  static const Way downs[] = {
    { "/outage/link-down/udp", "", "transport=udp\n", TRUE },
    { "/outage/link-down/tcp", "WITH_TCP", "transport=tcp\n", FALSE },
  };
  static const Way changes[] = {
    { "/outage/address-changed/udp", "", "transport=udp\n", FALSE },
    { "/outage/address-changed/tcp", "WITH_TCP WITH_NATHELPER", "transport=tcp\n", FALSE },
  };
  static const Way restarts[] = {
    { "/outage/restart/udp", "", "transport=udp\n", FALSE },
    { "/outage/restart/tcp", "WITH_TCP", "transport=tcp\n", FALSE },
  };

  network_enter ();
  g_test_init (&argc, &argv, NULL);
  if (getuid () == 0)
    network_lay_cable ();
  for (guint i = 0; i < G_N_ELEMENTS (downs); i++)
    g_test_add_data_func (downs[i].path, &downs[i], test_link_down);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    g_test_add_data_func (changes[i].path, &changes[i], test_address_changed);
  for (guint i = 0; i < G_N_ELEMENTS (restarts); i++)
    g_test_add_data_func (restarts[i].path, &restarts[i], test_restart);
  g_test_add_func ("/outage/long-absence", test_long_absence);
  return g_test_run ();
}
