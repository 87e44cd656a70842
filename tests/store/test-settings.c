/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every key of the settings, good and bad; the files around it are in test-settings-files.c. */

#include "store/settings.h"

#include <string.h>

#include "core/error.h"

/* Four lines, so that what a row adds stands in line 5. */
#define ACCOUNT "[account]\naddress=sip:alice@example.org\nregister=false\naccept-from=127.0.0.1\n"

typedef struct
{
  const char *text;
  const char *expected;
} Row;

static const char *
boolean (gboolean value)
{
  return value ? "true" : "false";
}

/* All that was understood of an account, a line each, to look for one of them. */
static char *
describe_account (const DflAccountSettings *a)
{
  g_autofree char *users = g_strjoinv (",", a->users);
  g_autofree char *accept_from = g_strjoinv (",", a->accept_from);
  GString *text = g_string_new ("\n");

  g_string_append_printf (text, "name=%s\naddress=%s\nuser=%s\ndomain=%s\n", a->name, a->address,
                          a->user, a->domain);
  g_string_append_printf (text, "display-name=%s\nusers=%s\nenabled=%s\naccept-from=%s\n",
                          a->display_name, users, boolean (a->enabled), accept_from);
  g_string_append_printf (text, "trusted=%s\nalert=%s\nring-limit=%u\ndecline-status=%u\n",
                          boolean (a->trusted), a->alert ? "ringing" : "silent", a->ring_limit,
                          a->decline_status);
  g_string_append_printf (text, "register=%s\nregistrar=%s\noutbound-proxy=%s\ntransport=%d\n",
                          boolean (a->registers), a->registrar, a->outbound_proxy,
                          (int)a->transport);
  g_string_append_printf (text, "username=%s\npassword=%s\ntls-verify=%s\n", a->username,
                          a->password != NULL ? a->password : "(none)", boolean (a->tls_verify));
  g_string_append_printf (text, "tls-wildcard=%s\nexpires=%u\nredirect-policy=%d\n",
                          boolean (a->tls_wildcard), a->expires, (int)a->redirect_policy);
  g_string_append_printf (text, "tls=%s %s %s\n", a->tls_ca != NULL ? a->tls_ca : "(none)",
                          a->tls_certificate != NULL ? a->tls_certificate : "(none)",
                          a->tls_key != NULL ? a->tls_key : "(none)");
  g_string_append_printf (text, "max-offers=%u\ndefault-target=%s\n", a->max_offers,
                          a->default_target != NULL ? a->default_target : "(none)");
  g_string_append_printf (text, "sips-downgrade=%s\nlocal-targets=%s\nredirect-domain=%s\n",
                          boolean (a->allow_sips_downgrade), boolean (a->allow_local_targets),
                          a->redirect_domain);
  for (guint i = 0; i < a->targets->len; i++)
    {
      const DflAlias *target = g_ptr_array_index (a->targets, i);

      g_string_append_printf (text, "target=%s|%s|%s\n", target->alias, target->label,
                              target->address);
    }
  return g_string_free (text, FALSE);
}

static void
assert_described (char *description, const char *expected)
{
  g_autofree char *line = g_strdup_printf ("\n%s\n", expected);

  if (strstr (description, line) == NULL)
    g_test_message ("expected %s in%s", expected, description);
  g_assert_nonnull (strstr (description, line));
  g_free (description);
}

static DflAccountSettings *
read_account (const char *text, GPtrArray *problems)
{
  return dfl_account_settings_from_data ("alice", "alice.conf", text, strlen (text), problems);
}

