/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections to servers: the real relay and the real stack, with good and bad servers at the far
 * end. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

#include "sip/flow.h"
#include "sip/loop.h"
#include "stage/certificates.h"

#include "far-end.h"

typedef struct
{
  DflSipLoop *loop;
  nta_agent_t *nta;
  DflFlows *flows;

  guint n_ready, n_closed;
  char *reason;
  int status; /* of the last answer */
  int status_when_closed;
  char *method;
  nta_incoming_t *incoming;
} Stack;

static int
on_incoming (nta_incoming_magic_t *magic, nta_incoming_t *incoming, const sip_t *sip)
{
  Stack *stack = (Stack *)magic;

  nta_incoming_destroy (g_steal_pointer (&stack->incoming));
  return 0;
}

static int
on_message (nta_agent_magic_t *magic, nta_agent_t *nta, msg_t *msg, sip_t *sip)
{
  Stack *stack = (Stack *)magic;

  if (sip->sip_request == NULL || sip->sip_request->rq_method == sip_method_ack)
    {
      nta_msg_discard (nta, msg);
      return 0;
    }
  g_free (stack->method);
  stack->method = g_strdup (sip->sip_request->rq_method_name);
  stack->incoming = nta_incoming_create (nta, NULL, msg, sip, TAG_END ());
  nta_incoming_bind (stack->incoming, on_incoming, (nta_incoming_magic_t *)stack);
  return 0;
}

static Stack *
stack_new (void)
{
  Stack *self = g_new0 (Stack, 1);
  g_autoptr (GError) error = NULL;

  self->loop = dfl_sip_loop_ref ();
  self->nta = nta_agent_create (dfl_sip_loop_get_root (self->loop), (url_string_t *)-1, on_message,
                                (nta_agent_magic_t *)self, NTATAG_UA (1), NTATAG_MERGE_482 (0),
                                NTATAG_SERVER_RPORT (1), NTATAG_SIP_T1 (50),
                                NTATAG_SIP_T1X64 (3200), NTATAG_SIP_T4 (500), TAG_END ());
  g_assert_cmpint (nta_agent_add_tport (self->nta,
                                        URL_STRING_MAKE ("sip:127.0.0.1:*;transport=udp"),
                                        TAG_END ()),
                   ==, 0);
  g_assert_cmpint (nta_agent_add_tport (self->nta,
                                        URL_STRING_MAKE ("sip:127.0.0.1:*;transport=tcp"),
                                        TAG_END ()),
                   ==, 0);
  self->flows = dfl_flows_new (self->nta, &error);
  g_assert_no_error (error);
  return self;
}

static void
stack_free (Stack *self)
{
  if (self->incoming != NULL)
    nta_incoming_destroy (self->incoming);
  dfl_flows_free (self->flows);
  nta_agent_destroy (self->nta);
  dfl_sip_loop_unref (self->loop);
  g_free (self->reason);
  g_free (self->method);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stack, stack_free)

static void
on_ready (DflFlow *flow, gpointer data)
{
  Stack *self = data;

  g_assert_true (dfl_flow_get_data (flow) == data);
  g_assert_nonnull (dfl_flow_get_transport (flow));
  self->n_ready++;
}

static void
on_closed (DflFlow *flow, const char *reason, gpointer data)
{
  Stack *self = data;

  g_assert_null (dfl_flow_get_transport (flow));
  self->n_closed++;
  self->status_when_closed = self->status;
  g_free (self->reason);
  self->reason = g_strdup (reason);
}

static const DflFlowListener listener = { .ready = on_ready, .closed = on_closed };

static DflFlow *
open_flow (Stack *self, const char *host, guint16 port, const DflFlowTls *tls)
{
  g_autoptr (GInetSocketAddress) address = G_INET_SOCKET_ADDRESS (
      g_inet_socket_address_new_from_string (host, port));
  g_autoptr (DflHop) hop = dfl_hop_new (tls != NULL ? DFL_TRANSPORT_TLS : DFL_TRANSPORT_TCP,
                                        address);

  return dfl_flow_new (self->flows, hop, tls, &listener, self);
}

static void
wait_until_settled (Stack *self)
{
  guint before = self->n_ready + self->n_closed;

  while (self->n_ready + self->n_closed == before)
    g_main_context_iteration (NULL, TRUE);
}

static void
assert_ready (Stack *self)
{
  wait_until_settled (self);
  g_assert_cmpstr (self->reason, ==, NULL);
  g_assert_cmpuint (self->n_ready, ==, 1);
}

