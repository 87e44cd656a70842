/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections to servers: the real relay and the real stack, with good and bad servers at the far
 * end. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

#include "flow-scene.h"

/* --- Requests out --- */

static int
on_answer (nta_outgoing_magic_t *magic, nta_outgoing_t *request, const sip_t *sip)
{
  Stack *self = (Stack *)magic;

  self->status = nta_outgoing_status (request);
  if (self->status >= 200)
    nta_outgoing_destroy (request);
  return 0;
}

/* A REGISTER as the registration makes it: a message of its own, by this transport alone. */
static void
send_register (Stack *self, DflFlow *flow, const char *via)
{
  msg_t *msg = nta_msg_create (self->nta, 0);
  sip_t *sip = sip_object (msg);

  sip_add_tl (msg, sip, SIPTAG_FROM_STR ("<sip:alice@example.org>;tag=1"),
              SIPTAG_TO_STR ("<sip:alice@example.org>"), SIPTAG_CALL_ID_STR ("one@example.org"),
              SIPTAG_CSEQ_STR ("1 REGISTER"), SIPTAG_MAX_FORWARDS_STR ("70"),
              TAG_IF (via != NULL, SIPTAG_VIA_STR (via)), SIPTAG_CONTENT_LENGTH_STR ("0"),
              TAG_END ());
  sip_header_insert (msg, sip,
                     (sip_header_t *)sip_request_create (msg_home (msg), SIP_METHOD_REGISTER,
                                                         URL_STRING_MAKE ("sip:example.org"),
                                                         NULL));
  self->status = 0;
  g_assert_nonnull (nta_outgoing_mcreate (self->nta, on_answer, (nta_outgoing_magic_t *)self, NULL,
                                          msg, TAG_IF (via != NULL, NTATAG_USER_VIA (1)),
                                          NTATAG_TPORT (dfl_flow_get_transport (flow)),
                                          TAG_END ()));
  while (self->status < 200)
    g_main_context_iteration (NULL, TRUE);
}

static char *
dup_line (const char *message, const char *name)
{
  g_auto (GStrv) lines = g_strsplit (message, "\r\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], name) && lines[i][strlen (name)] == ':')
      return g_strdup (lines[i] + strlen (name) + 2);
  return g_strdup ("");
}

/* Answers 200 to one request, keeps the Via, and closes at once where data says so. */
typedef struct
{
  char *via;
  gboolean closes;
} Registrar;

static void
talk_registrar (FarEnd *far_end, gpointer data)
{
  Registrar *registrar = data;
  g_autofree char *request = far_end_read_message (far_end);

  while (request != NULL)
    {
      g_autofree char *cseq = dup_line (request, "CSeq");
      g_autofree char *answer = NULL;

      g_free (registrar->via);
      registrar->via = dup_line (request, "Via");
      answer
          = g_strdup_printf ("SIP/2.0 200 OK\r\nVia: %s\r\nFrom: <sip:alice@example.org>;tag=1\r\n"
                             "To: <sip:alice@example.org>;tag=2\r\nCall-ID: one@example.org\r\n"
                             "CSeq: %s\r\nContent-Length: 0\r\n\r\n",
                             registrar->via, cseq);
      g_assert_true (far_end_write (far_end, answer, strlen (answer)));
      if (registrar->closes)
        return;
      g_clear_pointer (&request, g_free);
      request = far_end_read_message (far_end);
    }
}

static void
assert_register (gboolean secure, gboolean own_via)
{
  g_autoptr (Stack) stack = stack_new ();
  Registrar registrar = { 0 };
  FarEndOptions options = secure ? usual_server () : (FarEndOptions){ 0 };
  DflFlowTls tls = usual_tls ();
  FarEnd *far_end;
  DflFlow *flow;
  g_autofree char *expected = NULL;
  g_autofree char *via = NULL;

  options.talk = talk_registrar;
  options.data = &registrar;
  far_end = far_end_new (&options);
  flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), secure ? &tls : NULL);
  assert_ready (stack);
  if (own_via)
    via = g_strdup_printf ("SIP/2.0/%s %s;rport;branch=z9hG4bKabcdefgh", secure ? "TLS" : "TCP",
                           dfl_flow_get_local (flow));
  send_register (stack, flow, via);
  g_assert_cmpint (stack->status, ==, 200);
  dfl_flow_free (flow);
  far_end_free (far_end);

  expected = g_strdup_printf ("SIP/2.0/%s 127.0.0.1:", secure ? "TLS" : "TCP");
  g_assert_true (g_str_has_prefix (registrar.via, expected));
  if (own_via)
    g_assert_cmpstr (registrar.via, ==, via);
  g_free (registrar.via);
}

