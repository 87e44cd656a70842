/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/agent.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#include "core/error.h"
#include "core/line.h"
#include "core/listen.h"
#include "sip/gate.h"
#include "sip/guard.h"
#include "sip/loop.h"
#include "sip/offer-in.h"
#include "sip/sources.h"

#define ALLOW "INVITE, ACK, CANCEL, OPTIONS, BYE"

#define MAX_MESSAGE 65536
#define UDP_BUFFER (4 * 1024 * 1024)
#define TCP_IDLE (10 * 60 * 1000) /* milliseconds without a message or keep-alive */
#define TCP_INCOMPLETE (10 * 1000)

/* How long a look-up of the address that we have towards a source is good for. */
#define LOCAL_ADDRESS_AGE (10 * G_TIME_SPAN_SECOND)

struct _DflSipAgent
{
  GObject parent;

  DflSwitchboard *switchboard;
  DflClock *clock;
  DflSipLoop *loop;
  DflSources *sources;
  DflGate *gate;
  DflGuard *guard;
  DflLegs *legs;
  nta_agent_t *nta;
  GPtrArray *listening;
  guint16 shared_port; /* the first port that the kernel chose; the other transport asks for it */
  gboolean closed;
  guint8 tag_key[32];

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

void
dfl_sip_settings_free (DflSipSettings *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->listen);
  g_free (self);
}

/* --- What arrives --- */

/* The address that a packet to this peer leaves from: connecting a UDP socket asks the kernel
 * without sending anything. */
