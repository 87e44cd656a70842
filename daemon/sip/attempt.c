/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/attempt.h"

#include "sip/register-answer.h"
#include "sip/register-request.h"

#define HOP_LIMIT (8 * G_USEC_PER_SEC) /* for an answer, where there is another place to try */
#define MAX_CHALLENGES 6               /* whatever sip/digest.h makes of them */
#define MAX_CONCESSIONS 3              /* an interval and two extensions */

typedef enum
{
  STOPPED,
  SEEKING, /* the way is not open */
  REGISTERING
} Phase;

struct _DflAttempt
{
  const DflRegistrationTools *tools;
  DflAccount *account;
  const DflAccountSettings *settings;
  DflBinding *binding;
  DflWay *way;
  DflDigest *digest;
  const DflAttemptListener *listener;
  gpointer data;

  Phase phase;
  gboolean sought; /* the places were asked for in this attempt */
  DflTurn *turn;   /* to send the first REGISTER to a place */
  DflRegisterRequest *request;
  guint challenges, concessions;
  gboolean followed; /* the one more REGISTER was sent */
  guint retry_after;
  DflAlarm *hop_limit;
};

static void send_register (DflAttempt *self);

static void
fail (DflAttempt *self, const char *problem)
{
  dfl_attempt_stop (self);
  self->listener->failed (problem, self->retry_after, self->data);
}

static void
refuse (DflAttempt *self, const char *problem)
{
  dfl_attempt_stop (self);
  self->listener->refused (problem, self->data);
}

/* --- Answers --- */

/* Follows an answer that found nothing wrong with the credentials. */
static void
send_another (DflAttempt *self)
{
  dfl_digest_begin (self->digest);
  send_register (self);
}

static void
on_granted (DflAttempt *self, DflRegisterAnswer *answer)
{
  gboolean again;

  if (answer->expires == 0)
    {
      self->listener->gone (self->data);
      fail (self, "the server answered, but did not keep the registration");
      return;
    }
  again = dfl_binding_take (self->binding, self->way, answer);
  if (again && !self->followed)
    {
      self->followed = TRUE;
      self->listener->granted (answer->expires, TRUE, self->data);
      send_another (self);
      return;
    }
  dfl_attempt_stop (self);
  self->listener->granted (answer->expires, FALSE, self->data);
}

static void
refuse_credentials (DflAttempt *self, const char *what)
{
  g_autofree char *problem = g_strdup_printf ("%s `deflectctl account set %s --password`, and the "
                                              "name for it with username=",
                                              what, self->settings->name);

  refuse (self, problem);
}

static void
on_challenged (DflAttempt *self, const sip_t *response)
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
      refuse_credentials (self, "the server asks for a password: give one with");
      break;
    case DFL_DIGEST_UNSUPPORTED:
      refuse (self, "the server asks for a kind of authentication that deflectd does not have");
      break;
    case DFL_DIGEST_REFUSED:
    default:
      refuse_credentials (self, "wrong password or username: correct them with");
    }
}

static void
try_next_place (DflAttempt *self, const char *reason)
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
on_answered (DflAttempt *self, const sip_t *response)
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
      if (dfl_binding_yield (self->binding, answer) && ++self->concessions <= MAX_CONCESSIONS)
        send_another (self);
      else
        fail (self, answer->reason);
      break;
    case DFL_REGISTER_UNAVAILABLE:
      if (answer->retry_after > 0 && !dfl_way_has_next (self->way))
        fail (self, answer->reason);
      else
        try_next_place (self, answer->reason);
      break;
    case DFL_REGISTER_NOT_KEPT:
      /* Slowly: whoever has the other contact may be thrown out each time. */
      self->listener->gone (self->data);
      refuse (self, answer->reason);
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
describe_silence (DflAttempt *self, DflRegisterOutcome outcome)
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
  DflAttempt *self = data;
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
  DflAttempt *self = data;
  g_autofree char *reason = describe_silence (self, DFL_REGISTER_NO_ANSWER);

  self->hop_limit = NULL;
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  try_next_place (self, reason);
}

static void
send_register (DflAttempt *self)
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
    self->hop_limit = dfl_clock_set_alarm (self->tools->clock,
                                           dfl_clock_now (self->tools->clock) + HOP_LIMIT,
                                           on_hop_limit, self);
}

/* --- The way --- */

static void
on_turn (gpointer data)
{
  DflAttempt *self = data;

  self->turn = NULL;
  send_register (self);
  if (self->request != NULL)
    self->listener->sent (self->data);
}

/* Its beginning had a turn, but what was sought meanwhile may have been found for many at once. */
static void
await_turn (DflAttempt *self)
{
  self->phase = REGISTERING;
  self->turn = dfl_pace_ask (self->tools->pace, on_turn, self);
}

void
dfl_attempt_way_opened (DflAttempt *self)
{
  if (self->phase == SEEKING)
    await_turn (self);
}

void
dfl_attempt_way_closed (DflAttempt *self, const char *reason)
{
  if (self->phase != REGISTERING)
    return;
  dfl_pace_clear (self->tools->pace, &self->turn);
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  dfl_clock_clear_alarm (self->tools->clock, &self->hop_limit);
  try_next_place (self, reason);
}

void
dfl_attempt_way_failed (DflAttempt *self, const char *reason)
{
  if (self->phase == SEEKING)
    fail (self, reason);
}

/* --- Life --- */

DflAttempt *
dfl_attempt_new (const DflRegistrationTools *tools,
                 DflAccount *account,
                 const DflAccountSettings *settings,
                 DflBinding *binding,
                 DflWay *way,
                 DflDigest *digest,
                 const DflAttemptListener *listener,
                 gpointer data)
{
  DflAttempt *self = g_new0 (DflAttempt, 1);

  self->tools = tools;
  self->account = account;
  self->settings = settings;
  self->binding = binding;
  self->way = way;
  self->digest = digest;
  self->listener = listener;
  self->data = data;
  return self;
}

void
dfl_attempt_free (DflAttempt *self)
{
  dfl_attempt_stop (self);
  g_free (self);
}

void
dfl_attempt_begin (DflAttempt *self)
{
  self->challenges = self->concessions = 0;
  self->followed = FALSE;
  self->retry_after = 0;
  dfl_digest_begin (self->digest);
  self->sought = !dfl_way_is_open (self->way) || dfl_way_has_moved (self->way);
  if (!self->sought)
    {
      await_turn (self);
      return;
    }
  self->phase = SEEKING;
  dfl_digest_forget (self->digest);
  dfl_way_seek (self->way);
}

char *
dfl_attempt_describe_wait (DflAttempt *self)
{
  if (self->turn != NULL)
    return g_strdup ("many accounts register now, and this one waits for its turn");
  return dfl_way_describe_wait (self->way);
}

void
dfl_attempt_stop (DflAttempt *self)
{
  self->phase = STOPPED;
  dfl_pace_clear (self->tools->pace, &self->turn);
  dfl_clock_clear_alarm (self->tools->clock, &self->hop_limit);
  g_clear_pointer (&self->request, dfl_register_request_abandon);
}
