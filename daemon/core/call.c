/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/call.h"

#include "core/call-private.h"
#include "core/error.h"
#include "core/loops.h"

/*
 * The state changes first and is announced once; whoever listens may ask for a decision from
 * within the announcement and is told what is true by then. The response leaves before the state
 * changes, because what could not be sent was not decided.
 */
struct _DflCall
{
  GObject parent;

  char id[9];
  guint8 state;           /* DflCallState */
  guint8 outcome;         /* DflOutcome */
  guint8 decline_outcome; /* DflOutcome of the final response on its way */
  guint silenced : 1;
  guint deadline_is_expires : 1; /* the INVITE's Expires comes first, not the ring limit */

  const DflCallHost *host;
  DflAccount *account;
  DflAccountSettings *settings;
  DflOffer *offer;
  DflLine *line;
  DflLeg *leg;     /* NULL once released */
  DflAlarm *alarm; /* of the deadline */
  gint64 deadline; /* wall clock */
  char *redirected_to;
  char *decided_by;
};

G_DEFINE_FINAL_TYPE (DflCall, dfl_call, G_TYPE_OBJECT)

const char *
dfl_call_get_id (DflCall *self)
{
  return self->id;
}

DflAccount *
dfl_call_get_account (DflCall *self)
{
  return self->account;
}

const DflOffer *
dfl_call_get_offer (DflCall *self)
{
  return self->offer;
}

const DflAccountSettings *
dfl_call_get_settings (DflCall *self)
{
  return self->settings;
}

DflCallState
dfl_call_get_state (DflCall *self)
{
  return self->state;
}

DflOutcome
dfl_call_get_outcome (DflCall *self)
{
  return self->outcome;
}

gboolean
dfl_call_get_silenced (DflCall *self)
{
  return self->silenced;
}

gint64
dfl_call_get_deadline (DflCall *self)
{
  return self->deadline;
}

const char *
dfl_call_get_redirected_to (DflCall *self)
{
  return self->redirected_to != NULL ? self->redirected_to : "";
}

const char *
dfl_call_get_decided_by (DflCall *self)
{
  return self->decided_by != NULL ? self->decided_by : "";
}

const char *
dfl_call_state_to_string (DflCallState state)
{
  static const char *const names[] = { "offered", "redirecting", "declining", "idle" };

  g_return_val_if_fail (state < G_N_ELEMENTS (names), "idle");

  return names[state];
}

const char *
dfl_outcome_to_string (DflOutcome outcome)
{
  static const char *const names[] = { "none",      "redirected",         "unconfirmed", "declined",
                                       "cancelled", "answered-elsewhere", "expired",     "failed" };

  g_return_val_if_fail (outcome < G_N_ELEMENTS (names), "failed");

  return names[outcome];
}

const char *const *
dfl_call_state_get_actions (DflCallState state)
{
  static const char *const offered[] = { "redirect", "decline", "silence", NULL };
  static const char *const none[] = { NULL };

  return state == DFL_CALL_STATE_OFFERED ? offered : none;
}

/* --- Transitions --- */

/* From offered to a state in which a final response is under way. */
static void
decide (DflCall *self, DflCallState state, const char *decided_by)
{
  dfl_clock_clear_alarm (self->host->clock, &self->alarm);
  dfl_account_add_offered (self->account, -1);
  self->state = state;
  self->decided_by = g_strdup (decided_by);
  g_debug ("Call %s: %s, decided by %s", self->id, dfl_call_state_to_string (state), decided_by);

  self->host->on_changed (self, DFL_CALL_CHANGE_STATE | DFL_CALL_CHANGE_DECISION, self->host->data);
}

static void
go_idle (DflCall *self, DflOutcome outcome)
{
  g_autoptr (DflCall) G_GNUC_UNUSED keep = g_object_ref (self);
  const DflCallHost *host = self->host;
  guint changes = DFL_CALL_CHANGE_STATE;

  if (self->state == DFL_CALL_STATE_OFFERED)
    {
      dfl_clock_clear_alarm (host->clock, &self->alarm);
      dfl_account_add_offered (self->account, -1);
      self->decided_by = g_strdup ("network");
      changes |= DFL_CALL_CHANGE_DECISION;
    }
  self->state = DFL_CALL_STATE_IDLE;
  self->outcome = outcome;
  /* A line a call on the log would cost the daemon more than the call's own part in core. */
  g_debug ("Call %s: %s, decided by %s", self->id, dfl_outcome_to_string (outcome),
           self->decided_by);

  host->on_changed (self, changes, host->data);

  /* The host may have gone in its listeners' hands, and took the call with it. */
  if (self->host == NULL)
    return;

  dfl_line_release (self->line, g_steal_pointer (&self->leg));
  self->host = NULL;
  host->on_removed (self, host->data);
}

