/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/offer.h"
#include "store/slurp.h"
#include "store/spill.h"
#include "store/wipe.h"

#define FILE_NAME "secret"
#define OTHER_NAME ".secret.tmp"
#define SIZE 32

#define MAKE_ANEW "; remove it, and deflectd makes another one when it is started again"

static void
fill_random (guint8 bytes[SIZE])
{
  /* So few bytes come whole once the kernel has any at all (getrandom(2)). */
  while (getrandom (bytes, SIZE, 0) != SIZE)
    if (errno != EINTR)
      g_error ("The kernel gives no random numbers: %s", g_strerror (errno));
}

/* NULL where nobody else can know what is in the file. */
static const char *
find_fault (const struct stat *facts)
{
  if (facts->st_uid != geteuid ())
    return "belongs to another user than that of deflectd" MAKE_ANEW;
  if ((facts->st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return "may have been read or written by other users" MAKE_ANEW;
  if (facts->st_size != SIZE)
    return "is not 32 bytes long, as deflectd makes it" MAKE_ANEW;
  return NULL;
}

static char *
explain_failure (int failure)
{
  if (failure == 0)
    return g_strdup ("is no regular file" MAKE_ANEW);
  if (failure == ELOOP)
    return g_strdup ("is a symbolic link, which is never followed here" MAKE_ANEW);
  return g_strdup_printf ("cannot be opened (%s); give it to the user of deflectd with mode 0600",
                          g_strerror (failure));
}

/* Takes the secret from the file. FALSE without a problem where there is none. */
static gboolean
read_secret (int directory, guint8 secret[SIZE], char **problem)
{
  struct stat facts;
  gsize length = 0;
  char *data;
  int fd = dfl_slurp_open (directory, FILE_NAME, O_NOFOLLOW, &facts, NULL);

  if (fd < 0)
    {
      if (errno != ENOENT)
        *problem = explain_failure (errno);
      return FALSE;
    }
  if (find_fault (&facts) != NULL)
    {
      close (fd);
      *problem = g_strdup (find_fault (&facts));
      return FALSE;
    }
  data = dfl_slurp_read (fd, SIZE, &length, problem);
  if (data == NULL)
    return FALSE;
  if (length == SIZE)
    memcpy (secret, data, SIZE);
  else
    *problem = g_strdup ("is not 32 bytes long, as deflectd makes it" MAKE_ANEW);
  dfl_wipe_free_bytes (data, length);
  return length == SIZE;
}

/* Gives the file its name where nothing has that. 0 or what errno says. */
static int
put_in_place (int directory)
{
  if (renameat2 (directory, OTHER_NAME, directory, FILE_NAME, RENAME_NOREPLACE) == 0)
    return 0;
  /* A file system that knows no such thing; nobody else makes secrets here. */
  if ((errno == EINVAL || errno == ENOSYS)
      && renameat (directory, OTHER_NAME, directory, FILE_NAME) == 0)
    return 0;
  return errno;
}

/* Keeps the secret in a new file. One that does not stand the next power failure is as good as none
 * then, and is made anew. */
static gboolean
write_secret (int directory, const guint8 secret[SIZE], char **problem)
{
  int failure = dfl_spill (directory, OTHER_NAME, secret, SIZE);

  if (failure == 0)
    {
      failure = put_in_place (directory);
      if (failure == 0 && fsync (directory) != 0)
        failure = errno;
      unlinkat (directory, OTHER_NAME, 0);
    }
  if (failure == 0)
    return TRUE;

  *problem = g_strdup_printf ("cannot be written (%s); let the user of deflectd write to the "
                              "directory, and make room on its disk",
                              g_strerror (failure));
  return FALSE;
}

gboolean
dfl_secret_load (const char *state_dir, guint8 secret[SIZE], GError **error)
{
  g_autofree char *path = g_build_filename (state_dir, FILE_NAME, NULL);
  g_autofree char *shown = dfl_text_clean (path, -1, 1024);
  g_autofree char *problem = NULL;
  gboolean loaded = FALSE;
  /* The state directory may be a link: systemd makes it one for dynamic users. */
  int directory = open (state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  fill_random (secret);
  if (directory < 0)
    problem = g_strdup_printf ("the directory cannot be opened (%s); name one that the user of "
                               "deflectd may write to with --state-dir",
                               g_strerror (errno));
  else
    {
      loaded = read_secret (directory, secret, &problem);
      if (!loaded && problem == NULL)
        loaded = write_secret (directory, secret, &problem);
      close (directory);
    }
  if (loaded)
    return TRUE;

  g_set_error (error, DFL_ERROR, DFL_ERROR_FAILED, "%s: %s", shown, problem);
  return FALSE;
}
