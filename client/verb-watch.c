/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* watch: a command for each offered call, whose first line decides. */
#include "filter.h"
#include "follow.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>

#include "answer.h"
#include "daemon.h"
#include "names.h"
#include "output.h"
#include "runner.h"

/* The system bus allows 128 method calls in flight for each connection. Every command that runs can
 * have one, so this stays below with room for our own. */
#define MAX_COMMANDS 100

typedef struct
{
  DflFollow follow;
  DflFilter filter;
  DflRunner *runner;
  GHashTable *decided; /* paths of calls that we decided and whose end will be told */
  char *command_line;
  int max_commands;
  int limit;
} Watch;

/* What the answer to a decision belongs to. */
typedef struct
{
  Watch *watch;
  char *path;
  DflAnswer answer;
} Decision;

static void
decision_free (Decision *self)
{
  dfl_answer_clear (&self->answer);
  g_free (self->path);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Decision, decision_free)

static const char *
id_of (const char *path)
{
  return strrchr (path, '/') + 1;
}

/* --- What is told --- */

static void
report (Watch *self, const char *path, const char *sentence)
{
  g_printerr ("deflectctl: %s: %s\n", id_of (path), sentence);
}

/* key and value beside the event and the id; key may be NULL. */
static void
print_json (Watch *self, const char *event, const char *path, const char *key, const char *value)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonNode *node = json_node_alloc ();

  json_object_set_string_member (object, "event", event);
  json_object_set_int_member (object, "time", g_get_real_time ());
  json_object_set_string_member (object, "id", id_of (path));
  json_object_set_string_member (object, "path", path);
  if (key != NULL)
    json_object_set_string_member (object, key, value);
  dfl_output_json (json_node_init_object (node, object), FALSE);
  dfl_follow_flush (&self->follow);
}

static void
print_decision (Watch *self, const Decision *decision)
{
  const char *id = id_of (decision->path);
  g_autofree char *target = NULL;

  switch (decision->answer.kind)
    {
    case DFL_ANSWER_REDIRECT:
      target = dfl_output_escape (decision->answer.target);
      if (self->follow.command->json)
        print_json (self, "redirecting", decision->path, "target", decision->answer.target);
      else
        g_print (_ ("%s: sent the redirect to %s\n"), id, target);
      break;
    case DFL_ANSWER_DECLINE:
      if (self->follow.command->json)
        print_json (self, "declining", decision->path, NULL, NULL);
      else
        g_print (_ ("%s: declined\n"), id);
      break;
    case DFL_ANSWER_SILENCE:
      if (self->follow.command->json)
        print_json (self, "silenced", decision->path, NULL, NULL);
      else
        g_print (_ ("%s: silenced\n"), id);
      break;
    case DFL_ANSWER_NOTHING:
    default:
      break;
    }
  dfl_follow_flush (&self->follow);
}

/* --- Deciding --- */

static void
on_decided (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Decision) decision = data;
  Watch *self = decision->watch;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);

  if (reply != NULL)
    print_decision (self, decision);
  else
    {
      g_autofree char *text = dfl_errors_describe (error, self->follow.command->bus);

      g_hash_table_remove (self->decided, decision->path);
      report (self, decision->path, text);
    }
  dfl_runner_release (self->runner, decision->path);
}

/* Replies are wanted when the response is sent, not when it is acknowledged: how the call ended is
 * seen from its properties, and no method call stays in flight meanwhile. Nobody is asked for a
 * password either, because perhaps nobody is there. */
static void
decide (Watch *self, const char *path, DflAnswer *answer)
{
  Decision *decision = g_new0 (Decision, 1);
  const char *method = "Silence";
  GVariant *parameters = NULL;
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (answer->kind == DFL_ANSWER_REDIRECT)
    {
      method = "Redirect";
      g_variant_builder_add (&options, "{sv}", "wait", g_variant_new_boolean (FALSE));
      parameters = g_variant_new ("(sa{sv})", answer->target, &options);
      g_hash_table_add (self->decided, g_strdup (path));
    }
  else if (answer->kind == DFL_ANSWER_DECLINE)
    {
      method = "Decline";
      if (answer->status != 0)
        g_variant_builder_add (&options, "{sv}", "status", g_variant_new_uint32 (answer->status));
      parameters = g_variant_new ("(a{sv})", &options);
    }
  else
    g_variant_builder_clear (&options);
  decision->watch = self;
  decision->path = g_strdup (path);
  decision->answer = *answer;
  *answer = (DflAnswer){ .kind = DFL_ANSWER_NOTHING };
  g_dbus_connection_call (self->follow.command->connection, DFL_BUS_NAME, path, DFL_CALL_INTERFACE,
                          method, parameters, NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL,
                          on_decided, decision);
}

