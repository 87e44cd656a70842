/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/registration.h"

DflRegistration *
dfl_registration_new (const DflRegistrationTools *tools,
                      DflAccount *account,
                      DflRegistrationAskFunc ask,
                      gpointer data)
{
  return NULL;
}
void
dfl_registration_free (DflRegistration *self)
{
}
DflAccount *
dfl_registration_get_account (DflRegistration *self)
{
  return NULL;
}
void
dfl_registration_go (DflRegistration *self)
{
}
void
dfl_registration_hurry (DflRegistration *self)
{
}
void
dfl_registration_host_changed (DflRegistration *self, DflHostChange change)
{
}
void
dfl_registration_leave (DflRegistration *self, DflRegistrationLeftFunc done, gpointer data)
{
}
gboolean
dfl_registration_expects (DflRegistration *self, guint32 cseq, const struct sockaddr *source)
{
  return FALSE;
}
const char *
dfl_registration_get_call_id (DflRegistration *self)
{
  return "";
}
const char *
dfl_registration_get_contact (DflRegistration *self)
{
  return NULL;
}
