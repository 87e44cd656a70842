/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* ./dev install and meson install put everything in its place, the bus starts the daemon from there
 * as its own user, and uninstalling leaves settings, state and the user alone. */

#include <glib/gstdio.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "install/tree.h"
#include "names.h"

#define UNIT "/usr/local/lib/systemd/system/deflectd.service"
#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

/* Two users that every Debian has. */
#define OWNER "games"
#define STRANGER "nobody"

/* What adding the user and the settings leaves in /etc and /var. */
#define USER_DATABASE                                                                              \
  "/etc/.pwd.lock", "/etc/group", "/etc/group-", "/etc/gshadow", "/etc/gshadow-", "/etc/passwd",   \
      "/etc/passwd-", "/etc/shadow", "/etc/shadow-"
#define SETTINGS                                                                                   \
  "/etc/deflectd/", "/etc/deflectd/accounts.d/", "/etc/deflectd/deflectd.conf",                    \
      "/etc/deflectd/passwords/"
#define STATE "/var/lib/deflectd/"

/* --- Programs --- */

static char *
source_file (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", name, NULL);

  return g_canonicalize_filename (path, NULL);
}

static char *
build_directory (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_BUILT, "..", NULL);

  return g_canonicalize_filename (path, NULL);
}

/* Takes argv over. */
static int
run_arguments (GPtrArray *argv, char **output)
{
  g_autoptr (GPtrArray) owned = argv;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_ptr_array_add (argv, NULL);
  process = g_subprocess_newv ((const char *const *)argv->pdata,
                               G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
                               &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &text, NULL, &error);
  g_assert_no_error (error);
  g_test_message ("%s: %s", (char *)argv->pdata[0], text);
  if (output != NULL)
    *output = g_steal_pointer (&text);
  return g_subprocess_get_exit_status (process);
}

static void
add_arguments (GPtrArray *argv, const char *first, va_list rest)
{
  for (const char *argument = first; argument != NULL; argument = va_arg (rest, const char *))
    g_ptr_array_add (argv, g_strdup (argument));
}

/* Runs a program to its end; returns its exit status, and in output what it printed. */
static int G_GNUC_NULL_TERMINATED
run (char **output, const char *first, ...)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
  va_list rest;

  va_start (rest, first);
  add_arguments (argv, first, rest);
  va_end (rest);
  return run_arguments (argv, output);
}

/* ./dev install with what has been built, more arguments up to NULL. */
static char *
install (const char *argument, const char *value)
{
  g_autofree char *dev = source_file ("dev");
  g_autofree char *build = build_directory ();
  char *output;

  g_assert_cmpint (run (&output, dev, "install", "--build", build, argument, value, NULL), ==, 0);
  return output;
}

/* deflectctl as another user. */
static int G_GNUC_NULL_TERMINATED
deflectctl_as (const char *user, char **output, const char *first, ...)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
  struct passwd *entry = getpwnam (user);
  va_list rest;

  g_assert_nonnull (entry);
  g_ptr_array_add (argv, g_strdup ("setpriv"));
  g_ptr_array_add (argv, g_strdup_printf ("--reuid=%u", entry->pw_uid));
  g_ptr_array_add (argv, g_strdup ("--regid=65534"));
  g_ptr_array_add (argv, g_strdup ("--clear-groups"));
  g_ptr_array_add (argv, g_strdup ("deflectctl"));
  va_start (rest, first);
  add_arguments (argv, first, rest);
  va_end (rest);
  return run_arguments (argv, output);
}

/* --- Files --- */

