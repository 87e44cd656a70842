/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon of a plain user, on the bus of their session: everything is theirs, nobody is asked,
 * and what they add is kept below their own directories. */

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "names.h"
#include "wire.h"

#define TARGET "sip:+4915550100@mobile.example"

/* Alice, at home. */
typedef struct
{
  Stage *stage;
  char *home;
  char *bus; /* the address of the session's */
  GPtrArray *environment;
  Player *daemon;
} Session;

static char *
in_home (Session *self, const char *name)
{
  return g_build_filename (self->home, name, NULL);
}

/* A program of alice's, by words up to NULL. */
static Player *
play_words (Session *self, const char *const *words)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup ("env"));
  g_ptr_array_add (argv, g_strdup ("-i"));
  for (guint i = 0; i < self->environment->len; i++)
    g_ptr_array_add (argv, g_strdup (self->environment->pdata[i]));
  for (guint i = 0; words[i] != NULL; i++)
    {
      gboolean ours = i == 0 && g_str_has_prefix (words[i], "deflect");

      g_ptr_array_add (argv,
                       ours ? g_build_filename (stage_get_directory (self->stage), words[i], NULL)
                            : g_strdup (words[i]));
    }
  return stage_play_argv_as (self->stage, MACHINE_ALICE, argv);
}

static Player *
play (Session *self, const char *first, ...)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  va_list rest;

  va_start (rest, first);
  for (const char *word = first; word != NULL; word = va_arg (rest, const char *))
    g_ptr_array_add (words, (gpointer)word);
  va_end (rest);
  g_ptr_array_add (words, NULL);
  return play_words (self, (const char *const *)words->pdata);
}

/* Waits for a program's good end; what it said. */
static char *
output_of (Session *self, Player *player)
{
  player_await_success (self->stage, player);
  return player_read_output (player);
}

static gboolean
says (Player *player, const char *text)
{
  g_autofree char *log = player_read_errors (player);

  g_assert_false (player_has_ended (player));
  return strstr (log, text) != NULL;
}

static void
start (Session *self, const char *bus)
{
  self->daemon = play (self, "deflectd", "--bus", bus, NULL);
  AWAIT (self->stage, says (self->daemon, "ready: "));
}

static void
stop (Session *self)
{
  player_signal (self->daemon, SIGTERM);
  g_assert_cmpint (player_await (self->stage, self->daemon), ==, 0);
  self->daemon = NULL;
}

static void
start_bus (Session *self)
{
  g_autofree char *address = g_strdup_printf ("--address=unix:path=%s/bus", self->home);
  g_autofree char *variable = NULL;
  Player *player = play (self, "dbus-daemon", "--session", "--nofork", "--nopidfile",
                         "--print-address=1", address, NULL);

  AWAIT (self->stage, (g_free (self->bus), self->bus = player_read_output (player),
                       strchr (self->bus, '\n') != NULL));
  g_strstrip (self->bus);
  variable = g_strdup_printf ("DBUS_SESSION_BUS_ADDRESS=%s", self->bus);
  g_ptr_array_add (self->environment, g_steal_pointer (&variable));
}

static Session *
session_new (void)
{
  Session *self = g_new0 (Session, 1);

  self->stage = stage_new (STAGE_OWN_BUS);
  self->home = g_build_filename (stage_get_directory (self->stage), "home", NULL);
  g_assert_cmpint (g_mkdir (self->home, 0755), ==, 0);
  g_assert_cmpint (chown (self->home, MACHINE_ALICE, MACHINE_ALICE), ==, 0);
  self->environment = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (self->environment, g_strdup_printf ("HOME=%s", self->home));
  g_ptr_array_add (self->environment, g_strdup_printf ("PATH=%s", g_getenv ("PATH")));
  g_ptr_array_add (self->environment, g_strdup ("LC_ALL=C.UTF-8"));
  start_bus (self);
  return self;
}

static void
session_free (Session *self)
{
  if (self->daemon != NULL)
    stop (self);
  stage_free (self->stage);
  g_ptr_array_unref (self->environment);
  g_free (self->bus);
  g_free (self->home);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Session, session_free)

/* A file of alice's, with its directories. */
static void
write_file (Session *self, const char *name, const char *text)
{
  g_autofree char *path = in_home (self, name);
  g_autofree char *directory = g_path_get_dirname (path);

  g_free (output_of (self, play (self, "mkdir", "-p", directory, NULL)));
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (chown (path, MACHINE_ALICE, MACHINE_ALICE), ==, 0);
}

static guint
mode_of (const char *path)
{
  GStatBuf facts;

  g_assert_cmpint (g_stat (path, &facts), ==, 0);
  g_assert_cmpuint (facts.st_uid, ==, MACHINE_ALICE);
  return facts.st_mode & 07777;
}

/* --- Cases --- */

