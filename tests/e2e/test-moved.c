/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The registrar is elsewhere from now on, and only the DNS says so. */

#include <signal.h>
#include <string.h>

#include "account-view.h"
#include "names.h"
#include "registrar.h"
#include "stage/name-server.h"

#define NAME_SERVER "127.0.0.53"
#define FIRST "127.0.0.1"
#define SECOND "127.0.0.2"

typedef struct
{
  Stage *stage;
  NameServer *names;
  Registrar *first, *second; /* at the same port */
} Move;

static void
set_up (Move *self)
{
  RegistrarOptions options = { .host = FIRST, .max_expires = 12 };

  self->stage = stage_new (STAGE_OWN_BUS);
  self->names = name_server_new (NAME_SERVER);
  self->first = registrar_start (self->stage, &options);
  options.host = SECOND;
  options.port = registrar_get_port (self->first);
  self->second = registrar_start (self->stage, &options);
  stage_write_settings (self->stage, "[daemon]\nlisten=udp:*:0\nt1=100\nregister-retry=5\n"
                                     "register-retry-max=30\n");
}

static void
tear_down (Move *self)
{
  stage_signal_daemon (self->stage, SIGTERM);
  stage_await_daemon_end (self->stage);
  g_assert_cmpuint (registrar_count_contacts (self->second, "alice"), ==, 0);
  registrar_free (self->first);
  registrar_free (self->second);
  name_server_free (self->names);
  stage_free (self->stage);
}

static void
start_at_first (Move *self)
{
  stage_start_daemon (self->stage);
  account_await_state (self->stage, "alice", "registered");
  g_assert_cmpuint (registrar_count_contacts (self->first, "alice"), ==, 1);
  g_assert_cmpuint (registrar_count_contacts (self->second, "alice"), ==, 0);
}

static void
await_second (Move *self)
{
  g_autofree char *server = NULL;

  AWAIT (self->stage, registrar_count_contacts (self->second, "alice") == 1);
  account_await_state (self->stage, "alice", "registered");
  server = account_get_text (self->stage, "alice", "Server");
  g_assert_cmpstr (server, ==, registrar_get_address (self->second));
}

/* The name gets another address, and the old server ends. */
static void
test_address (void)
{
  Move self = { 0 };
  g_autofree char *lines = NULL;

  set_up (&self);
  name_server_add (self.names, "sip.deflect.example", "A", FIRST);
  lines = g_strdup_printf ("[account]\naddress=sip:alice@deflect.example\n"
                           "registrar=sip.deflect.example:%u\npassword=" REGISTRAR_PASSWORD "\n",
                           registrar_get_port (self.first));
  stage_write_account (self.stage, "alice", lines);
  start_at_first (&self);
  name_server_clear (self.names);
  name_server_add (self.names, "sip.deflect.example", "A", SECOND);
  registrar_kill (self.first);
  await_second (&self);
  tear_down (&self);
}

/* Two servers stand in the DNS; the first one ends. */
static void
test_failover (void)
{
  Move self = { 0 };
  g_autofree char *one = NULL;
  g_autofree char *two = NULL;

  set_up (&self);
  one = g_strdup_printf ("10 60 %u one.deflect.example", registrar_get_port (self.first));
  two = g_strdup_printf ("20 60 %u two.deflect.example", registrar_get_port (self.second));
  name_server_add (self.names, "_sip._udp.deflect.example", "SRV", one);
  name_server_add (self.names, "_sip._udp.deflect.example", "SRV", two);
  name_server_add (self.names, "one.deflect.example", "A", FIRST);
  name_server_add (self.names, "two.deflect.example", "A", SECOND);
  stage_write_account (self.stage, "alice",
                       "[account]\naddress=sip:alice@deflect.example\n"
                       "password=" REGISTRAR_PASSWORD "\n");
  start_at_first (&self);
  registrar_kill (self.first);
  await_second (&self);
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  name_server_enter ("nameserver " NAME_SERVER "\n");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/moved/address", test_address);
  g_test_add_func ("/moved/failover", test_failover);
  return g_test_run ();
}
