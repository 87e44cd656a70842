/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "runner.h"

#include <gio/gunixinputstream.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output.h"

/* A first line longer than this is none. */
#define MAX_LINE 1024

/* Between SIGTERM and SIGKILL. */
#define GRACE_SECONDS 2

struct _DflRunner
{
  GObject parent;

  char **argv;
  guint max_running;
  guint limit;
  gboolean stopping;
  GQueue waiting;      /* of Run, in the order of the calls */
  GHashTable *running; /* path -> Run */
};

G_DEFINE_FINAL_TYPE (DflRunner, dfl_runner, G_TYPE_OBJECT)

enum
{
  SIGNAL_ANSWERED,
  SIGNAL_STOPPED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

/* One command. It lives until the process has ended, its output is at the end, and nobody is busy
 * with its answer; each pending callback holds a reference besides. */
typedef struct
{
  gatomicrefcount references;
  DflRunner *runner;
  char *path;
  char **environment;
  GPid group; /* the process, and everything that it starts */
  GInputStream *output;
  GCancellable *cancellable;
  GString *line;
  char buffer[512];
  guint timer;
  gboolean answered; /* the answer was handed over, or none is wanted any more */
  gboolean over;     /* the call ended first */
  gboolean exited;
  gboolean at_end;
  gboolean held;
} Run;

static Run *
run_ref (Run *run)
{
  g_atomic_ref_count_inc (&run->references);
  return run;
}

static void
run_unref (Run *run)
{
  if (!g_atomic_ref_count_dec (&run->references))
    return;
  g_clear_handle_id (&run->timer, g_source_remove);
  g_clear_object (&run->output);
  g_clear_object (&run->cancellable);
  g_string_free (run->line, TRUE);
  g_strfreev (run->environment);
  g_free (run->path);
  g_object_unref (run->runner);
  g_free (run);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_unref)

static void start_waiting (DflRunner *self);

static void
report (Run *run, const char *sentence)
{
  g_printerr ("deflectctl: %s: %s\n", strrchr (run->path, '/') + 1, sentence);
}

static void
signal_group (Run *run, int number)
{
  /* A command that has ended may have left others behind that still hold its output. */
  if (!run->exited || !run->at_end)
    (void)kill (-run->group, number);
}

static void
finish_if_done (Run *run)
{
  g_autoptr (DflRunner) self = g_object_ref (run->runner);

  if (!run->exited || !run->at_end)
    return;
  g_clear_handle_id (&run->timer, g_source_remove);
  if (run->held || g_hash_table_lookup (self->running, run->path) != run)
    return;
  g_hash_table_remove (self->running, run->path);
  start_waiting (self);
  if (self->stopping && g_hash_table_size (self->running) == 0)
    g_signal_emit (self, signals[SIGNAL_STOPPED], 0);
}

static gboolean
on_grace_over (gpointer data)
{
  Run *run = data;

  run->timer = 0;
  signal_group (run, SIGKILL);
  /* Whoever left the group keeps the output open as long as it likes. */
  g_cancellable_cancel (run->cancellable);
  return G_SOURCE_REMOVE;
}

static void
terminate (Run *run)
{
  signal_group (run, SIGTERM);
  g_clear_handle_id (&run->timer, g_source_remove);
  run->timer = g_timeout_add_seconds (GRACE_SECONDS, on_grace_over, run);
}

static gboolean
on_limit (gpointer data)
{
  Run *run = data;
  g_autofree char *sentence = g_strdup_printf (
      g_dngettext (NULL, "the command took longer than %u second and is ended; nothing is decided",
                   "the command took longer than %u seconds and is ended; nothing is decided",
                   run->runner->limit),
      run->runner->limit);

  run->timer = 0;
  if (!run->answered)
    report (run, sentence);
  else
    report (run, _ ("the command has answered but does not end; it is ended"));
  run->answered = TRUE;
  terminate (run);
  return G_SOURCE_REMOVE;
}

static void
answer (Run *run)
{
  if (run->answered)
    return;
  run->answered = TRUE;
  if (run->over)
    {
      if (run->line->len > 0)
        report (run, _ ("too late: the call was over before the command answered"));
      return;
    }
  run->held = TRUE;
  g_signal_emit (run->runner, signals[SIGNAL_ANSWERED], 0, run->path, run->line->str);
}

static void
take_output (Run *run, gsize length)
{
  char *newline = memchr (run->buffer, '\n', length);
  gsize wanted = newline != NULL ? (gsize)(newline - run->buffer) : length;

  if (run->answered)
    return;
  /* A NUL would end the line in the middle; as a control character it makes the answer invalid. */
  for (gsize i = 0; i < wanted; i++)
    g_string_append_c (run->line, run->buffer[i] != '\0' ? run->buffer[i] : '\1');
  if (newline != NULL || run->line->len > MAX_LINE)
    answer (run);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Run) run = data;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (length > 0)
    {
      take_output (run, (gsize)length);
      g_input_stream_read_async (run->output, run->buffer, sizeof run->buffer, G_PRIORITY_DEFAULT,
                                 run->cancellable, on_read, run_ref (run));
      return;
    }
  run->at_end = TRUE;
  answer (run);
  finish_if_done (run);
}

