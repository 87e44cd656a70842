/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the parts of the harness share. */

#pragma once

#include "harness.h"

struct _Player
{
  char *name;
  GSubprocess *process;
  char *output; /* files */
  char *errors;
  char *trace;
  gboolean ended;
};

struct _Stage
{
  StageBus bus;
  char *directory;
  char *address;
  char *deflectd; /* copies where every user can reach them */
  char *deflectctl;
  char *wrapper; /* or NULL */
  GPtrArray *players;
  Player *bus_daemon; /* borrowed from players, as the next one */
  Player *daemon;
  Polkitd *polkitd; /* or NULL */
  GDBusConnection *connection;
  GDBusObjectManager *manager;
  GHashTable *stories;   /* call path to GString */
  GHashTable *announced; /* call paths that stage_await_call has returned */
  char **listening;
  guint n_players;
};

void player_free (Player *self);

/* Adds what makes the rest of argv run as another user; nothing for root. */
void stage_add_user (GPtrArray *argv, guint uid);

/* Starts what argv says; adds the NULL that ends it. */
Player *stage_play_arguments (Stage *self, GPtrArray *argv);

/* Tells the story of every call from now on, to stage_await_call and others. */
void stage_listen (Stage *self);
