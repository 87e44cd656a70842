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
  result = g_test_run ();
  flow_certificates_free ();
  return result;
}
