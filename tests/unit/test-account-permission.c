/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which steps of an account take an administrator. */

#include "core/account.h"

#include <arpa/inet.h>
#include <string.h>

#include "fakes/samples.h"

/* A registering account of alice at example.org. */
static DflAccountSettings *
registering (void)
{
  DflAccountSettings *settings = dfl_sample_settings ("work");

  settings->registers = TRUE;
  dfl_sample_set_list (&settings->users, "alice");

  return settings;
}

static DflAccountSettings *
direct (void)
{
  DflAccountSettings *settings = registering ();

  settings->registers = FALSE;
  dfl_sample_set_list (&settings->accept_from, "192.0.2.1");

  return settings;
}

/* A registering one that calls come to from elsewhere too. */
static DflAccountSettings *
fed (void)
{
  DflAccountSettings *settings = registering ();

  dfl_sample_set_list (&settings->accept_from, "192.0.2.1");

  return settings;
}

#define needs(before, after) dfl_account_settings_need_administrator (before, after, "alice")

/* Whether the step between two accounts of a kind needs one, where change makes the difference. */
#define ASSERT_STEP(kind, expected, change)                                                        \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autoptr (DflAccountSettings) before = kind ();                                               \
    g_autoptr (DflAccountSettings) after = kind ();                                                \
                                                                                                   \
    g_assert_false (needs (before, after));                                                        \
    change;                                                                                        \
    g_assert_cmpint (needs (before, after), ==, expected);                                         \
  }                                                                                                \
  G_STMT_END

static void
test_new (void)
{
  g_autoptr (DflAccountSettings) own = registering ();
  g_autoptr (DflAccountSettings) own_direct = direct ();
  g_autoptr (DflAccountSettings) own_fed = fed ();
  g_autoptr (DflAccountSettings) careless = registering ();

  g_assert_false (needs (NULL, own));
  g_assert_true (needs (NULL, own_direct));

  careless->tls_verify = FALSE;
  g_assert_true (needs (NULL, careless));
  g_assert_true (needs (NULL, own_fed));
}

static void
test_users_of_new (void)
{
  static const char *const others[] = { "", "bob", "alice;bob", "*", "Alice", "alice;alice" };
  g_autoptr (DflAccountSettings) settings = registering ();

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      dfl_sample_set_list (&settings->users, others[i]);
      g_assert_true (needs (NULL, settings));
    }

  /* Nobody is called so, but what a name service says is not ours. */
  dfl_sample_set_list (&settings->users, "*");
  g_assert_true (dfl_account_settings_need_administrator (NULL, settings, "*"));
  dfl_sample_set_list (&settings->users, "");
  g_assert_true (dfl_account_settings_need_administrator (NULL, settings, NULL));
}

static void
test_harmless (void)
{
  ASSERT_STEP (registering, FALSE, dfl_sample_set (&after->address, "sip:x@example.net");
               dfl_sample_set (&after->domain, "example.net"));
  ASSERT_STEP (registering, FALSE, dfl_sample_set (&after->registrar, "sip.example.net:5080"));
  ASSERT_STEP (registering, FALSE, dfl_sample_set (&after->outbound_proxy, "192.168.1.1"));
  ASSERT_STEP (registering, FALSE, dfl_sample_set (&after->password, "secret"));
  ASSERT_STEP (registering, FALSE, after->transport = DFL_TRANSPORT_UDP);
  ASSERT_STEP (registering, FALSE, after->tls_wildcard = TRUE);
  ASSERT_STEP (registering, FALSE, dfl_sample_set (&after->tls_ca, "PEM"));
  ASSERT_STEP (registering, FALSE, dfl_sample_set (&after->tls_certificate, "PEM"));
  ASSERT_STEP (registering, FALSE, dfl_sample_set (&after->tls_key, "PEM"));
  ASSERT_STEP (registering, FALSE, after->expires = 60);
  ASSERT_STEP (registering, FALSE, after->redirect_policy = DFL_REDIRECT_POLICY_HONOURED);
  ASSERT_STEP (registering, FALSE, after->trusted = TRUE);
  ASSERT_STEP (direct, FALSE, after->enabled = FALSE);
  ASSERT_STEP (direct, FALSE, after->ring_limit = 7);
  ASSERT_STEP (direct, FALSE, dfl_sample_set (&after->display_name, "Alice"));
  ASSERT_STEP (direct, FALSE, dfl_sample_set (&after->default_target, "7042"));
  ASSERT_STEP (direct, FALSE,
               g_ptr_array_add (after->targets, dfl_alias_new ("mobile", "Mobile", "7042")));
  ASSERT_STEP (direct, FALSE, before->trusted = TRUE);
  ASSERT_STEP (direct, FALSE, before->trusted = after->trusted = TRUE);
  ASSERT_STEP (registering, FALSE, before->tls_verify = FALSE);
  ASSERT_STEP (registering, FALSE, before->tls_verify = after->tls_verify = FALSE);
}

