/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/polkit.h"

#include "core/error.h"

/*
 * The two methods of polkit's documented interface that are needed are called here, and not through
 * libpolkit: its way to cancel a question is to forget it, so that nobody could know when polkit is
 * done with it, and to print a warning where the dialog is gone already, which everybody who
 * disconnects would cause.
 *
 * They are called through GDBus, on the process' shared connection to the system bus, which by
 * default ends the process when the bus goes away. The daemon has its own way to notice that, so
 * that is turned off. Nothing here blocks: questions wait while it connects.
 */
#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* Of CheckAuthorization. */
#define NO_FLAGS 0u
#define ALLOW_USER_INTERACTION 1u

struct _DflPolkitAuthority
{
  GObject parent;

  GDBusConnection *bus; /* NULL until connected; kept, because the next one would be another */
  gboolean connecting;
  gboolean complained; /* that polkit does not take our questions */
  GQueue waiting;      /* of GTask, while connecting */
  guint64 n_dialogs;   /* since the start */
};

static void dfl_polkit_authority_authority_init (DflAuthorityInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (DflPolkitAuthority,
                               dfl_polkit_authority,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_AUTHORITY,
                                                      dfl_polkit_authority_authority_init))

typedef struct
{
  GVariant *parameters;  /* of CheckAuthorization */
  char *cancellation_id; /* "" where there is no dialog */
  gulong on_cancelled;   /* 0 until it is asked */
} Question;

static void
question_free (Question *self)
{
  g_variant_unref (self->parameters);
  g_free (self->cancellation_id);
  g_free (self);
}

/* --- What goes wrong --- */

