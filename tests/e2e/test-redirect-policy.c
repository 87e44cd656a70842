/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* `deflectctl account test` with an account at a real Kamailio, beside a softphone: what it tells
 * is what is true of that server, and is remembered. */

#include <string.h>

#include "account-view.h"
#include "registrar.h"

typedef struct
{
  const char *recipe;
  gboolean rings; /* the target, before the softphone declines */
  const char *rang;
  const char *says;
  const char *policy;
} Server;

/* An account of the daemon's own, which may remember something. */
static void
add_account (Stage *stage, Registrar *registrar)
{
  g_autofree char *address = g_strdup_printf ("registrar=%s", registrar_get_address (registrar));
  g_autofree char *password = g_build_filename (stage_get_directory (stage), "password", NULL);

  g_assert_true (g_file_set_contents (password, REGISTRAR_PASSWORD "\n", -1, NULL));
  stage_write_account (stage, "alice", NULL);
  stage_start_daemon (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "add", "work",
                                     "sip:alice@deflect.example", address, "--password-file",
                                     password, NULL),
                   ==, 0);
  account_await_state (stage, "work", "registered");
}

static Player *
start_test (Stage *stage, const char *target, const char *rang)
{
  g_autofree char *option = g_strconcat ("--rang=", rang, NULL);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  Player *player;
  char *seen = NULL;

  for (const char **word = (const char *[]){ "deflectctl", "--bus", stage_get_bus_address (stage),
                                             "account", "test", "work", target, option, NULL };
       *word != NULL; word++)
    g_ptr_array_add (argv, (gpointer)*word);
  player = stage_play_argv_as (stage, 0, argv);
  AWAIT (stage, (g_free (seen), seen = player_read_output (player),
                 strstr (seen, "Waiting for the call") != NULL));
  g_free (seen);
  return player;
}

static void
test_server (gconstpointer data)
{
  const Server *server = data;
  RegistrarOptions options = { .recipe = server->recipe };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);
  g_autoptr (Phone) softphone = phone_start (stage, "603 Decline", 2000);
  g_autoptr (Phone) mobile = phone_start (stage, "200 OK", 100);
  g_autofree char *target = g_strdup_printf ("sip:target@127.0.0.1:%u", phone_get_port (mobile));
  g_autofree char *policy = NULL;
  g_autofree char *output = NULL;
  Player *test, *caller;

  add_account (stage, registrar);
  registrar_add_contact (registrar, "phone", phone_get_port (softphone), ";q=0.5");
  policy = account_get_text (stage, "work", "RedirectPolicy");
  g_assert_cmpstr (policy, ==, "unknown");

  /* What the person is going to see is known beforehand. */
  test = start_test (stage, target, server->rang);
  caller = stage_call (stage, "call.xml", "u1", "127.0.0.1", registrar_get_port (registrar), NULL);
  player_await_success (stage, test);
  player_await_success (stage, caller);
  g_assert_cmpint (phone_count (mobile, "INVITE sip:") > 0, ==, server->rings);
  output = player_read_output (test);
  g_assert_nonnull (strstr (output, "The server acknowledged the redirect after"));
  g_assert_nonnull (strstr (output, server->says));
  g_free (policy);
  policy = account_get_text (stage, "work", "RedirectPolicy");
  g_assert_cmpstr (policy, ==, server->policy);
}

int
main (int argc, char **argv)
{
  static const Server plain = { "plain", FALSE, "no", "did not follow it", "refused" };
  static const Server parallel = { "parallel", TRUE, "yes", "follows redirects", "honoured" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/redirect-policy/plain", &plain, test_server);
  g_test_add_data_func ("/redirect-policy/parallel", &parallel, test_server);
  return g_test_run ();
}
