/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The records of sip/resolver.h: from the bytes of an answer, and in their order. */

#pragma once

#include <ares.h>

#include "sip/resolver.h"

#define DFL_MAX_RECORDS 64

void dfl_naptr_free (gpointer data);
void dfl_srv_free (gpointer data);

/* Append what is in an answer, until there are DFL_MAX_RECORDS; what c-ares says of it. */
int dfl_records_read_naptr (const unsigned char *bytes, int length, GPtrArray *records);
int dfl_records_read_srv (const unsigned char *bytes, int length, GPtrArray *records);
void dfl_records_read_addresses (const struct ares_addrinfo *info, GPtrArray *records);

/* Appends the addresses of localhost where the name is that, or below it; no server is to be asked
 * for these (RFC 6761 section 6.3). */
gboolean dfl_records_add_localhost (const char *name, GPtrArray *records);

/* Without the final dot. */
char *dfl_records_bare_name (const char *name);

/* Whether a name can be asked for at all: c-ares would take backslashes for escapes. */
gboolean dfl_records_is_name (const char *name);

/* The records that name a host and a port, borrowed: by priority, and among equals at random by
 * weight (RFC 2782). */
GPtrArray *dfl_records_draw_srv (GPtrArray *records);

/* By order, then preference. */
void dfl_records_sort_naptr (GPtrArray *records);
