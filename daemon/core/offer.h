/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The facts of one incoming INVITE: who, whom, when, how it came. Copied once, then constant. */

#pragma once

#include <glib.h>

/* One identity that the INVITE claims for the caller. Every string is valid UTF-8 without control
 * or bidirectional characters, and never NULL. */
typedef struct
{
  char *source;  /* the header: "P-Asserted-Identity", "Remote-Party-ID", "From" */
  char *address; /* the URI as received, without name and brackets */
  char *number;  /* the number in it, or empty (see dfl_address_number) */
  char *name;    /* the display name, unquoted, or empty */
  gboolean trusted;
} DflIdentity;

/* One earlier diversion of the call (RFC 5806, RFC 7044). Strings as in DflIdentity. */
typedef struct
{
  char *source; /* "Diversion" or "History-Info" */
  char *address;
  char *name;
  char *reason;  /* "deflection", "user-busy", ...; of History-Info the cause, or empty */
  char *privacy; /* "off", "full", ... or empty */
  guint counter; /* how many diversions this entry stands for, at least 1 */
} DflDiversion;

typedef enum
{
  DFL_PRESENTATION_ALLOWED,
  DFL_PRESENTATION_ANONYMOUS,  /* the caller asked to be hidden: a name must not be shown */
  DFL_PRESENTATION_UNAVAILABLE /* nothing usable was received */
} DflPresentation;

/* Strings are valid UTF-8 without control or bidirectional characters and, but for the ones marked
 * so, never NULL. The owner of an offer owns all of it. */
typedef struct
{
  char *sip_call_id;
  char *request_uri; /* as received: our contact, for the refusal of loops */
  gboolean secure;   /* the Request-URI is sips */
  DflPresentation presentation;
  char *caller_address; /* the best identity; empty when anonymous or unavailable */
  char *caller_number;
  char *caller_name;
  char *caller_source; /* the header that it came from */
  gboolean caller_trusted;
  GPtrArray *identities;    /* of DflIdentity, every one that was received, best first */
  char *called_address;     /* a trusted P-Called-Party-ID, else To; never the contact token */
  GPtrArray *diverted_from; /* of DflDiversion, latest first */
  char *subject;
  guint expires; /* seconds from the INVITE's Expires; used where has_expires */
  gboolean has_expires;
  gint64 received;      /* monotonic microseconds (dfl_clock_now) */
  gint64 received_wall; /* microseconds since the epoch */
} DflOffer;

/* An offer with empty strings and empty arrays. */
DflOffer *dfl_offer_new (void);
void dfl_offer_free (DflOffer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflOffer, dfl_offer_free)

DflIdentity *dfl_identity_new (void);
void dfl_identity_free (DflIdentity *self);
DflDiversion *dfl_diversion_new (void);
void dfl_diversion_free (DflDiversion *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflIdentity, dfl_identity_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflDiversion, dfl_diversion_free)

/* "allowed", "anonymous" or "unavailable": the contract's CallerPresentation. */
const char *dfl_presentation_to_string (DflPresentation presentation);

/*
 * The one place where remote text is cleaned for people and for the bus: invalid UTF-8 becomes
 * U+FFFD, control characters (C0, DEL, C1) and bidirectional controls (U+061C, U+200E, U+200F,
 * U+202A-202E, U+2066-2069) and the separators U+2028, U+2029 go, and what is left is cut at
 * max_bytes on a character boundary. length may be -1 for a NUL-terminated text. Never NULL.
 */
char *dfl_text_clean (const char *text, gssize length, gsize max_bytes);
