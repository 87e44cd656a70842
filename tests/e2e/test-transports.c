/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same call over UDP and TCP, IPv4 and IPv6. */

#include "harness.h"
#include "names.h"

#define TARGET "sip:+4915550100@mobile.example"

static void
test_call (gconstpointer data)
{
  const char *const *way = data; /* listen= prefix, host for SIPp, its transport */
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *trace = NULL;
  Player *caller;

  stage_write_settings (stage, "[daemon]\n"
                               "listen=udp:127.0.0.1:0;tcp:127.0.0.1:0;udp:[::1]:0;tcp:[::1]:0\n");
  stage_write_account (stage, "alice",
                       "[account]\naddress=sip:alice@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1;::1\n");
  stage_start_daemon (stage);
  caller = stage_call (stage, "call.xml", way[2], way[1], stage_get_port (stage, way[0]), NULL);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "\nContact: <" TARGET ">\r\n"));
}

/* Any address, any port: what listen= says when nothing is written. */
static void
test_default (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller;

  stage_write_settings (stage, "");
  stage_start_daemon (stage);
  caller = stage_call (stage, "call.xml", "u1", "127.0.0.1", stage_get_port (stage, "udp:"), NULL);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered declining idle:declined removed");
}

int
main (int argc, char **argv)
{
  static const char *const udp4[] = { "udp:127.0.0.1:", "127.0.0.1", "u1" };
  static const char *const tcp4[] = { "tcp:127.0.0.1:", "127.0.0.1", "t1" };
  static const char *const udp6[] = { "udp:[::1]:", "[::1]", "u1" };
  static const char *const tcp6[] = { "tcp:[::1]:", "[::1]", "t1" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/transports/udp4", udp4, test_call);
  g_test_add_data_func ("/transports/tcp4", tcp4, test_call);
  g_test_add_data_func ("/transports/udp6", udp6, test_call);
  g_test_add_data_func ("/transports/tcp6", tcp6, test_call);
  g_test_add_func ("/transports/default", test_default);
  return g_test_run ();
}
