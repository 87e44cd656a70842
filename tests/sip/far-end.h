/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A server for one connection after the other on loopback, over TCP or TLS, good or bad; in a
 * thread of its own, with GnuTLS by hand, so that it can do what GIO's would not. */

#pragma once

#include <glib.h>

typedef struct _FarEnd FarEnd;

/* What a connection is for, in the thread; returns when it is to be closed. */
typedef void (*FarEndTalkFunc) (FarEnd *self, gpointer data);

typedef struct
{
  const char *certificate; /* PEM, those that signed it behind it; NULL: plain TCP */
  const char *key;         /* NULL: none, and what it says as it were signed is nonsense */
  const char *priorities;  /* of GnuTLS; NULL: its own */
  gboolean demand;         /* a certificate of the client's */
  gboolean resumes;        /* sessions, by tickets and from memory */
  gboolean six;            /* on ::1 */
  const char *instead;     /* bytes that are sent in place of the handshake */
  gboolean silent;         /* never a word, until the client goes */
  gboolean reset;          /* the connection, when the client has begun to speak */
  FarEndTalkFunc talk;     /* NULL: waits for the client to go */
  gpointer data;
} FarEndOptions;

/* The options are not copied. */
FarEnd *far_end_new (const FarEndOptions *options);
void far_end_free (FarEnd *self); /* waits until the client has gone */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FarEnd, far_end_free)

guint16 far_end_get_port (FarEnd *self);

/* Of the last handshake, and waits for the first: the name that was asked for, and how many
 * certificates came. */
char *far_end_dup_asked_for (FarEnd *self);
guint far_end_get_n_certificates (FarEnd *self);

/* How many handshakes began with a session of before. */
guint far_end_get_n_resumed (FarEnd *self);

/* For talk: 0 at the end, negative on an error. */
gssize far_end_read (FarEnd *self, void *buffer, gsize size);
gboolean far_end_write (FarEnd *self, const void *bytes, gsize length);
/* Up to and with the empty line; NULL at the end. */
char *far_end_read_message (FarEnd *self);
/* No more will be written. */
void far_end_half_close (FarEnd *self);
/* TLS 1.2: asks the client to shake hands again. */
void far_end_renegotiate (FarEnd *self);
