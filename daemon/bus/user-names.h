/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of local users that somebody holds on to, and their uids as far as they are known. */

#pragma once

#include <glib.h>

/* A name, shared by all who hold it. */
typedef struct
{
  char *name;
  gboolean answered; /* the system's user database was asked and has answered */
  gboolean known;    /* it has such a user */
  guint32 uid;       /* where known */
  GHashTable *holders;
} DflUserName;

/* What the user database says of a name; to be put in force by the listener. */
typedef struct
{
  DflUserName *name;
  gboolean known;
  guint32 uid;
} DflUserAnswer;

typedef struct _DflUserNames DflUserNames;

/* Answers have come: an array of DflUserAnswer, about names that are held. */
typedef void (*DflUserNamesFunc) (const GArray *answers, gpointer data);

DflUserNames *dfl_user_names_new (DflUserNamesFunc answered, gpointer data);
/* Everything that was held must have been released. */
void dfl_user_names_free (DflUserNames *self);

/* The name, good until the holder releases it. Asks for its uid where that is not known. */
DflUserName *dfl_user_names_hold (DflUserNames *self, const char *name, gpointer holder);
void dfl_user_names_release (DflUserNames *self, DflUserName *name, gpointer holder);

/* Asks for all names anew, in one go. */
void dfl_user_names_refresh (DflUserNames *self);
