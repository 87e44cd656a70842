/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the answer of a registrar means. */

#pragma once

#include <glib.h>

#include <sofia-sip/sip.h>

/* What was asked. Borrowed. */
typedef struct
{
  const guint8 *secret;      /* 32 bytes, and */
  const char *account_id;    /* see sip/token.h */
  const char *token;         /* the user part of our Contact */
  const char *instance;      /* urn:uuid:..., its +sip.instance */
  const char *contact_place; /* HOST:PORT of it */
  const char *via_place;     /* HOST:PORT of our Via */
  guint expires;             /* asked for */
} DflRegisterAsked;

typedef enum
{
  DFL_REGISTER_GRANTED,
  DFL_REGISTER_NOT_KEPT,    /* it was taken, but the server has another contact and not ours */
  DFL_REGISTER_CHALLENGED,  /* 401, 407: see sip/digest.h */
  DFL_REGISTER_TOO_BRIEF,   /* 423: again with min_expires */
  DFL_REGISTER_EXTENSION,   /* 420, 439: again without what it names */
  DFL_REGISTER_UNAVAILABLE, /* this place does not serve now, the next one may */
  DFL_REGISTER_REFUSED,     /* more attempts make it no better */
  DFL_REGISTER_FAILED       /* later, perhaps */
} DflRegisterVerdict;

/* The longest interval that a server may ask for, seconds. */
#define DFL_REGISTER_MAX_EXPIRES 86400

typedef struct
{
  DflRegisterVerdict verdict;
  char *reason; /* for people, without a verdict of success or challenge; else NULL */

  guint expires; /* GRANTED: seconds, 0 where the server kept nothing */
  GPtrArray
      *left_overs;    /* GRANTED: contacts (URIs) that this daemon left there earlier; of char * */
  char *route;        /* GRANTED: Service-Route as a value for Route (RFC 3608), or NULL */
  char *public_place; /* any answer: HOST:PORT as the server sees us (RFC 3581), where that is not
                         via_place; else NULL */
  gboolean outbound;  /* GRANTED: the server does RFC 5626, and wants the way kept open */
  guint flow_timer;   /* GRANTED: seconds after which it takes a silent way for lost, or 0 */
  guint min_expires;  /* TOO_BRIEF: seconds, up to DFL_REGISTER_MAX_EXPIRES */
  guint retry_after;  /* seconds, or 0 */
  gboolean without_path, without_outbound; /* EXTENSION */
} DflRegisterAnswer;

/*
 * Reads a final response; never NULL, nothing of it is believed without a look. Of the contacts in
 * a 2xx only those with our token, with one that we made for this account or with our instance
 * (there are servers that rewrite the rest) are ours; everybody else's are left alone. A 2xx lists
 * all that the server has (RFC 3261 section 10.3): where ours is not among them it is not kept;
 * where nothing is listed at all it is believed to be. What the server granted is what it says
 * behind our own contact, else in Expires, else what was asked for. Remote text in the reason is
 * cleaned and cut.
 */
DflRegisterAnswer *dfl_register_answer_read (const sip_t *response, const DflRegisterAsked *asked);
void dfl_register_answer_free (DflRegisterAnswer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflRegisterAnswer, dfl_register_answer_free)
