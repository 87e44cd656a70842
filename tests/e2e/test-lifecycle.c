/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon starts, reads its settings again, ends, dies and comes back, with calls in hand. */

#include <gio/gunixsocketaddress.h>
#include <signal.h>
#include <sys/stat.h>

#include "harness-private.h"
#include "harness.h"
#include "names.h"
#include "wire.h"

#define TARGET "sip:+4915550100@mobile.example"

/* From fork to name owned, ports bound: the best of five, so that a busy machine does not count. */
static void
test_start_up_time (void)
{
  gint64 best = G_MAXINT64;

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
      gint64 took = stage_start_daemon (stage);

      best = MIN (best, took);
    }
  g_test_message ("Start to name owned and ports bound: %.1f ms", (double)best / 1000);
  if (!stage_is_slow ())
    g_assert_cmpint (best, <, 100 * 1000);
}

/* SIGTERM: every offered call is declined with 480, acknowledged, announced; then the daemon goes.
 */
static void
test_terminate (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  Player *callers[3];
  char *calls[3];

  stage_start_daemon (stage);
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      callers[i] = stage_call_alice (stage);
      calls[i] = stage_await_call (stage);
    }
  stage_signal_daemon (stage, SIGTERM);
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      g_autofree char *trace = NULL;

      player_await_success (stage, callers[i]);
      trace = player_read_trace (callers[i]);
      g_assert_nonnull (strstr (trace, "SIP/2.0 480 "));
      stage_await_story (stage, calls[i], "offered declining idle:declined removed");
      g_free (calls[i]);
    }
  stage_await_daemon_end (stage);
}

/* A caller who never acknowledges does not keep the daemon from ending. */
static void
test_terminate_unacknowledged (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;
  gint64 began;

  stage_start_daemon (stage);
  wire = wire_new (stage, stage_get_port (stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (stage);
  began = g_get_monotonic_time ();
  stage_signal_daemon (stage, SIGTERM);
  wire_await_response (wire, 480, "INVITE");
  stage_await_daemon_end (stage);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 20 * G_USEC_PER_SEC);
}

static gboolean
account_exists (Stage *stage, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = stage_invoke (stage, DFL_ROOT_PATH,
                                               "org.freedesktop.DBus.ObjectManager",
                                               "GetManagedObjects", NULL, &error);
  g_autofree char *property = g_strdup_printf ("'Name': <'%s'>", name);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = g_variant_print (objects, FALSE);
  return strstr (text, property) != NULL;
}

/* SIGHUP reads accounts anew; calls that are offered stay, also those of an account that goes. */
static void
test_reload (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);

  stage_write_account (stage, "bob",
                       "[account]\naddress=sip:bob@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\n");
  stage_signal_daemon (stage, SIGHUP);
  AWAIT (stage, account_exists (stage, "bob"));
  g_assert_cmpstr (stage_get_story (stage, call), ==, "offered");

  stage_write_account (stage, "alice", NULL);
  stage_signal_daemon (stage, SIGHUP);
  AWAIT (stage, !account_exists (stage, "alice")
                    || !g_str_equal (stage_get_story (stage, call), "offered"));
  g_assert_cmpstr (stage_get_story (stage, call), ==, "offered");

  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
}

/* A bad line takes its own account down, with file, line, key and what was expected; no other. */
static void
test_bad_account (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *log = NULL;
  g_autofree char *accounts = NULL;
  Player *caller;

  stage_write_account (stage, "broken",
                       "[account]\naddress=sip:bob@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nring-limit=soon\n");
  stage_start_daemon (stage);
  log = stage_read_log (stage);
  g_assert_nonnull (strstr (log, "broken.conf:5"));
  g_assert_nonnull (strstr (log, "ring-limit"));
  g_assert_cmpint (stage_deflectctl (stage, &accounts, "account", "list", "--json", NULL), ==, 0);
  g_assert_nonnull (strstr (accounts, "broken.conf:5"));

  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "decline", NULL), ==, 0);
  player_await_success (stage, caller);
}

/* A bad line in deflectd.conf: the daemon says which, and does not start. */
static void
test_bad_settings (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "daemon", "deflectd", NULL);
  g_autofree char *config = g_build_filename (stage_get_directory (stage), "config", NULL);
  g_autofree char *state = g_build_filename (stage_get_directory (stage), "state", NULL);
  g_autofree char *errors = NULL;
  Player *daemon;

  stage_write_settings (stage, "[daemon]\nlisten=tls:*:0\n");
  daemon = stage_play (stage, program, "--config-dir", config, "--state-dir", state, "--bus",
                       stage_get_bus_address (stage), NULL);
  g_assert_cmpint (player_await (stage, daemon), >, 0);
  errors = player_read_errors (daemon);
  g_assert_nonnull (strstr (errors, "deflectd.conf:2"));
  g_assert_nonnull (strstr (errors, "listen"));
}

