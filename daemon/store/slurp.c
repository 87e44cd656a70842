/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/offer.h"

static char *
read_all (int fd, gsize *length)
{
  g_autofree char *data = g_malloc (DFL_SLURP_MAX_BYTES + 1);
  gsize n = 0;

  while (n <= DFL_SLURP_MAX_BYTES)
    {
      ssize_t more = read (fd, data + n, DFL_SLURP_MAX_BYTES + 1 - n);

      if (more < 0 && errno == EINTR)
        continue;
      if (more < 0)
        return NULL;
      if (more == 0)
        break;
      n += (gsize)more;
    }
  *length = n;
  return g_steal_pointer (&data);
}

static char *
fail_to_read (const char *path, const char *why, GError **error)
{
  g_autofree char *shown = dfl_text_clean (path, -1, 1024);

  g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, "%s: %s", shown, why);
  return NULL;
}

char *
dfl_slurp (const char *path, gsize *length, GError **error)
{
  g_autofree char *data = NULL;
  struct stat facts;
  int fd = g_open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);

  if (fd < 0 && errno == ENOENT && g_lstat (path, &facts) != 0)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s is not there", path);
      return NULL;
    }
  if (fd < 0)
    {
      g_autofree char *why = g_strdup_printf (
          "cannot be opened (%s); make it a file that the user of deflectd may read",
          g_strerror (errno));
      return fail_to_read (path, why, error);
    }
  if (fstat (fd, &facts) != 0 || !S_ISREG (facts.st_mode))
    {
      close (fd);
      return fail_to_read (path, "is no regular file; expected a key file", error);
    }

  data = read_all (fd, length);
  close (fd);
  if (data == NULL)
    return fail_to_read (path, "cannot be read; check the disk it is on", error);
  if (*length > DFL_SLURP_MAX_BYTES)
    return fail_to_read (path, "is larger than 256 KB; expected a key file of a few lines", error);
  return g_steal_pointer (&data);
}
