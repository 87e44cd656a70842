/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <sofia-sip/su.h>
#include <sofia-sip/su_time.h>

/* Hooks that the library exports and no header of its declares. */
extern void (*_su_time) (su_time_t *now);
extern su_time64_t (*_su_nanotime) (su_time64_t *now);

/* Seconds from 1900, where the library's time begins, to 1970. */
#define NTP_EPOCH 2208988800ULL

struct _DflSipLoop
{
  guint refs;
  GMainContext *context;
  GPollFunc former;
  su_root_t *root;
  gboolean stepping;

  /* GLib's descriptors live in an epoll set of their own, which the library's loop watches as one
   * descriptor. A descriptor that GLib closed, and whose number a SIP socket got since, can so
   * never be mistaken for the other. */
  int set;
  int set_index;     /* of its registration in root */
  gboolean readable; /* the set reported something during this step */
  GPollFD *watched;  /* what is in the set */
  guint n_watched;
  gint64 verified; /* when each of them was last known to be really there */
};

static _Thread_local DflSipLoop *loop_of_this_thread;

/* The library wakes up for each timer by itself, and every transaction ends with one. Times that
 * are told in steps let those that belong to one burst end together. Nothing comes early by it, and
 * nothing later than a step. */
#define CLOCK_STEP (2 * DFL_SIP_LOOP_HALF_STEP * 1000000ULL) /* nanoseconds */

/* How long GLib's descriptors may go without being verified, see follow. */
#define VERIFY_INTERVAL_MS 100

/* Wall clock minus boot clock when the process began: keeps the library's times plausible without
 * letting them jump. */
static guint64 epoch_offset;

static guint64
clock_nanoseconds (clockid_t id)
{
  struct timespec now;

  clock_gettime (id, &now);
  return (guint64)now.tv_sec * 1000000000ULL + (guint64)now.tv_nsec;
}

static guint64
steady_nanoseconds (void)
{
  guint64 now = clock_nanoseconds (CLOCK_BOOTTIME);

  return now - now % CLOCK_STEP + epoch_offset;
}

static void
tell_time (su_time_t *now)
{
  guint64 nanoseconds = steady_nanoseconds ();

  if (now == NULL)
    return;
  now->tv_sec = (unsigned long)(nanoseconds / 1000000000ULL + NTP_EPOCH);
  now->tv_usec = (unsigned long)(nanoseconds % 1000000000ULL / 1000ULL);
}

static su_time64_t
tell_nanotime (su_time64_t *now)
{
  su_time64_t time = clock_nanoseconds (CLOCK_BOOTTIME) + epoch_offset + NTP_EPOCH * 1000000000ULL;

  if (now != NULL)
    *now = time;
  return time;
}

static void
steady_the_clock (void)
{
  static gsize done;

  if (g_once_init_enter (&done))
    {
      epoch_offset = clock_nanoseconds (CLOCK_REALTIME) - clock_nanoseconds (CLOCK_BOOTTIME);
      _su_time = tell_time;
      _su_nanotime = tell_nanotime;
      g_once_init_leave (&done, 1);
    }
}

static int
on_set_readable (su_root_magic_t *magic, su_wait_t *wait, su_wakeup_arg_t *arg)
{
  DflSipLoop *self = (DflSipLoop *)arg;

  self->readable = TRUE;
  return 0;
}

static gboolean
open_set (DflSipLoop *self)
{
  su_wait_t wait[1] = { SU_WAIT_INIT };

  self->set = epoll_create1 (EPOLL_CLOEXEC);
  if (self->set < 0)
    return FALSE;
  self->set_index = -1;
  if (su_wait_create (wait, self->set, SU_WAIT_IN) == 0)
    self->set_index = su_root_register (self->root, wait, on_set_readable, (su_wakeup_arg_t *)self,
                                        0);
  return self->set_index > 0;
}

static void
close_set (DflSipLoop *self)
{
  if (self->set_index > 0)
    su_root_deregister (self->root, self->set_index);
  if (self->set >= 0)
    close (self->set);
  self->set = self->set_index = -1;
  self->n_watched = 0;
}

static const GPollFD *
find_fd (const GPollFD *fds, guint n_fds, int fd)
{
  for (guint i = 0; i < n_fds; i++)
    if (fds[i].fd == fd)
      return &fds[i];
  return NULL;
}

/* GIOCondition has the values of poll, and so have epoll's bits up to EPOLLHUP. */
static gboolean
watch (DflSipLoop *self, const GPollFD *fd, int operation)
{
  struct epoll_event event = { .events = fd->events, .data.fd = fd->fd };

  return epoll_ctl (self->set, operation, fd->fd, &event) == 0;
}

static void
drop_absent (DflSipLoop *self, const GPollFD *fds, guint n_fds)
{
  for (guint i = 0; i < self->n_watched;)
    {
      if (find_fd (fds, n_fds, self->watched[i].fd) != NULL)
        {
          i++;
          continue;
        }
      epoll_ctl (self->set, EPOLL_CTL_DEL, self->watched[i].fd, NULL);
      self->watched[i] = self->watched[--self->n_watched];
    }
}

