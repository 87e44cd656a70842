/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What deflectctl does when it is refused: on a terminal, without one, and told not to ask. The
 * daemon and the agent are stand-ins, which remember what they were asked and when. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "names.h"

#define CALL_ID "0a1b2c3d"
#define ACCOUNT_PATH DFL_ACCOUNT_PATH_PREFIX "0a000001"
#define NOT_AUTHORIZED DFL_ERROR_PREFIX "NotAuthorized"

/* It is ready when FD 3 is closed, not before, and ends when it is told to. */
static const char agent_script[] = "#!/bin/sh\n"
                                   "trap 'echo ended >>\"$AGENT_LOG\"; exit 0' TERM\n"
                                   "echo \"$*\" >\"$AGENT_LOG\"\n"
                                   "sleep 0.2\n"
                                   "echo ready >>\"$AGENT_LOG\"\n"
                                   "exec 3>&-\n"
                                   "while :; do sleep 0.02; done\n";

typedef struct
{
  GTestDBus *bus;
  GDBusConnection *connection;
  const char *refusal;    /* what a call that allows no prompt gets; NULL: it is done */
  const char *last_words; /* what one that allows a prompt gets; NULL: it is done */
  GString *asked;         /* "METHOD " or "METHOD? " for each call, the latter may prompt */
  char *directory;
  char *agent_log;
  char *agent_told; /* what stood there when the call that may prompt came */
  char *output;     /* of deflectctl */
} Fixture;

static const char objects[] = "({@o '" ACCOUNT_PATH
                              "': {'org.deflectd1.Account': {'Name': <'work'>, "
                              "'State': <'direct'>, 'Targets': <[('mobile', 'Mobile', '1')]>}}},)";

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
  Fixture *self = data;
  GDBusMessage *message = g_dbus_method_invocation_get_message (invocation);
  gboolean may_prompt = (g_dbus_message_get_flags (message)
                         & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION)
                        != 0;
  const char *error_name = may_prompt ? self->last_words : self->refusal;

  if (g_str_equal (method, "GetManagedObjects"))
    {
      g_dbus_method_invocation_return_value (invocation, g_variant_new_parsed (objects));
      return;
    }
  if (g_str_equal (method, "GetAll"))
    {
      g_dbus_method_invocation_return_value (invocation,
                                             g_variant_new_parsed (
                                                 "({'Name': <'work'>, 'State': <'direct'>},)"));
      return;
    }
  g_string_append_printf (self->asked, "%s%s ", method, may_prompt ? "?" : "");
  if (may_prompt && self->agent_told == NULL)
    g_file_get_contents (self->agent_log, &self->agent_told, NULL, NULL);
  if (error_name != NULL)
    g_dbus_method_invocation_return_dbus_error (invocation, error_name, "because");
  else if (g_str_equal (method, "AddAccount"))
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", ACCOUNT_PATH));
  else if (g_str_equal (method, "CheckRedirect"))
    g_dbus_method_invocation_return_value (invocation,
                                           g_variant_new_parsed ("(true, ['sip:1@x'], '')"));
  else
    g_dbus_method_invocation_return_value (invocation, NULL);
}

static const GDBusInterfaceVTable vtable = { .method_call = handle_call };

static void
offer (Fixture *self, const char *path, const char *xml)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (xml, &error);

  g_assert_no_error (error);
  g_dbus_connection_register_object (self->connection, path, node->interfaces[0], &vtable, self,
                                     NULL, &error);
  g_assert_no_error (error);
}

