/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is read from the answers of registrars. */

#include "sip/register-answer.h"

#include <string.h>

#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip_parser.h>

#include "sip/token.h"

static const guint8 secret[32] = { 1, 2, 3 };
static char token[DFL_TOKEN_LENGTH + 1], earlier[DFL_TOKEN_LENGTH + 1];
static char of_another[DFL_TOKEN_LENGTH + 1];

#define PLACE "192.0.2.7:5070"
#define INSTANCE "urn:uuid:0b30d7a4-7f2c-4b5e-9f0e-0123456789ab"

/* $T is our token, $E one that we had, $A one of another account of ours. */
static char *
expand (const char *text)
{
  GString *result = g_string_new (text);

  g_string_replace (result, "$T", token, 0);
  g_string_replace (result, "$E", earlier, 0);
  g_string_replace (result, "$A", of_another, 0);
  return g_string_free (result, FALSE);
}

static DflRegisterAnswer *
read_with_via (const char *via, const char *status, const char *headers)
{
  g_autofree char *expanded = expand (headers);
  g_autofree char *text = g_strdup_printf ("SIP/2.0 %s\r\n"
                                           "Via: %s\r\n"
                                           "From: <sip:alice@example.org>;tag=1\r\n"
                                           "To: <sip:alice@example.org>;tag=2\r\n"
                                           "Call-ID: 1\r\n"
                                           "CSeq: 1 REGISTER\r\n"
                                           "%s"
                                           "Content-Length: 0\r\n"
                                           "\r\n",
                                           status, via, expanded);
  DflRegisterAsked asked = { .secret = secret,
                             .account_id = "0000aaaa",
                             .token = token,
                             .instance = INSTANCE,
                             .contact_place = PLACE,
                             .via_place = PLACE,
                             .expires = 600 };
  msg_t *msg = msg_make (sip_default_mclass (), 0, text, (ssize_t)strlen (text));
  DflRegisterAnswer *answer;

  g_assert_nonnull (sip_object (msg)->sip_status);
  answer = dfl_register_answer_read (sip_object (msg), &asked);
  msg_destroy (msg);
  return answer;
}

static DflRegisterAnswer *
read_answer (const char *status, const char *headers)
{
  return read_with_via ("SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bKabc;rport=5070", status, headers);
}

static void
assert_granted (const char *headers, guint expires, const char *left_overs)
{
  g_autoptr (DflRegisterAnswer) answer = read_answer ("200 OK", headers);
  g_autofree char *expected = expand (left_overs);
  g_autofree char *found = NULL;

  g_assert_cmpint (answer->verdict, ==, DFL_REGISTER_GRANTED);
  g_assert_null (answer->reason);
  g_assert_cmpuint (answer->expires, ==, expires);
  g_ptr_array_add (answer->left_overs, NULL);
  found = g_strjoinv (" ", (char **)answer->left_overs->pdata);
  g_assert_cmpstr (found, ==, expected);
}

static void
test_expires (void)
{
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>;expires=120\r\n", 120, "");
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>;expires=120\r\nExpires: 60\r\n", 120, "");
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>\r\nExpires: 60\r\n", 60, "");
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>\r\n", 600, "");
  assert_granted ("Expires: 45\r\n", 45, "");
  assert_granted ("", 600, "");
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>;expires=0\r\n", 0, "");
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>;expires=99999999999999999999\r\n", 7 * 86400,
                  "");
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>;expires=soon\r\n", 600, "");
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>;expires=-5\r\n", 600, "");
  /* Kamailio's form */
  assert_granted ("Contact: <sip:$T@192.0.2.7:5070>;q=0.5;expires=77;received=\"sip:1.2.3.4:5\";"
                  "+sip.instance=\"<urn:uuid:0>\";reg-id=1\r\n",
                  77, "");
}