static char *
look_up_local_address (const su_sockaddr_t *peer)
{
  su_sockaddr_t local;
  socklen_t length = sizeof local;
  int fd = socket (peer->su_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  char text[INET6_ADDRSTRLEN];
  char *result = NULL;

  if (fd >= 0 && connect (fd, &peer->su_sa, su_sockaddr_size (peer)) == 0
      && getsockname (fd, &local.su_sa, &length) == 0
      && su_inet_ntop (local.su_family, SU_ADDR (&local), text, sizeof text) != NULL)
    result = local.su_family == AF_INET6 ? g_strdup_printf ("[%s]", text) : g_strdup (text);
  if (fd >= 0)
    close (fd);
  return result;
}

/* What stands behind the @ in a URI by which the sender of this request reaches us. */
static char *
address_towards (nta_agent_t *nta, nta_incoming_t *irq)
{
  DflSipAgent *self = (DflSipAgent *)nta_agent_magic (nta);
  msg_t *request = nta_incoming_getrequest (irq);
  const su_sockaddr_t *source = msg_addr (request);
  tport_t *transport = nta_incoming_transport (nta, irq, NULL);
  const tp_name_t *name = tport_name (tport_parent (transport));
  gint64 now = dfl_clock_now (self->clock);
  char *result;

  if (self->last_local == NULL || now - self->last_looked_up > LOCAL_ADDRESS_AGE
      || su_cmp_sockaddr (source, &self->last_source) != 0)
    {
      char *local = look_up_local_address (source);

      g_free (self->last_local);
      self->last_local = local != NULL ? local : g_strdup (name->tpn_host);
      self->last_source = *source;
      self->last_looked_up = now;
    }
  result = g_strdup_printf ("%s:%s%s", self->last_local, name->tpn_port,
                            tport_is_tcp (transport) ? ";transport=tcp" : "");

  tport_unref (transport);
  msg_unref (request);
  return result;
}

/*
 * Answers without keeping anything. The answer to a repeated request has to have the same To tag
 * (RFC 3261 section 8.2.7), so that it is computed from the request, with a key that nobody knows.
 */
static void
answer (DflSipAgent *self, msg_t *msg, const sip_t *sip, int status, const char *phrase)
{
  const char *from_tag = sip->sip_from->a_tag;
  g_autofree char *request = g_strdup_printf ("%s %s %s", sip->sip_via->v_branch,
                                              sip->sip_call_id->i_id,
                                              from_tag != NULL ? from_tag : "");
  g_autofree char *hash = g_compute_hmac_for_string (G_CHECKSUM_SHA256, self->tag_key,
                                                     sizeof self->tag_key, request, -1);
  sip_to_t *to = sip_to_dup (msg_home (msg), sip->sip_to);

  hash[16] = '\0';
  if (to != NULL && to->a_tag == NULL)
    sip_to_tag (msg_home (msg), to, hash);
  nta_msg_treply (self->nta, msg, status, phrase, SIPTAG_TO (to), SIPTAG_SERVER_STR ("deflectd"),
                  TAG_IF (status == 200 || status == 405, SIPTAG_ALLOW_STR (ALLOW)),
                  TAG_IF (status == 200, SIPTAG_ACCEPT_STR ("application/sdp")), TAG_END ());
}

static void
take_invite (DflSipAgent *self, msg_t *msg, sip_t *sip)
{
  DflSource source = dfl_gate_source_of (msg);
  DflAccount *account = dfl_sources_find (self->sources, sip->sip_request->rq_url->url_user,
                                          &source);

  if (account == NULL) /* gone since its header was read */
    nta_msg_discard (self->nta, msg);
  else if (sip->sip_to->a_tag != NULL)
    answer (self, msg, sip, SIP_481_NO_TRANSACTION);
  else if (dfl_legs_are_full (self->legs)) /* who floods us gets an answer, and nothing is kept */
    answer (self, msg, sip, SIP_486_BUSY_HERE);
  else
    dfl_legs_take_invite (self->legs, self->nta, msg, sip, account, DFL_LINE (self),
                          address_towards);
}

/* What the stack has no transaction for; the gate has let it through. */
static int
on_message (nta_agent_magic_t *magic, nta_agent_t *nta, msg_t *msg, sip_t *sip)
{
  DflSipAgent *self = (DflSipAgent *)magic;

  if (sip->sip_request == NULL)
    {
      nta_msg_discard (nta, msg);
      return 0;
    }

  switch (sip->sip_request->rq_method)
    {
    case sip_method_invite:
      take_invite (self, msg, sip);
      break;
    case sip_method_ack:
      nta_msg_discard (nta, msg);
      break;
    case sip_method_options:
      answer (self, msg, sip, SIP_200_OK);
      break;
    case sip_method_cancel:
    case sip_method_bye:
      nta_msg_treply (nta, msg, SIP_481_NO_TRANSACTION, SIPTAG_SERVER_STR ("deflectd"), TAG_END ());
      break;
    default:
      answer (self, msg, sip, SIP_405_METHOD_NOT_ALLOWED);
    }
  return 0;
}

static DflGateAnswer
on_gate_asks (const char *call_id, guint32 cseq, gpointer data)
{
  return dfl_legs_ask (DFL_SIP_AGENT (data)->legs, call_id, cseq);
}

static gboolean
on_gate_expects (const char *call_id, guint32 cseq, const struct sockaddr *source, gpointer data)
{
  return FALSE;
}

static void
on_gate_saw_stranger (gpointer data)
{
  dfl_guard_hurry (DFL_SIP_AGENT (data)->guard);
}

static void
on_guard_asks_who_is_busy (GHashTable *peers, gpointer data)
{
  dfl_legs_add_peers (DFL_SIP_AGENT (data)->legs, peers);
}

/* --- Binding --- */

/* FALSE where the kernel has no IPv6; *only where an IPv6 socket takes no IPv4 packets. */
static gboolean
probe_ipv6 (gboolean *only)
{
  struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
  int fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int value = 0;
  socklen_t length = sizeof value;
  gboolean works = FALSE;

  if (fd < 0)
    return FALSE;
  works = bind (fd, (struct sockaddr *)&any, sizeof any) == 0
          && getsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length) == 0;
  *only = value != 0;
  close (fd);
  return works;
}

static tport_t *
last_transport (nta_agent_t *nta)
{
  tport_t *last = NULL;

  for (tport_t *each = tport_primaries (nta_agent_tports (nta)); each != NULL;
       each = tport_next (each))
    last = each;
  return last;
}

/* Binds one socket. host is as in a URI. On success *port is the port really bound. */
static gboolean
bind_socket (DflSipAgent *self, DflListenTransport transport, const char *host, guint16 *port)
{
  g_autofree char *number = *port == 0 ? g_strdup ("*") : g_strdup_printf ("%u", *port);
  g_autofree char *url = g_strdup_printf ("sip:%s:%s;transport=%s", host, number,
                                          transport == DFL_LISTEN_UDP ? "udp" : "tcp");

  if (nta_agent_add_tport (self->nta, URL_STRING_MAKE (url), TPTAG_STUN_SERVER (0),
                           TPTAG_UDP_RMEM (UDP_BUFFER), TPTAG_IDLE (TCP_IDLE),
                           TPTAG_TIMEOUT (TCP_INCOMPLETE), TAG_END ())
      < 0)
    return FALSE;
  *port = (guint16)atoi (tport_name (last_transport (self->nta))->tpn_port);
  return TRUE;
}