static void
offer_documented (Fixture *self, const char *path, const char *interface)
{
  g_autofree char *name = g_strconcat (interface, ".xml", NULL);
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "..", "data", name, NULL);
  g_autofree char *xml = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (file, &xml, NULL, &error);
  g_assert_no_error (error);
  offer (self, path, xml);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autofree char *agent = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  self->asked = g_string_new (NULL);
  self->directory = g_dir_make_tmp ("deflectctl-XXXXXX", NULL);
  self->agent_log = g_build_filename (self->directory, "log", NULL);
  agent = g_build_filename (self->directory, "pkttyagent", NULL);
  g_assert_true (
      g_file_set_contents_full (agent, agent_script, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
  self->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (self->bus);
  self->connection = g_dbus_connection_new_for_address_sync (
      g_test_dbus_get_bus_address (self->bus),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);
  g_assert_no_error (error);
  offer (self, DFL_ROOT_PATH,
         "<node><interface name='org.freedesktop.DBus.ObjectManager'>"
         "<method name='GetManagedObjects'><arg type='a{oa{sa{sv}}}' direction='out'/></method>"
         "</interface></node>");
  offer_documented (self, DFL_ROOT_PATH, DFL_MANAGER_INTERFACE);
  offer_documented (self, ACCOUNT_PATH, DFL_ACCOUNT_INTERFACE);
  offer_documented (self, DFL_CALL_PATH_PREFIX CALL_ID, DFL_CALL_INTERFACE);
  reply = g_dbus_connection_call_sync (self->connection, "org.freedesktop.DBus",
                                       "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                       "RequestName", g_variant_new ("(su)", DFL_BUS_NAME, 0u),
                                       NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_autofree char *agent = g_build_filename (self->directory, "pkttyagent", NULL);

  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_clear_object (&self->connection);
  g_test_dbus_stop (self->bus);
  g_clear_object (&self->bus);
  g_unlink (agent);
  g_unlink (self->agent_log);
  g_rmdir (self->directory);
  g_string_free (self->asked, TRUE);
  g_free (self->directory);
  g_free (self->agent_log);
  g_free (self->agent_told);
  g_free (self->output);
}

static void
on_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *self = data;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), result, &self->output, NULL, &error);
  g_assert_no_error (error);
}

/* Runs deflectctl on the stand-in for a system bus; standard error goes where its output goes. */
static int
run (Fixture *self, const char *words, gboolean on_terminal, gboolean with_agent)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "..", "client", "deflectctl",
                                                    NULL);
  g_autofree char *line = g_strdup_printf ("%s %s", program, words);
  g_autofree char *script = g_find_program_in_path ("script");
  const char *shell[] = { "/bin/sh", "-c", line, NULL };
  const char *terminal[] = { script, "-qec", line, "/dev/null", NULL };
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_autofree char *path = g_strdup_printf ("%s:%s", self->directory, g_getenv ("PATH"));
  g_autofree char *bare = g_build_filename (self->directory, "none", NULL);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  g_string_truncate (self->asked, 0);
  g_clear_pointer (&self->agent_told, g_free);
  g_clear_pointer (&self->output, g_free);
  g_unlink (self->agent_log);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_subprocess_launcher_setenv (launcher, "AGENT_LOG", self->agent_log, TRUE);
  g_subprocess_launcher_setenv (launcher, "DBUS_SYSTEM_BUS_ADDRESS",
                                g_test_dbus_get_bus_address (self->bus), TRUE);
  /* Without an agent means without the machine's own, too. */
  g_subprocess_launcher_setenv (launcher, "PATH", with_agent ? path : bare, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, on_terminal ? terminal : shell, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (process, NULL, NULL, on_ended, self);
  while (self->output == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_subprocess_get_if_exited (process));
  return g_subprocess_get_exit_status (process);
}

/* --- Tests --- */

/* Everything that may have to be authorised, and the method that it takes. */
static const struct
{
  const char *words, *method;
} verbs[] = {
  { "redirect " CALL_ID " 200", "Redirect" },
  { "decline " CALL_ID, "Decline" },
  { "silence " CALL_ID, "Silence" },
  { "account add work sip:alice@example.org register=false accept-from=192.0.2.1", "AddAccount" },
  { "account set work ring-limit=30", "Update" },
  { "account remove work", "Remove" },
  { "account enable 0a000001", "Set" },
  { "account disable work", "Set" },
  { "target set desk 200", "SetTargets" },
  { "target remove work mobile", "SetTargets" },
};

/* The usual case costs one message and its reply. */
static void
test_granted (Fixture *self, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *once = g_strconcat (verbs[i].method, " ", NULL);

      g_assert_cmpint (run (self, verbs[i].words, FALSE, TRUE), ==, 0);
      g_assert_cmpstr (self->asked->str, ==, once);
    }
  g_assert_cmpint (run (self, "redirect 200", TRUE, TRUE), ==, 10);
  g_assert_cmpint (run (self, "redirect " CALL_ID " 200", TRUE, TRUE), ==, 0);
  g_assert_cmpstr (self->asked->str, ==, "Redirect ");
  g_assert_false (g_file_test (self->agent_log, G_FILE_TEST_EXISTS));
}