static void
test_register_tcp (void)
{
  assert_register (FALSE, FALSE);
  assert_register (FALSE, TRUE);
}

static void
test_register_tls (void)
{
  assert_register (TRUE, FALSE);
  assert_register (TRUE, TRUE);
}

static void
test_register_six (void)
{
  g_autoptr (Stack) stack = stack_new ();
  Registrar registrar = { 0 };
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();
  FarEnd *far_end;
  DflFlow *flow;
  g_autofree char *expected = NULL;

  options.six = TRUE;
  options.talk = talk_registrar;
  options.data = &registrar;
  far_end = far_end_new (&options);
  flow = open_flow (stack, "::1", far_end_get_port (far_end), &tls);
  assert_ready (stack);
  g_assert_true (g_str_has_prefix (dfl_flow_get_local (flow), "[::1]:"));
  expected = g_strdup_printf ("SIP/2.0/TLS %s;", dfl_flow_get_local (flow));
  send_register (stack, flow, NULL);
  g_assert_cmpint (stack->status, ==, 200);
  dfl_flow_free (flow);
  far_end_free (far_end);
  g_assert_true (g_str_has_prefix (registrar.via, expected));
  g_free (registrar.via);
}

/* The answer counts, although the connection ends behind it. */
static void
test_answer_and_close (void)
{
  g_autoptr (Stack) stack = stack_new ();
  Registrar registrar = { .closes = TRUE };
  FarEndOptions options = { .talk = talk_registrar, .data = &registrar };
  g_autoptr (FarEnd) far_end = far_end_new (&options);
  DflFlow *flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), NULL);
  g_autofree char *expected = NULL;

  assert_ready (stack);
  send_register (stack, flow, NULL);
  g_assert_cmpint (stack->status, ==, 200);
  wait_until_closed (stack);
  g_assert_cmpint (stack->status_when_closed, ==, 200);
  expected = g_strdup_printf ("127.0.0.1:%u closed the connection", far_end_get_port (far_end));
  g_assert_cmpstr (stack->reason, ==, expected);
  dfl_flow_free (flow);
  g_free (registrar.via);
}

/* --- Requests in --- */

static void
talk_caller (FarEnd *far_end, gpointer data)
{
  char **answer = data;
  const char *invite = "INVITE sip:token@127.0.0.1 SIP/2.0\r\n"
                       "Via: SIP/2.0/TLS proxy.example.org;branch=z9hG4bKabcdefgh\r\n"
                       "From: <sip:bob@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\n"
                       "Call-ID: two@example.org\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
                       "Contact: <sip:bob@192.0.2.1>\r\nContent-Length: 0\r\n\r\n";

  g_assert_true (far_end_write (far_end, invite, strlen (invite)));
  do
    {
      g_free (*answer);
      *answer = far_end_read_message (far_end);
  } while (*answer != NULL && g_str_has_prefix (*answer, "SIP/2.0 1"));
}

