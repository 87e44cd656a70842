/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Digest authentication: the numbers of RFC 7616 and RFC 2069, the texts around them, and how often
 * a password is tried. */

#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_protos.h>

#include "sip/challenge.h"
#include "sip/digest.h"

/* --- Messages --- */

/* A response as it comes from the network, with these header lines. */
static msg_t *
response (int status, const char *lines)
{
  g_autofree char *text = g_strdup_printf ("SIP/2.0 %d No\r\n"
                                           "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKabcdefgh\r\n"
                                           "From: <sip:a@example.org>;tag=1\r\n"
                                           "To: <sip:a@example.org>;tag=2\r\n"
                                           "Call-ID: 1\r\nCSeq: 1 REGISTER\r\n"
                                           "%sContent-Length: 0\r\n\r\n",
                                           status, lines);
  msg_t *msg = msg_make (sip_default_mclass (), 0, text, (ssize_t)strlen (text));

  g_assert_nonnull (msg);
  return msg;
}

static DflDigestVerdict take (DflDigest *digest, int status, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* What is made of challenges; WWW-Authenticate for those that begin with a scheme alone. */
static DflDigestVerdict
take (DflDigest *digest, int status, const char *format, ...)
{
  g_autofree char *lines = NULL;
  DflDigestVerdict verdict;
  va_list arguments;
  msg_t *msg;

  va_start (arguments, format);
  lines = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  msg = response (status, lines);
  verdict = dfl_digest_take (digest, sip_object (msg), TRUE);
  msg_destroy (msg);
  return verdict;
}

/* The request that carries the answers, as it is sent. */
static char *
request_for (DflDigest *digest, const char *uri, const char *username, const char *password)
{
  g_autofree char *line = g_strdup_printf ("REGISTER %s SIP/2.0", uri);
  msg_t *msg = msg_create (sip_default_mclass (), 0);
  sip_t *sip = sip_object (msg);
  char *text;
  size_t size;

  sip_add_make (msg, sip, sip_request_class, line);
  sip_add_make (msg, sip, sip_call_id_class, "1");
  dfl_digest_authorise (digest, msg, sip, username, password);
  text = msg_as_string (msg_home (msg), msg, NULL, 0, &size);
  text = g_strdup (text);
  msg_destroy (msg);
  return text;
}

static char *
request (DflDigest *digest)
{
  return request_for (digest, "sip:example.org", "alice", "secret");
}

/* The value of a parameter, of the only header that has it. */
static char *
parameter (const char *text, const char *name)
{
  g_autofree char *pattern = g_strdup_printf ("[ ,]%s=(\"(?:[^\"\\\\]|\\\\.)*\"|[^,\r\n]*)", name);
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_RAW, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  char *value;

  if (!g_regex_match (regex, text, 0, &match))
    return NULL;
  value = g_match_info_fetch (match, 1);
  g_assert_false (g_match_info_next (match, NULL));
  return value;
}

static void
assert_parameter (const char *text, const char *name, const char *expected)
{
  g_autofree char *value = parameter (text, name);

  g_assert_cmpstr (value, ==, expected);
}

static guint
count (const char *text, const char *what)
{
  guint n = 0;

  for (const char *at = strstr (text, what); at != NULL; at = strstr (at + 1, what))
    n++;
  return n;
}

static void
assert_answers (DflDigest *digest, guint n)
{
  g_autofree char *text = request (digest);

  g_assert_cmpuint (count (text, "uthorization: Digest "), ==, n);
}

/* --- Numbers --- */

typedef struct
{
  const char *challenge, *username, *password, *method, *uri, *body, *cnonce;
  guint32 count;
  const char *response;
} Vector;

#define RFC7616                                                                                    \
  "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "                               \
  "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "                                       \
  "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", algorithm="
#define RFC7616_CNONCE "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
#define RFC2617                                                                                    \
  "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "            \
  "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
#define ODD "Digest realm=\"a \\\"quoted\\\" realm\", nonce=\"n\xc3\xb6\\\"once\", algorithm="

/* The odd ones were computed with another implementation. */
static const Vector vectors[] = {
  { RFC7616 "MD5", "Mufasa", "Circle of Life", "GET", "/dir/index.html", NULL, RFC7616_CNONCE, 1,
    "8ca523f5e9506fed4657c9700eebdbec" },
  { RFC7616 "SHA-256", "Mufasa", "Circle of Life", "GET", "/dir/index.html", NULL, RFC7616_CNONCE,
    1, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
  { RFC2617 ", qop=\"auth,auth-int\"", "Mufasa", "Circle Of Life", "GET", "/dir/index.html", NULL,
    "0a4f113b", 1, "6629fae49393a05397450978507c4ef1" },
  { RFC2617, "Mufasa", "CircleOfLife", "GET", "/dir/index.html", NULL, "x", 1,
    "1949323746fe6a43ef61f9606e7febea" },
#define ODD_VECTOR(algorithm, response)                                                            \
  {                                                                                                \
    ODD algorithm, "al\"ice\\\xc3\xa9", "pa:ss \"w\\\xc3\xb6", "REGISTER", "sip:example.org",      \
        "v=0\r\n", "0a4f113b", 10, response                                                        \
  }
  ODD_VECTOR ("md5", "fb2728518e9057a6c2f8d829cdac0256"),
  ODD_VECTOR ("MD5, qop=\"auth\"", "f9f32b8689073b0c1aad6bba5b54515c"),
  ODD_VECTOR ("MD5, qop=\"auth-int\"", "f948bcce81db0938c2ad9d0e1707b830"),
  ODD_VECTOR ("Md5-Sess", "b07820bda5508684006003db27d97a3c"),
  ODD_VECTOR ("MD5-sess, qop=auth", "f67d70098815b47df057a71de09abb1a"),
  ODD_VECTOR ("MD5-sess, qop=\"AUTH-INT\"", "db01ce707ef8c09ee2595d617bb9be6a"),
  ODD_VECTOR ("\"sha-256\"", "94fb3dec818496ccc79166366566589e38cc5745b207b081cd1e4cf36545975e"),
  ODD_VECTOR ("SHA-256, qop=\"other, auth\"",
              "11beac2fbe10034bd3fa5359482f390ee631326e8ddc7db7a2d7d5a09df14eb4"),
  ODD_VECTOR ("SHA-256, qop=\"auth-int\"",
              "b5dbfd461f794c25a5627e33f253e79773092d47180f57a868553fdcc5913ec7"),
  ODD_VECTOR ("SHA-256-sess", "52e531e66d049abd2d04326f6f435e6d7ac407cee64957ec042e558045c18d13"),
  ODD_VECTOR ("SHA-256-SESS, qop=\"auth\"",
              "65e277a86a32dbe4da00e879c901d19d3d5bde49ad1f089644875c9d63f750bc"),
  ODD_VECTOR ("SHA-256-sess, qop=\"auth-int\"",
              "a758e7773952148d962f3c450a50a3b621027439332f9dc17ceb5b6defacce8f"),
};

static GPtrArray *
read_text (const char *text, gboolean proxy)
{
  GPtrArray *challenges = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_challenge_free);
  su_home_t home[1] = { SU_HOME_INIT (home) };

  dfl_challenge_read (sip_www_authenticate_make (home, text), proxy, challenges);
  su_home_deinit (home);
  return challenges;
}

static void
test_vector (gconstpointer data)
{
  const Vector *vector = data;
  g_autoptr (GPtrArray) challenges = read_text (vector->challenge, FALSE);
  g_autofree char *answer = NULL;
  g_autofree char *expected = g_strdup_printf ("\"%s\"", vector->response);
  DflCredentials credentials = { .method = vector->method,
                                 .uri = vector->uri,
                                 .body = vector->body,
                                 .body_length = vector->body != NULL ? strlen (vector->body) : 0,
                                 .username = vector->username,
                                 .password = vector->password,
                                 .cnonce = vector->cnonce,
                                 .count = vector->count };

  g_assert_cmpuint (challenges->len, ==, 1);
  answer = dfl_challenge_answer (g_ptr_array_index (challenges, 0), &credentials);
  assert_parameter (answer, "response", expected);
}

/* --- Texts --- */

static void
test_what_is_sent (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  g_autofree char *text = NULL;
  g_autofree char *again = NULL;
  g_autofree char *cnonce = NULL;

  dfl_digest_begin (digest);
  assert_answers (digest, 0);
  g_assert_cmpint (take (digest, 401,
                         "WWW-Authenticate: Digest  nonce=\"a\\\"b\" , realm = \"r\\\\\xc3\xa9\","
                         "opaque=\"\",algorithm=sha-256,qop=\"auth-int,auth\",stale=FALSE,"
                         "domain=\"sip:x\",charset=UTF-8\r\n"),
                   ==, DFL_DIGEST_RETRY);
  text = request_for (digest, "sip:example.org;transport=tcp", "al\"i\\ce\xc3\xa9", "secret");
  g_assert_nonnull (strstr (text, "\r\nAuthorization: Digest "));
  assert_parameter (text, "username", "\"al\\\"i\\\\ce\xc3\xa9\"");
  assert_parameter (text, "realm", "\"r\\\\\xc3\xa9\"");
  assert_parameter (text, "nonce", "\"a\\\"b\"");
  assert_parameter (text, "uri", "\"sip:example.org;transport=tcp\"");
  assert_parameter (text, "opaque", "\"\"");
  assert_parameter (text, "algorithm", "sha-256");
  assert_parameter (text, "qop", "auth");
  assert_parameter (text, "nc", "00000001");
  cnonce = parameter (text, "cnonce");
  g_assert_true (g_regex_match_simple ("^\"[0-9a-f]{32}\"$", cnonce, 0, 0));
  again = request (digest);
  assert_parameter (again, "nc", "00000002");
  assert_parameter (again, "cnonce", cnonce);
}

/* As it was before there was qop, and what most servers still send. */
static void
test_plain (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *secret = g_compute_checksum_for_string (G_CHECKSUM_MD5, "alice:r:secret", -1);
  g_autofree char *asked = g_compute_checksum_for_string (G_CHECKSUM_MD5,
                                                          "REGISTER:sip:example.org", -1);
  g_autofree char *joined = g_strdup_printf ("%s:n:%s", secret, asked);
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_MD5, joined, -1);

  dfl_digest_begin (digest);
  g_assert_cmpint (take (digest, 401, "WWW-Authenticate: digest realm=r,nonce=n,qop=\"\"\r\n"), ==,
                   DFL_DIGEST_RETRY);
  text = request (digest);
  expected = g_strdup_printf ("\"%s\"", sum);
  assert_parameter (text, "response", expected);
  assert_parameter (text, "realm", "\"r\"");
  assert_parameter (text, "nonce", "\"n\"");
  assert_parameter (text, "qop", NULL);
  assert_parameter (text, "nc", NULL);
  assert_parameter (text, "cnonce", NULL);
  assert_parameter (text, "algorithm", NULL);
  assert_parameter (text, "opaque", NULL);
}

