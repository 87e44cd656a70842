/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One user asks as much as the bus lets it, while another one redirects calls, one after the other,
 * with the real dbus-daemon and the real polkitd. The daemon's bus room, the one who floods and the
 * one who redirects are processes of their own.
 */

#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bus/deaf.h"
#include "bus/fixture.h"
#include "bus/flooder.h"
#include "bus/message.h"
#include "bus/polkit.h"
#include "data/names.h"
#include "fakes/samples.h"
#include "loop-clock.h"
#include "stage/polkitd.h"

#define SERVER_ROLE "--server"
/* One who redirects 500 calls a second would be a flood as well. */
#define PAUSE 5000
/* The uid of bin. */
#define FLOODER 2
#define IDLE_SAMPLES 200
#define FLOOD_SAMPLES 300
#define N_CALLS (IDLE_SAMPLES + FLOOD_SAMPLES)

/* --- The daemon's bus room in a process --- */

static DflAccountSettings *
make_settings (const char *name, const char *user)
{
  DflAccountSettings *settings = dfl_sample_settings (name);

  settings->max_offers = N_CALLS + 1;
  g_strfreev (settings->users);
  settings->users = g_strsplit (user, ",", -1);
  return settings;
}

static void
offer (DflSwitchboard *switchboard, DflAccount *account, DflClock *clock, DflFakeLine *line)
{
  guint n = g_str_equal (dfl_account_get_settings (account)->name, "alice") ? N_CALLS : 1;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s-%u", dfl_account_get_id (account), i);
      g_autoptr (GError) error = NULL;

      dfl_switchboard_offer (switchboard, account, dfl_sample_offer (clock, id), DFL_LINE (line),
                             dfl_fake_line_add_leg (line), &error);
      g_assert_no_error (error);
    }
}

static void
on_owned (const GError *error, gpointer data)
{
  g_assert_no_error (error);
  g_print ("ready\n");
  fflush (stdout);
}

static gboolean
on_input (gint fd, GIOCondition condition, gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static int
server_main (const char *address)
{
  static const char *const listening[] = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (DflConnection) connection = dfl_connection_new (address, &error);
  g_autoptr (DflClock) clock = dfl_loop_clock_new ();
  g_autoptr (DflFakeLine) line = dfl_fake_line_new ();
  g_autoptr (DflAuthority) authority = dfl_polkit_authority_new ();
  g_autoptr (DflSwitchboard) switchboard = dfl_switchboard_new (clock, 2 * N_CALLS);
  g_autoptr (GPtrArray) settings = g_ptr_array_new_with_free_func (
      (GDestroyNotify)dfl_account_settings_free);
  g_autoptr (GPtrArray) accounts = NULL;
  g_autoptr (DflService) service = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_assert_no_error (error);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  g_ptr_array_add (settings, make_settings ("alice", "daemon"));
  g_ptr_array_add (settings, make_settings ("bob", "bin"));
  dfl_switchboard_set_accounts (switchboard, g_steal_pointer (&settings));
  service = dfl_service_new (connection, DFL_BUS_SYSTEM, authority, switchboard, clock, listening);
  accounts = dfl_switchboard_get_accounts (switchboard);
  for (guint i = 0; i < accounts->len; i++)
    offer (switchboard, g_ptr_array_index (accounts, i), clock, line);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, loop);
  dfl_connection_request_name (connection, DFL_BUS_NAME, on_owned, NULL);
  g_main_loop_run (loop);
  dfl_service_close (service);
  return 0;
}

/* --- The world --- */

typedef struct
{
  TestBus *bus;
  Polkitd *polkitd;
  GSubprocess *server;
  sd_bus *root;
  sd_bus *victim;
  GPtrArray *calls;              /* paths of those of the victim that are still offered */
  char *call, *account, *hidden; /* what the flood is about */
} World;

static sd_bus *
connect_user (World *self, guint32 uid)
{
  return deaf_connect (self->bus->address, uid);
}

static void
start_server (World *self)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *line = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_launcher_setenv (launcher, "DBUS_SYSTEM_BUS_ADDRESS", self->bus->address, TRUE);
  self->server = g_subprocess_launcher_spawn (launcher, &error, program, SERVER_ROLE,
                                              self->bus->address, NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->server));
  line = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_cmpstr (line, ==, "ready");
}

/* A call without arguments or with what append appends; the answer. */
static sd_bus_message *
call (sd_bus *bus, const char *path, const char *interface, const char *member, const char *text)
{
  g_autoptr (sd_bus_message) request = NULL;
  sd_bus_message *answer = NULL;
  sd_bus_error error = SD_BUS_ERROR_NULL;

  g_assert_cmpint (sd_bus_message_new_method_call (bus, &request, DFL_BUS_NAME, path, interface,
                                                   member),
                   >=, 0);
  if (text != NULL)
    g_assert_cmpint (sd_bus_message_append (request, "sa{sv}", text, 1, "wait", "b", 0), >=, 0);
  if (sd_bus_call (bus, request, UINT64_MAX, &error, &answer) < 0)
    g_error ("%s: %s", error.name, error.message);
  return answer;
}

