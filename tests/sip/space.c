/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "space.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "raw-peer.h"

#define TIME_LIMIT (60 * G_USEC_PER_SEC)

gboolean
space_in_child (void)
{
  if (g_test_subprocess ())
    return TRUE;
  g_test_trap_subprocess (NULL, TIME_LIMIT * raw_slowness (), G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
  return FALSE;
}

void
space_run (const char *format, ...)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *command = NULL;
  g_autofree char *output = NULL;
  va_list arguments;
  int status;

  va_start (arguments, format);
  command = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_spawn_command_line_sync (command, NULL, &output, &status, &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("%s: %s", command, output);
}

static void
write_text (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  close (fd);
}

int
space_new (void)
{
  g_assert_cmpint (unshare (CLONE_NEWNET), ==, 0);
  return open ("/proc/self/ns/net", O_RDONLY);
}

void
space_become_root (void)
{
  g_autofree char *uids = g_strdup_printf ("0 %u 1", getuid ());
  g_autofree char *gids = g_strdup_printf ("0 %u 1", getgid ());

  if (geteuid () == 0)
    return;
  g_assert_cmpint (unshare (CLONE_NEWUSER), ==, 0);
  write_text ("/proc/self/setgroups", "deny");
  write_text ("/proc/self/uid_map", uids);
  write_text ("/proc/self/gid_map", gids);
}
