/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "stage/polkitd.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * polkitd finds out about sessions as every client of libsystemd does: by the name of the control
 * group in /proc/PID/cgroup, and by the files below /run/systemd that logind would write. Both are
 * ours in polkitd's mount namespace, so that neither systemd nor logind need run.
 *
 * Whether rules are in force is not guessed: they come with one more, which allows an action of
 * ours with a number that is new each time, and polkitd is asked about that until it says yes;
 * again whenever it says that something has changed.
 */
#define PROBE_ACTION "org.deflectd1.test.probe"
#define PROBE_UID 65534

struct _Polkitd
{
  char *address;
  char *directory;
  GSubprocess *process;
  GMainContext *context;
  GDBusConnection *connection;
  GDBusConnection *probe; /* of somebody who is not root */
  guint generation;
  guint owner_subscription, changed_subscription;
};

static const char probe_policy[]
    = "<policyconfig><action id='" PROBE_ACTION "'><description>probe</description>"
      "<message>probe</message><defaults><allow_any>no</allow_any><allow_inactive>no"
      "</allow_inactive><allow_active>no</allow_active></defaults></action></policyconfig>";

/* With the directory as its argument. */
static const char script[]
    = "set -e\n"
      "[ -d /run/systemd ] || { mount -t tmpfs tmpfs /run; mkdir /run/systemd; }\n"
      "mount --bind \"$1/systemd\" /run/systemd\n"
      "mount --bind \"$1/actions\" /usr/share/polkit-1/actions\n"
      "mount --bind \"$1/no-rules\" /usr/share/polkit-1/rules.d\n"
      "mount --bind \"$1/rules\" /etc/polkit-1/rules.d\n"
      "[ ! -e \"$1/passwd\" ] || mount --bind \"$1/passwd\" /etc/passwd\n"
      /* The library wants the unified hierarchy here, or in the directory that systemd gave it. */
      "case $(stat -f -c %t /sys/fs/cgroup),$(stat -f -c %t /sys/fs/cgroup/unified 2>&1) in\n"
      "63677270,*|*,63677270) ;;\n"
      "*) mount -t cgroup2 cgroup2 /sys/fs/cgroup ;;\n"
      "esac\n"
      "for file in \"$1\"/cgroups/*; do\n"
      "  [ ! -e \"/proc/${file##*/}/cgroup\" ] || mount --bind \"$file\" "
      "\"/proc/${file##*/}/cgroup\"\n"
      "done\n"
      "for program in /usr/lib/polkit-1/polkitd /usr/libexec/polkitd "
      "/usr/libexec/polkit-1/polkitd\n"
      "do [ ! -x $program ] || exec $program --no-debug; done\n"
      "echo 'There is no polkitd here' >&2; exit 1\n";

/* --- Files --- */

static void
make_directory (Polkitd *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);

  g_assert_cmpint (g_mkdir (path, 0755), ==, 0);
}

G_GNUC_PRINTF (3, 4)
static void
write_file (Polkitd *self, const char *name, const char *format, ...)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);
  g_autofree char *text = NULL;
  va_list arguments;
  FILE *file;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* In its place: a file that is mounted somewhere keeps being that file. */
  file = fopen (path, "w");
  g_assert_nonnull (file);
  g_assert_cmpint (fputs (text, file), >=, 0);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
copy_file (Polkitd *self, const char *from, const char *name)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (from, &text, NULL, &error);
  g_assert_no_error (error);
  write_file (self, name, "%s", text);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_assert_cmpint (g_remove (path), ==, 0);
}

/* --- Asking --- */

static gpointer
connect_to (gpointer address)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
      address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

/* The kernel keeps a uid per thread; the C library, which keeps them all the same, is not asked. */
static gpointer
connect_as_somebody (gpointer address)
{
  g_assert_cmpint (syscall (SYS_setresuid, PROBE_UID, PROBE_UID, 0), ==, 0);
  return connect_to (address);
}

