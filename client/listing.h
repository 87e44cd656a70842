/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of the daemon's objects, for a person and as JSON. */

#pragma once

#include <json-glib/json-glib.h>

/* One object of a list made by dfl_listing_new. */
typedef struct
{
  const char *path;
  GVariant *properties;
  guint64 offered_at; /* of a call */
  const char *name;   /* of an account, else empty */
} DflListed;

/* The objects in a list a{oa{sa{sv}}} that have the interface, accounts by name and calls by the
 * time of their offer; an array of DflListed, valid as long as objects. */
GArray *dfl_listing_new (GVariant *objects, const char *interface);

/* An array of objects, as dfl_output_object_json makes each. */
JsonNode *dfl_listing_calls_json (GVariant *objects);
JsonNode *dfl_listing_accounts_json (GVariant *objects);

/* Tables; FALSE where there is nothing and nothing was printed. */
gboolean dfl_listing_calls_print (GVariant *objects);
gboolean dfl_listing_accounts_print (GVariant *objects); /* with what is wrong behind it */

/* How many there are, and in which states: "3 (2 registered, 1 failed)". */
char *dfl_listing_accounts_count (GVariant *objects);

/* All properties of an object, one on each line. */
void dfl_listing_print_properties (GVariant *properties);
