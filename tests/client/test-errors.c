/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* deflectctl against what can go wrong on a bus. The daemon's place is taken by a stand-in that can
 * do what the real one never does on request: fail in every way, send what it should have cleaned,
 * and vanish in the middle. What works is tested with the real daemon, in tests/e2e. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "names.h"

#define CALL_ID "0a1b2c3d"
#define CALL_PATH DFL_CALL_PATH_PREFIX CALL_ID

static const char object_manager_xml[]
    = "<node><interface name='org.freedesktop.DBus.ObjectManager'><method name='GetManagedObjects'>"
      "<arg type='a{oa{sa{sv}}}' direction='out'/></method></interface></node>";

typedef struct
{
  GTestDBus *bus;
  GDBusConnection *connection;
  const char *error_name;            /* what every method returns; NULL: never an answer */
  char *objects;                     /* what GetManagedObjects returns, as text */
  GDBusMethodInvocation *unanswered; /* the last call without an answer */
  guint n_listed;
} StandIn;

static void
handle_call (GDBusConnection *connection,
             const char *sender,
             const char *path,
             const char *interface,
             const char *method,
             GVariant *parameters,
             GDBusMethodInvocation *invocation,
             gpointer data)
{
  StandIn *self = data;

  if (g_str_equal (method, "GetManagedObjects"))
    {
      g_dbus_method_invocation_return_value (
          invocation,
          g_variant_new_tuple ((GVariant *[]){ g_variant_new_parsed (self->objects) }, 1));
      self->n_listed++;
    }
  else if (self->error_name != NULL)
    g_dbus_method_invocation_return_dbus_error (invocation, self->error_name,
                                                "because of \033[31mthis");
  else
    self->unanswered = invocation;
}

static const GDBusInterfaceVTable vtable = { .method_call = handle_call };

static void export(StandIn *self, const char *path, const char *xml)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (xml, &error);

  g_assert_no_error (error);
  g_dbus_connection_register_object (self->connection, path, node->interfaces[0], &vtable, self,
                                     NULL, &error);
  g_assert_no_error (error);
}

static void
appear (StandIn *self)
{
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "..", "data",
                                                 DFL_CALL_INTERFACE ".xml", NULL);
  g_autofree char *xml = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  g_file_get_contents (file, &xml, NULL, &error);
  g_assert_no_error (error);
  self->connection = g_dbus_connection_new_for_address_sync (
      g_test_dbus_get_bus_address (self->bus),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);
  g_assert_no_error (error);
  export(self, DFL_ROOT_PATH, object_manager_xml);
  export(self, CALL_PATH, xml);
  reply = g_dbus_connection_call_sync (self->connection, "org.freedesktop.DBus",
                                       "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                       "RequestName", g_variant_new ("(su)", DFL_BUS_NAME, 0u),
                                       NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
vanish (StandIn *self)
{
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_clear_object (&self->connection);
  g_clear_object (&self->unanswered);
}

static void
set_up (StandIn *self, gconstpointer data)
{
  self->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (self->bus);
  self->objects = g_strdup ("@a{oa{sa{sv}}} {'" CALL_PATH "': {'" DFL_CALL_INTERFACE
                            "': {'State': <'offered'>}}}");
}

static void
tear_down (StandIn *self, gconstpointer data)
{
  if (self->connection != NULL)
    vanish (self);
  if (g_test_dbus_get_bus_address (self->bus) != NULL)
    g_test_dbus_stop (self->bus);
  g_clear_object (&self->bus);
  g_clear_pointer (&self->objects, g_free);
}

/* --- Runs of deflectctl --- */

typedef struct
{
  GSubprocess *process;
  char *output;
  char *errors;
  gboolean ended;
} Run;

static void
on_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (run->process, result, &run->output, &run->errors, &error);
  g_assert_no_error (error);
  run->ended = TRUE;
}

/* words: the arguments behind --bus, separated by spaces. */
static void
start (Run *run, const char *bus, const char *words)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  g_auto (GStrv) arguments = g_strsplit (words, " ", -1);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (argv, program);
  g_ptr_array_add (argv, (gpointer) "--bus");
  g_ptr_array_add (argv, (gpointer)bus);
  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, arguments[i]);
  g_ptr_array_add (argv, NULL);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_subprocess_launcher_setenv (launcher, "DBUS_SYSTEM_BUS_ADDRESS",
                                "unix:path=/nonexistent/deflectd-test", TRUE);
  *run = (Run){ .process = g_subprocess_launcher_spawnv (launcher, (const char *const *)argv->pdata,
                                                         &error) };
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (run->process, NULL, NULL, on_ended, run);
}

static int
finish (Run *run)
{
  while (!run->ended)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_subprocess_get_if_exited (run->process));
  return g_subprocess_get_exit_status (run->process);
}