void
dfl_call_abandon (DflCall *self)
{
  if (self->host == NULL)
    return;

  dfl_clock_clear_alarm (self->host->clock, &self->alarm);
  if (self->state == DFL_CALL_STATE_OFFERED)
    dfl_account_add_offered (self->account, -1);
  if (self->state != DFL_CALL_STATE_IDLE)
    self->outcome = DFL_OUTCOME_FAILED;
  self->state = DFL_CALL_STATE_IDLE;
  self->host = NULL;
  dfl_line_release (self->line, g_steal_pointer (&self->leg));
}

/* --- Decisions --- */

gboolean
dfl_call_check_offered (DflCall *self, GError **error)
{
  if (self->state == DFL_CALL_STATE_OFFERED)
    return TRUE;

  g_set_error (error, DFL_ERROR, DFL_ERROR_TOO_LATE,
               "This call is %s already, decided by %s: decide earlier, while its State is offered",
               self->state == DFL_CALL_STATE_IDLE ? dfl_outcome_to_string (self->outcome)
                                                  : dfl_call_state_to_string (self->state),
               dfl_call_get_decided_by (self));

  return FALSE;
}

/* One sentence for every loop, so that it says nothing about who else is served here. */
static gboolean
check_loop (DflCall *self, const DflTarget *target, GError **error)
{
  g_autoptr (DflPlace) place = dfl_place_new (dfl_target_get_uri (target));
  g_autoptr (DflPlace) own = dfl_place_new (self->settings->address);

  if (dfl_loops_count_diversions (self->offer) >= DFL_LOOPS_MAX_DIVERSIONS)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_LOOP_DETECTED,
                   "This call was diverted %u times or more before it came here: decline it "
                   "instead of redirecting it",
                   DFL_LOOPS_MAX_DIVERSIONS);
      return FALSE;
    }

  if (dfl_loops_came_from (self->offer, place) || dfl_place_same (place, own)
      || (self->settings->registers && dfl_loops_is_contact (self->offer, place))
      || (!self->settings->allow_local_targets
          && self->host->is_local (self, place, self->host->data)))
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_LOOP_DETECTED,
                           "The target would bring the call back to where it came from: give "
                           "another one");
      return FALSE;
    }

  return TRUE;
}

DflTarget *
dfl_call_check_redirect (DflCall *self, const char *text, GError **error)
{
  g_autoptr (DflTarget) target = NULL;

  if (!dfl_call_check_offered (self, error))
    return NULL;

  if (dfl_target_kind (text) == DFL_TARGET_KIND_ALIAS)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_NOT_SUPPORTED,
                           "This version knows no aliases: give a number or an address that "
                           "begins with sip:, sips: or tel:");
      return NULL;
    }

  target = dfl_target_new (text, self->settings->redirect_domain, self->offer->secure, error);
  if (target == NULL || !check_loop (self, target, error))
    return NULL;

  if (self->offer->secure && !dfl_target_is_secure (target)
      && !self->settings->allow_sips_downgrade)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_TARGET_NOT_ALLOWED,
                           "The call came over sips and may only go to a sips: target: give one, "
                           "or set allow-sips-downgrade=true for the account");
      return NULL;
    }

  return g_steal_pointer (&target);
}

gboolean
dfl_call_redirect (DflCall *self, const char *text, const char *decided_by, GError **error)
{
  g_autoptr (DflTarget) target = dfl_call_check_redirect (self, text, error);

  if (target == NULL)
    return FALSE;

  if (!dfl_line_redirect (self->line, self->leg, target, error))
    {
      go_idle (self, DFL_OUTCOME_FAILED);
      return FALSE;
    }

  self->redirected_to = g_strdup (dfl_target_get_uri (target));
  decide (self, DFL_CALL_STATE_REDIRECTING, decided_by);

  return TRUE;
}

/* outcome is what the call ends with, whether the response is acknowledged or not. */
static gboolean
decline_with (
    DflCall *self, guint status, DflOutcome outcome, const char *decided_by, GError **error)
{
  if (!dfl_line_decline (self->line, self->leg, status, error))
    {
      go_idle (self, DFL_OUTCOME_FAILED);
      return FALSE;
    }

  self->decline_outcome = outcome;
  decide (self, DFL_CALL_STATE_DECLINING, decided_by);

  return TRUE;
}

gboolean
dfl_call_check_decline (DflCall *self, guint status, GError **error)
{
  if (!dfl_call_check_offered (self, error))
    return FALSE;

  if (status != 0 && status != 480 && status != 486 && status != 603)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_OPTION,
                   "A call cannot be declined with status %u: use 480, 486 or 603", status);
      return FALSE;
    }

  return TRUE;
}

