/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/flooder.h"

#include <errno.h>
#include <gio/gio.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "data/names.h"

#define MUST(call) g_assert_cmpint (call, >=, 0)

/* --- The process --- */

typedef struct
{
  sd_bus *bus;
  guint index;
  guint n_asked;
} Connection;

typedef struct
{
  Connection *connections;
  guint n_connections;
  guint in_flight;
  const char *call, *account, *hidden;
  guint n_answered;
  int epoll;
} Flood;

static Flood flood;

static int on_answer (sd_bus_message *answer, void *data, sd_bus_error *ignored);

/* Everything that may be asked, right and wrong. */
static sd_bus_message *
make_request (sd_bus *bus, guint number)
{
  static const struct
  {
    const char *interface, *member;
    enum
    {
      TO_CALL,
      TO_ACCOUNT,
      TO_ROOT,
      TO_HIDDEN
    } to;
    const char *first, *second;
  } requests[] = {
    { "org.freedesktop.DBus.Introspectable", "Introspect", TO_CALL, NULL, NULL },
    { "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", TO_ROOT, NULL, NULL },
    { "org.freedesktop.DBus.Properties", "Get", TO_CALL, DFL_CALL_INTERFACE, "State" },
    { DFL_CALL_INTERFACE, "Redirect", TO_CALL, "no target", NULL },
    { DFL_CALL_INTERFACE, "Redirect", TO_HIDDEN, "sip:bob@example.org", NULL },
    { DFL_CALL_INTERFACE, "CheckRedirect", TO_CALL, "sip:bob@example.org", NULL },
    { "com.example.Wrong", "Wrong", TO_ACCOUNT, "wrong", "wrong" },
    { DFL_MANAGER_INTERFACE, "FindCall", TO_ROOT, "none", NULL },
    { "org.freedesktop.DBus.Properties", "Get", TO_ACCOUNT, "wrong", "wrong" },
    { "org.freedesktop.DBus.Peer", "Ping", TO_HIDDEN, NULL, NULL },
  };
  const char *const paths[] = { flood.call, flood.account, DFL_ROOT_PATH, flood.hidden };
  guint i = number % G_N_ELEMENTS (requests);
  sd_bus_message *message = NULL;

  MUST (sd_bus_message_new_method_call (bus, &message, DFL_BUS_NAME, paths[requests[i].to],
                                        requests[i].interface, requests[i].member));
  if (requests[i].first != NULL)
    MUST (sd_bus_message_append (message, "s", requests[i].first));
  if (requests[i].second != NULL)
    MUST (sd_bus_message_append (message, "s", requests[i].second));
  if (g_str_has_suffix (requests[i].member, "Redirect"))
    MUST (sd_bus_message_append (message, "a{sv}", 0));
  return message;
}

static void
ask (Connection *connection)
{
  sd_bus_message *message = make_request (connection->bus,
                                          connection->index + connection->n_asked++);

  MUST (sd_bus_call_async (connection->bus, NULL, message, on_answer, connection, UINT64_MAX));
  sd_bus_message_unref (message);
}

static int
on_answer (sd_bus_message *answer, void *data, sd_bus_error *ignored)
{
  flood.n_answered++;
  ask (data);
  return 1;
}

static void
open_connection (Connection *connection, const char *address)
{
  sd_id128_t id;

  MUST (sd_bus_new (&connection->bus));
  MUST (sd_bus_set_address (connection->bus, address));
  MUST (sd_bus_set_bus_client (connection->bus, 1));
  MUST (sd_bus_start (connection->bus));
  /* Waits until the bus has greeted us: it takes so many new connections at a time, not more. */
  MUST (sd_bus_get_bus_id (connection->bus, &id));
  for (guint i = 0; i < flood.in_flight; i++)
    ask (connection);
}

static gboolean
process (Connection *connection)
{
  int more;

  while ((more = sd_bus_process (connection->bus, NULL)) > 0)
    ;
  MUST (more);
  return sd_bus_is_ready (connection->bus) > 0;
}

/* Writes what has not found room yet; TRUE where nothing is left. */
static gboolean
write_rest (void)
{
  gboolean all = TRUE;

  for (guint i = 0; i < flood.n_connections; i++)
    {
      Connection *connection = &flood.connections[i];
      guint64 n = 0;

      if (process (connection) && sd_bus_get_n_queued_write (connection->bus, &n) >= 0 && n == 0)
        continue;
      all = FALSE;
    }
  return all;
}