/* Who wrote the username cannot write headers. */
static void
test_no_new_lines (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  g_autofree char *text = NULL;

  dfl_digest_begin (digest);
  take (digest, 401, "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n");
  text = request_for (digest, "sip:example.org", "al\r\nX: y\r\n\r\nice", "secret");
  g_assert_null (strstr (text, "\nX:"));
  assert_parameter (text, "username", "\"alX: yice\"");
}

static void
test_not_answerable (void)
{
  g_autofree char *long_text = g_strnfill (2000, 'x');
  g_autofree char *long_nonce = g_strdup_printf ("Digest realm=\"r\",nonce=\"%s\"", long_text);
  g_autofree char *long_opaque = g_strdup_printf ("Digest realm=\"r\",nonce=\"n\",opaque=\"%s\"",
                                                  long_text);
  const char *const texts[] = { "Basic realm=\"r\"",
                                "NTLM abc=",
                                "Digestive realm=\"r\",nonce=\"n\"",
                                "Digest realm=\"r\"",
                                "Digest nonce=\"n\"",
                                "Digest realm=\"r\",nonce=\"n\",algorithm=SHA-512-256",
                                "Digest realm=\"r\",nonce=\"n\",algorithm=AKAv1-MD5",
                                "Digest realm=\"r\",nonce=\"n\",algorithm=",
                                "Digest realm=\"r\",nonce=\"n\",qop=\"conf\"",
                                "Digest realm=\"r\",nonce=\"n\x01\"",
                                "Digest realm=\"r\",nonce=n\\n",
                                long_nonce,
                                long_opaque };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (DflDigest) digest = dfl_digest_new ();

      dfl_digest_begin (digest);
      g_test_message ("text %u", i);
      g_assert_cmpint (take (digest, 401, "WWW-Authenticate: %s\r\n", texts[i]), ==,
                       DFL_DIGEST_UNSUPPORTED);
      assert_answers (digest, 0);
    }
  {
    g_autoptr (DflDigest) digest = dfl_digest_new ();

    g_assert_cmpint (take (digest, 401, "%s", ""), ==, DFL_DIGEST_UNSUPPORTED);
  }
}

