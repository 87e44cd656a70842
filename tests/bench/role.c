/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "role.h"

#include <arpa/inet.h>
#include <gio/gunixinputstream.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void
bench_role_say (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  vprintf (format, arguments);
  va_end (arguments);
  putchar ('\n');
  fflush (stdout);
}

GDBusConnection *
bench_role_connect (const char *bus_address)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = g_dbus_connection_new_for_address_sync (
      bus_address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);

  if (bus == NULL)
    {
      fprintf (stderr, "deflect-bench: cannot reach the bus: %s\n", error->message);
      exit (1);
    }
  return bus;
}

typedef struct
{
  GMainLoop *loop;
  void (*handle) (const char *line, gpointer data);
  gpointer data;
} Commands;

static void
on_line (GObject *source, GAsyncResult *result, gpointer data)
{
  GDataInputStream *input = G_DATA_INPUT_STREAM (source);
  Commands *commands = data;
  g_autofree char *line = g_data_input_stream_read_line_finish_utf8 (input, result, NULL, NULL);

  if (line == NULL)
    {
      g_main_loop_quit (commands->loop);
      return;
    }
  commands->handle (line, commands->data);
  g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, NULL, on_line, commands);
}

void
bench_role_serve (void (*handle) (const char *line, gpointer data), gpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GInputStream) stdin_stream = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (GDataInputStream) input = g_data_input_stream_new (stdin_stream);
  Commands commands = { loop, handle, data };

  g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, NULL, on_line, &commands);
  g_main_loop_run (loop);
}

int
bench_role_echo (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || bind (fd, (struct sockaddr *)&address, length) != 0
      || getsockname (fd, (struct sockaddr *)&address, &length) != 0)
    {
      perror ("deflect-bench: echo");
      return 1;
    }
  bench_role_say ("%u", ntohs (address.sin_port));

  /* It is ended from outside, as every child of the bench. */
  for (;;)
    {
      struct sockaddr_in peer;
      socklen_t peer_length = sizeof peer;
      char buffer[2048];
      gssize got = recvfrom (fd, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &peer_length);

      if (got < 0 || sendto (fd, buffer, (gsize)got, 0, (struct sockaddr *)&peer, peer_length) < 0)
        return 1;
    }
}
