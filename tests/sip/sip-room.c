/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip-room.h"

#include "core/error.h"
#include "loop-clock.h"

static void
note (Room *self, const char *word)
{
  if (!self->quiet)
    g_string_append_printf (self->log, "%s%s", self->log->len > 0 ? " " : "", word);
}

static void
on_call_added (DflSwitchboard *switchboard, DflCall *call, Room *self)
{
  g_autoptr (GError) error = NULL;

  self->n_added++;
  note (self, "added");
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_OFFERED);
  if (self->redirect != NULL)
    dfl_call_redirect (call, self->redirect, "user:test", &error);
  else if (self->decline != 0)
    dfl_call_decline (call, self->decline, "user:test", &error);
  if (!self->forgiving)
    g_assert_no_error (error);
}

static void
on_call_changed (DflSwitchboard *switchboard, DflCall *call, guint changes, Room *self)
{
  if ((changes & DFL_CALL_CHANGE_STATE) != 0)
    note (self, dfl_call_get_state (call) == DFL_CALL_STATE_IDLE
                    ? dfl_outcome_to_string (dfl_call_get_outcome (call))
                    : dfl_call_state_to_string (dfl_call_get_state (call)));
  if ((changes & DFL_CALL_CHANGE_SILENCED) != 0)
    note (self, "silenced");
}

static void
on_call_removed (DflSwitchboard *switchboard, DflCall *call, Room *self)
{
  self->n_removed++;
  note (self, "removed");
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_IDLE);
  raw_set (&self->last_decided_by, "%s", dfl_call_get_decided_by (call));
  raw_set (&self->last_redirected_to, "%s", dfl_call_get_redirected_to (call));
}

DflAccountSettings *
room_account (const char *name)
{
  DflAccountSettings *settings = dfl_account_settings_new (name);

  raw_set (&settings->address, "sip:%s@example.org", name);
  raw_set (&settings->user, "%s", name);
  raw_set (&settings->domain, "example.org");
  raw_set (&settings->redirect_domain, "pbx.example");
  room_accept_from (settings, "127.0.0.1");
  settings->enabled = TRUE;
  settings->registers = FALSE;
  settings->trusted = TRUE;
  settings->alert = TRUE;
  settings->ring_limit = 0;
  settings->max_offers = 16;
  return settings;
}

void
room_accept_from (DflAccountSettings *settings, const char *source)
{
  g_strfreev (settings->accept_from);
  settings->accept_from = g_strsplit (source, ";", -1);
}

void
room_set_accounts (Room *self, DflAccountSettings *first, ...)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  va_list arguments;

  va_start (arguments, first);
  for (DflAccountSettings *one = first; one != NULL; one = va_arg (arguments, DflAccountSettings *))
    g_ptr_array_add (all, one);
  va_end (arguments);
  dfl_switchboard_set_accounts (self->switchboard, all);
}

static void
learn_ports (Room *self)
{
  const char *const *listening = dfl_sip_agent_get_listening (self->agent);

  for (; *listening != NULL; listening++)
    {
      guint16 *port = g_str_has_prefix (*listening, "udp:") ? &self->udp_port : &self->tcp_port;

      if (*port == 0)
        *port = (guint16)g_ascii_strtoull (strrchr (*listening, ':') + 1, NULL, 10);
    }
}

Room *
room_new (const RoomOptions *options)
{
  Room *self = g_new0 (Room, 1);
  g_autoptr (DflSipSettings) settings = dfl_sip_settings_new ();
  g_autoptr (GError) error = NULL;
  RoomOptions defaults = { 0 };

  options = options != NULL ? options : &defaults;
  g_strfreev (settings->listen);
  settings->listen = g_strsplit (options->listen != NULL ? options->listen
                                                         : "udp:127.0.0.1:0;tcp:127.0.0.1:0",
                                 ";", -1);
  settings->t1 = options->t1 != 0 ? options->t1 : 500;
  settings->t2 = options->t2 != 0 ? options->t2 : 4000;
  if (options->max_connections != 0)
    settings->max_connections = options->max_connections;
  self->log = g_string_new (NULL);
  self->clock = options->clock != NULL ? g_object_ref (options->clock) : dfl_loop_clock_new ();
  self->switchboard = dfl_switchboard_new (self->clock,
                                           options->max_offers != 0 ? options->max_offers : 20000);
  g_signal_connect (self->switchboard, "call-added", G_CALLBACK (on_call_added), self);
  g_signal_connect (self->switchboard, "call-changed", G_CALLBACK (on_call_changed), self);
  g_signal_connect (self->switchboard, "call-removed", G_CALLBACK (on_call_removed), self);
  room_set_accounts (self, room_account ("alice"), NULL);
  self->agent = dfl_sip_agent_new (self->switchboard, self->clock, settings, &error);
  g_assert_no_error (error);
  learn_ports (self);
  return self;
}

