/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/fake-authority.h"

struct _DflFakeAuthority
{
  GObject parent;

  DflAuthorityAnswer plain, interactive;
  GError *error;
  gboolean held, dialogs_held, slow;
  GQueue waiting; /* of GTask */
  GQueue log;     /* of char * */
};

static void dfl_fake_authority_authority_init (DflAuthorityInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (DflFakeAuthority,
                               dfl_fake_authority,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_AUTHORITY,
                                                      dfl_fake_authority_authority_init))

static void
answer (DflFakeAuthority *self, GTask *task)
{
  gboolean interactive = GPOINTER_TO_INT (g_task_get_task_data (task));

  if (self->error != NULL)
    g_task_return_error (task, g_error_copy (self->error));
  else if (!g_task_return_error_if_cancelled (task))
    g_task_return_int (task, interactive ? self->interactive : self->plain);
  g_object_unref (task);
}

static void
on_cancelled (GCancellable *cancellable, GTask *task)
{
  DflFakeAuthority *self = g_task_get_source_object (task);

  if (!self->slow && g_queue_remove (&self->waiting, task))
    answer (self, task);
}

static void
dfl_fake_authority_check_async (DflAuthority *authority,
                                const char *bus_name,
                                const char *action,
                                const char *const *details,
                                gboolean interactive,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer data)
{
  DflFakeAuthority *self = DFL_FAKE_AUTHORITY (authority);
  GTask *task = g_task_new (self, cancellable, callback, data);
  GString *text = g_string_new (action);

  for (guint i = 0; details != NULL && details[i] != NULL; i += 2)
    g_string_append_printf (text, " %s=%s", details[i], details[i + 1]);
  if (interactive)
    g_string_append (text, " interactive");
  g_queue_push_tail (&self->log, g_string_free (text, FALSE));
  g_task_set_task_data (task, GINT_TO_POINTER (interactive), NULL);
  if (!self->held && !(self->dialogs_held && interactive))
    {
      answer (self, task);
      return;
    }
  g_queue_push_tail (&self->waiting, task);
  if (cancellable != NULL && interactive)
    g_signal_connect_object (cancellable, "cancelled", G_CALLBACK (on_cancelled), task, 0);
}

static gboolean
dfl_fake_authority_check_finish (DflAuthority *authority,
                                 GAsyncResult *result,
                                 DflAuthorityAnswer *given,
                                 GError **error)
{
  GError *failure = NULL;
  gssize value = g_task_propagate_int (G_TASK (result), &failure);

  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  *given = (DflAuthorityAnswer)value;
  return TRUE;
}

void
dfl_fake_authority_set_answers (DflFakeAuthority *self,
                                DflAuthorityAnswer plain,
                                DflAuthorityAnswer interactive)
{
  self->plain = plain;
  self->interactive = interactive;
}

void
dfl_fake_authority_set_error (DflFakeAuthority *self, const GError *error)
{
  g_clear_error (&self->error);
  self->error = error == NULL ? NULL : g_error_copy (error);
}

void
dfl_fake_authority_hold (DflFakeAuthority *self)
{
  self->held = TRUE;
}

void
dfl_fake_authority_hold_dialogs (DflFakeAuthority *self)
{
  self->dialogs_held = TRUE;
}

void
dfl_fake_authority_be_slow (DflFakeAuthority *self)
{
  self->slow = TRUE;
}

void
dfl_fake_authority_release (DflFakeAuthority *self)
{
  GTask *task;

  self->held = self->dialogs_held = self->slow = FALSE;
  while ((task = g_queue_pop_head (&self->waiting)) != NULL)
    answer (self, task);
}

guint
dfl_fake_authority_get_n_waiting (DflFakeAuthority *self)
{
  return g_queue_get_length (&self->waiting);
}

char *
dfl_fake_authority_take (DflFakeAuthority *self)
{
  return g_queue_pop_head (&self->log);
}

DflFakeAuthority *
dfl_fake_authority_new (void)
{
  return g_object_new (DFL_TYPE_FAKE_AUTHORITY, NULL);
}

static void
dfl_fake_authority_finalize (GObject *object)
{
  DflFakeAuthority *self = DFL_FAKE_AUTHORITY (object);

  g_assert_cmpuint (g_queue_get_length (&self->waiting), ==, 0);
  g_queue_clear_full (&self->log, g_free);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (dfl_fake_authority_parent_class)->finalize (object);
}

static void
dfl_fake_authority_class_init (DflFakeAuthorityClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_fake_authority_finalize;
}

static void
dfl_fake_authority_init (DflFakeAuthority *self)
{
  self->plain = self->interactive = DFL_AUTHORITY_GRANTED;
}

static void
dfl_fake_authority_authority_init (DflAuthorityInterface *iface)
{
  iface->check_async = dfl_fake_authority_check_async;
  iface->check_finish = dfl_fake_authority_check_finish;
}
