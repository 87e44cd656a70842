/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What one may not see and what is not there are told apart neither by the answer's bytes nor by
 * the time it takes. The client is a bare socket, so that nothing but the bus and the daemon is
 * measured; each request to a hidden object has a twin to an absent one right before or after it,
 * by lot.
 */

#include "bus/fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "data/names.h"

#define N_PAIRS 10000
#define N_BLOCKS 8
/* More than the daemon reads of any message. */
#define HUGE (300 * 1024)

/* --- A connection without a library --- */

typedef struct
{
  int fd;
  guint32 serial;
  GByteArray *reply; /* the last one */
} Socket;

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
read_message (Socket *self)
{
  guint8 head[16];
  gsize size;

  read_all (self->fd, head, sizeof head);
  size = ALIGN (16 + get_number (head + 12), 8) + get_number (head + 4);
  g_byte_array_set_size (self->reply, (guint)size);
  memcpy (self->reply->data, head, sizeof head);
  read_all (self->fd, self->reply->data + sizeof head, size - sizeof head);
}

/* Sends a message whose serial number is set here, and takes its answer. */
static void
ask (Socket *self, GByteArray *message)
{
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
  /* So that two answers can be compared. */
  set_number (self->reply->data + 8, 0);
  set_number (self->reply->data + at, 0);
}

static GByteArray *
make_message (const char *name,
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

static void
open_socket (Socket *self, const char *address)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  const char *path = strstr (address, "path=");
  g_autofree char *uid = g_strdup_printf ("%u", (guint)geteuid ());
  g_autoptr (GString) greeting = g_string_new ("AUTH EXTERNAL ");
  g_autoptr (GByteArray) hello = make_message ("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                               "org.freedesktop.DBus", "Hello", NULL);
  char line[128];
  gsize length = 0;

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
  self->serial = 0;
  self->reply = g_byte_array_new ();
  ask (self, hello);
}

static void
close_socket (Socket *self)
{
  close (self->fd);
  g_byte_array_unref (self->reply);
}

/* --- The questions --- */

/* %s is the interface of the object. */
static const struct
{
  const char *what;
  const char *interface;
  const char *member;
  const char *parameters;
} kinds[] = {
  { "Get", "org.freedesktop.DBus.Properties", "Get", "('%s', 'State')" },
  { "GetAll", "org.freedesktop.DBus.Properties", "GetAll", "('%s',)" },
  { "Introspect", "org.freedesktop.DBus.Introspectable", "Introspect", NULL },
  { "method", "%s", "Remove", NULL },
  { "wrong signature", "%s", "Silence", "(1, 'x')" },
  { "unknown interface", "com.example.Unknown", "Anything", NULL },
  { "huge body", "%s", "Update", NULL },
};

/* The last kind has a time of its own. */
#define N_SMALL_KINDS (G_N_ELEMENTS (kinds) - 1)

/* What the requests of a pair ask, and whether a call (0) or an account (1). */
static guint
get_kind (guint pair)
{
  return pair % G_N_ELEMENTS (kinds);
}

static guint
get_object (guint pair)
{
  return pair / G_N_ELEMENTS (kinds) % 2;
}

typedef enum
{
  HIDDEN,
  ABSENT
} Twin;

typedef struct
{
  const char *address;
  const char *paths[2][2]; /* hidden and absent, of a call and of an account */
  GByteArray *messages[G_N_ELEMENTS (kinds)][2][2];
  double times[2][N_PAIRS]; /* microseconds */
  GMainLoop *loop;
} Race;

static char *
fill_in (const char *format, const char *interface)
{
  g_auto (GStrv) parts = format == NULL ? NULL : g_strsplit (format, "%s", -1);

  return format == NULL ? NULL : g_strjoinv (interface, parts);
}

static GByteArray *
make_question (guint kind, const char *path)
{
  const char *itself = g_str_has_prefix (path, DFL_CALL_PATH_PREFIX) ? DFL_CALL_INTERFACE
                                                                     : DFL_ACCOUNT_INTERFACE;
  g_autofree char *interface = fill_in (kinds[kind].interface, itself);
  g_autofree char *text = fill_in (kinds[kind].parameters, itself);
  GVariant *parameters = text == NULL ? NULL : g_variant_new_parsed (text);

  if (g_str_equal (kinds[kind].what, "huge body"))
    {
      g_autofree char *huge = g_strnfill (HUGE, 'x');

      parameters = g_variant_new_parsed ("({'display-name': <%s>},)", huge);
    }
  return make_message (DFL_BUS_NAME, path, interface, kinds[kind].member, parameters);
}

static gint64
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

static GBytes *
measure (Race *self, Socket *socket, guint pair, guint object, Twin twin)
{
  gint64 begin = now ();

  ask (socket, self->messages[get_kind (pair)][object][twin]);
  self->times[twin][pair] = (double)(now () - begin) / 1000;
  return g_bytes_new (socket->reply->data, socket->reply->len);
}

static gboolean
on_over (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static gpointer
run (gpointer data)
{
  Race *self = data;
  guint32 uid = getuid () == 0 ? STRANGER : getuid ();
  Socket socket;

  /* The kernel keeps a uid per thread; the C library is not asked. */
  g_assert_cmpint (syscall (SYS_setresuid, uid, uid, -1), ==, 0);
  open_socket (&socket, self->address);
  for (guint pair = 0; pair < N_PAIRS; pair++)
    {
      guint object = get_object (pair);
      Twin first = g_test_rand_bit () ? HIDDEN : ABSENT;
      g_autoptr (GBytes) one = measure (self, &socket, pair, object, first);
      g_autoptr (GBytes) other = measure (self, &socket, pair, object, !first);

      g_assert_true (g_bytes_equal (one, other));
    }
  close_socket (&socket);
  g_idle_add (on_over, self->loop);
  return NULL;
}

/* --- The comparison --- */

static int
compare (const void *a, const void *b)
{
  double one = *(const double *)a, other = *(const double *)b;

  return (one > other) - (one < other);
}

static double
quantile (GArray *values, double part)
{
  qsort (values->data, values->len, sizeof (double), compare);
  return g_array_index (values, double, (guint)((values->len - 1) * part));
}

/* Every n-th value from first on. */
static GArray *
take_every (const double *values, guint first, guint n)
{
  GArray *taken = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = first; i < N_PAIRS; i += n)
    g_array_append_val (taken, values[i]);
  return taken;
}

static void
print (const char *what, const double *times, guint first, guint n)
{
  g_autoptr (GArray) values = take_every (times, first, n);

  g_test_message ("%-18s min %7.1f  median %7.1f  p90 %7.1f  p99 %7.1f us", what,
                  quantile (values, 0), quantile (values, 0.5), quantile (values, 0.9),
                  quantile (values, 0.99));
}

/* How much longer a question to the hidden object takes, of the pairs in one block of time: what a
 * busy machine does least to is the quick quarter of the answers. */
static double
compare_block (const Race *self, guint object, guint kind, guint block)
{
  g_autoptr (GArray) hidden = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) absent = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint pair = block * (N_PAIRS / N_BLOCKS); pair < (block + 1) * (N_PAIRS / N_BLOCKS); pair++)
    {
      if (get_kind (pair) != kind || get_object (pair) != object)
        continue;
      g_array_append_val (hidden, self->times[HIDDEN][pair]);
      g_array_append_val (absent, self->times[ABSENT][pair]);
    }
  return quantile (hidden, 0.25) - quantile (absent, 0.25);
}

