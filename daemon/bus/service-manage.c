/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-manage.h"

#include <string.h>

#include "bus/account-change.h"
#include "bus/decision-details.h"
#include "core/error.h"

/*
 * Every change goes the same way, twice: the handler of its method looks at what is asked and
 * whom that takes, has the caller authorised, and is entered again with what was granted. So
 * nothing that was read before the question is believed after it. What then takes more than was
 * granted is refused, and so is what an administrator has allowed and comes to something else by
 * then: who was shown one account must not have allowed another.
 *
 * Who is not one of an account's users by name, but sees it as everybody does, sees only a part of
 * it. Whether its other settings let a change pass must not be found out by trying, so that such a
 * user is asked first and hears of it afterwards.
 */

/* Somebody who waits for a change to be kept. In the service's list until it is answered. */
typedef struct
{
  DflService *service; /* NULL: it was answered because the service closed */
  sd_bus_message *request;
  gboolean adds;
  DflAccount *account; /* what was added, while its users are looked up */
} Waiter;

/* --- Answers --- */

static void
free_waiter (Waiter *self)
{
  if (self->service != NULL)
    g_ptr_array_remove_fast (self->service->changes, self);
  g_clear_object (&self->account);
  sd_bus_message_unref (self->request);
  g_free (self);
}

static void
answer_added (Waiter *self, DflAccount *account)
{
  g_autofree char *path = dfl_account_path (account);

  dfl_door_reply (self->service->door, self->request, g_variant_new ("(o)", path));
}

static void
on_done (DflAccount *account, const GError *error, gpointer data)
{
  Waiter *self = data;
  DflService *service = self->service;

  if (service != NULL && error != NULL)
    dfl_door_reply_error (service->door, self->request, error);
  else if (service != NULL && self->adds)
    {
      /* The caller shall see what it has added by the time it hears of it. */
      if (!dfl_audience_is_settled (service->audience, account))
        {
          self->account = g_object_ref (account);
          return;
        }
      answer_added (self, account);
    }
  else if (service != NULL)
    dfl_door_reply (service->door, self->request, NULL);
  free_waiter (self);
}

void
dfl_manage_settle (DflService *service, DflAccount *account)
{
  for (guint i = service->changes->len; i > 0; i--)
    {
      Waiter *waiter = g_ptr_array_index (service->changes, i - 1);

      if (waiter->account != account)
        continue;
      answer_added (waiter, account);
      free_waiter (waiter);
    }
}

void
dfl_manage_dismiss (DflService *service)
{
  g_autoptr (GError) error = g_error_new_literal (
      DFL_ERROR, DFL_ERROR_FAILED,
      "The daemon stops before the change is known to be kept; look at the account when it has "
      "been started again");

  while (service->changes->len > 0)
    {
      Waiter *waiter = g_ptr_array_index (service->changes, service->changes->len - 1);

      if (waiter->account != NULL)
        {
          answer_added (waiter, waiter->account);
          free_waiter (waiter);
          continue;
        }
      dfl_door_reply_error (service->door, waiter->request, error);
      /* on_done is still to come. */
      g_ptr_array_set_size (service->changes, service->changes->len - 1);
      waiter->service = NULL;
    }
}

static Waiter *
add_waiter (DflRequest *request, gboolean adds)
{
  Waiter *waiter = g_new0 (Waiter, 1);

  waiter->service = request->service;
  waiter->request = sd_bus_message_ref (request->message);
  waiter->adds = adds;
  g_ptr_array_add (request->service->changes, waiter);
  return waiter;
}

/* --- Who asks, and what that takes --- */

/* The caller's name as users= has it. Root is who has its uid, whatever that is called. */
static const char *
get_caller (const DflRequest *request)
{
  return request->peer->uid == 0 ? "root" : request->peer->decided_by + strlen ("user:");
}

