/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/registration.h"

#include "sip/back-off.h"
#include "sip/binding.h"
#include "sip/keep-alive.h"
#include "sip/register-answer.h"
#include "sip/register-request.h"
#include "sip/way.h"

/*
 * An attempt is all that happens from dfl_registration_go until the server granted or refused a
 * registration, or no place of it is left: names, connections, a challenge, a longer interval, and
 * one more REGISTER where the first showed that the contact must change or old ones be taken back.
 * Between attempts one alarm waits for the next.
 */

#define SECONDS(n) ((gint64)(n)*G_USEC_PER_SEC)

#define PATIENCE SECONDS (5)  /* without an answer until people are told what is waited for */
#define HOP_LIMIT SECONDS (8) /* for an answer, where there is another place to try */
#define MAX_CHALLENGES 6      /* in one attempt, whatever sip/digest.h makes of them */
#define RECENT_REQUESTS 16
#define SHORT_LIFE SECONDS (30) /* of a connection: whoever closes it earlier does so again */
#define SHORT_GRANT 30          /* seconds; see dfl_registration_is_urgent */

typedef enum
{
  WAITING, /* for the alarm */
  ASKING,  /* for its turn */
  SEEKING, /* the way is not open */
  REGISTERING,
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
  gboolean sought; /* in this attempt */
  DflDigest *digest;
  DflKeepAlive *keep_alive;
  DflRegisterRequest *request;

  guint challenges;
  gboolean followed; /* the one more REGISTER was sent in this attempt */
  guint retry_after;
  DflBackOff back_off;

  guint granted;     /* seconds, the last time, */
  gint64 granted_at; /* and when that was */
  gint64 until;      /* when the registration ends, or 0 */
  gint64 until_wall;

  DflAlarm *next, *hop_limit, *patience, *expiry;

  DflRegistrationLeftFunc left;
  gpointer left_data;
};

static void send_register (DflRegistration *self);

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
      if (!self->patient && (self->phase == SEEKING || self->phase == REGISTERING))
        reason = dfl_way_describe_wait (self->way);
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
  dfl_clock_clear_alarm (clock, &self->hop_limit);
  dfl_clock_clear_alarm (clock, &self->patience);
  dfl_keep_alive_stop (self->keep_alive);
}

static void
ask_for_turn (DflRegistration *self)
{
  if (self->phase == ASKING || self->phase == LEAVING)
    return;
  stop_waiting (self);
  g_clear_pointer (&self->request, dfl_register_request_abandon);
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
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  note_problem (self, problem);
  /* Over what is open calls may be offered still. */
  if (!is_registered (self))
    dfl_way_stop (self->way);
}

static void
fail (DflRegistration *self, const char *problem)
{
  end_attempt (self, problem);
  self->refused = FALSE;
  wait_for_next (self, dfl_back_off_fail (&self->back_off, self->retry_after));
}

static void
refuse (DflRegistration *self, const char *problem)
{
  end_attempt (self, problem);
  self->refused = TRUE;
  wait_for_next (self, dfl_back_off_refuse (&self->back_off));
}

/* --- Answers --- */

static void
wait_for_refresh (DflRegistration *self, guint expires)
{
  double part = 0.5 + 0.4 * g_random_double ();
  gint64 span = MIN ((gint64)(part * (double)SECONDS (expires)), SECONDS (expires) - SECONDS (5));
  const DflHop *hop = dfl_way_get_hop (self->way);

  wait_for_next (self, MAX (span, SECONDS (expires) / 2));
  if (dfl_binding_is_behind_nat (self->binding) && hop->transport == DFL_TRANSPORT_UDP)
    dfl_keep_alive_start (self->keep_alive);
}

static void
on_granted (DflRegistration *self, DflRegisterAnswer *answer)
{
  DflClock *clock = self->tools->clock;
  gboolean again;

  if (answer->expires == 0)
    {
      fail (self, "the server answered, but did not keep the registration");
      return;
    }

  dfl_back_off_reset (&self->back_off);
  note_problem (self, NULL);
  self->refused = FALSE;
  self->granted = answer->expires;
  self->granted_at = dfl_clock_now (clock);
  self->until = dfl_clock_now (clock) + SECONDS (answer->expires);
  self->until_wall = dfl_clock_wall (clock) + SECONDS (answer->expires);
  set_alarm (self, &self->expiry, SECONDS (answer->expires), on_expired);
  again = dfl_binding_take (self->binding, self->way, answer);
  if (again && !self->followed)
    {
      self->followed = TRUE;
      report (self);
      send_register (self);
      return;
    }
  wait_for_refresh (self, answer->expires);
}