static void
test_contacts_of_others (void)
{
  assert_granted ("Contact: <sip:phone@192.0.2.9>;expires=3600, "
                  "<sip:$T@192.0.2.7:5070>;expires=120, "
                  "<sip:0123456789abcdef0123456789abcdef0123456789abcdef@192.0.2.7:5070>\r\n"
                  "Contact: \"$E\" <sip:desk@192.0.2.9;x=$E>;expires=10\r\n"
                  "Contact: <sip:$A@192.0.2.7:5070>;expires=30\r\n"
                  "Contact: <tel:+49555>;expires=30\r\n",
                  120, "");
  assert_granted ("Contact: *\r\n", 600, "");
}

static void
assert_not_kept (const char *headers)
{
  g_autoptr (DflRegisterAnswer) answer = read_answer ("200 OK", headers);

  g_assert_cmpint (answer->verdict, ==, DFL_REGISTER_NOT_KEPT);
  g_assert_cmpstr (answer->reason, ==,
                   "the server keeps another contact of this address and not ours: it must allow "
                   "several contacts");
}

/* A server lists all that it has; some rewrite what they list. */
static void
test_not_kept (void)
{
  assert_not_kept ("Contact: <sip:192.0.2.9>\r\n");
  assert_not_kept ("Contact: <sip:phone@192.0.2.9>;expires=3600\r\nExpires: 600\r\n");
  assert_not_kept ("Contact: <tel:+49555>;expires=30\r\n");
  assert_not_kept ("Contact: <sip:phone@192.0.2.7:5070>, <sip:$A@192.0.2.7:5070>\r\n");
  assert_not_kept ("Contact: <sip:$E@192.0.2.7:5070>;expires=100\r\n");
  assert_not_kept ("Contact: <sip:a@192.0.2.9>;+sip.instance=\"<" INSTANCE "0>\"\r\n");
  assert_not_kept ("Contact: <sip:a@192.0.2.9>;+sip.instance=\"<urn:uuid:0>\"\r\n");
  assert_not_kept ("Contact: <sip:a@192.0.2.9>;+sip.instance=" INSTANCE "\r\n");

  assert_granted ("Contact: <sips:$T@[2001:db8::1]:9;ob>;x;expires=50\r\n", 50, "");
  assert_granted ("Contact: <sip:b2b-17@192.0.2.9>;+sip.instance=\"<" INSTANCE ">\";expires=50\r\n",
                  50, "");
  assert_granted ("Contact: <sip:phone@192.0.2.9>;expires=3600, "
                  "<sip:b2b-17@192.0.2.9>;reg-id=1;+sip.instance=\"<" INSTANCE ">\";expires=50\r\n",
                  50, "");
  assert_granted ("Contact: <sip:b2b@192.0.2.9>;+sip.instance=\"<" INSTANCE ">\";expires=50, "
                  "<sip:$T@192.0.2.7:5070>;expires=60\r\n",
                  60, "");
}

static void
test_left_overs (void)
{
  assert_granted ("Contact: <sip:$E@192.0.2.6:5070;transport=tcp>;expires=500, "
                  "<sip:$T@192.0.2.7:5070>;expires=120\r\n",
                  120, "sip:$E@192.0.2.6:5070;transport=tcp");
  /* Ours from before the network changed. */
  assert_granted ("Contact: <sip:$T@192.0.2.6:5070>;expires=500, "
                  "<sip:$T@192.0.2.7:5070>;expires=120, <sip:$T@192.0.2.5>;expires=5\r\n",
                  120, "sip:$T@192.0.2.5 sip:$T@192.0.2.6:5070");
  /* Ours, as something on the way rewrote it. */
  assert_granted ("Contact: <sip:$T@198.51.100.1:1024>;expires=110\r\n", 110, "");
  /* Nothing that could end our header early. */
  assert_granted ("Contact: <sip:$E@192.0.2.6;x=\"a>\">;expires=5, <sip:$T@192.0.2.7:5070>\r\n",
                  600, "");
}

static void
test_many_left_overs (void)
{
  GString *headers = g_string_new (NULL);
  g_autoptr (DflRegisterAnswer) answer = NULL;

  for (guint i = 0; i < 50; i++)
    g_string_append_printf (headers, "Contact: <sip:$E@192.0.2.6:%u>\r\n", 1000 + i);
  answer = read_answer ("200 OK", headers->str);
  g_assert_cmpuint (answer->left_overs->len, ==, 8);
  g_string_free (headers, TRUE);
}

