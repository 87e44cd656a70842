/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/dns.h"

#include <arpa/nameser.h>
#include <glib-unix.h>
#include <sys/stat.h>

#define TIMEOUT 1500 /* milliseconds, doubled in every round */
#define TRIES 3
#define RESOLV_CONF "/etc/resolv.conf"

/* What tells one state of a file from another. */
typedef struct
{
  gboolean exists;
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified;
} Stamp;

struct _DflDns
{
  GMainContext *context;
  ares_channel channel;
  Stamp stamp;         /* of the file when the channel read it */
  GHashTable *sockets; /* descriptor: GSource */
  GSource *timer;      /* NULL where c-ares waits for nothing */
};

static Stamp
look_at_file (void)
{
  Stamp stamp = { 0 };
  struct stat status;

  if (stat (RESOLV_CONF, &status) != 0)
    return stamp;
  stamp.exists = TRUE;
  stamp.device = status.st_dev;
  stamp.inode = status.st_ino;
  stamp.size = status.st_size;
  stamp.modified = status.st_mtim;
  return stamp;
}

static gboolean
same_stamp (const Stamp *a, const Stamp *b)
{
  return a->exists == b->exists && a->device == b->device && a->inode == b->inode
         && a->size == b->size && a->modified.tv_sec == b->modified.tv_sec
         && a->modified.tv_nsec == b->modified.tv_nsec;
}

/* --- The main loop --- */

static void wait_for_more (DflDns *self);

static gboolean
on_time (gpointer data)
{
  DflDns *self = data;

  g_clear_pointer (&self->timer, g_source_unref);
  ares_process_fd (self->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  wait_for_more (self);
  return G_SOURCE_REMOVE;
}

static void
stop_timer (DflDns *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

/* To be called whenever c-ares may wait for something else now. */
static void
wait_for_more (DflDns *self)
{
  struct timeval room;
  struct timeval *left = ares_timeout (self->channel, NULL, &room);

  stop_timer (self);
  if (left == NULL)
    return;
  self->timer = g_timeout_source_new ((guint)(left->tv_sec * 1000 + (left->tv_usec + 999) / 1000));
  g_source_set_callback (self->timer, on_time, self, NULL);
  g_source_attach (self->timer, self->context);
}

static gboolean
on_socket (int fd, GIOCondition condition, gpointer data)
{
  DflDns *self = data;
  gboolean in = (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) != 0;
  gboolean out = (condition & (G_IO_OUT | G_IO_ERR)) != 0;

  ares_process_fd (self->channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
  wait_for_more (self);
  return G_SOURCE_CONTINUE;
}

static void
free_source (gpointer data)
{
  g_source_destroy (data);
  g_source_unref (data);
}

static void
on_socket_state (gpointer data, ares_socket_t fd, int readable, int writable)
{
  DflDns *self = data;
  GIOCondition condition = (readable ? G_IO_IN : 0) | (writable ? G_IO_OUT : 0);
  GSource *source;

  if (condition == 0)
    {
      g_hash_table_remove (self->sockets, GINT_TO_POINTER (fd));
      return;
    }
  source = g_unix_fd_source_new (fd, condition);
  g_source_set_callback (source, G_SOURCE_FUNC (on_socket), self, NULL);
  g_hash_table_replace (self->sockets, GINT_TO_POINTER (fd), source);
  g_source_attach (source, self->context);
}

/* --- The channel --- */

static int
open_channel (DflDns *self, ares_channel *channel)
{
  char lookups[] = "fb"; /* files, then DNS */
  struct ares_options options = { .timeout = TIMEOUT,
                                  .tries = TRIES,
                                  .lookups = lookups,
                                  .sock_state_cb = on_socket_state,
                                  .sock_state_cb_data = self };

  return ares_init_options (channel, &options,
                            ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS
                                | ARES_OPT_NOROTATE | ARES_OPT_SOCK_STATE_CB);
}

/* Where the new one cannot be made, the old one stays. */
static void
follow_file (DflDns *self)
{
  Stamp stamp = look_at_file ();
  ares_channel channel, before;

  if (same_stamp (&stamp, &self->stamp))
    return;
  self->stamp = stamp;
  if (open_channel (self, &channel) != ARES_SUCCESS)
    return;
  before = self->channel;
  self->channel = channel;
  ares_destroy (before);
}

void
dfl_dns_query (DflDns *self, const char *name, int type, ares_callback callback, gpointer data)
{
  follow_file (self);
  ares_query (self->channel, name, ns_c_in, type, callback, data);
  wait_for_more (self);
}

void
dfl_dns_get_addresses (
    DflDns *self, const char *host, int family, ares_addrinfo_callback callback, gpointer data)
{
  struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT, .ai_family = family };

  follow_file (self);
  ares_getaddrinfo (self->channel, host, NULL, &hints, callback, data);
  wait_for_more (self);
}

DflDns *
dfl_dns_new (GError **error)
{
  DflDns *self;
  int status = ares_library_init (ARES_LIB_INIT_ALL);

  if (status != ARES_SUCCESS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "c-ares cannot be used: %s",
                   ares_strerror (status));
      return NULL;
    }
  self = g_new0 (DflDns, 1);
  self->context = g_main_context_ref_thread_default ();
  self->sockets = g_hash_table_new_full (NULL, NULL, NULL, free_source);
  self->stamp = look_at_file ();
  status = open_channel (self, &self->channel);
  if (status != ARES_SUCCESS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "c-ares cannot read " RESOLV_CONF ": %s",
                   ares_strerror (status));
      g_clear_pointer (&self, dfl_dns_free);
    }
  return self;
}

void
dfl_dns_free (DflDns *self)
{
  if (self->channel != NULL)
    ares_destroy (self->channel);
  stop_timer (self);
  g_hash_table_unref (self->sockets);
  g_main_context_unref (self->context);
  g_free (self);
  ares_library_cleanup ();
}
