/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A DNS server that says what a test wants, also nothing and nonsense. */

#pragma once

#include <glib.h>

/*
 * Moves this process, which has no other thread yet, into network and mount namespaces of its own,
 * with lo up, an /etc/hosts that knows localhost alone, and an /etc/resolv.conf of this text.
 * Whoever is not root becomes root of a user namespace.
 */
void name_server_enter (const char *resolv_conf);

/* Changes /etc/resolv.conf. */
void name_server_set_resolv_conf (const char *text);

/* What it does with a question instead of looking for records. */
typedef enum
{
  NAME_SERVER_ANSWER,
  NAME_SERVER_NXDOMAIN,
  NAME_SERVER_SERVFAIL,
  NAME_SERVER_REFUSED,
  NAME_SERVER_SILENT,
  NAME_SERVER_TRUNCATED, /* over UDP; over TCP it answers */
  NAME_SERVER_GARBAGE,   /* a header that is right, and random bytes */
  NAME_SERVER_TORN,      /* its answer without the last bytes */
  NAME_SERVER_FIRST_LOST /* the first question is lost, those after it are answered */
} NameServerMood;

typedef struct _NameServer NameServer;

/* Serves port 53 of a numeric address, over UDP and TCP, from a thread of its own. */
NameServer *name_server_new (const char *address);
void name_server_free (NameServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NameServer, name_server_free)

/*
 * One more record. type and data as in a zone file, names without final dot and "." for the root:
 * A 192.0.2.1; AAAA 2001:db8::1; CNAME example.org; SRV "10 60 5060 sip.example.org";
 * NAPTR "10 50 s SIP+D2U _sip._udp.example.org", its regular expression is empty, flags "-" too.
 * Names without any record do not exist.
 */
void name_server_add (NameServer *self, const char *name, const char *type, const char *data);

/* How questions for this name (NULL: all) and type (NULL: all) are treated; the latest that fits
 * counts. */
void
name_server_set_mood (NameServer *self, const char *name, const char *type, NameServerMood mood);

/* Forgets records, moods and counts. */
void name_server_clear (NameServer *self);

/* How many questions came; name and type may be NULL for any. */
guint name_server_count (NameServer *self, const char *name, const char *type);
