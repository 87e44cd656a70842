/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "follow.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <stdio.h>

#include "output.h"

void
dfl_follow_end (DflFollow *self, DflExit status)
{
  if (self->ending)
    return;
  self->ending = TRUE;
  self->status = status;
  if (self->on_stop != NULL)
    self->on_stop (self);
  else
    dfl_follow_quit (self);
}

void
dfl_follow_quit (DflFollow *self)
{
  g_main_loop_quit (self->loop);
}

static gboolean
on_interrupt (gpointer data)
{
  DflFollow *self = data;

  /* Who asks twice does not want to wait for what the first time set in motion. */
  if (self->ending)
    dfl_follow_quit (self);
  dfl_follow_end (self, self->interrupted);
  return G_SOURCE_CONTINUE;
}

gboolean
dfl_follow_check_account (DflFollow *self, const char *name)
{
  g_autofree char *safe = NULL;

  if (name == NULL || dfl_calls_watch_find_account (self->watch, name) != NULL)
    return TRUE;
  safe = dfl_output_escape (name);
  g_printerr (_ ("deflectctl: there is no account “%s” that you may see; see “deflectctl account "
                 "list”\n"),
              safe);
  dfl_follow_end (self, DFL_EXIT_NO_OBJECT);
  return FALSE;
}

static void
on_ready (DflCallsWatch *watch, DflFollow *self)
{
  if (self->was_lost)
    {
      g_printerr ("deflectctl: %s\n", _ ("deflectd is back"));
      self->was_lost = FALSE;
    }
  self->was_ready = TRUE;
}

static void
on_lost (DflCallsWatch *watch, const GError *error, DflFollow *self)
{
  if (!self->was_ready || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    {
      dfl_follow_end (self, dfl_command_fail (self->command, error));
      return;
    }
  if (!self->was_lost)
    g_printerr ("deflectctl: %s\n", _ ("deflectd went away; waiting until it is back"));
  self->was_lost = TRUE;
}

gboolean
dfl_follow_init (DflFollow *self, DflCommand *command, GError **error)
{
  self->command = command;
  if (dfl_command_connect (command, error) == NULL)
    return FALSE;
  self->loop = g_main_loop_new (NULL, FALSE);
  self->watch = dfl_calls_watch_new (command->connection);
  /* Connected first: a verb's own handlers come behind what is said here. */
  g_signal_connect (self->watch, "ready", G_CALLBACK (on_ready), self);
  g_signal_connect (self->watch, "lost", G_CALLBACK (on_lost), self);
  return TRUE;
}

DflExit
dfl_follow_run (DflFollow *self)
{
  guint sources[] = { g_unix_signal_add (SIGINT, on_interrupt, self),
                      g_unix_signal_add (SIGTERM, on_interrupt, self) };

  dfl_calls_watch_start (self->watch);
  g_main_loop_run (self->loop);
  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  return self->status;
}

void
dfl_follow_clear (DflFollow *self)
{
  if (self->watch != NULL)
    g_signal_handlers_disconnect_by_data (self->watch, self);
  g_clear_object (&self->watch);
  g_clear_pointer (&self->loop, g_main_loop_unref);
}

JsonNode *
dfl_follow_call_json (DflFollow *self, DflRemote *call)
{
  g_autoptr (GVariant) properties = dfl_remote_get_properties (call);
  const char *account = dfl_property_string (properties, "Account");

  return dfl_output_object_json (dfl_remote_get_path (call),
                                 dfl_calls_watch_get_account_name (self->watch, account),
                                 properties);
}

void
dfl_follow_flush (DflFollow *self)
{
  /* GLib ignores SIGPIPE, so a reader that has gone shows only here. Whether it was that or a
   * failure is told when the program ends. */
  if (fflush (stdout) != 0 || ferror (stdout))
    dfl_follow_end (self, DFL_EXIT_DONE);
}
