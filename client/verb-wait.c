/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* wait. */
#include "filter.h"
#include "follow.h"

#include <glib/gi18n.h>

#include "output.h"

#define NO_TIMEOUT G_MAXDOUBLE

typedef struct
{
  DflFollow follow;
  DflFilter filter;
  double timeout; /* in seconds */
} Wait;

/* Less than the clock can tell counts as none, so that it never hides a call that is there. */
static guint
timeout_ms (const Wait *self)
{
  return (guint)(self->timeout * 1000);
}

static gboolean
end_if_wanted (Wait *self, DflRemote *call)
{
  DflFollow *follow = &self->follow;
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);
  const char *account = dfl_property_string (properties, "Account");

  if (!dfl_filter_matches (&self->filter, properties,
                           dfl_calls_watch_get_account_name (follow->watch, account)))
    return FALSE;
  if (follow->command->json)
    dfl_output_json (dfl_follow_call_json (follow, call), TRUE);
  else
    g_print ("%s\n", dfl_remote_get_id (call));
  dfl_follow_end (follow, DFL_EXIT_DONE);
  return TRUE;
}

static void
on_added (DflCallsWatch *watch, DflRemote *call, Wait *self)
{
  /* Once is enough, also where several calls come before the loop has ended. */
  if (g_main_loop_is_running (self->follow.loop))
    end_if_wanted (self, call);
}

static void
on_ready (DflCallsWatch *watch, Wait *self)
{
  g_autoptr (GPtrArray) calls = dfl_calls_watch_get_calls (watch);

  if (!dfl_follow_check_account (&self->follow, self->filter.account))
    return;
  for (guint i = 0; !self->filter.only_new && i < calls->len; i++)
    if (end_if_wanted (self, calls->pdata[i]))
      return;
  if (self->timeout != NO_TIMEOUT && timeout_ms (self) == 0)
    {
      g_printerr ("deflectctl: %s\n", _ ("no such call is offered now"));
      dfl_follow_end (&self->follow, DFL_EXIT_TIMED_OUT);
    }
}

static gboolean
on_timeout (gpointer data)
{
  Wait *self = data;

  g_printerr ("deflectctl: %s\n", _ ("no such call was offered in this time"));
  dfl_follow_end (&self->follow, DFL_EXIT_TIMED_OUT);
  return G_SOURCE_REMOVE;
}

static gboolean
parse (Wait *self, DflCommand *command, int argc, char **argv, GError **error)
{
  GOptionEntry entries[1 + DFL_FILTER_N_OPTIONS + 1] = {
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &self->timeout,
      N_ ("Give up after so many seconds (exit code 3); 0: do not wait at all"), N_ ("SECONDS") },
  };

  dfl_filter_get_options (&self->filter, entries + 1);
  if (!dfl_command_parse (command, entries, "",
                          _ ("Waits until a call is offered and prints its id. A call that is "
                             "offered already counts, unless --new is given."),
                          &argc, &argv, error))
    return FALSE;
  if (self->timeout == NO_TIMEOUT || (self->timeout >= 0 && self->timeout <= G_MAXINT / 1000))
    return TRUE;
  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
               _ ("--timeout takes a number of seconds, at most %d"), G_MAXINT / 1000);
  return FALSE;
}

DflExit
dfl_verb_wait (DflCommand *command, int argc, char **argv)
{
  Wait self = { .timeout = NO_TIMEOUT };
  g_autoptr (GError) error = NULL;
  DflExit status;
  guint timer = 0;

  if (!parse (&self, command, argc, argv, &error)
      || !dfl_follow_init (&self.follow, command, &error))
    status = dfl_command_fail (command, error);
  else
    {
      /* Interrupted before a call came: not done. */
      self.follow.interrupted = DFL_EXIT_FAILED;
      g_signal_connect (self.follow.watch, "ready", G_CALLBACK (on_ready), &self);
      g_signal_connect (self.follow.watch, "call-added", G_CALLBACK (on_added), &self);
      if (self.timeout != NO_TIMEOUT && timeout_ms (&self) > 0)
        timer = g_timeout_add (timeout_ms (&self), on_timeout, &self);
      status = dfl_follow_run (&self.follow);
      if (timer != 0 && status != DFL_EXIT_TIMED_OUT)
        g_source_remove (timer);
      g_signal_handlers_disconnect_by_data (self.follow.watch, &self);
    }
  dfl_follow_clear (&self.follow);
  dfl_filter_clear (&self.filter);
  return status;
}