static void
test_invite (void)
{
  g_autoptr (Stack) stack = stack_new ();
  g_autofree char *answer = NULL;
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();
  FarEnd *far_end;
  DflFlow *flow;

  options.talk = talk_caller;
  options.data = &answer;
  far_end = far_end_new (&options);
  flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
  while (stack->incoming == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (stack->method, ==, "INVITE");
  nta_incoming_treply (stack->incoming, SIP_302_MOVED_TEMPORARILY,
                       SIPTAG_CONTACT_STR ("<sip:mobile@example.org>"), TAG_END ());
  wait_until_closed (stack);
  dfl_flow_free (flow);
  far_end_free (far_end);
  g_assert_true (g_str_has_prefix (answer, "SIP/2.0 302 "));
}

/* A socket that listens on a port of 127.0.0.1, 0 for any; -1 where it is taken. */
static int
listen_on (guint16 port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr = { htonl (INADDR_LOOPBACK) },
                                 .sin_port = htons (port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int one = 1;

  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind (fd, (struct sockaddr *)&address, sizeof address) == 0 && listen (fd, 8) == 0)
    return fd;
  close (fd);
  return -1;
}

static void
talk_invite_only (FarEnd *far_end, gpointer data)
{
  g_assert_true (far_end_write (far_end, data, strlen (data)));
  while (far_end_read (far_end, (char[512]){ 0 }, 512) > 0)
    ;
}

static gboolean
on_enough (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

/* What is answered when the flow is gone reaches nobody: not whoever takes the relay's port, for
 * nobody can, and not whom the Via names. */
static void
test_answer_too_late (void)
{
  g_autoptr (Stack) stack = stack_new ();
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();
  int named = listen_on (0);
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  g_autofree char *invite = NULL;
  FarEnd *far_end;
  DflFlow *flow;
  guint16 port;
  guint before;
  gboolean enough = FALSE;

  g_assert_cmpint (getsockname (named, (struct sockaddr *)&address, &length), ==, 0);
  invite = g_strdup_printf ("INVITE sip:token@127.0.0.1 SIP/2.0\r\n"
                            "Via: SIP/2.0/TLS 127.0.0.1:%u;branch=z9hG4bKabcdefgh\r\n"
                            "From: <sip:bob@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\n"
                            "Call-ID: two@example.org\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
                            "Contact: <sip:bob@192.0.2.1>\r\nContent-Length: 0\r\n\r\n",
                            ntohs (address.sin_port));
  options.talk = talk_invite_only;
  options.data = invite;
  far_end = far_end_new (&options);
  flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
  while (stack->incoming == NULL)
    g_main_context_iteration (NULL, TRUE);
  port = (guint16)atoi (tport_name (dfl_flow_get_transport (flow))->tpn_port);
  dfl_flow_free (flow);
  for (guint i = 0; i < 100; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (listen_on (port), ==, -1);
    }
  far_end_free (far_end);

  /* The port is kept for as long as somebody might answer, and no longer. */
  before = count_descriptors ();
  g_timeout_add (5000, on_enough, &enough);
  while (!enough)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (count_descriptors (), ==, before);

  nta_incoming_treply (stack->incoming, SIP_302_MOVED_TEMPORARILY,
                       SIPTAG_CONTACT_STR ("<sip:mobile@example.org>"), TAG_END ());
  for (guint i = 0; i < 100; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (accept (named, NULL, NULL), ==, -1);
      g_assert_cmpint (listen_on (port), ==, -1);
    }

  if (stack->incoming != NULL)
    nta_incoming_destroy (g_steal_pointer (&stack->incoming));
  while (count_descriptors () >= before)
    g_main_context_iteration (NULL, TRUE);
  close (named);
}

/* --- Bad servers --- */

static void
test_refused (void)
{
  g_autoptr (Stack) stack = stack_new ();
  FarEndOptions options = { 0 };
  FarEnd *far_end = far_end_new (&options);
  guint16 port = far_end_get_port (far_end);
  g_autofree char *expected = g_strdup_printf ("127.0.0.1:%u refused the connection", port);
  DflFlow *flow;

  far_end_free (far_end);
  flow = open_flow (stack, "127.0.0.1", port, NULL);
  wait_until_settled (stack);
  g_assert_cmpstr (stack->reason, ==, expected);
  dfl_flow_free (flow);
}

static void
test_unreachable (void)
{
  g_autoptr (Stack) stack = stack_new ();
  DflFlow *flow = open_flow (stack, "255.255.255.255", 5060, NULL);

  wait_until_settled (stack);
  g_assert_cmpstr (stack->reason, ==,
                   "there is no way to 255.255.255.255:5060; see the network of this machine");
  dfl_flow_free (flow);
}

static void
talk_deaf (FarEnd *far_end, gpointer data)
{
  GMutex *mutex = data;

  g_mutex_lock (mutex);
  g_mutex_unlock (mutex);
}

static int
on_answer_ignored (nta_outgoing_magic_t *magic, nta_outgoing_t *request, const sip_t *sip)
{
  if (nta_outgoing_status (request) >= 200)
    nta_outgoing_destroy (request);
  return 0;
}

/* It accepts the connection and then takes nothing, so that its window fills. */
static void
test_deaf (void)
{
  g_autoptr (Stack) stack = stack_new ();
  g_autofree char *long_text = g_strnfill (60000, 'x');
  GMutex mutex;
  FarEndOptions options = { .talk = talk_deaf, .data = &mutex };
  FarEnd *far_end = far_end_new (&options);
  DflFlow *flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), NULL);
  g_autofree char *expected = g_strdup_printf ("127.0.0.1:%u takes nothing any more",
                                               far_end_get_port (far_end));
  gint64 start = g_get_monotonic_time ();

  g_mutex_init (&mutex);
  g_mutex_lock (&mutex);
  assert_ready (stack);
  for (guint i = 0; stack->n_closed == 0; i++)
    {
      tport_t *transport = dfl_flow_get_transport (flow);

      if (i < 200 && transport != NULL)
        {
          msg_t *msg = nta_msg_create (stack->nta, 0);
          sip_t *sip = sip_object (msg);

          sip_add_tl (msg, sip, SIPTAG_FROM_STR ("<sip:alice@example.org>;tag=1"),
                      SIPTAG_TO_STR ("<sip:alice@example.org>"),
                      SIPTAG_CALL_ID_STR ("one@example.org"), SIPTAG_CSEQ_STR ("1 OPTIONS"),
                      SIPTAG_MAX_FORWARDS_STR ("70"), SIPTAG_SUBJECT_STR (long_text), TAG_END ());
          sip_header_insert (msg, sip,
                             (sip_header_t *)
                                 sip_request_create (msg_home (msg), SIP_METHOD_OPTIONS,
                                                     URL_STRING_MAKE ("sip:example.org"), NULL));
          nta_outgoing_mcreate (stack->nta, on_answer_ignored, NULL, NULL, msg,
                                NTATAG_TPORT (transport), TAG_END ());
          for (guint k = 0; k < 20; k++)
            g_main_context_iteration (NULL, FALSE);
        }
      else
        g_main_context_iteration (NULL, TRUE);
    }
  g_assert_cmpstr (stack->reason, ==, expected);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 60 * G_TIME_SPAN_SECOND);
  dfl_flow_free (flow);
  g_mutex_unlock (&mutex);
  far_end_free (far_end);
  g_mutex_clear (&mutex);
}

