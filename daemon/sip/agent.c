/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/agent.h"

#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/tport.h>

#include "core/error.h"
#include "core/line.h"
#include "sip/answers.h"
#include "sip/gate.h"
#include "sip/guard.h"
#include "sip/local-address.h"
#include "sip/loop.h"
#include "sip/offer-in.h"
#include "sip/servers.h"
#include "sip/sockets.h"
#include "sip/sources.h"

#define MAX_MESSAGE 65536

/* How long a look-up of the address that we have towards a source is good for. */
#define LOCAL_ADDRESS_AGE (10 * G_TIME_SPAN_SECOND)

struct _DflSipAgent
{
  GObject parent;

  DflSwitchboard *switchboard;
  DflClock *clock;
  DflSipSettings *settings;
  DflSipLoop *loop;
  DflSources *sources;
  DflGate *gate;
  DflGuard *guard;
  DflLegs *legs;
  DflServers *servers;
  nta_agent_t *nta;
  DflAnswers *answers;
  char **listening;
  gboolean closed;

  su_sockaddr_t last_source; /* the last look-up of a local address */
  char *last_local;
  gint64 last_looked_up;
};

static void dfl_sip_agent_line_init (DflLineInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (DflSipAgent,
                               dfl_sip_agent,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_LINE, dfl_sip_agent_line_init))

DflSipSettings *
dfl_sip_settings_new (void)
{
  DflSipSettings *self = g_new0 (DflSipSettings, 1);

  self->listen = g_strsplit ("udp:*:0;tcp:*:0", ";", -1);
  self->t1 = 500;
  self->t2 = 4000;
  self->max_connections = 256;
  self->register_rate = 20;
  self->retry_base = 30;
  self->retry_max = 1800;
  return self;
}

static DflSipSettings *
copy_settings (const DflSipSettings *settings)
{
  DflSipSettings *copy = g_memdup2 (settings, sizeof *settings);

  copy->listen = g_strdupv (settings->listen);
  return copy;
}

void
dfl_sip_settings_free (DflSipSettings *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->listen);
  memset (self, 0, sizeof *self);
  g_free (self);
}

/* --- How callers reach us --- */

/* Our address as the sender of a request has it. */
static const char *
look_up_local (DflSipAgent *self, const su_sockaddr_t *source, const tp_name_t *name)
{
  gint64 now = dfl_clock_now (self->clock);

  if (self->last_local == NULL || now - self->last_looked_up > LOCAL_ADDRESS_AGE
      || su_cmp_sockaddr (source, &self->last_source) != 0)
    {
      char *local = dfl_local_address_towards (&source->su_sa);

      g_free (self->last_local);
      self->last_local = local != NULL ? local : g_strdup (name->tpn_host);
      self->last_source = *source;
      self->last_looked_up = now;
    }
  return self->last_local;
}

/* The host, port and transport of a URI by which the sender of this request reaches us. */
static char *
address_towards (DflSipAgent *self, nta_incoming_t *irq)
{
  msg_t *request = nta_incoming_getrequest (irq);
  const su_sockaddr_t *source = msg_addr (request);
  tport_t *transport = nta_incoming_transport (self->nta, irq, NULL);
  const tp_name_t *name = tport_name (tport_parent (transport));
  DflFlow *flow = dfl_servers_find_flow (self->servers, &source->su_sa);
  char *result;

  if (flow != NULL && tport_is_tcp (transport))
    result = g_strdup_printf ("%s;transport=%s", dfl_flow_get_local (flow),
                              dfl_flow_get_hop (flow)->transport == DFL_TRANSPORT_TLS ? "tls"
                                                                                      : "tcp");
  else
    result = g_strdup_printf ("%s:%s%s", look_up_local (self, source, name), name->tpn_port,
                              tport_is_tcp (transport) ? ";transport=tcp" : "");

  tport_unref (transport);
  msg_unref (request);
  return result;
}

/*
 * The Contact of a 180. For an account that registers that is the place of what it registered, also
 * when that has just been taken back, but never its user part: proxies hand this on to the caller,
 * and who knows the token and writes the address of a server into a datagram could call by himself.
 * A URI without a user part is good enough for what may come to it, which is refused anyway.
 */