/* The paths, sorted, as tree_list_changes tells them; up to NULL. */
static void
expect_changes (Tree *tree, const char *first, ...)
{
  g_autoptr (GPtrArray) expected = g_ptr_array_new ();
  g_autofree char *changes = tree_list_changes (tree);
  g_auto (GStrv) found = g_strsplit (changes, "\n", -1);
  g_autoptr (GString) surprises = g_string_new (NULL);
  va_list rest;

  va_start (rest, first);
  for (const char *path = first; path != NULL; path = va_arg (rest, const char *))
    g_ptr_array_add (expected, (char *)path);
  va_end (rest);
  g_ptr_array_add (expected, NULL);
  for (guint i = 0; found[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *)expected->pdata, found[i]))
      g_string_append_printf (surprises, "%s is there\n", found[i]);
  for (guint i = 0; i + 1 < expected->len; i++)
    {
      const char *path = g_ptr_array_index (expected, i);

      /* How the user database is kept is not our affair. */
      if (g_str_has_prefix (path, "/etc/deflectd") || g_str_has_prefix (path, "/opt")
          || g_str_has_prefix (path, STATE))
        if (!g_strv_contains ((const char *const *)found, path))
          g_string_append_printf (surprises, "%s is missing\n", path);
    }
  g_assert_cmpstr (surprises->str, ==, "");
}

/* Mode and owner, as "0750 root:deflectd". */
static void
expect_file (const char *path, const char *expected)
{
  g_autofree char *output = NULL;
  g_autofree char *line = g_strconcat (expected, "\n", NULL);

  g_assert_cmpint (run (&output, "stat", "-c", "%a %U:%G", path, NULL), ==, 0);
  g_assert_cmpstr (output, ==, line);
}

static void
expect_installed (const char *const *paths, gboolean installed)
{
  for (guint i = 0; paths[i] != NULL; i++)
    if (g_file_test (paths[i], G_FILE_TEST_EXISTS) != installed)
      g_error ("%s is %s.", paths[i], installed ? "missing" : "left");
}

static const char *const system_files[] = {
  "/etc/dbus-1/system.d/org.deflectd1.conf",
  "/usr/local/bin/deflectctl",
  "/usr/local/bin/deflectd",
  UNIT,
  "/usr/local/lib/sysusers.d/deflectd.conf",
  "/usr/local/lib/tmpfiles.d/deflectd.conf",
  "/usr/local/share/bash-completion/completions/deflectctl",
  "/usr/local/share/dbus-1/interfaces/org.deflectd1.Account.xml",
  "/usr/local/share/dbus-1/interfaces/org.deflectd1.Call.xml",
  "/usr/local/share/dbus-1/interfaces/org.deflectd1.Manager.xml",
  "/usr/local/share/dbus-1/system-services/org.deflectd1.service",
  "/usr/local/share/doc/deflectd/examples/account.conf",
  "/usr/local/share/doc/deflectd/examples/deflectd.conf",
  "/usr/local/share/doc/deflectd/examples/premium-numbers.rules",
  "/usr/local/share/doc/deflectd/recipes/README.md",
  "/usr/local/share/doc/deflectd/recipes/asterisk.md",
  "/usr/local/share/doc/deflectd/recipes/freeswitch.md",
  "/usr/local/share/doc/deflectd/recipes/kamailio/parallel.cfg",
  "/usr/local/share/doc/deflectd/recipes/kamailio/plain.cfg",
  "/usr/local/share/doc/deflectd/recipes/kamailio/serial.cfg",
  "/usr/local/share/doc/deflectd/recipes/opensips.md",
  "/usr/local/share/fish/vendor_completions.d/deflectctl.fish",
  "/usr/local/share/locale/de/LC_MESSAGES/deflectd.mo",
  "/usr/local/share/man/man1/deflectctl.1",
  "/usr/local/share/man/man5/deflectd.conf.5",
  "/usr/local/share/man/man8/deflectd.8",
  "/usr/local/share/zsh/site-functions/_deflectctl",
  "/usr/share/polkit-1/actions/org.deflectd1.policy",
  NULL,
};

