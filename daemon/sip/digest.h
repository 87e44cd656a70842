/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Digest authentication of requests (RFC 3261 section 22, RFC 7616, RFC 8760). */

#pragma once

#include <glib.h>

#include <sofia-sip/sip.h>

/*
 * The challenges that one account has been given: one for each realm, of the registrar
 * (WWW-Authenticate) and of proxies (Proxy-Authenticate), at most four of each; both are looked for
 * in a 401 and in a 407. Of several challenges for one realm, in any order, the first that we can
 * answer of SHA-256, then of MD5, is taken (with their -sess forms); others are passed over. qop is
 * auth where offered (auth-int where nothing else is), and the nonce count begins again with each
 * new nonce. The realms of a registrar are those of its last challenge: one that it does not name
 * any more is forgotten.
 */
typedef struct _DflDigest DflDigest;

DflDigest *dfl_digest_new (void);
void dfl_digest_free (DflDigest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflDigest, dfl_digest_free)

typedef enum
{
  DFL_DIGEST_RETRY,       /* send the request again: there is an answer that was not tried yet */
  DFL_DIGEST_REFUSED,     /* an answer to this very nonce, or to one that we were given in this
                             attempt, was not good enough: username or password are wrong */
  DFL_DIGEST_UNSUPPORTED, /* no challenge, or none with an algorithm and a qop that we have */
  DFL_DIGEST_NO_PASSWORD  /* there is nothing to answer with */
} DflDigestVerdict;

/*
 * A new attempt begins: a first request, which carries what the last attempt ended with. To be
 * called as well for what follows an answer other than 401 and 407 (a 423, say), because then the
 * last answer was good.
 *
 * Between two beginnings a wrong password is tried once: a challenge that comes after an answer of
 * this attempt to a fresh nonce is a refusal, unless it says stale=true (at most twice for a
 * realm). The registrar cannot escape that by another realm, nor a proxy by more than four; and
 * after the eighth challenge of an attempt every one is a refusal. An answer with a nonce of the
 * attempt before was not fresh, so that a server which forgot or changed its nonce without stale
 * is answered once more. After a refusal the next attempt begins without credentials, so that it
 * tries the password once, too.
 */
void dfl_digest_begin (DflDigest *self);

/* Takes the challenges of a 401 or 407. has_password: whether the account has one. */
DflDigestVerdict dfl_digest_take (DflDigest *self, const sip_t *response, gboolean has_password);

/*
 * Adds what the challenges ask for to a request, which has its request line and body already:
 * Authorization and Proxy-Authorization headers. Nothing where there were no challenges or is no
 * password.
 */
void dfl_digest_authorise (
    DflDigest *self, msg_t *msg, sip_t *sip, const char *username, const char *password);

/* Forgets every challenge, because the server or the password is another one, or a new connection
 * has not proved whose it is. */
void dfl_digest_forget (DflDigest *self);