static void
say (const char *text)
{
  g_print ("%s\n", text);
  fflush (stdout);
}

/* Until standard input ends. */
static void
run (gboolean reads)
{
  gboolean said = FALSE;
  gint64 next = 0;

  for (;;)
    {
      struct epoll_event events[64];
      int n = epoll_wait (flood.epoll, events, reads || !said ? G_N_ELEMENTS (events) : 1, 20);

      for (int i = 0; i < n; i++)
        {
          if (events[i].data.ptr == NULL)
            return;
          if (reads || !said)
            process (events[i].data.ptr);
        }
      if (g_get_monotonic_time () < next || (!reads && said))
        continue;
      if (write_rest () && !said)
        {
          said = TRUE;
          say ("flooding");
          for (guint i = 0; !reads && i < flood.n_connections; i++)
            MUST (epoll_ctl (flood.epoll, EPOLL_CTL_DEL, sd_bus_get_fd (flood.connections[i].bus),
                             NULL));
        }
      next = g_get_monotonic_time () + (said ? 100 : 10) * G_TIME_SPAN_MILLISECOND;
    }
}

int
flooder_main (int argc, char *argv[])
{
  struct epoll_event input = { .events = EPOLLIN, .data.ptr = NULL };
  const char *address = argv[2];
  gboolean reads = g_str_equal (argv[6], "reads");
  g_autofree char *result = NULL;

  MUST (setresuid (atoi (argv[3]), atoi (argv[3]), atoi (argv[3])));
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  flood.n_connections = atoi (argv[4]);
  flood.in_flight = atoi (argv[5]);
  flood.call = argv[7];
  flood.account = argv[8];
  flood.hidden = argv[9];
  flood.epoll = epoll_create1 (EPOLL_CLOEXEC);
  MUST (epoll_ctl (flood.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input));
  flood.connections = g_new0 (Connection, flood.n_connections);
  for (guint i = 0; i < flood.n_connections; i++)
    {
      Connection *connection = &flood.connections[i];
      struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

      connection->index = i;
      open_connection (connection, address);
      MUST (epoll_ctl (flood.epoll, EPOLL_CTL_ADD, sd_bus_get_fd (connection->bus), &event));
    }
  run (reads);
  result = g_strdup_printf ("%u", flood.n_answered);
  say (result);
  /* The bus notices by itself that the connections are closed. */
  _exit (0);
}

/* --- Who starts it --- */

struct _Flooder
{
  GSubprocess *process;
  GDataInputStream *output;
};

static char *
read_line (Flooder *self)
{
  g_autoptr (GError) error = NULL;
  char *line = g_data_input_stream_read_line (self->output, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (line);
  return line;
}

Flooder *
flooder_start (const char *address,
               guint32 uid,
               guint n_connections,
               guint in_flight,
               gboolean reads,
               const char *call,
               const char *account,
               const char *hidden)
{
  Flooder *self = g_new0 (Flooder, 1);
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *user = g_strdup_printf ("%u", uid);
  g_autofree char *connections = g_strdup_printf ("%u", n_connections);
  g_autofree char *requests = g_strdup_printf ("%u", in_flight);
  g_autofree char *line = NULL;
  g_autoptr (GError) error = NULL;

  self->process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                    &error, program, FLOODER_ROLE, address, user, connections,
                                    requests, reads ? "reads" : "deaf", call, account, hidden,
                                    NULL);
  g_assert_no_error (error);
  self->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  line = read_line (self);
  g_assert_cmpstr (line, ==, "flooding");
  return self;
}

guint
flooder_stop (Flooder *self)
{
  g_autofree char *line = NULL;
  guint n;

  g_assert_true (g_output_stream_close (g_subprocess_get_stdin_pipe (self->process), NULL, NULL));
  line = read_line (self);
  n = g_ascii_strtoull (line, NULL, 10);
  g_assert_true (g_subprocess_wait_check (self->process, NULL, NULL));
  g_object_unref (self->output);
  g_object_unref (self->process);
  g_free (self);
  return n;
}
