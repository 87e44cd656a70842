/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "contact-scene.h"

#include <string.h>

DflAccountSettings *
server_make_settings (Server *self, const char *name)
{
  DflAccountSettings *settings = room_account (name);

  settings->registers = TRUE;
  room_accept_from (settings, "");
  if (self->listener != NULL)
    {
      g_autoptr (GSocketAddress) address = g_socket_get_local_address (self->listener, NULL);

      settings->transport = DFL_TRANSPORT_TCP;
      raw_set (&settings->registrar, SERVER ":%u",
               g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
    }
  else
    raw_set (&settings->registrar, "%s", raw_peer_get_local (self->peer));
  return settings;
}

void
server_open (Server *self, Room *room, gboolean tcp)
{
  memset (self, 0, sizeof *self);
  if (tcp)
    self->listener = raw_listen (SERVER);
  else
    self->peer = raw_peer_new_udp (SERVER, "127.0.0.1", room->udp_port);
}

void
server_learn (Server *self, RawRequest *request)
{
  const char *value = raw_request_get_nth (request, "Contact", 0);

  g_free (self->contact);
  self->contact = g_strndup (value + 1, strcspn (value + 1, ">"));
  g_strlcpy (self->token, self->contact + strlen ("sip:"), sizeof self->token);
  g_assert_cmpint (self->contact[strlen ("sip:") + DFL_TOKEN_LENGTH], ==, '@');
}

void
server_grant (Server *self, RawRequest *request)
{
  g_autofree char *extra = g_strdup_printf ("Contact: <%s>;expires=600\r\n", self->contact);

  raw_request_answer (request, self->peer, "200 OK", extra);
}

void
server_register (Server *self)
{
  g_autoptr (RawRequest) request = NULL;

  if (self->peer == NULL)
    self->peer = raw_peer_accept (self->listener);
  request = raw_request_receive (self->peer, "REGISTER");
  server_learn (self, request);
  server_grant (self, request);
}

void
server_close (Server *self)
{
  if (self->peer != NULL)
    {
      raw_peer_flush (self->peer);
      raw_peer_free (self->peer);
    }
  g_clear_object (&self->listener);
  g_free (self->contact);
}

void
server_wait_registered (Room *room, const char *name)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (room->switchboard);

  for (guint i = 0; i < accounts->len; i++)
    if (g_str_equal (dfl_account_get_settings (accounts->pdata[i])->name, name))
      {
        raw_wait_until (dfl_account_get_state (accounts->pdata[i]) == DFL_ACCOUNT_STATE_REGISTERED);
        return;
      }
  g_assert_not_reached ();
}

Room *
server_open_registered (Server *self, gboolean tcp)
{
  Room *room = room_new (NULL);

  server_open (self, room, tcp);
  room_set_accounts (room, server_make_settings (self, "bob"), NULL);
  server_register (self);
  server_wait_registered (room, "bob");
  return room;
}

RawCall *
call_user (RawPeer *peer, const char *user)
{
  RawCall *call = raw_call_new (peer, user);

  raw_set (&call->to, "<sip:bob@example.org>");
  return call;
}

void
invite_in_vain (Room *room, RawPeer *peer, const char *user)
{
  g_autoptr (RawCall) call = call_user (peer, user);

  raw_call_invite (call);
  raw_peer_assert_silent (peer, 250);
  g_assert_cmpuint (room->n_added, ==, 0);
}

void
deflect (Room *room, RawPeer *peer, const char *user)
{
  g_autoptr (RawCall) call = call_user (peer, user);

  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
}