static void
write_text (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* A machine on which deflectd was never installed. */
static Tree *
make_tree (void)
{
  const char *directories[] = { "/etc/deflectd", "/opt/deflectd", "/var/lib/deflectd", NULL };
  g_autoptr (GPtrArray) absent = g_ptr_array_new ();

  for (guint i = 0; system_files[i] != NULL; i++)
    g_ptr_array_add (absent, (char *)system_files[i]);
  for (guint i = 0; directories[i] != NULL; i++)
    g_ptr_array_add (absent, (char *)directories[i]);
  g_ptr_array_add (absent, NULL);
  return tree_new ((const char *const *)absent->pdata, "deflectd");
}

/* --- The system's bus --- */

typedef struct
{
  GSubprocess *process;
  GDBusConnection *connection;
} Bus;

/* The dbus-daemon with the settings of the system, activation by its set-uid helper included. */
static Bus *
bus_new (void)
{
  Bus *self = g_new0 (Bus, 1);
  g_autoptr (GDataInputStream) lines = NULL;
  g_autofree char *address = NULL;
  g_autoptr (GError) error = NULL;

  self->process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "dbus-daemon",
                                    "--system", "--nofork", "--nopidfile", "--nosyslog",
                                    "--print-address=1", NULL);
  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  address = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (address);
  self->connection = g_dbus_connection_new_for_address_sync (
      SYSTEM_BUS,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);
  g_assert_no_error (error);
  return self;
}

static GVariant *
bus_ask (Bus *self, const char *method, const char *name, const char *type)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply = g_dbus_connection_call_sync (self->connection, "org.freedesktop.DBus",
                                                 "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                 method, g_variant_new ("(s)", name),
                                                 G_VARIANT_TYPE (type), G_DBUS_CALL_FLAGS_NONE, -1,
                                                 NULL, &error);

  g_assert_no_error (error);
  return reply;
}

static guint
bus_find_daemon (Bus *self)
{
  g_autoptr (GVariant) reply = bus_ask (self, "GetConnectionUnixProcessID", DFL_BUS_NAME, "(u)");
  guint pid;

  g_variant_get (reply, "(u)", &pid);
  return pid;
}

static gboolean
bus_has_daemon (Bus *self)
{
  g_autoptr (GVariant) reply = bus_ask (self, "NameHasOwner", DFL_BUS_NAME, "(b)");
  gboolean owned;

  g_variant_get (reply, "(b)", &owned);
  return owned;
}

static void
await_end (guint pid)
{
  while (kill (pid, 0) == 0)
    g_usleep (10000);
}

/* The daemon ends with the bus. */
static void
bus_free (Bus *self)
{
  guint daemon = bus_has_daemon (self) ? bus_find_daemon (self) : 0;

  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_object_unref (self->connection);
  g_subprocess_force_exit (self->process);
  g_subprocess_wait (self->process, NULL, NULL);
  g_object_unref (self->process);
  g_free (self);
  if (daemon != 0)
    await_end (daemon);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Bus, bus_free)

/* --- The cases --- */

/* The programs and everything around them; the user and who may look where. */
static void
test_places (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *output = install (NULL, NULL);

  g_assert_nonnull (strstr (output, "deflectctl account add"));
  expect_installed (system_files, TRUE);
  g_assert_nonnull (getpwnam ("deflectd"));
  expect_file ("/etc/deflectd", "755 root:root");
  expect_file ("/etc/deflectd/deflectd.conf", "644 root:root");
  expect_file ("/etc/deflectd/accounts.d", "750 root:deflectd");
  expect_file ("/etc/deflectd/passwords", "700 root:root");
  expect_file ("/var/lib/deflectd", "700 deflectd:deflectd");
  g_assert_cmpint (run (NULL, "deflectd", "--version", NULL), ==, 0);

  g_free (output);
  output = install ("--uninstall", NULL);
  expect_changes (tree, SETTINGS, STATE, USER_DATABASE, NULL);
}

/* Without any of these lines of its unit the service would run all the same, but with less around
 * it. */