static void
wait_until_closed (Stack *self)
{
  while (self->n_closed == 0)
    g_main_context_iteration (NULL, TRUE);
}

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

static Certificate *authority, *server; /* for example.org */

static DflFlowTls
usual_tls (void)
{
  DflFlowTls tls = { .verify = TRUE,
                     .identity = "example.org",
                     .ca = certificate_get_pem (authority) };

  return tls;
}

static FarEndOptions
usual_server (void)
{
  FarEndOptions options = { .certificate = certificate_get_pem (server),
                            .key = certificate_get_key (server) };

  return options;
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

static guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint count = 0;

  while (g_dir_read_name (dir) != NULL)
    count++;
  return count;
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

/* --- What is refused --- */

static gboolean
on_too_long (gpointer data)
{
  g_error ("The flow that should be refused is not");
  return G_SOURCE_REMOVE;
}

/* reason: NULL where it becomes ready; %s is the server's address and port. */
static void
assert_flow (const FarEndOptions *options, const DflFlowTls *tls, const char *reason)
{
  g_autoptr (Stack) stack = stack_new ();
  FarEnd *far_end = far_end_new (options);
  DflFlow *flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), tls);
  guint limit = g_timeout_add_seconds (12, on_too_long, NULL);

  while (stack->n_closed == 0 && (reason != NULL || stack->n_ready == 0))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (limit);
  if (reason != NULL)
    {
      g_autofree char *name = g_strdup_printf ("127.0.0.1:%u", far_end_get_port (far_end));
      g_autofree char *expected = g_strdup_printf (reason, name);

      g_assert_cmpstr (stack->reason, ==, expected);
    }
  else
    g_assert_cmpstr (stack->reason, ==, NULL);
  dfl_flow_free (flow);
  far_end_free (far_end);
}

static char *
dup_day (int days)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GDateTime) day = g_date_time_add_days (now, days);

  return g_date_time_format (day, "%Y-%m-%d");
}

static void
assert_judgement (const CertificateWish *wish, const DflFlowTls *changed, const char *reason)
{
  CertificateWish copy = *wish;
  g_autoptr (Certificate) certificate = NULL;
  DflFlowTls tls = changed != NULL ? *changed : usual_tls ();
  FarEndOptions options = { 0 };

  if (copy.issuer == NULL)
    copy.issuer = authority;
  certificate = certificate_new (&copy);
  options.certificate = certificate_get_pem (certificate);
  options.key = certificate_get_key (certificate);
  assert_flow (&options, &tls, reason);
}

static void
test_names (void)
{
  DflFlowTls wildcard = usual_tls ();
  DflFlowTls address = usual_tls ();
  DflFlowTls other_address = usual_tls ();

  wildcard.wildcard = TRUE;
  wildcard.identity = "sip.example.org";
  address.identity = "[2001:db8::1]";
  other_address.identity = "192.0.2.7";

  assert_judgement (&(CertificateWish){ .dns = { "example.org" } }, NULL, NULL);
  assert_judgement (&(CertificateWish){ .uris = { "sip:example.org" } }, NULL, NULL);
  assert_judgement (&(CertificateWish){ .common_name = "example.org" }, NULL, NULL);
  assert_judgement (&(CertificateWish){ .address = "2001:db8::1" }, &address, NULL);
  assert_judgement (&(CertificateWish){ .dns = { "*.example.org" } }, &wildcard, NULL);
  assert_judgement (&(CertificateWish){ .dns = { "other.example" } }, NULL,
                    "the certificate of the server is for other.example, expected example.org");
  assert_judgement (&(CertificateWish){ .dns = { "a.example", "b.example", "c.example",
                                                 "d.example" },
                                        .common_name = "example.org" },
                    NULL,
                    "the certificate of the server is for a.example, b.example, c.example and 1 "
                    "more, expected example.org");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" } }, &other_address,
                    "the certificate of the server is for example.org, expected 192.0.2.7");
  wildcard.wildcard = FALSE;
  assert_judgement (&(CertificateWish){ .dns = { "*.example.org" } }, &wildcard,
                    "the certificate of the server is for *.example.org, expected sip.example.org; "
                    "tls-wildcard=true takes it");
}

