/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-manage.h"

#include <string.h>

#include "bus/account-change.h"
#include "core/error.h"

/*
 * Every change goes the same way, twice: the handler of its method looks at what is asked and
 * whom that takes, has the caller authorised, and is entered again with what was granted. So
 * nothing that was read before the question is believed after it. What then takes more than was
 * granted is refused.
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

/* The caller's name as users= has it. Root is who has its uid, and nobody else by any name. */
static char *
get_caller (const DflRequest *request)
{
  const char *name = request->peer->decided_by + strlen ("user:");

  if (request->peer->uid == 0)
    return g_strdup ("root");
  if (g_str_equal (name, "root"))
    return g_strdup_printf ("%u", request->peer->uid);
  return g_strdup (name);
}

static gboolean
is_nameless (const DflRequest *request, const char *caller)
{
  g_autofree char *number = g_strdup_printf ("%u", request->peer->uid);

  return g_str_equal (caller, number);
}

/* Whether the caller may go on; else it is asked, and handler entered again, or it is refused. */
static gboolean
may_proceed (DflRequest *request, gboolean administrator, const char *name, DflRequestHandler again)
{
  const char *const details[] = { "account", name, NULL };
  g_autoptr (GError) error = NULL;

  if (request->granted == NULL)
    {
      dfl_request_authorise (request,
                             administrator ? DFL_ACTION_MANAGE_ACCOUNTS
                                           : DFL_ACTION_MANAGE_OWN_ACCOUNTS,
                             details, again);
      return FALSE;
    }
  if (!administrator || g_str_equal (request->granted, DFL_ACTION_MANAGE_ACCOUNTS))
    return TRUE;
  g_set_error_literal (&error, DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                       "The account was changed meanwhile, and this takes an administrator now; "
                       "look at it and try again");
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
  g_autofree char *caller = get_caller (request);
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (DflAccountSettings) draft = NULL;
  g_autoptr (GError) error = NULL;
  DflAccountAuthor author;

  if (!dfl_audience_admits (service->audience, request->peer))
    g_set_error_literal (&error, DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                         "Everything here belongs to the user who runs deflectd; run your own");
  else if (creator_owns && is_nameless (request, caller))
    g_set_error_literal (&error, DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                         "Your user has no name in this system's user database, and accounts "
                         "belong to names; ask the administrator");
  else if (dfl_account_change_read_settings (change, settings, &error))
    draft = dfl_switchboard_draft_account (service->switchboard, NULL, name, caller, creator_owns,
                                           change, &error);
  if (draft == NULL)
    {
      dfl_request_fail (request, error);
      return;
    }
  if (!may_proceed (request, dfl_account_settings_need_administrator (NULL, draft, caller), name,
                    again))
    return;
  author = make_author (request, caller);
  dfl_switchboard_add_account (service->switchboard, name, &author, creator_owns,
                               g_steal_pointer (&change), on_done, add_waiter (request, TRUE));
}

void
dfl_manage_update (DflRequest *request, DflAccountChange *change, DflRequestHandler again)
{
  DflService *service = request->service;
  DflAccount *account = request->node.account;
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  g_autofree char *caller = get_caller (request);
  g_autoptr (DflAccountSettings) draft = NULL;
  g_autoptr (GError) error = NULL;
  DflAccountAuthor author;

  draft = dfl_switchboard_draft_account (service->switchboard, account, NULL, NULL, FALSE, change,
                                         &error);
  if (draft == NULL)
    dfl_request_fail (request, error);
  else if (may_proceed (request,
                        !is_listed (request)
                            || dfl_account_settings_need_administrator (settings, draft, caller),
                        settings->name, again))
    {
      author = make_author (request, caller);
      dfl_switchboard_update_account (service->switchboard, account, &author, change, on_done,
                                      add_waiter (request, FALSE));
      return;
    }
  dfl_account_change_free (change);
}

void
dfl_manage_remove (DflRequest *request, DflRequestHandler again)
{
  DflService *service = request->service;
  DflAccount *account = request->node.account;
  g_autofree char *caller = get_caller (request);
  g_autoptr (DflAccountChange) nothing = dfl_account_change_new ();
  g_autoptr (DflAccountSettings) draft = NULL;
  g_autoptr (GError) error = NULL;
  DflAccountAuthor author;

  /* Whether it can be changed at all; its settings may be as wrong as they like. */
  draft = dfl_switchboard_draft_account (service->switchboard, account, NULL, NULL, FALSE, nothing,
                                         &error);
  if (g_error_matches (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED))
    dfl_request_fail (request, error);
  else if (may_proceed (request, !is_listed (request), dfl_account_get_settings (account)->name,
                        again))
    {
      author = make_author (request, caller);
      dfl_switchboard_remove_account (service->switchboard, account, &author, on_done,
                                      add_waiter (request, FALSE));
    }
}
