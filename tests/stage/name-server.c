/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "name-server.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define MAX_MESSAGE 65535

/* --- A network and files of its own --- */

static void
expect (gboolean done, const char *what)
{
  if (!done)
    g_error ("Cannot %s: %s", what, g_strerror (errno));
}

static void
write_text (const char *path, const char *text, int flags)
{
  int fd = open (path, O_WRONLY | flags);

  expect (fd >= 0 && write (fd, text, strlen (text)) == (gssize)strlen (text) && close (fd) == 0,
          path);
}

static void
become_root (void)
{
  g_autofree char *uids = g_strdup_printf ("0 %u 1", getuid ());
  g_autofree char *gids = g_strdup_printf ("0 %u 1", getgid ());

  if (geteuid () == 0)
    return;
  expect (unshare (CLONE_NEWUSER) == 0, "have a user namespace");
  write_text ("/proc/self/setgroups", "deny", 0);
  write_text ("/proc/self/uid_map", uids, 0);
  write_text ("/proc/self/gid_map", gids, 0);
}

static void
put_file (const char *path, const char *text)
{
  g_autofree char *name = NULL;
  int file = g_file_open_tmp ("deflectd-name-server-XXXXXX", &name, NULL);

  expect (file >= 0 && fchmod (file, 0644) == 0 && close (file) == 0, "make a file");
  write_text (name, text, 0);
  expect (mount (name, path, NULL, MS_BIND, NULL) == 0, "mount a file");
  g_unlink (name);
}

static void
bring_up (const char *interface)
{
  struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_strlcpy (request.ifr_name, interface, sizeof request.ifr_name);
  expect (fd >= 0 && ioctl (fd, SIOCSIFFLAGS, &request) == 0, "bring an interface up");
  close (fd);
}

void
name_server_enter (const char *resolv_conf)
{
  become_root ();
  expect (unshare (CLONE_NEWNET | CLONE_NEWNS) == 0, "have a network of its own");
  expect (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "keep mounts to itself");
  bring_up ("lo");
  put_file (RESOLV_CONF, resolv_conf);
  put_file ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
}

void
name_server_set_resolv_conf (const char *text)
{
  write_text (RESOLV_CONF, text, O_TRUNC);
}

/* --- What it knows --- */

typedef struct
{
  char *name;
  int type;
  char *text;
  GByteArray *data;
} Record;

typedef struct
{
  char *name; /* NULL: any */
  int type;   /* 0: any */
  NameServerMood mood;
} Mood;

typedef struct
{
  char *name;
  int type;
} Asked;

struct _NameServer
{
  GMutex mutex;
  GPtrArray *records, *moods, *asked;
  GPtrArray *streams; /* of the thread */
  GThread *thread;
  int udp, tcp, end;
};

static int
type_from_text (const char *text)
{
  static const struct
  {
    const char *text;
    int type;
  } types[] = { { "A", ns_t_a },
                { "AAAA", ns_t_aaaa },
                { "CNAME", ns_t_cname },
                { "SRV", ns_t_srv },
                { "NAPTR", ns_t_naptr } };

  if (text == NULL)
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_equal (types[i].text, text))
      return types[i].type;
  g_error ("No type: %s", text);
}

static void
add_number (GByteArray *bytes, guint number)
{
  guint8 pair[2] = { (guint8)(number >> 8), (guint8)number };

  g_byte_array_append (bytes, pair, 2);
}

static void
add_text (GByteArray *bytes, const char *text)
{
  guint8 length = (guint8)strlen (text);

  g_byte_array_append (bytes, &length, 1);
  g_byte_array_append (bytes, (const guint8 *)text, length);
}

static void
add_name (GByteArray *bytes, const char *name)
{
  g_auto (GStrv) labels = g_strsplit (name, ".", -1);

  for (guint i = 0; labels[i] != NULL; i++)
    if (labels[i][0] != '\0')
      add_text (bytes, labels[i]);
  g_byte_array_append (bytes, (const guint8 *)"", 1);
}

