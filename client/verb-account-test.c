/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * account test.
 *
 * Nobody but a person at the target knows whether a redirect was followed: the server in front
 * acknowledges every one. So a call is made on purpose and redirected, what can be told from here
 * is told, and the person is asked. Only the next new call is taken: one that is offered already is
 * somebody's. Nothing is remembered before the answer, so that an interruption leaves everything
 * as it was, but for the call.
 */
#include "verb-account.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "follow.h"
#include "names.h"
#include "output.h"
#include "redirect-test.h"

/* Who is to call has to walk to another phone. */
#define DEFAULT_SECONDS 120

typedef struct
{
  DflFollow follow;
  DflManage *manage;
  DflFilter filter;
  const char *target;
  DflRang rang;
  char *call; /* the path of the one that was taken, or NULL */
  char *sip_call_id;
  char *outcome;
  gint64 sent; /* when the redirect was, monotonic */
  gint64 took; /* microseconds until its outcome; -1 */
  guint timer;
  guint input;
} Test;

/* For a person: beside JSON not among it. */
static void
say (Test *self, const char *text)
{
  if (self->follow.command->json)
    g_printerr ("%s\n", text);
  else
    g_print ("%s\n", text);
  dfl_follow_flush (&self->follow);
}

/* --- Behind the call --- */

static void
print_json (Test *self, const char *policy, gboolean remembered)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonNode *node = json_node_alloc ();

  json_object_set_string_member (object, "id", strrchr (self->manage->path, '/') + 1);
  json_object_set_string_member (object, "path", self->manage->path);
  json_object_set_string_member (object, "call", strrchr (self->call, '/') + 1);
  json_object_set_string_member (object, "target", self->target);
  json_object_set_string_member (object, "outcome", self->outcome);
  if (g_str_equal (self->outcome, "redirected"))
    json_object_set_int_member (object, "acknowledgedAfter", self->took);
  json_object_set_string_member (object, "policy", policy);
  json_object_set_boolean_member (object, "remembered", remembered);
  dfl_output_json (json_node_init_object (node, object), TRUE);
}

/* Accounts of the settings directory are changed there. */
static gboolean
is_in_settings (const GError *error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (error);

  return g_strcmp0 (name, DFL_ERROR_PREFIX "NotSupported") == 0;
}

static void
say_line_for_file (Test *self, const char *policy, const GError *error)
{
  g_autofree char *reason = dfl_errors_describe (error, self->follow.command->bus);
  g_autofree char *text = NULL;

  /* Translators: why, then a line of a settings file. */
  text = g_strdup_printf (_ ("It cannot be remembered from here (%s). Write this line into the "
                             "account's file, below [account]:\nredirect-policy=%s"),
                          reason, policy);
  say (self, text);
}

static void
remember (Test *self)
{
  const char *policy = dfl_rang_to_policy (self->rang);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder settings;

  g_variant_builder_init (&settings, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&settings, "{sv}", "redirect-policy", g_variant_new_string (policy));
  reply = dfl_command_call (self->follow.command, self->manage->path, DFL_ACCOUNT_INTERFACE,
                            "Update", g_variant_new ("(a{sv})", &settings), NULL, &error);
  if (reply != NULL)
    {
      text = g_strdup_printf (_ ("Remembered as redirect-policy=%s."), policy);
      say (self, text);
    }
  else if (is_in_settings (error))
    say_line_for_file (self, policy, error);
  if (self->follow.command->json)
    print_json (self, policy, reply != NULL);
  if (reply != NULL || is_in_settings (error))
    dfl_follow_end (&self->follow, DFL_EXIT_DONE);
  else
    dfl_follow_end (&self->follow, dfl_command_fail (self->follow.command, error));
}

static void
conclude (Test *self)
{
  if (self->rang == DFL_RANG_YES)
    say (self, _ ("The server follows redirects of this account."));
  else if (self->rang == DFL_RANG_NO)
    say (self, _ ("The server took the redirect and did not follow it, or another phone that rang "
                  "beside this account kept it from doing so. The recipes that come with deflectd "
                  "tell how servers are set up."));
  if (self->rang == DFL_RANG_YES || self->rang == DFL_RANG_NO)
    {
      remember (self);
      return;
    }
  say (self, _ ("Nothing is remembered. When you know whether TARGET rang, say so: “deflectctl "
                "account set ACCOUNT redirect-policy=honoured”, or “refused”."));
  if (self->follow.command->json)
    print_json (self, "unknown", FALSE);
  dfl_follow_end (&self->follow, DFL_EXIT_DONE);
}