static gboolean
is_nameless (const DflRequest *request, const char *caller)
{
  g_autofree char *number = g_strdup_printf ("%u", request->peer->uid);

  return g_str_equal (caller, number);
}

/* Whether somebody was asked who allows what is so described, and nothing else. */
static gboolean
is_bound (const DflRequest *request)
{
  return !request->service->single_user && request->peer->uid != 0
         && g_strcmp0 (request->granted, DFL_ACTION_MANAGE_ACCOUNTS) == 0;
}

static gboolean
is_as_authorised (const DflRequest *request, const DflAccountSettings *draft)
{
  return request->authorised != NULL && draft != NULL
         && dfl_account_settings_equal_drafts (request->authorised, draft);
}

/* Whether the caller may go on; else it is asked, and handler entered again, or it is refused.
 * draft is what the request comes to, NULL where that is not for the caller to know. */
static gboolean
may_proceed (DflRequest *request,
             gboolean administrator,
             const DflAccountSettings *draft,
             char **details,
             DflRequestHandler again)
{
  g_autoptr (GError) error = NULL;

  if (request->granted == NULL)
    {
      request->authorised = draft;
      dfl_request_authorise (request,
                             administrator ? DFL_ACTION_MANAGE_ACCOUNTS
                                           : DFL_ACTION_MANAGE_OWN_ACCOUNTS,
                             (const char *const *)details, again);
      return FALSE;
    }
  if (administrator && !g_str_equal (request->granted, DFL_ACTION_MANAGE_ACCOUNTS))
    g_set_error_literal (&error, DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                         "The account was changed meanwhile, and this takes an administrator now; "
                         "look at it and try again");
  else if (is_bound (request) && !is_as_authorised (request, draft))
    g_set_error_literal (&error, DFL_ERROR, DFL_ERROR_FAILED,
                         "The account was changed meanwhile; look at it and try again");
  else
    return TRUE;
  dfl_request_fail (request, error);
  return FALSE;
}

static DflAccountAuthor
make_author (const DflRequest *request, const char *caller)
{
  DflAccountAuthor author = {
    .caller = caller,
    .as_administrator = request->service->single_user || request->peer->uid == 0
                        || g_str_equal (request->granted, DFL_ACTION_MANAGE_ACCOUNTS),
    .authorised = is_bound (request) ? request->authorised : NULL,
  };

  return author;
}

static gboolean
is_listed (const DflRequest *request)
{
  return dfl_audience_lists (request->service->audience, request->peer, request->node.account);
}

/* --- Changes --- */

void
dfl_manage_add (DflRequest *request, const char *name, GVariant *settings, DflRequestHandler again)
{
  DflService *service = request->service;
  gboolean creator_owns = !service->single_user;
  const char *caller = get_caller (request);
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (DflAccountSettings) draft = NULL;
  g_auto (GStrv) details = NULL;
  g_autoptr (GError) error = NULL;
  DflAccountAuthor author;

  if (!dfl_audience_admits (service->audience, request->peer))
    g_set_error_literal (&error, DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                         "Everything here belongs to the user who runs deflectd; run your own");
  else if (creator_owns && is_nameless (request, caller))
    g_set_error_literal (&error, DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                         "Your user has no name of its own in this system's user database, and "
                         "accounts belong to names; ask the administrator");
  else if (dfl_account_change_read_settings (change, settings, &error))
    draft = dfl_switchboard_draft_account (service->switchboard, NULL, name, caller, creator_owns,
                                           change, &error);
  if (draft == NULL)
    {
      dfl_request_fail (request, error);
      return;
    }
  details = dfl_change_details_new ("add", NULL, NULL, draft);
  if (!may_proceed (request, dfl_account_settings_need_administrator (NULL, draft, caller), draft,
                    details, again))
    return;
  author = make_author (request, caller);
  dfl_switchboard_add_account (service->switchboard, name, &author, creator_owns,
                               g_steal_pointer (&change), on_done, add_waiter (request, TRUE));
}