/* What is added is kept, for its user alone, and is there again. */
static void
test_kept (gconstpointer data)
{
  const char *variable = data; /* of the environment, or NULL */
  g_autoptr (Session) self = session_new ();
  g_autofree char *state = in_home (self, variable != NULL ? "elsewhere/deflectd"
                                                           : ".local/state/deflectd");
  g_autofree char *accounts = g_build_filename (state, "accounts.d", NULL);
  g_autofree char *file = NULL;
  g_autofree char *again = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  write_file (self, ".config/deflectd/deflectd.conf", "[daemon]\n");
  if (variable != NULL)
    g_ptr_array_add (self->environment, g_strdup_printf ("%s=%s/elsewhere", variable, self->home));
  start (self, "session");
  g_free (output_of (self, play (self, "deflectctl", "--bus", "session", "account", "add", "work",
                                 "sip:alice@provider.example", "display-name=Work", "enabled=false",
                                 NULL)));
  before = output_of (self, play (self, "deflectctl", "--bus", "session", "account", "list",
                                  "--json", NULL));
  g_assert_nonnull (strstr (before, "\"work\""));
  g_assert_cmpuint (mode_of (state), ==, 0700);
  g_assert_cmpuint (mode_of (accounts), ==, 0700);
  file = stage_find_only_file (accounts);
  g_assert_nonnull (file);
  g_assert_cmpuint (mode_of (file), ==, 0600);

  stop (self);
  start (self, "session");
  after = output_of (self, play (self, "deflectctl", "--bus", "session", "account", "list",
                                 "--json", NULL));
  g_assert_cmpstr (after, ==, before);
  g_free (output_of (self, play (self, "deflectctl", "--bus", "session", "account", "remove",
                                 "work", NULL)));
  again = stage_find_only_file (accounts);
  g_assert_null (again);
}

/* Who has never heard of settings starts it all the same. */
static void
test_nothing_set_up (void)
{
  g_autoptr (Session) self = session_new ();
  g_autofree char *config = in_home (self, ".config");

  start (self, "session");
  g_assert_false (g_file_test (config, G_FILE_TEST_EXISTS));
  g_free (output_of (self, play (self, "deflectctl", "--bus", "session", "account", "add", "work",
                                 "sip:alice@provider.example", "--no-wait", NULL)));
}

/* A whole day without root and without polkit: a direct account, a call, a redirect. */
static void
test_call (void)
{
  g_autoptr (Session) self = session_new ();
  g_autoptr (Wire) wire = NULL;
  g_autofree char *log = NULL;
  const char *port;

  write_file (self, ".config/deflectd/deflectd.conf", "[daemon]\nlisten=udp:127.0.0.1:0\n");
  start (self, "session");
  g_free (output_of (self, play (self, "deflectctl", "--bus", "session", "account", "add", "desk",
                                 "sip:alice@deflect.example", "register=false",
                                 "accept-from=127.0.0.1", NULL)));
  log = player_read_errors (self->daemon);
  port = strstr (log, "udp:127.0.0.1:");
  g_assert_nonnull (port);
  wire = wire_new (self->stage,
                   (guint)g_ascii_strtoull (port + strlen ("udp:127.0.0.1:"), NULL, 10));
  wire_invite (wire);
  wire_await_response (wire, 180, "INVITE");
  g_free (output_of (self, play (self, "deflectctl", "--bus", "session", "redirect", "--no-wait",
                                 TARGET, NULL)));
  g_assert_nonnull (strstr (wire_await_response (wire, 302, "INVITE"), "<" TARGET ">"));
  wire_acknowledge (wire);
}

/* users= means nothing here, which is said; the account is alice's. */
static void
test_users (void)
{
  g_autoptr (Session) self = session_new ();
  g_autofree char *accounts = NULL;

  write_file (self, ".config/deflectd/accounts.d/desk.conf",
              "[account]\naddress=sip:alice@deflect.example\nregister=false\n"
              "accept-from=127.0.0.1\nusers=bob;\n");
  start (self, "session");
  g_assert_true (says (self->daemon, "users="));
  accounts = output_of (self, play (self, "deflectctl", "--bus", "session", "account", "list",
                                    "--json", NULL));
  g_assert_nonnull (strstr (accounts, "\"desk\""));
}

/* On a bus that lets others in: they get nothing, root no more than they. */
static void
test_other_users (void)
{
  g_autoptr (Session) self = session_new ();
  g_autofree char *state = in_home (self, "state");
  g_autofree char *config = in_home (self, "config");
  g_autofree char *alices = NULL;
  const char *address = stage_get_bus_address (self->stage);
  static const guint others[] = { 0, MACHINE_BOB };

  write_file (self, "config/accounts.d/desk.conf",
              "[account]\naddress=sip:alice@deflect.example\nregister=false\n"
              "accept-from=127.0.0.1\nusers=*\n");
  self->daemon = play (self, "deflectd", "--bus", address, "--config-dir", config, "--state-dir",
                       state, NULL);
  AWAIT (self->stage, says (self->daemon, "ready: "));
  alices = output_of (self, play (self, "deflectctl", "--bus", address, "account", "list", "--json",
                                  NULL));
  g_assert_nonnull (strstr (alices, "\"desk\""));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *shown = NULL;
      g_autofree char *added = NULL;

      g_assert_cmpint (stage_deflectctl_as (self->stage, others[i], &shown, "account", "list",
                                            "--json", NULL),
                       ==, 0);
      g_assert_null (strstr (shown, "desk"));
      g_assert_cmpint (stage_deflectctl_as (self->stage, others[i], &added, "account", "add",
                                            "work", "sip:a@provider.example", NULL),
                       !=, 0);
      g_assert_cmpint (stage_deflectctl_as (self->stage, others[i], NULL, "account", "remove",
                                            "desk", NULL),
                       ==, 10);
    }
  g_free (alices);
  alices = output_of (self, play (self, "deflectctl", "--bus", address, "account", "list", "--json",
                                  NULL));
  g_assert_null (strstr (alices, "\"work\""));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_data_func ("/session/kept", NULL, test_kept);
  g_test_add_data_func ("/session/kept-elsewhere", "XDG_STATE_HOME", test_kept);
  g_test_add_func ("/session/nothing-set-up", test_nothing_set_up);
  g_test_add_func ("/session/call", test_call);
  g_test_add_func ("/session/users", test_users);
  g_test_add_func ("/session/other-users", test_other_users);
  return g_test_run ();
}
