/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which offered calls wait and watch want. */

#pragma once

#include "calls-watch.h"

typedef struct
{
  char *caller;  /* glob against address, number and name, in any case; NULL: everybody */
  char *account; /* name or id; NULL: all */
  gboolean only_new;
} DflFilter;

#define DFL_FILTER_N_OPTIONS 3

/* Fills in DFL_FILTER_N_OPTIONS entries for --caller, --account and --new; they write to self. */
void dfl_filter_get_options (DflFilter *self, GOptionEntry *entries);

/* Whether a call is offered and wanted. account_name is its account's. */
gboolean dfl_filter_matches (const DflFilter *self, GVariant *properties, const char *account_name);

void dfl_filter_clear (DflFilter *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DflFilter, dfl_filter_clear)