/* What the authority is told of the change of an account that is there. */
static char **
make_update_details (const DflRequest *request,
                     const DflAccountSettings *draft,
                     const DflAccountChange *change)
{
  DflAccount *account = request->node.account;
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  g_autoptr (DflAccountSettings) guess = NULL;

  if (is_listed (request))
    return dfl_change_details_new ("update", account, settings, draft);
  guess = dfl_change_guess_new (settings, change);
  return dfl_change_details_new ("update", account, NULL, guess);
}

/* Whether the caller may hear why the account cannot be changed so: that it stands in a file,
 * everybody who sees it. */
static gboolean
may_hear (const DflRequest *request, const GError *error)
{
  return is_listed (request) || g_error_matches (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED)
         || g_strcmp0 (request->granted, DFL_ACTION_MANAGE_ACCOUNTS) == 0;
}

void
dfl_manage_update (DflRequest *request, DflAccountChange *change, DflRequestHandler again)
{
  DflService *service = request->service;
  DflAccount *account = request->node.account;
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  g_autoptr (DflAccountChange) owned = change;
  const char *caller = get_caller (request);
  g_autoptr (DflAccountSettings) draft = NULL;
  g_auto (GStrv) details = NULL;
  g_autoptr (GError) error = NULL;
  DflAccountAuthor author;

  draft = dfl_switchboard_draft_account (service->switchboard, account, NULL, NULL, FALSE, change,
                                         &error);
  if (draft == NULL && may_hear (request, error))
    {
      dfl_request_fail (request, error);
      return;
    }
  details = make_update_details (request, draft, change);
  if (!may_proceed (request,
                    !is_listed (request)
                        || dfl_account_settings_need_administrator (settings, draft, caller),
                    draft, details, again))
    return;
  author = make_author (request, caller);
  dfl_switchboard_update_account (service->switchboard, account, &author, g_steal_pointer (&owned),
                                  on_done, add_waiter (request, FALSE));
}

void
dfl_manage_remove (DflRequest *request, DflRequestHandler again)
{
  DflService *service = request->service;
  DflAccount *account = request->node.account;
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  const char *caller = get_caller (request);
  g_autoptr (DflAccountChange) nothing = dfl_account_change_new ();
  g_autoptr (DflAccountSettings) draft = NULL;
  g_auto (GStrv) details = dfl_change_details_new ("remove", account, settings, settings);
  g_autoptr (GError) error = NULL;
  DflAccountAuthor author;

  /* Whether it can be changed at all; its settings may be as wrong as they like. */
  draft = dfl_switchboard_draft_account (service->switchboard, account, NULL, NULL, FALSE, nothing,
                                         &error);
  if (g_error_matches (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED))
    dfl_request_fail (request, error);
  else if (may_proceed (request, !is_listed (request), settings, details, again))
    {
      author = make_author (request, caller);
      dfl_switchboard_remove_account (service->switchboard, account, &author, on_done,
                                      add_waiter (request, FALSE));
    }
}

/* What the switchboard takes; anything else it refuses, with a reason. */
static gboolean
can_register (const DflAccountSettings *settings)
{
  return settings->registers && settings->enabled && settings->problem == NULL;
}

/* Not a change of settings, but the same question: who may have the daemon speak to the account's
 * server, with the account's password. */
void
dfl_manage_register (DflRequest *request, DflRequestHandler again)
{
  DflAccount *account = request->node.account;
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  gboolean asks = can_register (settings) || !is_listed (request);
  g_auto (GStrv) details = dfl_change_details_new ("register", account, settings, settings);
  g_autoptr (GError) error = NULL;

  if (asks && !may_proceed (request, !is_listed (request), settings, details, again))
    return;
  if (dfl_switchboard_register_account (request->service->switchboard, account, &error))
    dfl_request_reply (request, NULL);
  else
    dfl_request_fail (request, error);
}