static void
test_account_good (void)
{
  static const Row rows[] = {
    /* The defaults. */
    { "", "name=alice" },
    { "", "address=sip:alice@example.org" },
    { "", "user=alice" },
    { "", "domain=example.org" },
    { "", "display-name=" },
    { "", "users=" },
    { "", "enabled=true" },
    { "", "accept-from=127.0.0.1" },
    { "", "trusted=false" },
    { "", "alert=ringing" },
    { "", "ring-limit=120" },
    { "", "decline-status=486" },
    { "", "max-offers=16" },
    { "", "default-target=(none)" },
    { "", "sips-downgrade=false" },
    { "", "local-targets=false" },
    { "", "redirect-domain=example.org" },
    /* Every key. */
    { "display-name=Alice A.", "display-name=Alice A." },
    { "display-name=Zoë \\\\ Ω", "display-name=Zoë \\ Ω" },
    { "users=alice", "users=alice" },
    { "users=alice;bob;", "users=alice,bob" },
    { "users= alice ; bob ; ", "users=alice,bob" },
    { "users=*", "users=*" },
    { "users=*;", "users=*" },
    { "users=", "users=" },
    { "users=CORP+alice;a.b-c_d$;x@corp.example", "users=CORP+alice,a.b-c_d$,x@corp.example" },
    { "enabled=false", "enabled=false" },
    { "enabled = true  ", "enabled=true" },
    { "trusted=true", "trusted=true" },
    { "alert=silent", "alert=silent" },
    { "alert=ringing", "alert=ringing" },
    { "ring-limit=0", "ring-limit=0" },
    { "ring-limit=86400", "ring-limit=86400" },
    { "decline-status=480", "decline-status=480" },
    { "decline-status=603", "decline-status=603" },
    { "max-offers=1", "max-offers=1" },
    { "max-offers=100000", "max-offers=100000" },
    { "default-action=decline", "default-target=(none)" },
    { "default-action=redirect:sip:bob@example.org", "default-target=sip:bob@example.org" },
    { "default-action=redirect: +49 30 1234", "default-target=+49 30 1234" },
    { "default-action=redirect:*98", "default-target=*98" },
    { "allow-sips-downgrade=true", "sips-downgrade=true" },
    { "allow-local-targets=true", "local-targets=true" },
    { "redirect-domain=sip.example.net:5080", "redirect-domain=sip.example.net:5080" },
    { "redirect-domain=[2001:db8::1]", "redirect-domain=[2001:db8::1]" },
    { "", "register=false" },
    { "", "registrar=" },
    { "", "outbound-proxy=" },
    { "", "transport=0" },
    { "", "username=" },
    { "", "password=(none)" },
    { "", "tls-verify=true" },
    { "registrar=sip.example.net", "registrar=sip.example.net" },
    { "registrar=[2001:db8::1]:5070", "registrar=[2001:db8::1]:5070" },
    { "outbound-proxy=192.0.2.1:5080", "outbound-proxy=192.0.2.1:5080" },
    { "transport=auto", "transport=0" },
    { "transport=udp", "transport=1" },
    { "transport=tcp", "transport=2" },
    { "transport=tls", "transport=3" },
    { "username=alice@work", "username=alice@work" },
    { "password=p;a=s#s\\\\ ", "password=p;a=s#s\\" },
    { "password= \\s p s\\s ", "password=  p s " },
    { "password=", "password=(none)" },
    { "password=Zoë 🔑", "password=Zoë 🔑" },
    { "tls-verify=false", "tls-verify=false" },
    { "", "tls-wildcard=false" },
    { "tls-wildcard=true", "tls-wildcard=true" },
    { "", "expires=600" },
    { "expires=60", "expires=60" },
    { "expires=86400", "expires=86400" },
    { "", "redirect-policy=0" },
    { "redirect-policy=unknown", "redirect-policy=0" },
    { "redirect-policy=honoured", "redirect-policy=1" },
    { "redirect-policy=refused", "redirect-policy=2" },
    { "", "tls=(none) (none) (none)" },
    { "tls-ca=\ntls-certificate=\ntls-key=", "tls=(none) (none) (none)" },
    /* Keys of later versions, with the value that changes nothing. */
    { "diversion=off", "alert=ringing" },
    /* Targets. */
    { "[targets]\nmobile=Mobile;sip:+4915550100@example.org",
      "target=mobile|Mobile|sip:+4915550100@example.org" },
    { "[targets]\nmobile = My mobile ; sip:bob@example.org;user=phone",
      "target=mobile|My mobile|sip:bob@example.org;user=phone" },
    { "[targets]\nv-1_x=Voicemail;*98", "target=v-1_x|Voicemail|*98" },
    { "[targets]", "alert=ringing" },
    /* Syntax. */
    { "# comment\n\n   # another\n\t\nring-limit=7", "ring-limit=7" },
    { "ring-limit=7\r\nmax-offers=2\r\n", "max-offers=2" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strconcat (ACCOUNT, rows[i].text, NULL);
      g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (DflAccountSettings) account = read_account (text, problems);

      g_assert_cmpstr (account->problem, ==, NULL);
      g_assert_cmpuint (problems->len, ==, 0);
      assert_described (describe_account (account), rows[i].expected);
    }
}

static void
test_account_address (void)
{
  static const Row rows[] = {
    { "sip:alice@example.org", "user=alice" },
    { "SIP:alice@example.org", "address=sip:alice@example.org" },
    { "sip:al%20ice@example.org", "user=al ice" },
    { "sip:+4930;x=1@example.org", "user=+4930;x=1" },
    { "sip:alice@192.0.2.1:5070", "domain=192.0.2.1:5070" },
    { "sip:alice@[2001:db8::1]:5070", "domain=[2001:db8::1]:5070" },
    { "sip:alice@[2001:db8::1]:5070", "redirect-domain=[2001:db8::1]:5070" },
    { "sip:alice", NULL },
    { "sip:@example.org", NULL },
    { "sip:example.org", NULL },
    { "sips:alice@example.org", NULL },
    { "tel:+4930", NULL },
    { "alice@example.org", NULL },
    { "sip:alice:secret@example.org", NULL },
    { "sip:alice@example.org;transport=tcp", NULL },
    { "sip:alice@example.org?Subject=x", NULL },
    { "sip:alice@example.org:0", NULL },
    { "sip:alice@example.org:65536", NULL },
    { "sip:al ice@example.org", NULL },
    { "sip:al%00ice@example.org", NULL },
    { "sip:al%0d%0aice@example.org", NULL },
    { "sip:al%zzice@example.org", NULL },
    { "sip:alice@exa_mple.org", NULL },
    { "sip:alice@", NULL },
    { "sip:alice@a@b", NULL },
    { "<sip:alice@example.org>", NULL },
    { "sip:älice@example.org", NULL },
    { "", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strdup_printf (
          "[account]\naddress=%s\nregister=false\naccept-from=::1\n", rows[i].text);
      g_autofree char *complaint
          = g_strdup_printf ("alice.conf:2: address: expected sip:USER@HOST or sip:USER@HOST:PORT, "
                             "not \"%s\"",
                             rows[i].text);
      g_autoptr (DflAccountSettings) account = read_account (text, NULL);

      if (rows[i].expected != NULL)
        {
          g_assert_cmpstr (account->problem, ==, NULL);
          assert_described (describe_account (account), rows[i].expected);
          continue;
        }
      g_assert_cmpstr (account->problem, ==, complaint);
      g_assert_cmpstr (account->address, ==, "");
      g_assert_cmpstr (account->user, ==, "");
    }
}

#define LATER "this version does not support it yet; remove the line"
#define OF_STATE "is allowed in files of the state directory only; the file's name is the account's"
#define SECRET_64 "secretsecretsecretsecretsecretsecretsecretsecretsecretsecretsecr"
#define SECRET_257 SECRET_64 SECRET_64 SECRET_64 SECRET_64 "s"
#define NO_FILE                                                                                    \
  "expected the absolute name of a file in PEM, or what is in it with \\n for the end of each "    \
  "line"
#define NO_NUMBER "expected a whole number from "

/* What stands behind ACCOUNT, and the problem without the name of the file. */
static const Row bad_rows[] = {
  { "enabled=yes", "5: enabled: expected true or false, not \"yes\"" },
  { "enabled=", "5: enabled: expected true or false, not \"\"" },
  { "trusted=1", "5: trusted: expected true or false, not \"1\"" },
  { "allow-sips-downgrade=maybe",
    "5: allow-sips-downgrade: expected true or false, not \"maybe\"" },
  { "allow-local-targets=TRUE", "5: allow-local-targets: expected true or false, not \"TRUE\"" },
  { "alert=loud", "5: alert: expected ringing or silent, not \"loud\"" },
  { "ring-limit=abc", "5: ring-limit: " NO_NUMBER "0 to 86400, not \"abc\"" },
  { "ring-limit=-1", "5: ring-limit: " NO_NUMBER "0 to 86400, not \"-1\"" },
  { "ring-limit=86401", "5: ring-limit: " NO_NUMBER "0 to 86400, not \"86401\"" },
  { "ring-limit=1e3", "5: ring-limit: " NO_NUMBER "0 to 86400, not \"1e3\"" },
  { "ring-limit=18446744073709551617",
    "5: ring-limit: " NO_NUMBER "0 to 86400, not \"18446744073709551617\"" },
  { "ring-limit=", "5: ring-limit: " NO_NUMBER "0 to 86400, not \"\"" },
  { "decline-status=600", "5: decline-status: expected 480, 486 or 603, not \"600\"" },
  { "max-offers=0", "5: max-offers: " NO_NUMBER "1 to 100000, not \"0\"" },
  { "max-offers=100001", "5: max-offers: " NO_NUMBER "1 to 100000, not \"100001\"" },
  { "\n\n# three lines on\nmax-offers=0", "8: max-offers: " NO_NUMBER "1 to 100000, not \"0\"" },
  { "display-name=a\\nb", "5: display-name: holds control characters; expected plain text" },
  { "display-name=a\xE2\x80\xAE"
    "b",
    "5: display-name: holds control characters; expected plain text" },
  { "display-name=a\\b",
    "5: display-name: has a backslash that begins no escape; write \\\\ for one" },
  { "users=*;alice", "5: users: expected * alone, or the names of users without it" },
  { "users=al ice", "5: users: expected names of local users separated by ;, not \"al ice\"" },
  { "users=alice,bob",
    "5: users: expected names of local users separated by ;, not \"alice,bob\"" },
  { "default-action=voicemail",
    "5: default-action: expected decline or redirect:TARGET, not \"voicemail\"" },
  { "default-action=redirect:mobile",
    "5: default-action: this version cannot redirect to an alias yet; write the address itself" },
  { "default-action=redirect:sip:alice@EXAMPLE.org:5060",
    "5: default-action: expected another address than the account's own, which would bring the "
    "call back" },
  { "redirect-domain=exa mple",
    "5: redirect-domain: expected HOST or HOST:PORT, not \"exa mple\"" },
  { "redirect-domain=", "5: redirect-domain: expected HOST or HOST:PORT, not \"\"" },
  { "register=true", "5: register: stands in line 3 already; keep one of the two" },
  { "registrar=sip:x", "5: registrar: expected HOST or HOST:PORT, not \"sip:x\"" },
  { "registrar=", "5: registrar: expected HOST or HOST:PORT, not \"\"" },
  { "outbound-proxy=a b", "5: outbound-proxy: expected HOST or HOST:PORT, not \"a b\"" },
  { "transport=sctp", "5: transport: expected auto, udp, tcp or tls, not \"sctp\"" },
  { "transport=TLS", "5: transport: expected auto, udp, tcp or tls, not \"TLS\"" },
  { "password=secret\\q",
    "5: password: has a backslash that begins no escape; write \\\\ for one" },
  { "password=secret\\n", "5: password: holds control characters; expected plain text" },
  { "password=" SECRET_257, "5: password: expected at most 256 bytes of text" },
  { "password=secret\npassword=secret",
    "6: password: stands in line 5 already; keep one of the two" },
  { "passwort=secret", "5: passwort: unknown key; did you mean password?" },
  { "password-file=secret",
    "5: password-file: names a credential, and the daemon was started without any; put "
    "LoadCredential=password:DIRECTORY into its unit and the file NAME into that directory, or "
    "write an absolute path" },
  { "password-file=secret/x",
    "5: password-file: expected an absolute path, or the NAME of a credential without a /" },
  { "password-file=",
    "5: password-file: expected an absolute path, or the NAME of a credential without a /" },
  { "password-file=/secret/x",
    "5: password-file: cannot be opened (No such file or directory); expected a file that the user "
    "of deflectd may read, whose first line is the password" },
  { "password-file=/dev/zero",
    "5: password-file: is no regular file; expected one whose first line is the password" },
  { "password=secret\npassword-file=/dev/zero",
    "6: password-file: is no regular file; expected one whose first line is the password; "
    "alice.conf:6: password-file: stands beside password=; keep one of the two" },
  { "name=bob", "5: name: " OF_STATE },
  { "creator=bob", "5: creator: " OF_STATE },
  { "created=1", "5: created: " OF_STATE },
  { "allowed-targets=*", "5: allowed-targets: " LATER },
  { "diversion=both", "5: diversion: " LATER " or set it to off" },
  { "tls-verify=no", "5: tls-verify: expected true or false, not \"no\"" },
  { "tls-wildcard=yes", "5: tls-wildcard: expected true or false, not \"yes\"" },
  { "tls-ca=/secret/ca.pem",
    "5: tls-ca: names a file that cannot be opened (No such file or directory); expected one in "
    "PEM that the user of deflectd may read" },
  { "tls-ca=/dev/zero", "5: tls-ca: names what is no regular file; expected one in PEM" },
  { "tls-ca=secret.pem", "5: tls-ca: " NO_FILE },
  { "tls-ca=secret\\n\xE2\x80\xAE", "5: tls-ca: holds control characters; expected plain text" },
  { "tls-ca=secret\\nsecret", "5: tls-ca: holds no certificate; expected PEM, which begins with "
                              "-----BEGIN CERTIFICATE-----" },
  { "tls-key=secret",
    "5: tls-key: " NO_FILE
    "; alice.conf:5: tls-key: stands without tls-certificate=, which is what a server "
    "looks at; give both or neither" },
  { "tls-ca=-----BEGIN CERTIFICATE-----", "5: tls-ca: " NO_FILE },
  { "tls-ca=-----BEGIN CERTIFICATE-----\\nAAAA\\n",
    "5: tls-ca: has a -----BEGIN ...----- line without an -----END ...----- line of the same name "
    "behind it; give all of it, lines and all" },
  { "tls-ca=-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----",
    "5: tls-ca: holds a certificate, the 1. one, that cannot be understood; expected X.509 as "
    "\"openssl x509\" writes it" },
  { "tls-cert=x", NULL },
  { "tls-kei=x", "5: tls-kei: unknown key; did you mean tls-key?" },
  { "expires=59", "5: expires: " NO_NUMBER "60 to 86400, not \"59\"" },
  { "expires=86401", "5: expires: " NO_NUMBER "60 to 86400, not \"86401\"" },
  { "redirect-policy=yes",
    "5: redirect-policy: expected unknown, honoured or refused, not \"yes\"" },
  { "ringlimit=5", "5: ringlimit: unknown key; did you mean ring-limit?" },
  { "RING_LIMIT=5", "5: RING_LIMIT: unknown key; did you mean ring-limit?" },
  { "display-name[de]=Anna", NULL },
  { "ring-limit=5\nring-limit=6", "6: ring-limit: stands in line 5 already; keep one of the two" },
  { "ring-limit=5\nring-limit=6\nring-limit=7",
    "6: ring-limit: stands in line 5 already; keep one of the two; "
    "alice.conf:7: ring-limit: stands in line 5 already; keep one of the two" },
  { "[account]\nring-limit=5", "5: [account]: stands in line 1 already; keep one of the two" },
  { "[account]\naddress=sip:x@y",
    "5: [account]: stands in line 1 already; keep one of the two; "
    "alice.conf:6: address: stands in line 2 already; keep one of the two" },
  { "[acount]\nring-limit=5", "5: [acount]: unknown group; did you mean [account]?" },
  { "[tragets]", "5: [tragets]: unknown group; did you mean [targets]?" },
  { "[history]", "5: [history]: unknown group; expected [account], [targets]" },
  { "[rules]\nx=1", "5: [rules]: this version does not support it yet; remove the group" },
  { "[rule:night]", "5: [rule:night]: this version does not support it yet; remove the group" },
  { "[targets]\nMobile=Mobile;*98",
    "6: Mobile: expected an alias of a-z, 0-9, _ and - that begins with a letter and has at most "
    "32 characters" },
  { "[targets]\nmobile=*98",
    "6: mobile: expected LABEL;ADDRESS, such as Mobile;sip:+4915550100@example.org" },
  { "[targets]\nmobile=;*98",
    "6: mobile: expected LABEL;ADDRESS, such as Mobile;sip:+4915550100@example.org" },
  { "[targets]\nmobile=Mobile;voicemail",
    "6: mobile: this version cannot redirect to an alias yet; write the address itself" },
  { "[targets]\nmobile=A;*98\nmobile=B;*97",
    "7: mobile: stands in line 6 already; keep one of the two" },
  { "nonsense", "5: expected KEY=VALUE, a [group], or a comment that begins with #" },
  { "=5", "5: expected KEY=VALUE, a [group], or a comment that begins with #" },
  { "a b[=5", "5: expected KEY=VALUE, a [group], or a comment that begins with #" },
  { "[account", "5: expected a group, such as [account], and nothing behind it" },
  { "[targets] x\nmobile=Mobile;*98",
    "5: expected a group, such as [account], and nothing behind it" },
  { "; comment", "5: expected KEY=VALUE, a [group], or a comment that begins with #" },
  { "nonsense\nring-limit=x\nmore",
    "5: expected KEY=VALUE, a [group], or a comment that begins with #; "
    "alice.conf:7: expected KEY=VALUE, a [group], or a comment that begins with #; "
    "alice.conf:6: ring-limit: " NO_NUMBER "0 to 86400, not \"x\"" },
  { "display-name=a\x01"
    "b",
    "5: holds a control character; expected text" },
  { "display-name=a\rb", "5: holds a control character; expected text" },
  { "display-name=\xE4", "5: is not UTF-8; save the file with that encoding" },
};

static void
test_account_bad (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_rows); i++)
    {
      const Row *row = &bad_rows[i];
      g_autofree char *text = g_strconcat (ACCOUNT, row->text, NULL);
      g_autofree char *expected = g_strconcat ("alice.conf:", row->expected, NULL);
      g_autoptr (DflAccountSettings) account = read_account (text, NULL);

      if (row->expected != NULL)
        g_assert_cmpstr (account->problem, ==, expected);
      g_assert_nonnull (account->problem);
      /* The rest of the file was read all the same. */
      if (strstr (row->text, "address=") == NULL)
        g_assert_cmpstr (account->user, ==, "alice");
      g_assert_null (strstr (account->problem, "secret"));
    }
}

