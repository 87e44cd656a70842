/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sockets on which anybody may reach the SIP stack. */

#pragma once

#include <glib.h>

#include <sofia-sip/nta.h>

#include "sip/guard.h"

/*
 * Binds every address of listen (see DflSipSettings), and has them guarded. Where several items ask
 * for any port, they share one if that is free. Returns the addresses and ports really bound, in
 * the form of listen=, NULL at the end; NULL with an error that names the item.
 */
char **dfl_sockets_bind (nta_agent_t *nta, DflGuard *guard, char **listen, GError **error);
