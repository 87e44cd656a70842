/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Servers at which accounts register, and what is done through them. */

#pragma once

#include "raw-request.h"
#include "sip-room.h"
#include "sip/token.h"

/* Not the address of anything else here, so that nothing is mistaken for it. */
#define SERVER "127.0.0.5"

/* One account's server, and what the account registered there. */
typedef struct
{
  GSocket *listener; /* TCP, or NULL for UDP */
  RawPeer *peer;
  char *contact;
  char token[DFL_TOKEN_LENGTH + 1];
} Server;

void server_open (Server *self, Room *room, gboolean tcp);
void server_close (Server *self);

/* The settings of an account that registers there. */
DflAccountSettings *server_make_settings (Server *self, const char *name);

/* Remembers the contact of a REGISTER. */
void server_learn (Server *self, RawRequest *request);
void server_grant (Server *self, RawRequest *request);

/* Takes the next registration, over a connection that it may have to await. */
void server_register (Server *self);

void server_wait_registered (Room *room, const char *name);

/* A room with "bob", who is registered at a server. */
Room *server_open_registered (Server *self, gboolean tcp);

/* --- Calls to a token or another user part --- */

RawCall *call_user (RawPeer *peer, const char *user);
void invite_in_vain (Room *room, RawPeer *peer, const char *user);

/* A call that works from its beginning to its end. */
void deflect (Room *room, RawPeer *peer, const char *user);