static void
test_service_route (void)
{
  g_autoptr (DflRegisterAnswer) two
      = read_answer ("200 OK", "Service-Route: <sip:a.example;lr>, <sip:b.example:5070;lr>\r\n");
  g_autoptr (DflRegisterAnswer) none = read_answer ("200 OK", "Path: <sip:a.example;lr>\r\n");

  g_assert_cmpstr (two->route, ==, "<sip:a.example;lr>, <sip:b.example:5070;lr>");
  g_assert_null (none->route);
}

static void
assert_place (const char *via, const char *place)
{
  g_autoptr (DflRegisterAnswer) answer = read_with_via (via, "200 OK", "");

  g_assert_cmpstr (answer->public_place, ==, place);
}

static void
test_public_place (void)
{
#define VIA "SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bKabc"
  assert_place (VIA, NULL);
  assert_place (VIA ";rport", NULL);
  assert_place (VIA ";rport=5070", NULL);
  assert_place (VIA ";rport=5070;received=192.0.2.7", NULL);
  assert_place (VIA ";rport=1024;received=198.51.100.1", "198.51.100.1:1024");
  assert_place (VIA ";received=198.51.100.1", "198.51.100.1:5070");
  assert_place (VIA ";rport=1024", "192.0.2.7:1024");
  assert_place (VIA ";rport=1024;received=2001:db8::1", "[2001:db8::1]:1024");
  assert_place (VIA ";rport=1024;received=[2001:DB8::1]", "[2001:db8::1]:1024");
  assert_place (VIA ";rport=1024;received=evil.example", NULL);
  assert_place (VIA ";rport=1024;received=0.0.0.0", NULL);
  assert_place (VIA ";rport=1024;received=224.0.0.1", NULL);
  assert_place (VIA ";rport=99999;received=198.51.100.1", "198.51.100.1:5070");
  assert_place (VIA ";rport=0;received=198.51.100.1", "198.51.100.1:5070");
#undef VIA
}

static void
assert_verdict (const char *status,
                const char *headers,
                DflRegisterVerdict verdict,
                const char *reason)
{
  g_autoptr (DflRegisterAnswer) answer = read_answer (status, headers);

  g_assert_cmpint (answer->verdict, ==, verdict);
  g_assert_cmpstr (answer->reason, ==, reason);
}

static void
test_verdicts (void)
{
  assert_verdict ("401 Unauthorized", "", DFL_REGISTER_CHALLENGED, NULL);
  assert_verdict ("407 Proxy", "", DFL_REGISTER_CHALLENGED, NULL);
  assert_verdict ("403 Forbidden", "", DFL_REGISTER_REFUSED,
                  "the server refuses to register this account (403 Forbidden)");
  assert_verdict ("404 Not Found", "", DFL_REGISTER_REFUSED,
                  "the server does not know this number (404)");
  assert_verdict ("405 No", "", DFL_REGISTER_REFUSED,
                  "the server takes no registrations (405): see registrar= and outbound-proxy=");
  assert_verdict ("501 No", "", DFL_REGISTER_REFUSED,
                  "the server takes no registrations (501): see registrar= and outbound-proxy=");
  assert_verdict ("503 Busy", "", DFL_REGISTER_UNAVAILABLE,
                  "the server is not available now (503 Busy)");
  assert_verdict ("500 Oops", "", DFL_REGISTER_FAILED, "the server has a fault (500 Oops)");
  assert_verdict ("486 Busy", "", DFL_REGISTER_FAILED,
                  "the server does not register this account (486 Busy)");
  assert_verdict ("301 Moved", "Contact: <sip:new.example:5070>\r\n", DFL_REGISTER_FAILED,
                  "the server says that the registrar has moved to new.example (301): give that as "
                  "registrar= if it is the provider's");
  assert_verdict ("302 Moved", "", DFL_REGISTER_FAILED,
                  "the server says that the registrar has moved (302): ask the provider for its "
                  "name, and give that as registrar=");
}