/*
 * The library takes "any address" for "each address that there is now", and would never hear of
 * one that comes later; other spellings of 0.0.0.0 and :: it leaves to the kernel.
 */
static gboolean
bind_addresses (DflSipAgent *self, const DflListen *item, guint16 *port)
{
  gboolean only = FALSE;
  g_autofree char *bracketed = NULL;

  if (item->address == NULL && probe_ipv6 (&only))
    return bind_socket (self, item->transport, "[::0]", port)
           && (!only || bind_socket (self, item->transport, "0.0", port));
  if (item->address == NULL || g_str_equal (item->address, "0.0.0.0"))
    return bind_socket (self, item->transport, "0.0", port);
  if (g_str_equal (item->address, "::"))
    return bind_socket (self, item->transport, "[::0]", port);
  if (strchr (item->address, ':') != NULL)
    bracketed = g_strdup_printf ("[%s]", item->address);
  return bind_socket (self, item->transport, bracketed != NULL ? bracketed : item->address, port);
}

static gboolean
bind_item (DflSipAgent *self, const char *text, GError **error)
{
  g_autoptr (DflListen) item = dfl_listen_parse (text, error);
  guint16 port;
  gboolean bound = FALSE;

  if (item == NULL)
    return FALSE;

  port = item->port;
  if (port == 0 && self->shared_port != 0)
    {
      port = self->shared_port;
      bound = bind_addresses (self, item, &port);
      if (!bound)
        port = 0;
    }
  if (!bound && !bind_addresses (self, item, &port))
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED,
                   "Cannot listen on %s: %s; choose another address or port in listen=", text,
                   g_strerror (su_errno ()));
      return FALSE;
    }
  if (item->port == 0)
    self->shared_port = port;
  if (!dfl_guard_add_port (self->guard, item->transport, port))
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED,
                   "Cannot guard the sockets of %s: %s; see that /proc is mounted", text,
                   g_strerror (errno));
      return FALSE;
    }

  g_ptr_array_add (self->listening,
                   g_strdup_printf (item->address != NULL && strchr (item->address, ':') != NULL
                                        ? "%s:[%s]:%u"
                                        : "%s:%s:%u",
                                    item->transport == DFL_LISTEN_UDP ? "udp" : "tcp",
                                    item->address != NULL ? item->address : "*", port));
  return TRUE;
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
      NTATAG_SERVER_RPORT (1), TAG_END ());
}

DflSipAgent *
dfl_sip_agent_new (DflSwitchboard *switchboard,
                   DflClock *clock,
                   const DflSipSettings *settings,
                   GError **error)
{
  g_autoptr (DflSipAgent) self = g_object_new (DFL_TYPE_SIP_AGENT, NULL);
  DflGateListener listener = {
    .ask = on_gate_asks, .expect = on_gate_expects, .stranger = on_gate_saw_stranger, .data = self
  };

  dfl_guard_raise_limit (settings->max_connections);
  self->switchboard = g_object_ref (switchboard);
  self->clock = g_object_ref (clock);
  self->sources = dfl_sources_new (switchboard);
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

  for (guint i = 0; settings->listen[i] != NULL; i++)
    if (!bind_item (self, settings->listen[i], error))
      return NULL;
  g_ptr_array_add (self->listening, NULL);
  return g_steal_pointer (&self);
}

void
dfl_sip_agent_host_changed (DflSipAgent *self, DflHostChange change)
{
}

void
dfl_sip_agent_leave (DflSipAgent *self, DflSipAgentLeftFunc done, gpointer data)
{
}

const char *const *
dfl_sip_agent_get_listening (DflSipAgent *self)
{
  return (const char *const *)self->listening->pdata;
}

void
dfl_sip_agent_close (DflSipAgent *self)
{
  if (self->closed)
    return;
  self->closed = TRUE;

  if (self->legs != NULL)
    dfl_legs_close (self->legs);
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
  g_ptr_array_unref (self->listening);
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
  self->listening = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < sizeof self->tag_key; i++)
    self->tag_key[i] = (guint8)g_random_int ();
}
