/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates and private keys as people have them: PEM (RFC 7468). */

#pragma once

#include <glib.h>

/* What a text in PEM may have at most. */
#define DFL_PEM_MAX_BYTES (64 * 1024)

typedef enum
{
  DFL_PEM_CERTIFICATES, /* one or more */
  DFL_PEM_PRIVATE_KEY   /* exactly one, not encrypted */
} DflPemKind;

/*
 * The blocks of that kind in a text that may be anything, in its order and in one spelling: equal
 * contents are equal texts, and what stands between, before and behind them is left out, as are
 * blocks of other kinds. What is in them is looked at as far as the armour goes; see dfl_pem_check.
 * NULL with a problem, the rest of a sentence that begins with a key, which shows none of the text.
 * To be freed with dfl_wipe_free().
 */
char *dfl_pem_read (const char *text, gsize length, DflPemKind kind, char **problem);

/*
 * The same of the file at this absolute path. One with a private key must not be open to every
 * local user, and none may be written to by all.
 */
char *dfl_pem_read_file (const char *path, DflPemKind kind, char **problem);

/*
 * Whether what dfl_pem_read gave are certificates and a private key that can be worked with; key
 * may be NULL. One whose key is so large that using it would hold up everything is not. FALSE with
 * a problem as above. That the key is the certificate's is not looked at; who uses them finds out.
 */
gboolean dfl_pem_check (const char *certificates, const char *key, char **problem);
