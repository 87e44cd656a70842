/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes TLS out of a connection, and judges the server. */

#pragma once

#include <gio/gio.h>

#include "sip/flow.h"

/*
 * sip/tls.h shakes hands; the certificate is judged by dfl_certificate_explain in the middle of it,
 * so that a server that is refused learns nothing of ours. A server that has nothing newer than TLS
 * 1.1 gets no further than that, with verification or without.
 */
typedef struct _DflHandshake DflHandshake;

/* Reads what the settings hold; NULL with a mistake for people, owned by the caller. */
DflHandshake *dfl_handshake_new (const DflFlowTls *tls, char **mistake);

/* func is not called any more. */
void dfl_handshake_free (DflHandshake *self);

/* stream, or why there is none, for people. Once; never from within dfl_handshake_start. */
typedef void (*DflHandshakeFunc) (GIOStream *stream, const char *reason, gpointer data);

/* To be called once. peer: "192.0.2.1:5061", for the sentences. */
void dfl_handshake_start (DflHandshake *self,
                          GSocketConnection *connection,
                          const char *peer,
                          DflHandshakeFunc func,
                          gpointer data);

/* Why TLS failed, for people; also later, when it has been spoken for a while: by TLS 1.3 a server
 * may refuse us after the handshake. */
char *dfl_handshake_explain (DflHandshake *self, const GError *error);