static void
on_answered (DflRunner *runner, const char *path, const char *line, Watch *self)
{
  g_autoptr (GError) error = NULL;
  DflAnswer answer;

  if (!dfl_answer_parse (&answer, line, &error))
    report (self, path, error->message);
  else if (answer.kind != DFL_ANSWER_NOTHING)
    {
      decide (self, path, &answer);
      return;
    }
  dfl_runner_release (runner, path);
}

/* --- The environment of a command --- */

static char **
set_clean (char **environment, const char *variable, const char *text)
{
  g_autofree char *clean = dfl_output_strip (text);

  return g_environ_setenv (environment, variable, clean, TRUE);
}

static char **
make_environment (Watch *self, DflRemote *call, GVariant *properties, const char *account)
{
  const struct
  {
    const char *variable;
    const char *property;
  } facts[] = {
    { "DEFLECT_CALLER", "CallerAddress" },
    { "DEFLECT_CALLER_NUMBER", "CallerNumber" },
    { "DEFLECT_CALLER_NAME", "CallerName" },
    { "DEFLECT_CALLER_PRESENTATION", "CallerPresentation" },
    { "DEFLECT_CALLED", "CalledAddress" },
    { "DEFLECT_SUBJECT", "Subject" },
  };
  char **environment = g_get_environ ();

  environment = g_environ_setenv (environment, "DEFLECT_CALL", dfl_remote_get_path (call), TRUE);
  environment = g_environ_setenv (environment, "DEFLECT_CALL_ID", dfl_remote_get_id (call), TRUE);
  environment = g_environ_setenv (environment, "DEFLECT_BUS", self->follow.command->bus, TRUE);
  environment = set_clean (environment, "DEFLECT_ACCOUNT", account);
  environment = g_environ_setenv (environment, "DEFLECT_CALLER_TRUSTED",
                                  dfl_property_boolean (properties, "CallerTrusted") ? "yes" : "no",
                                  TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (facts); i++)
    environment = set_clean (environment, facts[i].variable,
                             dfl_property_string (properties, facts[i].property));
  return environment;
}

static void
run_if_wanted (Watch *self, DflRemote *call)
{
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);
  const char *account = dfl_calls_watch_get_account_name (self->follow.watch,
                                                          dfl_property_string (properties,
                                                                               "Account"));
  g_auto (GStrv) environment = NULL;

  if (!dfl_filter_matches (&self->filter, properties, account))
    return;
  environment = make_environment (self, call, properties, account);
  dfl_runner_add (self->runner, dfl_remote_get_path (call), (const char *const *)environment);
}

/* --- What happens to the calls --- */

static void
on_added (DflCallsWatch *watch, DflRemote *call, Watch *self)
{
  run_if_wanted (self, call);
}

static void
on_changed (DflCallsWatch *watch, DflRemote *call, const char *const *names, Watch *self)
{
  const char *path = dfl_remote_get_path (call);
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);
  const char *state = dfl_property_string (properties, "State");
  const char *outcome = dfl_property_string (properties, "Outcome");

  if (!g_str_equal (state, "offered"))
    dfl_runner_call_over (self->runner, path);
  if (!g_str_equal (state, "idle") || !g_hash_table_remove (self->decided, path))
    return;
  if (self->follow.command->json)
    print_json (self, "ended", path, "outcome", outcome);
  else if (g_str_equal (outcome, "redirected"))
    g_print (_ ("%s: redirected (the server acknowledged it)\n"), id_of (path));
  else if (g_str_equal (outcome, "unconfirmed"))
    g_print (_ ("%s: unconfirmed, the server never acknowledged the redirect\n"), id_of (path));
  else
    {
      g_autofree char *safe = dfl_output_escape (outcome);

      g_print ("%s: %s\n", id_of (path), safe);
    }
  dfl_follow_flush (&self->follow);
}

static void
on_removed (DflCallsWatch *watch, DflRemote *call, Watch *self)
{
  const char *path = dfl_remote_get_path (call);

  dfl_runner_call_over (self->runner, path);
  if (g_hash_table_remove (self->decided, path))
    report (self, path, _ ("how the redirect ended is unknown, because deflectd went away"));
}

static void
on_ready (DflCallsWatch *watch, Watch *self)
{
  g_autoptr (GPtrArray) calls = dfl_calls_watch_get_calls (watch);

  if (!dfl_follow_check_account (&self->follow, self->filter.account))
    return;
  for (guint i = 0; !self->filter.only_new && i < calls->len; i++)
    run_if_wanted (self, calls->pdata[i]);
}

