/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client's session of GnuTLS over a socket, which never waits. */

#pragma once

#include <gio/gio.h>

#include "sip/own-certificate.h"

typedef struct _DflTlsSession DflTlsSession;

/* From within dfl_tls_session_shake_hands; see sip/tls.h. */
typedef struct
{
  gboolean (*judge) (GTlsCertificate *certificate, gpointer data);
  void (*wanted) (gpointer data);
} DflTlsSessionListener;

/* name, own: see sip/tls.h. The listener is static. */
DflTlsSession *dfl_tls_session_new (GSocket *socket,
                                    const char *name,
                                    DflOwnCertificate *own,
                                    const DflTlsSessionListener *listener,
                                    gpointer data);
DflTlsSession *dfl_tls_session_ref (DflTlsSession *self);
void dfl_tls_session_unref (DflTlsSession *self);

/* Errors of these: G_IO_ERROR_WOULD_BLOCK, to be tried again when the source says so, and those of
 * sip/tls.h. Where writing would block, the same bytes are to be given again. */
gboolean dfl_tls_session_shake_hands (DflTlsSession *self, GError **error);
gssize dfl_tls_session_read (DflTlsSession *self, void *buffer, gsize size, GError **error);
gssize dfl_tls_session_write (DflTlsSession *self, const void *bytes, gsize length, GError **error);

/* What the handshake waits for; 0 where it is only a turn of the loop. */
GIOCondition dfl_tls_session_get_direction (DflTlsSession *self);

/* Whether something has been received that was not read. */
gboolean dfl_tls_session_has_pending (DflTlsSession *self);

GSocket *dfl_tls_session_get_socket (DflTlsSession *self);
