/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who sees what: the local users of each account, and the connections that asked to be told. */

#pragma once

#include "bus/peers.h"
#include "bus/service.h"

typedef struct _DflAudience DflAudience;

/* A subscribed peer sees the account, and its calls, from now on; or no longer does. */
typedef void (*DflAudienceChangedFunc) (DflAccount *account,
                                        DflPeer *peer,
                                        gboolean sees,
                                        gpointer data);

/* All users of an account that had to be asked for are looked up, and who sees it was told. */
typedef void (*DflAudienceSettledFunc) (DflAccount *account, gpointer data);

DflAudience *dfl_audience_new (DflBusMode mode,
                               DflAudienceChangedFunc changed,
                               DflAudienceSettledFunc settled,
                               gpointer data);
void dfl_audience_free (DflAudience *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflAudience, dfl_audience_free)

/*
 * Reads the account's users= (anew). A user who no longer stands there loses sight at once. One
 * who is new gains it at once where another account lists the same name, else when the system's
 * user database has answered. Of an account that is read for the first time nobody is told: its
 * own announcement does that.
 */
void dfl_audience_update (DflAudience *self, DflAccount *account);

/* Looks all names up anew, in one go. Who has another uid now gains or loses sight when the answers
 * are there. */
void dfl_audience_refresh (DflAudience *self);

/* Whether the users of the account are looked up; where not, settled will be told. */
gboolean dfl_audience_is_settled (DflAudience *self, DflAccount *account);

/* Whether the peer may know of the account and of its calls. NULL is an account that is not there:
 * nobody may, and to say so takes as long as for one that is hidden. */
gboolean dfl_audience_sees (DflAudience *self, const DflPeer *peer, DflAccount *account);

/* Whether the account's users= lists the peer's user by name, and not as one of everybody; always
 * in session mode. */
gboolean dfl_audience_lists (DflAudience *self, const DflPeer *peer, DflAccount *account);

/* Whether the peer may have accounts of its own here: everybody, but in session mode one user. */
gboolean dfl_audience_admits (DflAudience *self, const DflPeer *peer);

/* Whether announcements about the account are broadcast; then nobody gets them in person. */
gboolean dfl_audience_is_public (DflAudience *self, DflAccount *account);

/* The subscribed peers that see the account, of DflPeer; valid until anything here changes. */
const GPtrArray *dfl_audience_get_listeners (DflAudience *self, DflAccount *account);

/* The peer wants to be told what it may see, until it is gone. Fails with LIMIT_EXCEEDED. */
gboolean dfl_audience_subscribe (DflAudience *self, DflPeer *peer, GError **error);
void dfl_audience_forget (DflAudience *self, DflPeer *peer);