static void
test_unit (void)
{
  static const char *const lines[] = {
    "Type=notify",
    "NotifyAccess=main",
    "ExecStart=/usr/local/bin/deflectd",
    "ExecReload=kill -HUP $MAINPID",
    "WatchdogSec=30",
    "Restart=on-failure",
    "User=deflectd",
    "Group=deflectd",
    "UMask=0077",
    "ConfigurationDirectory=deflectd",
    "StateDirectory=deflectd",
    "StateDirectoryMode=0700",
    "LoadCredential=password:/etc/deflectd/passwords",
    "LimitCORE=0",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "NoNewPrivileges=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources @aio @chown @keyring @memlock @setuid",
    "MemoryDenyWriteExecute=yes",
    "RestrictNamespaces=yes",
    "RestrictSUIDSGID=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateUsers=yes",
    "ProtectProc=invisible",
    "WantedBy=multi-user.target",
  };
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *output = install (NULL, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) found = NULL;

  g_assert_true (g_file_get_contents (UNIT, &text, NULL, NULL));
  found = g_strsplit (text, "\n", -1);
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    if (!g_strv_contains ((const char *const *)found, lines[i]))
      g_error ("The unit does not say %s.", lines[i]);

  g_free (output);
  output = install ("--uninstall", NULL);
}

/* What an administrator changed outlives a second installation, and one removal is enough. */
static void
test_again (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *first = install (NULL, NULL);
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  g_autofree char *settings = NULL;

  write_text ("/etc/deflectd/deflectd.conf", "[daemon]\nlog=debug\n");
  write_text ("/etc/deflectd/accounts.d/desk.conf", "[account]\n");
  g_assert_cmpint (g_chmod ("/etc/deflectd", 0700), ==, 0);
  second = install (NULL, NULL);
  g_assert_true (g_file_get_contents ("/etc/deflectd/deflectd.conf", &settings, NULL, NULL));
  g_assert_cmpstr (settings, ==, "[daemon]\nlog=debug\n");
  expect_file ("/etc/deflectd/accounts.d", "750 root:deflectd");

  third = install ("--uninstall", NULL);
  expect_changes (tree, SETTINGS, "/etc/deflectd/accounts.d/desk.conf", STATE, USER_DATABASE, NULL);
}

/* gcc says it in one way, clang in another. */
static gboolean
has_sanitizer (void)
{
#ifdef __SANITIZE_ADDRESS__
  return TRUE;
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer)
  return TRUE;
#endif
#endif
  return FALSE;
}

static void
expect_secrecy (guint pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u", pid);
  g_autofree char *status_path = g_build_filename (path, "status", NULL);
  g_autofree char *limits_path = g_build_filename (path, "limits", NULL);
  g_autofree char *environment = g_build_filename (path, "environ", NULL);
  g_autofree char *uids = g_strdup_printf ("\nUid:\t%u\t", getpwnam ("deflectd")->pw_uid);
  g_autofree char *status = NULL;
  g_autofree char *limits = NULL;

  g_assert_true (g_file_get_contents (status_path, &status, NULL, NULL));
  g_assert_nonnull (strstr (status, uids));
  g_assert_true (g_file_get_contents (limits_path, &limits, NULL, NULL));
  g_assert_true (g_regex_match_simple ("^Max core file size +0 +0 ", limits, G_REGEX_MULTILINE,
                                       G_REGEX_MATCH_DEFAULT));
  /* The kernel gives a process whose memory is hidden to root. Leaks are looked for in memory. */
  if (!has_sanitizer ())
    expect_file (environment, "400 root:root");
}

/* The bus starts the daemon for whoever asks for it, as its own user; each user sees what is
 * theirs; root cannot take the name. */
