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

/* Another network, as a descriptor that keeps it. */
static int
make_network (void)
{
  int here = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  int made;

  g_assert_cmpint (unshare (CLONE_NEWNET), ==, 0);
  made = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (setns (here, CLONE_NEWNET), ==, 0);
  close (here);
  return made;
}

void
network_lay_cable (void)
{
  int desk = make_network ();

  g_assert_null (desk_command);
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

void
network_lay_cable_through_nat (guint seconds)
{
  g_autofree char *private = NULL;
  g_autofree char *router = NULL;
  int inside;

  /* What was the desk becomes the router; its address is the public one. */
  network_lay_cable ();
  inside = make_network ();
  router = desk_command;
  private = g_strdup_printf ("/proc/%d/fd/%d", getpid (), inside);
  network_run ("%s ip link add v2 type veth peer name v3", router);
  network_run ("%s ip link set v3 netns %s", router, private);
  network_run ("%s ip addr add 192.168.66.1/24 dev v2", router);
  network_run ("%s ip link set v2 up", router);
  network_run ("%s sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'", router);
  network_run ("%s nft add table ip nat", router);
  network_run ("%s nft 'add chain ip nat out { type nat hook postrouting priority 100; }'", router);
  /* Else the port stays what it was, and a contact with the wrong one would do. */
  network_run ("%s nft add rule ip nat out oifname v0 masquerade random", router);
  network_run ("%s sh -c 'cd /proc/sys/net/netfilter && echo %u >nf_conntrack_udp_timeout && "
               "echo %u >nf_conntrack_udp_timeout_stream'",
               router, seconds, seconds);
  desk_command = g_strdup_printf ("nsenter --net=%s", private);
  network_run_at_desk ("ip link set lo up");
  network_run_at_desk ("ip addr add " NETWORK_PRIVATE "/24 dev v3");
  network_run_at_desk ("ip link set v3 up");
  network_run_at_desk ("ip route add default via 192.168.66.1");
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
