/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real Kamailio as the registrar and proxy of deflect.example, with digest and without a
 * database, around one of data/recipes/kamailio; and softphones beside us, which are SIPp. */

#pragma once

#include "harness.h"

#define REGISTRAR_PASSWORD "secret"

typedef struct
{
  const char *recipe;      /* "plain" (the default), "parallel", "serial" */
  const char *defines;     /* words of scenarios/registrar.cfg, such as "WITH_TCP WITH_SHA256" */
  const char *host;        /* default 127.0.0.1; IPv6 in brackets */
  guint port;              /* default: one that is free */
  const char *password;    /* default REGISTRAR_PASSWORD */
  const char *certificate; /* files, for WITH_TLS */
  const char *key;
  const char *authority;   /* for WITH_CLIENT_CERTIFICATES */
  guint ring_milliseconds; /* until it gives a branch that rings up; default 5000 */
  guint min_expires;       /* default 1 */
  guint max_expires;       /* default 3600 */
  guint nonce_expire;      /* default 300 */
  guint default_q;         /* of contacts that say none, thousandths; default 1000 */
  guint children;          /* default 1 */
} RegistrarOptions;

typedef struct _Registrar Registrar;

/* Returns when it listens. With WITH_TLS its port for that is registrar_get_port. options may be
 * NULL. */
Registrar *registrar_start (Stage *stage, const RegistrarOptions *options);

/* SIGKILL; what it knew is lost with it. */
void registrar_kill (Registrar *self);
/* Another one with the same options at the same port. */
void registrar_start_again (Registrar *self);
/* It says nothing any more, closes nothing and refuses nothing; all that is left is to kill it. */
void registrar_freeze (Registrar *self);
/* SIGTERM where it runs. */
void registrar_free (Registrar *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Registrar, registrar_free)

guint registrar_get_port (Registrar *self);

/* "HOST:PORT" */
const char *registrar_get_address (Registrar *self);

/* The contacts of a user that have not expired, one string each, sorted. */
GPtrArray *registrar_list_contacts (Registrar *self, const char *user);
guint registrar_count_contacts (Registrar *self, const char *user);

/* How many lines of what it wrote contain both texts, of which one may be NULL; see
 * scenarios/registrar.cfg for the lines. */
guint registrar_count_lines (Registrar *self, const char *first, const char *second);
/* When those lines about requests were written, as double, seconds since the epoch. */
GArray *registrar_list_times (Registrar *self, const char *first, const char *second);
/* REGISTERs with credentials that it has received. */
guint registrar_count_credentials (Registrar *self);

/* Writes the file of an account alice@deflect.example with this registrar's address; more are
 * further lines of [account], or "". */
void registrar_write_account (Registrar *self, const char *more);

/* --- Phones --- */

/* Registers a contact of alice over UDP, as a softphone would; more are its parameters (";q=0.5"),
 * or "". Returns when that is done. */
void registrar_add_contact (Registrar *self, const char *user, guint port, const char *more);

/* A phone that rings, and answers so many milliseconds later unless it is cancelled. */
typedef struct _Phone Phone;

/* Returns when it listens, on a port of its own. The stage ends it. */
Phone *phone_start (Stage *stage, const char *answer, guint milliseconds);
void phone_free (Phone *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Phone, phone_free)

guint phone_get_port (Phone *self);

/* How many of the messages that it sent and received contain this. */
guint phone_count (Phone *self, const char *text);
