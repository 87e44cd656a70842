/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "caller.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BRANCH_PREFIX "z9hG4bKbench"
#define REPEAT_AFTER_NS G_GINT64_CONSTANT (500000000)
#define GIVE_UP_AFTER_NS G_GINT64_CONSTANT (10000000000)

typedef struct
{
  gint64 sent;
  gboolean answered; /* something came, INVITE need not be repeated */
  gboolean ended;    /* a final response came */
} Call;

struct _BenchCaller
{
  int fd;
  char *uri;     /* Request-URI */
  char *user;    /* its user part */
  guint16 port;  /* ours */
  guint32 run;   /* sets the calls of two callers and of two resets apart */
  GArray *calls; /* of Call, by number */
  BenchCallerCounts counts;
};

/* What a softphone offers; deflectd does not read it, but has to carry it. */
static const char session_description[] = "v=0\r\n"
                                          "o=- 3724394400 3724394405 IN IP4 127.0.0.1\r\n"
                                          "s=-\r\n"
                                          "c=IN IP4 127.0.0.1\r\n"
                                          "t=0 0\r\n"
                                          "m=audio 40000 RTP/AVP 8 0 101\r\n"
                                          "a=rtpmap:8 PCMA/8000\r\n"
                                          "a=rtpmap:101 telephone-event/8000\r\n"
                                          "a=sendrecv\r\n";

BenchCaller *
bench_caller_new (const char *user, guint16 port, GError **error)
{
  g_autoptr (BenchCaller) self = g_new0 (BenchCaller, 1);
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int buffer_size = 4 * 1024 * 1024;

  self->calls = g_array_new (FALSE, TRUE, sizeof (Call));
  self->run = g_random_int ();
  self->user = g_strdup (user);
  self->uri = g_strdup_printf ("sip:%s@127.0.0.1:%u", user, port);
  self->fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd >= 0)
    setsockopt (self->fd, SOL_SOCKET, SO_RCVBUF, &buffer_size, sizeof buffer_size);
  if (self->fd < 0 || bind (self->fd, (struct sockaddr *)&address, length) != 0
      || getsockname (self->fd, (struct sockaddr *)&address, &length) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "caller: %s",
                   g_strerror (errno));
      return NULL;
    }
  self->port = ntohs (address.sin_port);

  address.sin_port = htons (port);
  if (connect (self->fd, (struct sockaddr *)&address, length) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "caller: %s",
                   g_strerror (errno));
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
bench_caller_free (BenchCaller *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_array_unref (self->calls);
  g_free (self->uri);
  g_free (self->user);
  g_free (self);
}

int
bench_caller_get_fd (const BenchCaller *self)
{
  return self->fd;
}

const BenchCallerCounts *
bench_caller_get_counts (const BenchCaller *self)
{
  return &self->counts;
}

void
bench_caller_reset (BenchCaller *self)
{
  self->run++;
  g_array_set_size (self->calls, 0);
  memset (&self->counts, 0, sizeof self->counts);
}

static void
send_invite (BenchCaller *self, guint number)
{
  char message[2048];
  int length = snprintf (
      message, sizeof message,
      "INVITE %s SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=" BRANCH_PREFIX "%08x%08x;rport\r\n"
      "Max-Forwards: 70\r\n"
      "From: \"Erika Mustermann\" <sip:+4930123456@example.net>;tag=f%08x%08x\r\n"
      "To: <sip:%s@example.org>\r\n"
      "Call-ID: %08x%08x@caller.example.net\r\n"
      "CSeq: 1 INVITE\r\n"
      "Contact: <sip:+4930123456@127.0.0.1:%u>\r\n"
      "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
      "User-Agent: deflect-bench\r\n"
      "Content-Type: application/sdp\r\n"
      "Content-Length: %zu\r\n"
      "\r\n"
      "%s",
      self->uri, self->port, self->run, number, self->run, number, self->user, self->run, number,
      self->port, sizeof session_description - 1, session_description);

  /* A full socket buffer loses the datagram as a network would: the repetition is counted. */
  (void)!send (self->fd, message, (size_t)length, 0);
}

