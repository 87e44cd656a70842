/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a registration is known by: a user part that nobody can guess, and the instance. */

#pragma once

#include <glib.h>

/*
 * A token is 128 random bits and a keyed checksum of them and the account's id (HMAC-SHA-256 with
 * the machine's secret, cut to 64 bits), in lower-case hexadecimal digits. So every registration
 * gets a new one, and one that was left behind by a crash is recognised in the registrar's answer
 * and taken back, although nobody wrote it down.
 */
#define DFL_TOKEN_LENGTH 48

/* Writes a new token and a final NUL. */
void
dfl_token_new (const guint8 secret[32], const char *account_id, char token[DFL_TOKEN_LENGTH + 1]);

/* Whether this daemon once made this user part for this account. user may be anything or NULL. */
gboolean dfl_token_is_ours (const guint8 secret[32], const char *account_id, const char *user);

/* The +sip.instance of an account (RFC 5626 section 4.1): "urn:uuid:...", the same after every
 * restart, made from the secret; a UUID of version 8 (RFC 9562). */
char *dfl_token_make_instance (const guint8 secret[32], const char *account_id);
