/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0 or what errno says. */
static int
write_all (int fd, const guint8 *bytes, gsize length)
{
  while (length > 0)
    {
      ssize_t written = write (fd, bytes, length);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return errno;
      bytes += written;
      length -= (gsize)written;
    }
  return fsync (fd) == 0 ? 0 : errno;
}

/* Makes a file that was not there, also where something is in its way. */
static int
create (int directory, const char *name)
{
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat (directory, name, flags, S_IRUSR | S_IWUSR);

  if (fd >= 0 || errno != EEXIST)
    return fd;
  if (unlinkat (directory, name, 0) != 0)
    return -1;
  return openat (directory, name, flags, S_IRUSR | S_IWUSR);
}

int
dfl_spill (int directory, const char *name, gconstpointer bytes, gsize length)
{
  int fd = create (directory, name);
  int failure;

  if (fd < 0)
    return errno;
  failure = write_all (fd, bytes, length);
  if (close (fd) != 0 && failure == 0)
    failure = errno;
  if (failure != 0)
    unlinkat (directory, name, 0);
  return failure;
}