/* An account that an administrator has let use a server of this machine. */
static DflAccountSettings *
local (void)
{
  DflAccountSettings *settings = registering ();

  dfl_sample_set (&settings->registrar, "127.0.0.1");

  return settings;
}

static DflAccountSettings *
local_proxy (void)
{
  DflAccountSettings *settings = registering ();

  dfl_sample_set (&settings->registrar, "sip.example.org");
  dfl_sample_set (&settings->outbound_proxy, "localhost:5080");

  return settings;
}

/* It was for one account there. */
static void
test_local_steps (void)
{
#define ASSERT_LOCAL_STEP(expected, change)                                                        \
  ASSERT_STEP (local, expected, change);                                                           \
  ASSERT_STEP (local_proxy, expected, change)

  ASSERT_LOCAL_STEP (TRUE, dfl_sample_set (&after->address, "sip:bob@example.org"));
  ASSERT_LOCAL_STEP (TRUE, dfl_sample_set (&after->domain, "example.net"));
  ASSERT_LOCAL_STEP (TRUE, dfl_sample_set (&after->username, "bob"));
  ASSERT_LOCAL_STEP (TRUE, dfl_sample_set (&after->outbound_proxy, "127.0.0.1:5090"));
  ASSERT_LOCAL_STEP (TRUE, after->transport = DFL_TRANSPORT_TCP);
  ASSERT_STEP (local, TRUE, dfl_sample_set (&after->outbound_proxy, "proxy.example.org"));
  ASSERT_STEP (local_proxy, TRUE, dfl_sample_set (&after->registrar, "sip.example.net"));
  ASSERT_STEP (local_proxy, TRUE, dfl_sample_set (&after->registrar, ""));

  ASSERT_LOCAL_STEP (FALSE, dfl_sample_set (&after->display_name, "Alice"));
  ASSERT_LOCAL_STEP (FALSE, dfl_sample_set (&after->password, "secret"));
  ASSERT_LOCAL_STEP (FALSE, after->enabled = FALSE);
  ASSERT_LOCAL_STEP (FALSE, dfl_sample_set (&before->display_name, "Alice"));
  /* Away from this machine. */
  ASSERT_STEP (local, FALSE, dfl_sample_set (&after->registrar, "");
               dfl_sample_set (&after->username, "bob"));
  ASSERT_STEP (local_proxy, FALSE, dfl_sample_set (&after->outbound_proxy, "");
               dfl_sample_set (&after->username, "bob"));
#undef ASSERT_LOCAL_STEP
}

static DflAccountSettings *
careless (void)
{
  DflAccountSettings *settings = registering ();

  settings->tls_verify = FALSE;

  return settings;
}

/* It was for one server. */
static void
test_careless_steps (void)
{
  ASSERT_STEP (careless, TRUE, dfl_sample_set (&after->domain, "example.net"));
  ASSERT_STEP (careless, TRUE, dfl_sample_set (&after->registrar, "sip.example.net"));
  ASSERT_STEP (careless, TRUE, dfl_sample_set (&after->outbound_proxy, "sip.example.net"));
  ASSERT_STEP (careless, TRUE, after->transport = DFL_TRANSPORT_TLS);
  ASSERT_STEP (careless, TRUE, dfl_sample_set (&before->outbound_proxy, "sip.example.net"));

  ASSERT_STEP (careless, FALSE, dfl_sample_set (&after->address, "sip:bob@example.org"));
  ASSERT_STEP (careless, FALSE, dfl_sample_set (&after->username, "bob"));
  ASSERT_STEP (careless, FALSE, dfl_sample_set (&after->password, "secret"));
  ASSERT_STEP (careless, FALSE, after->tls_verify = TRUE;
               dfl_sample_set (&after->registrar, "sip.example.net"));
}