/* Whether polkitd runs, and with the newest rules. */
static gboolean
is_ready (Polkitd *self)
{
  g_autofree char *generation = g_strdup_printf ("%u", self->generation);
  GVariantBuilder subject, details;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  gboolean authorized = FALSE;

  g_variant_builder_init (&subject, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&subject, "{sv}", "name",
                         g_variant_new_string (g_dbus_connection_get_unique_name (self->probe)));
  g_variant_builder_init (&details, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (&details, "{ss}", "generation", generation);
  reply = g_dbus_connection_call_sync (self->connection, POLKITD_BUS_NAME,
                                       "/org/freedesktop/PolicyKit1/Authority",
                                       POLKITD_BUS_NAME ".Authority", "CheckAuthorization",
                                       g_variant_new ("((sa{sv})sa{ss}us)", "system-bus-name",
                                                      &subject, PROBE_ACTION, &details, 0, ""),
                                       NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, G_MAXINT, NULL,
                                       &error);
  if (reply != NULL)
    g_variant_get (reply, "((bba{ss}))", &authorized, NULL, NULL);
  return authorized;
}

static void
wait_until_ready (Polkitd *self)
{
  while (!is_ready (self))
    g_main_context_iteration (self->context, TRUE);
}

static void
on_signal (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *name,
           GVariant *parameters,
           gpointer data)
{
  /* That the context woke up is all. */
}

static void
subscribe (Polkitd *self)
{
  g_main_context_push_thread_default (self->context);
  self->owner_subscription = g_dbus_connection_signal_subscribe (self->connection,
                                                                 "org.freedesktop.DBus",
                                                                 "org.freedesktop.DBus",
                                                                 "NameOwnerChanged", NULL,
                                                                 POLKITD_BUS_NAME,
                                                                 G_DBUS_SIGNAL_FLAGS_NONE,
                                                                 on_signal, NULL, NULL);
  self->changed_subscription = g_dbus_connection_signal_subscribe (self->connection, NULL,
                                                                   POLKITD_BUS_NAME ".Authority",
                                                                   "Changed", NULL, NULL,
                                                                   G_DBUS_SIGNAL_FLAGS_NONE,
                                                                   on_signal, NULL, NULL);
  g_main_context_pop_thread_default (self->context);
}

static gboolean
has_owner (Polkitd *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (self->connection,
                                                            "org.freedesktop.DBus",
                                                            "/org/freedesktop/DBus",
                                                            "org.freedesktop.DBus", "NameHasOwner",
                                                            g_variant_new ("(s)", POLKITD_BUS_NAME),
                                                            NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT,
                                                            NULL, &error);
  gboolean owned;

  g_assert_no_error (error);
  g_variant_get (reply, "(b)", &owned);
  return owned;
}

/* --- The process --- */

/* Until polkitd is no longer root; from then on it goes with the bus. */
static void
die_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

void
polkitd_start (Polkitd *self)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autoptr (GError) error = NULL;

  g_assert_null (self->process);
  g_subprocess_launcher_setenv (launcher, "DBUS_SYSTEM_BUS_ADDRESS", self->address, TRUE);
  g_subprocess_launcher_unsetenv (launcher, "G_DEBUG");
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  self->process = g_subprocess_launcher_spawn (launcher, &error, "unshare", "--mount",
                                               "--propagation", "private", "sh", "-c", script, "sh",
                                               self->directory, NULL);
  g_assert_no_error (error);
  wait_until_ready (self);
}

void
polkitd_kill (Polkitd *self)
{
  g_subprocess_force_exit (self->process);
  g_assert_true (g_subprocess_wait (self->process, NULL, NULL));
  g_clear_object (&self->process);
  while (has_owner (self))
    g_main_context_iteration (self->context, TRUE);
}

void
polkitd_freeze (Polkitd *self)
{
  g_autofree char *identifier = g_strdup (g_subprocess_get_identifier (self->process));
  pid_t pid = (pid_t)g_ascii_strtoll (identifier, NULL, 10);
  siginfo_t information;

  g_subprocess_send_signal (self->process, SIGSTOP);
  g_assert_cmpint (waitid (P_PID, pid, &information, WSTOPPED), ==, 0);
}

void
polkitd_thaw (Polkitd *self)
{
  g_subprocess_send_signal (self->process, SIGCONT);
}

/* --- Rules --- */

static void
write_rules (Polkitd *self, const char *rules)
{
  write_file (self, "rules/50-test.rules",
              "polkit.addRule(function(action, subject) {\n"
              "  if (action.id == \"" PROBE_ACTION
              "\" && action.lookup(\"generation\") == \"%u\")\n"
              "    return polkit.Result.YES;\n"
              "});\n%s",
              ++self->generation, rules);
}

