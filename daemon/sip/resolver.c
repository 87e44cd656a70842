/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/resolver.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <string.h>

#include "sip/address-order.h"
#include "sip/dns.h"
#include "sip/records.h"

#define TIME_LIMIT 8000 /* milliseconds */
#define GRACE 1000      /* milliseconds for the other family, once there are addresses of one */
#define JOIN_LIMIT (2 * G_USEC_PER_SEC) /* what is asked for longer has too little time left */
#define MAX_THREADS 4

typedef enum
{
  KIND_NAPTR,
  KIND_SRV,
  KIND_ADDRESSES
} Kind;

struct _DflResolver
{
  grefcount n_users; /* the owner and every job */
  GMainContext *context;
  DflDns *dns;        /* NULL once the owner has gone */
  GHashTable *by_key; /* jobs that may be joined */
  GHashTable *jobs;   /* all that have to be answered */
  GQueue for_threads; /* jobs that wait for GResolver */
  guint n_threads;
};

/* One thing that is asked, for one or more questions. Whoever will call back has a reference. */
typedef struct
{
  grefcount n_users;
  DflResolver *resolver;
  Kind kind;
  char *name, *key;
  gint64 since;
  GPtrArray *questions;
  GPtrArray *records;
  GError *error;
  GSource *limit, *grace, *delivery;
  gboolean finished;
  guint n_pending;  /* answers of c-ares for addresses */
  gboolean missing; /* one of them was: no such name */
  int failure;      /* one of them was this, not an answer; ARES_SUCCESS: none was; of two,
                       ARES_ECONNREFUSED, which says that there is no server */
} Job;

struct _DflQuestion
{
  Job *job;
  DflResolverFunc func;
  gpointer data;
};

/* --- Jobs --- */

static void
resolver_unref (DflResolver *self)
{
  if (!g_ref_count_dec (&self->n_users))
    return;
  g_hash_table_unref (self->by_key);
  g_hash_table_unref (self->jobs);
  g_main_context_unref (self->context);
  g_free (self);
}

static Job *
job_ref (Job *self)
{
  g_ref_count_inc (&self->n_users);
  return self;
}

static void
job_unref (gpointer data)
{
  Job *self = data;

  if (!g_ref_count_dec (&self->n_users))
    return;
  g_ptr_array_unref (self->questions);
  g_ptr_array_unref (self->records);
  g_clear_error (&self->error);
  g_free (self->name);
  g_free (self->key);
  resolver_unref (self->resolver);
  g_free (self);
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
add_source (Job *self, GSource *source, GSourceFunc func)
{
  g_source_set_callback (source, func, job_ref (self), job_unref);
  g_source_attach (source, self->resolver->context);
  return source;
}

/* Answers the questions, each of which may cancel others, or free the resolver. */
static void
answer (Job *self)
{
  while (self->questions->len > 0)
    {
      DflQuestion *question = g_ptr_array_steal_index (self->questions, 0);

      question->func (self->error == NULL ? self->records : NULL, self->error, question->data);
      g_free (question);
    }
}

static gboolean
on_finished (gpointer data)
{
  Job *self = data;

  answer (self);
  clear_source (&self->delivery);
  g_hash_table_remove (self->resolver->jobs, self);
  return G_SOURCE_REMOVE;
}

/* What there is now is the answer. */
static void
finish (Job *self)
{
  if (self->finished)
    return;
  self->finished = TRUE;
  clear_source (&self->limit);
  clear_source (&self->grace);
  if (g_hash_table_lookup (self->resolver->by_key, self->key) == self)
    g_hash_table_remove (self->resolver->by_key, self->key);
  if (self->kind == KIND_ADDRESSES && self->error == NULL)
    dfl_address_order (self->records);
  self->delivery = add_source (self, g_idle_source_new (), on_finished);
}

static void
fail (Job *self, GIOErrorEnum code, const char *reason)
{
  if (!self->finished)
    g_set_error (&self->error, G_IO_ERROR, code, "%s: %s", self->name, reason);
  finish (self);
}

/* What c-ares says of a question without records. */
static void
finish_with (Job *self, int status)
{
  if (status == ARES_SUCCESS || status == ARES_ENODATA)
    finish (self);
  else if (status == ARES_ENOTFOUND)
    fail (self, G_IO_ERROR_NOT_FOUND, "no such name");
  else if (status == ARES_ETIMEOUT)
    fail (self, G_IO_ERROR_TIMED_OUT, "no answer");
  else
    fail (self, G_IO_ERROR_HOST_UNREACHABLE, ares_strerror (status));
}

static gboolean
on_limit (gpointer data)
{
  Job *self = data;

  if (self->records->len > 0)
    finish (self);
  else
    fail (self, G_IO_ERROR_TIMED_OUT, "no answer");
  return G_SOURCE_REMOVE;
}

static gboolean
on_grace (gpointer data)
{
  finish (data);
  return G_SOURCE_REMOVE;
}

/* --- GResolver --- */

static void start_threads (DflResolver *self);

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer data)
{
  Job *self = data;
  DflResolver *resolver = self->resolver;
  g_autoptr (GError) error = NULL;
  GList *addresses = g_resolver_lookup_by_name_finish (G_RESOLVER (source), result, &error);

  resolver->n_threads--;
  for (GList *at = addresses; !self->finished && at != NULL && self->records->len < DFL_MAX_RECORDS;
       at = at->next)
    g_ptr_array_add (self->records, g_object_ref (at->data));
  g_resolver_free_addresses (addresses);
  if (self->records->len > 0)
    finish (self);
  else if (g_error_matches (error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND)
           && self->failure == ARES_SUCCESS)
    finish_with (self, self->missing ? ARES_ENOTFOUND : ARES_ENODATA);
  else if (self->failure != ARES_SUCCESS)
    finish_with (self, self->failure);
  else
    fail (self, G_IO_ERROR_HOST_UNREACHABLE, error != NULL ? error->message : "no answer");
  start_threads (resolver);
  job_unref (self);
}

