/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "flow-scene.h"

#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

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

Stack *
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
                                        TPTAG_IDENT ("udp"), TAG_END ()),
                   ==, 0);
  g_assert_cmpint (nta_agent_add_tport (self->nta,
                                        URL_STRING_MAKE ("sip:127.0.0.1:*;transport=tcp"),
                                        TPTAG_IDENT ("tcp"), TAG_END ()),
                   ==, 0);
  self->flows = dfl_flows_new (self->nta, &error);
  g_assert_no_error (error);
  return self;
}

void
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

static void
on_ready (DflFlow *flow, gpointer data)
{
  Stack *self = data;

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

DflFlow *
open_flow (Stack *self, const char *host, guint16 port, const DflFlowTls *tls)
{
  g_autoptr (GInetSocketAddress) address = G_INET_SOCKET_ADDRESS (
      g_inet_socket_address_new_from_string (host, port));
  g_autoptr (DflHop) hop = dfl_hop_new (tls != NULL ? DFL_TRANSPORT_TLS : DFL_TRANSPORT_TCP,
                                        address);

  return dfl_flow_new (self->flows, hop, tls, &listener, self);
}

void
wait_until_settled (Stack *self)
{
  guint before = self->n_ready + self->n_closed;

  while (self->n_ready + self->n_closed == before)
    g_main_context_iteration (NULL, TRUE);
}

void
assert_ready (Stack *self)
{
  wait_until_settled (self);
  g_assert_cmpstr (self->reason, ==, NULL);
  g_assert_cmpuint (self->n_ready, ==, 1);
}

void
wait_until_closed (Stack *self)
{
  while (self->n_closed == 0)
    g_main_context_iteration (NULL, TRUE);
}

Certificate *flow_authority, *flow_server;

void
flow_certificates_new (void)
{
  flow_authority = certificate_new (
      &(CertificateWish){ .common_name = "Authority", .authority = TRUE });
  flow_server = certificate_new (
      &(CertificateWish){ .dns = { "example.org" }, .issuer = flow_authority });
}

void
flow_certificates_free (void)
{
  certificate_free (flow_server);
  certificate_free (flow_authority);
}

DflFlowTls
usual_tls (void)
{
  DflFlowTls tls = { .verify = TRUE,
                     .identity = "example.org",
                     .ca = certificate_get_pem (flow_authority) };

  return tls;
}

FarEndOptions
usual_server (void)
{
  FarEndOptions options = { .certificate = certificate_get_pem (flow_server),
                            .key = certificate_get_key (flow_server) };

  return options;
}

guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint count = 0;

  while (g_dir_read_name (dir) != NULL)
    count++;
  return count;
}

static gboolean
on_too_long (gpointer data)
{
  g_error ("The flow that should be refused is not");
  return G_SOURCE_REMOVE;
}

void
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
