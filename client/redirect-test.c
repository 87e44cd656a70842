/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "redirect-test.h"

#include <glib/gi18n.h>
#include <stdlib.h>

#include "output.h"

/* After that time, T1 of RFC 3261, a redirect is sent once more unless it was acknowledged. */
#define T1 (G_USEC_PER_SEC / 2)

gboolean
dfl_rang_parse (const char *text, DflRang *rang)
{
  if (g_str_equal (text, "yes"))
    *rang = DFL_RANG_YES;
  else if (g_str_equal (text, "no"))
    *rang = DFL_RANG_NO;
  else if (g_str_equal (text, "ask"))
    *rang = DFL_RANG_ASK;
  else
    return FALSE;
  return TRUE;
}

DflRang
dfl_rang_from_answer (const char *line)
{
  g_autofree char *word = g_strstrip (g_ascii_strdown (line, -1));

  if (g_str_equal (word, "y") || g_str_equal (word, "yes"))
    return DFL_RANG_YES;
  if (g_str_equal (word, "n") || g_str_equal (word, "no"))
    return DFL_RANG_NO;
  switch (rpmatch (word))
    {
    case 1:
      return DFL_RANG_YES;
    case 0:
      return DFL_RANG_NO;
    default:
      return DFL_RANG_UNKNOWN;
    }
}

const char *
dfl_rang_to_policy (DflRang rang)
{
  if (rang == DFL_RANG_YES)
    return "honoured";
  return rang == DFL_RANG_NO ? "refused" : "unknown";
}

static char *
explain_acknowledged (gint64 took)
{
  const char *meaning = _ (
      "That tells that the server has understood it, and not whether it follows "
      "it: every server acknowledges, and whether TARGET rang is seen there.");
  const char *slow = _ (
      "That is slow: it was probably sent more than once, because packets get lost "
      "or the server is busy.");

  if (took < T1)
    /* Translators: milliseconds, then what that means. */
    return g_strdup_printf (_ ("The server acknowledged the redirect after %u ms. %s"),
                            (guint)(took / 1000), meaning);
  return g_strdup_printf (_ ("The server acknowledged the redirect after %.1f s. %s %s"),
                          (double)took / G_USEC_PER_SEC, slow, meaning);
}

char *
dfl_redirect_test_explain (const char *outcome, gint64 took)
{
  g_autofree char *safe = NULL;

  if (g_str_equal (outcome, "redirected"))
    return explain_acknowledged (MAX (took, 0));
  if (g_str_equal (outcome, "unconfirmed"))
    return g_strdup (
        _ ("The redirect was sent again and again, and the server never acknowledged "
           "it: it does not get what we send, or takes no answer of this kind. Nothing "
           "else can be told. Look whether a firewall is in the way, and at what the "
           "server logs."));
  if (g_str_equal (outcome, "failed"))
    return g_strdup (_ ("The network did not take the redirect, so nothing can be told about the "
                        "server. See what “deflectctl account show” says of the account."));
  if (g_str_equal (outcome, "cancelled"))
    return g_strdup (_ ("The call ended before it could be redirected: the caller gave up, or the "
                        "server stopped ringing here. Nothing can be told; test again."));
  if (g_str_equal (outcome, "answered-elsewhere"))
    return g_strdup (
        _ ("Another phone answered before the call could be redirected. Nothing can be "
           "told; test again, and let every phone ring."));
  safe = dfl_output_escape (outcome);
  /* Translators: how the call ended, a word of the contract such as "declined". */
  return g_strdup_printf (
      _ ("The call was decided by somebody else before it could be redirected "
         "(%s). Nothing can be told; test again, without “deflectctl watch” and "
         "its like."),
      safe);
}
