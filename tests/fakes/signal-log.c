/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/signal-log.h"

#include <string.h>

struct _DflSignalLog
{
  DflSwitchboard *switchboard;
  GQueue lines;
};

static void
append_changes (GString *line, guint changes)
{
  if ((changes & DFL_CALL_CHANGE_STATE) != 0)
    g_string_append (line, " state");
  if ((changes & DFL_CALL_CHANGE_DECISION) != 0)
    g_string_append (line, " decision");
  if ((changes & DFL_CALL_CHANGE_SILENCED) != 0)
    g_string_append (line, " silenced");
}

static void
append_argument (GString *line, const GValue *value)
{
  if (G_VALUE_HOLDS (value, DFL_TYPE_CALL))
    {
      DflCall *call = g_value_get_object (value);

      g_string_append_printf (line, " %s %s", dfl_call_state_to_string (dfl_call_get_state (call)),
                              dfl_outcome_to_string (dfl_call_get_outcome (call)));
    }
  else if (G_VALUE_HOLDS (value, DFL_TYPE_ACCOUNT))
    {
      DflAccount *account = g_value_get_object (value);

      g_string_append_printf (line, " %s %s", dfl_account_get_settings (account)->name,
                              dfl_account_state_to_string (dfl_account_get_state (account)));
    }
  else
    {
      append_changes (line, g_value_get_uint (value));
    }
}

static void
marshal (GClosure *closure,
         GValue *return_value,
         guint n_values,
         const GValue *values,
         gpointer hint,
         gpointer data)
{
  DflSignalLog *self = closure->data;
  const GSignalInvocationHint *invocation = hint;
  GString *line = g_string_new (g_signal_name (invocation->signal_id));

  for (guint i = 1; i < n_values; i++)
    append_argument (line, &values[i]);
  g_queue_push_tail (&self->lines, g_string_free (line, FALSE));
}

DflSignalLog *
dfl_signal_log_new (DflSwitchboard *switchboard)
{
  DflSignalLog *self = g_new0 (DflSignalLog, 1);
  g_autofree guint *ids = NULL;
  guint n_ids;

  self->switchboard = g_object_ref (switchboard);
  g_queue_init (&self->lines);
  ids = g_signal_list_ids (DFL_TYPE_SWITCHBOARD, &n_ids);
  for (guint i = 0; i < n_ids; i++)
    {
      GClosure *closure = g_closure_new_simple (sizeof (GClosure), self);

      g_closure_set_marshal (closure, marshal);
      g_signal_connect_closure_by_id (switchboard, ids[i], 0, closure, FALSE);
    }

  return self;
}

void
dfl_signal_log_expect_at (
    DflSignalLog *self, const char *line, const char *file, int line_number, const char *function)
{
  g_autofree char *got = g_queue_pop_head (&self->lines);

  if (g_strcmp0 (got, line) != 0)
    {
      g_autofree char *message = g_strdup_printf ("expected the announcement \"%s\", got \"%s\"",
                                                  line != NULL ? line : "(none)",
                                                  got != NULL ? got : "(none)");

      g_assertion_message (G_LOG_DOMAIN, file, line_number, function, message);
    }
}

void
dfl_signal_log_clear (DflSignalLog *self)
{
  g_queue_clear_full (&self->lines, g_free);
}

void
dfl_signal_log_free (DflSignalLog *self)
{
  g_signal_handlers_disconnect_matched (self->switchboard, G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL,
                                        self);
  dfl_signal_log_expect_none (self);
  g_object_unref (self->switchboard);
  g_free (self);
}
