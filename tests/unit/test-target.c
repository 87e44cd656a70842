/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/target.h"

#include <string.h>

#include "core/error.h"

#define DOMAIN "pbx.example.org:5080"

static void
assert_accepted (const char *text, gboolean secure, const char *uri)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) target = dfl_target_new (text, DOMAIN, secure, &error);
  g_autoptr (DflTarget) again = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (dfl_target_get_uri (target), ==, uri);
  g_assert_cmpint (dfl_target_is_secure (target), ==, g_str_has_prefix (uri, "sips:"));

  again = dfl_target_new (uri, DOMAIN, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (dfl_target_get_uri (again), ==, uri);
}

static void
assert_refused (const char *text, const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) target = dfl_target_new (text, DOMAIN, FALSE, &error);

  if (target != NULL)
    g_error ("accepted as %s", dfl_target_get_uri (target));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_TARGET);
  if (strstr (error->message, reason) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, reason);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_kind (void)
{
  static const struct
  {
    const char *text;
    DflTargetKind kind;
  } cases[] = {
    { "sip:bob@example.org", DFL_TARGET_KIND_URI },
    { "SIPS:bob@example.org", DFL_TARGET_KIND_URI },
    { "Tel:+49155", DFL_TARGET_KIND_URI },
    { "sip:", DFL_TARGET_KIND_URI },
    { "+49155", DFL_TARGET_KIND_NUMBER },
    { "*97", DFL_TARGET_KIND_NUMBER },
    { "#31#", DFL_TARGET_KIND_NUMBER },
    { "1", DFL_TARGET_KIND_NUMBER },
    { "1anything", DFL_TARGET_KIND_NUMBER },
    { "mobile", DFL_TARGET_KIND_ALIAS },
    { "a", DFL_TARGET_KIND_ALIAS },
    { "sip", DFL_TARGET_KIND_ALIAS },
    { "home-office_2", DFL_TARGET_KIND_ALIAS },
    { "a2345678901234567890123456789012", DFL_TARGET_KIND_ALIAS },
    { "a23456789012345678901234567890123", DFL_TARGET_KIND_INVALID },
    { "Mobile", DFL_TARGET_KIND_INVALID },
    { "mobile phone", DFL_TARGET_KIND_INVALID },
    { "-mobile", DFL_TARGET_KIND_INVALID },
    { "mailto:bob@example.org", DFL_TARGET_KIND_INVALID },
    { "", DFL_TARGET_KIND_INVALID },
    { NULL, DFL_TARGET_KIND_INVALID },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (dfl_target_kind (cases[i].text), ==, cases[i].kind);
    }
}

static void
test_uris (void)
{
  assert_accepted ("sip:bob@example.org", FALSE, "sip:bob@example.org");
  assert_accepted ("SIP:Bob@Example.ORG", FALSE, "sip:Bob@Example.ORG");
  assert_accepted ("sIPs:bob@example.org", FALSE, "sips:bob@example.org");
  /* A URI keeps its scheme, whatever the INVITE's. */
  assert_accepted ("sip:bob@example.org", TRUE, "sip:bob@example.org");
  assert_accepted ("sip:example.org", FALSE, "sip:example.org");
  assert_accepted ("sip:bob@example.org.", FALSE, "sip:bob@example.org.");
  assert_accepted ("sip:bob@host-1", FALSE, "sip:bob@host-1");
  assert_accepted ("sip:bob@192.0.2.1:65535", FALSE, "sip:bob@192.0.2.1:65535");
  assert_accepted ("sip:bob@[2001:db8::1]:1", FALSE, "sip:bob@[2001:db8::1]:1");
  assert_accepted ("sip:bob@[::ffff:192.0.2.1]", FALSE, "sip:bob@[::ffff:192.0.2.1]");
  assert_accepted ("sip:*97@example.org", FALSE, "sip:*97@example.org");
  assert_accepted ("sip:a-_.!~*'()&=+$;/z@example.org", FALSE, "sip:a-_.!~*'()&=+$;/z@example.org");
  assert_accepted ("sip:m%c3%bcller%20%23@example.org", FALSE, "sip:m%c3%bcller%20%23@example.org");
  assert_accepted ("sip:+49155@example.org;user=phone", FALSE, "sip:+49155@example.org;user=phone");
  assert_accepted ("sip:bob@example.org;Transport=TCP;user=IP", FALSE,
                   "sip:bob@example.org;Transport=TCP;user=IP");
  assert_accepted ("sip:7@example.org;phone-context=+49-30", FALSE,
                   "sip:7@example.org;phone-context=+49-30");
  assert_accepted ("sip:7@example.org;phone-context=pbx.example.org", FALSE,
                   "sip:7@example.org;phone-context=pbx.example.org");
}

