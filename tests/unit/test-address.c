/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/address.h"

static void
assert_number (const char *address, const char *expected)
{
  g_autofree char *number = dfl_address_number (address);

  g_test_message ("%s", address);
  g_assert_cmpstr (number, ==, expected);
}

static void
assert_same (const char *a, const char *b, gboolean same)
{
  g_test_message ("%s and %s", a, b);
  g_assert_cmpint (dfl_address_same (a, b), ==, same);
  g_assert_cmpint (dfl_address_same (b, a), ==, same);
}

static void
test_number (void)
{
  assert_number ("sip:+4930123456@example.org", "+4930123456");
  assert_number ("sips:+49-30.123(456)@example.org;user=phone", "+4930123456");
  assert_number ("sip:+4930;phone-context=x@example.org", "+4930");
  assert_number ("sip:%2B4930%23@example.org", "+4930#");
  assert_number ("SIP:0301:secret@example.org", "0301");
  assert_number ("tel:+49-30-123456;phone-context=x", "+4930123456");
  assert_number ("+49 30 123456", "+4930123456");
  assert_number ("*97#", "*97#");
  assert_number ("sip:*97@example.org", "*97");
  assert_number ("sip:alice@example.org", NULL);
  assert_number ("sip:4930@", "4930");
  assert_number ("sip:example.org", NULL);
  assert_number ("sip:49+30@example.org", NULL);
  assert_number ("sip:-@example.org", NULL);
  assert_number ("sip:*@example.org", NULL);
  assert_number ("sip:49a@example.org", NULL);
  assert_number ("sip:4%3@example.org", NULL);
  assert_number ("anonymous", NULL);
  assert_number ("", NULL);
  assert_number (NULL, NULL);
}

static void
test_names (void)
{
  assert_same ("sip:alice@example.org", "sip:alice@example.org", TRUE);
  assert_same ("sip:alice@example.org", "SIPS:alice@EXAMPLE.org.", TRUE);
  assert_same ("sip:alice@example.org", "sip:%61lice@example.org", TRUE);
  assert_same ("sip:alice@example.org", "sip:alice@example.org:5060;transport=tcp", TRUE);
  assert_same ("sip:alice@example.org", "sips:alice@example.org:5061", TRUE);
  assert_same ("sip:alice@example.org", "sip:alice:secret@example.org?Subject=x", TRUE);
  assert_same ("sip:alice@[2001:db8::1]", "sip:alice@[2001:DB8:0:0::1]:5060", TRUE);
  assert_same ("sip:example.org", "sip:example.org:5060", TRUE);

  assert_same ("sip:alice@example.org", "sip:Alice@example.org", FALSE);
  assert_same ("sip:alice@example.org", "sip:bob@example.org", FALSE);
  assert_same ("sip:alice@example.org", "sip:alice@example.com", FALSE);
  assert_same ("sip:alice@example.org", "sip:alice@example.org:5061", FALSE);
  assert_same ("sip:alice@example.org", "sips:alice@example.org:5060", FALSE);
  assert_same ("sip:alice@example.org:5080", "sip:alice@example.org:5081", FALSE);
  assert_same ("sip:alice@example.org", "sip:example.org", FALSE);
  assert_same ("sip:alice@[2001:db8::1]", "sip:alice@[2001:db8::2]", FALSE);
}

static void
test_numbers (void)
{
  /* Global ones by their digits, wherever. */
  assert_same ("sip:+4930123456@example.org", "sip:+49-30-123456@elsewhere.example", TRUE);
  assert_same ("sip:+4930123456@example.org", "sip:004930123456@elsewhere.example", TRUE);
  assert_same ("sip:+4930123456@example.org", "tel:+4930123456", TRUE);
  assert_same ("sip:+4930123456@example.org", "sip:%2b4930123456@example.org", TRUE);
  assert_same ("sip:+4930123456@example.org", "+49 30 123456", TRUE);
  /* National ones, with and without the trunk prefix. */
  assert_same ("sip:+4930123456@example.org", "sip:030123456@example.org", TRUE);
  assert_same ("+4930123456", "030123456", TRUE);
  assert_same ("+39066982", "066982", TRUE);
  assert_same ("+15550100", "05550100", TRUE);
  assert_same ("+353155501", "0155501", TRUE);
  /* Others where the host is the same or any. */
  assert_same ("sip:7042@example.org", "sip:70-42@EXAMPLE.org", TRUE);
  assert_same ("sip:7042@example.org", "7042", TRUE);
  assert_same ("sip:7042@example.org", "tel:7042;phone-context=example.com", TRUE);

  assert_same ("+4930123456", "+4930123457", FALSE);
  assert_same ("+4989123456", "0123456", FALSE);
  assert_same ("+4930123456", "30123456", FALSE);
  assert_same ("+4930123456", "+493012345", FALSE);
  assert_same ("+49", "0", FALSE);
  assert_same ("+49", "00", FALSE);
  assert_same ("sip:7042@example.org", "sip:7042@example.com", FALSE);
  assert_same ("sip:030123456@example.org", "sip:030123456@example.com", FALSE);
  assert_same ("sip:7042@example.org", "sip:7042@example.org:5080", FALSE);
  assert_same ("sip:7042@example.org", "sip:alice@example.org", FALSE);
  assert_same ("*97", "97", FALSE);
}

static void
test_nothing (void)
{
  assert_same (NULL, NULL, FALSE);
  assert_same ("", "", FALSE);
  assert_same ("", "sip:alice@example.org", FALSE);
  assert_same ("alice", "alice", FALSE);
  assert_same ("urn:service:sos", "urn:service:sos", FALSE);
}

static void
test_junk (void)
{
  static const char *const junk[] = {
    "sip:",
    "sip:@",
    "sip:@@",
    "sip::@:",
    "sip:[",
    "sip:a@[",
    "sip:a@[:",
    "sip:a@]:1",
    "sip:a@b:",
    "sip:a@b:99999999999999999999",
    "sip:%",
    "sip:%4@b",
    "sip:%00@b",
    "tel:",
    "tel:;",
    ";",
    "+",
    "0",
    "00",
    "sip:a@b;c>d,e?f",
    "sips:\xff\xfe@\x80",
    "sip:0@.",
    "sip:a@.",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (junk); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (junk); j++)
      {
        g_autofree char *G_GNUC_UNUSED number = dfl_address_number (junk[i]);

        g_assert_cmpint (dfl_address_same (junk[i], junk[j]), ==,
                         dfl_address_same (junk[j], junk[i]));
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/address/number", test_number);
  g_test_add_func ("/address/names", test_names);
  g_test_add_func ("/address/numbers", test_numbers);
  g_test_add_func ("/address/nothing", test_nothing);
  g_test_add_func ("/address/junk", test_junk);

  return g_test_run ();
}
