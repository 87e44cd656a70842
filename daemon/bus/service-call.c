/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "bus/call-properties.h"
#include "bus/decision-details.h"
#include "core/error.h"
#include "data/interface-info.h"

/* How long a caller of Redirect waits for the ACK before it hears "not yet". */
#define WAIT_LIMIT (20 * G_USEC_PER_SEC)

/*
 * Somebody who wants to know how a redirect ends; in the service's table, by its call. Who sees the
 * call no longer when it ends is told of that nothing, not even the time: it goes on to wait, by
 * itself, until the limit.
 */
typedef struct
{
  DflService *service;
  gpointer key;  /* in the table */
  DflPeer *peer; /* kept */
  sd_bus_message *request;
  DflAlarm *alarm;
} DflWaiter;

/* --- Redirect --- */

static void
free_waiter (DflWaiter *self)
{
  dfl_clock_clear_alarm (self->service->clock, &self->alarm);
  self->peer->keepers--;
  sd_bus_message_unref (self->request);
  g_free (self);
}

GHashTable *
dfl_service_waiters_new (void)
{
  return g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)free_waiter);
}

/* Where the waiter does not see the call, that is the answer. */
static void
answer_waiter (DflWaiter *self, DflError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (DFL_ERROR, code, text);
  DflNode node;

  if (dfl_tree_find_node (self->service, self->peer, self->request, &node))
    dfl_door_reply_error (self->service->door, self->request, error);
}

void
dfl_service_settle_waiter (DflService *self, DflCall *call)
{
  DflWaiter *waiter = g_hash_table_lookup (self->waiters, call);

  if (waiter == NULL)
    return;
  if (!dfl_audience_sees (self->audience, waiter->peer, dfl_call_get_account (call)))
    {
      g_hash_table_steal (self->waiters, call);
      waiter->key = waiter;
      g_hash_table_insert (self->waiters, waiter, waiter);
      return;
    }
  switch (dfl_call_get_outcome (call))
    {
    case DFL_OUTCOME_REDIRECTED:
      dfl_door_reply (self->door, waiter->request, NULL);
      break;
    case DFL_OUTCOME_UNCONFIRMED:
      answer_waiter (waiter, DFL_ERROR_UNCONFIRMED,
                     "The redirect was sent and nobody acknowledged it; ask the person who called");
      break;
    default:
      answer_waiter (waiter, DFL_ERROR_LINE_DOWN,
                     "The redirect did not reach the network; check the connection to the server");
      break;
    }
  g_hash_table_remove (self->waiters, call);
}

void
dfl_service_dismiss_waiters (DflService *self)
{
  GHashTableIter iter;
  gpointer waiter;

  g_hash_table_iter_init (&iter, self->waiters);
  while (g_hash_table_iter_next (&iter, NULL, &waiter))
    {
      answer_waiter (waiter, DFL_ERROR_UNCONFIRMED,
                     "The redirect was sent, and deflectd stops before anybody acknowledged it; "
                     "do not send it again");
      g_hash_table_iter_remove (&iter);
    }
}

static gboolean
is_of_peer (gpointer key, gpointer waiter, gpointer peer)
{
  return ((DflWaiter *)waiter)->peer == peer;
}

void
dfl_service_forget_waiters (DflService *self, DflPeer *peer)
{
  g_hash_table_foreach_remove (self->waiters, is_of_peer, peer);
}

static void
on_wait_limit (gpointer data)
{
  DflWaiter *self = data;

  self->alarm = NULL;
  answer_waiter (self, DFL_ERROR_UNCONFIRMED,
                 "The redirect was sent and is not acknowledged yet; watch the call's State");
  g_hash_table_remove (self->service->waiters, self->key);
}

static void
add_waiter (DflRequest *request)
{
  DflService *service = request->service;
  DflWaiter *waiter = g_new0 (DflWaiter, 1);

  waiter->service = service;
  waiter->key = request->node.call;
  waiter->peer = request->peer;
  waiter->peer->keepers++;
  waiter->request = sd_bus_message_ref (request->message);
  waiter->alarm = dfl_clock_set_alarm (service->clock, dfl_clock_now (service->clock) + WAIT_LIMIT,
                                       on_wait_limit, waiter);
  g_hash_table_insert (service->waiters, waiter->key, waiter);
}

static gboolean
check_redirect_options (GVariant *options, GError **error)
{
  static const char *const names[] = { "wait", "b", "alternatives", "a(sd)", NULL };
  g_autoptr (GVariant) alternatives = NULL;

  if (!dfl_request_check_options (options, names, error))
    return FALSE;
  alternatives = g_variant_lookup_value (options, "alternatives", NULL);
  if (alternatives == NULL)
    return TRUE;
  g_set_error_literal (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED,
                       "This version redirects to one target only; leave alternatives out");
  return FALSE;
}

/* Asks before a decision; target is NULL but for redirects. Details are for who is asked. */
static void
authorise (DflRequest *request,
           const char *action,
           const DflTarget *target,
           DflRequestHandler proceed)
{
  g_auto (GStrv) details = NULL;

  if (dfl_request_must_ask (request))
    details = dfl_decision_details_new (request->node.call, action, target);
  dfl_request_authorise (request, DFL_ACTION_REDIRECT, (const char *const *)details, proceed);
}

/* Whether what was authorised is what would be sent now: settings may have changed meanwhile. */
static gboolean
is_as_authorised (DflRequest *request, const char *text, GError **error)
{
  g_autoptr (DflTarget) target = dfl_call_check_redirect (request->node.call, text, error);
  g_auto (GStrv) details = NULL;

  if (target == NULL)
    return FALSE;
  details = dfl_decision_details_new (request->node.call, "redirect", target);
  if (g_strv_equal ((const char *const *)details, request->details))
    return TRUE;
  g_set_error_literal (error, DFL_ERROR, DFL_ERROR_FAILED,
                       "The account's settings changed while this was being authorised, and the "
                       "call would go somewhere else now; look at it and try again");
  return FALSE;
}

