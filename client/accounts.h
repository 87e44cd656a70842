/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which account a person means, and its settings and targets as they are written on a command line.
 */

#pragma once

#include <gio/gio.h>

/*
 * The path of the account that a person means, of a list a{oa{sa{sv}}}: text is a name, an id, or
 * the path itself, or NULL for the only account there is. Nothing is guessed: where several
 * accounts or none are meant, fails with NO_OBJECT and shows what to choose from.
 */
char *dfl_account_match (GVariant *objects, const char *text, GError **error);

/* One key of an account's settings, and the D-Bus type of its value. */
typedef struct
{
  const char *key;
  const char *type; /* "s", "as", "b" or "u" */
} DflAccountKey;

/* Every key that is given as KEY=VALUE; a password never is. Ends with a NULL key. */
extern const DflAccountKey dfl_account_keys[];

/*
 * Adds words KEY=VALUE (NULL-terminated) to settings for AddAccount or Update. Lists are separated
 * by semicolons or commas; an empty value means the default. Keys that take PEM text are given the
 * name of a file, which is read here (see pem.h). Fails with USAGE, or FAILED where such a file is
 * wrong, the message being harmless and without the value of a password.
 */
gboolean dfl_account_keys_parse (const char *const *words, GVariantDict *settings, GError **error);

/* Whether text can be an alias: a letter a-z, then up to 31 of a-z, 0-9, _ and -. */
gboolean dfl_alias_is_valid (const char *text);

/* Targets a(sss) of an account with this one in place of the one of its alias, or behind the
 * others. label NULL: the one it has, or else the alias with a capital letter. New reference. */
GVariant *
dfl_targets_set (GVariant *targets, const char *alias, const char *label, const char *address);

/* The same without this alias; NULL where it is not among them. */
GVariant *dfl_targets_remove (GVariant *targets, const char *alias);
