/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A parsed, validated redirect address. An invalid one cannot exist. */

#pragma once

#include <glib.h>

/* Nothing longer is accepted, in bytes. */
#define DFL_TARGET_MAX_LENGTH 256

/* What the first characters of a text make it, before it is validated. */
typedef enum
{
  DFL_TARGET_KIND_INVALID,
  DFL_TARGET_KIND_URI,    /* begins with a scheme: sip:, sips:, tel:, in any case */
  DFL_TARGET_KIND_NUMBER, /* begins with +, *, # or a digit */
  DFL_TARGET_KIND_ALIAS   /* [a-z][a-z0-9_-]{0,31} */
} DflTargetKind;

typedef struct _DflTarget DflTarget;

DflTargetKind dfl_target_kind (const char *text);

/*
 * Makes a target of a URI or a bare number. The grammar is a strict subset of RFC 3261 section 25
 * and RFC 3966: sip, sips, tel; user of unreserved, user-unreserved and valid %HH that decodes to
 * none of < > " @ , DEL or a control character; host an LDH name, an IPv4 address or an [IPv6]
 * address; port 1-65535; parameters user, transport and phone-context. Headers (?), method, maddr,
 * ttl, lr, *, non-ASCII and anything longer than DFL_TARGET_MAX_LENGTH are refused.
 *
 * A bare number loses its visual separators and becomes sip:NUMBER@redirect_domain;user=phone, as
 * does a tel: URI (many servers refuse tel in a Contact); # becomes %23. With secure, both become
 * sips. redirect_domain is HOST or HOST:PORT, validated by its owner.
 *
 * Fails with DFL_ERROR_INVALID_TARGET, saying what is wrong with the text; an alias is refused so
 * too, because only its account can resolve it.
 */
DflTarget *
dfl_target_new (const char *text, const char *redirect_domain, gboolean secure, GError **error);

void dfl_target_free (DflTarget *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DflTarget, dfl_target_free)

/* The URI exactly as it goes between the angle brackets of the Contact. */
const char *dfl_target_get_uri (const DflTarget *self);

/* Whether the URI's scheme is sips. */
gboolean dfl_target_is_secure (const DflTarget *self);

/* Whether text is what redirect-domain= and the host part of an address may be: HOST or HOST:PORT
 * by the grammar above. */
gboolean dfl_target_is_domain (const char *text);