static void
test_no_password (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  msg_t *msg = response (401, "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n");

  dfl_digest_begin (digest);
  g_assert_cmpint (dfl_digest_take (digest, sip_object (msg), FALSE), ==, DFL_DIGEST_NO_PASSWORD);
  assert_answers (digest, 0);
  msg_destroy (msg);
}

/* --- Which of several --- */

typedef struct
{
  const char *name, *challenges[4], *nonce;
} Choice;

static const Choice choices[] = {
  { "md5-first", { "a\",algorithm=MD5", "b\",algorithm=SHA-256" }, "\"b\"" },
  { "sha-first", { "a\",algorithm=SHA-256", "b\",algorithm=MD5" }, "\"a\"" },
  { "unsaid-first", { "a\"", "b\",algorithm=sha-256-sess" }, "\"b\"" },
  { "unknown-first", { "a\",algorithm=SHA-512-256", "b\",algorithm=MD5" }, "\"b\"" },
  { "unknown-last", { "a\"", "b\",algorithm=SHA-512-256" }, "\"a\"" },
  { "equal", { "a\"", "b\",algorithm=MD5-sess" }, "\"a\"" },
  { "equal-sha", { "x\"", "a\",algorithm=SHA-256-sess", "b\",algorithm=SHA-256" }, "\"a\"" },
  { "qop-unknown", { "a\",algorithm=SHA-256,qop=\"x\"", "b\"" }, "\"b\"" },
};