static char *
make_contact (nta_agent_t *nta, nta_incoming_t *irq, DflAccount *account)
{
  DflSipAgent *self = (DflSipAgent *)nta_agent_magic (nta);
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  const char *scheme = nta_incoming_url (irq)->url_type == url_sips ? "sips" : "sip";
  const char *registered = dfl_servers_get_contact (self->servers, account);
  g_autofree char *user = NULL;
  g_autofree char *address = NULL;

  if (registered != NULL)
    return g_strdup_printf ("%s:%s", scheme, strchr (registered, '@') + 1);
  address = address_towards (self, irq);
  if (settings->registers)
    return g_strdup_printf ("%s:%s", scheme, address);
  user = g_uri_escape_string (settings->user, "!$&'()*+,;=", FALSE);
  return g_strdup_printf ("%s:%s@%s", scheme, user, address);
}

/* --- What arrives --- */

/*
 * What a message came through. Over the transport of the relays nothing comes but from relays: what
 * one of them left behind when its flow was closed (*flow NULL, and FALSE) is nobody's, whatever an
 * account accepts from loopback.
 */
static gboolean
find_flow (DflSipAgent *self, msg_t *msg, DflFlow **flow)
{
  tport_t *transport = tport_delivered_by (nta_agent_tports (self->nta), msg);
  guint64 port;

  *flow = NULL;
  if (transport == NULL || !tport_is_tcp (transport))
    return TRUE;
  port = g_ascii_strtoull (tport_name (tport_parent (transport))->tpn_port, NULL, 10);
  if (!dfl_servers_await_relays_on (self->servers, (guint16)port))
    return TRUE;
  *flow = dfl_servers_find_flow (self->servers, tport_get_address (transport)->ai_addr);
  return *flow != NULL;
}

static void
take_invite (DflSipAgent *self, msg_t *msg, sip_t *sip, DflFlow *flow)
{
  DflSource source = dfl_gate_source_of (msg);
  DflLegOrigin origin = {
    .agent = self->nta, .line = DFL_LINE (self), .contact = make_contact, .flow = flow
  };

  origin.account = dfl_sources_find (self->sources, sip->sip_request->rq_url->url_user, &source);
  if (origin.account == NULL) /* gone since its header was read */
    nta_msg_discard (self->nta, msg);
  else if (sip->sip_to->a_tag != NULL)
    dfl_answers_send (self->answers, msg, sip, SIP_481_NO_TRANSACTION);
  else if (dfl_legs_are_full (self->legs)) /* who floods us gets an answer, and nothing is kept */
    dfl_answers_send (self->answers, msg, sip, SIP_486_BUSY_HERE);
  else
    dfl_legs_take_invite (self->legs, msg, sip, &origin);
}

/* What the stack has no transaction for; the gate has let it through. */
static int
on_message (nta_agent_magic_t *magic, nta_agent_t *nta, msg_t *msg, sip_t *sip)
{
  DflSipAgent *self = (DflSipAgent *)magic;
  DflFlow *flow;

  if (sip->sip_request == NULL || !find_flow (self, msg, &flow))
    {
      nta_msg_discard (nta, msg);
      return 0;
    }

  switch (sip->sip_request->rq_method)
    {
    case sip_method_invite:
      take_invite (self, msg, sip, flow);
      break;
    case sip_method_ack:
      nta_msg_discard (nta, msg);
      break;
    case sip_method_options:
      dfl_answers_send (self->answers, msg, sip, SIP_200_OK);
      break;
    case sip_method_cancel:
    case sip_method_bye:
      nta_msg_treply (nta, msg, SIP_481_NO_TRANSACTION, SIPTAG_SERVER_STR ("deflectd"), TAG_END ());
      break;
    default:
      dfl_answers_send (self->answers, msg, sip, SIP_405_METHOD_NOT_ALLOWED);
    }
  return 0;
}

/* --- What gate, sources and guard ask --- */

static DflGateAnswer
on_gate_asks (const char *call_id, guint32 cseq, gpointer data)
{
  return dfl_legs_ask (DFL_SIP_AGENT (data)->legs, call_id, cseq);
}

