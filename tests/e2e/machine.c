/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLICIES "/usr/share/dbus-1/system.d"
#define LOCAL_POLICIES "/etc/dbus-1/system.d"
#define POLKIT_POLICY "org.freedesktop.PolicyKit1.conf"
#define OUR_POLICY "org.deflectd1.conf"

static const struct
{
  const char *name;
  guint uid;
} users[] = {
  { "deflectd", MACHINE_DEFLECTD },
  { "alice", MACHINE_ALICE },
  { "bob", MACHINE_BOB },
  { "carol", MACHINE_CAROL },
};

const char *
machine_get_user (guint uid)
{
  for (guint i = 0; i < G_N_ELEMENTS (users); i++)
    if (users[i].uid == uid)
      return users[i].name;
  g_assert_cmpuint (uid, ==, 0);
  return "root";
}

static void
expect (gboolean done, const char *what)
{
  if (!done)
    g_error ("Cannot %s (%s); this test needs root.", what, g_strerror (errno));
}

/* --- Files --- */

static char *
read_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* Puts a text in the place of a file, for this machine alone. */
static void
replace_file (const char *path, const char *text)
{
  g_autofree char *name = NULL;
  int file = g_file_open_tmp ("deflectd-machine-XXXXXX", &name, NULL);

  expect (file >= 0 && write (file, text, strlen (text)) == (gssize)strlen (text)
              && fchmod (file, 0644) == 0 && close (file) == 0,
          "write a file");
  expect (mount (name, path, NULL, MS_BIND, NULL) == 0, "mount a file");
  g_unlink (name);
}

/* The lines of a user database, without those of users whose names are ours. */
static GString *
other_users (const char *path)
{
  g_autofree char *text = read_file (path);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *kept = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++)
    {
      g_autofree char *name = g_strndup (lines[i], strcspn (lines[i], ":"));
      gboolean ours = FALSE;

      for (guint u = 0; u < G_N_ELEMENTS (users); u++)
        ours = ours || g_str_equal (users[u].name, name);
      if (!ours)
        g_string_append_printf (kept, "%s\n", lines[i]);
    }
  return kept;
}

static void
add_users (void)
{
  GString *passwd = other_users ("/etc/passwd");
  GString *group = other_users ("/etc/group");

  for (guint i = 0; i < G_N_ELEMENTS (users); i++)
    {
      g_string_append_printf (passwd, "%s:x:%u:%u:%s:/nonexistent:/bin/sh\n", users[i].name,
                              users[i].uid, users[i].uid, users[i].name);
      g_string_append_printf (group, "%s:x:%u:\n", users[i].name, users[i].uid);
    }
  replace_file ("/etc/passwd", passwd->str);
  replace_file ("/etc/group", group->str);
  g_string_free (passwd, TRUE);
  g_string_free (group, TRUE);
}

static void
add_policy (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (POLICIES, name, NULL);

  expect (g_file_set_contents (path, text, -1, NULL) && g_chmod (path, 0644) == 0,
          "write a policy");
}

/* What other software has put there is no business of ours. */
static void
replace_policies (void)
{
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "..", "data", OUR_POLICY, NULL);
  g_autofree char *ours = read_file (file);
  g_autofree char *polkits = read_file (POLICIES "/" POLKIT_POLICY);

  expect (mount ("tmpfs", POLICIES, "tmpfs", 0, "mode=0755") == 0, "mount a directory");
  if (g_file_test (LOCAL_POLICIES, G_FILE_TEST_IS_DIR))
    expect (mount ("tmpfs", LOCAL_POLICIES, "tmpfs", 0, "mode=0755") == 0, "mount a directory");
  add_policy (OUR_POLICY, ours);
  add_policy (POLKIT_POLICY, polkits);
}

/* --- Processes --- */

/* Waits for a child and ends as it did; takes what others have left behind meanwhile. */
static void
end_like (pid_t child)
{
  int status = 0;
  pid_t ended;

  do
    ended = wait (&status);
  while (ended != child && (ended > 0 || errno == EINTR));
  _exit (WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status));
}

/* Goes on in a child; the parent stays until that ends. */
static void
go_on_in_child (void)
{
  pid_t child = fork ();

  expect (child >= 0, "fork");
  if (child > 0)
    end_like (child);
  expect (prctl (PR_SET_PDEATHSIG, SIGKILL) == 0, "be ended with the parent");
}

void
machine_enter (void)
{
  /* Who may not do that can still list the cases. */
  if (getuid () != 0)
    return;
  expect (unshare (CLONE_NEWNS | CLONE_NEWPID) == 0, "have a machine of its own");
  expect (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "keep mounts to itself");
  /* The first process of the machine: when it ends, the kernel ends all others. */
  go_on_in_child ();
  expect (mount ("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0,
          "mount /proc");
  go_on_in_child ();
  add_users ();
  replace_policies ();
}
