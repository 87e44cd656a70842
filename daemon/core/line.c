/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/line.h"

G_DEFINE_INTERFACE (DflLine, dfl_line, G_TYPE_OBJECT)

gboolean
dfl_line_redirect (DflLine *self, DflLeg *leg, const DflTarget *target, GError **error)
{
  return DFL_LINE_GET_IFACE (self)->redirect (self, leg, target, error);
}

gboolean
dfl_line_decline (DflLine *self, DflLeg *leg, guint status, GError **error)
{
  g_return_val_if_fail (status >= 400 && status <= 699, FALSE);

  return DFL_LINE_GET_IFACE (self)->decline (self, leg, status, error);
}

void
dfl_line_release (DflLine *self, DflLeg *leg)
{
  DFL_LINE_GET_IFACE (self)->release (self, leg);
}

static void
dfl_line_default_init (DflLineInterface *iface)
{
}