static void
test_chains (void)
{
  g_autoptr (Certificate) alone = certificate_new (
      &(CertificateWish){ .common_name = "example.org", .dns = { "example.org" } });
  g_autoptr (Certificate) stranger = certificate_new (
      &(CertificateWish){ .common_name = "Stranger\xe2\x80\xae\x1b[31m", .authority = TRUE });
  g_autofree char *yesterday = dup_day (-2);
  g_autofree char *tomorrow = dup_day (2);
  g_autofree char *expired = g_strdup_printf ("the certificate of the server has expired on %s",
                                              yesterday);
  g_autofree char *early
      = g_strdup_printf ("the certificate of the server is not valid before %s; see that the clock "
                         "of this machine is right",
                         tomorrow);
  FarEndOptions options = { .certificate = certificate_get_pem (alone),
                            .key = certificate_get_key (alone) };
  DflFlowTls tls = usual_tls ();

  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .from = -9, .until = -2 }, NULL,
                    expired);
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .from = 2, .until = 9 }, NULL,
                    early);
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .issuer = stranger }, NULL,
                    "the certificate of the server is signed by an authority that this machine "
                    "does not trust (Stranger[31m); name it in tls-ca=");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .weak = TRUE }, NULL,
                    "the certificate of the server, or one that signed it, uses a key or a hash "
                    "that is too weak");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .purpose = "1.3.6.1.5.5.7.3.2" },
                    NULL, "the certificate of the server may not be used by a server");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .purpose = "1.3.6.1.5.5.7.3.20" },
                    NULL, NULL);

  assert_flow (&options, &tls,
               "the certificate of the server is signed by itself alone; if it is the right one, "
               "name it in tls-ca=");
  tls.ca = certificate_get_pem (alone);
  assert_flow (&options, &tls, NULL);
  tls.ca = NULL; /* the machine's */
  assert_flow (&options, &tls,
               "the certificate of the server is signed by itself alone; if it is the right one, "
               "name it in tls-ca=");
  tls.verify = FALSE;
  assert_flow (&options, &tls, NULL);
  tls.verify = TRUE;
  tls.ca = "nothing";
  assert_flow (&options, &tls, "tls-ca= holds no certificate that can be read; give it in PEM");
}

/* What the server sends along counts as well. */
static void
test_intermediates (void)
{
  g_autoptr (Certificate) good = certificate_new (
      &(CertificateWish){ .common_name = "Between", .authority = TRUE, .issuer = authority });
  g_autoptr (Certificate) old = certificate_new (&(CertificateWish){
      .common_name = "Old", .authority = TRUE, .issuer = authority, .from = -9, .until = -2 });
  g_autoptr (Certificate) no_authority = certificate_new (
      &(CertificateWish){ .common_name = "None", .issuer = authority });
  g_autofree char *day = dup_day (-2);
  g_autofree char *expired = g_strdup_printf (
      "an authority that signed the certificate of the server has expired on %s", day);
  struct
  {
    Certificate *issuer;
    const char *reason;
  } table[] = {
    { good, NULL },
    { old, expired },
    { no_authority,
      "the certificate of the server is signed by one that may not sign others (None)" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (Certificate) leaf = certificate_new (
          &(CertificateWish){ .dns = { "example.org" }, .issuer = table[i].issuer });
      g_autofree char *chain = g_strconcat (certificate_get_pem (leaf),
                                            certificate_get_pem (table[i].issuer), NULL);
      FarEndOptions options = { .certificate = chain, .key = certificate_get_key (leaf) };
      DflFlowTls tls = usual_tls ();

      assert_flow (&options, &tls, table[i].reason);
    }
}

static void
test_asked_for (void)
{
  const char *identities[] = { "example.org", "127.0.0.1" };

  for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
    for (guint verify = 0; verify < 2; verify++)
      {
        g_autoptr (Certificate) certificate = certificate_new (&(CertificateWish){
            .dns = { "example.org" }, .address = "127.0.0.1", .issuer = authority });
        g_autoptr (Stack) stack = stack_new ();
        FarEndOptions options = { .certificate = certificate_get_pem (certificate),
                                  .key = certificate_get_key (certificate) };
        DflFlowTls tls = usual_tls ();
        FarEnd *far_end = far_end_new (&options);
        g_autofree char *asked_for = NULL;
        DflFlow *flow;

        tls.verify = verify != 0;
        tls.identity = identities[i];
        flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
        assert_ready (stack);
        asked_for = far_end_dup_asked_for (far_end);
        g_assert_cmpstr (asked_for, ==, i == 0 ? "example.org" : NULL);
        dfl_flow_free (flow);
        far_end_free (far_end);
      }
}

static void
test_own_certificate (void)
{
  g_autoptr (Certificate) own = certificate_new (
      &(CertificateWish){ .common_name = "alice", .issuer = authority });
  const char *versions[] = { "NORMAL:-VERS-TLS1.3", "NORMAL" };

  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      FarEndOptions options = usual_server ();
      DflFlowTls tls = usual_tls ();
      FarEnd *far_end;
      g_autoptr (Stack) stack = stack_new ();
      DflFlow *flow;

      options.priorities = versions[i];
      options.demand = TRUE;
      assert_flow (&options, &tls,
                   "%s wants a certificate of ours; give one in tls-certificate= and tls-key=");

      tls.certificate = certificate_get_pem (own);
      tls.key = certificate_get_key (own);
      far_end = far_end_new (&options);
      flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
      assert_ready (stack);
      g_assert_cmpuint (far_end_get_n_certificates (far_end), ==, 1);
      dfl_flow_free (flow);
      far_end_free (far_end);

      tls.key = certificate_get_key (server);
      assert_flow (&options, &tls, "tls-key= is not the key of tls-certificate=");
      tls.key = NULL;
      assert_flow (&options, &tls, "tls-certificate= needs tls-key= beside it");
      tls.key = "nothing";
      assert_flow (&options, &tls, "tls-key= cannot be read; give it in PEM, without a password");
      tls.certificate = "nothing";
      assert_flow (&options, &tls, "tls-certificate= cannot be read; give it in PEM");
    }
}

