/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/binding.h"

#include <sys/random.h>

#include "sip/token.h"

/* Taken back with one REGISTER. Attempts that get no answer, each over a new connection, leave more
 * of them, which end by themselves. */
#define MAX_FORMER 8

struct _DflBinding
{
  const DflRegistrationTools *tools;
  const DflAccountSettings *settings;
  char *account_id;

  char token[DFL_TOKEN_LENGTH + 1];
  char *instance;
  char *call_ids[2]; /* of datagrams, and of flows */
  char *from_tag;
  guint32 cseq;
  char *uri; /* the Request-URI */

  char *contact;      /* the URI that was sent last, or NULL */
  char *public_place; /* HOST:PORT as the server sees us, behind a NAT; else NULL */
  char *public_for;   /* the place of the way for which that was found out */
  GPtrArray *former;  /* URIs of ours to be taken back */
  gboolean known;     /* the server may have our contact */
  char *route;        /* Service-Route, or NULL */

  gboolean outbound; /* see dfl_binding_is_outbound */
  guint flow_timer;
  guint min_expires;
  gboolean without_path, without_outbound;
};

/* --- What stands in requests --- */

static const char *
get_transport_parameter (DflWay *way)
{
  switch (dfl_way_get_hop (way)->transport)
    {
    case DFL_TRANSPORT_TLS:
      return ";transport=tls";
    case DFL_TRANSPORT_TCP:
      return ";transport=tcp";
    default:
      return "";
    }
}

static const char *
get_contact_place (DflBinding *self, DflWay *way)
{
  return self->public_place != NULL ? self->public_place : dfl_way_get_place (way);
}

static guint
get_expires (DflBinding *self)
{
  return MAX (self->settings->expires, self->min_expires);
}

static void
renew_contact (DflBinding *self, DflWay *way)
{
  g_autofree char *contact = NULL;

  /* What a NAT made of another address of ours says nothing of this one. */
  if (g_strcmp0 (self->public_for, dfl_way_get_place (way)) != 0)
    g_clear_pointer (&self->public_place, g_free);
  contact = g_strdup_printf ("sip:%s@%s%s", self->token, get_contact_place (self, way),
                             get_transport_parameter (way));
  if (self->known && self->contact != NULL && !g_str_equal (contact, self->contact))
    g_ptr_array_add (self->former, g_strdup (self->contact));
  if (self->former->len > MAX_FORMER)
    g_ptr_array_remove_index (self->former, 0);
  g_free (self->contact);
  self->contact = g_steal_pointer (&contact);
  self->known = TRUE;
}

/* What is taken back is named by its URI alone, because with instance and reg-id it would be the
 * contact that we have now (RFC 5626 section 6). */
static char *
make_contacts (DflBinding *self, guint expires)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "<%s>", self->contact);
  if (expires > 0)
    g_string_append_printf (text, ";+sip.instance=\"<%s>\"", self->instance);
  if (expires > 0 && !self->without_outbound)
    g_string_append (text, ";reg-id=1");
  g_string_append_printf (text, ";expires=%u", expires);
  for (guint i = 0; i < self->former->len; i++)
    g_string_append_printf (text, ", <%s>;expires=0", (const char *)self->former->pdata[i]);
  return g_string_free (text, FALSE);
}

/* The proxy that people configured. */
static char *
make_route (DflBinding *self, DflWay *way)
{
  if (*self->settings->outbound_proxy == '\0')
    return NULL;
  return g_strdup_printf ("<sip:%s%s;lr>", self->settings->outbound_proxy,
                          get_transport_parameter (way));
}

static const char *
get_supported (DflBinding *self)
{
  if (self->without_path)
    return self->without_outbound ? NULL : "outbound";
  return self->without_outbound ? "path" : "path, outbound";
}

/* --- Requests --- */

static DflRegisterRequest *
send_draft (DflBinding *self,
            DflWay *way,
            DflDigest *digest,
            DflRegisterDraft *draft,
            DflRegisterRequestFunc func,
            gpointer data)
{
  const DflAccountSettings *settings = self->settings;

  draft->hop = dfl_way_get_hop (way);
  draft->transport = dfl_way_get_transport (way);
  draft->place = dfl_way_get_place (way);
  draft->uri = self->uri;
  draft->address = settings->address;
  draft->from_tag = self->from_tag;
  draft->call_id = self->call_ids[dfl_way_is_flow (way)];
  draft->cseq = ++self->cseq;
  draft->digest = digest;
  draft->username = *settings->username != '\0' ? settings->username : settings->user;
  draft->password = settings->password;
  if (draft->transport == NULL)
    return NULL;
  return dfl_register_request_new (self->tools->nta, draft, func, data);
}

