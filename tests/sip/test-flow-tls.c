/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections to servers over TLS: who is believed, and what is said of the others. */

#include "flow-scene.h"

static char *
dup_day (int days)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GDateTime) day = g_date_time_add_days (now, days);

  return g_date_time_format (day, "%Y-%m-%d");
}

static void
assert_judgement (const CertificateWish *wish, const DflFlowTls *changed, const char *reason)
{
  CertificateWish copy = *wish;
  g_autoptr (Certificate) certificate = NULL;
  DflFlowTls tls = changed != NULL ? *changed : usual_tls ();
  FarEndOptions options = { 0 };

  if (copy.issuer == NULL)
    copy.issuer = flow_authority;
  certificate = certificate_new (&copy);
  options.certificate = certificate_get_pem (certificate);
  options.key = certificate_get_key (certificate);
  assert_flow (&options, &tls, reason);
}

static void
test_names (void)
{
  DflFlowTls wildcard = usual_tls ();
  DflFlowTls address = usual_tls ();
  DflFlowTls other_address = usual_tls ();

  wildcard.wildcard = TRUE;
  wildcard.identity = "sip.example.org";
  address.identity = "[2001:db8::1]";
  other_address.identity = "192.0.2.7";

  assert_judgement (&(CertificateWish){ .dns = { "example.org" } }, NULL, NULL);
  assert_judgement (&(CertificateWish){ .uris = { "sip:example.org" } }, NULL, NULL);
  assert_judgement (&(CertificateWish){ .common_name = "example.org" }, NULL, NULL);
  assert_judgement (&(CertificateWish){ .address = "2001:db8::1" }, &address, NULL);
  assert_judgement (&(CertificateWish){ .dns = { "*.example.org" } }, &wildcard, NULL);
  assert_judgement (&(CertificateWish){ .dns = { "other.example" } }, NULL,
                    "the certificate of the server is for other.example, expected example.org");
  assert_judgement (&(CertificateWish){ .dns = { "a.example", "b.example", "c.example",
                                                 "d.example" },
                                        .common_name = "example.org" },
                    NULL,
                    "the certificate of the server is for a.example, b.example, c.example and 1 "
                    "more, expected example.org");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" } }, &other_address,
                    "the certificate of the server is for example.org, expected 192.0.2.7");
  wildcard.wildcard = FALSE;
  assert_judgement (&(CertificateWish){ .dns = { "*.example.org" } }, &wildcard,
                    "the certificate of the server is for *.example.org, expected sip.example.org; "
                    "tls-wildcard=true takes it");
}

static void
test_chains (void)
{
  g_autoptr (Certificate) alone = certificate_new (
      &(CertificateWish){ .common_name = "example.org", .dns = { "example.org" } });
  g_autoptr (Certificate) stranger = certificate_new (
      &(CertificateWish){ .common_name = "Stranger\xe2\x80\xae\x1b[31m", .authority = TRUE });
  g_autofree char *yesterday = dup_day (-2);
  g_autofree char *tomorrow = dup_day (2);
  g_autofree char *expired = g_strdup_printf ("the certificate of the server has expired on %s",
                                              yesterday);
  g_autofree char *early
      = g_strdup_printf ("the certificate of the server is not valid before %s; see that the clock "
                         "of this machine is right",
                         tomorrow);
  FarEndOptions options = { .certificate = certificate_get_pem (alone),
                            .key = certificate_get_key (alone) };
  DflFlowTls tls = usual_tls ();

  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .from = -9, .until = -2 }, NULL,
                    expired);
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .from = 2, .until = 9 }, NULL,
                    early);
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .issuer = stranger }, NULL,
                    "the certificate of the server is signed by an authority that this machine "
                    "does not trust (Stranger[31m); name it in tls-ca=");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .weak = TRUE }, NULL,
                    "the certificate of the server, or one that signed it, uses a key or a hash "
                    "that is too weak");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .purpose = "1.3.6.1.5.5.7.3.2" },
                    NULL, "the certificate of the server may not be used by a server");
  assert_judgement (&(CertificateWish){ .dns = { "example.org" }, .purpose = "1.3.6.1.5.5.7.3.20" },
                    NULL, NULL);

  assert_flow (&options, &tls,
               "the certificate of the server is signed by itself alone; if it is the right one, "
               "name it in tls-ca=");
  tls.ca = certificate_get_pem (alone);
  assert_flow (&options, &tls, NULL);
  tls.ca = NULL; /* the machine's */
  assert_flow (&options, &tls,
               "the certificate of the server is signed by itself alone; if it is the right one, "
               "name it in tls-ca=");
  tls.verify = FALSE;
  assert_flow (&options, &tls, NULL);
  tls.verify = TRUE;
  tls.ca = "nothing";
  assert_flow (&options, &tls, "tls-ca= holds no certificate that can be read; give it in PEM");
}

