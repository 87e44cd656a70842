/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/state-dir.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

gboolean
dfl_state_dir_prepare (const char *path, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);
  int failure = g_mkdir_with_parents (path, S_IRWXU) == 0 ? 0 : errno;
  GStatBuf facts;

  if (failure == 0 && (g_access (path, R_OK | W_OK | X_OK) != 0 || g_stat (path, &facts) != 0))
    failure = errno;
  if (failure != 0)
    g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
                 "%s: cannot be used as the state directory (%s); make it a directory that the "
                 "user of deflectd may write to, or name another one with --state-dir",
                 shown, g_strerror (failure));
  else if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0
           || (facts.st_uid != geteuid () && facts.st_uid != 0))
    g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
                 "%s: cannot be used as the state directory, because other users can write to it; "
                 "give it to the user of deflectd with mode 0700, or name another one with "
                 "--state-dir",
                 shown);
  else
    return TRUE;
  return FALSE;
}
