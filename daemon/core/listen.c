/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/listen.h"

#include <string.h>

#include "core/error.h"

#define EXPECTED                                                                                   \
  "expected udp:ADDRESS:PORT or tcp:ADDRESS:PORT, where ADDRESS is a numeric address, an IPv6 "    \
  "address in brackets, or * for any"

static gboolean
parse_transport (const char *text, gsize length, DflListenTransport *transport, GError **error)
{
  if (length == 3 && g_ascii_strncasecmp (text, "udp", 3) == 0)
    {
      *transport = DFL_LISTEN_UDP;
      return TRUE;
    }
  if (length == 3 && g_ascii_strncasecmp (text, "tcp", 3) == 0)
    {
      *transport = DFL_LISTEN_TCP;
      return TRUE;
    }
  if (length == 3 && g_ascii_strncasecmp (text, "tls", 3) == 0)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
                           "tls: is refused, because the SIP library leaks some 30 KB for every "
                           "TLS connection that a stranger opens; listen on udp: or tcp: and let a "
                           "proxy in front end TLS");
      return FALSE;
    }
  g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, EXPECTED);
  return FALSE;
}

/* [v6], v4 or *; NULL in *address stands for *. */
static gboolean
parse_address (const char *text, gsize length, char **address)
{
  gboolean bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
  g_autofree char *bare = NULL;

  if (length == 1 && text[0] == '*')
    return TRUE;

  bare = bracketed ? g_strndup (text + 1, length - 2) : g_strndup (text, length);
  if (!g_hostname_is_ip_address (bare) || strchr (bare, '%') != NULL
      || (strchr (bare, ':') != NULL) != bracketed)
    return FALSE;

  *address = g_steal_pointer (&bare);
  return TRUE;
}

DflListen *
dfl_listen_parse (const char *text, GError **error)
{
  g_autoptr (DflListen) self = g_new0 (DflListen, 1);
  const char *first = strchr (text, ':');
  const char *last = strrchr (text, ':');
  guint64 port;

  if (first == NULL || first == text)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, EXPECTED);
      return NULL;
    }
  if (!parse_transport (text, (gsize)(first - text), &self->transport, error))
    return NULL;
  if (first == last || !parse_address (first + 1, (gsize)(last - first - 1), &self->address))
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, EXPECTED);
      return NULL;
    }
  if (!g_ascii_string_to_unsigned (last + 1, 10, 0, G_MAXUINT16, &port, NULL))
    {
      g_set_error_literal (
          error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
          "expected a port from 1 to 65535, or 0 for any free one, behind the last "
          "colon");
      return NULL;
    }

  self->port = (guint16)port;
  return g_steal_pointer (&self);
}

void
dfl_listen_free (DflListen *self)
{
  if (self == NULL)
    return;
  g_free (self->address);
  g_free (self);
}