static GByteArray *
make_data (int type, const char *text)
{
  GByteArray *bytes = g_byte_array_new ();
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  guint8 address[16];

  if (type == ns_t_a || type == ns_t_aaaa)
    {
      g_assert_cmpint (inet_pton (type == ns_t_a ? AF_INET : AF_INET6, text, address), ==, 1);
      g_byte_array_append (bytes, address, type == ns_t_a ? 4 : 16);
    }
  else if (type == ns_t_cname)
    add_name (bytes, text);
  else if (type == ns_t_srv)
    {
      g_assert_cmpuint (g_strv_length (words), ==, 4);
      for (guint i = 0; i < 3; i++)
        add_number (bytes, (guint)g_ascii_strtoull (words[i], NULL, 10));
      add_name (bytes, words[3]);
    }
  else
    {
      g_assert_cmpuint (g_strv_length (words), ==, 5);
      for (guint i = 0; i < 2; i++)
        add_number (bytes, (guint)g_ascii_strtoull (words[i], NULL, 10));
      add_text (bytes, g_str_equal (words[2], "-") ? "" : words[2]);
      add_text (bytes, words[3]);
      add_text (bytes, "");
      add_name (bytes, words[4]);
    }
  return bytes;
}

static void
record_free (gpointer data)
{
  Record *self = data;

  g_free (self->name);
  g_free (self->text);
  g_byte_array_unref (self->data);
  g_free (self);
}

static void
mood_free (gpointer data)
{
  g_free (((Mood *)data)->name);
  g_free (data);
}

static void
asked_free (gpointer data)
{
  g_free (((Asked *)data)->name);
  g_free (data);
}

void
name_server_add (NameServer *self, const char *name, const char *type, const char *data)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  Record *record = g_new0 (Record, 1);

  record->name = g_strdup (name);
  record->type = type_from_text (type);
  record->text = g_strdup (data);
  record->data = make_data (record->type, data);
  g_ptr_array_add (self->records, record);
}

void
name_server_set_mood (NameServer *self, const char *name, const char *type, NameServerMood mood)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  Mood *entry = g_new0 (Mood, 1);

  entry->name = g_strdup (name);
  entry->type = type_from_text (type);
  entry->mood = mood;
  g_ptr_array_insert (self->moods, 0, entry);
}

void
name_server_clear (NameServer *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  g_ptr_array_set_size (self->records, 0);
  g_ptr_array_set_size (self->moods, 0);
  g_ptr_array_set_size (self->asked, 0);
}

static guint
count (NameServer *self, const char *name, int type)
{
  guint n = 0;

  for (guint i = 0; i < self->asked->len; i++)
    {
      Asked *asked = g_ptr_array_index (self->asked, i);

      n += (name == NULL || g_str_equal (name, asked->name)) && (type == 0 || type == asked->type);
    }
  return n;
}

guint
name_server_count (NameServer *self, const char *name, const char *type)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  return count (self, name, type_from_text (type));
}

/* --- What it says --- */

typedef struct
{
  char *name;
  int type;
  gsize length; /* of header and question */
} Query;

static gboolean
read_query (const guint8 *bytes, gsize size, Query *query)
{
  g_autoptr (GString) name = g_string_new (NULL);
  gsize at = 12;

  while (at < size && bytes[at] != 0)
    {
      gsize length = bytes[at];

      if (length > 63 || at + 1 + length >= size)
        return FALSE;
      g_string_append_printf (name, "%s%.*s", name->len > 0 ? "." : "", (int)length,
                              (const char *)bytes + at + 1);
      at += 1 + length;
    }
  if (at + 5 > size)
    return FALSE;
  query->type = bytes[at + 1] << 8 | bytes[at + 2];
  query->length = at + 5;
  query->name = g_ascii_strdown (name->str, -1);
  return TRUE;
}

static NameServerMood
get_mood (NameServer *self, const Query *query)
{
  for (guint i = 0; i < self->moods->len; i++)
    {
      Mood *mood = g_ptr_array_index (self->moods, i);

      if ((mood->name == NULL || g_str_equal (mood->name, query->name))
          && (mood->type == 0 || mood->type == query->type))
        return mood->mood;
    }
  return NAME_SERVER_ANSWER;
}

static gboolean
exists (NameServer *self, const char *name)
{
  for (guint i = 0; i < self->records->len; i++)
    {
      const char *owner = ((Record *)g_ptr_array_index (self->records, i))->name;
      gsize rest = strlen (owner) - MIN (strlen (owner), strlen (name));

      /* A name exists when one below it does (RFC 8020). */
      if (g_str_has_suffix (owner, name) && (rest == 0 || owner[rest - 1] == '.'))
        return TRUE;
    }
  return FALSE;
}