/* --- Bad servers --- */

static void
test_old_versions (void)
{
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();

  options.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:+SHA1:%COMPAT";
  assert_flow (&options, &tls, "%s speaks no TLS newer than 1.1");
  tls.verify = FALSE;
  assert_flow (&options, &tls, "%s speaks no TLS newer than 1.1");
  options.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
  assert_flow (&options, &tls, NULL);
}

static void
test_no_tls (void)
{
  FarEndOptions options = { .instead = "SIP/2.0 400 Bad Request\r\n\r\n" };
  DflFlowTls tls = usual_tls ();

  assert_flow (&options, &tls, "%s does not speak TLS; see the port and transport=");
}

static void
talk_nothing (FarEnd *far_end, gpointer data)
{
  char hello[4096];

  far_end_read (far_end, hello, sizeof hello);
}

static void
test_broken_off (void)
{
  const char *reason = "%s broke the connection off instead of answering in TLS; see the port and "
                       "transport=";
  FarEndOptions reset = { .reset = TRUE };
  FarEndOptions end = { .talk = talk_nothing };
  DflFlowTls tls = usual_tls ();

  assert_flow (&reset, &tls, reason);
  assert_flow (&end, &tls, reason);
}

static void
test_silence (void)
{
  FarEndOptions options = { .silent = TRUE };
  DflFlowTls tls = usual_tls ();
  gint64 start = g_get_monotonic_time ();

  assert_flow (&options, &tls, "%s accepts connections but does not answer in TLS");
  g_assert_cmpint (g_get_monotonic_time () - start, >, 7 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_TIME_SPAN_SECOND);
}

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

        tls.ca = machine != 0 ? NULL : certificate_get_pem (authority);
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
  authority = certificate_new (&(CertificateWish){ .common_name = "Authority", .authority = TRUE });
  server = certificate_new (&(CertificateWish){ .dns = { "example.org" }, .issuer = authority });

  g_test_add_func ("/flow/register/tcp", test_register_tcp);
  g_test_add_func ("/flow/register/tls", test_register_tls);
  g_test_add_func ("/flow/answer-and-close", test_answer_and_close);
  g_test_add_func ("/flow/invite", test_invite);
  g_test_add_func ("/flow/answer-too-late", test_answer_too_late);
  g_test_add_func ("/flow/names", test_names);
  g_test_add_func ("/flow/chains", test_chains);
  g_test_add_func ("/flow/intermediates", test_intermediates);
  g_test_add_func ("/flow/asked-for", test_asked_for);
  g_test_add_func ("/flow/own-certificate", test_own_certificate);
  g_test_add_func ("/flow/old-versions", test_old_versions);
  g_test_add_func ("/flow/no-tls", test_no_tls);
  g_test_add_func ("/flow/broken-off", test_broken_off);
  g_test_add_func ("/flow/silence", test_silence);
  g_test_add_func ("/flow/refused", test_refused);
  g_test_add_func ("/flow/unreachable", test_unreachable);
  g_test_add_func ("/flow/deaf", test_deaf);
  g_test_add_func ("/flow/find", test_find);
  g_test_add_func ("/flow/free-at-any-moment", test_free_at_any_moment);
  g_test_add_func ("/flow/churn", test_churn);
  result = g_test_run ();

  certificate_free (server);
  certificate_free (authority);
  return result;
}