static void
on_challenged (DflRegistration *self, const sip_t *response)
{
  DflDigestVerdict verdict = dfl_digest_take (self->digest, response,
                                              self->settings->password != NULL);

  if (verdict == DFL_DIGEST_RETRY && ++self->challenges > MAX_CHALLENGES)
    verdict = DFL_DIGEST_REFUSED;
  switch (verdict)
    {
    case DFL_DIGEST_RETRY:
      send_register (self);
      break;
    case DFL_DIGEST_NO_PASSWORD:
      refuse (self, "the server asks for a password: give one with "
                    "`deflectctl account set NAME --password`");
      break;
    case DFL_DIGEST_UNSUPPORTED:
      refuse (self, "the server asks for a kind of authentication that deflectd does not have");
      break;
    case DFL_DIGEST_REFUSED:
    default:
      refuse (self, "wrong password or username: correct them with "
                    "`deflectctl account set NAME --password`");
    }
}

static void
try_next_place (DflRegistration *self, const char *reason)
{
  self->phase = SEEKING;
  dfl_digest_forget (self->digest);
  /* A place of an earlier attempt may have been left by the server. */
  if (!dfl_way_has_next (self->way) && !self->sought)
    {
      self->sought = TRUE;
      dfl_way_seek (self->way);
    }
  else
    dfl_way_try_next (self->way, reason);
}

static void
on_answered (DflRegistration *self, const sip_t *response)
{
  g_autoptr (DflRegisterAnswer) answer = dfl_binding_read (self->binding, self->way, response);

  self->retry_after = MAX (self->retry_after, answer->retry_after);
  switch (answer->verdict)
    {
    case DFL_REGISTER_GRANTED:
      on_granted (self, answer);
      break;
    case DFL_REGISTER_CHALLENGED:
      on_challenged (self, response);
      break;
    case DFL_REGISTER_TOO_BRIEF:
    case DFL_REGISTER_EXTENSION:
      if (dfl_binding_yield (self->binding, answer))
        send_register (self);
      else
        fail (self, answer->reason);
      break;
    case DFL_REGISTER_UNAVAILABLE:
      if (answer->retry_after > 0 && !dfl_way_has_next (self->way))
        fail (self, answer->reason);
      else
        try_next_place (self, answer->reason);
      break;
    case DFL_REGISTER_REFUSED:
      refuse (self, answer->reason);
      break;
    case DFL_REGISTER_FAILED:
    default:
      fail (self, answer->reason);
    }
}

static char *
describe_silence (DflRegistration *self, DflRegisterOutcome outcome)
{
  g_autofree char *server = dfl_way_describe_server (self->way);

  return g_strdup_printf (outcome == DFL_REGISTER_NOT_SENT
                              ? "%s cannot be reached, or no SIP server is there"
                              : "no answer from %s",
                          server);
}

static void
on_register_answered (DflRegisterOutcome outcome, const sip_t *response, gpointer data)
{
  DflRegistration *self = data;
  g_autofree char *reason = NULL;

  self->request = NULL;
  dfl_clock_clear_alarm (self->tools->clock, &self->hop_limit);
  if (outcome == DFL_REGISTER_ANSWERED)
    {
      on_answered (self, response);
      return;
    }
  reason = describe_silence (self, outcome);
  try_next_place (self, reason);
}

static void
on_hop_limit (gpointer data)
{
  DflRegistration *self = data;
  g_autofree char *reason = describe_silence (self, DFL_REGISTER_NO_ANSWER);

  self->hop_limit = NULL;
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  try_next_place (self, reason);
}

