/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real programs on a stage of their own: a private bus, a private directory, free ports. */

#pragma once

#include <gio/gio.h>

#include "stage/polkitd.h"

typedef enum
{
  STAGE_OWN_BUS,   /* deflectd --bus ADDRESS: everything belongs to the uid that runs the test */
  STAGE_SYSTEM_BUS /* deflectd --bus system as the user deflectd, on a bus with the settings of the
                      system's and the policy of data/; after machine_enter */
} StageBus;

typedef struct _Stage Stage;

/* A program that was started; whatever it prints goes to files in the stage's directory. */
typedef struct _Player Player;

/* Starts the bus. The daemon's settings are udp and tcp on 127.0.0.1 with free ports, and one
 * account "alice" (sip:alice@deflect.example) that takes calls from 127.0.0.1. */
Stage *stage_new (StageBus bus);

/* Ends every program that still runs, the daemon with SIGTERM, and removes the directory. */
void stage_free (Stage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stage, stage_free)

/* Replaces deflectd.conf, or the file of one account; lines NULL removes it. */
void stage_write_settings (Stage *self, const char *lines);
void stage_write_account (Stage *self, const char *name, const char *lines);

/* The daemon will be started below this command, also where there is a DFL_TEST_WRAPPER; words are
 * split as by a shell. */
void stage_wrap_daemon (Stage *self, const char *command);

/* Returns when the daemon owns its name and its ports are known; how long that took in
 * microseconds. */
gint64 stage_start_daemon (Stage *self);

/* Sends a signal to the daemon. */
void stage_signal_daemon (Stage *self, int signal);

/* Waits for the daemon's end, which must be a clean one unless it was killed. */
void stage_await_daemon_end (Stage *self);

/* Waits for the daemon's end and returns its exit status, or minus the signal that ended it. */
int stage_await_daemon_status (Stage *self);

/* Whether the daemon runs below the wrapper of DFL_TEST_WRAPPER or with sanitizers: slowly. */
gboolean stage_is_slow (void);

/* The program itself; valid until the stage is freed. */
Player *stage_get_daemon (Stage *self);

/* SIGKILL; returns when the bus is gone. */
void stage_kill_bus (Stage *self);

/* What the daemon said on stderr so far. */
char *stage_read_log (Stage *self);

/* The real polkitd on the system bus, with the project's actions; rules are JavaScript. The stage
 * ends it. */
Polkitd *stage_start_polkitd (Stage *self, const char *rules);

/* The path of the only file in a directory; NULL where there is none. */
char *stage_find_only_file (const char *path);

const char *stage_get_directory (Stage *self);
const char *stage_get_bus_address (Stage *self);
GDBusConnection *stage_get_connection (Stage *self);

/* The port that is bound for the given beginning of a listen= item, such as "udp:127.0.0.1:". */
guint stage_get_port (Stage *self, const char *listen);

/* A port that was free a moment ago, for programs that cannot find one themselves. */
guint stage_find_free_port (void);

/* --- Programs --- */

/* Starts a program with the given arguments, up to NULL. */
Player *stage_play (Stage *self, const char *program, ...) G_GNUC_NULL_TERMINATED;
Player *stage_playv (Stage *self, const char *const *argv);

/* The same as another local user; after machine_enter. */
Player *stage_play_as (Stage *self, guint uid, const char *program, ...) G_GNUC_NULL_TERMINATED;

/* The same with the words of argv, which need not end with NULL; one of our own programs is meant
 * by its name alone. */
Player *stage_play_argv_as (Stage *self, guint uid, GPtrArray *argv);

/* SIPp as the caller with a file of tests/e2e/scenarios; transport is "u1" or "t1", host a numeric
 * address (IPv6 in brackets), reason a header line for cancel.xml, or NULL. */
Player *stage_call (Stage *self,
                    const char *scenario,
                    const char *transport,
                    const char *host,
                    guint port,
                    const char *reason);

/* The usual one: call.xml over UDP to the daemon. */
Player *stage_call_alice (Stage *self);

gboolean player_has_ended (Player *self);
GPid player_get_pid (Player *self);
void player_signal (Player *self, int signal);

/* Waits for the program's end and returns its exit status, or minus the signal that ended it. */
int player_await (Stage *stage, Player *self);

/* Like player_await, but anything other than 0 fails the test and shows what was printed. */
void player_await_success (Stage *stage, Player *self);

char *player_read_output (Player *self);
char *player_read_errors (Player *self);

/* Every SIP message that a caller sent and received, as SIPp wrote it down. */
char *player_read_trace (Player *self);

/* Runs deflectctl to its end; output may be NULL. Returns its exit status. */
int stage_deflectctl (Stage *self, char **output, const char *first, ...) G_GNUC_NULL_TERMINATED;

/* The same as another local user; after machine_enter. */
int stage_deflectctl_as (Stage *self, guint uid, char **output, const char *first, ...)
    G_GNUC_NULL_TERMINATED;

/* --- What the bus tells; a stock GDBusObjectManagerClient listens --- */

/* Waits for an offered call that was not returned before; its object path. */
char *stage_await_call (Stage *self);

/* Waits until the call has been removed. What happened to it is then, for example,
 * "offered redirecting idle:redirected removed". */
void stage_await_story (Stage *self, const char *call, const char *expected);
const char *stage_get_story (Stage *self, const char *call);
guint stage_count_calls (Stage *self);

/* A property of an object below /org/deflectd1 as Properties.Get returns it. */
GVariant *
stage_get_property (Stage *self, const char *path, const char *interface, const char *name);

/* A method without a time limit of its own, and the same with an answer that comes later. */
GVariant *stage_invoke (Stage *self,
                        const char *path,
                        const char *interface,
                        const char *method,
                        GVariant *parameters,
                        GError **error);

/* Waits until a condition holds; after a minute the test fails and names it. */
#define AWAIT(stage, condition)                                                                    \
  G_STMT_START                                                                                     \
  {                                                                                                \
    gint64 await_until_ = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;                           \
    while (!(condition))                                                                           \
      stage_step ((stage), await_until_, #condition, G_STRLOC);                                    \
  }                                                                                                \
  G_STMT_END
void stage_step (Stage *self, gint64 until, const char *condition, const char *where);
