/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A machine where four accounts belong to different people, somebody calls each of them, and every
 * byte that each user gets is searched for what is the others'. */

#pragma once

#include "wire.h"
#include "witness.h"

/* An account and a call to it. All texts occur nowhere else. */
typedef struct
{
  const char *users; /* a value of users= */
  const char *name;  /* in small letters: of the account, its user part, its alias */
  const char *label; /* of people: display name, label of the alias */
  WireCaller caller;
} Neighbour;

typedef enum
{
  NEIGHBOUR_OF_ALICE,
  NEIGHBOUR_OF_BOB,
  NEIGHBOUR_OF_ALL,
  NEIGHBOUR_OF_ROOT,
  N_NEIGHBOURS
} NeighbourName;

/* root, alice, bob, carol (of whom no account is) and the daemon's own user. */
#define N_WITNESSES 5

typedef struct
{
  Stage *stage;
  Witness *witnesses[N_WITNESSES];
  Wire *wires[N_NEIGHBOURS];
  char *accounts[N_NEIGHBOURS]; /* object paths, as root sees them */
  char *calls[N_NEIGHBOURS];
  GPtrArray *guests; /* what is gone already: object paths of calls, by "ACCOUNT PATH" */
} Neighbours;

extern const Neighbour neighbours[N_NEIGHBOURS];

/* Writes the accounts and starts the daemon. */
Neighbours *neighbours_new (void);
void neighbours_free (Neighbours *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Neighbours, neighbours_free)

Witness *neighbours_get_witness (Neighbours *self, guint uid);
gboolean neighbours_sees (guint uid, NeighbourName account);

/* Everybody listens with all means of a D-Bus client. */
void neighbours_listen (Neighbours *self);

/* A new call for each account; returns when root has seen them. */
void neighbours_call (Neighbours *self);

/* The call's identifier, from its object path. */
const char *neighbours_get_call_id (Neighbours *self, NeighbourName account);

typedef enum
{
  NEIGHBOURS_ANYTHING,          /* not even an object path */
  NEIGHBOURS_ANYTHING_BUT_PATHS /* where they had been told the paths, to ask for them */
} NeighboursSecret;

/*
 * Fails where somebody has received a byte of what is not theirs, and where somebody has received
 * nothing of what is, if they were to have (seen).
 */
void neighbours_check (Neighbours *self, NeighboursSecret secret, gboolean seen);