static void
test_activation (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *installed = install (NULL, NULL);
  g_autoptr (Bus) bus = NULL;
  g_autofree char *owners = NULL;
  g_autofree char *strangers = NULL;
  g_autofree char *removed = NULL;
  g_autofree char *denied = NULL;

  write_text ("/etc/deflectd/accounts.d/desk.conf",
              "[account]\naddress=sip:desk@example.org\nregister=false\n"
              "accept-from=192.0.2.10\nusers=" OWNER "\n");
  g_assert_cmpint (run (NULL, "chgrp", "deflectd", "/etc/deflectd/accounts.d/desk.conf", NULL), ==,
                   0);
  g_assert_cmpint (g_chmod ("/etc/deflectd/accounts.d/desk.conf", 0640), ==, 0);
  bus = bus_new ();
  g_assert_cmpint (deflectctl_as (OWNER, &owners, "status", NULL), ==, 0);
  g_assert_nonnull (strstr (owners, "sip:desk@example.org"));
  g_assert_cmpint (deflectctl_as (STRANGER, &strangers, "status", NULL), ==, 0);
  g_assert_null (strstr (strangers, "desk"));
  expect_secrecy (bus_find_daemon (bus));

  g_assert_cmpint (kill (bus_find_daemon (bus), SIGTERM), ==, 0);
  while (bus_has_daemon (bus))
    g_usleep (10000);
  g_assert_cmpint (run (&denied, "deflectd", NULL), ==, 1);
  g_assert_nonnull (strstr (denied, "cannot own the name " DFL_BUS_NAME));
  removed = install ("--uninstall", NULL);
  expect_installed (system_files, FALSE);
  /* The bus has read again what it may start. */
  g_assert_cmpint (run (NULL, "busctl", "--system", "call", DFL_BUS_NAME, DFL_ROOT_PATH,
                        "org.freedesktop.DBus.Peer", "Ping", NULL),
                   !=, 0);
}

/* A user whom polkit lets adds an account, which the bus starts daemon and polkitd for; it outlives
 * the programs, and nobody else sees it. */
static void
test_new_user (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *installed = install (NULL, NULL);
  g_autofree char *owners = NULL;
  g_autofree char *strangers = NULL;
  g_autofree char *removed = NULL;
  g_autofree char *kept = NULL;
  g_auto (GStrv) file = NULL;
  g_autoptr (Bus) bus = NULL;

  write_text ("/etc/polkit-1/rules.d/10-test.rules",
              "polkit.addRule(function(action, subject) {\n"
              "  if (action.id == \"org.deflectd1.manage-own-accounts\" &&\n"
              "      subject.user == \"" OWNER "\")\n"
              "    return polkit.Result.YES;\n"
              "});\n");
  bus = bus_new ();
  g_assert_cmpint (deflectctl_as (STRANGER, NULL, "account", "add", "home",
                                  "sip:stranger@example.org", NULL),
                   ==, 4);
  g_assert_cmpint (deflectctl_as (OWNER, NULL, "account", "add", "home", "sip:home@example.org",
                                  "--no-wait", NULL),
                   ==, 0);
  g_assert_cmpint (deflectctl_as (OWNER, &owners, "account", "list", NULL), ==, 0);
  g_assert_nonnull (strstr (owners, "sip:home@example.org"));
  g_assert_cmpint (deflectctl_as (STRANGER, &strangers, "account", "list", NULL), ==, 0);
  g_assert_null (strstr (strangers, "home"));

  removed = install ("--uninstall", NULL);
  g_assert_cmpint (run (&kept, "find", STATE, "-name", "*.conf", NULL), ==, 0);
  file = g_strsplit (g_strchomp (kept), "\n", -1);
  g_assert_cmpuint (g_strv_length (file), ==, 1);
  expect_file (file[0], "600 deflectd:deflectd");
}

/* Before there is a user deflectd, nobody but root looks into what may hold passwords. */
static void
expect_modes (const char *root)
{
  g_autofree char *settings = g_strconcat (root, "/etc/deflectd", NULL);
  g_autofree char *accounts = g_build_filename (settings, "accounts.d", NULL);
  g_autofree char *passwords = g_build_filename (settings, "passwords", NULL);

  expect_file (settings, "755 root:root");
  expect_file (accounts, "750 root:root");
  expect_file (passwords, "700 root:root");
}

