/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one digest challenge asks, and the answer to it (RFC 7616, RFC 2069). */

#pragma once

#include <glib.h>

#include <sofia-sip/sip.h>

typedef enum
{
  DFL_QOP_NONE, /* as in RFC 2069 */
  DFL_QOP_AUTH,
  DFL_QOP_AUTH_INT
} DflQop;

/* Plain values, owned. The texts with quotes are as the server wrote them, because some servers
 * compare what comes back byte by byte; the others are what they mean. */
typedef struct
{
  gboolean proxy; /* of a Proxy-Authenticate */
  char *realm, *quoted_realm;
  char *nonce, *quoted_nonce;
  char *quoted_opaque; /* NULL: none */
  char *algorithm;     /* as the server spells it; NULL: not said, which is MD5 */
  GChecksumType hash;
  gboolean session; /* one of the -sess algorithms */
  DflQop qop;
  gboolean stale;
} DflChallenge;

/*
 * The challenges in a list of headers, appended to challenges (of DflChallenge) in their order.
 * Those that we cannot answer are left out: another scheme, algorithm or qop, no realm or nonce, a
 * text of more than 1024 bytes or with control characters.
 */
void dfl_challenge_read (const msg_auth_t *headers, gboolean proxy, GPtrArray *challenges);

void dfl_challenge_free (DflChallenge *self);

/* What is asked for, and by whom. Borrowed. */
typedef struct
{
  const char *method;
  const char *uri; /* exactly as it stands in the request line */
  const char *body;
  gsize body_length;
  const char *username, *password;
  const char *cnonce; /* without quotes in it */
  guint32 count;      /* of requests with this nonce, from 1 */
} DflCredentials;

/* The value of the Authorization or Proxy-Authorization header. */
char *dfl_challenge_answer (const DflChallenge *self, const DflCredentials *credentials);
