/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/account-tls.h"

#include <string.h>

#include "store/account-keys.h"
#include "store/pem.h"
#include "store/wipe.h"

static DflPemKind
get_kind (const DflKeySpec *spec)
{
  return spec->offset == G_STRUCT_OFFSET (DflAccountSettings, tls_key) ? DFL_PEM_PRIVATE_KEY
                                                                       : DFL_PEM_CERTIFICATES;
}

/* Takes pem over; NULL with a problem is complained about. */
static void
take_pem (DflKeyFile *file,
          const DflKeyLine *at,
          const DflKeySpec *spec,
          char *pem,
          const char *problem,
          gpointer into)
{
  char **field = &G_STRUCT_MEMBER (char *, into, spec->offset);

  if (pem == NULL)
    dfl_key_file_complain (file, at, "%s", problem);
  dfl_wipe_free (*field);
  *field = pem;
}

void
dfl_account_read_pem (DflKeyFile *file,
                      const DflKeyLine *at,
                      const DflKeySpec *spec,
                      const char *value,
                      gpointer into)
{
  g_autofree char *problem = NULL;

  if (*value == '/')
    dfl_key_file_complain (file, at, DFL_ACCOUNT_NAMES_FILE);
  else if (*value != '\0')
    {
      char *pem = dfl_pem_read (value, strlen (value), get_kind (spec), &problem);

      take_pem (file, at, spec, pem, problem, into);
    }
}

void
dfl_account_read_pem_or_file (DflKeyFile *file,
                              const DflKeyLine *at,
                              const DflKeySpec *spec,
                              const char *value,
                              gpointer into)
{
  g_autofree char *problem = NULL;

  if (*value == '/')
    {
      char *pem = dfl_pem_read_file (value, get_kind (spec), &problem);

      take_pem (file, at, spec, pem, problem, into);
    }
  else if (*value != '\0' && strchr (value, '\n') == NULL)
    dfl_key_file_complain (file, at,
                           "expected the absolute name of a file in PEM, or what is in it with \\n "
                           "for the end of each line");
  else
    dfl_account_read_pem (file, at, spec, value, into);
}

/* --- All of them --- */

static gboolean
is_there (DflKeyFile *file, const char *key)
{
  const DflKeyLine *at = dfl_key_file_find (file, DFL_ACCOUNT_GROUP, key);

  return at != NULL && !dfl_key_file_says (file, DFL_ACCOUNT_GROUP, key, "");
}

static void
check_pair (DflKeyFile *file, const char *key, const char *other, const char *why)
{
  if (is_there (file, key) && !is_there (file, other))
    dfl_key_file_complain (file, dfl_key_file_find (file, DFL_ACCOUNT_GROUP, key),
                           "stands without %s=, %s; give both or neither", other, why);
}

static gboolean
check_pem (DflKeyFile *file, const char *key, const char *certificates, const char *private_key)
{
  g_autofree char *problem = NULL;

  if (certificates == NULL)
    return FALSE;
  if (dfl_pem_check (certificates, private_key, &problem))
    return TRUE;

  dfl_key_file_complain (file, dfl_key_file_find (file, DFL_ACCOUNT_GROUP, key), "%s", problem);
  return FALSE;
}

void
dfl_account_check_tls (DflKeyFile *file,
                       const DflAccountSettings *settings,
                       DflAccountFileKind kind)
{
  check_pair (file, "tls-certificate", "tls-key", "the private key that it is for");
  check_pair (file, "tls-key", "tls-certificate", "which is what a server looks at");

  /* What was good when it was kept stays so: only connections find fault with it then. */
  if (kind == DFL_ACCOUNT_FILE_STATE)
    return;
  check_pem (file, "tls-ca", settings->tls_ca, NULL);
  if (check_pem (file, "tls-certificate", settings->tls_certificate, NULL)
      && settings->tls_key != NULL)
    check_pem (file, "tls-key", settings->tls_certificate, settings->tls_key);
}