static void
test_offers (void)
{
  g_autoptr (DflAccountSettings) greedy = registering ();

  ASSERT_STEP (registering, FALSE, before->max_offers = 1; after->max_offers = 16);
  ASSERT_STEP (registering, FALSE, before->max_offers = 100; after->max_offers = 99);
  ASSERT_STEP (registering, FALSE, before->max_offers = after->max_offers = 100);
  ASSERT_STEP (registering, TRUE, after->max_offers = 17);
  ASSERT_STEP (registering, TRUE, before->max_offers = 100; after->max_offers = 101);
  ASSERT_STEP (direct, TRUE, before->max_offers = 1; after->max_offers = 17);

  greedy->max_offers = 16;
  g_assert_false (needs (NULL, greedy));
  greedy->max_offers = 17;
  g_assert_true (needs (NULL, greedy));
}

static void
test_steps (void)
{
  ASSERT_STEP (registering, TRUE, after->registers = FALSE);
  ASSERT_STEP (registering, TRUE, before->registers = FALSE);
  ASSERT_STEP (registering, TRUE, before->trusted = after->trusted = TRUE;
               after->registers = FALSE);
  ASSERT_STEP (registering, TRUE, dfl_sample_set_list (&after->accept_from, "192.0.2.1"));
  ASSERT_STEP (registering, TRUE, after->tls_verify = FALSE);
  ASSERT_STEP (registering, TRUE, dfl_sample_set_list (&after->users, "alice;bob"));
  ASSERT_STEP (registering, TRUE, dfl_sample_set_list (&after->users, "bob"));
  ASSERT_STEP (registering, TRUE, dfl_sample_set_list (&after->users, ""));
  ASSERT_STEP (registering, TRUE, dfl_sample_set_list (&after->users, "*"));
  ASSERT_STEP (registering, TRUE, dfl_sample_set_list (&before->users, "alice;bob"));
  ASSERT_STEP (direct, TRUE, dfl_sample_set (&after->address, "sip:bob@example.org"));
  ASSERT_STEP (direct, TRUE, dfl_sample_set_list (&after->accept_from, "192.0.2.1;192.0.2.2"));
  ASSERT_STEP (direct, TRUE, dfl_sample_set_list (&after->accept_from, "192.0.2.0/24"));
  ASSERT_STEP (direct, TRUE, dfl_sample_set_list (&after->accept_from, ""));
  ASSERT_STEP (direct, TRUE, after->trusted = TRUE);
  ASSERT_STEP (fed, TRUE, after->trusted = TRUE);
  ASSERT_STEP (fed, TRUE, dfl_sample_set_list (&after->accept_from, ""));
  ASSERT_STEP (fed, TRUE, dfl_sample_set_list (&after->accept_from, "192.0.2.0/24"));
  ASSERT_STEP (fed, FALSE, before->trusted = TRUE);
  ASSERT_STEP (fed, FALSE, before->trusted = after->trusted = TRUE);
  ASSERT_STEP (fed, FALSE, dfl_sample_set (&after->address, "sip:x@example.org"));
  /* What an account was that could not be read is not known. */
  ASSERT_STEP (direct, TRUE, dfl_sample_set (&before->problem, "x"));
  ASSERT_STEP (registering, TRUE, dfl_sample_set (&before->problem, "x");
               before->tls_verify = FALSE; after->tls_verify = FALSE);
}

/* --- Servers --- */

