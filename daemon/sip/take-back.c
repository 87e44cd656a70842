/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/take-back.h"

#define LIMIT (5 * G_USEC_PER_SEC) /* for all of it */

struct _DflTakeBack
{
  DflClock *clock;
  DflBinding *binding;
  DflWay *way;
  DflDigest *digest;
  gboolean has_password;
  DflTakeBackFunc done;
  gpointer data;

  gboolean sent;
  gboolean challenged;
  DflRegisterRequest *request;
  DflAlarm *alarm;
};

static void
on_over (gpointer data)
{
  DflTakeBack *self = data;

  self->alarm = NULL;
  self->done (self->data);
}

static void
finish_in (DflTakeBack *self, gint64 span)
{
  dfl_clock_clear_alarm (self->clock, &self->alarm);
  self->alarm = dfl_clock_set_alarm (self->clock, dfl_clock_now (self->clock) + span, on_over,
                                     self);
}

static void
finish (DflTakeBack *self)
{
  finish_in (self, 0);
}

static void on_answered (DflRegisterOutcome outcome, const sip_t *response, gpointer data);

static void
send_register (DflTakeBack *self)
{
  self->sent = TRUE;
  self->request = dfl_binding_register (self->binding, self->way, self->digest, TRUE, on_answered,
                                        self);
  if (self->request == NULL)
    finish (self);
}

static void
on_answered (DflRegisterOutcome outcome, const sip_t *response, gpointer data)
{
  DflTakeBack *self = data;
  int status = outcome == DFL_REGISTER_ANSWERED ? response->sip_status->st_status : 0;
  gboolean again = (status == 401 || status == 407) && !self->challenged
                   && dfl_digest_take (self->digest, response, self->has_password)
                          == DFL_DIGEST_RETRY;

  self->request = NULL;
  self->challenged = TRUE;
  if (again)
    send_register (self);
  else
    finish (self);
}

void
dfl_take_back_way_opened (DflTakeBack *self)
{
  if (!self->sent)
    send_register (self);
}

void
dfl_take_back_way_lost (DflTakeBack *self)
{
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  finish (self);
}

DflTakeBack *
dfl_take_back_new (const DflRegistrationTools *tools,
                   DflBinding *binding,
                   DflWay *way,
                   DflDigest *digest,
                   gboolean has_password,
                   const DflHop *place,
                   DflTakeBackFunc done,
                   gpointer data)
{
  DflTakeBack *self = g_new0 (DflTakeBack, 1);

  self->clock = tools->clock;
  self->binding = binding;
  self->way = way;
  self->digest = digest;
  self->has_password = has_password;
  self->done = done;
  self->data = data;

  finish_in (self, LIMIT);
  if (dfl_binding_is_known (binding) && dfl_way_is_open (way))
    {
      dfl_digest_begin (digest);
      send_register (self);
    }
  else if (place != NULL)
    {
      /* Whoever is there has not proved yet who it is. */
      dfl_digest_forget (digest);
      dfl_way_go_to (way, place);
    }
  else
    finish (self);
  return self;
}

void
dfl_take_back_free (DflTakeBack *self)
{
  if (self == NULL)
    return;
  dfl_clock_clear_alarm (self->clock, &self->alarm);
  g_clear_pointer (&self->request, dfl_register_request_abandon);
  g_free (self);
}