/* What the server sends along counts as well. */
static void
test_intermediates (void)
{
  g_autoptr (Certificate) good = certificate_new (
      &(CertificateWish){ .common_name = "Between", .authority = TRUE, .issuer = flow_authority });
  g_autoptr (Certificate) old = certificate_new (&(CertificateWish){
      .common_name = "Old", .authority = TRUE, .issuer = flow_authority, .from = -9, .until = -2 });
  g_autoptr (Certificate) no_authority = certificate_new (
      &(CertificateWish){ .common_name = "None", .issuer = flow_authority });
  g_autoptr (Certificate) mail = certificate_new (
      &(CertificateWish){ .common_name = "Mail",
                          .authority = TRUE,
                          .issuer = flow_authority,
                          .purpose = "1.3.6.1.5.5.7.3.4" });
  g_autoptr (Certificate) servers = certificate_new (
      &(CertificateWish){ .common_name = "Servers",
                          .authority = TRUE,
                          .issuer = flow_authority,
                          .purpose = "1.3.6.1.5.5.7.3.1" });
  g_autofree char *day = dup_day (-2);
  g_autofree char *expired = g_strdup_printf (
      "an authority that signed the certificate of the server has expired on %s", day);
  struct
  {
    Certificate *issuer;
    const char *reason;
  } table[] = {
    { good, NULL },
    { old, expired },
    { no_authority,
      "the certificate of the server is signed by one that may not sign others (None)" },
    { mail, "the certificate of the server is signed by one that may not sign those of servers" },
    { servers, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (Certificate) leaf = certificate_new (
          &(CertificateWish){ .dns = { "example.org" }, .issuer = table[i].issuer });
      g_autofree char *chain = g_strconcat (certificate_get_pem (leaf),
                                            certificate_get_pem (table[i].issuer), NULL);
      FarEndOptions options = { .certificate = chain, .key = certificate_get_key (leaf) };
      DflFlowTls tls = usual_tls ();

      assert_flow (&options, &tls, table[i].reason);
    }
}

/* Names that GnuTLS does not hold against what an authority may sign are none. */
static void
test_constraints (void)
{
  g_autoptr (Certificate) root = certificate_new (
      &(CertificateWish){ .common_name = "Root", .authority = TRUE, .domain = "good.example" });
  g_autoptr (Certificate) between = certificate_new (
      &(CertificateWish){ .common_name = "Between",
                          .authority = TRUE,
                          .issuer = flow_authority,
                          .domain = "good.example" });
  const char *refused = "the certificate of the server is for no name at all, expected "
                        "sip.good.example";
  struct
  {
    CertificateWish wish;
    const char *identity, *reason;
  } table[] = {
    { { .dns = { "sip.good.example" } }, "sip.good.example", NULL },
    { { .dns = { "sip.good.example" }, .uris = { "sip:example.org" } }, "sip.good.example", NULL },
    { { .dns = { "example.org" } },
      "example.org",
      "the certificate of the server breaks a rule of an authority that signed it" },
    { { .uris = { "sip:sip.good.example" } }, "sip.good.example", refused },
    { { .dns = { "sip.good.example" }, .uris = { "sip:example.org" } },
      "example.org",
      "the certificate of the server is for sip.good.example, expected example.org" },
    { { .common_name = "example.org", .purpose = "1.3.6.1.5.5.7.3.20" },
      "example.org",
      "the certificate of the server is for no name at all, expected example.org" },
  };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (table); i++)
    {
      gboolean at_root = i % 2 == 0;
      CertificateWish wish = table[i / 2].wish;
      g_autoptr (Certificate) leaf = NULL;
      g_autofree char *chain = NULL;
      DflFlowTls tls = usual_tls ();
      FarEndOptions options = { 0 };

      wish.issuer = at_root ? root : between;
      leaf = certificate_new (&wish);
      chain = g_strconcat (certificate_get_pem (leaf), at_root ? "" : certificate_get_pem (between),
                           NULL);
      options.certificate = chain;
      options.key = certificate_get_key (leaf);
      tls.identity = table[i / 2].identity;
      tls.ca = certificate_get_pem (at_root ? root : flow_authority);
      assert_flow (&options, &tls, table[i / 2].reason);
    }
}

