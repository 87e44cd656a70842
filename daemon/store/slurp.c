/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "core/error.h"
#include "core/offer.h"
#include "store/wipe.h"

static void
take_problem (char **problem, char *text)
{
  if (problem != NULL)
    *problem = text;
  else
    g_free (text);
}

int
dfl_slurp_open (int directory, const char *path, int flags, struct stat *facts, char **problem)
{
  int fd = openat (directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
  int failure = errno;

  if (fd < 0)
    {
      take_problem (problem, g_strdup_printf ("cannot be opened (%s); make it a file that the user "
                                              "of deflectd may read",
                                              g_strerror (failure)));
      errno = failure;
      return -1;
    }
  if (fstat (fd, facts) == 0 && S_ISREG (facts->st_mode))
    return fd;
  close (fd);
  take_problem (problem, g_strdup ("is no regular file; expected a key file"));
  errno = 0;
  return -1;
}

char *
dfl_slurp_read (int fd, gsize max_bytes, gsize *length, char **problem)
{
  char *data = g_malloc (max_bytes + 1);
  ssize_t more = 1;
  gsize n = 0;

  while (n <= max_bytes && more != 0)
    {
      more = read (fd, data + n, max_bytes + 1 - n);
      if (more < 0 && errno == EINTR)
        continue;
      if (more < 0)
        break;
      n += (gsize)more;
    }
  close (fd);
  if (more >= 0 && n <= max_bytes)
    {
      data[n] = '\0';
      *length = n;
      return data;
    }
  take_problem (problem, more < 0 ? g_strdup ("cannot be read; check the disk it is on")
                                  : g_strdup_printf ("is larger than %" G_GSIZE_FORMAT
                                                     " KB; expected a file of a few lines",
                                                     max_bytes / 1024));
  dfl_wipe_free_bytes (data, n);
  return NULL;
}

char *
dfl_slurp (const char *path, struct stat *facts, gsize *length, GError **error)
{
  g_autofree char *problem = NULL;
  g_autofree char *shown = dfl_text_clean (path, -1, 1024);
  int fd = dfl_slurp_open (AT_FDCWD, path, 0, facts, &problem);
  char *data = NULL;

  /* A link that names nothing is a mistake, no missing file. */
  if (fd < 0 && errno == ENOENT && g_lstat (path, facts) != 0)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s is not there", shown);
      return NULL;
    }
  if (fd >= 0)
    data = dfl_slurp_read (fd, DFL_SLURP_MAX_BYTES, length, &problem);
  if (data == NULL)
    g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, "%s: %s", shown, problem);
  return data;
}
