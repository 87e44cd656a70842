/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "bus/message.h"
#include "core/error.h"

/* What an answer of the authority costs, in microseconds. */
#define COST 1000

/* A request while the authority thinks about it; all else is looked up anew. */
typedef struct
{
  DflService *service;
  DflPeer *peer;
  sd_bus_message *message;
  const char *action;
  char **details;
  DflAccountSettings *authorised;
  DflRequestHandler proceed;
  gboolean dry; /* for dfl_request_would_authorise */
} Held;

static void
free_held (gpointer data)
{
  Held *self = data;

  sd_bus_message_unref (self->message);
  g_strfreev (self->details);
  g_clear_pointer (&self->authorised, dfl_account_settings_free);
  g_free (self);
}

static void
proceed (Held *self, DflAuthorityAnswer answer, const GError *refusal)
{
  DflRequest request = {
    .service = self->service,
    .peer = self->peer,
    .message = self->message,
    .granted = answer == DFL_AUTHORITY_GRANTED ? self->action : NULL,
    .details = (const char *const *)self->details,
    .authorised = self->authorised,
    .refusal = answer == DFL_AUTHORITY_CHALLENGE ? NULL : refusal,
  };
  g_autoptr (GVariant) parameters = NULL;

  if (!dfl_tree_find_node (self->service, self->peer, self->message, &request.node))
    return;
  parameters = dfl_message_read (self->message, DFL_PEERS_MAX_BODY);
  if (parameters == NULL)
    {
      dfl_door_refuse_too_big (self->service->door, self->message);
      return;
    }
  request.parameters = g_variant_ref_sink (parameters);
  self->proceed (&request);
}

static void
on_answered (DflAuthorityAnswer answer, const GError *error, gpointer data)
{
  Held *self = data;

  /* The daemon stops where it is FAILED; then there is nothing more to look up. */
  if (error != NULL && (!self->dry || error->code == DFL_ERROR_FAILED))
    dfl_door_reply_error (self->service->door, self->message, error);
  else
    proceed (self, answer, error);
}

static void
ask (DflRequest *request,
     const char *action,
     const char *const *details,
     gboolean dry,
     DflRequestHandler handler)
{
  DflService *service = request->service;
  Held *held = g_new0 (Held, 1);
  gboolean interactive = !dry
                         && sd_bus_message_get_allow_interactive_authorization (request->message)
                                > 0;

  held->service = service;
  held->peer = request->peer;
  held->message = sd_bus_message_ref (request->message);
  held->action = action;
  held->details = g_strdupv ((char **)details);
  if (request->authorised != NULL)
    held->authorised = dfl_account_settings_ref (request->authorised);
  held->dry = dry;
  held->proceed = handler;
  dfl_door_charge (service->door, request->peer, COST);
  dfl_permits_ask (service->permits, request->peer, action, details, interactive, on_answered, held,
                   free_held);
}

gboolean
dfl_request_must_ask (const DflRequest *self)
{
  return !self->service->single_user && self->peer->uid != 0;
}

static void
authorise (DflRequest *self,
           const char *action,
           const char *const *details,
           gboolean dry,
           DflRequestHandler handler)
{
  g_autoptr (GError) error = NULL;

  if (!dfl_request_must_ask (self))
    {
      self->granted = action;
      self->details = details;
      handler (self);
      return;
    }
  if (self->service->permits != NULL)
    {
      ask (self, action, details, dry, handler);
      return;
    }
  error = g_error_new_literal (DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                               "Nobody but root may do this here, because deflectd has no polkit "
                               "to ask; do it as root");
  if (dry)
    {
      self->refusal = error;
      handler (self);
    }
  else
    dfl_request_fail (self, error);
}

void
dfl_request_authorise (DflRequest *self,
                       const char *action,
                       const char *const *details,
                       DflRequestHandler proceed_to)
{
  authorise (self, action, details, FALSE, proceed_to);
}

void
dfl_request_would_authorise (DflRequest *self,
                             const char *action,
                             const char *const *details,
                             DflRequestHandler proceed_to)
{
  authorise (self, action, details, TRUE, proceed_to);
}
