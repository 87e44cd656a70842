/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * g_file_set_contents_full() writes atomically too, but by path, so that a symbolic link put in the
 * place of accounts.d would lead it elsewhere; it does not wait for the directory to be on the
 * disk; and where that fails it cannot bring the old file back. So these few system calls are made
 * here.
 *
 * A new text goes to a file beside the old one, which then trade names in one step. The old one is
 * taken away only when the directory is safe on the disk; until then it can trade back. To remove a
 * file is to give it the other name, likewise. What has that name is of no worth at the next start.
 */

#include "store/state-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/offer.h"
#include "store/slurp.h"
#include "store/spill.h"

#define ACCOUNTS_DIR "accounts.d"
#define SUFFIX ".conf"
#define ID_LENGTH 8
#define OTHER_PREFIX "."
#define OTHER_SUFFIX ".tmp"

struct _DflStateFiles
{
  char *path; /* for messages */
  int directory;
};

gboolean
dfl_state_files_is_id (const char *text)
{
  return strlen (text) == ID_LENGTH && strspn (text, "0123456789abcdef") == ID_LENGTH;
}

/* Whether name is prefix, an id, and suffix. */
static gboolean
is_named (const char *name, const char *prefix, const char *suffix)
{
  g_autofree char *id = NULL;

  if (!g_str_has_prefix (name, prefix) || !g_str_has_suffix (name, suffix)
      || strlen (name) != strlen (prefix) + ID_LENGTH + strlen (suffix))
    return FALSE;
  id = g_strndup (name + strlen (prefix), ID_LENGTH);
  return dfl_state_files_is_id (id);
}

/* --- The directory --- */