void
room_free (Room *self)
{
  g_assert_cmpstr (self->log->str, ==, "");
  dfl_sip_agent_close (self->agent);
  g_signal_handlers_disconnect_by_data (self->switchboard, self);
  g_assert_finalize_object (self->agent);
  g_assert_finalize_object (self->switchboard);
  g_object_unref (self->clock);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_string_free (self->log, TRUE);
  g_free (self->last_decided_by);
  g_free (self->last_redirected_to);
  g_free (self);
}

RawPeer *
room_udp_peer (Room *self)
{
  return raw_peer_new_udp ("127.0.0.1", "127.0.0.1", self->udp_port);
}

RawPeer *
room_tcp_peer (Room *self)
{
  return raw_peer_new_tcp ("127.0.0.1", "127.0.0.1", self->tcp_port);
}

guint
room_get_n_calls (Room *self)
{
  return dfl_switchboard_get_n_calls (self->switchboard);
}

void
room_wait_n_calls (Room *self, guint n)
{
  raw_wait_until (room_get_n_calls (self) == n);
}

void
room_foreach_call (Room *self, void (*func) (DflCall *call, gpointer data), gpointer data)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (self->switchboard);
  g_autoptr (GPtrArray) former = dfl_switchboard_get_former_accounts (self->switchboard);

  g_ptr_array_extend (accounts, former, NULL, NULL);
  for (guint i = 0; i < accounts->len; i++)
    dfl_switchboard_foreach_call_of (self->switchboard, accounts->pdata[i], func, data);
}

static void
take_call (DflCall *call, gpointer data)
{
  *(DflCall **)data = call;
}

DflCall *
room_wait_call (Room *self)
{
  DflCall *call = NULL;

  raw_wait_until (room_get_n_calls (self) > 0);
  g_assert_cmpuint (room_get_n_calls (self), ==, 1);
  room_foreach_call (self, take_call, &call);
  return call;
}

void
room_assert_log (Room *self, const char *expected)
{
  g_assert_cmpstr (self->log->str, ==, expected);
  room_forget_log (self);
}

void
room_forget_log (Room *self)
{
  g_string_truncate (self->log, 0);
}

RawCall *
room_ringing_call (Room *self, RawPeer *peer, DflCall **call)
{
  RawCall *raw = raw_call_new (peer, "alice");

  raw_call_invite (raw);
  raw_call_expect_ringing (raw);
  if (call != NULL)
    *call = room_wait_call (self);
  room_assert_log (self, "added");
  return raw;
}

void
room_redirect (DflCall *call, const char *target)
{
  g_autoptr (GError) error = NULL;

  dfl_call_redirect (call, target, "user:test", &error);
  g_assert_no_error (error);
}

void
room_decline (DflCall *call, guint status)
{
  g_autoptr (GError) error = NULL;

  dfl_call_decline (call, status, "user:test", &error);
  g_assert_no_error (error);
}

void
room_redirect_if_offered (Room *self)
{
  g_autoptr (GError) error = NULL;

  if (room_get_n_calls (self) > 0
      && !dfl_call_redirect (room_wait_call (self), ROOM_TARGET, "user:test", &error)
      && !g_error_matches (error, DFL_ERROR, DFL_ERROR_TOO_LATE))
    g_assert_error (error, DFL_ERROR, DFL_ERROR_LINE_DOWN);
}

void
room_refuse_redirect (DflCall *call, const char *target, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (dfl_call_redirect (call, target, "user:test", &error));
  g_assert_error (error, DFL_ERROR, code);
  g_assert_cmpuint (strlen (error->message), >, 10);
}