/* Appends the records of a name, and those of what it is another name for. */
static guint
add_records (NameServer *self, GByteArray *answer, const char *name, int type, guint depth)
{
  guint n = 0;

  for (guint i = 0; i < self->records->len; i++)
    {
      Record *record = g_ptr_array_index (self->records, i);

      if (!g_str_equal (record->name, name) || (record->type != type && record->type != ns_t_cname))
        continue;
      add_name (answer, name);
      add_number (answer, (guint)record->type);
      add_number (answer, ns_c_in);
      add_number (answer, 0);
      add_number (answer, 60);
      add_number (answer, record->data->len);
      g_byte_array_append (answer, record->data->data, record->data->len);
      n++;
      if (record->type == ns_t_cname && type != ns_t_cname && depth < 4)
        n += add_records (self, answer, record->text, type, depth + 1);
    }
  return n;
}

static GByteArray *
make_answer (NameServer *self, const guint8 *bytes, const Query *query, gboolean stream)
{
  NameServerMood mood = get_mood (self, query);
  GByteArray *answer = g_byte_array_new ();
  guint code = mood == NAME_SERVER_NXDOMAIN   ? 3
               : mood == NAME_SERVER_SERVFAIL ? 2
               : mood == NAME_SERVER_REFUSED  ? 5
                                              : 0;
  guint n = 0;

  g_byte_array_append (answer, bytes, (guint)query->length);
  memset (answer->data + 6, 0, 6);
  if (mood == NAME_SERVER_GARBAGE)
    {
      for (guint i = 0; i < 40; i++)
        add_number (answer, (guint)g_random_int_range (0, 65536));
      n = 9;
    }
  else if (mood == NAME_SERVER_TRUNCATED && !stream)
    code = 0x0200;
  else if (code == 0)
    {
      n = add_records (self, answer, query->name, query->type, 0);
      code = exists (self, query->name) ? 0 : 3;
    }
  answer->data[2] = (guint8)(0x85 | code >> 8);
  answer->data[3] = (guint8)(0x80 | (code & 15));
  answer->data[6] = (guint8)(n >> 8);
  answer->data[7] = (guint8)n;
  if (mood == NAME_SERVER_TORN && n > 0)
    g_byte_array_set_size (answer, answer->len - MIN (answer->len - 12, 5));
  return answer;
}

/* NULL where there is no answer. */
static GByteArray *
take_query (NameServer *self, const guint8 *bytes, gsize size, gboolean stream)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  Query query = { 0 };
  Asked *asked;
  NameServerMood mood;
  GByteArray *answer = NULL;

  if (size < 12 || !read_query (bytes, size, &query))
    return NULL;
  mood = get_mood (self, &query);
  if (mood != NAME_SERVER_SILENT
      && (mood != NAME_SERVER_FIRST_LOST || count (self, query.name, query.type) > 0))
    answer = make_answer (self, bytes, &query, stream);
  asked = g_new0 (Asked, 1);
  asked->name = g_steal_pointer (&query.name);
  asked->type = query.type;
  g_ptr_array_add (self->asked, asked);
  return answer;
}

/* --- The network --- */

static void
serve_datagram (NameServer *self, guint8 *buffer)
{
  struct sockaddr_storage from;
  socklen_t length = sizeof from;
  gssize size = recvfrom (self->udp, buffer, MAX_MESSAGE, 0, (struct sockaddr *)&from, &length);
  g_autoptr (GByteArray) answer = NULL;

  if (size > 0)
    answer = take_query (self, buffer, (gsize)size, FALSE);
  if (answer != NULL
      && sendto (self->udp, answer->data, answer->len, 0, (struct sockaddr *)&from, length) < 0)
    g_test_message ("The answer could not be sent: %s", g_strerror (errno));
}

/* A connection: whoever asked hangs up. */
typedef struct
{
  NameServer *server;
  GThread *thread;
  int fd;
} Stream;

