/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The port through which core reaches SIP for one account. */

#pragma once

#include <glib-object.h>

#include "core/target.h"

#define DFL_TYPE_LINE (dfl_line_get_type ())
G_DECLARE_INTERFACE (DflLine, dfl_line, DFL, LINE, GObject)

/*
 * The far end of a call inside the line's implementation (a SIP server transaction, or one day
 * something else); opaque here. A leg lives from the offer until core calls release. It reports
 * what happens to it with the dfl_call_leg_* functions of core/call.h, on the main loop, and never
 * from within redirect, decline or release.
 */
typedef struct _DflLeg DflLeg;

struct _DflLineInterface
{
  GTypeInterface parent;

  gboolean (*redirect) (DflLine *self, DflLeg *leg, const DflTarget *target, GError **error);
  gboolean (*decline) (DflLine *self, DflLeg *leg, guint status, GError **error);
  void (*release) (DflLine *self, DflLeg *leg);
};

/*
 * Sends the 302 with the target as its one Contact (RFC 3261 section 21.3.3). TRUE: it was handed
 * to the network, and the leg will report dfl_call_leg_acknowledged or dfl_call_leg_unconfirmed.
 * FALSE with DFL_ERROR_LINE_DOWN: it could not be sent, the leg is beyond repair and will report
 * nothing more.
 */
gboolean dfl_line_redirect (DflLine *self, DflLeg *leg, const DflTarget *target, GError **error);

/* Sends a final response of the given status, 400-699; reports and fails as dfl_line_redirect. */
gboolean dfl_line_decline (DflLine *self, DflLeg *leg, guint status, GError **error);

/* The call is idle and forgets the leg: no report may come afterwards. Called exactly once. */
void dfl_line_release (DflLine *self, DflLeg *leg);
