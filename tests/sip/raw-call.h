/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A caller's view of one INVITE: requests from a template of which every part can be replaced, and
 * responses that are read strictly. */

#pragma once

#include "raw-peer.h"

/* --- Responses --- */

typedef struct
{
  char *text; /* as received */
  RawTime time;
  guint status;
  char *phrase;
  char **headers; /* lines between the status line and the empty line */
  char *tag;      /* of To, or NULL */
} RawReply;

/*
 * Takes the packet over. Fails unless it is a response as RFC 3261 section 7 wants it: status line,
 * CR LF after every line, no folding, an empty line, one true Content-Length, one each of From, To,
 * Call-ID and CSeq, at least one Via.
 */
RawReply *raw_reply_new (RawPacket *packet);
void raw_reply_free (RawReply *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RawReply, raw_reply_free)

/* The value of the n-th line of that name (compared without case), or NULL. */
const char *raw_reply_get_nth (RawReply *self, const char *name, guint n);

/* The value of the one line of that name; NULL where there is none, fails where there are more. */
const char *raw_reply_get (RawReply *self, const char *name);

/* --- Requests --- */

/* Owned strings, each of which a test may replace with raw_set; NULL leaves the line out. */
typedef struct
{
  RawPeer *peer; /* borrowed */
  char *request_uri;
  char *via;         /* the value of the topmost Via, branch included */
  char *further_via; /* lines below it, each with its CR LF */
  char *max_forwards;
  char *from; /* with its tag */
  char *to;   /* without a tag */
  char *call_id;
  char *contact;
  char *content_type;
  char *content_length; /* NULL for the truth */
  char *body;
  char *extra; /* lines, each with its CR LF */
  guint cseq;
  char *to_tag;       /* learned from the first response that had one; every later one must agree */
  gboolean free_form; /* responses may spell From and To in another way than the request */
} RawCall;

/* An INVITE for that user with SDP, to the address of the peer's server. */
RawCall *raw_call_new (RawPeer *peer, const char *user);
void raw_call_free (RawCall *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RawCall, raw_call_free)

void raw_set (char **field, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* "z9hG4bK" and something that was never there before. */
char *raw_branch (void);

/* The Via of the peer with a fresh branch, asking for rport. */
void raw_call_renew_branch (RawCall *self);

/* The text of a request of this call. to_tag may be NULL; extra lines replace those of the INVITE;
 * only INVITE carries Contact and body. */
char *raw_call_format (RawCall *self, const char *method, const char *to_tag, const char *extra);

void raw_call_invite (RawCall *self);
/* With the INVITE's branch (RFC 3261 section 9.1). extra may be NULL. */
void raw_call_cancel (RawCall *self, const char *extra);
/* For a final response other than 2xx: with its To-tag and the INVITE's branch (section 17.1.1.3).
 */
void raw_call_ack (RawCall *self);

/*
 * The next packet of the peer, which must be a response of that status to that method of this call:
 * Via, From, To, Call-ID and CSeq are the request's, Via with rport and received as RFC 3581 and
 * section 18.2.1 say.
 */
RawReply *raw_call_receive (RawCall *self, const char *method, guint status);

/* The same, and freed. */
void raw_call_expect (RawCall *self, const char *method, guint status);

/* 100, once or, on a machine that stands still for a moment, once more by the library. */
void raw_call_expect_trying (RawCall *self);

/* That other 100 alone, if it is there. */
void raw_call_skip_trying (RawCall *self);

/* 100 and 180. */
void raw_call_expect_ringing (RawCall *self);

/* The two answers to a CANCEL that came in time, 200 and 487, whichever comes first. */
void raw_call_expect_cancelled (RawCall *self);

/* An OPTIONS of its own gets its 200: the program lives, and has read everything sent before. */
void raw_peer_assert_alive (RawPeer *peer);
