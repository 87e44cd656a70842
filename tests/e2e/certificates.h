/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates of the test's own, made by certtool in the stage's directory. */

#pragma once

#include "harness.h"

/* An authority; the file of its certificate. Its name is that of its files. */
char *certificates_make_authority (Stage *stage, const char *name);

/*
 * A server's certificate and key: NAME.pem and NAME.key, whose paths certificate and key become.
 * authority is a name of above, or NULL: signed by itself. lines are those of a template of
 * certtool: dns_name, uri, ip_address, expiration_date...
 */
void certificates_issue (Stage *stage,
                         const char *authority,
                         const char *name,
                         const char *lines,
                         char **certificate,
                         char **key);
