/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* One SIP address of record that deflectd serves, and its settings. */

#pragma once

#include <glib-object.h>

typedef enum
{
  DFL_TRANSPORT_AUTO, /* what the server's DNS records say */
  DFL_TRANSPORT_UDP,
  DFL_TRANSPORT_TCP,
  DFL_TRANSPORT_TLS
} DflTransport;

/* What the server in front of an account does with a 3xx, as far as somebody found out. */
typedef enum
{
  DFL_REDIRECT_POLICY_UNKNOWN,
  DFL_REDIRECT_POLICY_HONOURED,
  DFL_REDIRECT_POLICY_REFUSED
} DflRedirectPolicy;

/* How many calls of an account may be offered at once where nobody said so. */
#define DFL_ACCOUNT_MAX_OFFERS 16

/* What a person wrote about an account: one key file, checked. Plain values, owned strings. */
typedef struct
{
  char *name;         /* [a-z][a-z0-9_]{0,31}; unique among the accounts of one creator */
  char *id;           /* 8 hexadecimal digits; NULL: derives from the name */
  char *creator;      /* the local user who added it over D-Bus; NULL: it stands in the settings
                         directory, which nobody changes over D-Bus */
  gint64 created;     /* when it was added, microseconds since the epoch; 0 without a creator */
  char *problem;      /* NULL, or why the account cannot work: file, line, key, what was expected */
  char *address;      /* sip:USER@DOMAIN; "" where problem hides it */
  char *user;         /* the user part of address, %-decoded */
  char *domain;       /* HOST or HOST:PORT of address */
  char *display_name; /* or "" */
  char **users; /* names of local users whom it belongs to; empty: root alone; "*": everybody */
  gboolean enabled;
  gboolean registers; /* FALSE: a direct account, INVITEs to its user part come from accept_from */
  char *registrar;    /* HOST or HOST:PORT, or "" for the address' domain */
  char *outbound_proxy;   /* HOST or HOST:PORT, or "" */
  DflTransport transport; /* towards those */
  char *username;         /* for digest authentication, or "" for the address' user part */
  char *password;         /* or NULL; never leaves the process but to the account's own file */
  gboolean tls_verify;    /* FALSE: whoever answers is believed */
  gboolean tls_wildcard;  /* "*.example.org" in a certificate counts (RFC 5922 says it does not) */
  char *tls_ca;          /* PEM: who signs the server's certificate; NULL: whom the system trusts */
  char *tls_certificate; /* PEM: what we show of ourselves, the chain behind it; or NULL */
  char *tls_key;         /* PEM: its private key, or NULL; never leaves the process but to the
                            account's own file */
  guint expires;         /* how long a registration is asked for, seconds, default 600 */
  DflRedirectPolicy redirect_policy; /* what was found out about the server in front */
  char **accept_from;   /* numeric addresses or prefixes: "192.0.2.1", "2001:db8::/32"; an account
                           that registers takes INVITEs from them besides its servers */
  gboolean trusted;     /* identities asserted by its servers and accept-from hops are believed */
  gboolean alert;       /* TRUE: ringing, 180 is sent; FALSE: silent, only 100 */
  guint ring_limit;     /* seconds, 0 none */
  guint decline_status; /* 480, 486 or 603 */
  guint max_offers;     /* how many calls may be offered at once */
  char *default_target; /* default-action: NULL for decline, else the text behind redirect: */
  gboolean allow_sips_downgrade;
  gboolean allow_local_targets; /* redirect to another account of this daemon is no loop */
  char *redirect_domain;        /* HOST or HOST:PORT, for bare numbers */
  GPtrArray *targets;           /* of DflAlias, in the file's order */
} DflAccountSettings;

typedef struct
{
  char *alias;
  char *label;
  char *address;
} DflAlias;

/* Whether text is what an account may be called: a-z, then up to 31 of a-z, 0-9 and _. */
gboolean dfl_account_name_is_valid (const char *text);

DflAccountSettings *dfl_account_settings_new (const char *name); /* with the defaults */
/* Another reference, to settings that nobody changes any more; _free drops one, and with the last
 * one overwrites the password. */
DflAccountSettings *dfl_account_settings_ref (const DflAccountSettings *self);
void dfl_account_settings_free (DflAccountSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflAccountSettings, dfl_account_settings_free)
gboolean dfl_account_settings_equal (const DflAccountSettings *a, const DflAccountSettings *b);
/* Whether they are equal but for id and created, which a new account gets when it is kept: drafts
 * of one change at different times. */
