/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/guard.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "core/error.h"

#define INTERVAL (1 * G_TIME_SPAN_SECOND)
#define SOON (20 * G_TIME_SPAN_MILLISECOND)
#define LONGEST_INTERVAL (10 * G_TIME_SPAN_SECOND)

/* A look takes the longer the more descriptors there are, connections to servers among them. So
 * many times as long passes until the next one, or the next one in a hurry. */
#define REST 250
#define REST_IN_HURRY 20
#define SECONDS_FOR_FIRST_DATA 10
#define ENOUGH_DESCRIPTORS 65536

/* Descriptors that are no inbound connection: the bus, sockets that listen, the loop, the log. */
#define OWN_DESCRIPTORS 256

struct _DflGuard
{
  DflClock *clock;
  DflSources *sources;
  guint max_connections;
  DflGuardBusyFunc busy;
  gpointer data;
  GArray *ports;      /* of guint16: the TCP ports */
  guint16 relay_port; /* the one of them that is for relays only, or 0 */
  DIR *sockets;       /* kept open: at the limit of descriptors there would be none for it */
  DflAlarm *alarm;
  gint64 alarm_at;
  gint64 cost; /* of the last look, in microseconds */
};

typedef struct
{
  int fd;
  guint idle; /* milliseconds since the last data */
  GBytes *peer;
  gboolean busy;
} Connection;

static void
connection_clear (gpointer data)
{
  Connection *connection = data;

  g_bytes_unref (connection->peer);
}

static guint16
port_of (const struct sockaddr_storage *address)
{
  if (address->ss_family == AF_INET)
    return ntohs (((const struct sockaddr_in *)address)->sin_port);
  if (address->ss_family == AF_INET6)
    return ntohs (((const struct sockaddr_in6 *)address)->sin6_port);
  return 0;
}

/* 0 where it has none. */
static guint16
local_port_of (int fd)
{
  struct sockaddr_storage local;
  socklen_t length = sizeof local;

  return getsockname (fd, (struct sockaddr *)&local, &length) == 0 ? port_of (&local) : 0;
}

static gboolean
is_guarded (DflGuard *self, guint16 port)
{
  for (guint i = 0; port != 0 && i < self->ports->len; i++)
    if (g_array_index (self->ports, guint16, i) == port)
      return TRUE;
  return FALSE;
}

/* Calls func for every socket of ours of this type that is bound to this port, 0 for each port that
 * is guarded. FALSE where func said so. */
static gboolean
each_socket (DflGuard *self,
             int type,
             guint16 port,
             gboolean (*func) (DflGuard *self, int fd, gpointer data),
             gpointer data)
{
  const struct dirent *entry;
  gboolean good = TRUE;

  rewinddir (self->sockets);
  while ((entry = readdir (self->sockets)) != NULL)
    {
      int fd = atoi (entry->d_name);
      guint16 bound = entry->d_name[0] != '.' ? local_port_of (fd) : 0;
      int found = 0;
      socklen_t found_length = sizeof found;

      if (bound == 0 || !(port != 0 ? port == bound : is_guarded (self, bound))
          || getsockopt (fd, SOL_SOCKET, SO_TYPE, &found, &found_length) < 0 || found != type)
        continue;
      good = func (self, fd, data) && good;
    }
  return good;
}

static gboolean
is_listener (int fd)
{
  int listens = 0;
  socklen_t length = sizeof listens;

  return getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens;
}

/* What is set on a listener holds for the connections that it accepts. */
static gboolean
limit_waiting (DflGuard *self, int fd, gpointer data)
{
  int waiting = DFL_GUARD_MOST_WAITING / 2; /* the kernel doubles it */

  return !is_listener (fd) || setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &waiting, sizeof waiting) == 0;
}

static gboolean
defer_accept (DflGuard *self, int fd, gpointer data)
{
  int seconds = SECONDS_FOR_FIRST_DATA;

  return !is_listener (fd)
         || setsockopt (fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds) == 0;
}

/* A SIP message begins with a letter or a line end. STUN begins with 0 or 1, SigComp with five 1
 * bits; a datagram that is shorter than the byte looked at is dropped too. */
