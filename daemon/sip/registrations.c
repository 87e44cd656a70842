/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/registrations.h"

DflRegistrations *
dfl_registrations_new (const DflRegistrationTools *tools)
{
  return NULL;
}
void
dfl_registrations_free (DflRegistrations *self)
{
}
void
dfl_registrations_host_changed (DflRegistrations *self, DflHostChange change)
{
}
void
dfl_registrations_leave (DflRegistrations *self, DflSipAgentLeftFunc done, gpointer data)
{
}
gboolean
dfl_registrations_expect (DflRegistrations *self,
                          const char *call_id,
                          guint32 cseq,
                          const struct sockaddr *source)
{
  return FALSE;
}
const char *
dfl_registrations_get_contact (DflRegistrations *self, DflAccount *account)
{
  return NULL;
}
