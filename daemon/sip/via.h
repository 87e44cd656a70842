/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an answer through a flow says of the way that its request came. */

#pragma once

#include <sofia-sip/sip.h>
#include <sofia-sip/su_alloc.h>

#include "sip/locate.h"

/*
 * The stack notes in the Via of a request from where it came (RFC 3261 section 18.2.1, RFC 3581),
 * and of one through a flow it thinks that this was the relay. Copies the Vias, from home, and
 * notes the far end of the flow in the first one instead.
 */
sip_via_t *dfl_via_from_far_end (su_home_t *home, const sip_via_t *vias, const DflHop *far);

/*
 * Once its connection is closed, the stack would connect anew for an answer, to where the first Via
 * says that its request came from. That of a request through a flow would be a port of loopback,
 * by then perhaps another's: this makes it one that nobody can listen on.
 */
void dfl_via_lead_nowhere (su_home_t *home, sip_via_t *via);
