/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/answers.h"

#include <glib.h>

#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>

#define ALLOW "INVITE, ACK, CANCEL, OPTIONS, BYE"

struct _DflAnswers
{
  nta_agent_t *nta;
  guint8 tag_key[32]; /* To tags are computed from the request, with a key that nobody knows */
};

void
dfl_answers_send (DflAnswers *self, msg_t *msg, const sip_t *sip, int status, const char *phrase)
{
  const char *from_tag = sip->sip_from->a_tag;
  g_autofree char *request = g_strdup_printf ("%s %s %s", sip->sip_via->v_branch,
                                              sip->sip_call_id->i_id,
                                              from_tag != NULL ? from_tag : "");
  g_autofree char *hash = g_compute_hmac_for_string (G_CHECKSUM_SHA256, self->tag_key,
                                                     sizeof self->tag_key, request, -1);
  sip_to_t *to = sip_to_dup (msg_home (msg), sip->sip_to);

  hash[16] = '\0';
  if (to != NULL && to->a_tag == NULL)
    sip_to_tag (msg_home (msg), to, hash);
  nta_msg_treply (self->nta, msg, status, phrase, SIPTAG_TO (to), SIPTAG_SERVER_STR ("deflectd"),
                  TAG_IF (status == 200 || status == 405, SIPTAG_ALLOW_STR (ALLOW)),
                  TAG_IF (status == 200, SIPTAG_ACCEPT_STR ("application/sdp")), TAG_END ());
}

DflAnswers *
dfl_answers_new (nta_agent_t *nta)
{
  DflAnswers *self = g_new0 (DflAnswers, 1);

  self->nta = nta;
  for (guint i = 0; i < sizeof self->tag_key; i++)
    self->tag_key[i] = (guint8)g_random_int ();
  return self;
}

void
dfl_answers_free (DflAnswers *self)
{
  g_free (self);
}
