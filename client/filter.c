/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "filter.h"

#include <glib/gi18n.h>
#include <string.h>

#include "output.h"

void
dfl_filter_get_options (DflFilter *self, GOptionEntry *entries)
{
  const GOptionEntry options[DFL_FILTER_N_OPTIONS] = {
    { "caller", 0, 0, G_OPTION_ARG_STRING, &self->caller,
      N_ ("Only callers whose address, number or name matches PATTERN (*, ?)"), N_ ("PATTERN") },
    { "account", 0, 0, G_OPTION_ARG_STRING, &self->account, N_ ("Only calls of this account"),
      N_ ("NAME") },
    { "new", 0, 0, G_OPTION_ARG_NONE, &self->only_new,
      N_ ("Leave out the calls that are offered already"), NULL },
  };

  for (gsize i = 0; i < DFL_FILTER_N_OPTIONS; i++)
    entries[i] = options[i];
}

static gboolean
glob_matches (const char *pattern, const char *text)
{
  g_autofree char *folded_pattern = g_utf8_casefold (pattern, -1);
  g_autofree char *folded_text = g_utf8_casefold (text, -1);

  return g_pattern_match_simple (folded_pattern, folded_text);
}

static gboolean
is_wanted_account (const DflFilter *self, GVariant *properties, const char *account_name)
{
  const char *id = strrchr (dfl_property_string (properties, "Account"), '/');

  return self->account == NULL || g_str_equal (self->account, account_name)
         || (id != NULL && g_str_equal (self->account, id + 1));
}

gboolean
dfl_filter_matches (const DflFilter *self, GVariant *properties, const char *account_name)
{
  const char *const facts[] = { "CallerAddress", "CallerNumber", "CallerName" };

  if (!g_str_equal (dfl_property_string (properties, "State"), "offered"))
    return FALSE;
  if (!is_wanted_account (self, properties, account_name))
    return FALSE;
  if (self->caller == NULL)
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (facts); i++)
    if (glob_matches (self->caller, dfl_property_string (properties, facts[i])))
      return TRUE;
  return FALSE;
}

void
dfl_filter_clear (DflFilter *self)
{
  g_clear_pointer (&self->caller, g_free);
  g_clear_pointer (&self->account, g_free);
}
