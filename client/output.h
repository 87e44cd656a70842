/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a person or a program reads: tables, JSON, and remote text made harmless. */

#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/*
 * Text from elsewhere as it may go to a terminal: control characters, escape sequences,
 * bidirectional and other invisible format characters, and what is no valid UTF-8, become \uXXXX
 * (\xXX for a bad byte); where the locale is not UTF-8, so does everything beyond ASCII. Never
 * NULL.
 */
char *dfl_output_escape (const char *text);

/* The same text without those characters, for places where escapes would be taken for text. */
char *dfl_output_strip (const char *text);

/* "HH:MM:SS" in local time if that is today, else with the date before it; "" for 0. In:
 * microseconds since the epoch. */
char *dfl_output_time (guint64 microseconds);

/* How long it is from now until then, in words for a list: "in 9 min"; "over" when it has passed,
 * "" for then 0. In: microseconds since the epoch. */
char *dfl_output_until (guint64 then, guint64 now);

/* A table: headings first, then rows of as many cells, which are escaped here. wide has a bit set
 * for each column that is broken into several lines where the terminal is too narrow; nothing is
 * cut. */
typedef struct _DflTable DflTable;
DflTable *dfl_table_new (const char *const *headings, gboolean with_headings, guint wide);
void dfl_table_add (DflTable *self, ...) G_GNUC_NULL_TERMINATED;
void dfl_table_print (DflTable *self);
void dfl_table_free (DflTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflTable, dfl_table_free)

/* One JSON document on a line of its own (pretty: on several). Takes the node over. */
void dfl_output_json (JsonNode *node, gboolean pretty);

/* Whether something that was printed could not be written although somebody wants to read it: a
 * full disk, for example. A pipe that nobody reads any more loses nothing. */
gboolean dfl_output_is_lost (void);

/*
 * A remote object as JSON: "id", "path" and, where account_name is not NULL, "accountName"; then
 * the properties (a{sv}) under the names of the contract.
 */
JsonNode *dfl_output_object_json (const char *path, const char *account_name, GVariant *properties);

/* The caller in short: name (its beginning), number or address, and whether that is only a claim.
 */
char *dfl_output_caller (GVariant *properties);

/* The server of an account in short, "tls 192.0.2.1:5061"; "" where there is none. */
char *dfl_output_server (GVariant *properties);

/* A property for people: lists with commas, dictionaries as name=value, times as local time. */
char *dfl_output_property (GVariant *value);

/* A property of an a{sv}, or the empty value of that kind where it is missing or of another type.
 * Strings live as long as properties. */
const char *dfl_property_string (GVariant *properties, const char *name);
guint64 dfl_property_uint64 (GVariant *properties, const char *name);
gboolean dfl_property_boolean (GVariant *properties, const char *name);
