/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/registration.h"

#include "sip/attempt.h"
#include "sip/back-off.h"
#include "sip/binding.h"
#include "sip/keep-alive.h"
#include "sip/take-back.h"
#include "sip/way.h"

/* What happens at its turn is an attempt, which has a file of its own. Between attempts one alarm
 * waits for the next. */

#define SECONDS(n) ((gint64)(n)*G_USEC_PER_SEC)

#define PATIENCE SECONDS (5) /* without an answer until people are told what is waited for */
#define RECENT_REQUESTS 16
#define SHORT_LIFE SECONDS (30) /* of a connection: whoever closes it earlier does so again */
#define SHORT_GRANT 30          /* seconds; see dfl_registration_is_urgent */

typedef enum
{
  WAITING, /* for the alarm */
  ASKING,  /* for its turn */
  TRYING,  /* an attempt is under way */
  LEAVING
} Phase;

struct _DflRegistration
{
  const DflRegistrationTools *tools;
  DflAccount *account;
  DflAccountSettings *settings; /* those that it began with */
  DflRegistrationAskFunc ask;
  gpointer ask_data;

  Phase phase;
  gboolean watched; /* somebody waits for this attempt: say that it is under way */
  gboolean refused; /* the last attempt, by a server that knows what it does */
  char *problem;    /* why the last attempt failed, or NULL */
  gboolean patient; /* nobody was told yet what is waited for */

  DflBinding *binding;
  DflWay *way;
  DflDigest *digest;
  DflAttempt *attempt;
  DflKeepAlive *keep_alive;
  DflBackOff back_off;

  guint granted;     /* seconds, the last time, */
  gint64 granted_at; /* and when that was */
  gint64 until;      /* when the registration ends, or 0 */
  gint64 until_wall;
  DflHop *place;     /* which granted it, */
  gint64 held_until; /* and has it until then, whatever became of the way */

  DflAlarm *next, *patience, *expiry;

  DflTakeBack *take_back; /* LEAVING */
  DflRegistrationLeftFunc left;
  gpointer left_data;
};

/* --- What people are told --- */

static gboolean
is_registered (DflRegistration *self)
{
  return self->until != 0 && dfl_clock_now (self->tools->clock) < self->until;
}

static void
report (DflRegistration *self)
{
  const DflHop *hop = dfl_way_get_hop (self->way);
  g_autofree char *server = hop != NULL ? dfl_hop_to_string (hop) : g_strdup ("");
  g_autofree char *reason = NULL;
  DflRegistrationReport report = { .server = server };

  if (self->phase == LEAVING)
    return;
  report.transport = hop != NULL ? hop->transport : DFL_TRANSPORT_AUTO;
  if (is_registered (self))
    {
      report.secure = report.transport == DFL_TRANSPORT_TLS && self->settings->tls_verify;
      report.state = DFL_ACCOUNT_STATE_REGISTERED;
      report.until = self->until_wall;
      reason = g_strdup (self->problem);
    }
  else if (self->problem != NULL && !(self->watched && self->phase != WAITING))
    {
      report.state = DFL_ACCOUNT_STATE_FAILED;
      reason = g_strdup (self->problem);
    }
  else
    {
      report.state = DFL_ACCOUNT_STATE_CONNECTING;
      if (!self->patient && self->phase == TRYING)
        reason = dfl_attempt_describe_wait (self->attempt);
    }
  report.reason = reason != NULL ? reason : "";
  dfl_account_report_registration (self->account, &report);
}

static void
on_impatient (gpointer data)
{
  DflRegistration *self = data;

  self->patience = NULL;
  self->patient = FALSE;
  report (self);
}

static void
on_expired (gpointer data)
{
  DflRegistration *self = data;

  self->expiry = NULL;
  self->until = 0;
  dfl_binding_expire (self->binding);
  report (self);
}

/* --- Between attempts --- */

static void
set_alarm (DflRegistration *self, DflAlarm **alarm, gint64 span, DflAlarmFunc func)
{
  DflClock *clock = self->tools->clock;

  dfl_clock_clear_alarm (clock, alarm);
  *alarm = dfl_clock_set_alarm (clock, dfl_clock_now (clock) + span, func, self);
}

static void
stop_waiting (DflRegistration *self)
{
  DflClock *clock = self->tools->clock;

  dfl_clock_clear_alarm (clock, &self->next);
  dfl_clock_clear_alarm (clock, &self->patience);
  dfl_keep_alive_stop (self->keep_alive);
}

static void
ask_for_turn (DflRegistration *self)
{
  if (self->phase == ASKING || self->phase == LEAVING)
    return;
  stop_waiting (self);
  dfl_attempt_stop (self->attempt);
  self->phase = ASKING;
  self->ask (self, self->ask_data);
}

static void
on_next (gpointer data)
{
  DflRegistration *self = data;

  self->next = NULL;
  ask_for_turn (self);
}