static void
on_stopped (DflRunner *runner, Watch *self)
{
  dfl_follow_quit (&self->follow);
}

static void
stop (DflFollow *follow)
{
  Watch *self = follow->data;

  dfl_runner_stop (self->runner);
}

/* --- The verb --- */

static gboolean
check_options (Watch *self, char ***command_argv, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *program = NULL;
  g_autofree char *safe = NULL;

  if (self->command_line == NULL)
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                         _ ("watch needs --exec COMMAND; see “deflectctl watch --help”"));
  else if (self->limit < 1 || self->limit > 3600)
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                         _ ("--limit takes 1 to 3600 seconds"));
  else if (self->max_commands < 1 || self->max_commands > MAX_COMMANDS)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE, _ ("--at-once takes 1 to %d commands"),
                 MAX_COMMANDS);
  else if (!g_shell_parse_argv (self->command_line, NULL, command_argv, &reason))
    {
      safe = dfl_output_escape (reason->message);
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE, _ ("--exec takes a command line: %s"),
                   safe);
    }
  else if ((program = g_find_program_in_path ((*command_argv)[0])) == NULL)
    {
      safe = dfl_output_escape ((*command_argv)[0]);
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                   _ ("there is no program “%s” that could be run"), safe);
    }
  else
    return TRUE;
  return FALSE;
}

static gboolean
parse (Watch *self, int argc, char **argv, char ***command_argv, GError **error)
{
  GOptionEntry entries[3 + DFL_FILTER_N_OPTIONS + 1] = {
    { "exec", 0, 0, G_OPTION_ARG_STRING, &self->command_line,
      N_ ("The command, run without a shell (write one if you want one)"), N_ ("COMMAND") },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit,
      N_ ("Seconds that a command may take (default 30)"), N_ ("SECONDS") },
    { "at-once", 0, 0, G_OPTION_ARG_INT, &self->max_commands,
      N_ ("How many commands may run at once (default 32)"), N_ ("NUMBER") },
  };

  dfl_filter_get_options (&self->filter, entries + 3);
  return dfl_command_parse (
             self->follow.command, entries, _ ("--exec COMMAND"),
             _ ("Runs COMMAND for each offered call, with the call in its environment\n"
                "(DEFLECT_CALL_ID, DEFLECT_CALLER, DEFLECT_CALLER_NAME and others, see\n"
                "deflectctl(1)). The first line that it prints decides: “redirect TARGET”,\n"
                "“decline”, “decline 480|486|603”, “silence”, or an empty one for nothing."),
             &argc, &argv, error)
         && check_options (self, command_argv, error);
}

static DflExit
run (Watch *self, char **command_argv)
{
  DflExit status;

  self->runner = dfl_runner_new ((const char *const *)command_argv, (guint)self->max_commands,
                                 (guint)self->limit);
  self->follow.on_stop = stop;
  self->follow.data = self;
  g_signal_connect (self->runner, "answered", G_CALLBACK (on_answered), self);
  g_signal_connect (self->runner, "stopped", G_CALLBACK (on_stopped), self);
  g_signal_connect (self->follow.watch, "ready", G_CALLBACK (on_ready), self);
  g_signal_connect (self->follow.watch, "call-added", G_CALLBACK (on_added), self);
  g_signal_connect (self->follow.watch, "call-changed", G_CALLBACK (on_changed), self);
  g_signal_connect (self->follow.watch, "call-removed", G_CALLBACK (on_removed), self);
  status = dfl_follow_run (&self->follow);
  /* A decision made a moment ago is on its way out. */
  (void)g_dbus_connection_flush_sync (self->follow.command->connection, NULL, NULL);
  g_signal_handlers_disconnect_by_data (self->follow.watch, self);
  g_signal_handlers_disconnect_by_data (self->runner, self);
  return status;
}

DflExit
dfl_verb_watch (DflCommand *command, int argc, char **argv)
{
  Watch self = { .max_commands = 32, .limit = 30, .follow.command = command };
  g_auto (GStrv) command_argv = NULL;
  g_autoptr (GError) error = NULL;
  DflExit status;

  self.decided = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (!parse (&self, argc, argv, &command_argv, &error)
      || !dfl_follow_init (&self.follow, command, &error))
    status = dfl_command_fail (command, error);
  else
    status = run (&self, command_argv);
  g_clear_object (&self.runner);
  dfl_follow_clear (&self.follow);
  dfl_filter_clear (&self.filter);
  g_hash_table_unref (self.decided);
  g_free (self.command_line);
  return status;
}