static gboolean
serve_question (Stream *self, guint8 *buffer)
{
  g_autoptr (GByteArray) answer = NULL;
  guint8 prefix[2];
  gsize size;

  if (recv (self->fd, prefix, 2, MSG_WAITALL) != 2)
    return FALSE;
  size = (gsize)(prefix[0] << 8 | prefix[1]);
  if (recv (self->fd, buffer, size, MSG_WAITALL) != (gssize)size)
    return FALSE;
  answer = take_query (self->server, buffer, size, TRUE);
  /* The C library would wait for ever. */
  if (answer == NULL)
    return FALSE;
  prefix[0] = (guint8)(answer->len >> 8);
  prefix[1] = (guint8)answer->len;
  g_byte_array_prepend (answer, prefix, 2);
  return send (self->fd, answer->data, answer->len, MSG_NOSIGNAL) == (gssize)answer->len;
}

static gpointer
serve_stream (gpointer data)
{
  Stream *self = data;
  g_autofree guint8 *buffer = g_malloc (MAX_MESSAGE);

  while (serve_question (self, buffer))
    ;
  g_mutex_lock (&self->server->mutex);
  close (self->fd);
  self->fd = -1;
  g_mutex_unlock (&self->server->mutex);
  return NULL;
}

static void
stream_free (gpointer data)
{
  Stream *self = data;

  g_mutex_lock (&self->server->mutex);
  if (self->fd >= 0)
    shutdown (self->fd, SHUT_RDWR);
  g_mutex_unlock (&self->server->mutex);
  g_thread_join (self->thread);
  g_free (self);
}

static void
accept_stream (NameServer *self)
{
  int fd = accept4 (self->tcp, NULL, NULL, SOCK_CLOEXEC);
  Stream *stream;

  if (fd < 0)
    return;
  stream = g_new0 (Stream, 1);
  stream->server = self;
  stream->fd = fd;
  stream->thread = g_thread_new ("name-server", serve_stream, stream);
  g_ptr_array_add (self->streams, stream);
}

static gpointer
serve (gpointer data)
{
  NameServer *self = data;
  g_autofree guint8 *buffer = g_malloc (MAX_MESSAGE);
  struct pollfd places[] = { { .fd = self->udp, .events = POLLIN },
                             { .fd = self->tcp, .events = POLLIN },
                             { .fd = self->end, .events = POLLIN } };

  while (poll (places, 3, -1) > 0 && places[2].revents == 0)
    {
      if (places[0].revents != 0)
        serve_datagram (self, buffer);
      if (places[1].revents != 0)
        accept_stream (self);
    }
  return NULL;
}

static int
listen_on (const char *address, int type)
{
  g_autoptr (GInetAddress) host = g_inet_address_new_from_string (address);
  g_autoptr (GSocketAddress) place = g_inet_socket_address_new (host, 53);
  struct sockaddr_storage native;
  gssize size = g_socket_address_get_native_size (place);
  int fd = socket (g_socket_address_get_family (place), type | SOCK_CLOEXEC, 0);
  int one = 1;

  g_socket_address_to_native (place, &native, sizeof native, NULL);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  expect (fd >= 0 && bind (fd, (struct sockaddr *)&native, (socklen_t)size) == 0
              && (type == SOCK_DGRAM || listen (fd, 64) == 0),
          "serve port 53");
  return fd;
}

NameServer *
name_server_new (const char *address)
{
  NameServer *self = g_new0 (NameServer, 1);

  g_mutex_init (&self->mutex);
  self->records = g_ptr_array_new_with_free_func (record_free);
  self->moods = g_ptr_array_new_with_free_func (mood_free);
  self->asked = g_ptr_array_new_with_free_func (asked_free);
  self->streams = g_ptr_array_new_with_free_func (stream_free);
  self->udp = listen_on (address, SOCK_DGRAM);
  self->tcp = listen_on (address, SOCK_STREAM);
  self->end = eventfd (0, EFD_CLOEXEC);
  self->thread = g_thread_new ("name-server", serve, self);
  return self;
}

void
name_server_free (NameServer *self)
{
  eventfd_write (self->end, 1);
  g_thread_join (self->thread);
  g_ptr_array_unref (self->streams);
  close (self->udp);
  close (self->tcp);
  close (self->end);
  g_ptr_array_unref (self->records);
  g_ptr_array_unref (self->moods);
  g_ptr_array_unref (self->asked);
  g_mutex_clear (&self->mutex);
  g_free (self);
}
