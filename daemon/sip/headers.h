/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A tolerant reader of header text that lists addresses: Diversion, History-Info,
 * P-Asserted-Identity and their like (RFC 3261 section 20, name-addr / addr-spec lists). */

#pragma once

#include <glib.h>

/* A piece of somebody else's text; not terminated. */
typedef struct
{
  const char *text;
  gsize length;
} DflSpan;

/* One entry of a list: name <address?embedded>;parameters, or address;parameters. */
typedef struct
{
  DflSpan name;       /* with its quotes */
  DflSpan address;    /* the URI with its parameters, without embedded headers */
  DflSpan embedded;   /* what followed ? within the brackets */
  DflSpan parameters; /* what followed the closing bracket, beginning with ; */
} DflHeaderEntry;

/*
 * Reads the next entry and moves *text behind it. FALSE at the end. Text that follows no grammar
 * makes no error: as much of an entry as can be made out is returned, and every call moves on, so
 * that the entries of a text are never more than its bytes.
 */
gboolean dfl_header_next (const char **text, DflHeaderEntry *entry);

/* The display name, unquoted and cleaned (see dfl_text_clean). Never NULL. */
char *dfl_header_dup_name (const DflHeaderEntry *entry);

/* The URI, cleaned. Never NULL. */
char *dfl_header_dup_address (const DflHeaderEntry *entry);

/* The value of a parameter behind the brackets, unquoted and cleaned; empty for one without a
 * value; NULL where there is none. Names are compared without regard to case. */
char *dfl_header_dup_parameter (const DflHeaderEntry *entry, const char *name);

/* The same for a parameter of the URI itself. */
char *dfl_header_dup_uri_parameter (const DflHeaderEntry *entry, const char *name);

/* The same for an embedded header (RFC 3261 section 19.1.1), %-decoded. */
char *dfl_header_dup_embedded (const DflHeaderEntry *entry, const char *name);

/* The display name that a header keeps in front of its address, with or without quotes: unquoted
 * and cleaned. length may be -1. Never NULL. */
char *dfl_header_unquote (const char *text, gssize length, gsize max_bytes);

/* The host part of a SIP URI, as it stands there, with the brackets of an IPv6 address; empty for
 * everything that is no SIP URI. */
DflSpan dfl_header_uri_host (const char *uri);
