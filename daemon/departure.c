/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "departure.h"

#define LIMIT_SECONDS 5

struct _DflDeparture
{
  DflSwitchboard *switchboard;
  gulong on_drained;
  gboolean drained, left, over;
  guint limit;
  DflDepartureFunc done;
  gpointer data;
};

static void
finish (DflDeparture *self)
{
  if (self->over)
    return;
  self->over = TRUE;
  g_clear_handle_id (&self->limit, g_source_remove);
  /* What is still offered ends now, and is announced as it ended. */
  if (!self->drained)
    dfl_switchboard_give_up (self->switchboard);
  self->done (self->data);
}

static void
finish_if_done (DflDeparture *self)
{
  if (self->drained && self->left)
    finish (self);
}

static void
on_drained (DflSwitchboard *switchboard, gpointer data)
{
  DflDeparture *self = data;

  self->drained = TRUE;
  finish_if_done (self);
}

static void
on_left (gpointer data)
{
  DflDeparture *self = data;

  self->left = TRUE;
  finish_if_done (self);
}

static gboolean
on_limit (gpointer data)
{
  DflDeparture *self = data;

  self->limit = 0;
  if (!self->drained)
    g_message ("%u calls are not over after %d seconds, leaving all the same",
               dfl_switchboard_get_n_calls (self->switchboard), LIMIT_SECONDS);
  if (!self->left)
    g_message ("not every server has taken the registration back after %d seconds, leaving all the "
               "same; what is left there ends by itself",
               LIMIT_SECONDS);
  finish (self);
  return G_SOURCE_REMOVE;
}

DflDeparture *
dfl_departure_new (DflSwitchboard *switchboard,
                   DflSipAgent *agent,
                   DflDepartureFunc done,
                   gpointer data)
{
  DflDeparture *self = g_new0 (DflDeparture, 1);

  self->switchboard = g_object_ref (switchboard);
  self->done = done;
  self->data = data;
  self->on_drained = g_signal_connect (switchboard, "drained", G_CALLBACK (on_drained), self);
  self->limit = g_timeout_add_seconds (LIMIT_SECONDS, on_limit, self);
  dfl_switchboard_shut_down (switchboard);
  dfl_sip_agent_leave (agent, on_left, self);
  return self;
}

void
dfl_departure_hurry (DflDeparture *self)
{
  finish (self);
}

void
dfl_departure_free (DflDeparture *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->limit, g_source_remove);
  g_clear_signal_handler (&self->on_drained, self->switchboard);
  g_object_unref (self->switchboard);
  g_free (self);
}