/* --- Life --- */

static void
settle (void)
{
  for (guint i = 0; i < 1000 && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

/* Found by its relay's address, and by nobody else's. */
static void
test_find (void)
{
  g_autoptr (Stack) stack = stack_new ();
  FarEndOptions options = { 0 };
  g_autoptr (FarEnd) far_end = far_end_new (&options);
  DflFlow *flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), NULL);
  struct sockaddr_in peer;
  const tp_name_t *name;

  assert_ready (stack);
  name = tport_name (dfl_flow_get_transport (flow));
  g_assert_cmpstr (name->tpn_host, ==, "127.0.0.1");
  g_assert_cmpint (inet_pton (AF_INET, name->tpn_host, &peer.sin_addr), ==, 1);
  peer.sin_family = AF_INET;
  peer.sin_port = htons ((guint16)atoi (name->tpn_port));
  g_assert_true (dfl_flows_find (stack->flows, (struct sockaddr *)&peer) == flow);
  peer.sin_port = htons (dfl_flows_get_port (stack->flows));
  g_assert_null (dfl_flows_find (stack->flows, (struct sockaddr *)&peer));
  peer.sin_port = htons ((guint16)atoi (name->tpn_port));
  peer.sin_addr.s_addr = htonl (INADDR_LOOPBACK + 1);
  g_assert_null (dfl_flows_find (stack->flows, (struct sockaddr *)&peer));
  peer.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_true (g_str_has_prefix (dfl_flow_get_local (flow), "127.0.0.1:"));
  dfl_flow_free (flow);
  g_assert_null (dfl_flows_find (stack->flows, (struct sockaddr *)&peer));
}

/* Other transports are looked for past that of the relays. */
static void
test_other_transports (void)
{
  g_autoptr (Stack) stack = stack_new ();
  tp_name_t later = { .tpn_proto = "tcp", .tpn_ident = "later" };

  g_assert_null (tport_primary_by_name (nta_agent_tports (stack->nta), &later));
  g_assert_cmpint (nta_agent_add_tport (stack->nta,
                                        URL_STRING_MAKE ("sip:127.0.0.1:*;transport=tcp"),
                                        TPTAG_IDENT ("later"), TAG_END ()),
                   ==, 0);
  g_assert_nonnull (tport_primary_by_name (nta_agent_tports (stack->nta), &later));
}