static gboolean
drop_binary (DflGuard *self, int fd, gpointer data)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_B | BPF_ABS, 8), /* behind the UDP header */
    BPF_JUMP (BPF_JMP | BPF_JGE | BPF_K, 0x7f, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JGE | BPF_K, '\t', 0, 1),
    BPF_STMT (BPF_RET | BPF_K, 0xffffffff),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { .len = G_N_ELEMENTS (code), .filter = code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

GBytes *
dfl_guard_peer_new (const struct sockaddr *peer)
{
  guint8 key[18] = { 0 };
  struct sockaddr_storage address;
  guint16 port;

  memset (&address, 0, sizeof address);
  memcpy (&address, peer,
          peer->sa_family == AF_INET ? sizeof (struct sockaddr_in) : sizeof (struct sockaddr_in6));
  port = port_of (&address);
  dfl_source_to_bytes (peer, key);
  memcpy (key + 16, &port, sizeof port);
  return g_bytes_new (key, sizeof key);
}

static gboolean
judge (DflGuard *self, int fd, gpointer data)
{
  GArray *allowed = data;
  Connection connection = { .fd = fd };
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  struct tcp_info info;
  socklen_t info_length = sizeof info;
  DflSource source = { .address = (const struct sockaddr *)&peer, .stream = TRUE };
  gboolean for_relays;

  if (is_listener (fd) || getpeername (fd, (struct sockaddr *)&peer, &length) < 0)
    return TRUE;
  for_relays = local_port_of (fd) == self->relay_port;
  if (for_relays && dfl_sources_is_relay (self->sources, &source))
    return TRUE;
  if (for_relays || !dfl_sources_remember (self->sources, &source))
    {
      /* The library sees the end of the connection and closes its descriptor itself. */
      shutdown (fd, SHUT_RDWR);
      return TRUE;
    }
  if (getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &info_length) == 0)
    connection.idle = info.tcpi_last_data_recv;
  connection.peer = dfl_guard_peer_new ((struct sockaddr *)&peer);
  g_array_append_val (allowed, connection);
  return TRUE;
}

static int
most_dispensable_first (gconstpointer a, gconstpointer b)
{
  const Connection *one = a, *other = b;

  if (one->busy != other->busy)
    return one->busy ? 1 : -1;
  return one->idle < other->idle ? 1 : one->idle > other->idle ? -1 : 0;
}

static void
thin_out (DflGuard *self, GArray *connections)
{
  g_autoptr (GHashTable) busy = g_hash_table_new_full (g_bytes_hash, g_bytes_equal,
                                                       (GDestroyNotify)g_bytes_unref, NULL);

  self->busy (busy, self->data);
  for (guint i = 0; i < connections->len; i++)
    {
      Connection *connection = &g_array_index (connections, Connection, i);

      connection->busy = g_hash_table_contains (busy, connection->peer);
    }
  g_array_sort (connections, most_dispensable_first);
  for (guint i = 0; i < connections->len - self->max_connections; i++)
    shutdown (g_array_index (connections, Connection, i).fd, SHUT_RDWR);
}

static void set_alarm (DflGuard *self, gint64 span);

static void
on_alarm (gpointer data)
{
  DflGuard *self = data;
  g_autoptr (GArray) allowed = g_array_new (FALSE, FALSE, sizeof (Connection));
  gint64 begin = dfl_clock_now (self->clock);

  self->alarm = NULL;
  g_array_set_clear_func (allowed, connection_clear);
  each_socket (self, SOCK_STREAM, 0, judge, allowed);
  if (allowed->len > self->max_connections)
    thin_out (self, allowed);
  self->cost = dfl_clock_now (self->clock) - begin;
  set_alarm (self, CLAMP (REST * self->cost, INTERVAL, LONGEST_INTERVAL));
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

gboolean
dfl_guard_add_port (DflGuard *self, DflListenTransport transport, guint16 port)
{
  if (self->sockets == NULL)
    {
      errno = ENOENT;
      return FALSE;
    }
  if (transport == DFL_LISTEN_UDP)
    return each_socket (self, SOCK_DGRAM, port, drop_binary, NULL);

  if (!is_guarded (self, port))
    g_array_append_val (self->ports, port);
  set_alarm (self, INTERVAL);
  return each_socket (self, SOCK_STREAM, port, limit_waiting, NULL)
         && each_socket (self, SOCK_STREAM, port, defer_accept, NULL);
}

/* No connection is deferred here: a relay may wait for what the stack says first. */
gboolean
dfl_guard_add_relay_port (DflGuard *self, guint16 port, GError **error)
{
  self->relay_port = port;
  if (!is_guarded (self, port))
    g_array_append_val (self->ports, port);
  set_alarm (self, INTERVAL);
  if (self->sockets != NULL && each_socket (self, SOCK_STREAM, port, limit_waiting, NULL))
    return TRUE;
  g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED,
               "cannot guard the connections to servers: %s; see that /proc is mounted",
               g_strerror (errno));
  return FALSE;
}

void
dfl_guard_hurry (DflGuard *self)
{
  if (self->ports->len > 0)
    set_alarm (self, CLAMP (REST_IN_HURRY * self->cost, SOON, INTERVAL));
}

DflGuard *
dfl_guard_new (DflClock *clock,
               DflSources *sources,
               guint max_connections,
               DflGuardBusyFunc busy,
               gpointer data)
{
  DflGuard *self = g_new0 (DflGuard, 1);

  self->clock = g_object_ref (clock);
  self->sources = sources;
  self->max_connections = max_connections;
  self->busy = busy;
  self->data = data;
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
dfl_guard_raise_limit (guint max_connections)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = MAX (limit.rlim_cur, MIN (limit.rlim_max, (rlim_t)ENOUGH_DESCRIPTORS));
  setrlimit (RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < max_connections + OWN_DESCRIPTORS)
    g_message ("max-connections=%u needs more open files than the limit of %" G_GUINT64_FORMAT
               ", raise LimitNOFILE= or lower it",
               max_connections, (guint64)limit.rlim_max);
}