static gboolean
on_gate_expects (const char *call_id, guint32 cseq, const DflSource *source, gpointer data)
{
  DflSipAgent *self = data;

  return dfl_servers_expect (self->servers, call_id, cseq, source);
}

static gboolean
on_gate_asks_far_end (const struct sockaddr *relay, su_sockaddr_t *far, gpointer data)
{
  DflSipAgent *self = data;
  DflFlow *flow = dfl_servers_find_flow (self->servers, relay);

  memset (far, 0, sizeof *far);
  return flow != NULL
         && g_socket_address_to_native (G_SOCKET_ADDRESS (dfl_flow_get_hop (flow)->address), far,
                                        sizeof *far, NULL);
}

static void
on_gate_saw_stranger (gpointer data)
{
  dfl_guard_hurry (DFL_SIP_AGENT (data)->guard);
}

static gboolean
on_sources_ask_relay (const struct sockaddr *peer, gpointer data)
{
  DflSipAgent *self = data;

  return dfl_servers_find_flow (self->servers, peer) != NULL;
}

static void
on_guard_asks_who_is_busy (GHashTable *peers, gpointer data)
{
  dfl_legs_add_peers (DFL_SIP_AGENT (data)->legs, peers);
}

static void
on_flow_lost (DflFlow *flow, gpointer data)
{
  dfl_legs_lose_flow (DFL_SIP_AGENT (data)->legs, flow);
}

/* --- Life --- */

static void
log_to_glib (void *stream, const char *format, va_list arguments)
{
  g_autofree char *line = g_strdup_vprintf (format, arguments);

  g_debug ("sofia-sip: %s", g_strchomp (line));
}

static nta_agent_t *
make_stack (DflSipAgent *self, const DflSipSettings *settings)
{
  su_log_redirect (NULL, log_to_glib, NULL);
  su_log_set_level (NULL, 1);

  return nta_agent_create (
      dfl_sip_loop_get_root (self->loop), (url_string_t *)-1, on_message, (nta_agent_magic_t *)self,
      NTATAG_MCLASS (dfl_gate_get_class (self->gate)), NTATAG_UA (1),
      /* A merged request is found in offer-in.c; the stack would also match calls that ended. */
      NTATAG_MERGE_482 (0),
      /* Every final response is ours, so that we know whether it was sent. */
      NTATAG_CANCEL_487 (0),
      /* The stack's own repeat costs O(calls offered) each; see offer-in.c. */
      NTATAG_PROGRESS ((unsigned)-1),
      /* The stack reads all that waits in a connection into the buffer of one message. */
      NTATAG_MAXSIZE (MAX_MESSAGE + DFL_GUARD_MOST_WAITING), NTATAG_SIP_T1 (settings->t1),
      NTATAG_SIP_T2 (settings->t2), NTATAG_SIP_T1X64 (64 * settings->t1), NTATAG_BAD_REQ_MASK (0),
      /* Only what a response cannot do without must be well-formed: a registrar repeats the
       * contacts of other people's phones. */
      NTATAG_BAD_RESP_MASK (sip_mask_response), NTATAG_SERVER_RPORT (1),
      /* A REGISTER for UDP leaves over UDP, however long the challenges of its server made it. */
      NTATAG_UDP_MTU (MAX_MESSAGE - 1), TAG_END ());
}

