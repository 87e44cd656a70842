/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * disturber PUBLIC OWN SERVER DUPLICATES LATE DELAY SEED FILE: a bad network between one caller and
 * a server, all on 127.0.0.1 and all numbers. What comes to the port PUBLIC goes on from the port
 * OWN to the port SERVER, and what comes back there goes to the caller. So many of a hundred
 * datagrams are passed on twice, so many of a hundred DELAY milliseconds later than they came,
 * which puts others before them.
 *
 * FILE gets what the server was sent and what it sent, each datagram at the moment it passes: a
 * line
 * "> MICROSECONDS LENGTH" or "< MICROSECONDS LENGTH", and the datagram.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_WAITING 4096

typedef struct
{
  long long due; /* microseconds; 0: nothing here */
  int to_server;
  size_t length;
  char *bytes;
} Datagram;

static Datagram waiting[MAX_WAITING];
static int public_socket, own_socket;
static struct sockaddr_in caller, server;
static FILE *record;

static void
expect (int done, const char *what)
{
  if (done)
    return;
  fprintf (stderr, "disturber: cannot %s: %s\n", what, strerror (errno));
  exit (1);
}

static long long
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static struct sockaddr_in
address_of (const char *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((uint16_t)atoi (port)) };

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  return address;
}

static int
open_socket (const char *port)
{
  struct sockaddr_in address = address_of (port);
  int size = 4 << 20;
  int self = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  expect (self >= 0 && bind (self, (struct sockaddr *)&address, sizeof address) == 0, "bind");
  setsockopt (self, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  return self;
}

static void
write_down (int to_server, const char *bytes, size_t length)
{
  fprintf (record, "%c %lld %zu\n", to_server ? '>' : '<', now (), length);
  fwrite (bytes, 1, length, record);
  fflush (record);
}

static void
pass_on (int to_server, const char *bytes, size_t length)
{
  if (to_server)
    write_down (1, bytes, length);
  /* What cannot be sent is lost, as on any network. */
  if (to_server)
    sendto (own_socket, bytes, length, 0, (struct sockaddr *)&server, sizeof server);
  else
    sendto (public_socket, bytes, length, 0, (struct sockaddr *)&caller, sizeof caller);
}

static void
keep (int to_server, const char *bytes, size_t length, long long due)
{
  for (int i = 0; i < MAX_WAITING; i++)
    if (waiting[i].due == 0)
      {
        waiting[i] = (Datagram){ due, to_server, length, malloc (length) };
        expect (waiting[i].bytes != NULL, "remember");
        memcpy (waiting[i].bytes, bytes, length);
        return;
      }
  expect (0, "keep so many datagrams");
}

static int
chance (int percent)
{
  return rand () % 100 < percent;
}

static void
take (int to_server, int duplicates, int late, int delay)
{
  static char bytes[65536];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t length = recvfrom (to_server ? public_socket : own_socket, bytes, sizeof bytes, 0,
                             (struct sockaddr *)&from, &size);

  /* An error is one that came back for what was sent before. */
  if (length <= 0)
    return;
  if (to_server)
    caller = from;
  else
    write_down (0, bytes, (size_t)length);
  for (int copies = chance (duplicates) ? 2 : 1; copies > 0; copies--)
    if (chance (late))
      keep (to_server, bytes, (size_t)length, now () + delay * 1000LL);
    else
      pass_on (to_server, bytes, (size_t)length);
}

/* Passes on what is due; milliseconds until the next one, or -1. */
static int
pass_on_waiting (void)
{
  long long time = now ();
  long long next = -1;

  for (int i = 0; i < MAX_WAITING; i++)
    if (waiting[i].due != 0 && waiting[i].due <= time)
      {
        pass_on (waiting[i].to_server, waiting[i].bytes, waiting[i].length);
        free (waiting[i].bytes);
        waiting[i].due = 0;
      }
    else if (waiting[i].due != 0 && (next < 0 || waiting[i].due < next))
      next = waiting[i].due;
  return next < 0 ? -1 : (int)((next - time) / 1000 + 1);
}

int
main (int argc, char **argv)
{
  struct pollfd sockets[2];

  expect (argc == 9, "do without arguments");
  public_socket = open_socket (argv[1]);
  own_socket = open_socket (argv[2]);
  server = address_of (argv[3]);
  srand ((unsigned)atoi (argv[7]));
  record = fopen (argv[8], "w");
  expect (record != NULL, "open the record");
  sockets[0] = (struct pollfd){ public_socket, POLLIN, 0 };
  sockets[1] = (struct pollfd){ own_socket, POLLIN, 0 };
  puts ("ready");
  fflush (stdout);

  while (1)
    {
      expect (poll (sockets, 2, pass_on_waiting ()) >= 0 || errno == EINTR, "wait");
      for (int i = 0; i < 2; i++)
        if (sockets[i].revents != 0)
          take (i == 0, atoi (argv[4]), atoi (argv[5]), atoi (argv[6]));
    }
}
