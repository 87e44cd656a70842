/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/accept-from.h"

#include <gio/gio.h>
#include <string.h>

#include "store/key-file.h"

/* The prefix without the bits behind it, for the hint. */
static char *
mask_address (GInetAddress *address, guint length)
{
  gsize size = g_inet_address_get_native_size (address);
  g_autofree guint8 *bytes = g_memdup2 (g_inet_address_to_bytes (address), size);
  g_autoptr (GInetAddress) masked = NULL;

  for (gsize i = 0; i < size; i++)
    {
      guint kept = length > i * 8 ? MIN (length - i * 8, 8) : 0;

      bytes[i] &= (guint8)(0xFF00 >> kept);
    }
  masked = g_inet_address_new_from_bytes (bytes, g_inet_address_get_family (address));
  return g_inet_address_to_string (masked);
}

char *
dfl_accept_from_check (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", 2);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (parts[0]);
  g_autoptr (GInetAddressMask) mask = NULL;
  g_autofree char *quoted = dfl_key_file_quote (text);
  g_autofree char *network = NULL;
  guint64 length;

  if (address == NULL || strchr (parts[0], '%') != NULL)
    return g_strdup_printf ("expected numeric addresses or prefixes such as 192.0.2.1 or "
                            "2001:db8::/32, not %s",
                            quoted);
  if (g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6
      && g_ascii_strncasecmp (parts[0], "::ffff:", 7) == 0)
    return g_strdup_printf ("expected the IPv4 address itself instead of %s", quoted);
  if (parts[1] == NULL)
    return NULL;

  length = g_inet_address_get_native_size (address) * 8;
  if (!g_ascii_string_to_unsigned (parts[1], 10, 0, length, &length, NULL))
    return g_strdup_printf ("expected a prefix length from 0 to %u behind the / of %s",
                            (guint)(g_inet_address_get_native_size (address) * 8), quoted);
  mask = g_inet_address_mask_new (address, (guint)length, NULL);
  if (mask != NULL)
    return NULL;
  network = mask_address (address, (guint)length);
  return g_strdup_printf (
      "%s has bits behind the prefix; write %s/%u for the network or %s for the host", quoted,
      network, (guint)length, parts[0]);
}