static const char *const local_hosts[] = {
  "127.0.0.1",
  "127.255.255.254",
  "127.0.0.1:5060",
  "127.0.0.1.",
  "127.1",
  "127.1:5080",
  "127.0.1",
  "0x7f.0.0.1",
  "0X7F.1",
  "0x7f000001",
  "0177.0.0.1",
  "017700000001",
  "2130706433",
  "2130706433:5060",
  "0.0.0.0",
  "0",
  "0.1.2.3",
  "169.254.0.1",
  "169.254.169.254",
  "0xa9fea9fe",
  "224.0.0.1",
  "239.255.255.250",
  "255.255.255.255",
  "4294967295",
  "[::1]",
  "[::1]:5060",
  "::1",
  "fe80::1",
  "::ffff:127.0.0.1",
  "[::]",
  "[0:0:0:0:0:0:0:1]",
  "[0000:0000:0000:0000:0000:0000:0000:0001]:5060",
  "[::127.0.0.1]",
  "[::7f00:1]",
  "[::ffff:127.0.0.1]",
  "[::FFFF:7f00:1]",
  "[::ffff:169.254.1.1]",
  "[::ffff:0.0.0.0]",
  "[::ffff:224.0.0.1]",
  "[::ffff:255.255.255.255]",
  "[::ffff:0:127.0.0.1]",
  "[64:ff9b::127.0.0.1]",
  "[64:ff9b:1::127.0.0.1]",
  "[2002:7f00:1::1]",
  "[fe80::1]",
  "[fe80::1%eth0]:5060",
  "[FEBF::1]",
  "[ff02::1]",
  "[ff0e::1]",
  "localhost",
  "LocalHost",
  "localhost:5060",
  "localhost.",
  "localhost..",
  "LOCALHOST.:5060",
  "sip.localhost",
  "a.b.LocalHost.",
  "localhost.localdomain",
  "localhost6",
  "ip6-localhost",
  "ip6-loopback",
  "",
  ":5060",
  "[::1",
  "[127.0.0.1]",
  "127.0.0.1:5060:5061",
  "loc%61lhost",
  "127.0.0.1%",
  "127.0.0.1 ",
  " 127.0.0.1",
  "alice@localhost",
  "example.org/",
};

static const char *const other_hosts[] = {
  "example.org",
  "example.org:5060",
  "SIP.Example.ORG",
  "localhost.example.org",
  "notlocalhost",
  "mylocalhost.example",
  "localhost1",
  "10.0.0.1",
  "172.16.0.1:5060",
  "192.168.1.1",
  "192.0.2.1",
  "126.255.255.255",
  "128.0.0.1",
  "1.0.0.0",
  "169.253.255.255",
  "169.255.0.0",
  "223.255.255.255",
  "240.0.0.1",
  "255.255.255.254",
  "127.0.0.1.example.org",
  "127-0-0-1.example.org",
  "sip_1.example.org",
  "127.0.0.0.1",
  "0x7f.example.org",
  "[2001:db8::1]",
  "2001:db8::1",
  "[2001:db8::127.0.0.1]:5060",
  "[fd00::1]",
  "[fec0::1]",
  "[fe00::1]",
  "[::192.0.2.1]",
  "[::ffff:192.0.2.1]",
  "[64:ff9b::192.0.2.1]",
  "[2002:c000:201::1]",
};

static void
check_server (const char *server, gboolean expected)
{
  g_autoptr (DflAccountSettings) before = registering ();
  g_autoptr (DflAccountSettings) domain = registering ();
  g_autoptr (DflAccountSettings) registrar = registering ();
  g_autoptr (DflAccountSettings) proxy = registering ();
  g_autoptr (DflAccountSettings) elsewhere = registering ();

  g_test_message ("%s", server);
  dfl_sample_set (&domain->domain, server);
  g_assert_cmpint (needs (NULL, domain), ==, expected);
  g_assert_cmpint (needs (before, domain), ==, expected);
  /* It was allowed when it came. */
  g_assert_false (needs (domain, domain));
  /* With a registrar nothing is sent to the domain. */
  dfl_sample_set (&elsewhere->domain, server);
  dfl_sample_set (&elsewhere->registrar, "sip.example.org");
  g_assert_false (needs (NULL, elsewhere));
  g_assert_cmpint (needs (elsewhere, domain), ==, expected);

  /* "" names none. */
  if (*server == '\0')
    return;
  dfl_sample_set (&registrar->registrar, server);
  g_assert_cmpint (needs (NULL, registrar), ==, expected);
  g_assert_cmpint (needs (before, registrar), ==, expected);
  g_assert_false (needs (registrar, registrar));
  g_assert_false (needs (registrar, before));
  dfl_sample_set (&proxy->outbound_proxy, server);
  g_assert_cmpint (needs (NULL, proxy), ==, expected);
  g_assert_cmpint (needs (before, proxy), ==, expected);
  g_assert_false (needs (proxy, proxy));
  g_assert_false (needs (proxy, before));
}

static void
test_servers (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (local_hosts); i++)
    check_server (local_hosts[i], TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (other_hosts); i++)
    check_server (other_hosts[i], FALSE);
}

