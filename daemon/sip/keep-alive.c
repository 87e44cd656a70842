/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/keep-alive.h"

#define INTERVAL 25 /* seconds, at most */
#define LEAST 5     /* seconds, whatever the server asks for, and before its time is over */
#define LIMIT (8 * G_TIME_SPAN_SECOND)

struct _DflKeepAlive
{
  DflClock *clock;
  DflBinding *binding;
  DflWay *way;
  DflDigest *digest;
  DflKeepAliveFunc lost;
  gpointer data;

  DflRegisterRequest *request;
  DflAlarm *alarm;
};

static void
set_alarm (DflKeepAlive *self, gint64 span, DflAlarmFunc func)
{
  dfl_clock_clear_alarm (self->clock, &self->alarm);
  self->alarm = dfl_clock_set_alarm (self->clock, dfl_clock_now (self->clock) + span, func, self);
}

static void
on_silent (gpointer data)
{
  DflKeepAlive *self = data;

  self->alarm = NULL;
  dfl_keep_alive_stop (self);
  self->lost (self->data);
}

static void
on_answered (DflRegisterOutcome outcome, const sip_t *response, gpointer data)
{
  DflKeepAlive *self = data;

  self->request = NULL;
  if (outcome == DFL_REGISTER_ANSWERED)
    {
      dfl_keep_alive_start (self);
      return;
    }
  dfl_keep_alive_stop (self);
  self->lost (self->data);
}

static void
on_due (gpointer data)
{
  DflKeepAlive *self = data;

  self->alarm = NULL;
  self->request = dfl_binding_ping (self->binding, self->way, self->digest, on_answered, self);
  set_alarm (self, LIMIT, on_silent);
}

void
dfl_keep_alive_start (DflKeepAlive *self)
{
  guint limit = dfl_binding_get_flow_timer (self->binding);
  guint interval = limit == 0 ? INTERVAL : CLAMP (limit, 2 * LEAST, INTERVAL + LEAST) - LEAST;

  dfl_keep_alive_stop (self);
  set_alarm (self, interval * G_TIME_SPAN_SECOND, on_due);
}

void
dfl_keep_alive_stop (DflKeepAlive *self)
{
  dfl_clock_clear_alarm (self->clock, &self->alarm);
  g_clear_pointer (&self->request, dfl_register_request_abandon);
}

DflKeepAlive *
dfl_keep_alive_new (DflClock *clock,
                    DflBinding *binding,
                    DflWay *way,
                    DflDigest *digest,
                    DflKeepAliveFunc lost,
                    gpointer data)
{
  DflKeepAlive *self = g_new0 (DflKeepAlive, 1);

  self->clock = clock;
  self->binding = binding;
  self->way = way;
  self->digest = digest;
  self->lost = lost;
  self->data = data;
  return self;
}

void
dfl_keep_alive_free (DflKeepAlive *self)
{
  dfl_keep_alive_stop (self);
  g_free (self);
}