/* Whether nobody but the daemon and root can have made it what it is. */
static gboolean
is_ours (const struct stat *facts)
{
  return (facts->st_uid == geteuid () || facts->st_uid == 0)
         && (facts->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int
open_accounts (int state, char **problem)
{
  struct stat facts;
  int fd;

  /* A file is not safe on the disk as long as the directory that it is in is not. */
  if (mkdirat (state, ACCOUNTS_DIR, S_IRWXU) == 0 ? fsync (state) != 0 : errno != EEXIST)
    {
      *problem = g_strdup_printf ("cannot be made (%s); let the user of deflectd write to the "
                                  "directory it is in",
                                  g_strerror (errno));
      return -1;
    }
  fd = openat (state, ACCOUNTS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    *problem = g_strdup_printf ("cannot be opened (%s); expected a directory of the user of "
                                "deflectd, and no symbolic link to one",
                                g_strerror (errno));
  else if (fstat (fd, &facts) != 0 || !is_ours (&facts))
    *problem = g_strdup ("can be written to by other users than that of deflectd; look at what is "
                         "in it, and give it to that user with mode 0700");
  else if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0 && fchmod (fd, S_IRWXU) != 0)
    *problem = g_strdup_printf ("cannot be given mode 0700 (%s)", g_strerror (errno));
  else
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

/* Calls func for every name in the directory; FALSE, with errno, where it cannot be read. */
static gboolean
foreach_name (DflStateFiles *self,
              void (*func) (DflStateFiles *self, const char *name, gpointer data),
              gpointer data)
{
  int fd = openat (self->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *entry;
  int failure;

  if (stream == NULL)
    {
      failure = errno;
      if (fd >= 0)
        close (fd);
      errno = failure;
      return FALSE;
    }
  while (errno = 0, (entry = readdir (stream)) != NULL)
    func (self, entry->d_name, data);
  failure = errno;
  closedir (stream);
  errno = failure;
  return failure == 0;
}

static void
remove_leftover (DflStateFiles *self, const char *name, gpointer data)
{
  if (is_named (name, OTHER_PREFIX, OTHER_SUFFIX))
    unlinkat (self->directory, name, 0);
}

DflStateFiles *
dfl_state_files_open (const char *state_dir, GError **error)
{
  g_autofree char *path = g_build_filename (state_dir, ACCOUNTS_DIR, NULL);
  g_autofree char *shown = dfl_text_clean (path, -1, 1024);
  g_autofree char *problem = NULL;
  DflStateFiles *self;
  /* The state directory may be a link: systemd makes it one for dynamic users. */
  int state = open (state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int directory = -1;

  if (state < 0)
    problem = g_strdup_printf ("cannot be opened (%s); expected a directory that the user of "
                               "deflectd may write to",
                               g_strerror (errno));
  else
    {
      directory = open_accounts (state, &problem);
      close (state);
    }
  if (directory < 0)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, "%s: %s", shown, problem);
      return NULL;
    }
  self = g_new0 (DflStateFiles, 1);
  self->path = g_steal_pointer (&shown);
  self->directory = directory;
  foreach_name (self, remove_leftover, NULL);
  return self;
}

void
dfl_state_files_close (DflStateFiles *self)
{
  close (self->directory);
  g_free (self->path);
  g_free (self);
}

typedef struct
{
  GPtrArray *ids;
  GPtrArray *problems;
} Listing;

static void
note_name (DflStateFiles *self, const char *name, gpointer data)
{
  Listing *listing = data;
  g_autofree char *shown = NULL;

  if (is_named (name, "", SUFFIX))
    g_ptr_array_add (listing->ids, g_strndup (name, ID_LENGTH));
  else if (g_str_has_suffix (name, SUFFIX))
    {
      shown = dfl_text_clean (name, -1, 128);
      g_ptr_array_add (listing->problems,
                       g_strdup_printf ("%s/%s: is no file of deflectd's, whose names are 8 "
                                        "hexadecimal digits and " SUFFIX
                                        "; put accounts of your own into the settings directory",
                                        self->path, shown));
    }
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char **
dfl_state_files_list (DflStateFiles *self, GPtrArray *problems)
{
  Listing listing = { g_ptr_array_new (), problems };

  if (!foreach_name (self, note_name, &listing))
    g_ptr_array_add (problems,
                     g_strdup_printf ("%s: cannot be read (%s), so that accounts are missing; see "
                                      "that its disk is well, and restart deflectd",
                                      self->path, g_strerror (errno)));
  g_ptr_array_sort (listing.ids, compare_names);
  g_ptr_array_add (listing.ids, NULL);
  return (char **)g_ptr_array_free (listing.ids, FALSE);
}

/* --- Reading --- */

char *
dfl_state_files_get_path (DflStateFiles *self, const char *id)
{
  return g_strconcat (self->path, "/", id, SUFFIX, NULL);
}

char *
dfl_state_files_read (
    DflStateFiles *self, const char *id, gsize *length, guint *mode, char **problem)
{
  g_autofree char *name = g_strconcat (id, SUFFIX, NULL);
  struct stat facts;
  int fd = dfl_slurp_open (self->directory, name, O_NOFOLLOW, &facts, problem);

  if (fd < 0 && errno == ELOOP)
    {
      g_free (*problem);
      *problem = g_strdup ("is a symbolic link, which is never followed here; remove it");
    }
  if (fd < 0)
    return NULL;
  if (!is_ours (&facts))
    {
      close (fd);
      *problem = g_strdup ("may have been written by another user than that of deflectd; remove "
                           "it, or look at it and give it to that user with mode 0600");
      return NULL;
    }
  *mode = facts.st_mode;
  return dfl_slurp_read (fd, DFL_SLURP_MAX_BYTES, length, problem);
}

/* --- Writing --- */

static gboolean
fail (DflStateFiles *self, int failure, GError **error)
{
  const char *advice;

  switch (failure)
    {
    case ENOSPC:
    case EDQUOT:
      advice = "make room on the disk that it is on, and try again";
      break;
    case EROFS:
      advice = "let the disk that it is on be written to, and try again";
      break;
    case EACCES:
    case EPERM:
      advice = "give it to the user of deflectd with mode 0700, and try again";
      break;
    default:
      advice = "see that it is there and that its disk is well, and try again";
      break;
    }
  g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED,
               "The account could not be kept in %s (%s), and stays as it was; %s", self->path,
               g_strerror (failure), advice);
  return FALSE;
}

typedef enum
{
  PLACE_REFUSED, /* with errno */
  PLACE_TRADED,  /* the old file has the other name */
  PLACE_NEW,     /* there was no old file */
  PLACE_LOST     /* the old file is no more, because the file system cannot let files trade names */
} Place;

static Place
put_in_place (DflStateFiles *self, const char *other, const char *name)
{
  Place place = PLACE_TRADED;

  if (renameat2 (self->directory, other, self->directory, name, RENAME_EXCHANGE) == 0)
    return place;
  if (errno != ENOENT && errno != EINVAL && errno != ENOSYS)
    return PLACE_REFUSED;
  place = errno == ENOENT ? PLACE_NEW : PLACE_LOST;
  return renameat (self->directory, other, self->directory, name) == 0 ? place : PLACE_REFUSED;
}

static void
put_back (DflStateFiles *self, Place place, const char *other, const char *name)
{
  if (place == PLACE_TRADED)
    renameat (self->directory, other, self->directory, name);
  else if (place == PLACE_NEW)
    unlinkat (self->directory, name, 0);
}

gboolean
dfl_state_files_replace (
    DflStateFiles *self, const char *id, const char *text, gsize length, GError **error)
{
  g_autofree char *name = g_strconcat (id, SUFFIX, NULL);
  g_autofree char *other = g_strconcat (OTHER_PREFIX, id, OTHER_SUFFIX, NULL);
  int failure = dfl_spill (self->directory, other, text, length);
  Place place;

  if (failure != 0)
    return fail (self, failure, error);
  place = put_in_place (self, other, name);
  if (place == PLACE_REFUSED || fsync (self->directory) != 0)
    {
      failure = errno;
      put_back (self, place, other, name);
    }
  unlinkat (self->directory, other, 0);
  return failure == 0 || fail (self, failure, error);
}

gboolean
dfl_state_files_remove (DflStateFiles *self, const char *id, GError **error)
{
  g_autofree char *name = g_strconcat (id, SUFFIX, NULL);
  g_autofree char *other = g_strconcat (OTHER_PREFIX, id, OTHER_SUFFIX, NULL);
  int failure = 0;

  if (renameat (self->directory, name, self->directory, other) != 0)
    return errno == ENOENT || fail (self, errno, error);
  if (fsync (self->directory) != 0)
    {
      failure = errno;
      renameat (self->directory, other, self->directory, name);
    }
  unlinkat (self->directory, other, 0);
  return failure == 0 || fail (self, failure, error);
}
