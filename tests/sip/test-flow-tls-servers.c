/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Servers that speak TLS, or do not, and mean no good. */

#include "flow-scene.h"

/* A server with old TLS learns nothing of ours, and is told apart from all others. */
static void
test_old_versions (void)
{
  g_autoptr (Certificate) own = certificate_new (
      &(CertificateWish){ .common_name = "alice", .issuer = flow_authority });
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();
  guint n_certificates;

  options.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:+SHA1:%COMPAT";
  options.demand = TRUE;
  tls.certificate = certificate_get_pem (own);
  tls.key = certificate_get_key (own);
  for (guint verify = 0; verify < 2; verify++)
    {
      g_autoptr (Stack) stack = stack_new ();
      FarEnd *far_end = far_end_new (&options);
      g_autofree char *expected = g_strdup_printf ("127.0.0.1:%u speaks no TLS newer than 1.1; "
                                                   "have it updated to 1.2 or 1.3",
                                                   far_end_get_port (far_end));
      DflFlow *flow;

      tls.verify = verify != 0;
      flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
      wait_until_settled (stack);
      g_assert_cmpstr (stack->reason, ==, expected);
      n_certificates = far_end_get_n_certificates (far_end);
      g_assert_cmpuint (n_certificates, ==, 0);
      dfl_flow_free (flow);
      far_end_free (far_end);
    }
  options.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
  assert_flow (&options, &tls, NULL);
}

/* A server may not say how much we compute. */
static void
test_long_primes (void)
{
  g_autoptr (Certificate) rsa = certificate_new (
      &(CertificateWish){ .dns = { "example.org" }, .issuer = flow_authority, .weak = TRUE });
  FarEndOptions options = { .certificate = certificate_get_pem (rsa),
                            .key = certificate_get_key (rsa) };
  DflFlowTls tls = usual_tls ();

  tls.verify = FALSE;
  options.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA:+DHE-RSA";
  assert_flow (&options, &tls, NULL);
  options.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA";
  assert_flow (&options, &tls, "TLS with %s failed: the server says: Handshake failed");
}

/* Nor by its certificate, which is looked at before its key is used: as it is, the server has
 * proved nothing with it. */
static void
test_large_keys (void)
{
  const char *versions[] = { "NORMAL:-VERS-TLS1.3", "NORMAL" };
  const char *reason = "TLS with %s failed: its certificate has a key that is too large to be "
                       "worked with, or comes with too many others";
  const struct
  {
    guint modulus_bytes, exponent_bytes;
  } keys[] = { { 8192, 8192 }, { 1025, 3 }, { 256, 9 } };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (keys); i++)
    for (guint verify = 0; verify < 2; verify++)
      {
        g_autoptr (Certificate) certificate = certificate_new (
            &(CertificateWish){ .dns = { "example.org" },
                                .issuer = flow_authority,
                                .modulus_bytes = keys[i / 2].modulus_bytes,
                                .exponent_bytes = keys[i / 2].exponent_bytes });
        FarEndOptions options = { .certificate = certificate_get_pem (certificate),
                                  .priorities = versions[i % 2] };
        DflFlowTls tls = usual_tls ();
        gint64 start = g_get_monotonic_time ();

        tls.verify = verify != 0;
        assert_flow (&options, &tls, reason);
        g_assert_cmpint (g_get_monotonic_time () - start, <, 2 * G_TIME_SPAN_SECOND);
      }
}

/* What others may be: an authority of the settings, one that the server sends, and one of ours. */
static void
test_large_authorities (void)
{
  g_autoptr (Certificate) large = certificate_new (&(CertificateWish){ .common_name = "Large",
                                                                       .authority = TRUE,
                                                                       .issuer = flow_authority,
                                                                       .modulus_bytes = 8192,
                                                                       .exponent_bytes = 8192 });
  g_autoptr (Certificate) leaf = certificate_new (
      &(CertificateWish){ .dns = { "example.org" }, .issuer = large });
  g_autofree char *chain = g_strconcat (certificate_get_pem (leaf), certificate_get_pem (large),
                                        NULL);
  g_autofree char *authorities = g_strconcat (certificate_get_pem (flow_authority),
                                              certificate_get_pem (large), NULL);
  FarEndOptions options = { .certificate = chain, .key = certificate_get_key (leaf) };
  DflFlowTls tls = usual_tls ();

  assert_flow (&options, &tls,
               "TLS with %s failed: its certificate has a key that is too large to be worked with, "
               "or comes with too many others");
  tls.certificate = certificate_get_pem (large);
  tls.key = certificate_get_key (large);
  assert_flow (&options, &tls,
               "tls-certificate= is too large to be worked with; at most 8192 bits are taken, and "
               "at most 8 certificates");
  tls.ca = authorities;
  assert_flow (&options, &tls,
               "tls-ca= holds a certificate whose key is too large to be worked with; at most 8192 "
               "bits are taken");
}

