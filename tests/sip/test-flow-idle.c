/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections to servers on which nothing happens, or none can be made. */

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>

#include "flow-scene.h"

#define SOME_TIME 56 /* seconds */

/* --- Keeping alive --- */

typedef struct
{
  gboolean answers;
  guint n;
  gint64 times[8];
} Pings;

static void
talk_pings (FarEnd *far_end, gpointer data)
{
  Pings *pings = data;
  g_autofree char *request = far_end_read_message (far_end);
  char bytes[4];

  g_assert_nonnull (request);
  while (far_end_read (far_end, bytes, sizeof bytes) == sizeof bytes)
    {
      g_assert_cmpmem (bytes, sizeof bytes, "\r\n\r\n", 4);
      g_assert_cmpuint (pings->n, <, G_N_ELEMENTS (pings->times));
      pings->times[pings->n++] = g_get_monotonic_time ();
      if (pings->answers)
        far_end_write (far_end, "\r\n", 2);
    }
}

static int
on_no_answer (nta_outgoing_magic_t *magic, nta_outgoing_t *request, const sip_t *sip)
{
  nta_outgoing_destroy (request);
  return 0;
}

/* The library counts from the first message that goes through a connection. */
static void
send_something (Stack *stack, DflFlow *flow)
{
  msg_t *msg = nta_msg_create (stack->nta, 0);
  sip_t *sip = sip_object (msg);

  sip_add_tl (msg, sip, SIPTAG_FROM_STR ("<sip:alice@example.org>;tag=1"),
              SIPTAG_TO_STR ("<sip:alice@example.org>"), SIPTAG_CALL_ID_STR ("one@example.org"),
              SIPTAG_CSEQ_STR ("1 OPTIONS"), SIPTAG_MAX_FORWARDS_STR ("70"), TAG_END ());
  sip_header_insert (msg, sip,
                     (sip_header_t *)sip_request_create (msg_home (msg), SIP_METHOD_OPTIONS,
                                                         URL_STRING_MAKE ("sip:example.org"),
                                                         NULL));
  nta_outgoing_mcreate (stack->nta, on_no_answer, NULL, NULL, msg,
                        NTATAG_TPORT (dfl_flow_get_transport (flow)), TAG_END ());
}

/* A hook that the library exports and no header of its declares; the loop has put its own there. */
extern void (*_su_time) (su_time_t *now);
static void (*former_time) (su_time_t *now);
static guint n_looks;

static void
count_look (su_time_t *now)
{
  n_looks++;
  former_time (now);
}

