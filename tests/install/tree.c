/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tree.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Below it: "real", the root directory as it was, and for each tree what hides some of that and
 * what is written instead. */
static char *scratch;

/* What an installation may change; the build directory is covered as well. */
static const char *covered[] = { "/etc", "/opt", "/usr", "/var", NULL };

struct _Tree
{
  char *name;
  char *hidden; /* the layer above the real one */
  GPtrArray *mounts;
};

static void
expect (gboolean done, const char *what)
{
  if (!done)
    g_error ("Cannot %s (%s); this test needs root.", what, g_strerror (errno));
}

static char *
make_directory (const char *parent, const char *name)
{
  char *path = g_build_filename (parent, name, NULL);

  expect (g_mkdir_with_parents (path, 0755) == 0, "make a directory");
  return path;
}

/* --- A machine of its own --- */

/* The parent stays until its child ends, and ends likewise. */
static void
go_on_in_child (const char *directory)
{
  pid_t child = fork ();
  pid_t ended;
  int status = 0;

  expect (child >= 0, "fork");
  if (child == 0)
    {
      expect (prctl (PR_SET_PDEATHSIG, SIGKILL) == 0, "be ended with the parent");
      return;
    }
  do
    ended = wait (&status);
  while (ended != child && (ended > 0 || errno == EINTR));
  if (directory != NULL)
    g_rmdir (directory);
  _exit (WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status));
}