/* For packagers: everything below DESTDIR, the machine itself untouched. */
static void
test_destdir (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *destination = tree_make_directory (tree, "destination");
  g_autofree char *output = NULL;
  g_autofree char *left = NULL;
  g_autofree char *unit = g_build_filename (destination, system_files[3], NULL);
  g_autofree char *text = NULL;

  g_setenv ("DESTDIR", destination, TRUE);
  output = install (NULL, NULL);
  for (guint i = 0; system_files[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (destination, system_files[i], NULL);

      expect_installed ((const char *[]){ path, NULL }, TRUE);
    }
  g_assert_true (g_file_get_contents (unit, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "ExecStart=/usr/local/bin/deflectd\n"));
  g_assert_null (strstr (text, destination));
  expect_changes (tree, NULL, NULL);

  g_free (output);
  output = install ("--uninstall", NULL);
  g_unsetenv ("DESTDIR");
  g_assert_cmpint (run (&left, "sh", "-c", "cd \"$0\" && find . | LC_ALL=C sort", destination,
                        NULL),
                   ==, 0);
  g_assert_cmpstr (left, ==,
                   ".\n./etc\n./etc/deflectd\n./etc/deflectd/accounts.d\n"
                   "./etc/deflectd/deflectd.conf\n./etc/deflectd/passwords\n");
  expect_modes (destination);
}

/* A prefix of one's own holds everything, and what the system then overlooks is said. */
static void
test_prefix (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *output = install ("--prefix", "/opt/deflectd");
  g_autofree char *changes = tree_list_changes (tree);
  g_auto (GStrv) paths = g_strsplit (changes, "\n", -1);

  for (guint i = 0; paths[i] != NULL; i++)
    g_assert_true (g_str_has_prefix (paths[i], "/opt/deflectd/"));
  g_assert_nonnull (strstr (output, "/opt/deflectd/share/dbus-1/system.d"));
  g_assert_nonnull (strstr (output, "/opt/deflectd/lib/systemd/system"));
  g_assert_cmpint (run (NULL, "/opt/deflectd/bin/deflectd", "--version", NULL), ==, 0);

  g_free (output);
  output = install ("--uninstall", "--prefix=/opt/deflectd");
  expect_changes (tree, "/opt/deflectd/", "/opt/deflectd/etc/", "/opt/deflectd/etc/deflectd/",
                  "/opt/deflectd/etc/deflectd/accounts.d/",
                  "/opt/deflectd/etc/deflectd/deflectd.conf",
                  "/opt/deflectd/etc/deflectd/passwords/", NULL);
}

/* Who knows meson needs no ./dev. */
static void
test_meson (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *build = build_directory ();

  g_assert_cmpint (run (NULL, "meson", "configure", build, "-Dprefix=/usr/local",
                        "-Dsysconfdir=/etc", "-Dlocalstatedir=/var", NULL),
                   ==, 0);
  g_assert_cmpint (run (NULL, "meson", "install", "-C", build, NULL), ==, 0);
  expect_installed (system_files, TRUE);
  expect_modes ("");
  g_assert_cmpint (run (NULL, "ninja", "-C", build, "uninstall", NULL), ==, 0);
  expect_installed (system_files, FALSE);
}

/* Nothing of what is not there is taken away. */
static void
test_nothing_installed (void)
{
  g_autoptr (Tree) tree = make_tree ();
  g_autofree char *dev = source_file ("dev");
  g_autofree char *build = build_directory ();
  g_autofree char *output = NULL;

  g_assert_cmpint (run (&output, dev, "install", "--build", build, "--uninstall", "--prefix",
                        "/opt/nowhere", NULL),
                   ==, 1);
  g_assert_nonnull (strstr (output, "/opt/nowhere"));
  expect_changes (tree, NULL, NULL);
}

int
main (int argc, char **argv)
{
  const char *usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  g_autofree char *path = g_strconcat (usual, ":", g_getenv ("PATH"), NULL);

  tree_enter ();
  /* What Python would write into the tree is none of ours. */
  g_setenv ("PYTHONDONTWRITEBYTECODE", "1", TRUE);
  g_setenv ("PATH", path, TRUE);
  g_unsetenv ("DESTDIR");
  g_unsetenv ("G_DEBUG");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/install/places", test_places);
  g_test_add_func ("/install/unit", test_unit);
  g_test_add_func ("/install/again", test_again);
  g_test_add_func ("/install/activation", test_activation);
  g_test_add_func ("/install/new-user", test_new_user);
  g_test_add_func ("/install/destdir", test_destdir);
  g_test_add_func ("/install/prefix", test_prefix);
  g_test_add_func ("/install/meson", test_meson);
  g_test_add_func ("/install/nothing-installed", test_nothing_installed);
  return g_test_run ();
}