static void
run_clear (Run *run)
{
  g_clear_object (&run->process);
  g_clear_pointer (&run->output, g_free);
  g_clear_pointer (&run->errors, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
assert_run (const char *bus, const char *words, int exit_code, const char *in_errors)
{
  g_auto (Run) run = { 0 };

  start (&run, bus, words);
  g_assert_cmpint (finish (&run), ==, exit_code);
  if (in_errors != NULL && strstr (run.errors, in_errors) == NULL)
    g_error ("“%s” is not in “%s”", in_errors, run.errors);
  /* Whatever happens: no escape sequence gets through, and a failure is never silent. */
  g_assert_null (strchr (run.errors, '\033'));
  g_assert_null (strchr (run.output, '\033'));
  g_assert_true (exit_code == 0 || *run.errors != '\0');
}

/* --- Tests --- */

static void
test_error_names (StandIn *self, gconstpointer data)
{
  const struct
  {
    const char *name;
    int exit_code;
  } cases[] = {
    { DFL_ERROR_PREFIX "InvalidTarget", 1 },
    { DFL_ERROR_PREFIX "TargetNotAllowed", 1 },
    { DFL_ERROR_PREFIX "LoopDetected", 1 },
    { DFL_ERROR_PREFIX "TooLate", 5 },
    { DFL_ERROR_PREFIX "InvalidOption", 1 },
    { DFL_ERROR_PREFIX "NotSupported", 1 },
    { DFL_ERROR_PREFIX "NotAuthorized", 4 },
    { DFL_ERROR_PREFIX "Unconfirmed", 3 },
    { DFL_ERROR_PREFIX "LineDown", 1 },
    { DFL_ERROR_PREFIX "LimitExceeded", 1 },
    { DFL_ERROR_PREFIX "InvalidSettings", 1 },
    { DFL_ERROR_PREFIX "Failed", 1 },
    { "org.freedesktop.DBus.Error.UnknownObject", 10 },
    { "org.freedesktop.DBus.Error.AccessDenied", 4 },
    { "org.freedesktop.DBus.Error.ServiceUnknown", 8 },
    { "org.freedesktop.DBus.Error.NoReply", 8 },
    { "org.example.Unheard.Of", 1 },
  };
  const char *const verbs[] = { ("redirect " CALL_ID " 200"), "decline " CALL_ID, "silence" };

  appear (self);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      self->error_name = cases[i].name;
      for (gsize j = 0; j < G_N_ELEMENTS (verbs); j++)
        assert_run (g_test_dbus_get_bus_address (self->bus), verbs[j], cases[i].exit_code, NULL);
    }
  /* What the daemon said about it is told, but not raw. */
  self->error_name = DFL_ERROR_PREFIX "TooLate";
  assert_run (g_test_dbus_get_bus_address (self->bus), "redirect 200", 5,
              "too late, the call is decided already: because of \\u001b[31mthis");
}

static void
test_no_daemon (StandIn *self, gconstpointer data)
{
  const char *const redirect = "redirect " CALL_ID " 200";
  const char *const verbs[] = {
    "status",
    "list",
    "show 0a",
    "redirect 200",
    redirect,
    "decline",
    "silence",
    "monitor",
    "wait",
    "watch --exec true",
    "account list",
    "account show work",
    "account add work sip:a@b",
    "account set work enabled=true",
    "account remove work",
    "account enable work",
    "account disable work",
    "target list",
    "target set mobile 200",
    "target remove mobile",
  };
  const char *address = g_test_dbus_get_bus_address (self->bus);

  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      assert_run (address, verbs[i], 8, "deflectd --bus '");
      assert_run ("session", verbs[i], 8, "deflectd --bus session");
      assert_run ("system", verbs[i], 8, "systemctl enable --now deflectd");
      assert_run ("unix:path=/nonexistent/deflectd-test", verbs[i], 8, "deflectd --bus ADDRESS");
      assert_run ("nonsense", verbs[i], 2, "session");
    }
}

