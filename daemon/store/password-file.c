/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/password-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "store/key-file.h"
#include "store/slurp.h"
#include "store/wipe.h"

#define MAX_FILE_BYTES 4096
#define CREDENTIAL_PREFIX "password_"

/* The path of a credential, or NULL with a problem. */
static char *
find_credential (const char *name, char **problem)
{
  const char *directory = g_getenv ("CREDENTIALS_DIRECTORY");
  g_autofree char *file = g_strconcat (CREDENTIAL_PREFIX, name, NULL);

  if (*name == '\0' || strchr (name, '/') != NULL)
    *problem = g_strdup ("expected an absolute path, or the NAME of a credential without a /");
  else if (directory == NULL || !g_path_is_absolute (directory))
    *problem = g_strdup ("names a credential, and the daemon was started without any; put "
                         "LoadCredential=password:DIRECTORY into its unit and the file NAME into "
                         "that directory, or write an absolute path");
  else
    return g_build_filename (directory, file, NULL);
  return NULL;
}

/* The first line of data, in place; NULL with a problem where it is no password. */
static const char *
check_line (char *data, gsize length, char **problem)
{
  char *end = memchr (data, '\n', length);
  gsize size = end != NULL ? (gsize)(end - data) : length;

  if (size > 0 && data[size - 1] == '\r')
    size--;
  data[size] = '\0';
  if (size == 0)
    *problem = g_strdup ("has nothing in the first line; expected the password there");
  else if (size > DFL_PASSWORD_MAX_BYTES)
    *problem = g_strdup_printf ("has too long a first line; expected a password of at most %u "
                                "bytes",
                                DFL_PASSWORD_MAX_BYTES);
  else if (strlen (data) < size || !dfl_key_file_is_plain (data))
    *problem = g_strdup ("holds control characters in the first line; expected plain text");
  else
    return data;
  return NULL;
}

static char *
explain_failure (int failure, const char *value)
{
  if (failure == 0)
    return g_strdup ("is no regular file; expected one whose first line is the password");
  if (failure == ENOENT && !g_path_is_absolute (value))
    return g_strdup ("names a credential that the daemon was not given; put the file NAME into the "
                     "directory of LoadCredential=password: and restart it");
  return g_strdup_printf ("cannot be opened (%s); expected a file that the user of deflectd may "
                          "read, whose first line is the password",
                          g_strerror (failure));
}

char *
dfl_password_file_read (const char *value, char **problem)
{
  gboolean absolute = g_path_is_absolute (value);
  g_autofree char *path = absolute ? g_strdup (value) : find_credential (value, problem);
  struct stat facts;
  gsize length = 0;
  char *data;
  char *password;
  int fd;

  if (path == NULL)
    return NULL;
  fd = dfl_slurp_open (AT_FDCWD, path, 0, &facts, NULL);
  if (fd < 0)
    {
      *problem = explain_failure (errno, value);
      return NULL;
    }
  data = dfl_slurp_read (fd, MAX_FILE_BYTES, &length, problem);
  if (data == NULL)
    return NULL;

  /* What systemd passes on is for the daemon alone already. */
  if (absolute && (facts.st_mode & S_IRWXO) != 0)
    {
      *problem = g_strdup ("may be used by every local user; take that away with chmod o=");
      password = NULL;
    }
  else
    password = g_strdup (check_line (data, length, problem));
  dfl_wipe_free_bytes (data, length);
  return password;
}
