/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Answers to requests of which nothing is kept. */

#pragma once

#include <sofia-sip/nta.h>

typedef struct _DflAnswers DflAnswers;

DflAnswers *dfl_answers_new (nta_agent_t *nta);
void dfl_answers_free (DflAnswers *self);

/*
 * Answers without keeping anything, and takes msg over, with sip its content. The answer to a
 * repeated request has the same To tag (RFC 3261 section 8.2.7).
 */
void
dfl_answers_send (DflAnswers *self, msg_t *msg, const sip_t *sip, int status, const char *phrase);