/* The daemon dies after the INVITE came, and is back before the caller sends it again. */
static void
test_restart (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Wire) wire = NULL;
  g_autofree char *settings = NULL;
  g_autofree char *lost = NULL;
  g_autofree char *call = NULL;
  guint port;

  stage_start_daemon (stage);
  port = stage_get_port (stage, "udp:127.0.0.1:");
  wire = wire_new (stage, port);
  wire_invite (wire);
  lost = stage_await_call (stage);
  stage_signal_daemon (stage, SIGKILL);
  stage_await_daemon_end (stage);
  wire_invite (wire);

  settings = g_strdup_printf ("[daemon]\nlisten=udp:127.0.0.1:%u\n", port);
  stage_write_settings (stage, settings);
  stage_start_daemon (stage);
  wire_invite (wire);
  wire_invite (wire);
  call = stage_await_call (stage);
  g_assert_cmpstr (call, !=, lost);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", "--no-wait", TARGET, NULL), ==, 0);
  wire_await_response (wire, 302, "INVITE");
  wire_acknowledge (wire);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  g_assert_cmpuint (stage_count_calls (stage), ==, 2);
}

/* A second daemon on the same bus says so and leaves; the first one goes on. */
static void
test_second_daemon (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "daemon", "deflectd", NULL);
  g_autofree char *config = g_build_filename (stage_get_directory (stage), "config", NULL);
  g_autofree char *state = g_build_filename (stage_get_directory (stage), "state", NULL);
  g_autofree char *errors = NULL;
  Player *second;

  stage_start_daemon (stage);
  second = stage_play (stage, program, "--config-dir", config, "--state-dir", state, "--bus",
                       stage_get_bus_address (stage), NULL);
  g_assert_cmpint (player_await (stage, second), >, 0);
  errors = player_read_errors (second);
  g_assert_nonnull (strstr (errors, DFL_BUS_NAME));
  g_assert_cmpint (stage_deflectctl (stage, NULL, "status", NULL), ==, 0);
}

/* --- Below a service manager --- */

#define WATCHDOG_INTERVAL 400 /* milliseconds */

/* What systemd would be: the socket of sd_notify(3), and all that was said on it. */
typedef struct
{
  Stage *stage;
  GSocket *socket;
  GString *heard; /* a message per line, its own lines joined with spaces */
} Manager;

/* How often something was said so far. */
static guint
manager_count (Manager *self, const char *word)
{
  char text[1024];
  gssize length;
  guint n = 0;

  while ((length = g_socket_receive (self->socket, text, sizeof text - 1, NULL, NULL)) > 0)
    {
      text[length] = '\0';
      g_strdelimit (text, "\n", ' ');
      g_string_append_printf (self->heard, "%s\n", text);
    }
  for (const char *found = self->heard->str; (found = strstr (found, word)) != NULL; found++)
    n++;
  return n;
}

static gboolean
manager_heard (Manager *self, const char *word)
{
  return manager_count (self, word) > 0;
}

static void
manager_forget (Manager *self)
{
  manager_count (self, "\n");
  g_string_truncate (self->heard, 0);
}

/* watched: for whom WATCHDOG_PID says the watchdog is; $$ is the daemon. */
static Manager *
manager_start_daemon (const char *watched)
{
  Manager *self = g_new0 (Manager, 1);
  g_autofree char *command = NULL;
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  self->stage = stage_new (STAGE_OWN_BUS);
  self->heard = g_string_new (NULL);
  path = g_build_filename (stage_get_directory (self->stage), "notify", NULL);
  address = g_unix_socket_address_new (path);
  self->socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_DATAGRAM,
                               G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  g_socket_bind (self->socket, address, FALSE, &error);
  g_assert_no_error (error);
  g_socket_set_blocking (self->socket, FALSE);

  command = g_strdup_printf ("env NOTIFY_SOCKET=%s WATCHDOG_USEC=%u "
                             "sh -c 'export WATCHDOG_PID=%s; exec \"$@\"' sh",
                             path, WATCHDOG_INTERVAL * 1000, watched);
  stage_wrap_daemon (self->stage, command);
  stage_start_daemon (self->stage);
  AWAIT (self->stage, manager_heard (self, "READY=1\n"));
  return self;
}

static void
manager_free (Manager *self)
{
  stage_free (self->stage);
  g_object_unref (self->socket);
  g_string_free (self->heard, TRUE);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Manager, manager_free)

static void
test_notify (void)
{
  g_autoptr (Manager) manager = manager_start_daemon ("1");
  g_autoptr (Wire) wire = NULL;
  g_autofree char *call = NULL;

  g_assert_cmpstr (manager->heard->str, ==, "READY=1\n");
  manager_forget (manager);
  stage_signal_daemon (manager->stage, SIGHUP);
  AWAIT (manager->stage, manager_heard (manager, "READY=1\n"));
  g_assert_true (g_regex_match_simple ("^RELOADING=1 MONOTONIC_USEC=[1-9][0-9]*\nREADY=1\n$",
                                       manager->heard->str, G_REGEX_DEFAULT,
                                       G_REGEX_MATCH_DEFAULT));

  /* It is said at the beginning of the end: somebody is still to acknowledge. */
  wire = wire_new (manager->stage, stage_get_port (manager->stage, "udp:127.0.0.1:"));
  wire_invite (wire);
  call = stage_await_call (manager->stage);
  manager_forget (manager);
  stage_signal_daemon (manager->stage, SIGTERM);
  wire_await_response (wire, 480, "INVITE");
  g_assert_true (manager_heard (manager, "STOPPING=1\n"));
  wire_acknowledge (wire);
  stage_await_daemon_end (manager->stage);
  g_assert_cmpstr (manager->heard->str, ==, "STOPPING=1\n");
}

