/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon behind a NAT, with servers that help (nathelper notes where a REGISTER came from) and
 * servers that do not and call the contact as it is. A call comes through when the NAT would have
 * forgotten twice who is behind it.
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "account-view.h"
#include "names.h"
#include "network.h"
#include "registrar.h"

#define TARGET "sip:+4915550100@mobile.example"

/* What the NAT remembers, a little longer than from one keep-alive to the next. */
#define MEMORY 30
#define WAIT (2 * MEMORY + 5)

typedef struct
{
  const char *name; /* of the account, and of its domain */
  const char *defines;
  const char *transport;
  Registrar *registrar;
} Way;

static void
start (Stage *stage, Way *way)
{
  RegistrarOptions options = { .host = NETWORK_HERE, .defines = way->defines };
  g_autofree char *lines = NULL;

  way->registrar = registrar_start (stage, &options);
  lines = g_strdup_printf ("[account]\naddress=sip:alice@%s.example\nregistrar=%s\ntransport=%s\n"
                           "password=" REGISTRAR_PASSWORD "\n",
                           way->name, registrar_get_address (way->registrar), way->transport);
  stage_write_account (stage, way->name, lines);
}

/* Its one contact; not where the daemon thinks that it is, but where the NAT leads there. */
static char *
find_contact (Way *way)
{
  g_autoptr (GPtrArray) contacts = registrar_list_contacts (way->registrar, "alice");

  if (contacts->len != 1 || strstr (contacts->pdata[0], "@" NETWORK_DESK ":") == NULL)
    return NULL;
  return g_strdup (contacts->pdata[0]);
}

static char *
await_contact (Stage *stage, Way *way)
{
  char *contact = NULL;

  account_await_state (stage, way->name, "registered");
  AWAIT (stage, (contact = find_contact (way)) != NULL);
  return contact;
}

static void
assert_call (Stage *stage, Way *way)
{
  Player *caller = stage_call (stage, "call.xml", "u1", NETWORK_HERE,
                               registrar_get_port (way->registrar), NULL);
  g_autofree char *call = stage_await_call (stage);
  g_autofree char *account = account_find (stage, way->name);
  g_autoptr (GVariant) its_account = stage_get_property (stage, call, DFL_CALL_INTERFACE,
                                                         "Account");
  g_autofree char *trace = NULL;

  g_assert_cmpstr (g_variant_get_string (its_account, NULL), ==, account);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "SIP/2.0 302 "));
  g_assert_nonnull (strstr (trace, "<" TARGET ">"));
}

static void
test_call (void)
{
  Way ways[] = {
    { .name = "udp", .defines = "", .transport = "udp" },
    { .name = "udphelped", .defines = "WITH_NATHELPER", .transport = "udp" },
    { .name = "tcp", .defines = "WITH_TCP", .transport = "tcp" },
    { .name = "tcphelped", .defines = "WITH_TCP WITH_NATHELPER", .transport = "tcp" },
  };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  char *contacts[G_N_ELEMENTS (ways)];
  gint64 until;

  stage_write_account (stage, "alice", NULL);
  stage_write_settings (stage, "");
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    start (stage, &ways[i]);
  stage_wrap_daemon (stage, network_get_desk_command ());
  stage_start_daemon (stage);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    contacts[i] = await_contact (stage, &ways[i]);
  for (until = g_get_monotonic_time () + WAIT * G_USEC_PER_SEC; g_get_monotonic_time () < until;)
    stage_step (stage, G_MAXINT64, "", G_STRLOC);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *now = find_contact (&ways[i]);

      /* Nothing was registered anew to keep the way open. */
      g_assert_cmpstr (now, ==, contacts[i]);
      assert_call (stage, &ways[i]);
    }
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_assert_cmpuint (registrar_count_contacts (ways[i].registrar, "alice"), ==, 0);
      registrar_free (ways[i].registrar);
      g_free (contacts[i]);
    }
}

int
main (int argc, char **argv)
{
  network_enter ();
  g_test_init (&argc, &argv, NULL);
  if (getuid () == 0)
    network_lay_cable_through_nat (MEMORY);
  g_test_add_func ("/nat/call", test_call);
  return g_test_run ();
}