/* Which objects there are, and whose. */
static void
read_objects (World *self)
{
  g_autoptr (sd_bus_message) answer = call (self->root, DFL_ROOT_PATH,
                                            "org.freedesktop.DBus.ObjectManager",
                                            "GetManagedObjects", NULL);
  const char *path;

  g_assert_cmpint (sd_bus_message_enter_container (answer, 'a', "{oa{sa{sv}}}"), >, 0);
  while (sd_bus_message_enter_container (answer, 'e', "oa{sa{sv}}") > 0)
    {
      g_assert_cmpint (sd_bus_message_read (answer, "o", &path), >, 0);
      if (g_str_has_prefix (path, DFL_CALL_PATH_PREFIX))
        g_ptr_array_add (self->calls, g_strdup (path));
      sd_bus_message_skip (answer, "a{sa{sv}}");
      sd_bus_message_exit_container (answer);
    }
}

/* Whether the user may know of the object; both users' objects look alike to root. */
static gboolean
sees (sd_bus *bus, const char *path)
{
  sd_bus_error error = SD_BUS_ERROR_NULL;
  int result = sd_bus_call_method (bus, DFL_BUS_NAME, path, "org.freedesktop.DBus.Peer", "Ping",
                                   &error, NULL, NULL);

  sd_bus_error_free (&error);
  return result >= 0;
}

static void
find_objects (World *self)
{
  sd_bus *stranger = connect_user (self, FLOODER);
  g_autoptr (sd_bus_message) answer = NULL;
  const char *account;

  read_objects (self);
  for (guint i = 0; self->call == NULL; i = (i + 1) % self->calls->len)
    {
      if (sees (stranger, g_ptr_array_index (self->calls, i)))
        self->call = g_ptr_array_steal_index_fast (self->calls, i);
    }
  self->hidden = g_strdup (g_ptr_array_index (self->calls, 0));
  while (!sees (self->victim, self->hidden))
    ;
  g_assert_cmpint (sd_bus_get_property (stranger, DFL_BUS_NAME, self->call, DFL_CALL_INTERFACE,
                                        "Account", NULL, &answer, "o"),
                   >=, 0);
  g_assert_cmpint (sd_bus_message_read (answer, "o", &account), >, 0);
  self->account = g_strdup (account);
  sd_bus_flush_close_unref (stranger);
}

static World *
world_new (const char *limits)
{
  World *self = g_new0 (World, 1);
  g_autofree char *config
      = g_strdup_printf ("<type>system</type>%s<policy context=\"default\">"
                         "<allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>"
                         "<allow receive_sender=\"*\"/></policy><include>%s</include>",
                         limits, POLKITD_BUS_CONFIG);
  g_autofree char *actions = g_test_build_filename (G_TEST_BUILT, "..", "data",
                                                    "org.deflectd1.policy", NULL);

  self->bus = test_bus_new (config, NULL);
  self->polkitd = polkitd_new (self->bus->address,
                               "polkit.addRule(function(action, subject) {"
                               "  if (action.id == 'org.deflectd1.redirect')"
                               "    return polkit.Result.YES; });",
                               (const char *[]){ actions, NULL }, NULL);
  start_server (self);
  self->calls = g_ptr_array_new_with_free_func (g_free);
  self->root = connect_user (self, 0);
  self->victim = connect_user (self, NEIGHBOUR);
  find_objects (self);
  /* It is subscribed, and would be told everything. */
  sd_bus_flush_close_unref (g_steal_pointer (&self->root));
  self->root = connect_user (self, 0);
  return self;
}

static void
world_free (World *self)
{
  sd_bus_flush_close_unref (self->victim);
  sd_bus_flush_close_unref (self->root);
  g_assert_true (g_output_stream_close (g_subprocess_get_stdin_pipe (self->server), NULL, NULL));
  g_assert_true (g_subprocess_wait_check (self->server, NULL, NULL));
  g_object_unref (self->server);
  polkitd_free (self->polkitd);
  test_bus_free (self->bus);
  g_ptr_array_unref (self->calls);
  g_free (self->call);
  g_free (self->account);
  g_free (self->hidden);
  g_free (self);
}

/* --- Measuring --- */

static int
compare (const void *a, const void *b)
{
  gint64 difference = *(const gint64 *)a - *(const gint64 *)b;

  return difference < 0 ? -1 : difference > 0;
}

/* What it takes the victim to redirect a call, and root to ask polkit; microseconds. */
static gint64
measure_redirect (World *self)
{
  gint64 begin = g_get_monotonic_time ();
  guint last = self->calls->len - 1;
  g_autoptr (sd_bus_message) answer = call (self->victim, g_ptr_array_index (self->calls, last),
                                            DFL_CALL_INTERFACE, "Redirect", "sip:bob@example.org");

  g_ptr_array_remove_index (self->calls, last);
  return g_get_monotonic_time () - begin;
}

