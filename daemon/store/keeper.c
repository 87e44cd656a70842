/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The disk may take its time, and the daemon has none: texts are made on the main loop, where the
 * settings live, and handed to a thread that sees nothing but bytes and names.
 */

#include "store/keeper.h"

#include <string.h>

#include "core/error.h"
#include "store/account-draft.h"
#include "store/account-file.h"
#include "store/slurp.h"
#include "store/state-files.h"
#include "store/wipe.h"

struct _DflKeyFileKeeper
{
  GObject parent;

  DflStateFiles *files; /* of the worker, once it was asked for anything */
  GThreadPool *worker;
  GMainContext *context;
};

/* Something to be done by the worker, and then told. */
typedef struct
{
  char *id;
  char *text; /* NULL: remove the file */
  gsize length;
  GError *error;
  GMainContext *context;
  DflKeeperFunc done;
  gpointer data;
} Job;

static void
free_job (gpointer data)
{
  Job *job = data;

  g_free (job->id);
  if (job->text != NULL)
    dfl_wipe_free_bytes (job->text, job->length);
  g_clear_error (&job->error);
  g_main_context_unref (job->context);
  g_free (job);
}

static gboolean
on_job_over (gpointer data)
{
  Job *job = data;

  job->done (job->error, job->data);
  return G_SOURCE_REMOVE;
}

/* In the worker. */
static void
do_job (gpointer data, gpointer pool_data)
{
  Job *job = data;
  DflStateFiles *files = pool_data;
  g_autoptr (GSource) source = g_idle_source_new ();

  if (job->error == NULL && job->text != NULL)
    dfl_state_files_replace (files, job->id, job->text, job->length, &job->error);
  else if (job->error == NULL)
    dfl_state_files_remove (files, job->id, &job->error);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_job_over, job, free_job);
  g_source_attach (source, job->context);
}

static Job *
new_job (DflKeyFileKeeper *self, const char *id, DflKeeperFunc done, gpointer data)
{
  Job *job = g_new0 (Job, 1);

  job->id = g_strdup (id);
  job->context = g_main_context_ref (self->context);
  job->done = done;
  job->data = data;
  return job;
}

/* --- What is kept --- */

/* NULL where the file says too little to be anybody's. */
static DflAccountSettings *
load_account (DflStateFiles *files, const char *id, GPtrArray *problems)
{
  g_autofree char *path = dfl_state_files_get_path (files, id);
  g_autofree char *problem = NULL;
  g_autoptr (DflAccountSettings) settings = NULL;
  DflAccountFile file = { .kind = DFL_ACCOUNT_FILE_STATE, .path = path };
  char *data = dfl_state_files_read (files, id, &file.length, &file.mode, &problem);

  if (data == NULL)
    {
      g_ptr_array_add (problems, g_strdup_printf ("%s: %s", path, problem));
      return NULL;
    }
  file.data = data;
  settings = dfl_account_file_read (&file, "", problems);
  dfl_wipe_free_bytes (data, file.length);
  if (*settings->name == '\0' || settings->creator == NULL)
    return NULL;
  settings->id = g_strdup (id);
  return g_steal_pointer (&settings);
}

GPtrArray *
dfl_key_file_keeper_load (DflKeeper *keeper, GPtrArray *problems)
{
  DflKeyFileKeeper *self = DFL_KEY_FILE_KEEPER (keeper);
  GPtrArray *accounts = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  g_auto (GStrv) ids = dfl_state_files_list (self->files, problems);

  for (char **id = ids; *id != NULL; id++)
    {
      DflAccountSettings *settings = load_account (self->files, *id, problems);

      if (settings != NULL)
        g_ptr_array_add (accounts, settings);
    }
  return accounts;
}

/* --- The port --- */

static DflAccountSettings *
draft (DflKeeper *keeper,
       const DflAccountSettings *base,
       const DflAccountChange *change,
       GError **error)
{
  return dfl_account_draft (base, change, error);
}

/* The text of the file, or NULL where it would not be read as these settings again. */
static char *
make_text (const DflAccountSettings *settings, gsize *length)
{
  g_autoptr (DflAccountSettings) again = NULL;
  DflAccountFile file = { .kind = DFL_ACCOUNT_FILE_STATE };
  char *text = dfl_account_file_write (settings, length);

  file.data = text;
  file.length = *length;
  again = dfl_account_file_read (&file, "", NULL);
  again->id = g_strdup (settings->id);
  if (*length <= DFL_SLURP_MAX_BYTES && dfl_account_settings_equal (again, settings))
    return text;
  dfl_wipe_free (text);
  return NULL;
}

static void
save (DflKeeper *keeper, const DflAccountSettings *settings, DflKeeperFunc done, gpointer data)
{
  DflKeyFileKeeper *self = DFL_KEY_FILE_KEEPER (keeper);
  Job *job;

  g_return_if_fail (settings->id != NULL && dfl_state_files_is_id (settings->id));
  g_return_if_fail (settings->creator != NULL);

  job = new_job (self, settings->id, done, data);
  job->text = make_text (settings, &job->length);
  if (job->text == NULL)
    job->error = g_error_new_literal (DFL_ERROR, DFL_ERROR_FAILED,
                                      "The account could not be kept, because it would not be "
                                      "read again as it is; make it shorter or plainer");
  g_thread_pool_push (self->worker, job, NULL);
}

static void
remove_account (DflKeeper *keeper, const char *id, DflKeeperFunc done, gpointer data)
{
  DflKeyFileKeeper *self = DFL_KEY_FILE_KEEPER (keeper);

  g_return_if_fail (dfl_state_files_is_id (id));

  g_thread_pool_push (self->worker, new_job (self, id, done, data), NULL);
}

static void
implement_keeper (DflKeeperInterface *iface)
{
  iface->draft = draft;
  iface->save = save;
  iface->remove = remove_account;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (DflKeyFileKeeper,
                               dfl_key_file_keeper,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_KEEPER, implement_keeper))

DflKeeper *
dfl_key_file_keeper_new (const char *state_dir, GError **error)
{
  DflStateFiles *files = dfl_state_files_open (state_dir, error);
  g_autoptr (GError) thread_error = NULL;
  DflKeyFileKeeper *self;

  if (files == NULL)
    return NULL;
  self = g_object_new (DFL_TYPE_KEY_FILE_KEEPER, NULL);
  self->files = files;
  /* One thread, so that files change in the order that was asked for, and a thread of our own, so
   * that it is there when it is needed. */
  self->worker = g_thread_pool_new (do_job, files, 1, TRUE, &thread_error);
  if (thread_error == NULL)
    return DFL_KEEPER (self);

  g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
               "A thread that keeps accounts cannot be started (%s); allow deflectd one more",
               thread_error->message);
  g_object_unref (self);
  return NULL;
}

static void
dfl_key_file_keeper_finalize (GObject *object)
{
  DflKeyFileKeeper *self = DFL_KEY_FILE_KEEPER (object);

  if (self->worker != NULL)
    g_thread_pool_free (self->worker, FALSE, TRUE);
  g_clear_pointer (&self->files, dfl_state_files_close);
  g_main_context_unref (self->context);

  G_OBJECT_CLASS (dfl_key_file_keeper_parent_class)->finalize (object);
}

static void
dfl_key_file_keeper_class_init (DflKeyFileKeeperClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_key_file_keeper_finalize;
}

static void
dfl_key_file_keeper_init (DflKeyFileKeeper *self)
{
  self->context = g_main_context_ref_thread_default ();
}