/* Another port of this machine is another server. */
static void
test_other_port (void)
{
  g_autoptr (DflAccountSettings) before = registering ();
  g_autoptr (DflAccountSettings) after = registering ();

  dfl_sample_set (&before->registrar, "127.0.0.1:5060");
  dfl_sample_set (&after->registrar, "127.0.0.1:5070");
  g_assert_true (needs (before, after));
}

static gboolean
allows (const DflAccountSettings *settings, const char *address)
{
  gboolean is_ipv6 = strchr (address, ':') != NULL;
  guint8 bytes[16];

  g_assert_cmpint (inet_pton (is_ipv6 ? AF_INET6 : AF_INET, address, bytes), ==, 1);

  return dfl_account_settings_allow_address (settings, bytes, is_ipv6 ? 16 : 4);
}

/* To which addresses a name may lead. */
static void
test_addresses (void)
{
  static const char *const local_ones[] = {
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.1.1",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.1.1",
    "64:ff9b:1::127.0.0.1",
    "64:ff9b:1:abcd::169.254.1.1",
    "64:ff9b:1:7f00:0:100::",
    "64:ff9b:1:a9fe:1:100::",
    "64:ff9b:1:cd7f:0:1::",
    "64:ff9b:1:abcd:7f:0:100::",
    "2002:7f00:1::",
    "2002:a9fe:101::1",
    "fe80::1",
    "febf::1",
    "ff02::1",
  };
  static const char *const others[] = { "192.0.2.1",
                                        "10.0.0.1",
                                        "192.168.1.1",
                                        "172.16.0.1",
                                        "2001:db8::1",
                                        "fd00::1",
                                        "::ffff:192.0.2.1",
                                        "fec0::1",
                                        "2002:c000:201::1",
                                        "64:ff9b::192.0.2.1",
                                        "169.253.1.1",
                                        "223.255.255.255",
                                        "64:ff9b:1::192.0.2.1",
                                        "64:ff9b:1:abcd::192.0.2.1",
                                        "64:ff9b:1:cb01:71:100::",
                                        "64:ff9b:1:cdcb:5:7101::",
                                        "64:ff9b:2::127.0.0.1",
                                        "64:ff9b:1:abcd:cb:71:100::",
                                        "126.255.255.255",
                                        "240.0.0.1",
                                        "64:ff9c::127.0.0.1" };
  static const char *const openly[] = { "127.0.0.1", "localhost:5070", "[::1]", "169.254.1.1" };
  g_autoptr (DflAccountSettings) admins = registering ();
  g_autoptr (DflAccountSettings) users = dfl_sample_kept_settings ("work", "0badcafe", "alice", 1);

  users->registers = TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (local_ones); i++)
    {
      g_test_message ("%s", local_ones[i]);
      g_assert_false (allows (users, local_ones[i]));
      g_assert_true (allows (admins, local_ones[i]));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_test_message ("%s", others[i]);
      g_assert_true (allows (users, others[i]));
      g_assert_true (allows (admins, others[i]));
    }

  for (gsize i = 0; i < G_N_ELEMENTS (openly); i++)
    {
      dfl_sample_set (&users->outbound_proxy, "");
      dfl_sample_set (&users->registrar, openly[i]);
      g_assert_true (allows (users, "127.0.0.1"));
      g_assert_true (allows (users, "192.0.2.1"));
      /* What is asked then is the proxy, wherever its name leads. */
      dfl_sample_set (&users->outbound_proxy, "proxy.example.org");
      g_assert_false (allows (users, "127.0.0.1"));
      dfl_sample_set (&users->registrar, "sip.example.org");
      dfl_sample_set (&users->outbound_proxy, openly[i]);
      g_assert_true (allows (users, "127.0.0.1"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/account-permission/new", test_new);
  g_test_add_func ("/account-permission/users-of-new", test_users_of_new);
  g_test_add_func ("/account-permission/harmless", test_harmless);
  g_test_add_func ("/account-permission/steps", test_steps);
  g_test_add_func ("/account-permission/local-steps", test_local_steps);
  g_test_add_func ("/account-permission/careless-steps", test_careless_steps);
  g_test_add_func ("/account-permission/offers", test_offers);
  g_test_add_func ("/account-permission/servers", test_servers);
  g_test_add_func ("/account-permission/other-port", test_other_port);
  g_test_add_func ("/account-permission/addresses", test_addresses);

  return g_test_run ();
}