static gint64
measure_check (World *self)
{
  gint64 begin = g_get_monotonic_time ();
  g_autoptr (sd_bus_message) answer = NULL;
  sd_bus_error error = SD_BUS_ERROR_NULL;
  const char *name;

  g_assert_cmpint (sd_bus_get_unique_name (self->victim, &name), >=, 0);
  if (sd_bus_call_method (self->root, POLKITD_BUS_NAME, "/org/freedesktop/PolicyKit1/Authority",
                          "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization", &error,
                          &answer, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s", name,
                          "org.deflectd1.redirect", 3, "account", "alice", "action", "redirect",
                          "target", "sip:bob@example.org", 0, "")
      < 0)
    g_error ("%s: %s", error.name, error.message);
  return g_get_monotonic_time () - begin;
}

/* The median of n of them; the 99th percentile and the longest are shown. */
static gint64
take_samples (World *self, const char *what, guint n, gint64 (*measure) (World *self))
{
  g_autofree gint64 *samples = g_new (gint64, n);

  for (guint i = 0; i < n; i++)
    {
      samples[i] = measure (self);
      g_usleep (PAUSE);
    }
  qsort (samples, n, sizeof *samples, compare);
  g_test_message ("%s: median %" G_GINT64_FORMAT " us, 99 %% %" G_GINT64_FORMAT
                  " us, longest %" G_GINT64_FORMAT " us",
                  what, samples[n / 2], samples[n * 99 / 100], samples[n - 1]);
  return samples[n / 2];
}

/*
 * Waits until the bus has taken in what was sent at once. For each request it looks through all
 * that have no answer yet, so tens of thousands keep it busy for seconds, in which nobody's calls
 * get through, to whomever they are: that is not what is measured here.
 */
static void
wait_for_bus (World *self)
{
  gint64 begin = g_get_monotonic_time ();

  for (guint quick = 0; quick < 10; quick++)
    {
      gint64 asked = g_get_monotonic_time ();

      g_assert_cmpint (sd_bus_call_method (self->root, "org.freedesktop.DBus",
                                           "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId",
                                           NULL, NULL, NULL),
                       >=, 0);
      if (g_get_monotonic_time () - asked > 20 * G_TIME_SPAN_MILLISECOND)
        quick = 0;
      g_usleep (PAUSE);
    }
  g_test_message ("The bus took the flood in within %" G_GINT64_FORMAT " ms",
                  (g_get_monotonic_time () - begin) / 1000);
}

static void
flood (World *self, guint n_connections, guint in_flight)
{
  gint64 check = take_samples (self, "CheckAuthorization", 100, measure_check);
  gint64 idle = take_samples (self, "Redirect, idle", IDLE_SAMPLES, measure_redirect);
  Flooder *flooder = flooder_start (self->bus->address, FLOODER, n_connections, in_flight, TRUE,
                                    self->call, self->account, self->hidden);
  gint64 flooded;
  guint answered;

  wait_for_bus (self);
  flooded = take_samples (self, "Redirect, flood", FLOOD_SAMPLES, measure_redirect);
  answered = flooder_stop (flooder);
  g_test_message ("The flood got %u answers", answered);
  g_assert_cmpuint (answered, >, 0);
  g_assert_cmpint (flooded, <=, 2 * idle + check);
}

static void
test_default_limits (void)
{
  World *world = world_new ("");

  flood (world, 256, 128);
  world_free (world);
}

/*
 * What the limits are raised to is not what the flood can use. dbus-daemon looks through the list
 * of all requests on the bus that have no answer yet, with each request and each answer: some
 * 30,000 of them cost every other call on the bus as much as deflectd takes to decide it, whoever
 * they are sent to, and more of them more.
 */
static const char raised_limits[] = "<limit name=\"max_replies_per_connection\">50000</limit>"
                                    "<limit name=\"max_connections_per_user\">100000</limit>"
                                    "<limit name=\"max_completed_connections\">100000</limit>";

static void
test_more_connections (void)
{
  World *world = world_new (raised_limits);

  flood (world, 1000, 20);
  world_free (world);
}

static void
test_more_requests (void)
{
  World *world = world_new (raised_limits);

  flood (world, 10, 2000);
  world_free (world);
}

/* Of descriptors, for the bus and for who floods it. */
static void
raise_limits (void)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

int
main (int argc, char *argv[])
{
  if (argc > 2 && g_str_equal (argv[1], SERVER_ROLE))
    return server_main (argv[2]);
  if (argc > 9 && g_str_equal (argv[1], FLOODER_ROLE))
    return flooder_main (argc, argv);
  g_test_init (&argc, &argv, NULL);
  raise_limits ();

  /* Only root can be several users. */
  if (getuid () == 0)
    {
      g_test_add_func ("/bus/flood/default-limits", test_default_limits);
      g_test_add_func ("/bus/flood/more-connections", test_more_connections);
      g_test_add_func ("/bus/flood/more-requests", test_more_requests);
    }
  return g_test_run ();
}