/* Nobody has the name, and the bus, or systemd for it, has not brought anybody up. */
static gboolean
is_absent (const GError *error)
{
  static const GDBusError codes[] = { G_DBUS_ERROR_SERVICE_UNKNOWN,
                                      G_DBUS_ERROR_NAME_HAS_NO_OWNER,
                                      G_DBUS_ERROR_SPAWN_EXEC_FAILED,
                                      G_DBUS_ERROR_SPAWN_FORK_FAILED,
                                      G_DBUS_ERROR_SPAWN_CHILD_EXITED,
                                      G_DBUS_ERROR_SPAWN_CHILD_SIGNALED,
                                      G_DBUS_ERROR_SPAWN_FAILED,
                                      G_DBUS_ERROR_SPAWN_SETUP_FAILED,
                                      G_DBUS_ERROR_SPAWN_CONFIG_INVALID,
                                      G_DBUS_ERROR_SPAWN_SERVICE_INVALID,
                                      G_DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND,
                                      G_DBUS_ERROR_SPAWN_PERMISSIONS_INVALID,
                                      G_DBUS_ERROR_SPAWN_FILE_INVALID };
  g_autofree char *name = g_dbus_error_get_remote_error (error);

  if (name != NULL && g_str_has_prefix (name, "org.freedesktop.systemd1."))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      if (g_error_matches (error, G_DBUS_ERROR, codes[i]))
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_lost (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_DISCONNECTED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* Once, until polkit has answered again. */
static void
complain (DflPolkitAuthority *self, GError *error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (error);

  if (self->complained)
    return;
  self->complained = TRUE;
  g_dbus_error_strip_remote_error (error);
  if (name != NULL && g_str_has_prefix (name, POLKIT_NAME ".Error."))
    g_warning ("polkit does not answer deflectd: %s. Install org.deflectd1.policy among polkit's "
               "actions, and let org.freedesktop.policykit.owner in it name the user that deflectd "
               "runs as",
               error->message);
  else
    g_message ("polkit cannot be asked: %s", error->message);
}

/* Names nothing of what polkit wrote, which only the log is told. */
static GError *
translate (DflPolkitAuthority *self, GError *error)
{
  if (is_absent (error))
    return g_error_new_literal (DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                                "The polkit service is not running, so that only root may do this; "
                                "install it, or start it (systemctl start polkit), and try again");
  if (is_lost (error))
    return g_error_new_literal (DFL_ERROR, DFL_ERROR_FAILED,
                                "The polkit service went away before it answered; try again");
  complain (self, error);
  return g_error_new_literal (DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                              "The polkit service does not answer deflectd, so that only root may "
                              "do this; the administrator finds the reason in deflectd's log");
}

/* --- Asking --- */

static DflAuthorityAnswer
read_answer (GVariant *reply)
{
  gboolean authorized, challenge;

  g_variant_get (reply, "((bb@a{ss}))", &authorized, &challenge, NULL);
  if (authorized)
    return DFL_AUTHORITY_GRANTED;
  return challenge ? DFL_AUTHORITY_CHALLENGE : DFL_AUTHORITY_REFUSED;
}

static void
on_answered (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  DflPolkitAuthority *self = g_task_get_source_object (task);
  Question *question = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (self->bus, result, &error);

  g_clear_signal_handler (&question->on_cancelled, g_task_get_cancellable (task));
  if (g_task_return_error_if_cancelled (task))
    return;
  if (reply == NULL)
    {
      g_task_return_error (task, translate (self, error));
      return;
    }
  self->complained = FALSE;
  g_task_return_int (task, read_answer (reply));
}

/*
 * Takes the dialog back; polkit answers the question then. Where the dialog has just been closed
 * polkit knows the question no longer, and says so: nobody wants to hear that.
 */
static void
on_cancelled (GCancellable *cancellable, GTask *task)
{
  DflPolkitAuthority *self = g_task_get_source_object (task);
  const Question *question = g_task_get_task_data (task);

  g_dbus_connection_call (self->bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                          "CancelCheckAuthorization",
                          g_variant_new ("(s)", question->cancellation_id), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL, NULL);
}

/*
 * Takes the task over. Where there is no dialog there is nothing to take back: polkit will answer
 * and nobody will listen. To tell it of that would be a second message to somebody who is slow with
 * the first.
 */
static void
ask (DflPolkitAuthority *self, GTask *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  Question *question = g_task_get_task_data (task);

  if (g_task_return_error_if_cancelled (task))
    {
      g_object_unref (task);
      return;
    }
  if (cancellable != NULL && question->cancellation_id[0] != '\0')
    question->on_cancelled = g_signal_connect (cancellable, "cancelled", G_CALLBACK (on_cancelled),
                                               task);
  g_dbus_connection_call (self->bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                          "CheckAuthorization", question->parameters,
                          G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL,
                          on_answered, task);
}

/* --- Connecting --- */

static void
finish_connecting (DflPolkitAuthority *self, GError *error)
{
  GTask *task;

  self->connecting = FALSE;
  while ((task = g_queue_pop_head (&self->waiting)) != NULL)
    {
      if (error == NULL)
        ask (self, task);
      else
        {
          g_task_return_error (task, translate (self, error));
          g_object_unref (task);
        }
    }
}

static void
on_bus (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (DflPolkitAuthority) self = data;
  g_autoptr (GError) error = NULL;

  self->bus = g_bus_get_finish (result, &error);
  if (self->bus != NULL)
    g_dbus_connection_set_exit_on_close (self->bus, FALSE);
  finish_connecting (self, error);
}

static void
start_connecting (DflPolkitAuthority *self)
{
  self->connecting = TRUE;
  g_bus_get (G_BUS_TYPE_SYSTEM, NULL, on_bus, g_object_ref (self));
}

void
dfl_polkit_authority_connect (DflPolkitAuthority *self)
{
  if (self->bus == NULL && !self->connecting)
    start_connecting (self);
}

static GVariant *
make_parameters (const char *bus_name,
                 const char *action,
                 const char *const *details,
                 gboolean interactive,
                 const char *cancellation_id)
{
  GVariantBuilder subject, pairs;

  g_variant_builder_init (&subject, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&subject, "{sv}", "name", g_variant_new_string (bus_name));
  g_variant_builder_init (&pairs, G_VARIANT_TYPE ("a{ss}"));
  for (guint i = 0; details != NULL && details[i] != NULL; i += 2)
    g_variant_builder_add (&pairs, "{ss}", details[i], details[i + 1]);
  return g_variant_new ("((sa{sv})sa{ss}us)", "system-bus-name", &subject, action, &pairs,
                        interactive ? ALLOW_USER_INTERACTION : NO_FLAGS, cancellation_id);
}

static void
dfl_polkit_authority_check_async (DflAuthority *authority,
                                  const char *bus_name,
                                  const char *action,
                                  const char *const *details,
                                  gboolean interactive,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer data)
{
  DflPolkitAuthority *self = DFL_POLKIT_AUTHORITY (authority);
  GTask *task = g_task_new (self, cancellable, callback, data);
  Question *question = g_new0 (Question, 1);

  /* polkit wants a name only for what can be cancelled. */
  question->cancellation_id = interactive ? g_strdup_printf ("deflectd-%" G_GUINT64_FORMAT,
                                                             self->n_dialogs++)
                                          : g_strdup ("");
  question->parameters = g_variant_ref_sink (
      make_parameters (bus_name, action, details, interactive, question->cancellation_id));
  g_task_set_task_data (task, question, (GDestroyNotify)question_free);

  if (self->bus != NULL)
    {
      ask (self, task);
      return;
    }
  g_queue_push_tail (&self->waiting, task);
  dfl_polkit_authority_connect (self);
}

static gboolean
dfl_polkit_authority_check_finish (DflAuthority *authority,
                                   GAsyncResult *result,
                                   DflAuthorityAnswer *answer,
                                   GError **error)
{
  GError *failure = NULL;
  gssize value = g_task_propagate_int (G_TASK (result), &failure);

  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  *answer = (DflAuthorityAnswer)value;
  return TRUE;
}

DflAuthority *
dfl_polkit_authority_new (void)
{
  return g_object_new (DFL_TYPE_POLKIT_AUTHORITY, NULL);
}

static void
dfl_polkit_authority_dispose (GObject *object)
{
  DflPolkitAuthority *self = DFL_POLKIT_AUTHORITY (object);

  g_clear_object (&self->bus);
  G_OBJECT_CLASS (dfl_polkit_authority_parent_class)->dispose (object);
}

static void
dfl_polkit_authority_class_init (DflPolkitAuthorityClass *class)
{
  G_OBJECT_CLASS (class)->dispose = dfl_polkit_authority_dispose;
}

static void
dfl_polkit_authority_init (DflPolkitAuthority *self)
{
  g_queue_init (&self->waiting);
}

static void
dfl_polkit_authority_authority_init (DflAuthorityInterface *iface)
{
  iface->check_async = dfl_polkit_authority_check_async;
  iface->check_finish = dfl_polkit_authority_check_finish;
}
