/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/decision-details.h"

#include <string.h>

/* The user part, decoded; "" where there is none. */
static char *
read_user (const char *uri)
{
  const char *start = strchr (uri, ':') + 1;
  const char *end = strchr (start, '@');
  GString *user = g_string_new (NULL);

  for (const char *at = start; end != NULL && at < end; at++)
    {
      if (*at == '%' && end - at > 2)
        {
          g_string_append_c (user, (char)(g_ascii_xdigit_value (at[1]) * 16
                                          + g_ascii_xdigit_value (at[2])));
          at += 2;
        }
      else
        g_string_append_c (user, *at);
    }
  return g_string_free (user, FALSE);
}

char *
dfl_decision_number_new (const char *uri)
{
  g_autofree char *user = read_user (uri);
  GString *number = g_string_new (NULL);

  /* A ';' or ':' ends a number whether it was escaped or not: who decodes first sees it so. */
  user[strcspn (user, ";:")] = '\0';
  for (const char *at = user; *at != '\0'; at++)
    {
      if (strchr ("-.() ", *at) == NULL)
        g_string_append_c (number, *at);
    }
  if (number->str[strspn (number->str, "+")] == '\0'
      || strspn (number->str + (number->str[0] == '+'), "0123456789*#")
             != number->len - (number->str[0] == '+'))
    g_string_truncate (number, 0);
  return g_string_free (number, FALSE);
}

char **
dfl_decision_details_new (DflCall *call, const char *action, const DflTarget *target)
{
  const char *uri = target == NULL ? "" : dfl_target_get_uri (target);
  g_autofree char *number = target == NULL ? g_strdup ("") : dfl_decision_number_new (uri);
  const char *details[] = { "account", dfl_account_get_settings (dfl_call_get_account (call))->name,
                            "action",  action,
                            "target",  uri,
                            "number",  number,
                            NULL };

  return g_strdupv ((char **)details);
}