/* After any number of turns of the loop, at every one of which it is in another state. */
static void
test_free_at_any_moment (void)
{
  g_autoptr (Stack) stack = stack_new ();
  FarEndOptions options = usual_server ();
  g_autoptr (FarEnd) far_end = far_end_new (&options);
  DflFlowTls tls = usual_tls ();
  guint before;

  for (guint machine = 0; machine < 2; machine++)
    for (guint turns = 0; turns < 60; turns++)
      {
        DflFlow *flow;

        tls.ca = machine != 0 ? NULL : certificate_get_pem (flow_authority);
        flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
        for (guint i = 0; i < turns / 2; i++)
          g_main_context_iteration (NULL, FALSE);
        if (turns % 2 == 1)
          g_usleep (turns * 100);
        stack->n_ready = stack->n_closed = 0;
        dfl_flow_free (flow);
        before = stack->n_ready + stack->n_closed;
        settle ();
        g_assert_cmpuint (stack->n_ready + stack->n_closed, ==, before);
      }
}

static void
on_ready_free (DflFlow *flow, gpointer data)
{
  Stack *self = data;

  self->n_ready++;
  dfl_flow_free (flow);
}

static void
on_closed_free (DflFlow *flow, const char *reason, gpointer data)
{
  Stack *self = data;

  self->n_closed++;
  dfl_flow_free (flow);
  g_assert_cmpuint (strlen (reason), >, 0);
}

/* Flows that are made, fail, and are freed from within leave nothing behind. */
static void
test_churn (void)
{
  static const DflFlowListener frees = { .ready = on_ready_free, .closed = on_closed_free };
  g_autoptr (Stack) stack = stack_new ();
  FarEndOptions options = usual_server ();
  g_autoptr (FarEnd) far_end = far_end_new (&options);
  DflFlowTls tls = usual_tls ();
  g_autoptr (GInetSocketAddress) address = G_INET_SOCKET_ADDRESS (
      g_inet_socket_address_new_from_string ("127.0.0.1", far_end_get_port (far_end)));
  g_autoptr (DflHop) tls_hop = dfl_hop_new (DFL_TRANSPORT_TLS, address);
  g_autoptr (DflHop) tcp_hop = dfl_hop_new (DFL_TRANSPORT_TCP, address);
  guint rounds = g_test_slow () ? 1000 : 200;
  guint before = 0;

  for (guint i = 0; i < rounds; i++)
    {
      tls.identity = i % 2 == 0 ? "example.org" : "other.example";
      dfl_flow_new (stack->flows, i % 3 == 0 ? tcp_hop : tls_hop, i % 3 == 0 ? NULL : &tls, &frees,
                    stack);
      wait_until_settled (stack);
      if (i == 10)
        before = count_descriptors ();
    }
  settle ();
  g_assert_cmpuint (stack->n_ready + stack->n_closed, ==, rounds);
  g_assert_cmpuint (stack->n_closed, >, rounds / 4);
  /* The ports that are kept for transactions are given back in time. */
  while (count_descriptors () > before)
    g_main_context_iteration (NULL, TRUE);
}

int
main (int argc, char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);
  flow_certificates_new ();
  g_test_add_func ("/flow/register/tcp", test_register_tcp);
  g_test_add_func ("/flow/register/tls", test_register_tls);
  g_test_add_func ("/flow/register/six", test_register_six);
  g_test_add_func ("/flow/answer-and-close", test_answer_and_close);
  g_test_add_func ("/flow/invite", test_invite);
  g_test_add_func ("/flow/answer-too-late", test_answer_too_late);
  g_test_add_func ("/flow/refused", test_refused);
  g_test_add_func ("/flow/unreachable", test_unreachable);
  g_test_add_func ("/flow/deaf", test_deaf);
  g_test_add_func ("/flow/find", test_find);
  g_test_add_func ("/flow/other-transports", test_other_transports);
  g_test_add_func ("/flow/free-at-any-moment", test_free_at_any_moment);
  g_test_add_func ("/flow/churn", test_churn);
  result = g_test_run ();
  flow_certificates_free ();
  return result;
}
