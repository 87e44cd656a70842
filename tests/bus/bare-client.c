/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/bare-client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct _BareClient
{
  int fd;
  guint32 serial;
  GByteArray *reply; /* the last one */
};

static void
write_all (int fd, const void *data, gsize size)
{
  for (const char *at = data; size > 0;)
    {
      gssize written = send (fd, at, size, MSG_NOSIGNAL);

      g_assert_cmpint (written, >, 0);
      at += written;
      size -= (gsize)written;
    }
}

static void
read_all (int fd, void *data, gsize size)
{
  for (char *at = data; size > 0;)
    {
      gssize got = recv (fd, at, size, 0);

      g_assert_cmpint (got, >, 0);
      at += got;
      size -= (gsize)got;
    }
}

static guint32
get_number (const guint8 *at)
{
  guint32 number;

  memcpy (&number, at, sizeof number);
  return number;
}

static void
set_number (guint8 *at, guint32 number)
{
  memcpy (at, &number, sizeof number);
}

#define ALIGN(position, to) (((position) + (to)-1) / (to) * (to))

/* Where the header field with the serial number of the request is; 0 where there is none. */
static gsize
find_reply_serial (const guint8 *message)
{
  gsize end = 16 + get_number (message + 12);

  for (gsize at = 16; at < end; at = ALIGN (at, 8))
    {
      guint8 code = message[at];
      char type = (char)message[at + 2];

      at = type == 'g' ? at + 4 : ALIGN (at + 4, 4);
      if (code == G_DBUS_MESSAGE_HEADER_FIELD_REPLY_SERIAL)
        return at;
      if (type == 'g')
        at += 1 + message[at] + 1;
      else if (type == 'u')
        at += 4;
      else
        at += 4 + get_number (message + at) + 1;
    }
  return 0;
}

/* The next message, with the byte order of this machine. */
static void
read_message (BareClient *self)
{
  guint8 head[16];
  gsize size;

  read_all (self->fd, head, sizeof head);
  size = ALIGN (16 + get_number (head + 12), 8) + get_number (head + 4);
  g_byte_array_set_size (self->reply, (guint)size);
  memcpy (self->reply->data, head, sizeof head);
  read_all (self->fd, self->reply->data + sizeof head, size - sizeof head);
}

static gint64
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

double
bare_client_ask (BareClient *self, GByteArray *message)
{
  gint64 begin = now ();
  double taken;
  gsize at;

  set_number (message->data + 8, ++self->serial);
  write_all (self->fd, message->data, message->len);
  for (;;)
    {
      read_message (self);
      at = find_reply_serial (self->reply->data);
      if (at != 0 && get_number (self->reply->data + at) == self->serial)
        break;
    }
  taken = (double)(now () - begin) / 1000;
  /* So that two answers can be compared. */
  set_number (self->reply->data + 8, 0);
  set_number (self->reply->data + at, 0);
  return taken;
}

GBytes *
bare_client_get_reply (BareClient *self)
{
  return g_bytes_new (self->reply->data, self->reply->len);
}

GByteArray *
bare_message_new (const char *name,
                  const char *path,
                  const char *interface,
                  const char *member,
                  GVariant *parameters)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (name, path, interface, member);
  g_autoptr (GError) error = NULL;
  guchar *blob;
  gsize length;

  if (parameters != NULL)
    g_dbus_message_set_body (message, parameters);
  g_dbus_message_set_serial (message, 1);
  blob = g_dbus_message_to_blob (message, &length, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  return g_byte_array_new_take (blob, length);
}

BareClient *
bare_client_new (const char *address, guint32 as_uid)
{
  BareClient *self = g_new0 (BareClient, 1);
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  const char *path = strstr (address, "path=");
  g_autofree char *uid = g_strdup_printf ("%u", as_uid);
  g_autoptr (GString) greeting = g_string_new ("AUTH EXTERNAL ");
  g_autoptr (GByteArray) hello = bare_message_new ("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                   "org.freedesktop.DBus", "Hello", NULL);
  char line[128];
  gsize length = 0;

  /* The kernel keeps a uid per thread; the C library is not asked. */
  g_assert_cmpint (syscall (SYS_setresuid, as_uid, as_uid, -1), ==, 0);
  g_assert_nonnull (path);
  path += strlen ("path=");
  g_strlcpy (name.sun_path, path, MIN (sizeof name.sun_path, strcspn (path, ",") + 1));
  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (self->fd, (struct sockaddr *)&name, sizeof name), ==, 0);
  for (const char *digit = uid; *digit != '\0'; digit++)
    g_string_append_printf (greeting, "%02x", *digit);
  g_string_append (greeting, "\r\n");
  write_all (self->fd, "", 1);
  write_all (self->fd, greeting->str, greeting->len);
  do
    read_all (self->fd, &line[length++], 1);
  while (line[length - 1] != '\n' && length < sizeof line);
  g_assert_true (g_str_has_prefix (line, "OK "));
  write_all (self->fd, "BEGIN\r\n", strlen ("BEGIN\r\n"));
  self->reply = g_byte_array_new ();
  bare_client_ask (self, hello);
  return self;
}

void
bare_client_free (BareClient *self)
{
  close (self->fd);
  g_byte_array_unref (self->reply);
  g_free (self);
}

/* --- Comparing --- */

static int
compare (const void *a, const void *b)
{
  double one = *(const double *)a, other = *(const double *)b;

  return (one > other) - (one < other);
}

double
times_get_quantile (GArray *times, double part)
{
  qsort (times->data, times->len, sizeof (double), compare);
  return g_array_index (times, double, (guint)((times->len - 1) * part));
}

/* The median difference of the quicker half of the pairs in which one was asked first, or not. */
static double
compare_ordered (const GArray *pairs, gboolean one_first)
{
  g_autoptr (GArray) sums = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) differences = g_array_new (FALSE, FALSE, sizeof (double));
  double limit;

  for (guint i = 0; i < pairs->len; i++)
    {
      const TimePair *pair = &g_array_index (pairs, TimePair, i);
      double sum = pair->one + pair->other;

      if (pair->one_first == one_first)
        g_array_append_val (sums, sum);
    }
  g_assert_cmpuint (sums->len, >, 0);
  limit = times_get_quantile (sums, 0.5);
  for (guint i = 0; i < pairs->len; i++)
    {
      const TimePair *pair = &g_array_index (pairs, TimePair, i);
      double difference = pair->one - pair->other;

      if (pair->one_first == one_first && pair->one + pair->other <= limit)
        g_array_append_val (differences, difference);
    }
  return times_get_quantile (differences, 0.5);
}

double
time_pairs_compare (const GArray *pairs)
{
  return (compare_ordered (pairs, TRUE) + compare_ordered (pairs, FALSE)) / 2;
}