/* A lookup keeps its thread until it ends, so that it is not cancelled here but counted. */
static void
start_threads (DflResolver *self)
{
  g_autoptr (GResolver) resolver = g_resolver_get_default ();

  while (self->dns != NULL && self->n_threads < MAX_THREADS && self->for_threads.length > 0)
    {
      Job *job = g_queue_pop_head (&self->for_threads);

      if (job->finished)
        {
          job_unref (job);
          continue;
        }
      self->n_threads++;
      g_resolver_lookup_by_name_async (resolver, job->name, NULL, on_looked_up, job);
    }
}

static void
ask_threads (Job *self)
{
  g_queue_push_tail (&self->resolver->for_threads, job_ref (self));
  start_threads (self->resolver);
}

/* --- c-ares --- */

static void
on_records (void *data, int status, int timeouts, unsigned char *bytes, int length)
{
  Job *self = data;

  if (status == ARES_EDESTRUCTION && self->resolver->dns != NULL)
    {
      dfl_dns_query (self->resolver->dns, self->name,
                     self->kind == KIND_NAPTR ? ns_t_naptr : ns_t_srv, on_records, self);
      return;
    }
  if (status == ARES_SUCCESS && !self->finished)
    status = self->kind == KIND_NAPTR ? dfl_records_read_naptr (bytes, length, self->records)
                                      : dfl_records_read_srv (bytes, length, self->records);
  finish_with (self, status);
  job_unref (self);
}

/* Every family has been asked for, and no address was found. */
static void
look_elsewhere (Job *self)
{
  if (self->failure == ARES_SUCCESS || self->failure == ARES_ECONNREFUSED)
    ask_threads (self);
  else
    finish_with (self, self->failure);
}

static void
take_addresses (Job *self, int status, struct ares_addrinfo *info)
{
  self->n_pending--;
  if (status == ARES_SUCCESS && !self->finished)
    dfl_records_read_addresses (info, self->records);
  else if (status == ARES_ENOTFOUND)
    self->missing = TRUE;
  else if (status != ARES_SUCCESS && status != ARES_ENODATA && self->failure != ARES_ECONNREFUSED)
    self->failure = status;
  ares_freeaddrinfo (info);
  if (self->finished)
    return;
  if (self->n_pending == 0 && self->records->len > 0)
    finish (self);
  else if (self->n_pending == 0)
    look_elsewhere (self);
  else if (self->records->len > 0)
    self->grace = add_source (self, g_timeout_source_new (GRACE), on_grace);
}

static void on_addresses_4 (void *data, int status, int timeouts, struct ares_addrinfo *info);
static void on_addresses_6 (void *data, int status, int timeouts, struct ares_addrinfo *info);

static void
ask_family (Job *self, int family)
{
  dfl_dns_get_addresses (self->resolver->dns, self->name, family,
                         family == AF_INET ? on_addresses_4 : on_addresses_6, self);
}

static void
on_addresses (Job *self, int family, int status, struct ares_addrinfo *info)
{
  if (status == ARES_EDESTRUCTION && self->resolver->dns != NULL)
    {
      ask_family (self, family);
      return;
    }
  take_addresses (self, status, info);
  job_unref (self);
}

static void
on_addresses_4 (void *data, int status, int timeouts, struct ares_addrinfo *info)
{
  on_addresses (data, AF_INET, status, info);
}

static void
on_addresses_6 (void *data, int status, int timeouts, struct ares_addrinfo *info)
{
  on_addresses (data, AF_INET6, status, info);
}

/* --- Questions --- */

