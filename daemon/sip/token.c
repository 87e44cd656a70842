/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/token.h"

#include <string.h>

void
dfl_token_new (const guint8 secret[32], const char *account_id, char token[DFL_TOKEN_LENGTH + 1])
{
  memset (token, 0, DFL_TOKEN_LENGTH + 1);
}
gboolean
dfl_token_is_ours (const guint8 secret[32], const char *account_id, const char *user)
{
  return FALSE;
}
char *
dfl_token_make_instance (const guint8 secret[32], const char *account_id)
{
  return NULL;
}