static void
test_usage (StandIn *self, gconstpointer data)
{
  const char *const lines[] = {
    "nonsense",
    "history",
    "rule list",
    "account add x",
    "account show",
    "account list x",
    "account",
    "account unheard-of",
    "account show a b",
    "account add work sip:a@b ring-limt=30",
    "account add work sip:a@b ring-limit",
    "account add work sip:a@b address=sip:c@d",
    "account add work sip:a@b password=secret",
    "account add work sip:a@b --password --password-file -",
    "account add work sip:a@b --password --no-ask-password",
    "account set",
    "account set work",
    "account set work enabled=maybe",
    "account set work password-file=secret",
    "account remove",
    "account remove a b",
    "account remove a --password-file -",
    "account enable",
    "account disable a b",
    "target",
    "target list a b",
    "target set mobile",
    "target set a b c d",
    "target set Mobile 200",
    "target set mobile +49 30",
    "target remove",
    "target remove a b c",
    "target remove 9",
    "target list --label x",
    "redirect",
    "list x",
    "decline a b",
    "decline --status 500",
    "show XYZ",
    "silence 123456789",
    "redirect --call zz 200",
    "watch",
    "watch --exec",
    "watch --exec /nonexistent/x",
    "watch --exec '",
    "watch --exec true --limit 0",
    "watch --exec true --at-once 101",
    "wait --timeout x",
    "wait --timeout -1",
    "list --unheard-of",
    "redirect 0a 1 2 3 4 5 6 7",
  };

  appear (self);
  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    assert_run (g_test_dbus_get_bus_address (self->bus), lines[i], 2, NULL);
}

/* Help needs no bus at all. */
static void
test_help (StandIn *self, gconstpointer data)
{
  const char *const lines[] = { "--help",        "--version",      "status --help",
                                "list --help",   "show --help",    "redirect --help",
                                "decline -h",    "silence --help", "monitor --help",
                                "wait --help",   "watch --help",   "account --help",
                                "target --help", "list --version" };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_auto (Run) run = { 0 };

      start (&run, "unix:path=/nonexistent/deflectd-test", lines[i]);
      g_assert_cmpint (finish (&run), ==, 0);
      g_assert_cmpstr (run.errors, ==, "");
      g_assert_cmpstr (run.output, !=, "");
    }
}

/* The daemon goes while a redirect waits for its acknowledgement. */
static void
test_vanishes (StandIn *self, gconstpointer data)
{
  g_auto (Run) run = { 0 };

  appear (self);
  start (&run, g_test_dbus_get_bus_address (self->bus), "redirect " CALL_ID " 200");
  while (self->unanswered == NULL)
    g_main_context_iteration (NULL, TRUE);
  vanish (self);
  g_assert_cmpint (finish (&run), ==, 8);
  g_assert_nonnull (strstr (run.errors, "what became of the call is unknown"));
  g_assert_cmpstr (run.output, ==, "");
}

/* The bus goes, whatever we are waiting for. */
static void
test_bus_vanishes (StandIn *self, gconstpointer verb)
{
  g_auto (Run) run = { 0 };

  appear (self);
  start (&run, g_test_dbus_get_bus_address (self->bus), verb);
  while (self->unanswered == NULL && self->n_listed == 0)
    g_main_context_iteration (NULL, TRUE);
  g_clear_object (&self->unanswered);
  g_clear_object (&self->connection);
  g_test_dbus_stop (self->bus);
  g_assert_cmpint (finish (&run), ==, 8);
}

/* The same when everything has been heard and nothing is asked: shown by a command that runs. */
static void
test_bus_vanishes_later (StandIn *self, gconstpointer data)
{
  g_autofree char *directory = g_dir_make_tmp ("deflectctl-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (directory, "runs", NULL);
  g_autofree char *arguments = g_strconcat ("watch --exec=touch\t", file, NULL);
  g_auto (Run) run = { 0 };

  appear (self);
  start (&run, g_test_dbus_get_bus_address (self->bus), arguments);
  while (!g_file_test (file, G_FILE_TEST_EXISTS))
    {
      g_main_context_iteration (NULL, FALSE);
      g_thread_yield ();
    }
  g_clear_object (&self->connection);
  g_test_dbus_stop (self->bus);
  g_assert_cmpint (finish (&run), ==, 8);
  g_unlink (file);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/errors/names", StandIn, NULL, set_up, test_error_names, tear_down);
  g_test_add ("/errors/no-daemon", StandIn, NULL, set_up, test_no_daemon, tear_down);
  g_test_add ("/errors/usage", StandIn, NULL, set_up, test_usage, tear_down);
  g_test_add ("/errors/help", StandIn, NULL, set_up, test_help, tear_down);
  g_test_add ("/errors/vanishes", StandIn, NULL, set_up, test_vanishes, tear_down);
  g_test_add ("/errors/bus-vanishes/redirect", StandIn, "redirect " CALL_ID " 200", set_up,
              test_bus_vanishes, tear_down);
  g_test_add ("/errors/bus-vanishes/monitor", StandIn, "monitor", set_up, test_bus_vanishes,
              tear_down);
  g_test_add ("/errors/bus-vanishes/wait", StandIn, "wait --new", set_up, test_bus_vanishes,
              tear_down);
  g_test_add ("/errors/bus-vanishes/watch", StandIn, "watch --exec cat", set_up, test_bus_vanishes,
              tear_down);
  g_test_add ("/errors/bus-vanishes/later", StandIn, NULL, set_up, test_bus_vanishes_later,
              tear_down);
  return g_test_run ();
}
