/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Challenges from strangers: whatever they say, the answer is one line whose quotes are closed, and
 * a password is tried a few times at most. One challenge a line; a line that begins with "proxy "
 * is of a Proxy-Authenticate. */

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/sip_parser.h>

#include "sip/challenge.h"
#include "sip/digest.h"

#define MAX_ANSWERS 16

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_line (const char *text)
{
  gboolean quoted = FALSE;

  for (const char *at = text; *at != '\0'; at++)
    {
      if (g_ascii_iscntrl (*at))
        abort ();
      if (quoted && *at == '\\')
        at++;
      else if (*at == '"')
        quoted = !quoted;
      if (*at == '\0')
        abort ();
    }
  if (quoted)
    abort ();
}

static void
check_challenges (const msg_auth_t *headers, gboolean proxy)
{
  g_autoptr (GPtrArray) challenges = g_ptr_array_new_with_free_func (
      (GDestroyNotify)dfl_challenge_free);
  DflCredentials credentials = { .method = "REGISTER",
                                 .uri = "sip:example.org",
                                 .username = "al\"ice",
                                 .password = "secret",
                                 .cnonce = "0123456789abcdef",
                                 .count = 1 };

  dfl_challenge_read (headers, proxy, challenges);
  for (guint i = 0; i < challenges->len; i++)
    {
      g_autofree char *answer = dfl_challenge_answer (g_ptr_array_index (challenges, i),
                                                      &credentials);

      check_line (answer);
    }
}

/* A request with what the challenges ask for; how many answers are in it. */
static guint
count_answers (DflDigest *digest)
{
  msg_t *msg = msg_create (sip_default_mclass (), 0);
  sip_t *sip = sip_object (msg);
  guint n = 0;

  sip_add_make (msg, sip, sip_request_class, "REGISTER sip:example.org SIP/2.0");
  dfl_digest_authorise (digest, msg, sip, "alice", "secret");
  for (const msg_auth_t *at = sip->sip_authorization; at != NULL; at = at->au_next)
    n++;
  for (const msg_auth_t *at = sip->sip_proxy_authorization; at != NULL; at = at->au_next)
    n++;
  msg_destroy (msg);
  return n;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *)data, MIN (size, 16384));
  g_auto (GStrv) lines = g_strsplit (text, "\n", 64);
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  msg_t *msg = msg_create (sip_default_mclass (), 0);
  sip_t *sip = sip_object (msg);
  guint n_tried = 0;

  sip_add_make (msg, sip, sip_status_class, "SIP/2.0 401 No");
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "proxy "))
      sip_add_make (msg, sip, sip_proxy_authenticate_class, lines[i] + 6);
    else
      sip_add_make (msg, sip, sip_www_authenticate_class, lines[i]);
  check_challenges (sip->sip_www_authenticate, FALSE);
  check_challenges (sip->sip_proxy_authenticate, TRUE);

  dfl_digest_begin (digest);
  while (dfl_digest_take (digest, sip, TRUE) == DFL_DIGEST_RETRY)
    {
      guint n = count_answers (digest);

      if (n == 0 || n > 8 || ++n_tried > MAX_ANSWERS)
        abort ();
    }
  msg_destroy (msg);
  return 0;
}
