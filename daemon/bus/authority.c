/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/authority.h"

G_DEFINE_INTERFACE (DflAuthority, dfl_authority, G_TYPE_OBJECT)

static void
dfl_authority_default_init (DflAuthorityInterface *iface)
{
}

void
dfl_authority_check_async (DflAuthority *self,
                           const char *bus_name,
                           const char *action,
                           const char *const *details,
                           gboolean interactive,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer data)
{
  DFL_AUTHORITY_GET_IFACE (self)->check_async (self, bus_name, action, details, interactive,
                                               cancellable, callback, data);
}

gboolean
dfl_authority_check_finish (DflAuthority *self,
                            GAsyncResult *result,
                            DflAuthorityAnswer *answer,
                            GError **error)
{
  return DFL_AUTHORITY_GET_IFACE (self)->check_finish (self, result, answer, error);
}