/* The difference may be as far from nothing as it moves anyway from one block of time to another:
 * two and a half times what a block is off on average, and half a microsecond. */
static void
check (const char *what, const Race *self, guint object, guint first_kind, guint n_kinds)
{
  double differences[N_BLOCKS] = { 0 };
  double mean = 0, off = 0;

  for (guint block = 0; block < N_BLOCKS; block++)
    {
      for (guint kind = first_kind; kind < first_kind + n_kinds; kind++)
        differences[block] += compare_block (self, object, kind, block) / n_kinds;
      mean += differences[block] / N_BLOCKS;
    }
  for (guint block = 0; block < N_BLOCKS; block++)
    off += ABS (differences[block] - mean) / N_BLOCKS;
  g_test_message ("%s: hidden takes %+.2f us more, and a block is off by %.2f us", what, mean, off);
  g_assert_cmpfloat (ABS (mean), <, 2.5 * off + 0.5);
}

static gboolean
let_time_pass (gpointer clock)
{
  /* Nobody is to be slowed down for asking so much. */
  dfl_fake_clock_advance (clock, G_USEC_PER_SEC);
  return G_SOURCE_CONTINUE;
}

static void
test_hidden_takes_as_long (Fixture *fixture, gconstpointer mode)
{
  g_autofree Race *race = g_new0 (Race, 1);
  GThread *thread;
  guint source;

  /* Nobody who asks here, but a list to be looked through. */
  fixture_set_users (fixture, "", "daemon,bin,sys,sync,games,man,lp,mail,news,uucp,proxy,backup");
  race->address = fixture->bus->address;
  race->loop = g_main_loop_new (NULL, FALSE);
  race->paths[0][HIDDEN] = path_of_call (fixture_offer_to (fixture, "bob", "hidden"));
  race->paths[0][ABSENT] = DFL_CALL_PATH_PREFIX "00000000";
  race->paths[1][HIDDEN] = path_of_account (fixture_get_account (fixture, "bob"));
  race->paths[1][ABSENT] = DFL_ACCOUNT_PATH_PREFIX "00000000";
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (guint object = 0; object < 2; object++)
      for (guint twin = 0; twin < 2; twin++)
        race->messages[kind][object][twin] = make_question (kind, race->paths[object][twin]);

  source = g_timeout_add (20, let_time_pass, fixture->clock);
  thread = g_thread_new ("client", run, race);
  g_main_loop_run (race->loop);
  g_thread_join (thread);
  g_source_remove (source);

  print ("hidden", race->times[HIDDEN], 0, 1);
  print ("absent", race->times[ABSENT], 0, 1);
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      print (kinds[kind].what, race->times[HIDDEN], kind, G_N_ELEMENTS (kinds));
      print ("  absent", race->times[ABSENT], kind, G_N_ELEMENTS (kinds));
    }
  check ("Calls", race, 0, 0, N_SMALL_KINDS);
  check ("Accounts", race, 1, 0, N_SMALL_KINDS);
  check ("Calls, huge body", race, 0, N_SMALL_KINDS, 1);
  check ("Accounts, huge body", race, 1, N_SMALL_KINDS, 1);
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (guint object = 0; object < 2; object++)
      for (guint twin = 0; twin < 2; twin++)
        g_byte_array_unref (race->messages[kind][object][twin]);
  g_main_loop_unref (race->loop);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/bus/timing/hidden-takes-as-long", Fixture, FIXTURE_SYSTEM, fixture_set_up,
              test_hidden_takes_as_long, fixture_tear_down);
  return g_test_run ();
}
