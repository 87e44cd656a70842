/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/guard.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define INTERVAL (1 * G_TIME_SPAN_SECOND)
#define SOON (20 * G_TIME_SPAN_MILLISECOND)
#define SECONDS_FOR_FIRST_DATA 10
#define ENOUGH_DESCRIPTORS 65536

struct _DflGuard
{
  DflClock *clock;
  DflSources *sources;
  guint max_connections;
  GArray *ports; /* of guint16 */
  DIR *sockets;  /* kept open: at the limit of descriptors there would be none for it */
  DflAlarm *alarm;
  gint64 alarm_at;
};

typedef struct
{
  int fd;
  guint idle; /* milliseconds since the last data */
} Connection;

static guint16
port_of (const struct sockaddr_storage *address)
{
  if (address->ss_family == AF_INET)
    return ntohs (((const struct sockaddr_in *)address)->sin_port);
  if (address->ss_family == AF_INET6)
    return ntohs (((const struct sockaddr_in6 *)address)->sin6_port);
  return 0;
}

static gboolean
is_guarded (DflGuard *self, guint16 port)
{
  for (guint i = 0; i < self->ports->len; i++)
    if (g_array_index (self->ports, guint16, i) == port)
      return TRUE;
  return FALSE;
}

/* Calls func for every TCP socket of ours that is bound to a guarded port. */
static void
each_socket (DflGuard *self, void (*func) (DflGuard *self, int fd, gpointer data), gpointer data)
{
  const struct dirent *entry;

  if (self->sockets == NULL)
    return;
  rewinddir (self->sockets);
  while ((entry = readdir (self->sockets)) != NULL)
    {
      struct sockaddr_storage local;
      socklen_t length = sizeof local;
      int fd = atoi (entry->d_name);
      int type = 0;
      socklen_t type_length = sizeof type;

      if (entry->d_name[0] == '.' || getsockname (fd, (struct sockaddr *)&local, &length) < 0
          || !is_guarded (self, port_of (&local))
          || getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_length) < 0 || type != SOCK_STREAM)
        continue;
      func (self, fd, data);
    }
}

static gboolean
is_listener (int fd)
{
  int listens = 0;
  socklen_t length = sizeof listens;

  return getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens;
}

static void
defer_accept (DflGuard *self, int fd, gpointer data)
{
  int seconds = SECONDS_FOR_FIRST_DATA;

  if (is_listener (fd))
    setsockopt (fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

static void
judge (DflGuard *self, int fd, gpointer data)
{
  GArray *allowed = data;
  Connection connection = { .fd = fd };
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  struct tcp_info info;
  socklen_t info_length = sizeof info;

  if (is_listener (fd) || getpeername (fd, (struct sockaddr *)&peer, &length) < 0)
    return;
  if (!dfl_sources_allow (self->sources, (struct sockaddr *)&peer))
    {
      /* The library sees the end of the connection and closes its descriptor itself. */
      shutdown (fd, SHUT_RDWR);
      return;
    }
  if (getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &info_length) == 0)
    connection.idle = info.tcpi_last_data_recv;
  g_array_append_val (allowed, connection);
}

static int
longest_idle_first (gconstpointer a, gconstpointer b)
{
  guint idle_a = ((const Connection *)a)->idle;
  guint idle_b = ((const Connection *)b)->idle;

  return idle_a < idle_b ? 1 : idle_a > idle_b ? -1 : 0;
}

static void set_alarm (DflGuard *self, gint64 span);

static void
on_alarm (gpointer data)
{
  DflGuard *self = data;
  g_autoptr (GArray) allowed = g_array_new (FALSE, FALSE, sizeof (Connection));

  self->alarm = NULL;
  each_socket (self, judge, allowed);
  if (allowed->len > self->max_connections)
    {
      g_array_sort (allowed, longest_idle_first);
      for (guint i = 0; i < allowed->len - self->max_connections; i++)
        shutdown (g_array_index (allowed, Connection, i).fd, SHUT_RDWR);
    }
  set_alarm (self, INTERVAL);
}

static void
set_alarm (DflGuard *self, gint64 span)
{
  gint64 at = dfl_clock_now (self->clock) + span;

  if (self->alarm != NULL && self->alarm_at <= at)
    return;
  dfl_clock_clear_alarm (self->clock, &self->alarm);
  self->alarm_at = at;
  self->alarm = dfl_clock_set_alarm (self->clock, at, on_alarm, self);
}

void
dfl_guard_add_port (DflGuard *self, guint16 port)
{
  if (!is_guarded (self, port))
    g_array_append_val (self->ports, port);
  each_socket (self, defer_accept, NULL);
  set_alarm (self, INTERVAL);
}

void
dfl_guard_hurry (DflGuard *self)
{
  if (self->ports->len > 0)
    set_alarm (self, SOON);
}

DflGuard *
dfl_guard_new (DflClock *clock, DflSources *sources, guint max_connections)
{
  DflGuard *self = g_new0 (DflGuard, 1);

  self->clock = g_object_ref (clock);
  self->sources = sources;
  self->max_connections = max_connections;
  self->ports = g_array_new (FALSE, FALSE, sizeof (guint16));
  self->sockets = opendir ("/proc/self/fd");
  return self;
}

void
dfl_guard_free (DflGuard *self)
{
  dfl_clock_clear_alarm (self->clock, &self->alarm);
  if (self->sockets != NULL)
    closedir (self->sockets);
  g_array_unref (self->ports);
  g_object_unref (self->clock);
  g_free (self);
}

void
dfl_guard_raise_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = MAX (limit.rlim_cur, MIN (limit.rlim_max, (rlim_t)ENOUGH_DESCRIPTORS));
  setrlimit (RLIMIT_NOFILE, &limit);
}
