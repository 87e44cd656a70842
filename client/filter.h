/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which offered calls wait and watch want. */

#pragma once

#include "calls-watch.h"

typedef struct
{
  char *caller;  /* glob against address, number and name, in any case; NULL: everybody */
  char *account; /* name; NULL: all */
  gboolean only_new;
} DflFilter;

/* The options --caller, --account and --new as GOptionEntry members, behind the verb's own. */
#define DFL_FILTER_OPTIONS(filter)                                                                   \
  { "caller",                                                                                        \
    0,                                                                                               \
    0,                                                                                               \
    G_OPTION_ARG_STRING,                                                                             \
    &(filter).caller,                                                                                \
    N_ ("Only callers whose address, number or name matches PATTERN (*, ?)"),                        \
    N_ ("PATTERN") },                                                                                \
      { "account",  0, 0, G_OPTION_ARG_STRING, &(filter).account, N_ ("Only calls of this account"), \
        N_ ("NAME") },                                                                               \
  {                                                                                                  \
    "new", 0, 0, G_OPTION_ARG_NONE, &(filter).only_new,                                              \
        N_ ("Leave out the calls that are offered already"), NULL                                    \
  }

/* Whether a call is offered and wanted. account_name is its account's. */
gboolean dfl_filter_matches (const DflFilter *self, GVariant *properties, const char *account_name);

void dfl_filter_clear (DflFilter *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DflFilter, dfl_filter_clear)