gboolean
dfl_call_decline (DflCall *self, guint status, const char *decided_by, GError **error)
{
  if (!dfl_call_check_decline (self, status, error))
    return FALSE;

  if (status == 0)
    status = self->settings->decline_status;

  return decline_with (self, status, DFL_OUTCOME_DECLINED, decided_by, error);
}

gboolean
dfl_call_silence (DflCall *self, GError **error)
{
  if (!dfl_call_check_offered (self, error))
    return FALSE;

  if (!self->silenced)
    {
      self->silenced = TRUE;
      self->host->on_changed (self, DFL_CALL_CHANGE_SILENCED, self->host->data);
    }

  return TRUE;
}

static void
on_deadline (gpointer data)
{
  g_autoptr (DflCall) self = g_object_ref (DFL_CALL (data));
  g_autoptr (GError) error = NULL;

  self->alarm = NULL;

  if (self->deadline_is_expires)
    {
      decline_with (self, 487, DFL_OUTCOME_EXPIRED, "deadline", &error);
      return;
    }

  if (self->settings->default_target != NULL)
    {
      if (dfl_call_redirect (self, self->settings->default_target, "deadline", &error)
          || self->state != DFL_CALL_STATE_OFFERED)
        return;
      g_message ("Call %s: default-action of account %s is refused: %s", self->id,
                 self->settings->name, error->message);
      g_clear_error (&error);
    }

  decline_with (self, 480, DFL_OUTCOME_EXPIRED, "deadline", &error);
}

/* --- What the leg reports --- */

void
dfl_call_leg_acknowledged (DflCall *self)
{
  if (self->state == DFL_CALL_STATE_REDIRECTING)
    go_idle (self, DFL_OUTCOME_REDIRECTED);
  else if (self->state == DFL_CALL_STATE_DECLINING)
    go_idle (self, self->decline_outcome);
}

void
dfl_call_leg_unconfirmed (DflCall *self)
{
  if (self->state == DFL_CALL_STATE_REDIRECTING)
    go_idle (self, DFL_OUTCOME_UNCONFIRMED);
  else if (self->state == DFL_CALL_STATE_DECLINING)
    go_idle (self, self->decline_outcome);
}

void
dfl_call_leg_cancelled (DflCall *self, gboolean answered_elsewhere)
{
  if (self->state == DFL_CALL_STATE_OFFERED)
    go_idle (self, answered_elsewhere ? DFL_OUTCOME_ANSWERED_ELSEWHERE : DFL_OUTCOME_CANCELLED);
}

void
dfl_call_leg_failed (DflCall *self)
{
  if (self->state != DFL_CALL_STATE_IDLE)
    go_idle (self, DFL_OUTCOME_FAILED);
}

/* --- Making one --- */

static void
start_deadline (DflCall *self)
{
  gint64 seconds = self->settings->ring_limit;

  if (self->offer->has_expires && (seconds == 0 || self->offer->expires <= seconds))
    {
      seconds = self->offer->expires;
      self->deadline_is_expires = TRUE;
    }
  if (seconds == 0 && !self->deadline_is_expires)
    return;

  self->deadline = self->offer->received_wall + seconds * G_USEC_PER_SEC;
  self->alarm = dfl_clock_set_alarm (self->host->clock,
                                     self->offer->received + seconds * G_USEC_PER_SEC, on_deadline,
                                     self);
}

DflCall *
dfl_call_new (const DflCallHost *host,
              const char *id,
              DflAccount *account,
              DflOffer *offer,
              DflLine *line,
              DflLeg *leg)
{
  DflCall *self = g_object_new (DFL_TYPE_CALL, NULL);

  g_strlcpy (self->id, id, sizeof (self->id));
  self->host = host;
  self->account = g_object_ref (account);
  self->settings = dfl_account_settings_ref (dfl_account_get_settings (account));
  self->offer = offer;
  self->line = g_object_ref (line);
  self->leg = leg;
  dfl_account_add_offered (account, 1);
  start_deadline (self);
  g_debug ("Call %s: offered to account %s", self->id, self->settings->name);

  return self;
}

static void
dfl_call_finalize (GObject *object)
{
  DflCall *self = DFL_CALL (object);

  g_clear_object (&self->account);
  g_clear_pointer (&self->settings, dfl_account_settings_free);
  g_clear_pointer (&self->offer, dfl_offer_free);
  g_clear_object (&self->line);
  g_free (self->redirected_to);
  g_free (self->decided_by);

  G_OBJECT_CLASS (dfl_call_parent_class)->finalize (object);
}

static void
dfl_call_class_init (DflCallClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_call_finalize;
}

static void
dfl_call_init (DflCall *self)
{
}
