/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/back-off.h"

gint64
dfl_back_off_fail (DflBackOff *self, guint retry_after)
{
  return 0;
}
gint64
dfl_back_off_refuse (DflBackOff *self)
{
  return 0;
}
void
dfl_back_off_reset (DflBackOff *self)
{
  self->failures = 0;
  self->refusals = 0;
}