/* Without a terminal, somebody else may ask the person: a desktop does. */
static void
test_session (Fixture *self, gconstpointer data)
{
  self->refusal = NOT_AUTHORIZED;
  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *once = g_strconcat (verbs[i].method, " ", NULL);
      g_autofree char *twice = g_strdup_printf ("%s %s? ", verbs[i].method, verbs[i].method);
      g_autofree char *silently = g_strconcat ("--no-ask-password ", verbs[i].words, NULL);

      self->last_words = NULL;
      g_assert_cmpint (run (self, verbs[i].words, FALSE, TRUE), ==, 0);
      g_assert_cmpstr (self->asked->str, ==, twice);
      self->last_words = NOT_AUTHORIZED;
      g_assert_cmpint (run (self, verbs[i].words, FALSE, TRUE), ==, 4);
      g_assert_cmpstr (self->asked->str, ==, twice);
      g_assert_nonnull (strstr (self->output, "you are not authorised"));
      g_assert_nonnull (strstr (self->output, ": because"));
      g_assert_cmpint (run (self, silently, TRUE, TRUE), ==, 4);
      g_assert_cmpstr (self->asked->str, ==, once);
      g_assert_false (g_file_test (self->agent_log, G_FILE_TEST_EXISTS));
    }
  /* What is only asked about needs no password, and what failed for another reason neither. */
  g_assert_cmpint (run (self, "redirect --check " CALL_ID " 200", TRUE, TRUE), ==, 4);
  g_assert_cmpstr (self->asked->str, ==, "CheckRedirect ");
  self->refusal = DFL_ERROR_PREFIX "TooLate";
  g_assert_cmpint (run (self, "redirect " CALL_ID " 200", TRUE, TRUE), ==, 5);
  g_assert_cmpstr (self->asked->str, ==, "Redirect ");
  g_assert_false (g_file_test (self->agent_log, G_FILE_TEST_EXISTS));
}

/* On a terminal polkit's own agent is there before it is asked again, and not for longer. */
static void
test_terminal (Fixture *self, gconstpointer data)
{
  const char *const outcomes[] = { NULL, NOT_AUTHORIZED };
  g_autoptr (GRegex) wanted
      = g_regex_new ("^--notify-fd 3 --process [0-9]+( --fallback)?\nready\nended\n$", 0, 0, NULL);

  self->refusal = NOT_AUTHORIZED;
  for (gsize i = 0; i < G_N_ELEMENTS (outcomes); i++)
    {
      g_autofree char *told = NULL;

      self->last_words = outcomes[i];
      g_assert_cmpint (run (self, "redirect " CALL_ID " 200", TRUE, TRUE), ==, i == 0 ? 0 : 4);
      g_assert_cmpstr (self->asked->str, ==, "Redirect Redirect? ");
      g_assert_nonnull (self->agent_told);
      g_assert_true (g_str_has_suffix (self->agent_told, "\nready\n"));
      g_assert_true (g_file_get_contents (self->agent_log, &told, NULL, NULL));
      g_assert_true (g_regex_match (wanted, told, 0, NULL));
    }
}

/* No agent, one that cannot be ready, or another bus: then only somebody else may ask. */
static void
test_no_agent (Fixture *self, gconstpointer data)
{
  g_autofree char *agent = g_build_filename (self->directory, "pkttyagent", NULL);
  g_autofree char *elsewhere = g_strdup_printf ("--bus '%s' decline " CALL_ID,
                                                g_test_dbus_get_bus_address (self->bus));

  self->refusal = NOT_AUTHORIZED;
  g_assert_cmpint (run (self, "decline " CALL_ID, TRUE, FALSE), ==, 0);
  g_assert_cmpstr (self->asked->str, ==, "Decline Decline? ");
  g_assert_cmpint (run (self, elsewhere, TRUE, TRUE), ==, 0);
  g_assert_cmpstr (self->asked->str, ==, "Decline Decline? ");
  g_assert_null (self->agent_told);
  g_assert_cmpint (run (self, "decline " CALL_ID " 2>/dev/null", TRUE, TRUE), ==, 0);
  g_assert_cmpstr (self->asked->str, ==, "Decline Decline? ");
  g_assert_null (self->agent_told);
  g_assert_cmpint (run (self, "decline " CALL_ID " </dev/null", TRUE, TRUE), ==, 0);
  g_assert_null (self->agent_told);
  g_assert_true (g_file_set_contents (agent, "#!/bin/sh\nexit 127\n", -1, NULL));
  g_assert_cmpint (run (self, "decline " CALL_ID, TRUE, TRUE), ==, 0);
  g_assert_cmpstr (self->asked->str, ==, "Decline Decline? ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/authorisation/granted", Fixture, NULL, set_up, test_granted, tear_down);
  g_test_add ("/authorisation/session", Fixture, NULL, set_up, test_session, tear_down);
  g_test_add ("/authorisation/terminal", Fixture, NULL, set_up, test_terminal, tear_down);
  g_test_add ("/authorisation/no-agent", Fixture, NULL, set_up, test_no_agent, tear_down);
  return g_test_run ();
}
