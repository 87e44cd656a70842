/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A key file read for the person who wrote it: GKeyFile parses, this knows which line is wrong. */

#pragma once

#include <glib.h>

/* One line that means something: a group, or a key in it. Owned by its file. */
typedef struct
{
  char *group;
  char *key; /* NULL: the line that opens the group */
  guint line;
} DflKeyLine;

typedef struct _DflKeyFile DflKeyFile;
typedef struct _DflKeySpec DflKeySpec;

/* Puts one value where it belongs, or complains. value is decoded and has no control character in
 * it, and no white space around it unless the key is literal and it was escaped. */
typedef void (*DflKeyReadFunc) (DflKeyFile *file,
                                const DflKeyLine *at,
                                const DflKeySpec *spec,
                                const char *value,
                                gpointer into);

struct _DflKeySpec
{
  const char *key;
  DflKeyReadFunc read;
  gsize offset;           /* where in the struct the value goes, for the readers of key-readers.h */
  guint minimum, maximum; /* dfl_key_read_number; the greatest length for dfl_key_read_text */
  const char *harmless;   /* dfl_key_read_later: the one value that changes nothing */
  const char *refusal;    /* dfl_key_read_refused: what is told */
  const DflKeySpec *more; /* of the last one, whose key is NULL: the table that goes on, or NULL */
  gboolean literal;       /* spaces that were escaped stay at the ends of the value */
  gboolean lines;         /* the value may have several, whose ends were escaped */
};

/*
 * Parses a text that may hold anything; path is for messages only, and NULL for a text that nobody
 * sees, whose problems then name no line either. What is wrong with the syntax becomes problems of
 * the file, every bad line its own; the other lines can be read all the same, but a key that stands
 * twice has no value.
 */
DflKeyFile *dfl_key_file_new (const char *path, const char *data, gsize length);
void dfl_key_file_free (DflKeyFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflKeyFile, dfl_key_file_free)

/* The one for this key in a table and those that go on, or NULL. */
const DflKeySpec *dfl_key_spec_find (const DflKeySpec *specs, const char *key);

/* Complains about every group that is not in known; one whose name begins with later is called not
 * supported yet. */
void dfl_key_file_check_groups (DflKeyFile *self, const char *const *known, const char *later);

/* Hands every key of the group to its spec, in the order of the file, and complains about those
 * that have none. */
void dfl_key_file_read_group (DflKeyFile *self,
                              const char *group,
                              const DflKeySpec *specs,
                              gpointer into);

/* The same for a group whose keys are names that its writer chose. */
void
dfl_key_file_read_names (DflKeyFile *self, const char *group, DflKeyReadFunc read, gpointer into);

/* The line of a key, or with NULL of the group; NULL if it is not there. */
const DflKeyLine *dfl_key_file_find (DflKeyFile *self, const char *group, const char *key);

/* Whether the key is there and has this very value. */
gboolean
dfl_key_file_says (DflKeyFile *self, const char *group, const char *key, const char *value);

/* Whether the value of a key that is there begins so. */
gboolean dfl_key_file_begins (DflKeyFile *self, const DflKeyLine *at, const char *prefix);

/* The items of a list, without white space around them and without empty ones; NULL and a complaint
 * where it is none. */
char **dfl_key_file_get_list (DflKeyFile *self, const DflKeyLine *at);

/* Adds "PATH:LINE: KEY: ..." to the problems, "KEY: ..." where there is no path. */
void dfl_key_file_complain (DflKeyFile *self, const DflKeyLine *at, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* The same for a key that is not there; the line is the one that opens its group. */
void dfl_key_file_complain_missing (DflKeyFile *self,
                                    const char *group,
                                    const char *key,
                                    const char *format,
                                    ...) G_GNUC_PRINTF (4, 5);

/* Whether value holds nothing but what people can read, in one line or in several; what no value of
 * a key file may lack. */
gboolean dfl_key_file_is_plain (const char *value);
gboolean dfl_key_file_is_lines (const char *value);

/* What a complaint quotes of a value: cleaned, cut, in quotation marks. */
char *dfl_key_file_quote (const char *value);

/* Every problem so far, of char *; past a limit they are only counted. Takes them away. */
GPtrArray *dfl_key_file_take_problems (DflKeyFile *self);