static void
test_choice (gconstpointer data)
{
  const Choice *choice = data;

  /* In headers of their own, and all in one line as HTTP has it. */
  for (guint way = 0; way < 2; way++)
    {
      g_autoptr (DflDigest) digest = dfl_digest_new ();
      g_autoptr (GString) lines = g_string_new (NULL);
      g_autofree char *text = NULL;

      for (guint i = 0; choice->challenges[i] != NULL; i++)
        g_string_append_printf (lines, "%sDigest realm=\"r\",nonce=\"%s",
                                way == 1 && i > 0 ? ", "
                                : i == 0          ? "WWW-Authenticate: "
                                                  : "\r\nWWW-Authenticate: ",
                                choice->challenges[i]);
      g_string_append (lines, "\r\n");
      dfl_digest_begin (digest);
      g_assert_cmpint (take (digest, 401, "%s", lines->str), ==, DFL_DIGEST_RETRY);
      text = request (digest);
      assert_parameter (text, "nonce", choice->nonce);
    }
}

/* --- How often --- */

#define WWW "WWW-Authenticate: Digest qop=\"auth\",realm=\"r\",nonce=\"%s\"\r\n"
#define PROXY "Proxy-Authenticate: Digest qop=\"auth\",realm=\"r\",nonce=\"%s\"\r\n"
#define STALE_WWW "WWW-Authenticate: Digest qop=\"auth\",realm=\"r\",stale=TRUE,nonce=\"%s\"\r\n"