void
polkitd_set_rules (Polkitd *self, const char *rules)
{
  write_rules (self, rules);
  if (self->process != NULL)
    wait_until_ready (self);
}

/* --- Sessions --- */

static void
write_session (Polkitd *self, GPid pid, guint32 uid, gboolean active)
{
  g_autofree char *session = g_strdup_printf ("systemd/sessions/t%d", pid);
  g_autofree char *user = g_strdup_printf ("systemd/users/%u", uid);

  write_file (self, session,
              "UID=%u\nUSER=%u\nACTIVE=%d\nIS_DISPLAY=1\nSTATE=%s\nREMOTE=0\nTYPE=x11\nCLASS=user\n"
              "SEAT=seat0\n",
              uid, uid, active, active ? "active" : "online");
  write_file (self, user, "NAME=%u\nSTATE=%s\nDISPLAY=t%d\nSESSIONS=t%d\nACTIVE_SESSIONS=%s\n", uid,
              active ? "active" : "online", pid, pid, active ? "t" : "");
}

/* Runs a command in polkitd's mount namespace. */
static void
bind_cgroup (Polkitd *self, GPid pid)
{
  g_autofree char *from = g_strdup_printf ("%s/cgroups/%d", self->directory, pid);
  g_autofree char *to = g_strdup_printf ("/proc/%d/cgroup", pid);
  const char *argv[] = {
    "nsenter", "--mount", "--target", NULL, "mount", "--bind", from, to, NULL
  };
  g_autoptr (GSubprocess) command = NULL;
  g_autoptr (GError) error = NULL;

  argv[3] = g_subprocess_get_identifier (self->process);
  command = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (command, NULL, &error));
}

void
polkitd_set_session (Polkitd *self, GPid pid, guint32 uid, PolkitdSession session)
{
  g_autofree char *name = g_strdup_printf ("cgroups/%d", pid);
  g_autofree char *path = g_build_filename (self->directory, name, NULL);
  gboolean bound = g_file_test (path, G_FILE_TEST_EXISTS);

  if (session == POLKITD_SESSION_NONE)
    write_file (self, name, "0::/\n");
  else
    {
      write_session (self, pid, uid, session == POLKITD_SESSION_ACTIVE);
      write_file (self, name, "0::/user.slice/user-%u.slice/session-t%d.scope\n", uid, pid);
    }
  if (!bound && self->process != NULL)
    bind_cgroup (self, pid);
}

/* --- Making one --- */

Polkitd *
polkitd_new (const char *address,
             const char *rules,
             const char *const *action_files,
             const char *passwd)
{
  static const char *const directories[] = {
    "actions",          "rules",         "no-rules",     "cgroups", "systemd", "systemd/sessions",
    "systemd/machines", "systemd/seats", "systemd/users"
  };
  Polkitd *self = g_new0 (Polkitd, 1);
  g_autoptr (GError) error = NULL;

  self->address = g_strdup (address);
  self->directory = g_dir_make_tmp ("deflectd-polkitd-XXXXXX", &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (self->directory, 0755), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (directories); i++)
    make_directory (self, directories[i]);
  write_file (self, "actions/probe.policy", "%s", probe_policy);
  for (guint i = 0; action_files[i] != NULL; i++)
    {
      g_autofree char *name = g_strdup_printf ("actions/test-%u.policy", i);

      copy_file (self, action_files[i], name);
    }
  if (passwd != NULL)
    copy_file (self, passwd, "passwd");
  write_rules (self, rules);
  polkitd_set_session (self, getpid (), 0, POLKITD_SESSION_NONE);

  self->context = g_main_context_new ();
  self->connection = connect_to (self->address);
  self->probe = g_thread_join (g_thread_new ("probe", connect_as_somebody, self->address));
  subscribe (self);
  polkitd_start (self);
  return self;
}

void
polkitd_free (Polkitd *self)
{
  if (self->process != NULL)
    polkitd_kill (self);
  g_dbus_connection_signal_unsubscribe (self->connection, self->owner_subscription);
  g_dbus_connection_signal_unsubscribe (self->connection, self->changed_subscription);
  g_object_unref (self->connection);
  g_object_unref (self->probe);
  while (g_main_context_iteration (self->context, FALSE))
    continue;
  g_main_context_unref (self->context);
  remove_tree (self->directory);
  g_free (self->directory);
  g_free (self->address);
  g_free (self);
}