/* to is the To of the response, its tag included. */
static void
send_ack (BenchCaller *self, guint number, const char *to, int to_length)
{
  char message[1024];
  int length
      = snprintf (message, sizeof message,
                  "ACK %s SIP/2.0\r\n"
                  "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=" BRANCH_PREFIX "%08x%08x;rport\r\n"
                  "Max-Forwards: 70\r\n"
                  "From: \"Erika Mustermann\" <sip:+4930123456@example.net>;tag=f%08x%08x\r\n"
                  "To:%.*s\r\n"
                  "Call-ID: %08x%08x@caller.example.net\r\n"
                  "CSeq: 1 ACK\r\n"
                  "Content-Length: 0\r\n"
                  "\r\n",
                  self->uri, self->port, self->run, number, self->run, number, to_length, to,
                  self->run, number);

  (void)!send (self->fd, message, (size_t)length, 0);
}

void
bench_caller_offer (BenchCaller *self)
{
  Call call = { .sent = bench_now () };

  g_array_append_val (self->calls, call);
  send_invite (self, self->calls->len - 1);
}

/* Whether the call came to its end with this response. */
static gboolean
handle_response (BenchCaller *self, const char *message, BenchSamples *samples)
{
  const char *branch = strstr (message, BRANCH_PREFIX);
  const char *to = strstr (message, "\r\nTo:");
  guint status = 0, run = 0, number = 0;
  Call *call;

  if (sscanf (message, "SIP/2.0 %u", &status) != 1 || branch == NULL || to == NULL
      || sscanf (branch + strlen (BRANCH_PREFIX), "%8x%8x", &run, &number) != 2 || run != self->run
      || number >= self->calls->len)
    return FALSE;

  call = &g_array_index (self->calls, Call, number);
  call->answered = TRUE;
  if (status < 200)
    {
      self->counts.provisional++;
      self->counts.ringing += status == 180;
      return FALSE;
    }

  to += strlen ("\r\nTo:");
  send_ack (self, number, to, (int)strcspn (to, "\r\n"));
  if (call->ended)
    {
      self->counts.repeated_there++;
      return FALSE;
    }
  call->ended = TRUE;
  if (status < 300 || status > 399)
    {
      self->counts.refused++;
      self->counts.last_refusal = status;
      return TRUE;
    }
  self->counts.final++;
  if (samples != NULL)
    bench_samples_add (samples, (double)(bench_now () - call->sent) / 1000);
  return TRUE;
}

guint
bench_caller_pump (BenchCaller *self, BenchSamples *samples)
{
  char message[4096];
  guint ended = 0;
  gssize length;

  while ((length = recv (self->fd, message, sizeof message - 1, 0)) > 0)
    {
      message[length] = '\0';
      ended += handle_response (self, message, samples);
    }
  return ended;
}

void
bench_caller_repeat (BenchCaller *self)
{
  gint64 now = bench_now ();

  for (guint i = 0; i < self->calls->len; i++)
    {
      Call *call = &g_array_index (self->calls, Call, i);

      if (!call->answered && now - call->sent > REPEAT_AFTER_NS)
        {
          /* The call is measured from its first INVITE; only the repetition waits again. */
          call->answered = TRUE;
          self->counts.repeated_here++;
          send_invite (self, i);
        }
    }
}

double
bench_caller_run (
    BenchCaller *self, guint outstanding, guint calls, BenchSamples *samples, GError **error)
{
  gint64 started = bench_now ();
  gint64 progress = started;
  guint offered = 0;
  guint ended = 0;

  bench_caller_reset (self);
  for (; offered < MIN (outstanding, calls); offered++)
    bench_caller_offer (self);

  while (ended < calls)
    {
      struct pollfd ready = { self->fd, POLLIN, 0 };
      guint now_ended = poll (&ready, 1, 250) > 0 ? bench_caller_pump (self, samples) : 0;

      ended += now_ended;
      for (; now_ended > 0 && offered < calls; now_ended--, offered++)
        bench_caller_offer (self);
      if (ready.revents != 0)
        progress = bench_now ();
      else
        bench_caller_repeat (self);

      if (bench_now () - progress > GIVE_UP_AFTER_NS)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                       "caller: only %u of %u calls ended, then nothing came for 10 s", ended,
                       calls);
          return -1;
        }
    }
  if (self->counts.refused > 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "caller: %u of %u calls were refused, the last one with %u",
                   self->counts.refused, calls, self->counts.last_refusal);
      return -1;
    }
  return calls / ((double)(bench_now () - started) / 1e9);
}
