/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "authorisation.h"

#include <glib-unix.h>
#include <signal.h>
#include <sys/prctl.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "daemon.h"
#include "errors.h"
#include "names.h"

/* polkit's own program that asks on a terminal. */
#define AGENT "pkttyagent"

/* The descriptor that it closes when it is ready, and how long to wait for that at most. */
#define NOTIFY_FD 3
#define READY_MILLISECONDS 10000

static void
end_with_parent (gpointer data)
{
  (void)prctl (PR_SET_PDEATHSIG, SIGTERM);
}

/* Returns when it is there, or else has said that it cannot. */
static void
await_agent (int fd)
{
  gint64 until = g_get_monotonic_time () + READY_MILLISECONDS * 1000;
  GPollFD poll_fd = { .fd = fd, .events = G_IO_IN };
  gint64 left;
  char byte;

  while ((left = (until - g_get_monotonic_time ()) / 1000) > 0)
    if (g_poll (&poll_fd, 1, (int)left) > 0 && read (fd, &byte, 1) <= 0)
      return;
}

/* Whether a desktop can have an agent for us: one is there for a whole session, and polkit looks no
 * further where we are in none. */
static gboolean
has_session (void)
{
  g_autofree char *session = NULL;
  uid_t owner;

  if (sd_pid_get_session (0, &session) >= 0)
    return TRUE;
  /* What runs beside all sessions belongs to the graphical one of its user. */
  return sd_pid_get_owner_uid (0, &owner) >= 0 && sd_uid_get_display (owner, &session) >= 0;
}

/* NULL where there is none; then an agent of the session may still ask. */
static GSubprocess *
start_agent (void)
{
  g_autofree char *program = g_find_program_in_path (AGENT);
  g_autofree char *descriptor = g_strdup_printf ("%d", NOTIFY_FD);
  g_autofree char *pid = g_strdup_printf ("%ld", (long)getpid ());
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *agent;
  int fds[2];

  if (program == NULL || !g_unix_open_pipe (fds, FD_CLOEXEC, &error))
    return NULL;
  /* It talks to the terminal; what it says elsewhere is about itself. It comes after others only
   * where there can be others: polkit takes no agent for a fallback without a session. */
  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE
                                        | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_subprocess_launcher_set_child_setup (launcher, end_with_parent, NULL, NULL);
  g_subprocess_launcher_take_fd (launcher, fds[1], NOTIFY_FD);
  agent = g_subprocess_launcher_spawn (launcher, &error, program, "--notify-fd", descriptor,
                                       "--process", pid, has_session () ? "--fallback" : NULL,
                                       NULL);
  g_subprocess_launcher_close (launcher);
  if (agent != NULL)
    await_agent (fds[0]);
  (void)close (fds[0]);
  return agent;
}

/* It gives the terminal its echo back, should it be asking still. */
static void
end_agent (GSubprocess *agent)
{
  g_subprocess_send_signal (agent, SIGTERM);
  g_subprocess_send_signal (agent, SIGCONT);
  (void)g_subprocess_wait (agent, NULL, NULL);
  g_object_unref (agent);
}

static gboolean
is_refusal (const GError *error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (error);

  return g_strcmp0 (name, DFL_ERROR_PREFIX "NotAuthorized") == 0;
}

GVariant *
dfl_authorisation_call (GDBusConnection *connection,
                        DflAsk ask,
                        const char *path,
                        const char *interface,
                        const char *method,
                        GVariant *parameters,
                        const GVariantType *reply_type,
                        GError **error)
{
  g_autoptr (GVariant) held = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;
  g_autoptr (GError) refusal = NULL;
  GSubprocess *agent = NULL;
  GVariant *reply = dfl_daemon_call (connection, path, interface, method, held, reply_type,
                                     &refusal);

  if (reply != NULL)
    return reply;
  if (ask == DFL_ASK_NOBODY || !is_refusal (refusal))
    {
      g_propagate_error (error, g_steal_pointer (&refusal));
      return NULL;
    }
  if (ask == DFL_ASK_TERMINAL)
    agent = start_agent ();
  reply = g_dbus_connection_call_sync (connection, DFL_BUS_NAME,
                                       path != NULL ? path : DFL_ROOT_PATH, interface, method, held,
                                       reply_type,
                                       G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, G_MAXINT,
                                       NULL, error);
  if (agent != NULL)
    end_agent (agent);
  return reply;
}