static void
on_exited (GPid pid, int status, gpointer data)
{
  g_autoptr (Run) run = data;

  run->exited = TRUE;
  if (WIFEXITED (status) && WEXITSTATUS (status) != 0 && !run->over)
    {
      g_autofree char *sentence = g_strdup_printf (_ ("the command ended with status %d"),
                                                   WEXITSTATUS (status));

      report (run, sentence);
    }
  finish_if_done (run);
}

/* Runs in the child. A group of its own, so that ending a command ends what it started; and the
 * signal that GLib ignores for its sockets as a command expects it. */
static void
set_up_child (gpointer data)
{
  (void)setpgid (0, 0);
  (void)signal (SIGPIPE, SIG_DFL);
}

static gboolean
start (Run *run)
{
  DflRunner *self = run->runner;
  g_autoptr (GError) error = NULL;
  int output;

  /* Not GSubprocess: it forgets the process as soon as it has ended, but the group may live on. */
  if (!g_spawn_async_with_pipes (NULL, self->argv, run->environment,
                                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH
                                     | G_SPAWN_CLOEXEC_PIPES,
                                 set_up_child, NULL, &run->group, NULL, &output, NULL, &error))
    {
      report (run, error->message);
      return FALSE;
    }
  run->output = g_unix_input_stream_new (output, TRUE);
  run->cancellable = g_cancellable_new ();
  run->timer = g_timeout_add_seconds (self->limit, on_limit, run);
  g_child_watch_add (run->group, on_exited, run_ref (run));
  g_input_stream_read_async (run->output, run->buffer, sizeof run->buffer, G_PRIORITY_DEFAULT,
                             run->cancellable, on_read, run_ref (run));
  return TRUE;
}

static void
start_waiting (DflRunner *self)
{
  while (!self->stopping && g_hash_table_size (self->running) < self->max_running
         && !g_queue_is_empty (&self->waiting))
    {
      Run *run = g_queue_pop_head (&self->waiting);

      if (start (run))
        g_hash_table_insert (self->running, run->path, run);
      else
        run_unref (run);
    }
}

static GList *
find_waiting (DflRunner *self, const char *path)
{
  for (GList *link = self->waiting.head; link != NULL; link = link->next)
    if (g_str_equal (((Run *)link->data)->path, path))
      return link;
  return NULL;
}

void
dfl_runner_add (DflRunner *self, const char *path, const char *const *environment)
{
  Run *run;

  if (self->stopping || g_hash_table_contains (self->running, path)
      || find_waiting (self, path) != NULL)
    return;
  run = g_new0 (Run, 1);
  g_atomic_ref_count_init (&run->references);
  run->runner = g_object_ref (self);
  run->path = g_strdup (path);
  run->environment = g_strdupv ((char **)environment);
  run->line = g_string_new (NULL);
  g_queue_push_tail (&self->waiting, run);
  start_waiting (self);
}

void
dfl_runner_call_over (DflRunner *self, const char *path)
{
  GList *link = find_waiting (self, path);
  Run *run = g_hash_table_lookup (self->running, path);

  if (link != NULL)
    {
      run_unref (link->data);
      g_queue_delete_link (&self->waiting, link);
    }
  if (run == NULL || run->answered || run->over)
    return;
  run->over = TRUE;
  terminate (run);
}

void
dfl_runner_release (DflRunner *self, const char *path)
{
  Run *run = g_hash_table_lookup (self->running, path);

  if (run == NULL)
    return;
  run->held = FALSE;
  finish_if_done (run);
}

static gboolean
on_nothing_runs (gpointer data)
{
  g_signal_emit (data, signals[SIGNAL_STOPPED], 0);
  return G_SOURCE_REMOVE;
}

void
dfl_runner_stop (DflRunner *self)
{
  GHashTableIter iter;
  gpointer run;

  if (self->stopping)
    return;
  self->stopping = TRUE;
  g_queue_clear_full (&self->waiting, (GDestroyNotify)run_unref);
  g_hash_table_iter_init (&iter, self->running);
  while (g_hash_table_iter_next (&iter, NULL, &run))
    {
      ((Run *)run)->over = TRUE;
      ((Run *)run)->answered = TRUE;
      ((Run *)run)->held = FALSE;
      terminate (run);
    }
  if (g_hash_table_size (self->running) == 0)
    g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, on_nothing_runs, g_object_ref (self), g_object_unref);
}

DflRunner *
dfl_runner_new (const char *const *argv, guint max_running, guint limit)
{
  DflRunner *self = g_object_new (DFL_TYPE_RUNNER, NULL);

  self->argv = g_strdupv ((char **)argv);
  self->max_running = max_running;
  self->limit = limit;
  return self;
}

static void
dfl_runner_finalize (GObject *object)
{
  DflRunner *self = DFL_RUNNER (object);

  g_queue_clear_full (&self->waiting, (GDestroyNotify)run_unref);
  g_hash_table_unref (self->running);
  g_strfreev (self->argv);
  G_OBJECT_CLASS (dfl_runner_parent_class)->finalize (object);
}

static void
dfl_runner_class_init (DflRunnerClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = dfl_runner_finalize;
  signals[SIGNAL_ANSWERED] = g_signal_new ("answered", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                           G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  signals[SIGNAL_STOPPED] = g_signal_new ("stopped", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 0);
}

static void
dfl_runner_init (DflRunner *self)
{
  g_queue_init (&self->waiting);
  self->running = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)run_unref);
}
