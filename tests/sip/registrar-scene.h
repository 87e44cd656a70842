/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A room with one account "bob", sip:bob@example.org with a password, that registers at a UDP peer.
 */

#pragma once

#include "raw-request.h"
#include "sip-room.h"

typedef struct
{
  Room *room;
  RawPeer *peer;
  DflAccount *account; /* borrowed */
} Scene;

/* With the defaults of a room. */
void scene_open (Scene *self);
void scene_close (Scene *self);

/* Bob's settings with this registrar. */
DflAccountSettings *scene_make_settings (RawPeer *peer);
/* Takes the settings over. */
void scene_update (Scene *self, DflAccountSettings *settings);

void scene_assert_state (Scene *self, DflAccountState state, const char *reason);
void scene_wait_state (Scene *self, DflAccountState state);

/* The URI of the first Contact; to be freed. */
char *scene_get_contact (RawRequest *request);

/* 200 with that contact for so many seconds. */
void scene_grant (Scene *self, RawRequest *request, const char *expires);

/* Receives the REGISTER, grants it, and sees the account registered. */
RawRequest *scene_register (Scene *self);
