/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/account.h"

#include "core/account-private.h"
#include "core/error.h"

struct _DflAccount
{
  GObject parent;

  char *id;
  DflAccountSettings *settings;
  DflPlace *place;
  gboolean conflict;
  guint n_offered;

  /* Of the line; the texts are ours. Kept as it is before the first report where it means nothing,
   * so that no account which starts to register begins with what an earlier time ended with. */
  DflRegistrationReport registration;

  DflAccountFunc on_changed;
  DflAccountFunc on_reported;
  gpointer listener_data;
};

G_DEFINE_FINAL_TYPE (DflAccount, dfl_account, G_TYPE_OBJECT)

char *
dfl_account_derive_id (const char *name, guint attempt)
{
  g_autoptr (GString) text = g_string_new ("deflectd account ");
  g_autofree char *digest = NULL;

  /* No name has a space, so that no attempt for one name is that for another. */
  g_string_append (text, name);
  if (attempt > 0)
    g_string_append_printf (text, " %u", attempt);
  digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text->str, -1);

  return g_strndup (digest, 8);
}

static const DflRegistrationReport unreported = {
  .state = DFL_ACCOUNT_STATE_CONNECTING,
  .reason = "",
  .server = "",
};

static gboolean
is_to_register (DflAccount *self)
{
  return self->settings->enabled && self->settings->registers && self->settings->problem == NULL;
}

static void
take_report (DflAccount *self, const DflRegistrationReport *report)
{
  g_autofree char *old_reason = (char *)self->registration.reason;
  g_autofree char *old_server = (char *)self->registration.server;

  self->registration = *report;
  self->registration.reason = g_strdup (report->reason);
  self->registration.server = g_strdup (report->server);
}

static void
take_settings (DflAccount *self, DflAccountSettings *settings)
{
  dfl_account_settings_free (self->settings);
  self->settings = settings;
  g_clear_pointer (&self->place, dfl_place_free);
  self->place = dfl_place_new (settings->address);
  if (!is_to_register (self))
    take_report (self, &unreported);
}

DflAccount *
dfl_account_new_with_id (DflAccountSettings *settings, const char *id)
{
  DflAccount *self = g_object_new (DFL_TYPE_ACCOUNT, NULL);

  self->id = g_strdup (id);
  take_settings (self, settings);

  return self;
}

DflAccount *
dfl_account_new (DflAccountSettings *settings)
{
  g_autofree char *id = settings->id != NULL ? g_strdup (settings->id)
                                             : dfl_account_derive_id (settings->name, 0);

  return dfl_account_new_with_id (settings, id);
}

const char *
dfl_account_get_id (DflAccount *self)
{
  return self->id;
}

const DflAccountSettings *
dfl_account_get_settings (DflAccount *self)
{
  return self->settings;
}

const DflPlace *
dfl_account_get_place (DflAccount *self)
{
  return self->place;
}

DflAccountState
dfl_account_get_state (DflAccount *self)
{
  if (self->settings->problem != NULL)
    return DFL_ACCOUNT_STATE_FAILED;
  if (!self->settings->enabled)
    return DFL_ACCOUNT_STATE_DISABLED;
  if (self->settings->registers)
    return self->registration.state;
  if (self->conflict)
    return DFL_ACCOUNT_STATE_FAILED;

  return DFL_ACCOUNT_STATE_DIRECT;
}

const char *
dfl_account_state_to_string (DflAccountState state)
{
  switch (state)
    {
    case DFL_ACCOUNT_STATE_DISABLED:
      return "disabled";
    case DFL_ACCOUNT_STATE_CONNECTING:
      return "connecting";
    case DFL_ACCOUNT_STATE_REGISTERED:
      return "registered";
    case DFL_ACCOUNT_STATE_DIRECT:
      return "direct";
    case DFL_ACCOUNT_STATE_FAILED:
      return "failed";
    default:
      g_return_val_if_reached ("failed");
    }
}

const char *
dfl_account_get_state_reason (DflAccount *self)
{
  if (self->settings->problem != NULL)
    return self->settings->problem;
  if (is_to_register (self))
    return self->registration.reason;
  if (dfl_account_get_state (self) != DFL_ACCOUNT_STATE_FAILED)
    return "";

  return "The user part of address= is already in use on this machine: choose another one, or set "
         "enabled=false";
}

void
dfl_account_update (DflAccount *self, DflAccountSettings *settings)
{
  g_return_if_fail (g_strcmp0 (settings->name, self->settings->name) == 0);

  take_settings (self, settings);
  if (self->on_changed != NULL)
    self->on_changed (self, self->listener_data);
}

static gboolean
equal_reports (const DflRegistrationReport *a, const DflRegistrationReport *b)
{
  return a->state == b->state && g_str_equal (a->reason, b->reason)
         && g_str_equal (a->server, b->server) && a->transport == b->transport
         && a->secure == b->secure && a->until == b->until;
}

void
dfl_account_report_registration (DflAccount *self, const DflRegistrationReport *report)
{
  g_return_if_fail (report->state == DFL_ACCOUNT_STATE_CONNECTING
                    || report->state == DFL_ACCOUNT_STATE_REGISTERED
                    || report->state == DFL_ACCOUNT_STATE_FAILED);

  if (!is_to_register (self) || equal_reports (report, &self->registration))
    return;

  take_report (self, report);
  if (self->on_reported != NULL)
    self->on_reported (self, self->listener_data);
}

const DflRegistrationReport *
dfl_account_get_registration (DflAccount *self)
{
  return &self->registration;
}

gboolean
dfl_account_check_registers (DflAccount *self, GError **error)
{
  const DflAccountSettings *settings = self->settings;

  if (settings->problem != NULL)
    g_set_error (error, DFL_ERROR, DFL_ERROR_LINE_DOWN,
                 "The account cannot work as it is set up: correct its settings first (%s)",
                 settings->problem);
  else if (!settings->registers)
    g_set_error_literal (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED,
                         "The account is a direct one, which takes calls without registering: set "
                         "register=true if it shall register");
  else if (!settings->enabled)
    g_set_error_literal (error, DFL_ERROR, DFL_ERROR_LINE_DOWN,
                         "The account is disabled: enable it, and it registers");

  return is_to_register (self);
}

guint
dfl_account_get_n_offered (DflAccount *self)
{
  return self->n_offered;
}

void
dfl_account_add_offered (DflAccount *self, int difference)
{
  self->n_offered += difference;
}

void
dfl_account_set_listener (DflAccount *self,
                          DflAccountFunc on_changed,
                          DflAccountFunc on_reported,
                          gpointer data)
{
  self->on_changed = on_changed;
  self->on_reported = on_reported;
  self->listener_data = data;
}

void
dfl_account_set_conflict (DflAccount *self, gboolean conflict)
{
  self->conflict = conflict;
}

static void
dfl_account_finalize (GObject *object)
{
  DflAccount *self = DFL_ACCOUNT (object);

  g_free (self->id);
  g_free ((char *)self->registration.reason);
  g_free ((char *)self->registration.server);
  g_clear_pointer (&self->place, dfl_place_free);
  g_clear_pointer (&self->settings, dfl_account_settings_free);

  G_OBJECT_CLASS (dfl_account_parent_class)->finalize (object);
}

static void
dfl_account_class_init (DflAccountClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_account_finalize;
}

static void
dfl_account_init (DflAccount *self)
{
  take_report (self, &unreported);
}