/* Who waits for long is woken late by the kernel; a busy process is not. */
static gboolean
on_busy (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
on_over (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Every 25 seconds, and who does not answer them is kept all the same: many servers do not. */
static void
test_keeping_alive (void)
{
  g_autoptr (Stack) stack = stack_new ();
  Pings pings[] = { { .answers = FALSE }, { .answers = TRUE } };
  FarEndOptions options[] = { usual_server (), { 0 } };
  DflFlowTls tls = usual_tls ();
  FarEnd *far_ends[2];
  DflFlow *flows[2];
  gint64 start = g_get_monotonic_time ();
  gboolean over = FALSE;
  guint busy;

  for (guint i = 0; i < 2; i++)
    {
      options[i].talk = talk_pings;
      options[i].data = &pings[i];
      far_ends[i] = far_end_new (&options[i]);
      flows[i] = open_flow (stack, "127.0.0.1", far_end_get_port (far_ends[i]),
                            i == 0 ? &tls : NULL);
      wait_until_settled (stack);
      send_something (stack, flows[i]);
    }
  former_time = _su_time;
  _su_time = count_look;
  busy = g_timeout_add (20, on_busy, NULL);
  g_timeout_add_seconds (SOME_TIME, on_over, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
  _su_time = former_time;
  g_source_remove (busy);
  /* A timer that looks at the clock until it steps does so tens of thousands of times. */
  g_test_message ("%u looks at the clock", n_looks);
  g_assert_cmpuint (n_looks, <, 20000);
  g_assert_cmpstr (stack->reason, ==, NULL);
  for (guint i = 0; i < 2; i++)
    {
      gint64 before = start;

      g_assert_nonnull (dfl_flow_get_transport (flows[i]));
      dfl_flow_free (flows[i]);
      far_end_free (far_ends[i]);
      g_assert_cmpuint (pings[i].n, ==, 2);
      for (guint k = 0; k < pings[i].n; k++)
        {
          g_assert_cmpint (pings[i].times[k] - before, >, 24 * G_TIME_SPAN_SECOND);
          g_assert_cmpint (pings[i].times[k] - before, <, 27 * G_TIME_SPAN_SECOND);
          before = pings[i].times[k];
        }
    }
}

/* --- No way --- */

/* Its queue is full, so that the kernel lets further connections wait without a word. */
static void
test_no_answer (void)
{
  g_autoptr (Stack) stack = stack_new ();
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t length = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int first = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gint64 start = g_get_monotonic_time ();
  g_autofree char *expected = NULL;
  DflFlow *flow;

  g_assert_cmpint (bind (listener, (struct sockaddr *)&address, length), ==, 0);
  g_assert_cmpint (listen (listener, 0), ==, 0);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *)&address, &length), ==, 0);
  g_assert_cmpint (connect (first, (struct sockaddr *)&address, length), ==, 0);
  flow = open_flow (stack, "127.0.0.1", ntohs (address.sin_port), NULL);
  wait_until_settled (stack);
  expected = g_strdup_printf ("no answer from 127.0.0.1:%u", ntohs (address.sin_port));
  g_assert_cmpstr (stack->reason, ==, expected);
  g_assert_cmpint (g_get_monotonic_time () - start, >, 7 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_TIME_SPAN_SECOND);
  dfl_flow_free (flow);
  close (first);
  close (listener);
}

static void
write_text (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  close (fd);
}

/* In a network of its own, whose loopback is down. */
static void
enter_nowhere (void)
{
  g_autofree char *uids = g_strdup_printf ("0 %u 1", getuid ());
  g_autofree char *gids = g_strdup_printf ("0 %u 1", getgid ());

  if (geteuid () != 0)
    {
      g_assert_cmpint (unshare (CLONE_NEWUSER), ==, 0);
      write_text ("/proc/self/setgroups", "deny");
      write_text ("/proc/self/uid_map", uids);
      write_text ("/proc/self/gid_map", gids);
    }
  g_assert_cmpint (unshare (CLONE_NEWNET), ==, 0);
}

/* It may come up later than we do. */
static void
test_no_loopback (void)
{
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 20 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }
  enter_nowhere ();
  {
    g_autoptr (Stack) stack = stack_new ();
    FarEndOptions options = { 0 };
    g_autoptr (FarEnd) far_end = far_end_new (&options);
    guint16 port = far_end_get_port (far_end);
    g_autofree char *expected = g_strdup_printf ("there is no way to 127.0.0.1:%u; see the network "
                                                 "of this machine",
                                                 port);
    DflFlow *flow = open_flow (stack, "127.0.0.1", port, NULL);

    wait_until_settled (stack);
    g_assert_cmpstr (stack->reason, ==, expected);
    dfl_flow_free (flow);

    g_assert_true (g_spawn_command_line_sync ("ip link set lo up", NULL, NULL, NULL, NULL));
    flow = open_flow (stack, "127.0.0.1", port, NULL);
    wait_until_settled (stack);
    g_assert_cmpuint (stack->n_ready, ==, 1);
    dfl_flow_free (flow);
  }
}

int
main (int argc, char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/flow-idle/no-loopback", test_no_loopback);
  flow_certificates_new ();
  g_test_add_func ("/flow-idle/keeping-alive", test_keeping_alive);
  g_test_add_func ("/flow-idle/no-answer", test_no_answer);
  result = g_test_run ();
  flow_certificates_free ();
  return result;
}