static void
wait_for_next (DflRegistration *self, gint64 span)
{
  stop_waiting (self);
  self->phase = WAITING;
  self->watched = FALSE;
  set_alarm (self, &self->next, span, on_next);
  report (self);
}

static void
seek_anew (gpointer data)
{
  DflRegistration *self = data;

  dfl_way_stop (self->way);
  ask_for_turn (self);
}

/* The log tells what is new. */
static void
note_problem (DflRegistration *self, const char *problem)
{
  if (g_strcmp0 (problem, self->problem) == 0)
    return;
  if (problem != NULL)
    g_message ("account %s does not register: %s", self->settings->name, problem);
  else
    g_message ("account %s registers again", self->settings->name);
  g_free (self->problem);
  self->problem = g_strdup (problem);
}

static void
end_attempt (DflRegistration *self, const char *problem)
{
  note_problem (self, problem);
  /* Over what is open calls may be offered still. */
  if (!is_registered (self))
    dfl_way_stop (self->way);
}

/* --- Attempts --- */

static void
wait_for_refresh (DflRegistration *self, guint expires)
{
  double part = 0.5 + 0.4 * g_random_double ();
  gint64 span = MIN ((gint64)(part * (double)SECONDS (expires)), SECONDS (expires) - SECONDS (5));
  const DflHop *hop = dfl_way_get_hop (self->way);

  wait_for_next (self, MAX (span, SECONDS (expires) / 2));
  if ((dfl_binding_is_behind_nat (self->binding) || dfl_binding_is_outbound (self->binding))
      && hop->transport == DFL_TRANSPORT_UDP)
    dfl_keep_alive_start (self->keep_alive);
}

static void
on_granted (guint expires, gboolean more, gpointer data)
{
  DflRegistration *self = data;
  DflClock *clock = self->tools->clock;
  const DflHop *hop;

  dfl_back_off_reset (&self->back_off);
  note_problem (self, NULL);
  self->refused = FALSE;
  self->granted = expires;
  self->granted_at = dfl_clock_now (clock);
  self->until = self->held_until = dfl_clock_now (clock) + SECONDS (expires);
  g_clear_pointer (&self->place, dfl_hop_free);
  hop = dfl_way_get_hop (self->way);
  self->place = dfl_hop_new (hop->transport, hop->address);
  self->until_wall = dfl_clock_wall (clock) + SECONDS (expires);
  set_alarm (self, &self->expiry, SECONDS (expires), on_expired);
  if (more)
    report (self);
  else
    wait_for_refresh (self, expires);
}

static void
on_sent (gpointer data)
{
  DflRegistration *self = data;

  if (!self->patient)
    report (self);
}

static void
on_gone (gpointer data)
{
  DflRegistration *self = data;

  dfl_clock_clear_alarm (self->tools->clock, &self->expiry);
  self->until = self->held_until = 0;
  dfl_binding_expire (self->binding);
}

static void
on_failed (const char *reason, guint retry_after, gpointer data)
{
  DflRegistration *self = data;

  end_attempt (self, reason);
  self->refused = FALSE;
  wait_for_next (self, dfl_back_off_fail (&self->back_off, retry_after));
}

static void
on_refused (const char *reason, gpointer data)
{
  DflRegistration *self = data;

  end_attempt (self, reason);
  self->refused = TRUE;
  wait_for_next (self, dfl_back_off_refuse (&self->back_off));
}

static const DflAttemptListener attempt_listener = { on_granted, on_sent, on_gone, on_failed,
                                                     on_refused };

/* --- The way --- */

static void
on_way_opened (DflWay *way, gpointer data)
{
  DflRegistration *self = data;

  if (self->take_back != NULL)
    dfl_take_back_way_opened (self->take_back);
  else
    dfl_attempt_way_opened (self->attempt);
}

static void
on_way_closed (DflWay *way, const char *reason, gpointer data)
{
  DflRegistration *self = data;

  if (self->phase == LEAVING)
    {
      if (self->take_back != NULL)
        dfl_take_back_way_lost (self->take_back);
      return;
    }
  /* Whoever called us by that connection does not reach us any more. */
  dfl_clock_clear_alarm (self->tools->clock, &self->expiry);
  self->until = 0;
  note_problem (self, reason);
  dfl_digest_forget (self->digest);
  dfl_attempt_way_closed (self->attempt, reason);
  if (self->phase != WAITING)
    report (self);
  else if (dfl_clock_now (self->tools->clock) - self->granted_at < SHORT_LIFE)
    wait_for_next (self, dfl_back_off_fail (&self->back_off, 0));
  else
    /* Many lose theirs at once when a server goes. */
    wait_for_next (self, (gint64)(g_random_double () * G_USEC_PER_SEC));
}

static void
on_way_failed (DflWay *way, const char *reason, gpointer data)
{
  DflRegistration *self = data;

  if (self->take_back != NULL)
    dfl_take_back_way_lost (self->take_back);
  else
    dfl_attempt_way_failed (self->attempt, reason);
}