static void
test_long_chains (void)
{
  enum
  {
    LONGEST = 8
  };
  Certificate *authorities[LONGEST];

  for (guint i = 0; i < G_N_ELEMENTS (authorities); i++)
    authorities[i] = certificate_new (
        &(CertificateWish){ .common_name = (const char[]){ (char)('A' + i), '\0' },
                            .authority = TRUE,
                            .issuer = i > 0 ? authorities[i - 1] : flow_authority });
  for (guint n = LONGEST - 1; n <= LONGEST; n++)
    {
      g_autoptr (Certificate) leaf = certificate_new (
          &(CertificateWish){ .dns = { "example.org" }, .issuer = authorities[n - 1] });
      g_autoptr (GString) chain = g_string_new (certificate_get_pem (leaf));
      FarEndOptions options = { .key = certificate_get_key (leaf) };
      DflFlowTls tls = usual_tls ();

      for (guint i = n; i > 0; i--)
        g_string_append (chain, certificate_get_pem (authorities[i - 1]));
      options.certificate = chain->str;
      assert_flow (&options, &tls,
                   n < LONGEST ? NULL
                               : "TLS with %s failed: its certificate has a key that is too large "
                                 "to be worked with, or comes with too many others");
    }
  for (guint i = 0; i < G_N_ELEMENTS (authorities); i++)
    certificate_free (authorities[i]);
}

/* For as long as the client takes; in TLS 1.3 the tickets come behind the handshake. */
static void
talk_a_little (FarEnd *far_end, gpointer data)
{
  far_end_write (far_end, "\r\n", 2);
  while (far_end_read (far_end, (char[512]){ 0 }, 512) > 0)
    ;
}

/* Whoever was believed once, by other settings, is looked at again. */
static void
test_no_resumption (void)
{
  const char *versions[] = { "NORMAL:-VERS-TLS1.3", "NORMAL" };
  g_autoptr (Certificate) other = certificate_new (
      &(CertificateWish){ .common_name = "Other", .authority = TRUE });

  for (guint i = 0; i < 2 * G_N_ELEMENTS (versions); i++)
    {
      g_autoptr (Stack) stack = stack_new ();
      FarEndOptions options = usual_server ();
      DflFlowTls tls = usual_tls ();
      FarEnd *far_end;
      DflFlow *flow;

      options.priorities = versions[i / 2];
      options.resumes = TRUE;
      options.talk = talk_a_little;
      far_end = far_end_new (&options);
      tls.verify = i % 2 == 0;
      flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
      assert_ready (stack);
      for (guint k = 0; k < 20; k++)
        {
          g_main_context_iteration (NULL, FALSE);
          g_usleep (1000);
        }
      dfl_flow_free (flow);

      tls.verify = TRUE;
      tls.ca = certificate_get_pem (other);
      flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
      wait_until_closed (stack);
      g_assert_cmpstr (stack->reason, ==,
                       "the certificate of the server is signed by an authority that this machine "
                       "does not trust (Authority); name it in tls-ca=");
      g_assert_cmpuint (far_end_get_n_resumed (far_end), ==, 0);
      dfl_flow_free (flow);
      far_end_free (far_end);
    }
}

static void
talk_of_renegotiation (FarEnd *far_end, gpointer data)
{
  const char *request = "OPTIONS sip:alice@127.0.0.1 SIP/2.0\r\n"
                        "Via: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKone\r\n"
                        "From: <sip:bob@example.org>;tag=one\r\n"
                        "To: <sip:alice@example.org>\r\n"
                        "Call-ID: one\r\n"
                        "CSeq: 1 OPTIONS\r\n"
                        "Content-Length: 0\r\n\r\n";

  for (guint i = 0; i < 3; i++)
    far_end_renegotiate (far_end);
  far_end_write (far_end, request, strlen (request));
  far_end_renegotiate (far_end);
  while (far_end_read (far_end, (char[512]){ 0 }, 512) > 0)
    ;
}

