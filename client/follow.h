/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the verbs that stay have in common: the loop and the daemon that comes and goes. */

#pragma once

#include <json-glib/json-glib.h>

#include "calls-watch.h"
#include "command.h"

typedef struct _DflFollow DflFollow;

/* One run of such a verb; zero it, then init, then connect to the watch, then run. */
struct _DflFollow
{
  DflCommand *command;
  DflCallsWatch *watch;
  GMainLoop *loop;
  DflExit status;
  DflExit interrupted; /* the exit code after SIGINT and SIGTERM */
  gboolean was_ready;
  gboolean was_lost;
  gboolean ending;
  void (*on_stop) (
      DflFollow *self); /* before it ends for any reason; calls dfl_follow_quit; NULL: at once */
  gpointer data;        /* the verb's own */
};

gboolean dfl_follow_init (DflFollow *self, DflCommand *command, GError **error);

/* Until it was ended, by dfl_follow_end or SIGINT or SIGTERM. A daemon that is missing at the start
 * ends it with that exit code. */
DflExit dfl_follow_run (DflFollow *self);
void dfl_follow_end (DflFollow *self, DflExit status); /* the first one counts */
void dfl_follow_quit (DflFollow *self);                /* what on_stop began is finished */

/* An account that the user named has to be there: ends the run with NO_OBJECT where it is not. NULL
 * is fine. */
gboolean dfl_follow_check_account (DflFollow *self, const char *name);

void dfl_follow_clear (DflFollow *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DflFollow, dfl_follow_clear)

/* After something was printed: ends the run where nobody reads it any more. */
void dfl_follow_flush (DflFollow *self);

/* A call as list --json prints it. */
JsonNode *dfl_follow_call_json (DflFollow *self, DflRemote *call);
