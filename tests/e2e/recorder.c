/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * recorder LISTEN BUS FILE: a socket in front of a bus. Whatever the bus sends to any of those who
 * connect here is added to FILE, byte for byte, before it is passed on. To the bus they all are
 * this process, so that they need its uid.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_CONNECTIONS 200

/* Each has two sockets, side by side: the client's and the bus'. The first one listens. */
static struct pollfd sockets[1 + 2 * MAX_CONNECTIONS];
static nfds_t n_sockets = 1;

static void
expect (int done, const char *what)
{
  if (done)
    return;
  fprintf (stderr, "recorder: cannot %s: %s\n", what, strerror (errno));
  exit (1);
}

static struct sockaddr_un
address_of (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  expect (strlen (path) < sizeof address.sun_path, "use so long a path");
  strcpy (address.sun_path, path);
  return address;
}

static void
take_connection (const char *bus)
{
  struct sockaddr_un address = address_of (bus);
  int client = accept (sockets[0].fd, NULL, NULL);
  int server = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  expect (client >= 0 && server >= 0 && n_sockets + 2 <= 1 + 2 * MAX_CONNECTIONS, "accept");
  if (connect (server, (struct sockaddr *)&address, sizeof address) != 0)
    {
      close (client);
      close (server);
      return;
    }
  sockets[n_sockets++] = (struct pollfd){ client, POLLIN, 0 };
  sockets[n_sockets++] = (struct pollfd){ server, POLLIN, 0 };
}

static int
write_all (int file, const char *bytes, size_t length)
{
  while (length > 0)
    {
      ssize_t written = write (file, bytes, length);

      if (written < 0)
        return 0;
      bytes += written;
      length -= (size_t)written;
    }
  return 1;
}

/* Passes on what has come on one socket; whether the connection goes on. */
static int
pass_on (nfds_t index, int record)
{
  static char bytes[65536];
  int from_bus = index % 2 == 0;
  ssize_t length = read (sockets[index].fd, bytes, sizeof bytes);

  if (length <= 0)
    return 0;
  if (from_bus)
    expect (write_all (record, bytes, (size_t)length), "write the record");
  return write_all (sockets[from_bus ? index - 1 : index + 1].fd, bytes, (size_t)length);
}

/* The last connection takes the place of this one. */
static void
drop_connection (nfds_t index)
{
  nfds_t first = index % 2 == 1 ? index : index - 1;

  close (sockets[first].fd);
  close (sockets[first + 1].fd);
  n_sockets -= 2;
  memmove (&sockets[first], &sockets[n_sockets], 2 * sizeof sockets[0]);
  /* It has had its turn. */
  sockets[first].revents = sockets[first + 1].revents = 0;
}

int
main (int argc, char **argv)
{
  struct sockaddr_un address;
  int record;

  expect (argc == 4, "do without arguments");
  signal (SIGPIPE, SIG_IGN);
  address = address_of (argv[1]);
  sockets[0].fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockets[0].events = POLLIN;
  expect (bind (sockets[0].fd, (struct sockaddr *)&address, sizeof address) == 0
              && listen (sockets[0].fd, 16) == 0,
          "listen");
  record = open (argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  expect (record >= 0, "open the record");
  puts ("ready");
  fflush (stdout);

  while (1)
    {
      expect (poll (sockets, n_sockets, -1) >= 0 || errno == EINTR, "wait");
      for (nfds_t i = n_sockets - 1; i > 0; i--)
        if (i < n_sockets && sockets[i].revents != 0 && !pass_on (i, record))
          drop_connection (i);
      if (sockets[0].revents != 0)
        take_connection (argv[2]);
    }
}