/* A server that wants to shake hands again, and perhaps be somebody else then, is not heard. */
static void
test_renegotiation (void)
{
  g_autoptr (Stack) stack = stack_new ();
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();
  FarEnd *far_end;
  DflFlow *flow;

  options.priorities = "NORMAL:-VERS-TLS1.3";
  options.talk = talk_of_renegotiation;
  far_end = far_end_new (&options);
  flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
  assert_ready (stack);
  while (stack->method == NULL)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 20; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (1000);
    }
  g_assert_cmpstr (stack->method, ==, "OPTIONS");
  g_assert_cmpuint (stack->n_closed, ==, 0);
  dfl_flow_free (flow);
  far_end_free (far_end);
}

/* Any number of silent servers are nobody else's concern. */
static void
test_silent_others (void)
{
  g_autoptr (Stack) stack = stack_new ();
  FarEndOptions silence = { .silent = TRUE };
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();
  FarEnd *silent = far_end_new (&silence);
  FarEnd *far_end = far_end_new (&options);
  DflFlow *others[40];
  DflFlow *flow;
  gint64 start;

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    others[i] = open_flow (stack, "127.0.0.1", far_end_get_port (silent), &tls);
  for (start = g_get_monotonic_time ();
       g_get_monotonic_time () - start < 100 * G_TIME_SPAN_MILLISECOND;)
    g_main_context_iteration (NULL, FALSE);

  start = g_get_monotonic_time ();
  flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
  assert_ready (stack);
  g_test_message ("%" G_GINT64_FORMAT " us", g_get_monotonic_time () - start);
  g_assert_cmpint (g_get_monotonic_time () - start, <, G_TIME_SPAN_SECOND);
  dfl_flow_free (flow);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    dfl_flow_free (others[i]);
  far_end_free (far_end);
  far_end_free (silent);
}

static void
test_no_tls (void)
{
  FarEndOptions options = { .instead = "SIP/2.0 400 Bad Request\r\n\r\n" };
  DflFlowTls tls = usual_tls ();

  assert_flow (&options, &tls, "%s does not speak TLS; see the port and transport=");
}

static void
talk_nothing (FarEnd *far_end, gpointer data)
{
  char hello[4096];

  far_end_read (far_end, hello, sizeof hello);
}

static void
test_broken_off (void)
{
  const char *reason = "%s broke the connection off instead of answering in TLS; see the port and "
                       "transport=";
  FarEndOptions reset = { .reset = TRUE };
  FarEndOptions end = { .talk = talk_nothing };
  DflFlowTls tls = usual_tls ();

  assert_flow (&reset, &tls, reason);
  assert_flow (&end, &tls, reason);
}

static void
test_silence (void)
{
  FarEndOptions options = { .silent = TRUE };
  DflFlowTls tls = usual_tls ();
  gint64 start = g_get_monotonic_time ();

  assert_flow (&options, &tls, "%s accepts connections but does not answer in TLS");
  g_assert_cmpint (g_get_monotonic_time () - start, >, 7 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_TIME_SPAN_SECOND);
}

int
main (int argc, char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);
  flow_certificates_new ();
  g_test_add_func ("/flow-tls/old-versions", test_old_versions);
  g_test_add_func ("/flow-tls/long-primes", test_long_primes);
  g_test_add_func ("/flow-tls/large-keys", test_large_keys);
  g_test_add_func ("/flow-tls/large-authorities", test_large_authorities);
  g_test_add_func ("/flow-tls/long-chains", test_long_chains);
  g_test_add_func ("/flow-tls/no-resumption", test_no_resumption);
  g_test_add_func ("/flow-tls/renegotiation", test_renegotiation);
  g_test_add_func ("/flow-tls/silent-others", test_silent_others);
  g_test_add_func ("/flow-tls/no-tls", test_no_tls);
  g_test_add_func ("/flow-tls/broken-off", test_broken_off);
  g_test_add_func ("/flow-tls/silence", test_silence);
  result = g_test_run ();
  flow_certificates_free ();
  return result;
}
