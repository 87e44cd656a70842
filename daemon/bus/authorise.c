/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/service-private.h"

#include "core/error.h"

void
dfl_request_authorise (DflRequest *self,
                       const char *action,
                       const char *const *details,
                       DflRequestHandler proceed)
{
  DflService *service = self->service;

  if (service->single_user || self->peer->uid == 0 || service->authority != NULL)
    {
      self->granted = action;
      proceed (self);
    }
  else
    {
      g_autoptr (GError) error = g_error_new_literal (DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
                                                      "Nobody but root may do this here");

      dfl_request_fail (self, error);
    }
}