static void
test_asked_for (void)
{
  const char *identities[] = { "example.org", "127.0.0.1" };

  for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
    for (guint verify = 0; verify < 2; verify++)
      {
        g_autoptr (Certificate) certificate = certificate_new (&(CertificateWish){
            .dns = { "example.org" }, .address = "127.0.0.1", .issuer = flow_authority });
        g_autoptr (Stack) stack = stack_new ();
        FarEndOptions options = { .certificate = certificate_get_pem (certificate),
                                  .key = certificate_get_key (certificate) };
        DflFlowTls tls = usual_tls ();
        FarEnd *far_end = far_end_new (&options);
        g_autofree char *asked_for = NULL;
        DflFlow *flow;

        tls.verify = verify != 0;
        tls.identity = identities[i];
        flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
        assert_ready (stack);
        asked_for = far_end_dup_asked_for (far_end);
        g_assert_cmpstr (asked_for, ==, i == 0 ? "example.org" : NULL);
        dfl_flow_free (flow);
        far_end_free (far_end);
      }
}

static void
test_own_certificate (void)
{
  g_autoptr (Certificate) own = certificate_new (
      &(CertificateWish){ .common_name = "alice", .issuer = flow_authority });
  const char *versions[] = { "NORMAL:-VERS-TLS1.3", "NORMAL" };

  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      FarEndOptions options = usual_server ();
      DflFlowTls tls = usual_tls ();
      FarEnd *far_end;
      g_autoptr (Stack) stack = stack_new ();
      DflFlow *flow;

      options.priorities = versions[i];
      options.demand = TRUE;
      assert_flow (&options, &tls,
                   "%s wants a certificate of ours; give one in tls-certificate= and tls-key=");

      tls.certificate = certificate_get_pem (own);
      tls.key = certificate_get_key (own);
      far_end = far_end_new (&options);
      flow = open_flow (stack, "127.0.0.1", far_end_get_port (far_end), &tls);
      assert_ready (stack);
      g_assert_cmpuint (far_end_get_n_certificates (far_end), ==, 1);
      dfl_flow_free (flow);
      far_end_free (far_end);

      tls.key = certificate_get_key (flow_server);
      assert_flow (&options, &tls, "tls-key= is not the key of tls-certificate=");
      tls.key = NULL;
      assert_flow (&options, &tls, "tls-certificate= needs tls-key= beside it");
      tls.key = "nothing";
      assert_flow (&options, &tls, "tls-key= cannot be read; give it in PEM, without a password");
      tls.certificate = "nothing";
      assert_flow (&options, &tls, "tls-certificate= cannot be read; give it in PEM");
    }
}

/* What the server says of it may be lost with the connection. */
static void
test_own_certificate_reset (void)
{
  FarEndOptions options = usual_server ();
  DflFlowTls tls = usual_tls ();

  options.priorities = "NORMAL:-VERS-TLS1.3";
  options.demand = TRUE;
  options.reset = TRUE;
  assert_flow (&options, &tls,
               "%s wants a certificate of ours; give one in tls-certificate= and tls-key=");
}

/* --- Bad servers --- */

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
      g_autofree char *expected = g_strdup_printf ("127.0.0.1:%u speaks no TLS newer than 1.1",
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
  g_test_add_func ("/flow-tls/names", test_names);
  g_test_add_func ("/flow-tls/chains", test_chains);
  g_test_add_func ("/flow-tls/intermediates", test_intermediates);
  g_test_add_func ("/flow-tls/constraints", test_constraints);
  g_test_add_func ("/flow-tls/asked-for", test_asked_for);
  g_test_add_func ("/flow-tls/own-certificate", test_own_certificate);
  g_test_add_func ("/flow-tls/own-certificate-reset", test_own_certificate_reset);
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