static void
send_register (DflRegistration *self)
{
  self->phase = REGISTERING;
  if (dfl_way_get_transport (self->way) == NULL) /* it is just being closed */
    return;
  /* The first INVITE may be faster than the answer. */
  dfl_sources_set_registration (self->tools->sources, self->account,
                                dfl_binding_get_token (self->binding),
                                dfl_way_get_servers (self->way), dfl_way_get_flow_port (self->way));
  self->request = dfl_binding_register (self->binding, self->way, self->digest, FALSE,
                                        on_register_answered, self);
  if (self->request == NULL)
    {
      refuse (self, "the address, registrar or proxy of the account cannot be sent in SIP: correct "
                    "them");
      return;
    }
  if (dfl_way_has_next (self->way) || !self->sought)
    set_alarm (self, &self->hop_limit, HOP_LIMIT, on_hop_limit);
}

/* --- The way --- */

static void
on_way_opened (DflWay *way, gpointer data)
{
  DflRegistration *self = data;

  if (self->phase == SEEKING)
    send_register (self);
}

static void
on_way_closed (DflWay *way, const char *reason, gpointer data)
{
  DflRegistration *self = data;

  if (self->phase == LEAVING)
    return;
  /* Whoever called us by that connection does not reach us any more. */
  dfl_clock_clear_alarm (self->tools->clock, &self->expiry);
  self->until = 0;
  note_problem (self, reason);
  dfl_digest_forget (self->digest);
  if (self->phase == REGISTERING)
    {
      g_clear_pointer (&self->request, dfl_register_request_abandon);
      dfl_clock_clear_alarm (self->tools->clock, &self->hop_limit);
      try_next_place (self, reason);
      report (self);
    }
  else if (self->phase != WAITING)
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

  if (self->phase == SEEKING)
    fail (self, reason);
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
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  dfl_keep_alive_free (self->keep_alive);
  dfl_way_free (self->way);
  dfl_binding_free (self->binding);
  dfl_digest_free (self->digest);
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

  self->challenges = 0;
  self->followed = FALSE;
  self->retry_after = 0;
  self->patient = TRUE;
  dfl_digest_begin (self->digest);
  set_alarm (self, &self->patience, PATIENCE, on_impatient);
  if (dfl_way_is_open (self->way) && !dfl_way_has_moved (self->way))
    {
      self->sought = FALSE;
      send_register (self);
    }
  else
    {
      self->sought = TRUE;
      self->phase = SEEKING;
      dfl_digest_forget (self->digest);
      dfl_way_seek (self->way);
    }
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

  self->next = NULL;
  self->left (self, self->left_data);
}

static void
on_leave_answered (DflRegisterOutcome outcome, const sip_t *response, gpointer data)
{
  DflRegistration *self = data;
  int status = outcome == DFL_REGISTER_ANSWERED ? response->sip_status->st_status : 0;

  self->request = NULL;
  if ((status == 401 || status == 407) && self->challenges++ == 0
      && dfl_digest_take (self->digest, response, self->settings->password != NULL)
             == DFL_DIGEST_RETRY)
    self->request = dfl_binding_register (self->binding, self->way, self->digest, TRUE,
                                          on_leave_answered, self);
  if (self->request == NULL)
    self->left (self, self->left_data);
}

void
dfl_registration_leave (DflRegistration *self, DflRegistrationLeftFunc done, gpointer data)
{
  withdraw (self);
  stop_waiting (self);
  dfl_clock_clear_alarm (self->tools->clock, &self->expiry);
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  self->phase = LEAVING;
  self->left = done;
  self->left_data = data;

  self->challenges = 0;
  dfl_digest_begin (self->digest);
  if (dfl_binding_is_known (self->binding) && dfl_way_is_open (self->way))
    self->request = dfl_binding_register (self->binding, self->way, self->digest, TRUE,
                                          on_leave_answered, self);
  if (self->request == NULL)
    set_alarm (self, &self->next, 0, on_left);
}

/* --- For the gate and the agent --- */

gboolean
dfl_registration_expects (DflRegistration *self, guint32 cseq, const struct sockaddr *source)
{
  guint32 last = dfl_binding_get_cseq (self->binding);

  return cseq > 0 && cseq <= last && last - cseq < RECENT_REQUESTS
         && dfl_way_comes_from (self->way, source);
}

const char *
dfl_registration_get_call_id (DflRegistration *self)
{
  return dfl_binding_get_call_id (self->binding);
}

const char *
dfl_registration_get_contact (DflRegistration *self)
{
  return is_registered (self) ? dfl_binding_get_contact (self->binding) : NULL;
}
