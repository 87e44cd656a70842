/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A request that the program under test sends to a server of ours, and our answers to it. */

#pragma once

#include "raw-peer.h"

typedef struct
{
  char *text; /* as received */
  RawTime time;
  char *method;
  char *uri;
  char **headers; /* lines between the request line and the empty line */
} RawRequest;

/* Takes the packet over. Fails unless it is a request with one each of Via, From, To, Call-ID and
 * CSeq, Max-Forwards 70, a magic branch, rport, and no body. */
RawRequest *raw_request_new (RawPacket *packet);
void raw_request_free (RawRequest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RawRequest, raw_request_free)

/* The value of the one line of that name; NULL where there is none, fails where there are more. */
const char *raw_request_get (RawRequest *self, const char *name);
/* The value of the n-th line of that name, or NULL. */
const char *raw_request_get_nth (RawRequest *self, const char *name, guint n);
guint raw_request_get_cseq (RawRequest *self);

/* The response that this request gets: extra lines, each with its CR LF, or NULL. via: what is put
 * behind the ";rport" of the Via ("=1024;received=..."), or NULL. To be freed. */
char *raw_request_format_answer (RawRequest *self,
                                 const char *status,
                                 const char *via,
                                 const char *extra);

/* Sends it. */
void raw_request_answer (RawRequest *self, RawPeer *peer, const char *status, const char *extra);

/* The next packet of the peer, which must be a request of that method. */
RawRequest *raw_request_receive (RawPeer *peer, const char *method);