/* A server for which no answer is good enough; how many it gets in an attempt. */
static guint
answers_until_refused (DflDigest *digest, int status, const char *format)
{
  guint n = 0;

  dfl_digest_begin (digest);
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *text = request (digest);
      g_autofree char *number = g_strdup_printf ("%u", i);
      g_autoptr (GString) lines = g_string_new (format);

      n += strstr (text, "uthorization: ") != NULL;
      g_string_replace (lines, "%s", number, 0);
      if (take (digest, status, "%s", lines->str) != DFL_DIGEST_RETRY)
        return n;
    }
  g_assert_not_reached ();
}

static void
test_wrong_password (void)
{
  static const struct
  {
    const char *challenges;
    guint n;
  } servers[] = {
    { WWW, 1 },
    { PROXY, 1 },
    { "WWW-Authenticate: Digest realm=\"r\",nonce=\"always the same\"\r\n", 1 },
    { "WWW-Authenticate: Digest realm=\"r\",nonce=\"always the same\",stale=true\r\n", 1 },
    { "WWW-Authenticate: Digest realm=\"r%s\",nonce=\"%s\"\r\n", 1 },
    { "WWW-Authenticate: Digest realm=\"r%s\",nonce=\"%s\",stale=true\r\n", 1 },
    { WWW PROXY, 1 },
    { WWW "WWW-Authenticate: Digest realm=\"other\",nonce=\"%s\"\r\n", 1 },
    { WWW "WWW-Authenticate: Digest realm=\"r\",nonce=\"x%s\",algorithm=SHA-256\r\n", 1 },
    { STALE_WWW, 3 },
    { STALE_WWW PROXY, 1 },
    { "Proxy-Authenticate: Digest realm=\"r%s\",nonce=\"%s\"\r\n", 4 },
    { "Proxy-Authenticate: Digest realm=\"r%s\",nonce=\"%s\",stale=true\r\n", 4 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (servers); i++)
    for (int status = 401; status <= 407; status += 6)
      {
        g_autoptr (DflDigest) digest = dfl_digest_new ();

        g_test_message ("server %u", i);
        /* As often in the attempts that follow. */
        for (guint attempt = 0; attempt < 3; attempt++)
          g_assert_cmpuint (answers_until_refused (digest, status, servers[i].challenges), ==,
                            servers[i].n);
      }
}

/* A server that takes turns with its challenges does not get more. */
static void
test_turns (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();

  dfl_digest_begin (digest);
  g_assert_cmpint (take (digest, 407, PROXY, "1"), ==, DFL_DIGEST_RETRY);
  assert_answers (digest, 1);
  g_assert_cmpint (take (digest, 401, WWW, "2"), ==, DFL_DIGEST_RETRY);
  assert_answers (digest, 2);
  g_assert_cmpint (take (digest, 407, PROXY, "3"), ==, DFL_DIGEST_REFUSED);
  /* Nothing more in this attempt, whatever it asks for. */
  assert_answers (digest, 0);
  g_assert_cmpint (take (digest, 401, STALE_WWW, "4"), ==, DFL_DIGEST_REFUSED);
  dfl_digest_begin (digest);
  assert_answers (digest, 0);
  g_assert_cmpint (take (digest, 401, WWW, "5"), ==, DFL_DIGEST_RETRY);
}

/* What goes well: the next request carries what the last one ended with, and is asked again. */
static void
test_next_attempt (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  g_autofree char *text = NULL;
  g_autofree char *fresh = NULL;
  g_autofree char *old_cnonce = NULL;
  g_autofree char *cnonce = NULL;

  dfl_digest_begin (digest);
  g_assert_cmpint (take (digest, 401, WWW, "1"), ==, DFL_DIGEST_RETRY);
  assert_answers (digest, 1);
  dfl_digest_begin (digest);
  text = request (digest);
  assert_parameter (text, "nc", "00000002");
  assert_parameter (text, "nonce", "\"1\"");
  old_cnonce = parameter (text, "cnonce");
  /* The nonce of the attempt before is not known any more; it does not say stale. */
  g_assert_cmpint (take (digest, 401, WWW, "2"), ==, DFL_DIGEST_RETRY);
  fresh = request (digest);
  assert_parameter (fresh, "nc", "00000001");
  assert_parameter (fresh, "nonce", "\"2\"");
  cnonce = parameter (fresh, "cnonce");
  g_assert_cmpstr (cnonce, !=, old_cnonce);
  g_assert_cmpint (take (digest, 401, WWW, "3"), ==, DFL_DIGEST_REFUSED);
}

/* The same nonce again says that the answer was wrong, also when it was the first of an attempt. */
static void
test_same_nonce (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();

  dfl_digest_begin (digest);
  take (digest, 401, WWW, "1");
  assert_answers (digest, 1);
  dfl_digest_begin (digest);
  assert_answers (digest, 1);
  g_assert_cmpint (take (digest, 401, WWW, "1"), ==, DFL_DIGEST_REFUSED);
  /* Unless the server says that it only lost count. */
  dfl_digest_begin (digest);
  take (digest, 401, WWW, "1");
  assert_answers (digest, 1);
  dfl_digest_begin (digest);
  assert_answers (digest, 1);
  g_assert_cmpint (take (digest, 401, STALE_WWW, "1"), ==, DFL_DIGEST_RETRY);
  assert_answers (digest, 1);
  g_assert_cmpint (take (digest, 401, STALE_WWW, "1"), ==, DFL_DIGEST_REFUSED);
}

/* A proxy and a registrar with realms of their own, or of the same name; the registrar's changes.
 */
static void
test_realms (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  g_autofree char *text = NULL;

  dfl_digest_begin (digest);
  g_assert_cmpint (take (digest, 407, PROXY, "p"), ==, DFL_DIGEST_RETRY);
  assert_answers (digest, 1);
  g_assert_cmpint (take (digest, 401, WWW, "w"), ==, DFL_DIGEST_RETRY);
  text = request (digest);
  g_assert_nonnull (strstr (text, "\r\nAuthorization: Digest "));
  g_assert_nonnull (strstr (text, "\r\nProxy-Authorization: Digest "));
  dfl_digest_begin (digest);
  assert_answers (digest, 2);
  g_assert_cmpint (take (digest, 401, "WWW-Authenticate: Digest realm=\"new\",nonce=\"n\"\r\n"), ==,
                   DFL_DIGEST_RETRY);
  assert_answers (digest, 2);
  dfl_digest_begin (digest);
  dfl_digest_forget (digest);
  assert_answers (digest, 0);
}

/* However many a server asks for. */
static void
test_many (void)
{
  g_autoptr (DflDigest) digest = dfl_digest_new ();
  g_autoptr (GString) lines = g_string_new (NULL);

  for (guint i = 0; i < 500; i++)
    g_string_append_printf (lines, "%s-Authenticate: Digest realm=\"r%u\",nonce=\"n\"\r\n",
                            i % 2 == 0 ? "WWW" : "Proxy", i);
  dfl_digest_begin (digest);
  g_assert_cmpint (take (digest, 401, "%s", lines->str), ==, DFL_DIGEST_RETRY);
  assert_answers (digest, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autofree char *path = g_strdup_printf ("/sip/digest/vector/%u", i + 1);

      g_test_add_data_func (path, &vectors[i], test_vector);
    }
  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    {
      g_autofree char *path = g_strconcat ("/sip/digest/choice/", choices[i].name, NULL);

      g_test_add_data_func (path, &choices[i], test_choice);
    }
  g_test_add_func ("/sip/digest/what-is-sent", test_what_is_sent);
  g_test_add_func ("/sip/digest/plain", test_plain);
  g_test_add_func ("/sip/digest/no-new-lines", test_no_new_lines);
  g_test_add_func ("/sip/digest/not-answerable", test_not_answerable);
  g_test_add_func ("/sip/digest/no-password", test_no_password);
  g_test_add_func ("/sip/digest/wrong-password", test_wrong_password);
  g_test_add_func ("/sip/digest/turns", test_turns);
  g_test_add_func ("/sip/digest/next-attempt", test_next_attempt);
  g_test_add_func ("/sip/digest/same-nonce", test_same_nonce);
  g_test_add_func ("/sip/digest/realms", test_realms);
  g_test_add_func ("/sip/digest/many", test_many);
  return g_test_run ();
}
