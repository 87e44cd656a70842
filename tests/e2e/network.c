/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static char *desk_command;

static void
run_command (const char *command)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *errors = NULL;
  int status;

  g_spawn_command_line_sync (command, NULL, &errors, &status, &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("%s: %s", command, errors);
}

void
network_run (const char *format, ...)
{
  g_autofree char *command = NULL;
  va_list arguments;

  va_start (arguments, format);
  command = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  run_command (command);
}

void
network_run_at_desk (const char *format, ...)
{
  g_autofree char *command = NULL;
  g_autofree char *there = NULL;
  va_list arguments;

  va_start (arguments, format);
  command = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  there = g_strdup_printf ("%s %s", desk_command, command);
  run_command (there);
}

void
network_enter (void)
{
  /* Who may not do that can still list the cases. */
  if (getuid () != 0)
    return;
  if (unshare (CLONE_NEWNET) != 0)
    g_error ("Cannot have a network of its own (%s); this test needs root.", g_strerror (errno));
  network_run ("ip link set lo up");
}

void
network_lay_cable (void)
{
  int here = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  int desk;

  g_assert_null (desk_command);
  g_assert_cmpint (unshare (CLONE_NEWNET), ==, 0);
  desk = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (setns (here, CLONE_NEWNET), ==, 0);
  close (here);
  /* The descriptor stays open: it is what keeps that network. */
  desk_command = g_strdup_printf ("nsenter --net=/proc/%d/fd/%d", getpid (), desk);
  network_run ("ip link add v0 type veth peer name v1");
  network_run ("ip link set v0 netns /proc/%d/fd/%d", getpid (), desk);
  network_run ("ip addr add " NETWORK_HERE "/24 dev v1");
  network_run ("ip link set v1 up");
  network_run ("ip -6 addr add " NETWORK_HERE6 "/64 dev v1 nodad");
  network_run_at_desk ("ip link set lo up");
  network_reset_cable ();
}

void
network_reset_cable (void)
{
  network_run_at_desk ("ip addr flush dev v0");
  network_run_at_desk ("ip link set v0 up");
  network_run_at_desk ("ip addr replace " NETWORK_DESK "/24 dev v0");
  network_run_at_desk ("ip -6 addr replace fd66::1/64 dev v0 nodad");
  network_run_at_desk ("ip route replace default via " NETWORK_HERE);
}

const char *
network_get_desk_command (void)
{
  return desk_command;
}

void
network_lose (guint percent, guint port, guint other_port)
{
  static gboolean made;

  if (made)
    network_run ("nft delete table inet loss");
  made = percent > 0;
  if (!made)
    return;
  network_run ("nft add table inet loss");
  network_run ("nft 'add chain inet loss in { type filter hook input priority 0; }'");
  for (const char **end = (const char *[]){ "dport", "sport", NULL }; *end != NULL; end++)
    network_run ("nft add rule inet loss in udp %s '{' %u, %u '}' numgen random mod 100 '<' %u "
                 "counter drop",
                 *end, port, other_port, percent);
}