static void
test_numbers (void)
{
  assert_accepted ("+4915550100", FALSE, "sip:+4915550100@" DOMAIN ";user=phone");
  assert_accepted ("+49 (155) 501-00.", FALSE, "sip:+4915550100@" DOMAIN ";user=phone");
  assert_accepted ("+4915550100", TRUE, "sips:+4915550100@" DOMAIN ";user=phone");
  assert_accepted ("0", FALSE, "sip:0@" DOMAIN ";user=phone");
  assert_accepted ("*97#", FALSE, "sip:*97%23@" DOMAIN ";user=phone");
  assert_accepted ("#31#0155", FALSE, "sip:%2331%230155@" DOMAIN ";user=phone");
  assert_accepted ("tel:+49-155-50100", FALSE, "sip:+4915550100@" DOMAIN ";user=phone");
  assert_accepted ("TEL:7042", TRUE, "sips:7042@" DOMAIN ";user=phone");
  assert_accepted ("tel:7042;phone-context=example.com", FALSE,
                   "sip:7042;phone-context=example.com@" DOMAIN ";user=phone");
  assert_accepted ("tel:7042;Phone-Context=+49-30", FALSE,
                   "sip:7042;phone-context=+49-30@" DOMAIN ";user=phone");

  assert_refused ("*", "number");
  assert_refused ("+", "number");
  assert_refused ("+-", "number");
  assert_refused ("++49", "number");
  assert_refused ("49+155", "number");
  assert_refused ("0155a", "number");
  assert_refused ("0155;phone-context=x", "number");
  assert_refused ("0155@example.org", "number");
  assert_refused ("tel:", "number");
  assert_refused ("tel:*", "number");
  assert_refused ("tel:+49 155", "number");
  assert_refused ("tel:bob", "number");
  assert_refused ("tel:+49155;isub=1", "phone-context");
  assert_refused ("tel:+49155;", "phone-context");
  assert_refused ("tel:7042;phone-context=", "phone-context");
  assert_refused ("tel:7042;phone-context=+", "phone-context");
  assert_refused ("tel:7042;phone-context=a@b", "phone-context");
  assert_refused ("tel:7042;phone-context=example.com;ext=1", "phone-context");
}

static void
test_without_redirect_domain (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (dfl_target_new ("0155", "", FALSE, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_TARGET);
  g_clear_error (&error);
  g_assert_null (dfl_target_new ("tel:0155", NULL, FALSE, &error));
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_TARGET);
}

static void
test_injection (void)
{
  assert_refused ("sip:bob@example.org\r\nContact: <sip:eve@example.org>", "control");
  assert_refused ("sip:bob@example.org\n", "control");
  assert_refused ("sip:bo\tb@example.org", "control");
  assert_refused ("sip:bo\x7f@example.org", "control");
  assert_refused ("sip:bob%0d%0aX@example.org", "hides");
  assert_refused ("sip:bob%0D%0AX@example.org", "hides");
  assert_refused ("sip:bob%00@example.org", "hides");
  assert_refused ("sip:bob%7f@example.org", "hides");
  assert_refused ("sip:bob%3csip%3e@example.org", "hides");
  assert_refused ("sip:bob%22@example.org", "hides");
  assert_refused ("sip:bob%40evil.example@example.org", "hides");
  assert_refused ("sip:bob%2c@example.org", "hides");
  assert_refused ("sip:bob>@example.org", "user part");
  assert_refused ("sip:bob@example.org>", "host");
  assert_refused ("sip:bob@example.org>;x=<sip:eve@example.org", "host");
  assert_refused ("<sip:bob@example.org>", "no address");
  assert_refused ("\"Bob\" <sip:bob@example.org>", "no address");
  assert_refused ("sip:bob@example.org,sip:eve@example.org", "host");
  assert_refused ("sip:bob,eve@example.org", "user part");
  assert_refused ("sip:bob@example.org?Replaces=1", "headers");
  assert_refused ("sip:bob@example.org;user=phone?Replaces=1", "headers");
  assert_refused ("sip:bob?x@example.org", "user part");
  assert_refused ("sip:bob@eve@example.org", "host");
  assert_refused ("sip:bob@example.org;maddr=192.0.2.1", "parameter");
  assert_refused ("sip:bob@example.org;method=BYE", "parameter");
  assert_refused ("sip:bob@example.org;ttl=1", "parameter");
  assert_refused ("sip:bob@example.org;lr", "parameter");
  assert_refused ("sip:bob@example.org;cause=302", "parameter");
  assert_refused ("sip:b\xc3\xb6"
                  "b@example.org",
                  "ASCII");
  assert_refused ("sip:bob@ex\xff"
                  "mple.org",
                  "ASCII");
  assert_refused ("sip:bo b@example.org", "user part");
  assert_refused ("sip:bob@example.org ", "host");
}