static gboolean
is_stopped (Stage *stage)
{
  const char *pid = g_subprocess_get_identifier (stage->daemon->process);
  g_autofree char *path = g_strdup_printf ("/proc/%s/status", pid);
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return strstr (text, "\nState:\tT") != NULL;
}

/* While the main loop turns, and only then. */
static void
test_watchdog (void)
{
  g_autoptr (Manager) manager = manager_start_daemon ("$$");
  gint64 stopped;

  AWAIT (manager->stage, manager_count (manager, "WATCHDOG=1\n") >= 4);
  stage_signal_daemon (manager->stage, SIGSTOP);
  AWAIT (manager->stage, is_stopped (manager->stage));
  manager_forget (manager);
  stopped = g_get_monotonic_time ();
  AWAIT (manager->stage, g_get_monotonic_time () - stopped > 2 * WATCHDOG_INTERVAL * 1000);
  g_assert_false (manager_heard (manager, "WATCHDOG"));
  stage_signal_daemon (manager->stage, SIGCONT);
  AWAIT (manager->stage, manager_count (manager, "WATCHDOG=1\n") >= 2);
}

/* The watchdog of somebody else is none of ours. */
static void
test_watchdog_of_another (void)
{
  g_autoptr (Manager) manager = manager_start_daemon ("1");
  gint64 began = g_get_monotonic_time ();

  AWAIT (manager->stage, g_get_monotonic_time () - began > 2 * WATCHDOG_INTERVAL * 1000);
  g_assert_false (manager_heard (manager, "WATCHDOG"));
}

/* The bus is killed: callers are told, and the exit status tells whoever is to start it again. */
static void
test_bus_dies (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *call = NULL;
  g_autofree char *trace = NULL;
  g_autofree char *log = NULL;
  Player *caller;

  stage_start_daemon (stage);
  caller = stage_call_alice (stage);
  call = stage_await_call (stage);
  player_signal (stage->bus_daemon, SIGKILL);
  player_await_success (stage, caller);
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "SIP/2.0 480 "));
  g_assert_cmpint (player_await (stage, stage->daemon), ==, 1);
  log = stage_read_log (stage);
  g_assert_nonnull (strstr (log, "lost the connection to the bus; start deflectd again"));
  stage->daemon = NULL;
}

/* Neither the user's other programs nor a core shows what the daemon knows. */
static void
test_memory (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *directory = NULL;
  g_autofree char *limits = NULL;
  g_autofree char *text = NULL;
  g_autofree char *environment = NULL;
  struct stat status;

  stage_start_daemon (stage);
  directory = g_strdup_printf ("/proc/%s", g_subprocess_get_identifier (stage->daemon->process));
  limits = g_build_filename (directory, "limits", NULL);
  environment = g_build_filename (directory, "environ", NULL);
  g_assert_true (g_file_get_contents (limits, &text, NULL, NULL));
  g_assert_true (g_regex_match_simple ("^Max core file size +0 +0 ", text, G_REGEX_MULTILINE,
                                       G_REGEX_MATCH_DEFAULT));
  /* What is hidden the kernel gives to root, which shows where the daemon is somebody else; see the
   * test of the installation for a case that always is. */
  g_assert_cmpint (stat (environment, &status), ==, 0);
  if (!stage_is_slow ())
    g_assert_cmpuint (status.st_uid, ==, 0);
}

static void
test_no_daemon (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);

  g_assert_cmpint (stage_deflectctl (stage, NULL, "list", NULL), ==, 8);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lifecycle/start-up-time", test_start_up_time);
  g_test_add_func ("/lifecycle/terminate", test_terminate);
  g_test_add_func ("/lifecycle/terminate-unacknowledged", test_terminate_unacknowledged);
  g_test_add_func ("/lifecycle/reload", test_reload);
  g_test_add_func ("/lifecycle/bad-account", test_bad_account);
  g_test_add_func ("/lifecycle/bad-settings", test_bad_settings);
  g_test_add_func ("/lifecycle/restart", test_restart);
  g_test_add_func ("/lifecycle/second-daemon", test_second_daemon);
  g_test_add_func ("/lifecycle/no-daemon", test_no_daemon);
  g_test_add_func ("/lifecycle/notify", test_notify);
  g_test_add_func ("/lifecycle/watchdog", test_watchdog);
  g_test_add_func ("/lifecycle/watchdog-of-another", test_watchdog_of_another);
  g_test_add_func ("/lifecycle/bus-dies", test_bus_dies);
  g_test_add_func ("/lifecycle/memory", test_memory);
  return g_test_run ();
}