static gboolean
on_input (int fd, GIOCondition condition, gpointer data)
{
  Test *self = data;
  char line[256] = "";

  /* A terminal hands out whole lines. At its end the question stays without an answer. */
  if (read (fd, line, sizeof line - 1) < 0)
    *line = '\0';
  self->input = 0;
  self->rang = dfl_rang_from_answer (line);
  conclude (self);
  return G_SOURCE_REMOVE;
}

static void
ask (Test *self)
{
  g_autofree char *safe = dfl_output_escape (self->target);

  /* Translators: the letters are those that your locale takes for yes and no. */
  g_printerr (_ ("Did %s ring? (y: yes, n: no, anything else: not known) "), safe);
  self->input = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, self);
}

/* --- The call --- */

static DflExit
exit_for_outcome (const char *outcome)
{
  if (g_str_equal (outcome, "unconfirmed"))
    return DFL_EXIT_TIMED_OUT;
  return g_str_equal (outcome, "failed") ? DFL_EXIT_FAILED : DFL_EXIT_TOO_LATE;
}

static void
take_outcome (Test *self, const char *outcome)
{
  g_autofree char *text = NULL;

  self->took = g_get_monotonic_time () - self->sent;
  self->outcome = g_strdup (outcome);
  text = dfl_redirect_test_explain (outcome, self->took);
  say (self, text);
  if (!g_str_equal (outcome, "redirected"))
    {
      if (self->follow.command->json)
        print_json (self, "unknown", FALSE);
      dfl_follow_end (&self->follow, exit_for_outcome (outcome));
    }
  else if (self->rang == DFL_RANG_ASK)
    ask (self);
  else
    conclude (self);
}

static void
redirect (Test *self, DflRemote *call)
{
  DflCommand *command = self->follow.command;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "wait", g_variant_new_boolean (FALSE));
  reply = dfl_command_call (command, self->call, DFL_CALL_INTERFACE, "Redirect",
                            g_variant_new ("(sa{sv})", self->target, &options), NULL, &error);
  self->sent = g_get_monotonic_time ();
  if (reply != NULL)
    return;
  dfl_follow_end (&self->follow, dfl_command_fail (command, error));
  if (dfl_errors_exit (error) != DFL_EXIT_TOO_LATE)
    g_printerr (_ ("deflectctl: call %s is still offered; decide it with “deflectctl redirect” or "
                   "“deflectctl decline”\n"),
                dfl_remote_get_id (call));
}

static void
on_added (DflCallsWatch *watch, DflRemote *call, Test *self)
{
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);
  const char *account = dfl_property_string (properties, "Account");
  const char *sip_call_id = dfl_property_string (properties, "SipCallId");
  g_autofree char *caller = dfl_output_caller (properties);
  g_autofree char *safe = dfl_output_escape (caller);
  g_autofree char *safe_target = dfl_output_escape (self->target);
  g_autofree char *text = NULL;

  if (self->follow.ending || !g_str_equal (account, self->manage->path))
    return;
  if (self->call != NULL)
    {
      if (g_strcmp0 (sip_call_id, self->sip_call_id) == 0)
        say (self, _ ("The same call is offered here once more: the server did not follow the "
                      "redirect, or somebody else sent it back."));
      return;
    }
  if (!dfl_filter_matches (&self->filter, properties,
                           dfl_calls_watch_get_account_name (watch, account)))
    return;
  self->call = g_strdup (dfl_remote_get_path (call));
  self->sip_call_id = g_strdup (sip_call_id);
  g_clear_handle_id (&self->timer, g_source_remove);
  /* Translators: a caller, an address. */
  text = g_strdup_printf (_ ("A call from %s. Redirecting it to %s."), safe, safe_target);
  say (self, text);
  redirect (self, call);
}

static void
on_changed (DflCallsWatch *watch, DflRemote *call, const char *const *names, Test *self)
{
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);

  if (!self->follow.ending && self->outcome == NULL
      && g_strcmp0 (dfl_remote_get_path (call), self->call) == 0
      && g_str_equal (dfl_property_string (properties, "State"), "idle"))
    take_outcome (self, dfl_property_string (properties, "Outcome"));
}

static void
on_removed (DflCallsWatch *watch, DflRemote *call, Test *self)
{
  if (self->follow.ending || self->outcome != NULL
      || g_strcmp0 (dfl_remote_get_path (call), self->call) != 0)
    return;
  g_printerr ("deflectctl: %s\n",
              _ ("how the redirect ended is unknown, because deflectd went away"));
  dfl_follow_end (&self->follow, DFL_EXIT_NO_DAEMON);
}

/* --- Before the call --- */