static void
test_account_bad_targets (void)
{
  static const char *const targets[] = {
    "sip:",
    "sip:bob@example.org?Replaces=1",
    "sip:bob@example.org;maddr=192.0.2.9",
    "*",
    "http:x",
    "sip:b%0d%0ab@example.org",
    "",
    "sip:bob@example.org>",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *text = g_strconcat (ACCOUNT, "default-action=redirect:", targets[i], "\n",
                                           NULL);
      g_autoptr (DflAccountSettings) account = read_account (text, NULL);

      g_assert_nonnull (account->problem);
      g_assert_true (g_str_has_prefix (account->problem,
                                       "alice.conf:5: default-action: expected a SIP address or a "
                                       "number: "));
    }
}

static void
test_account_accept_from (void)
{
  static const Row rows[] = {
    { "192.0.2.1", NULL },
    { "192.0.2.0/24;2001:db8::/32;::1", NULL },
    { "0.0.0.0/0;::/0", NULL },
    { "192.0.2.1/32", NULL },
    { "", "expected at least one numeric address or prefix" },
    { ";", "expected at least one numeric address or prefix" },
    { "192.0.2.1/24", "\"192.0.2.1/24\" has bits behind the prefix; write 192.0.2.0/24 for the "
                      "network or 192.0.2.1 for the host" },
    { "2001:db8::5/33", "\"2001:db8::5/33\" has bits behind the prefix; write 2001:db8::/33 for "
                        "the network or 2001:db8::5 for the host" },
    { "10.1.2.255/25", "\"10.1.2.255/25\" has bits behind the prefix; write 10.1.2.128/25 for the "
                       "network or 10.1.2.255 for the host" },
    { "192.0.2.0/33", "expected a prefix length from 0 to 32 behind the / of \"192.0.2.0/33\"" },
    { "192.0.2.0/", "expected a prefix length from 0 to 32 behind the / of \"192.0.2.0/\"" },
    /* 2^32 + 24, which an unsigned int takes for 24. */
    { "192.0.2.0/4294967320",
      "expected a prefix length from 0 to 32 behind the / of \"192.0.2.0/4294967320\"" },
    { "192.0.2.0/+24", "expected a prefix length from 0 to 32 behind the / of \"192.0.2.0/+24\"" },
    { "2001:db8::/129",
      "expected a prefix length from 0 to 128 behind the / of \"2001:db8::/129\"" },
    { "192.0.2.0/255.255.255.0",
      "expected a prefix length from 0 to 32 behind the / of \"192.0.2.0/255.255.255.0\"" },
    { "sip.example.org", "expected numeric addresses or prefixes such as 192.0.2.1 or "
                         "2001:db8::/32, not \"sip.example.org\"" },
    { "192.0.2.1:5060", "expected numeric addresses or prefixes such as 192.0.2.1 or "
                        "2001:db8::/32, not \"192.0.2.1:5060\"" },
    { "192.0.2", "expected numeric addresses or prefixes such as 192.0.2.1 or 2001:db8::/32, not "
                 "\"192.0.2\"" },
    { "fe80::1%lo", "expected numeric addresses or prefixes such as 192.0.2.1 or 2001:db8::/32, "
                    "not \"fe80::1%lo\"" },
    { "*", "expected numeric addresses or prefixes such as 192.0.2.1 or 2001:db8::/32, not \"*\"" },
    { "::ffff:192.0.2.1", "expected the IPv4 address itself instead of \"::ffff:192.0.2.1\"" },
    { "::1;nonsense;::2", "expected numeric addresses or prefixes such as 192.0.2.1 or "
                          "2001:db8::/32, not \"nonsense\"" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text
          = g_strdup_printf ("[account]\naddress=sip:alice@example.org\nregister=false\n"
                             "accept-from=%s\n",
                             rows[i].text);
      g_autofree char *expected = rows[i].expected != NULL
                                      ? g_strconcat ("alice.conf:4: accept-from: ",
                                                     rows[i].expected, NULL)
                                      : NULL;
      g_autoptr (DflAccountSettings) account = read_account (text, NULL);

      g_assert_cmpstr (account->problem, ==, expected);
    }
}

static void
test_account_missing (void)
{
  static const Row rows[] = {
    { "", "alice.conf:1: [account]: the group is missing; expected it and its keys" },
    { "# nothing\n", "alice.conf:1: [account]: the group is missing; expected it and its keys" },
    { "[targets]\n", "alice.conf:1: [account]: the group is missing; expected it and its keys" },
    { "\n[account]\nregister=false\naccept-from=::1",
      "alice.conf:2: address: is missing; expected address=sip:USER@HOST" },
    { "[account]\naddress=sip:a@b", NULL },
    { "[account]\naddress=sip:a@b\nregister=true", NULL },
    { "[account]\naddress=sip:a@b\naccept-from=::1", NULL },
    { "[account]\naddress=sip:a@b\nregister=true\naccept-from=::1", NULL },
    { "[account]\naddress=sip:a@b\nregister=no\naccept-from=::1",
      "alice.conf:3: register: expected true or false, not \"no\"" },
    { "[account]\naddress=sip:a@b\nregister=false",
      "alice.conf:1: accept-from: is missing; expected the numeric addresses or prefixes that "
      "calls "
      "may come from, such as accept-from=192.0.2.1;2001:db8::/32" },
    { "address=sip:a@b\n[account]\nregister=false\naccept-from=::1",
      "alice.conf:1: stands above the first [group] line; expected one before any key; "
      "alice.conf:2: address: is missing; expected address=sip:USER@HOST" },
    { "\xEF\xBB\xBF[account]\naddress=sip:a@b\nregister=false\naccept-from=::1",
      "alice.conf:1: begins with a byte order mark; save the file as UTF-8 without it" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (DflAccountSettings) account = read_account (rows[i].text, NULL);

      g_assert_cmpstr (account->problem, ==, rows[i].expected);
    }
}

/* The problem of an account is shown to its users: whom it belongs to must survive other faults,
 * and must never grow by one. */
static void
test_account_users_survive (void)
{
  static const Row rows[] = {
    { "users=alice;bob\nring-limit=x\n", "users=alice,bob" },
    { "users=alice;b b\n", "users=alice" },
    { "users=alice\nnonsense\n[broken\n", "users=alice" },
    { "users=alice\nusers=*\n", "users=" },
    { "users=*;alice\n", "users=" },
    { "[targets\nusers=*\n", "users=" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strconcat (ACCOUNT, rows[i].text, NULL);
      g_autoptr (DflAccountSettings) account = read_account (text, NULL);

      g_assert_nonnull (account->problem);
      assert_described (describe_account (account), rows[i].expected);
    }
}

static void
test_account_nul (void)
{
  static const char text[] = ACCOUNT "display-name=a\0b\nring-limit=5\n";
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (DflAccountSettings) account = dfl_account_settings_from_data ("alice", "alice.conf",
                                                                           text, sizeof text - 1,
                                                                           problems);

  g_assert_cmpstr (account->problem, ==, "alice.conf:5: holds a NUL byte; expected a text file");
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_cmpuint (account->ring_limit, ==, 5);
}

/* What a message quotes of a file cannot drive a terminal, and does not fill it. */
static void
test_account_hostile_text (void)
{
  g_autofree char *many = g_strnfill (100000, 'x');
  g_autofree char *text = g_strconcat (ACCOUNT, "alert=", many, "\n", many, "=1\n", NULL);
  g_autoptr (DflAccountSettings) account = read_account (text, NULL);
  GString *lines = g_string_new (ACCOUNT);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (DflAccountSettings) second = NULL;
  g_autoptr (DflAccountSettings) third = NULL;

  g_assert_nonnull (account->problem);
  g_assert_cmpuint (strlen (account->problem), <, 1000);

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (lines, "key%u=1\n", i);
  second = read_account (lines->str, problems);
  g_assert_cmpuint (problems->len, ==, 21);
  g_assert_cmpstr (g_ptr_array_index (problems, 20), ==,
                   "alice.conf: 980 more problems, shown when these are mended");
  g_string_free (lines, TRUE);

  third = dfl_account_settings_from_data ("alice", "/tmp/\033[2J\n\xFFx.conf", "", 0, NULL);
  g_assert_null (strchr (third->problem, '\033'));
  g_assert_null (strchr (third->problem, '\n'));
  g_assert_true (g_utf8_validate (third->problem, -1, NULL));
}

/* --- deflectd.conf --- */

static char *
describe_daemon (const DflSettings *s)
{
  g_autofree char *listen = g_strjoinv (";", s->listen);

  return g_strdup_printf ("\nlisten=%s\nmax-offers=%u\nmax-connections=%u\nt1=%u\nt2=%u\nlog=%s\n"
                          "register-rate=%u\nregister-retry=%u\nregister-retry-max=%u\n",
                          listen, s->max_offers, s->max_connections, s->t1, s->t2,
                          s->debug ? "debug" : "info", s->register_rate, s->register_retry,
                          s->register_retry_max);
}

static void
test_daemon_good (void)
{
  static const Row rows[] = {
    { "", "listen=udp:*:0;tcp:*:0" },
    { "", "max-offers=1024" },
    { "", "max-connections=256" },
    { "", "t1=500" },
    { "", "t2=4000" },
    { "", "log=info" },
    { "listen=udp:127.0.0.1:5060", "listen=udp:127.0.0.1:5060" },
    { "listen=udp:*:5060;tcp:*:5060;", "listen=udp:*:5060;tcp:*:5060" },
    { "listen=udp:[::1]:0;UDP:[2001:db8::1]:65535", "listen=udp:[::1]:0;UDP:[2001:db8::1]:65535" },
    { "listen=udp:127.0.0.1:0;udp:127.0.0.1:0", "listen=udp:127.0.0.1:0;udp:127.0.0.1:0" },
    { "max-offers=100000", "max-offers=100000" },
    { "max-connections=0", "max-connections=0" },
    { "t1=10", "t1=10" },
    { "t1=10000\nt2=10000", "t1=10000" },
    { "t2=60000", "t2=60000" },
    { "log=debug", "log=debug" },
    { "log=info", "log=info" },
    { "", "register-rate=20" },
    { "", "register-retry=30" },
    { "", "register-retry-max=1800" },
    { "register-rate=1", "register-rate=1" },
    { "register-rate=1000", "register-rate=1000" },
    { "register-retry=5", "register-retry=5" },
    { "register-retry=3600\nregister-retry-max=3600", "register-retry=3600" },
    { "register-retry-max=30", "register-retry-max=30" },
    { "register-retry-max=86400", "register-retry-max=86400" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strconcat ("[daemon]\n", rows[i].text, "\n", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (DflSettings) settings = dfl_settings_from_data ("deflectd.conf", text,
                                                                 strlen (text), &error);

      g_assert_no_error (error);
      g_assert_cmpuint (settings->accounts->len, ==, 0);
      assert_described (describe_daemon (settings), rows[i].expected);
    }
}

#define LISTEN                                                                                     \
  ": expected udp:ADDRESS:PORT or tcp:ADDRESS:PORT, where ADDRESS is a numeric address, an IPv6 "  \
  "address in brackets, or * for any"
#define PORT ": expected a port from 1 to 65535, or 0 for any free one, behind the last colon"

static void
test_daemon_bad (void)
{
  static const Row rows[] = {
    { "listen=", "2: listen: expected 1 to 32 items such as udp:*:5060" },
    { "listen=5060", "2: listen: \"5060\"" LISTEN },
    { "listen=udp", "2: listen: \"udp\"" LISTEN },
    { "listen=udp:", "2: listen: \"udp:\"" LISTEN },
    { "listen=:*:5060", "2: listen: \":*:5060\"" LISTEN },
    { "listen=udp:5060", "2: listen: \"udp:5060\"" LISTEN },
    { "listen=udp:*", "2: listen: \"udp:*\"" LISTEN },
    { "listen=udp::5060", "2: listen: \"udp::5060\"" LISTEN },
    { "listen=udp:localhost:5060", "2: listen: \"udp:localhost:5060\"" LISTEN },
    { "listen=udp:::1:5060", "2: listen: \"udp:::1:5060\"" LISTEN },
    { "listen=udp:[127.0.0.1]:5060", "2: listen: \"udp:[127.0.0.1]:5060\"" LISTEN },
    { "listen=udp:[]:5060", "2: listen: \"udp:[]:5060\"" LISTEN },
    { "listen=udp:[fe80::1%lo]:5060", "2: listen: \"udp:[fe80::1%lo]:5060\"" LISTEN },
    { "listen=sctp:*:5060", "2: listen: \"sctp:*:5060\"" LISTEN },
    { "listen=udp:*:", "2: listen: \"udp:*:\"" PORT },
    { "listen=udp:*:65536", "2: listen: \"udp:*:65536\"" PORT },
    { "listen=udp:*:-1", "2: listen: \"udp:*:-1\"" PORT },
    { "listen=udp:*:sip", "2: listen: \"udp:*:sip\"" PORT },
    { "listen=tls:*:5061",
      "2: listen: \"tls:*:5061\": tls: is refused, because the SIP library leaks some 30 KB for "
      "every TLS connection that a stranger opens; listen on udp: or tcp: and let a proxy in front "
      "end TLS" },
    { "listen=udp:*:5060;udp:*:5060", "2: listen: \"udp:*:5060\" stands twice; keep one" },
    { "max-offers=0", "2: max-offers: " NO_NUMBER "1 to 100000, not \"0\"" },
    { "max-connections=x", "2: max-connections: " NO_NUMBER "0 to 65536, not \"x\"" },
    { "t1=9", "2: t1: " NO_NUMBER "10 to 10000, not \"9\"" },
    { "t2=60001", "2: t2: " NO_NUMBER "10 to 60000, not \"60001\"" },
    { "t1=5000", "2: t1: expected at most the t2 of 4000 ms, or a greater t2 beside it" },
    { "t2=400", "2: t2: expected at least the t1 of 500 ms" },
    { "t1=600\nt2=500", "3: t2: expected at least the t1 of 600 ms" },
    { "register-rate=0", "2: register-rate: " NO_NUMBER "1 to 1000, not \"0\"" },
    { "register-rate=1001", "2: register-rate: " NO_NUMBER "1 to 1000, not \"1001\"" },
    { "register-retry=4", "2: register-retry: " NO_NUMBER "5 to 3600, not \"4\"" },
    { "register-retry=3601", "2: register-retry: " NO_NUMBER "5 to 3600, not \"3601\"" },
    { "register-retry-max=29", "2: register-retry-max: " NO_NUMBER "30 to 86400, not \"29\"" },
    { "register-retry-max=86401",
      "2: register-retry-max: " NO_NUMBER "30 to 86400, not \"86401\"" },
    { "register-retry=1801",
      "2: register-retry: expected at most the register-retry-max of 1800 s, or a greater "
      "register-retry-max beside it" },
    { "register-retry=61\nregister-retry-max=60",
      "3: register-retry-max: expected at least the register-retry of 61 s" },
    { "log=verbose", "2: log: expected info or debug, not \"verbose\"" },
    { "lissen=udp:*:0", "2: lissen: unknown key; did you mean listen?" },
    { "colour=red", "2: colour: unknown key; expected one of listen, max-offers, max-connections, "
                    "t1, t2, register-rate, register-retry, register-retry-max, log" },
    { "[Daemon]", "2: [Daemon]: unknown group; did you mean [daemon]?" },
    { "[account]\naddress=x", "2: [account]: unknown group; expected [daemon]" },
    { "t1=x\nt2=y", "2: t1: " NO_NUMBER "10 to 10000, not \"x\"\n"
                    "deflectd.conf:3: t2: " NO_NUMBER "10 to 60000, not \"y\"" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strconcat ("[daemon]\n", rows[i].text, "\n", NULL);
      g_autofree char *expected = g_strconcat ("deflectd.conf:", rows[i].expected, NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (DflSettings) settings = dfl_settings_from_data ("deflectd.conf", text,
                                                                 strlen (text), &error);

      g_assert_null (settings);
      g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
      g_assert_cmpstr (error->message, ==, expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/account/good", test_account_good);
  g_test_add_func ("/settings/account/address", test_account_address);
  g_test_add_func ("/settings/account/bad", test_account_bad);
  g_test_add_func ("/settings/account/bad-targets", test_account_bad_targets);
  g_test_add_func ("/settings/account/accept-from", test_account_accept_from);
  g_test_add_func ("/settings/account/missing", test_account_missing);
  g_test_add_func ("/settings/account/users-survive", test_account_users_survive);
  g_test_add_func ("/settings/account/nul", test_account_nul);
  g_test_add_func ("/settings/account/hostile-text", test_account_hostile_text);
  g_test_add_func ("/settings/daemon/good", test_daemon_good);
  g_test_add_func ("/settings/daemon/bad", test_daemon_bad);
  return g_test_run ();
}
