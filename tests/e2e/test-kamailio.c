/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a real proxy in front makes of our 302, alone and beside a softphone. What is asserted
 * here is what data/recipes/README.md says. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "names.h"

#define TARGET "sip:+4915550100@mobile.example"

static gboolean
port_is_taken (guint port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16)port) };
  int socket_fd = socket (AF_INET, SOCK_DGRAM, 0);
  gboolean taken;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  taken = bind (socket_fd, (struct sockaddr *)&address, sizeof address) != 0;
  close (socket_fd);
  return taken;
}

/* A copy of a file of tests/e2e/scenarios in the stage's directory, with words replaced: pairs of
 * what and with what, up to NULL. */
static char *
fill_in (Stage *stage, const char *name, const char *const *words)
{
  g_autofree char *from = g_test_build_filename (G_TEST_DIST, "e2e", "scenarios", name, NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GString) text = NULL;
  g_autoptr (GError) error = NULL;
  char *to = g_build_filename (stage_get_directory (stage), name, NULL);

  g_file_get_contents (from, &contents, NULL, &error);
  g_assert_no_error (error);
  text = g_string_new (contents);
  for (; *words != NULL; words += 2)
    g_string_replace (text, words[0], words[1], 0);
  g_file_set_contents (to, text->str, -1, &error);
  g_assert_no_error (error);
  return to;
}

/* Kamailio between the caller and us; with phone_port it forks to that too. Returns its port. */
static Player *
start_kamailio (Stage *stage, guint phone_port, guint *port)
{
  const char *directory = stage_get_directory (stage);
  g_autofree char *own_port = NULL;
  g_autofree char *our_port = g_strdup_printf ("%u", stage_get_port (stage, "udp:127.0.0.1:"));
  g_autofree char *fork = g_strdup_printf ("append_branch(\"sip:alice@127.0.0.1:%u\");",
                                           phone_port);
  g_autofree char *file = NULL;
  Player *player;

  *port = stage_find_free_port ();
  own_port = g_strdup_printf ("%u", *port);
  file = fill_in (stage, "kamailio.cfg",
                  (const char *[]){ "@PORT@", own_port, "@DEFLECTD@", our_port, "@FORK@",
                                    phone_port != 0 ? fork : "", NULL });
  player = stage_play (stage, "kamailio", "-DD", "-E", "-f", file, "-Y", directory, "-w", directory,
                       "-m", "16", "-M", "4", NULL);
  AWAIT (stage, port_is_taken (*port) || player_has_ended (player));
  if (player_has_ended (player))
    player_await_success (stage, player);
  return player;
}

static void
stop_kamailio (Stage *stage, Player *player)
{
  player_signal (player, SIGTERM);
  player_await (stage, player);
}

/* The softphone answers so many milliseconds after it began to ring. */
static Player *
start_phone (Stage *stage, guint *port, const char *answer, guint delay)
{
  g_autofree char *scenario = fill_in (stage, "phone.xml",
                                       (const char *[]){ "@ANSWER@", answer, NULL });
  g_autofree char *at = NULL;
  g_autofree char *milliseconds = g_strdup_printf ("%u", delay);
  Player *player;

  *port = stage_find_free_port ();
  at = g_strdup_printf ("%u", *port);
  player = stage_play (stage, "sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", at, "-m", "1",
                       "-nostdin", "-d", milliseconds, NULL);
  AWAIT (stage, port_is_taken (*port) || player_has_ended (player));
  if (player_has_ended (player))
    player_await_success (stage, player);
  return player;
}

/* Nobody else rings: the 302 is the caller's at once. */
static void
test_alone (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *trace = NULL;
  Player *kamailio, *caller;
  guint port;

  stage_start_daemon (stage);
  kamailio = start_kamailio (stage, 0, &port);
  caller = stage_call (stage, "call.xml", "u1", "127.0.0.1", port, NULL);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "SIP/2.0 302 "));
  g_assert_nonnull (strstr (trace, "<" TARGET ">"));
  stop_kamailio (stage, kamailio);
}

/* The caller gives up: Kamailio's CANCEL is as good as the caller's own. */
static void
test_cancel (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *kamailio, *caller;
  guint port;

  stage_start_daemon (stage);
  kamailio = start_kamailio (stage, 0, &port);
  caller = stage_call (stage, "cancel.xml", "u1", "127.0.0.1", port, NULL);
  call = stage_await_call (stage);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered idle:cancelled removed");
  stop_kamailio (stage, kamailio);
}

typedef struct
{
  const char *answer; /* of the softphone */
  guint delay;        /* milliseconds */
  gboolean redirect;  /* before the softphone answers */
  const char *result; /* what the caller gets */
  const char *story;  /* what the bus tells */
} Fork;

static void
test_fork (gconstpointer data)
{
  const Fork *fork = data;
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *trace = NULL;
  Player *kamailio, *caller;
  guint port, phone_port;

  stage_start_daemon (stage);
  start_phone (stage, &phone_port, fork->answer, fork->delay);
  kamailio = start_kamailio (stage, phone_port, &port);
  caller = stage_call (stage, "call.xml", "u1", "127.0.0.1", port, NULL);
  call = stage_await_call (stage);
  if (fork->redirect)
    g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, fork->story);
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, fork->result));
  stop_kamailio (stage, kamailio);
}

int
main (int argc, char **argv)
{
  static const char redirected[] = "offered redirecting idle:redirected removed";
  static const Fork busy = { "486 Busy Here", 2000, TRUE, "SIP/2.0 302 ", redirected };
  static const Fork declines = { "603 Decline", 2000, TRUE, "SIP/2.0 603 ", redirected };
  static const Fork answers = { "200 OK", 2000, TRUE, "SIP/2.0 200 ", redirected };
  static const Fork nothing = { "486 Busy Here", 60000, TRUE, "SIP/2.0 302 ", redirected };
  static const Fork first = { "200 OK", 200, FALSE, "SIP/2.0 200 ",
                              "offered idle:answered-elsewhere removed" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kamailio/alone", test_alone);
  g_test_add_func ("/kamailio/cancel", test_cancel);
  g_test_add_data_func ("/kamailio/fork/busy", &busy, test_fork);
  g_test_add_data_func ("/kamailio/fork/declines", &declines, test_fork);
  g_test_add_data_func ("/kamailio/fork/answers-later", &answers, test_fork);
  g_test_add_data_func ("/kamailio/fork/rings-on", &nothing, test_fork);
  g_test_add_data_func ("/kamailio/fork/answers-first", &first, test_fork);
  return g_test_run ();
}
