/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/watch.h"

#include <sys/epoll.h>
#include <unistd.h>

#define AT_ONCE 64

/* All watches of a thread. */
typedef struct
{
  GSource source;
  int epoll;
  gpointer tag;
  guint n_watches;

  /* What is being told. Who is freed meanwhile is taken out. */
  struct epoll_event told[AT_ONCE];
  int n_told;
} Set;

struct _DflWatch
{
  Set *set;
  int fd;
  gboolean armed; /* the kernel tells of hang-ups and errors unasked, once */
  DflWatchFunc readable;
  gpointer data;
};

static _Thread_local Set *set_of_this_thread;

/* --- The set --- */

static gboolean
set_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return FALSE;
}

static gboolean
set_check (GSource *source)
{
  return g_source_query_unix_fd (source, ((Set *)source)->tag) != 0;
}

static gboolean
set_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Set *set = (Set *)source;

  set->n_told = epoll_wait (set->epoll, set->told, AT_ONCE, 0);
  for (int i = 0; i < set->n_told; i++)
    {
      DflWatch *watch = set->told[i].data.ptr;

      if (watch == NULL || !watch->armed)
        continue;
      watch->armed = FALSE;
      watch->readable (watch->data);
    }
  set->n_told = 0;
  return G_SOURCE_CONTINUE;
}

static void
set_finalize (GSource *source)
{
  Set *set = (Set *)source;

  if (set->epoll >= 0)
    close (set->epoll);
}

static GSourceFuncs set_functions = {
  .prepare = set_prepare,
  .check = set_check,
  .dispatch = set_dispatch,
  .finalize = set_finalize,
};

static Set *
set_ref (void)
{
  Set *set = set_of_this_thread;

  if (set == NULL)
    {
      g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
      GSource *source = g_source_new (&set_functions, sizeof (Set));

      set = (Set *)source;
      set->epoll = epoll_create1 (EPOLL_CLOEXEC);
      if (set->epoll < 0)
        {
          g_source_unref (source);
          return NULL;
        }
      g_source_set_static_name (source, "watches");
      set->tag = g_source_add_unix_fd (source, set->epoll, G_IO_IN);
      g_source_attach (source, context);
      set_of_this_thread = set;
    }
  set->n_watches++;
  return set;
}

static void
set_unref (Set *set)
{
  if (--set->n_watches > 0)
    return;
  set_of_this_thread = NULL;
  g_source_destroy (&set->source);
  g_source_unref (&set->source);
}

/* --- One watch --- */

DflWatch *
dfl_watch_new (int fd, DflWatchFunc readable, gpointer data)
{
  Set *set = set_ref ();
  DflWatch *self;
  struct epoll_event event = { .events = EPOLLONESHOT };

  if (set == NULL)
    return NULL;
  self = g_new0 (DflWatch, 1);
  self->set = set;
  self->fd = fd;
  self->readable = readable;
  self->data = data;
  event.data.ptr = self;
  if (epoll_ctl (set->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
    return self;
  set_unref (set);
  g_free (self);
  return NULL;
}

void
dfl_watch_free (DflWatch *self)
{
  if (self == NULL)
    return;
  for (int i = 0; i < self->set->n_told; i++)
    if (self->set->told[i].data.ptr == self)
      self->set->told[i].data.ptr = NULL;
  epoll_ctl (self->set->epoll, EPOLL_CTL_DEL, self->fd, NULL);
  set_unref (self->set);
  g_free (self);
}

void
dfl_watch_arm (DflWatch *self)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = self };

  self->armed = TRUE;
  epoll_ctl (self->set->epoll, EPOLL_CTL_MOD, self->fd, &event);
}