DflSipAgent *
dfl_sip_agent_new (DflSwitchboard *switchboard,
                   DflClock *clock,
                   const DflSipSettings *settings,
                   GError **error)
{
  g_autoptr (DflSipAgent) self = g_object_new (DFL_TYPE_SIP_AGENT, NULL);
  DflGateListener listener = {
    .ask = on_gate_asks,
    .expect = on_gate_expects,
    .far_end = on_gate_asks_far_end,
    .stranger = on_gate_saw_stranger,
    .data = self,
  };

  dfl_guard_raise_limit (settings->max_connections);
  self->switchboard = g_object_ref (switchboard);
  self->clock = g_object_ref (clock);
  self->settings = copy_settings (settings);
  self->sources = dfl_sources_new (switchboard);
  dfl_sources_set_relays (self->sources, on_sources_ask_relay, self);
  self->gate = dfl_gate_new (self->sources, MAX_MESSAGE, &listener);
  self->guard = dfl_guard_new (clock, self->sources, settings->max_connections,
                               on_guard_asks_who_is_busy, self);
  self->loop = dfl_sip_loop_ref ();
  if (self->loop != NULL)
    {
      self->legs = dfl_legs_new (switchboard, clock, self->sources, self->loop, settings->t1);
      self->nta = make_stack (self, settings);
    }
  if (self->nta == NULL)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_FAILED,
                           "The SIP stack did not start; look at the limits for memory and file "
                           "descriptors");
      return NULL;
    }

  self->answers = dfl_answers_new (self->nta);
  self->listening = dfl_sockets_bind (self->nta, self->guard, settings->listen, error);
  if (self->listening == NULL)
    return NULL;
  self->servers = dfl_servers_new (&(DflRegistrationTools){ .switchboard = switchboard,
                                                            .clock = clock,
                                                            .nta = self->nta,
                                                            .sources = self->sources,
                                                            .settings = self->settings,
                                                            .flow_lost = on_flow_lost,
                                                            .data = self },
                                   self->guard);
  return g_steal_pointer (&self);
}

void
dfl_sip_agent_host_changed (DflSipAgent *self, DflHostChange change)
{
  g_clear_pointer (&self->last_local, g_free);
  dfl_servers_host_changed (self->servers, change);
}

void
dfl_sip_agent_leave (DflSipAgent *self, DflSipAgentLeftFunc done, gpointer data)
{
  dfl_servers_leave (self->servers, done, data);
}

const char *const *
dfl_sip_agent_get_listening (DflSipAgent *self)
{
  return (const char *const *)self->listening;
}

void
dfl_sip_agent_close (DflSipAgent *self)
{
  if (self->closed)
    return;
  self->closed = TRUE;

  if (self->legs != NULL)
    dfl_legs_close (self->legs);
  g_clear_pointer (&self->servers, dfl_servers_free);
  g_clear_pointer (&self->answers, dfl_answers_free);
  nta_agent_destroy (g_steal_pointer (&self->nta));
  g_clear_pointer (&self->guard, dfl_guard_free);
  g_clear_pointer (&self->gate, dfl_gate_free);
  g_clear_pointer (&self->loop, dfl_sip_loop_unref);
}

static gboolean
dfl_sip_agent_line_redirect (DflLine *line, DflLeg *leg, const DflTarget *target, GError **error)
{
  return dfl_leg_redirect (leg, target, error);
}

static gboolean
dfl_sip_agent_line_decline (DflLine *line, DflLeg *leg, guint status, GError **error)
{
  return dfl_leg_decline (leg, status, error);
}

static void
dfl_sip_agent_line_release (DflLine *line, DflLeg *leg)
{
  dfl_leg_release (leg);
}

static void
dfl_sip_agent_line_init (DflLineInterface *iface)
{
  iface->redirect = dfl_sip_agent_line_redirect;
  iface->decline = dfl_sip_agent_line_decline;
  iface->release = dfl_sip_agent_line_release;
}

static void
dfl_sip_agent_dispose (GObject *object)
{
  dfl_sip_agent_close (DFL_SIP_AGENT (object));
  G_OBJECT_CLASS (dfl_sip_agent_parent_class)->dispose (object);
}

static void
dfl_sip_agent_finalize (GObject *object)
{
  DflSipAgent *self = DFL_SIP_AGENT (object);

  g_clear_pointer (&self->legs, dfl_legs_free);
  g_clear_pointer (&self->sources, dfl_sources_free);
  g_clear_object (&self->switchboard);
  g_clear_object (&self->clock);
  g_clear_pointer (&self->settings, dfl_sip_settings_free);
  g_strfreev (self->listening);
  g_free (self->last_local);
  G_OBJECT_CLASS (dfl_sip_agent_parent_class)->finalize (object);
}

static void
dfl_sip_agent_class_init (DflSipAgentClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->dispose = dfl_sip_agent_dispose;
  object_class->finalize = dfl_sip_agent_finalize;
}

static void
dfl_sip_agent_init (DflSipAgent *self)
{
}