static void
test_malformed (void)
{
  assert_refused (NULL, "empty");
  assert_refused ("", "empty");
  assert_refused (" ", "no address");
  assert_refused ("mobile", "no address");
  assert_refused ("http://example.org", "no address");
  assert_refused ("urn:service:sos", "no address");
  assert_refused ("sip:", "host");
  assert_refused ("sip:*", "host");
  assert_refused ("sip:@example.org", "before its @");
  assert_refused ("sip:bob@", "host");
  assert_refused ("sip:bob:secret@example.org", "password");
  assert_refused ("sip:bob%@example.org", "%");
  assert_refused ("sip:bob%2@example.org", "%");
  assert_refused ("sip:bob%zz@example.org", "%");
  assert_refused ("sip:#31@example.org", "%23");
  assert_refused ("sip:bob@example.org:", "host");
  assert_refused ("sip:bob@example.org:0", "host");
  assert_refused ("sip:bob@example.org:65536", "host");
  assert_refused ("sip:bob@example.org:05060", "host");
  assert_refused ("sip:bob@example.org:5060x", "host");
  assert_refused ("sip:bob@example.org:+5060", "host");
  assert_refused ("sip:bob@192.0.2", "host");
  assert_refused ("sip:bob@192.0.2.256", "host");
  assert_refused ("sip:bob@2001:db8::1", "host");
  assert_refused ("sip:bob@[2001:db8::1", "host");
  assert_refused ("sip:bob@[]", "host");
  assert_refused ("sip:bob@[fe80::1%25eth0]", "host");
  assert_refused ("sip:bob@[192.0.2.1]", "host");
  assert_refused ("sip:bob@-example.org", "host");
  assert_refused ("sip:bob@example-.org", "host");
  assert_refused ("sip:bob@example..org", "host");
  assert_refused ("sip:bob@.", "host");
  assert_refused ("sip:bob@under_score.org", "host");
  assert_refused ("sip:bob@example.org;", "parameter");
  assert_refused ("sip:bob@example.org;user", "user");
  assert_refused ("sip:bob@example.org;user=", "user");
  assert_refused ("sip:bob@example.org;user=a;b", "user");
  assert_refused ("sip:bob@example.org;user=phone;USER=phone", "twice");
  assert_refused ("sip:bob@example.org;transport=smoke", "transport");
  assert_refused ("sips:bob@example.org;transport=udp", "transport");
}

static void
test_length (void)
{
  g_autofree char *user = g_strnfill (DFL_TARGET_MAX_LENGTH - strlen ("sip:@example.org"), 'a');
  g_autofree char *longest = g_strdup_printf ("sip:%s@example.org", user);
  g_autofree char *too_long = g_strdup_printf ("sip:%sa@example.org", user);
  g_autofree char *digits = g_strnfill (DFL_TARGET_MAX_LENGTH, '1');
  g_autofree char *enormous = g_strnfill (10 * 1024, '1');
  g_autofree char *label = g_strnfill (64, 'a');
  g_autofree char *long_label = g_strdup_printf ("sip:bob@%s.org", label);

  assert_accepted (longest, FALSE, longest);
  assert_refused (too_long, "longer");
  /* Short enough itself, but not once it is a URI. */
  assert_refused (digits, "longer");
  assert_refused (enormous, "longer");
  assert_refused (long_label, "host");
}

static void
test_domain (void)
{
  g_assert_true (dfl_target_is_domain ("example.org"));
  g_assert_true (dfl_target_is_domain ("example.org:5080"));
  g_assert_true (dfl_target_is_domain ("192.0.2.1:5080"));
  g_assert_true (dfl_target_is_domain ("[2001:db8::1]"));
  g_assert_true (dfl_target_is_domain ("[2001:db8::1]:5080"));
  g_assert_false (dfl_target_is_domain (NULL));
  g_assert_false (dfl_target_is_domain (""));
  g_assert_false (dfl_target_is_domain (":5080"));
  g_assert_false (dfl_target_is_domain ("example.org;user=phone"));
  g_assert_false (dfl_target_is_domain ("alice@example.org"));
  g_assert_false (dfl_target_is_domain ("[2001:db8::1]5080"));
  g_assert_false (dfl_target_is_domain ("2001:db8::1"));
  g_assert_false (dfl_target_is_domain ("example.org:5080:1"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/target/kind", test_kind);
  g_test_add_func ("/target/uris", test_uris);
  g_test_add_func ("/target/numbers", test_numbers);
  g_test_add_func ("/target/without-redirect-domain", test_without_redirect_domain);
  g_test_add_func ("/target/injection", test_injection);
  g_test_add_func ("/target/malformed", test_malformed);
  g_test_add_func ("/target/length", test_length);
  g_test_add_func ("/target/domain", test_domain);

  return g_test_run ();
}