gboolean dfl_account_settings_equal_drafts (const DflAccountSettings *a,
                                            const DflAccountSettings *b);

/*
 * Whether the step from before (NULL: there was no account) to after is one that an administrator
 * must allow, because it points the daemon's authority at others. It does where it
 *  - makes an account direct, or stops that, or changes a direct account's address,
 *  - changes accept-from=, or has the account believe what those say who call from there,
 *  - gives a new account to other users than caller, or changes the users of one that is there,
 *  - turns the verification of certificates off, or while it is off changes the domain, registrar,
 *    proxy or transport,
 *  - changes the address, username, registrar, proxy or transport where then the registrar (where
 *    none is given: the domain) or the proxy is on a loopback, link-local, unspecified, multicast
 *    or broadcast address, however it is spelled, or under localhost,
 *  - raises max_offers above DFL_ACCOUNT_MAX_OFFERS.
 *
 * What a name resolves to is not looked at, because that changes: who connects must.
 */
gboolean dfl_account_settings_need_administrator (const DflAccountSettings *before,
                                                  const DflAccountSettings *after,
                                                  const char *caller);

/*
 * Whether the line may talk to this address, 4 or 16 bytes, for this account. A loopback,
 * link-local, unspecified, multicast or broadcast one only where the settings name such a server
 * openly (an administrator allowed it then) or stand in the settings directory: else the name of
 * a server could lead to services of this machine that believe who speaks to them.
 */
gboolean dfl_account_settings_allow_address (const DflAccountSettings *self,
                                             const guint8 *bytes,
                                             gsize length);

DflAlias *dfl_alias_new (const char *alias, const char *label, const char *address);
void dfl_alias_free (DflAlias *self);

typedef enum
{
  DFL_ACCOUNT_STATE_DISABLED,
  DFL_ACCOUNT_STATE_CONNECTING, /* tries to register; the reason may say what it waits for */
  DFL_ACCOUNT_STATE_REGISTERED,
  DFL_ACCOUNT_STATE_DIRECT, /* takes INVITEs to its user part from accept-from */
  DFL_ACCOUNT_STATE_FAILED  /* does not work now; the reason says why */
} DflAccountState;

/* What the line reports of an account that registers (RFC 3261 section 10). Values; what
 * dfl_account returns is valid until the next report. */
typedef struct
{
  DflAccountState state;  /* CONNECTING, REGISTERED or FAILED */
  const char *reason;     /* in words that a person can act on, or "" */
  const char *server;     /* HOST:PORT that is asked or has registered it, numeric, or "" */
  DflTransport transport; /* towards it; AUTO while there is no server */
  gboolean secure;        /* TLS, and the server's certificate was verified */
  gint64 until;           /* microseconds since the epoch when the registration ends; 0: none */
} DflRegistrationReport;

#define DFL_TYPE_ACCOUNT (dfl_account_get_type ())
G_DECLARE_FINAL_TYPE (DflAccount, dfl_account, DFL, ACCOUNT, GObject)

/* Takes the settings over. An id that they do not say derives from the name, so that it outlives a
 * restart. */
DflAccount *dfl_account_new (DflAccountSettings *settings);

/* 8 random-looking hex digits, the same for an account's whole life. */
const char *dfl_account_get_id (DflAccount *self);

/* The settings in force; valid until the next dfl_account_update. */
const DflAccountSettings *dfl_account_get_settings (DflAccount *self);

DflAccountState dfl_account_get_state (DflAccount *self);
const char *dfl_account_state_to_string (DflAccountState state);

/* Why the account is in its state, in words that a person can act on; "" where all is well. */
const char *dfl_account_get_state_reason (DflAccount *self);

/* New settings for the same name; takes them over. Calls that are offered keep what they have. */
void dfl_account_update (DflAccount *self, DflAccountSettings *settings);

/*
 * What the line reports of an account that registers; announced where anything differs. An enabled
 * account without a problem that registers is in the state of the last report; before the first one
 * it is CONNECTING. A report outlives dfl_account_update: the line looks at the new settings, and
 * reports anew where they matter to it. But it ends with the account's being to register: that of
 * one which does not, is disabled or has a problem is ignored.
 */
void dfl_account_report_registration (DflAccount *self, const DflRegistrationReport *report);

/* The last report. CONNECTING with all else empty before there is one, and where the account is
 * disabled, has a problem or does not register. */
const DflRegistrationReport *dfl_account_get_registration (DflAccount *self);

/* How many calls of this account are offered now; kept by the switchboard. */
guint dfl_account_get_n_offered (DflAccount *self);
