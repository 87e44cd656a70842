/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/register-request.h"

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su.h>
#include <sofia-sip/tport_tag.h>

#include "sip/loop.h"

struct _DflRegisterRequest
{
  nta_outgoing_t *transaction;
  DflRegisterRequestFunc func;
  gpointer data;
};

/* What stack and network agree to send in one datagram. */
#define MAX_DATAGRAM 65507

static const char *
protocol_of (const DflHop *hop)
{
  switch (hop->transport)
    {
    case DFL_TRANSPORT_TLS:
      return "TLS";
    case DFL_TRANSPORT_TCP:
      return "TCP";
    default:
      return "UDP";
    }
}

/*
 * The numeric address that the stack sends to. It looks for a socket of the same family first, and
 * so never finds one that is bound to any IPv6 address for a peer with an IPv4 address; spelled as
 * an IPv6 address the peer is reached by the kernel all the same.
 */
static char *
make_route_url (const DflRegisterDraft *draft, gboolean *mapped)
{
  GInetAddress *address = g_inet_socket_address_get_address (draft->hop->address);
  guint16 port = g_inet_socket_address_get_port (draft->hop->address);
  g_autofree char *host = g_inet_address_to_string (address);
  const su_addrinfo_t *own = tport_get_address (draft->transport);
  gboolean six = g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6;

  *mapped = !six && own->ai_family == AF_INET6 && tport_is_primary (draft->transport);
  return g_strdup_printf ("sip:%s%s%s:%u;transport=%s",
                          six       ? "["
                          : *mapped ? "[::ffff:"
                                    : "",
                          host, six || *mapped ? "]" : "", port,
                          tport_is_udp (draft->transport) ? "udp" : "tcp");
}

/* The message is of the library's own class: the gate's (sip/gate.h) hides request lines. */
static msg_t *
compose (const DflRegisterDraft *draft)
{
  const char *method = draft->method == sip_method_register ? "REGISTER" : "OPTIONS";
  g_autofree char *via = g_strdup_printf ("SIP/2.0/%s %s;rport", protocol_of (draft->hop),
                                          draft->place);
  g_autofree char *from = g_strdup_printf ("<%s>;tag=%s", draft->address, draft->from_tag);
  g_autofree char *to = g_strdup_printf ("<%s>", draft->address);
  g_autofree char *cseq = g_strdup_printf ("%u %s", draft->cseq, method);
  g_autofree char *expires = g_strdup_printf ("%u", draft->expires);
  msg_t *msg = msg_create (sip_default_mclass (), 0);
  sip_t *sip = sip_object (msg);
  sip_request_t *request = sip_request_create (msg_home (msg), draft->method, method,
                                               URL_STRING_MAKE (draft->uri), NULL);

  if (request == NULL || msg_header_insert (msg, (msg_pub_t *)sip, (msg_header_t *)request) < 0
      || sip_add_tl (msg, sip, SIPTAG_VIA_STR (via), SIPTAG_MAX_FORWARDS_STR ("70"),
                     SIPTAG_FROM_STR (from), SIPTAG_TO_STR (to),
                     SIPTAG_CALL_ID_STR (draft->call_id), SIPTAG_CSEQ_STR (cseq),
                     TAG_IF (draft->route, SIPTAG_ROUTE_STR (draft->route)),
                     TAG_IF (draft->contacts, SIPTAG_CONTACT_STR (draft->contacts)),
                     TAG_IF (draft->contacts, SIPTAG_EXPIRES_STR (expires)),
                     TAG_IF (draft->supported, SIPTAG_SUPPORTED_STR (draft->supported)),
                     SIPTAG_ALLOW_STR ("INVITE, ACK, CANCEL, OPTIONS, BYE"),
                     SIPTAG_USER_AGENT_STR ("deflectd"), TAG_END ())
             < 0
      || sip->sip_via == NULL || sip->sip_from == NULL || sip->sip_to == NULL
      || sip->sip_call_id == NULL || sip->sip_cseq == NULL
      || (draft->contacts != NULL && sip->sip_contact == NULL))
    {
      msg_destroy (msg);
      return NULL;
    }
  dfl_digest_authorise (draft->digest, msg, sip, draft->username, draft->password);
  return msg;
}

static int
on_response (nta_outgoing_magic_t *magic, nta_outgoing_t *transaction, const sip_t *sip)
{
  DflRegisterRequest *self = (DflRegisterRequest *)magic;
  int status = nta_outgoing_status (transaction);
  msg_t *response;
  DflRegisterRequestFunc func = self->func;
  gpointer data = self->data;

  if (status < 200)
    return 0;

  response = nta_outgoing_getresponse (transaction);
  nta_outgoing_destroy (transaction);
  g_free (self);

  /* What the stack says by itself never came from anywhere. */
  if (response != NULL && sip != NULL && msg_addr (response)->su_family != 0)
    func (DFL_REGISTER_ANSWERED, sip_object (response), data);
  else
    {
      DflSipLoop *loop = dfl_sip_loop_ref ();

      func (status == 408 ? DFL_REGISTER_NO_ANSWER : DFL_REGISTER_NOT_SENT, NULL, data);
      if (loop != NULL)
        {
          dfl_sip_loop_wake (loop);
          dfl_sip_loop_unref (loop);
        }
    }
  if (response != NULL)
    msg_destroy (response);
  return 0;
}

DflRegisterRequest *
dfl_register_request_new (nta_agent_t *nta,
                          const DflRegisterDraft *draft,
                          DflRegisterRequestFunc func,
                          gpointer data)
{
  gboolean mapped;
  g_autofree char *route_url = make_route_url (draft, &mapped);
  DflRegisterRequest *self = g_new0 (DflRegisterRequest, 1);
  msg_t *msg = compose (draft);

  self->func = func;
  self->data = data;
  if (msg != NULL)
    self->transaction = nta_outgoing_mcreate (nta, on_response, (nta_outgoing_magic_t *)self,
                                              URL_STRING_MAKE (route_url), msg,
                                              NTATAG_TPORT (draft->transport), NTATAG_USER_VIA (1),
                                              TPTAG_MTU (MAX_DATAGRAM), TAG_END ());
  if (self->transaction == NULL)
    {
      if (msg != NULL)
        msg_destroy (msg);
      g_free (self);
      return NULL;
    }

  if (mapped)
    {
      /* Under its plain address the stack finds the request again when an ICMP error comes. */
      msg_t *request = nta_outgoing_getrequest (self->transaction);
      su_sockaddr_t *destination = msg_addr (request);

      SU_CANONIZE_SOCKADDR (destination);
      msg_destroy (request);
    }
  return self;
}

void
dfl_register_request_abandon (DflRegisterRequest *self)
{
  nta_outgoing_destroy (self->transaction);
  g_free (self);
}
