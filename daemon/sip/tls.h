/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* TLS over a connected socket, as a client, on the main loop. */

#pragma once

#include <gio/gio.h>

#include "sip/own-certificate.h"

/*
 * GnuTLS itself, and not GIO's GTlsConnection: that shakes hands in a thread of the pool which all
 * tasks of the process share, for as long as the server keeps silent, so that some silent servers
 * of one user's hold up everybody's; it resumes the session of any other connection to the same
 * address, whose certificate was judged by other settings or by none; and it speaks whatever its
 * environment said when it began.
 *
 * Here no thread waits, no session is ever resumed, and TLS is 1.2 or newer from the first byte.
 * For the rest GnuTLS's defaults hold, and what the administrator of the machine made of them in
 * GnuTLS's own configuration.
 */
#define DFL_TYPE_TLS (dfl_tls_get_type ())
G_DECLARE_FINAL_TYPE (DflTls, dfl_tls, DFL, TLS, GIOStream)

typedef struct
{
  /* The certificate of the server with its issuers; whether it is believed. In the handshake,
   * before anything of ours is sent; NULL where it cannot be read. */
  gboolean (*judge) (GTlsCertificate *certificate, gpointer data);
  /* The server wants a certificate of ours, and there is none. */
  void (*wanted) (gpointer data);
  /* error: NULL, or why there is no TLS: G_TLS_ERROR_NOT_TLS, G_TLS_ERROR_EOF where the server
   * broke it off, G_TLS_ERROR_CERTIFICATE_REQUIRED, G_IO_ERROR_NOT_SUPPORTED where the server has
   * no TLS 1.2, G_TLS_ERROR_BAD_CERTIFICATE where looking at it were too much work, another of
   * G_TLS_ERROR, or what the socket said as G_IO_ERROR. The messages hold nothing that the server
   * wrote. Nothing follows. */
  void (*done) (const GError *error, gpointer data);
} DflTlsListener;

/* Begins to shake hands; nobody is called from within. name: of the server, to ask for it (SNI), or
 * NULL. own: NULL without. The streams may be used once it is done, and read and write without a
 * thread. The listener is static. */
DflTls *dfl_tls_new (GSocket *socket,
                     const char *name,
                     DflOwnCertificate *own,
                     const DflTlsListener *listener,
                     gpointer data);

/* The listener hears of nothing any more, and a handshake goes no further. */
void dfl_tls_forget (DflTls *self);