static const DflWayListener way_listener = { on_way_opened, on_way_closed, on_way_failed };

/* --- Life --- */

DflRegistration *
dfl_registration_new (const DflRegistrationTools *tools,
                      DflAccount *account,
                      DflRegistrationAskFunc ask,
                      gpointer data)
{
  DflRegistration *self = g_new0 (DflRegistration, 1);

  self->tools = tools;
  self->account = g_object_ref (account);
  self->settings = dfl_account_settings_ref (dfl_account_get_settings (account));
  self->ask = ask;
  self->ask_data = data;
  self->watched = TRUE;
  self->patient = TRUE;
  self->binding = dfl_binding_new (tools, self->settings, dfl_account_get_id (account));
  self->digest = dfl_digest_new ();
  self->way = dfl_way_new (tools, self->settings, &way_listener, self);
  self->attempt = dfl_attempt_new (tools, account, self->settings, self->binding, self->way,
                                   self->digest, &attempt_listener, self);
  self->keep_alive = dfl_keep_alive_new (tools->clock, self->binding, self->way, self->digest,
                                         seek_anew, self);
  self->back_off = (DflBackOff){ .base = tools->settings->retry_base,
                                 .max = tools->settings->retry_max };
  ask_for_turn (self);
  report (self);
  return self;
}

static void
withdraw (DflRegistration *self)
{
  if (self->phase != LEAVING)
    dfl_sources_set_registration (self->tools->sources, self->account, NULL, NULL, 0);
}

void
dfl_registration_free (DflRegistration *self)
{
  withdraw (self);
  stop_waiting (self);
  dfl_clock_clear_alarm (self->tools->clock, &self->expiry);
  dfl_take_back_free (self->take_back);
  dfl_attempt_free (self->attempt);
  dfl_keep_alive_free (self->keep_alive);
  dfl_way_free (self->way);
  dfl_binding_free (self->binding);
  dfl_digest_free (self->digest);
  g_clear_pointer (&self->place, dfl_hop_free);
  g_free (self->problem);
  dfl_account_settings_free (self->settings);
  g_object_unref (self->account);
  g_free (self);
}

DflAccount *
dfl_registration_get_account (DflRegistration *self)
{
  return self->account;
}

const DflAccountSettings *
dfl_registration_get_settings (DflRegistration *self)
{
  return self->settings;
}

gboolean
dfl_registration_is_urgent (DflRegistration *self)
{
  return is_registered (self) && self->granted >= SHORT_GRANT;
}

void
dfl_registration_go (DflRegistration *self)
{
  if (self->phase != ASKING)
    return;

  self->phase = TRYING;
  self->patient = TRUE;
  set_alarm (self, &self->patience, PATIENCE, on_impatient);
  dfl_attempt_begin (self->attempt);
  report (self);
}

void
dfl_registration_hurry (DflRegistration *self)
{
  if (self->phase == LEAVING)
    return;
  self->watched = TRUE;
  self->back_off.refusals = 0;
  if (self->phase == WAITING)
    ask_for_turn (self);
  report (self);
}

void
dfl_registration_host_changed (DflRegistration *self, DflHostChange change)
{
  if (self->phase == LEAVING || self->phase == ASKING || (self->refused && !is_registered (self)))
    return;
  /* What was open before a sleep may be known to nobody else by now. */
  if (change == DFL_HOST_RESUMED || dfl_way_has_moved (self->way) || !is_registered (self)
      || self->problem != NULL)
    seek_anew (self);
}

static void
on_left (gpointer data)
{
  DflRegistration *self = data;

  self->left (self, self->left_data);
}

void
dfl_registration_leave (DflRegistration *self, DflRegistrationLeftFunc done, gpointer data)
{
  gboolean held;

  withdraw (self);
  stop_waiting (self);
  dfl_clock_clear_alarm (self->tools->clock, &self->expiry);
  dfl_attempt_stop (self->attempt);
  self->phase = LEAVING;
  self->left = done;
  self->left_data = data;

  held = self->place != NULL && dfl_clock_now (self->tools->clock) < self->held_until;
  self->take_back = dfl_take_back_new (self->tools, self->binding, self->way, self->digest,
                                       self->settings->password != NULL, held ? self->place : NULL,
                                       on_left, self);
}

/* --- For the gate and the agent --- */

gboolean
dfl_registration_expects (DflRegistration *self, guint32 cseq, const DflSource *source)
{
  guint32 last = dfl_binding_get_cseq (self->binding);

  return cseq > 0 && cseq <= last && last - cseq < RECENT_REQUESTS
         && dfl_way_comes_from (self->way, source);
}

const char *
dfl_registration_get_call_id (DflRegistration *self, gboolean flow)
{
  return dfl_binding_get_call_id (self->binding, flow);
}

const char *
dfl_registration_get_contact (DflRegistration *self)
{
  return is_registered (self) ? dfl_binding_get_contact (self->binding) : NULL;
}
