/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "registrar-scene.h"

#include <string.h>

DflAccountSettings *
scene_make_settings (RawPeer *peer)
{
  DflAccountSettings *settings = room_account ("bob");

  settings->registers = TRUE;
  room_accept_from (settings, "");
  raw_set (&settings->registrar, "%s", raw_peer_get_local (peer));
  raw_set (&settings->password, "secret");
  settings->expires = 600;
  return settings;
}

void
scene_update (Scene *self, DflAccountSettings *settings)
{
  g_autoptr (GPtrArray) accounts = NULL;

  room_set_accounts (self->room, settings, NULL);
  accounts = dfl_switchboard_get_accounts (self->room->switchboard);
  g_assert_cmpuint (accounts->len, ==, 1);
  self->account = accounts->pdata[0];
}

void
scene_open (Scene *self)
{
  self->room = room_new (NULL);
  self->peer = room_udp_peer (self->room);
  scene_update (self, scene_make_settings (self->peer));
}

void
scene_close (Scene *self)
{
  raw_peer_flush (self->peer);
  raw_peer_free (self->peer);
  room_free (self->room);
}

void
scene_assert_state (Scene *self, DflAccountState state, const char *reason)
{
  g_assert_cmpstr (dfl_account_state_to_string (dfl_account_get_state (self->account)), ==,
                   dfl_account_state_to_string (state));
  g_assert_cmpstr (dfl_account_get_state_reason (self->account), ==, reason);
}

void
scene_wait_state (Scene *self, DflAccountState state)
{
  raw_wait_until (dfl_account_get_state (self->account) == state);
}

/* The URI of the first Contact. */
char *
scene_get_contact (RawRequest *request)
{
  const char *value = raw_request_get_nth (request, "Contact", 0);

  g_assert_cmpint (*value, ==, '<');
  return g_strndup (value + 1, strcspn (value + 1, ">"));
}

void
scene_grant (Scene *self, RawRequest *request, const char *expires)
{
  g_autofree char *contact = scene_get_contact (request);
  g_autofree char *extra = g_strdup_printf ("Contact: <%s>;expires=%s\r\n", contact, expires);

  raw_request_answer (request, self->peer, "200 OK", extra);
}

/* Registered, and the request that did it. */
RawRequest *
scene_register (Scene *self)
{
  RawRequest *request = raw_request_receive (self->peer, "REGISTER");

  scene_grant (self, request, "600");
  scene_wait_state (self, DFL_ACCOUNT_STATE_REGISTERED);
  return request;
}
