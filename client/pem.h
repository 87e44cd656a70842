/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates and keys on their way into an account: D-Bus carries what is in them, never the name
 * of a file, because the daemon must not read one for somebody who could not. */

#pragma once

#include <glib.h>

/* More than this is no certificate, nor a chain of them. */
#define DFL_PEM_MAX_BYTES (64 * 1024)

/* Whether the value of this key is PEM text: tls-ca, tls-certificate and tls-key. */
gboolean dfl_pem_is_key (const char *key);

/*
 * What is sent for the value that a person gave for such a key: nothing for nothing, PEM as it is,
 * and else what is in the file of that name. Fails with FAILED, for a person, where that is no
 * readable regular file with what the key takes. Warns on stderr of a private key that others can
 * read. Free with dfl_pem_free.
 */
char *dfl_pem_read (const char *key, const char *value, GError **error);

void dfl_pem_free (char *text); /* wipes it; NULL is fine */