DflRegisterRequest *
dfl_binding_register (DflBinding *self,
                      DflWay *way,
                      DflDigest *digest,
                      gboolean leaving,
                      DflRegisterRequestFunc func,
                      gpointer data)
{
  DflRegisterDraft draft = { .method = sip_method_register,
                             .expires = leaving ? 0 : get_expires (self),
                             .supported = get_supported (self) };
  g_autofree char *contacts = NULL;
  g_autofree char *route = make_route (self, way);

  if (!leaving)
    renew_contact (self, way);
  contacts = make_contacts (self, draft.expires);
  draft.contacts = contacts;
  draft.route = route;
  return send_draft (self, way, digest, &draft, func, data);
}

DflRegisterRequest *
dfl_binding_ping (
    DflBinding *self, DflWay *way, DflDigest *digest, DflRegisterRequestFunc func, gpointer data)
{
  g_autofree char *proxy = make_route (self, way);
  DflRegisterDraft draft = { .method = sip_method_options,
                             .route = self->route != NULL ? self->route : proxy };

  return send_draft (self, way, digest, &draft, func, data);
}

/* --- Answers --- */

DflRegisterAnswer *
dfl_binding_read (DflBinding *self, DflWay *way, const sip_t *response)
{
  DflRegisterAsked asked = { .secret = self->tools->settings->secret,
                             .account_id = self->account_id,
                             .token = self->token,
                             .instance = self->instance,
                             .contact_place = get_contact_place (self, way),
                             .via_place = dfl_way_get_place (way),
                             .expires = get_expires (self) };

  return dfl_register_answer_read (response, &asked);
}

gboolean
dfl_binding_take (DflBinding *self, DflWay *way, const DflRegisterAnswer *answer)
{
  gboolean moved = g_strcmp0 (answer->public_place, self->public_place) != 0;

  g_free (self->route);
  self->route = g_strdup (answer->route);
  self->outbound = answer->outbound;
  self->flow_timer = answer->flow_timer;
  g_ptr_array_set_size (self->former, 0);
  for (guint i = 0; i < answer->left_overs->len; i++)
    g_ptr_array_add (self->former, g_strdup (answer->left_overs->pdata[i]));
  if (moved)
    {
      g_free (self->public_place);
      self->public_place = g_strdup (answer->public_place);
      g_free (self->public_for);
      self->public_for = g_strdup (dfl_way_get_place (way));
    }
  return moved || self->former->len > 0;
}

gboolean
dfl_binding_yield (DflBinding *self, const DflRegisterAnswer *answer)
{
  gboolean anything = answer->min_expires > get_expires (self)
                      || (answer->without_path && !self->without_path)
                      || (answer->without_outbound && !self->without_outbound);

  self->min_expires = MAX (self->min_expires, answer->min_expires);
  self->without_path |= answer->without_path;
  self->without_outbound |= answer->without_outbound;
  return anything;
}

void
dfl_binding_expire (DflBinding *self)
{
  self->known = FALSE;
}

/* --- Looking --- */

gboolean
dfl_binding_is_known (DflBinding *self)
{
  return self->known;
}

gboolean
dfl_binding_is_behind_nat (DflBinding *self)
{
  return self->public_place != NULL;
}

gboolean
dfl_binding_is_outbound (DflBinding *self)
{
  return self->outbound;
}

guint
dfl_binding_get_flow_timer (DflBinding *self)
{
  return self->flow_timer;
}

const char *
dfl_binding_get_token (DflBinding *self)
{
  return self->token;
}

const char *
dfl_binding_get_contact (DflBinding *self)
{
  return self->contact;
}

const char *
dfl_binding_get_call_id (DflBinding *self, gboolean flow)
{
  return self->call_ids[flow ? 1 : 0];
}

guint32
dfl_binding_get_cseq (DflBinding *self)
{
  return self->cseq;
}

/* --- Life --- */

static char *
make_random_name (void)
{
  guint8 bytes[16];
  GString *text = g_string_sized_new (2 * sizeof bytes);

  while (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    continue;
  for (guint i = 0; i < sizeof bytes; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

DflBinding *
dfl_binding_new (const DflRegistrationTools *tools,
                 const DflAccountSettings *settings,
                 const char *account_id)
{
  DflBinding *self = g_new0 (DflBinding, 1);

  self->tools = tools;
  self->settings = settings;
  self->account_id = g_strdup (account_id);
  dfl_token_new (tools->settings->secret, account_id, self->token);
  self->instance = dfl_token_make_instance (tools->settings->secret, account_id);
  self->call_ids[0] = make_random_name ();
  self->call_ids[1] = make_random_name ();
  self->from_tag = make_random_name ();
  self->from_tag[16] = '\0';
  self->uri = g_strdup_printf ("sip:%s", *settings->registrar != '\0' ? settings->registrar
                                                                      : settings->domain);
  self->former = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
dfl_binding_free (DflBinding *self)
{
  g_free (self->account_id);
  g_free (self->instance);
  g_free (self->call_ids[0]);
  g_free (self->call_ids[1]);
  g_free (self->from_tag);
  g_free (self->uri);
  g_free (self->contact);
  g_free (self->public_place);
  g_free (self->public_for);
  g_free (self->route);
  g_ptr_array_unref (self->former);
  g_free (self);
}