static void
proceed_redirect (DflRequest *request)
{
  g_autoptr (DflCall) call = g_object_ref (request->node.call);
  const char *text;
  g_autoptr (GVariant) options = NULL;
  g_autoptr (GError) error = NULL;
  gboolean wait = TRUE;

  g_variant_get (request->parameters, "(&s@a{sv})", &text, &options);
  if ((dfl_request_must_ask (request) && !is_as_authorised (request, text, &error))
      || !dfl_call_redirect (call, text, request->peer->decided_by, &error))
    {
      dfl_request_fail (request, error);
      return;
    }
  g_variant_lookup (options, "wait", "b", &wait);
  if (wait)
    add_waiter (request);
  else
    dfl_request_reply (request, NULL);
}

/* What a redirect comes to, before anybody is asked; NULL where it is refused. */
static DflTarget *
read_redirect (DflRequest *request, GError **error)
{
  const char *text;
  g_autoptr (GVariant) options = NULL;

  g_variant_get (request->parameters, "(&s@a{sv})", &text, &options);
  if (!check_redirect_options (options, error))
    return NULL;
  return dfl_call_check_redirect (request->node.call, text, error);
}

/* Where nobody must be asked, the redirect itself is the check of its target. */
static void
handle_redirect (DflRequest *request)
{
  g_autoptr (GVariant) options = g_variant_get_child_value (request->parameters, 1);
  g_autoptr (DflTarget) target = NULL;
  g_autoptr (GError) error = NULL;

  if (dfl_request_must_ask (request))
    target = read_redirect (request, &error);
  else
    check_redirect_options (options, &error);
  if (error != NULL)
    dfl_request_fail (request, error);
  else
    authorise (request, "redirect", target, proceed_redirect);
}

static void
reply_to_check (DflRequest *request, const DflTarget *target, const GError *error)
{
  g_autofree char *refusal = NULL;
  const char *contacts[] = { NULL, NULL };

  if (error == NULL)
    contacts[0] = dfl_target_get_uri (target);
  else
    refusal = g_strconcat (dfl_door_error_name (error), ": ", error->message, NULL);
  dfl_request_reply (request, g_variant_new ("(b^ass)", error == NULL, contacts,
                                             refusal == NULL ? "" : refusal));
}

static void
proceed_check_redirect (DflRequest *request)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) target = read_redirect (request, &error);

  reply_to_check (request, target, error == NULL ? request->refusal : error);
}

static void
handle_check_redirect (DflRequest *request)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) target = NULL;
  g_auto (GStrv) details = NULL;

  if (!dfl_request_must_ask (request))
    {
      proceed_check_redirect (request);
      return;
    }
  target = read_redirect (request, &error);
  if (target == NULL)
    {
      reply_to_check (request, NULL, error);
      return;
    }
  details = dfl_decision_details_new (request->node.call, "redirect", target);
  dfl_request_would_authorise (request, DFL_ACTION_REDIRECT, (const char *const *)details,
                               proceed_check_redirect);
}

/* --- The other decisions --- */

static guint32
get_status (DflRequest *request)
{
  g_autoptr (GVariant) options = g_variant_get_child_value (request->parameters, 0);
  guint32 status = 0;

  /* To core 0 means the account's default; over the bus that is to leave the option out. */
  if (g_variant_lookup (options, "status", "u", &status) && status == 0)
    return G_MAXUINT32;
  return status;
}

static void
proceed_decline (DflRequest *request)
{
  g_autoptr (DflCall) call = g_object_ref (request->node.call);
  g_autoptr (GError) error = NULL;

  if (dfl_call_decline (call, get_status (request), request->peer->decided_by, &error))
    dfl_request_reply (request, NULL);
  else
    dfl_request_fail (request, error);
}

static void
handle_decline (DflRequest *request)
{
  static const char *const names[] = { "status", "u", NULL };
  g_autoptr (GVariant) options = g_variant_get_child_value (request->parameters, 0);
  g_autoptr (GError) error = NULL;

  if (dfl_request_check_options (options, names, &error)
      && dfl_call_check_decline (request->node.call, get_status (request), &error))
    authorise (request, "decline", NULL, proceed_decline);
  else
    dfl_request_fail (request, error);
}

static void
proceed_silence (DflRequest *request)
{
  g_autoptr (GError) error = NULL;

  if (dfl_call_silence (request->node.call, &error))
    dfl_request_reply (request, NULL);
  else
    dfl_request_fail (request, error);
}

static void
handle_silence (DflRequest *request)
{
  g_autoptr (GError) error = NULL;

  if (dfl_call_check_offered (request->node.call, &error))
    authorise (request, "silence", NULL, proceed_silence);
  else
    dfl_request_fail (request, error);
}

static void
handle_keep (DflRequest *request)
{
  dfl_request_fail_unsupported (request, "This version has no rules; there is nothing to drop");
}

/* --- Tables --- */

static int
append_property (DflService *service, const DflNode *node, guint index, sd_bus_message *message)
{
  return dfl_call_append_property (node->call, index, message);
}

static const DflRequestHandler methods[] = { handle_redirect, handle_check_redirect, handle_decline,
                                             handle_silence, handle_keep };

const DflInterface dfl_call_interface = {
  .info = &org_deflectd1_call_interface,
  .methods = methods,
  .append_property = append_property,
};
