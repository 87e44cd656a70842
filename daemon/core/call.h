/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One offer's life: state, outcome, decision. */

#pragma once

#include <glib-object.h>

#include "core/account.h"
#include "core/clock.h"
#include "core/line.h"
#include "core/offer.h"

typedef enum
{
  DFL_CALL_STATE_OFFERED,     /* nobody has decided */
  DFL_CALL_STATE_REDIRECTING, /* the 3xx is sent and waits for its ACK */
  DFL_CALL_STATE_DECLINING,   /* a 4xx-6xx is sent and waits for its ACK */
  DFL_CALL_STATE_IDLE         /* over; the outcome says how; everything is released */
} DflCallState;

typedef enum
{
  DFL_OUTCOME_NONE,
  DFL_OUTCOME_REDIRECTED,  /* the next SIP hop acknowledged our 3xx; no more is known */
  DFL_OUTCOME_UNCONFIRMED, /* nobody acknowledged the 3xx until Timer H */
  DFL_OUTCOME_DECLINED,
  DFL_OUTCOME_CANCELLED,          /* the caller gave up */
  DFL_OUTCOME_ANSWERED_ELSEWHERE, /* CANCEL with Reason SIP;cause=200 (RFC 3326) */
  DFL_OUTCOME_EXPIRED,            /* ring limit or the INVITE's Expires */
  DFL_OUTCOME_FAILED              /* the response could not be sent */
} DflOutcome;

/* What an announcement of a change says has changed. */
typedef enum
{
  DFL_CALL_CHANGE_STATE = 1 << 0,    /* State, Outcome, AllowedActions */
  DFL_CALL_CHANGE_DECISION = 1 << 1, /* DecidedBy, RedirectedTo */
  DFL_CALL_CHANGE_SILENCED = 1 << 2
} DflCallChange;

#define DFL_TYPE_CALL (dfl_call_get_type ())
G_DECLARE_FINAL_TYPE (DflCall, dfl_call, DFL, CALL, GObject)

/* 8 random hex digits. */
const char *dfl_call_get_id (DflCall *self);
DflAccount *dfl_call_get_account (DflCall *self);
const DflOffer *dfl_call_get_offer (DflCall *self);

DflCallState dfl_call_get_state (DflCall *self);
DflOutcome dfl_call_get_outcome (DflCall *self);
gboolean dfl_call_get_silenced (DflCall *self);

/* Microseconds since the epoch when the offer expires: the earlier of the account's ring limit and
 * the INVITE's Expires; 0 for never. */
gint64 dfl_call_get_deadline (DflCall *self);

/* The URI that went into the Contact, or "". */
const char *dfl_call_get_redirected_to (DflCall *self);

/* Who decided: "user:NAME", "deadline", "network", "shutdown", or "" while offered. */
const char *dfl_call_get_decided_by (DflCall *self);

/* The contract's words for states, outcomes and the actions that a state allows. */
const char *dfl_call_state_to_string (DflCallState state);
const char *dfl_outcome_to_string (DflOutcome outcome);
const char *const *dfl_call_state_get_actions (DflCallState state);

/*
 * What dfl_call_redirect would send for this text, without sending it. Fails with INVALID_TARGET,
 * NOT_SUPPORTED (an alias), LOOP_DETECTED, TARGET_NOT_ALLOWED (a sip target for a sips INVITE) or
 * TOO_LATE.
 */
DflTarget *dfl_call_check_redirect (DflCall *self, const char *target, GError **error);

/*
 * offered -> redirecting: validates the target as above, sends the 302 and announces the change.
 * decided_by is as dfl_call_get_decided_by returns it. Every refusal leaves the call as it was,
 * but for LINE_DOWN: the network took nothing, and the call is idle with outcome failed.
 */
gboolean
dfl_call_redirect (DflCall *self, const char *target, const char *decided_by, GError **error);

/* offered -> declining, with status 480, 486 or 603, or 0 for the account's decline-status. Fails
 * with INVALID_OPTION, TOO_LATE or LINE_DOWN (as dfl_call_redirect). */
gboolean dfl_call_decline (DflCall *self, guint status, const char *decided_by, GError **error);

/* What of that fails before anything is sent: INVALID_OPTION or TOO_LATE. */
gboolean dfl_call_check_decline (DflCall *self, guint status, GError **error);

/* Fails with TOO_LATE where somebody or something has decided. */
gboolean dfl_call_check_offered (DflCall *self, GError **error);

/* Stop telling people about the call; it stays offered. Fails with TOO_LATE. Twice is no error. */
gboolean dfl_call_silence (DflCall *self, GError **error);

/* --- What the leg reports (see core/line.h) --- */

/* The ACK for our final response arrived. */
void dfl_call_leg_acknowledged (DflCall *self);
/* Timer H fired: nobody acknowledged the final response. */
void dfl_call_leg_unconfirmed (DflCall *self);
/* CANCEL arrived while the call was offered and the leg has answered it (487). */
void dfl_call_leg_cancelled (DflCall *self, gboolean answered_elsewhere);
/* The leg cannot go on (a provisional could not be sent for good, the transport is gone). */
void dfl_call_leg_failed (DflCall *self);