static void
start (Job *self)
{
  DflDns *dns = self->resolver->dns;

  self->limit = add_source (self, g_timeout_source_new (TIME_LIMIT), on_limit);
  if (!dfl_records_is_name (self->name))
    finish_with (self, ARES_ENOTFOUND);
  else if (self->kind == KIND_NAPTR)
    dfl_dns_query (dns, self->name, ns_t_naptr, on_records, job_ref (self));
  else if (self->kind == KIND_SRV)
    dfl_dns_query (dns, self->name, ns_t_srv, on_records, job_ref (self));
  else if (dfl_records_add_localhost (self->name, self->records))
    finish (self);
  else if (g_str_has_suffix (self->name, ".local"))
    ask_threads (self);
  else
    {
      self->n_pending = 2;
      ask_family (job_ref (self), AF_INET6);
      ask_family (job_ref (self), AF_INET);
    }
}

static Job *
job_new (DflResolver *resolver, Kind kind, const char *name)
{
  static const GDestroyNotify record_free[] = { dfl_naptr_free, dfl_srv_free, g_object_unref };
  Job *self = g_new0 (Job, 1);

  g_ref_count_init (&self->n_users);
  g_ref_count_inc (&resolver->n_users);
  self->resolver = resolver;
  self->kind = kind;
  self->name = g_strdup (name);
  self->key = g_strdup_printf ("%d %s", kind, name);
  self->since = g_get_monotonic_time ();
  self->questions = g_ptr_array_new ();
  self->records = g_ptr_array_new_with_free_func (record_free[kind]);
  self->failure = ARES_SUCCESS;
  g_hash_table_replace (resolver->by_key, self->key, self);
  g_hash_table_add (resolver->jobs, self);
  return self;
}

static Job *
find_job (DflResolver *self, Kind kind, const char *name)
{
  g_autofree char *key = g_strdup_printf ("%d %s", kind, name);
  Job *job = g_hash_table_lookup (self->by_key, key);

  return job != NULL && g_get_monotonic_time () - job->since < JOIN_LIMIT ? job : NULL;
}

static DflQuestion *
ask (DflResolver *self, Kind kind, const char *name, DflResolverFunc func, gpointer data)
{
  DflQuestion *question = g_new0 (DflQuestion, 1);
  g_autofree char *bare = dfl_records_bare_name (name);
  g_autofree char *lower = g_ascii_strdown (bare, -1);
  Job *job = find_job (self, kind, lower);
  gboolean found = job != NULL;

  if (!found)
    job = job_new (self, kind, lower);
  question->job = job;
  question->func = func;
  question->data = data;
  g_ptr_array_add (job->questions, question);
  if (!found)
    start (job);
  return question;
}

DflQuestion *
dfl_resolver_ask_naptr (DflResolver *self, const char *name, DflResolverFunc func, gpointer data)
{
  return ask (self, KIND_NAPTR, name, func, data);
}

DflQuestion *
dfl_resolver_ask_srv (DflResolver *self, const char *name, DflResolverFunc func, gpointer data)
{
  return ask (self, KIND_SRV, name, func, data);
}

DflQuestion *
dfl_resolver_ask_addresses (DflResolver *self,
                            const char *host,
                            DflResolverFunc func,
                            gpointer data)
{
  return ask (self, KIND_ADDRESSES, host, func, data);
}

void
dfl_resolver_cancel (DflQuestion *question)
{
  g_ptr_array_remove (question->job->questions, question);
  g_free (question);
}

DflResolver *
dfl_resolver_new (GError **error)
{
  DflDns *dns = dfl_dns_new (error);
  DflResolver *self;

  if (dns == NULL)
    return NULL;
  self = g_new0 (DflResolver, 1);
  g_ref_count_init (&self->n_users);
  self->context = g_main_context_ref_thread_default ();
  self->dns = dns;
  self->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  self->jobs = g_hash_table_new_full (NULL, NULL, job_unref, NULL);
  g_queue_init (&self->for_threads);
  return self;
}

static void
close_job (Job *self)
{
  self->finished = TRUE;
  clear_source (&self->limit);
  clear_source (&self->grace);
  clear_source (&self->delivery);
  g_clear_error (&self->error);
  g_set_error (&self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s: not asked any more",
               self->name);
  answer (self);
}

void
dfl_resolver_free (DflResolver *self)
{
  DflDns *dns = g_steal_pointer (&self->dns);
  g_autoptr (GPtrArray) jobs = g_ptr_array_new_with_free_func (job_unref);
  GHashTableIter at;
  gpointer job;

  g_hash_table_iter_init (&at, self->jobs);
  while (g_hash_table_iter_next (&at, &job, NULL))
    g_ptr_array_add (jobs, job_ref (job));
  for (guint i = 0; i < jobs->len; i++)
    close_job (g_ptr_array_index (jobs, i));
  g_hash_table_remove_all (self->jobs);
  while (self->for_threads.length > 0)
    job_unref (g_queue_pop_head (&self->for_threads));
  dfl_dns_free (dns);
  resolver_unref (self);
}