/* What a server says goes to people's screens. */
static void
test_remote_text (void)
{
  g_autoptr (DflRegisterAnswer) long_one = NULL;
  g_autofree char *status = g_strnfill (4000, 'x');
  g_autofree char *line = g_strdup_printf ("403 %s", status);

  long_one = read_answer (line, "");
  g_assert_cmpuint (strlen (long_one->reason), <, 140);
  assert_verdict ("403 \033[31mred\xff", "", DFL_REGISTER_REFUSED,
                  "the server refuses to register this account (403 [31mred\xef\xbf\xbd)");
}

static void
test_interval (void)
{
  g_autoptr (DflRegisterAnswer) brief = read_answer ("423 Brief", "Min-Expires: 1800\r\n");
  g_autoptr (DflRegisterAnswer) day = read_answer ("423 Brief", "Min-Expires: 86400\r\n");

  g_assert_cmpint (brief->verdict, ==, DFL_REGISTER_TOO_BRIEF);
  g_assert_cmpuint (brief->min_expires, ==, 1800);
  g_assert_cmpint (day->verdict, ==, DFL_REGISTER_TOO_BRIEF);
  assert_verdict (
      "423 Brief", "Min-Expires: 86401\r\n", DFL_REGISTER_FAILED,
      "the server wants registrations of 86401 seconds, which is more than a day (423)");
  assert_verdict ("423 Brief", "", DFL_REGISTER_FAILED,
                  "the server wants a longer expires= and does not say how long (423)");
}

static void
assert_extension (const char *status, const char *headers, gboolean path, gboolean outbound)
{
  g_autoptr (DflRegisterAnswer) answer = read_answer (status, headers);

  g_assert_cmpint (answer->verdict, ==,
                   path || outbound ? DFL_REGISTER_EXTENSION : DFL_REGISTER_FAILED);
  g_assert_cmpint (answer->without_path, ==, path);
  g_assert_cmpint (answer->without_outbound, ==, outbound);
}

static void
test_extensions (void)
{
  assert_extension ("420 Bad", "Unsupported: path\r\n", TRUE, FALSE);
  assert_extension ("420 Bad", "Unsupported: OUTBOUND, x\r\n", FALSE, TRUE);
  assert_extension ("420 Bad", "Unsupported: path\r\nUnsupported: outbound\r\n", TRUE, TRUE);
  assert_extension ("420 Bad", "Unsupported: gruu\r\n", FALSE, FALSE);
  assert_extension ("420 Bad", "", FALSE, FALSE);
  assert_extension ("439 First Hop", "", FALSE, TRUE);
}

static void
test_retry_after (void)
{
  g_autoptr (DflRegisterAnswer) later = read_answer ("503 Busy",
                                                     "Retry-After: 120 (lunch);duration=5\r\n");
  g_autoptr (DflRegisterAnswer) never = read_answer ("500 Busy", "Retry-After: 4294967295\r\n");
  g_autoptr (DflRegisterAnswer) none = read_answer ("500 Busy", "");

  g_assert_cmpuint (later->retry_after, ==, 120);
  g_assert_cmpuint (never->retry_after, >, 86400);
  g_assert_cmpuint (none->retry_after, ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  dfl_token_new (secret, "0000aaaa", token);
  dfl_token_new (secret, "0000aaaa", earlier);
  dfl_token_new (secret, "0000bbbb", of_another);
  g_test_add_func ("/register-answer/expires", test_expires);
  g_test_add_func ("/register-answer/contacts-of-others", test_contacts_of_others);
  g_test_add_func ("/register-answer/not-kept", test_not_kept);
  g_test_add_func ("/register-answer/left-overs", test_left_overs);
  g_test_add_func ("/register-answer/many-left-overs", test_many_left_overs);
  g_test_add_func ("/register-answer/service-route", test_service_route);
  g_test_add_func ("/register-answer/public-place", test_public_place);
  g_test_add_func ("/register-answer/verdicts", test_verdicts);
  g_test_add_func ("/register-answer/remote-text", test_remote_text);
  g_test_add_func ("/register-answer/interval", test_interval);
  g_test_add_func ("/register-answer/extensions", test_extensions);
  g_test_add_func ("/register-answer/retry-after", test_retry_after);
  return g_test_run ();
}