static gboolean
on_timeout (gpointer data)
{
  Test *self = data;

  self->timer = 0;
  g_printerr (
      "deflectctl: %s\n",
      _ ("no call came in this time, so nothing could be tested; call the account's number, "
         "and see with “deflectctl monitor” whether the server offers calls here at all"));
  dfl_follow_end (&self->follow, DFL_EXIT_TIMED_OUT);
  return G_SOURCE_REMOVE;
}

static void
on_ready (DflCallsWatch *watch, Test *self)
{
  const DflAccountOptions *options = self->manage->options;
  double seconds = options->timeout == DFL_ACCOUNT_NO_TIMEOUT ? DEFAULT_SECONDS : options->timeout;
  g_autofree char *address = NULL;
  g_autofree char *name = NULL;
  g_autofree char *target = NULL;
  g_autofree char *text = NULL;

  /* Only once, also where the daemon went away and is back. */
  if (self->timer != 0 || self->call != NULL)
    return;
  name = dfl_manage_get_name (self->manage);
  address = dfl_output_escape (dfl_property_string (self->manage->properties, "Address"));
  target = dfl_output_escape (self->target);
  self->timer = g_timeout_add ((guint)(seconds * 1000), on_timeout, self);
  text = g_strdup_printf (
      /* Translators: an account, its address, an address, the same, seconds. */
      _ ("This finds out what the server in front of account %s does with a redirect.\n"
         "Call %s now, from a phone that is not %s, and answer nowhere.\n"
         "The call is redirected as soon as it comes: see whether %s rings.\n"
         "Waiting for the call, %u s at most; Ctrl-C ends the test and changes nothing."),
      name, address, target, target, (guint)seconds);
  say (self, text);
}

static gboolean
check_account (DflManage *self, GError **error)
{
  const char *state = dfl_property_string (self->properties, "State");
  g_autofree char *name = dfl_manage_get_name (self);
  g_autofree char *reason = dfl_output_escape (
      dfl_property_string (self->properties, "StateReason"));

  if (g_str_equal (state, "registered") || g_str_equal (state, "direct"))
    return TRUE;
  g_set_error (
      error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
      /* Translators: an account, its state, and ": why" or nothing. */
      _ ("account %s takes no calls now, so that nothing can be tested; its state is %s%s%s"), name,
      state, *reason != '\0' ? ": " : "", reason);
  return FALSE;
}

static gboolean
read_rang (Test *self, const char *given, GError **error)
{
  gboolean terminal = isatty (STDIN_FILENO) && isatty (STDERR_FILENO);

  self->rang = terminal ? DFL_RANG_ASK : DFL_RANG_UNKNOWN;
  if (given != NULL && !dfl_rang_parse (given, &self->rang))
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                         _ ("--rang takes yes, no or ask"));
  else if (self->rang == DFL_RANG_ASK && !terminal)
    g_set_error_literal (
        error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
        _ ("there is no terminal to ask on whether the target rang; say --rang=yes "
           "or --rang=no"));
  else
    return TRUE;
  return FALSE;
}

static DflExit
run (Test *self)
{
  DflCallsWatch *watch = self->follow.watch;
  DflExit status;

  self->follow.interrupted = DFL_EXIT_FAILED;
  g_signal_connect (watch, "ready", G_CALLBACK (on_ready), self);
  g_signal_connect (watch, "call-added", G_CALLBACK (on_added), self);
  g_signal_connect (watch, "call-changed", G_CALLBACK (on_changed), self);
  g_signal_connect (watch, "call-removed", G_CALLBACK (on_removed), self);
  status = dfl_follow_run (&self->follow);
  g_signal_handlers_disconnect_by_data (watch, self);
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_handle_id (&self->input, g_source_remove);
  return status;
}

DflExit
dfl_account_test (DflManage *manage)
{
  const DflAccountOptions *options = manage->options;
  Test self = { .manage = manage, .target = manage->words[1], .took = -1 };
  g_autoptr (GError) error = NULL;
  DflExit status;

  self.filter.only_new = TRUE;
  self.filter.caller = g_strdup (options->caller);
  if (!read_rang (&self, options->rang, &error)
      || !dfl_manage_find_account (manage, manage->words[0], &error)
      || !check_account (manage, &error)
      || !dfl_follow_init (&self.follow, manage->command, &error))
    status = dfl_command_fail (manage->command, error);
  else
    status = run (&self);
  dfl_follow_clear (&self.follow);
  dfl_filter_clear (&self.filter);
  g_free (self.call);
  g_free (self.sip_call_id);
  g_free (self.outcome);
  return status;
}