/* Brings one descriptor into the set. FALSE where the kernel cannot wait for it (a file). */
static gboolean
follow_one (DflSipLoop *self, const GPollFD *fd, gboolean verify)
{
  GPollFD *known = (GPollFD *)find_fd (self->watched, self->n_watched, fd->fd);

  if (known != NULL && known->events == fd->events && !verify)
    return TRUE;
  if (known != NULL)
    {
      known->events = fd->events;
      if (watch (self, known, EPOLL_CTL_MOD) || watch (self, known, EPOLL_CTL_ADD))
        return TRUE;
      *known = self->watched[--self->n_watched];
      return FALSE;
    }
  if (!watch (self, fd, EPOLL_CTL_ADD))
    return FALSE;
  self->watched = g_renew (GPollFD, self->watched, self->n_watched + 1);
  self->watched[self->n_watched++] = *fd;
  return TRUE;
}

/*
 * Makes the set the same as the array. GLib leaves descriptors out of the array while a source of
 * higher priority is ready; it does not wait then, so that they may stay in the set.
 *
 * A descriptor may have been closed, and its number given to a new one, since the last time; the
 * kernel has then taken it out of the set. To ask it each time would cost a system call for each,
 * so that is done now and then, and a wait before that is not longer than until then. FALSE where
 * the kernel cannot wait for one of them; *timeout is shortened as needed.
 */
static gboolean
follow (DflSipLoop *self, const GPollFD *fds, guint n_fds, gint *timeout)
{
  gint64 now = g_get_monotonic_time ();
  gboolean complete = TRUE;
  gboolean verify = now - self->verified >= VERIFY_INTERVAL_MS * G_TIME_SPAN_MILLISECOND;

  if (*timeout != 0)
    drop_absent (self, fds, n_fds);
  for (guint i = 0; i < n_fds; i++)
    complete = follow_one (self, &fds[i], verify) && complete;

  if (!complete)
    *timeout = (gint)MIN ((guint)*timeout, 10u); /* -1 is the longest */
  else if (verify)
    self->verified = now;
  else if (n_fds > 1) /* alone it is GLib's own wake-up, which never changes */
    *timeout = (gint)MIN ((guint)*timeout, VERIFY_INTERVAL_MS);
  return complete;
}

static gint
poll_through_sofia (GPollFD *fds, guint n_fds, gint timeout)
{
  DflSipLoop *self = loop_of_this_thread;
  gboolean complete;
  gint ready = 0;

  if (self == NULL || self->stepping || self->set < 0)
    return g_poll (fds, n_fds, timeout);

  for (guint i = 0; i < n_fds; i++)
    fds[i].revents = 0;

  complete = follow (self, fds, n_fds, &timeout);

  self->readable = FALSE;
  self->stepping = TRUE;
  su_root_step (self->root, timeout);
  self->stepping = FALSE;

  if (self->readable || !complete)
    {
      ready = g_poll (fds, n_fds, 0);
      /* Something is readable that GLib does not know: a descriptor that was duplicated before it
       * was closed stays in an epoll set for ever. A new set forgets it. */
      if (ready == 0 && complete && timeout != 0)
        {
          close_set (self);
          open_set (self);
        }
    }
  return ready;
}

DflSipLoop *
dfl_sip_loop_ref (void)
{
  DflSipLoop *self = loop_of_this_thread;

  if (self != NULL)
    {
      self->refs++;
      return self;
    }

  steady_the_clock ();
  su_init ();

  self = g_new0 (DflSipLoop, 1);
  self->refs = 1;
  self->set = self->set_index = -1;
  self->root = su_root_create (NULL);
  if (self->root == NULL || su_root_threading (self->root, 0) < 0 || !open_set (self))
    {
      close_set (self);
      if (self->root != NULL)
        su_root_destroy (self->root);
      g_free (self);
      su_deinit ();
      return NULL;
    }

  self->context = g_main_context_ref_thread_default ();
  self->former = g_main_context_get_poll_func (self->context);
  g_main_context_set_poll_func (self->context, poll_through_sofia);
  loop_of_this_thread = self;
  return self;
}

void
dfl_sip_loop_unref (DflSipLoop *self)
{
  if (--self->refs > 0)
    return;

  g_main_context_set_poll_func (self->context, self->former);
  loop_of_this_thread = NULL;
  close_set (self);
  su_root_destroy (self->root);
  su_deinit ();
  g_main_context_unref (self->context);
  g_free (self->watched);
  g_free (self);
}

su_root_t *
dfl_sip_loop_get_root (DflSipLoop *self)
{
  return self->root;
}

void
dfl_sip_loop_wake (DflSipLoop *self)
{
  g_main_context_wakeup (self->context);
}