void
tree_enter (void)
{
  g_autofree char *real = NULL;

  if (getuid () != 0)
    return;
  scratch = g_dir_make_tmp ("deflectd-tree-XXXXXX", NULL);
  expect (scratch != NULL, "make a directory");
  expect (unshare (CLONE_NEWPID) == 0, "have processes of its own");
  go_on_in_child (scratch);
  expect (unshare (CLONE_NEWNS) == 0, "have mounts of its own");
  expect (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "keep mounts to itself");
  go_on_in_child (NULL);
  expect (mount ("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0,
          "mount /proc");
  expect (mount ("tmpfs", scratch, "tmpfs", 0, "mode=0755") == 0, "mount memory");
  real = make_directory (scratch, "real");
  expect (mount ("/", real, NULL, MS_BIND | MS_REC, NULL) == 0, "keep the root directory");
}

/* --- The tree --- */

/* overlayfs takes a device 0:0 for a file that is gone. */
static void
hide (Tree *self, const char *path)
{
  g_autofree char *hidden = g_build_filename (self->hidden, path, NULL);
  g_autofree char *parent = g_path_get_dirname (hidden);

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return;
  expect (g_mkdir_with_parents (parent, 0755) == 0, "make a directory");
  expect (mknod (hidden, S_IFCHR, 0) == 0, "hide a file");
}

/* Takes the lines of a user out of a database. */
static void
hide_user (Tree *self, const char *database, const char *user)
{
  g_autofree char *hidden = g_build_filename (self->hidden, database, NULL);
  g_autofree char *begin = g_strconcat (user, ":", NULL);
  g_autoptr (GString) kept = g_string_new (NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  expect (g_file_get_contents (database, &text, NULL, NULL), "read a user database");
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++)
    if (!g_str_has_prefix (lines[i], begin))
      g_string_append_printf (kept, "%s\n", lines[i]);
  if (g_str_equal (kept->str, text))
    return;
  expect (g_file_set_contents (hidden, kept->str, -1, NULL) && g_chmod (hidden, 0644) == 0,
          "write a user database");
}

static void
cover (Tree *self, const char *path)
{
  g_autofree char *changes = make_directory (self->name, path);
  g_autofree char *upper = make_directory (changes, "upper");
  g_autofree char *work = make_directory (changes, "work");
  g_autofree char *hidden = make_directory (self->hidden, path);
  g_autofree char *options = g_strdup_printf ("lowerdir=%s:%s/real%s,upperdir=%s,workdir=%s",
                                              hidden, scratch, path, upper, work);
  GStatBuf status;

  expect (g_stat (path, &status) == 0 && chmod (upper, status.st_mode & 07777) == 0, "copy a mode");
  expect (mount ("overlay", path, "overlay", 0, options) == 0, "cover a directory");
  g_ptr_array_add (self->mounts, g_strdup (path));
}

Tree *
tree_new (const char *const *absent, const char *user)
{
  static guint n_trees;
  Tree *self = g_new0 (Tree, 1);
  g_autofree char *name = g_strdup_printf ("tree-%u", ++n_trees);
  g_autofree char *build = g_test_build_filename (G_TEST_BUILT, "..", NULL);
  g_autofree char *real_build = g_canonicalize_filename (build, NULL);
  g_autofree char *bus = NULL;
  g_autofree char *etc = NULL;

  self->name = make_directory (scratch, name);
  self->hidden = make_directory (self->name, "hidden");
  self->mounts = g_ptr_array_new_with_free_func (g_free);
  etc = make_directory (self->hidden, "etc");
  for (guint i = 0; absent[i] != NULL; i++)
    hide (self, absent[i]);
  for (const char **database = (const char *[]){ "/etc/passwd", "/etc/group", "/etc/shadow",
                                                 "/etc/gshadow", NULL };
       *database != NULL; database++)
    hide_user (self, *database, user);
  for (guint i = 0; covered[i] != NULL; i++)
    cover (self, covered[i]);
  cover (self, real_build);
  expect (mount ("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0, "cover a directory");
  g_ptr_array_add (self->mounts, g_strdup ("/run"));
  bus = make_directory ("/run", "dbus");
  return self;
}

void
tree_free (Tree *self)
{
  for (guint i = self->mounts->len; i > 0; i--)
    expect (umount2 (g_ptr_array_index (self->mounts, i - 1), MNT_DETACH) == 0,
            "uncover a directory");
  g_ptr_array_unref (self->mounts);
  g_free (self->hidden);
  g_free (self->name);
  g_free (self);
}

char *
tree_make_directory (Tree *self, const char *name)
{
  return make_directory (self->name, name);
}

/* --- What has changed --- */

/* Whether the tree began with a directory. */
static gboolean
began_with (Tree *self, const char *path)
{
  g_autofree char *real = g_build_filename (scratch, "real", path, NULL);
  g_autofree char *hidden = g_build_filename (self->hidden, path, NULL);

  /* What is hidden hides all that is in it. */
  for (; !g_str_equal (hidden, self->hidden); *strrchr (hidden, '/') = '\0')
    {
      GStatBuf status;

      if (g_lstat (hidden, &status) == 0 && S_ISCHR (status.st_mode))
        return FALSE;
    }
  return g_file_test (real, G_FILE_TEST_IS_DIR);
}

static void
add_changes (Tree *self, GPtrArray *changes, const char *upper, const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (upper, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *changed = g_build_filename (upper, name, NULL);
      g_autofree char *shown = g_build_filename (path, name, NULL);
      GStatBuf status;

      expect (g_lstat (changed, &status) == 0, "look at a file");
      if (S_ISDIR (status.st_mode))
        {
          /* A directory is copied when anything in it changes. */
          if (!began_with (self, shown))
            g_ptr_array_add (changes, g_strconcat (shown, "/", NULL));
          add_changes (self, changes, changed, shown);
        }
      else
        g_ptr_array_add (changes, g_strconcat (shown, S_ISCHR (status.st_mode) ? "!" : "", NULL));
    }
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char *
tree_list_changes (Tree *self)
{
  g_autoptr (GPtrArray) changes = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; covered[i] != NULL; i++)
    {
      g_autofree char *upper = g_build_filename (self->name, covered[i], "upper", NULL);

      add_changes (self, changes, upper, covered[i]);
    }
  g_ptr_array_sort (changes, compare);
  g_ptr_array_add (changes, NULL);
  return g_strjoinv ("\n", (char **)changes->pdata);
}
