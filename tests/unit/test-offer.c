/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/offer.h"

#include <string.h>

static void
assert_clean (const char *text, gssize length, gsize max_bytes, const char *expected)
{
  g_autofree char *clean = dfl_text_clean (text, length, max_bytes);

  g_assert_cmpstr (clean, ==, expected);
  g_assert_true (g_utf8_validate (clean, -1, NULL));
}

static void
test_plain (void)
{
  assert_clean ("", -1, 100, "");
  assert_clean ("Carol", -1, 100, "Carol");
  assert_clean ("Carol", 3, 100, "Car");
  assert_clean ("Jos\xc3\xa9 \xe6\x9d\x8e \xf0\x9f\x98\x80", -1, 100,
                "Jos\xc3\xa9 \xe6\x9d\x8e \xf0\x9f\x98\x80");
}

static void
test_control (void)
{
  assert_clean ("a\tb\r\nc\x1b[31md\x7f", -1, 100, "abc[31md");
  assert_clean ("a\0b", 3, 100, "ab");
  assert_clean ("\0", 1, 100, "");
  assert_clean ("a\xc2\x80\xc2\x9f\xc2\xa0z", -1, 100, "a\xc2\xa0z");
  /* Bidirectional controls, marks and isolates; line and paragraph separators. */
  assert_clean ("a\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"
                "\xe2\x80\xa8\xe2\x80\xa9z",
                -1, 100, "az");
  /* Their neighbours stay. */
  assert_clean ("\xe2\x80\xaf\xe2\x80\xa7\xe2\x81\xa5", -1, 100,
                "\xe2\x80\xaf\xe2\x80\xa7\xe2\x81\xa5");
}

static void
test_invalid (void)
{
  assert_clean ("J\xfcrgen", -1, 100, "J\xef\xbf\xbdrgen");
  assert_clean ("\xe2\x82", -1, 100, "\xef\xbf\xbd\xef\xbf\xbd");
  /* Surrogates, overlong forms and what is beyond Unicode. */
  assert_clean ("\xed\xa0\x80", -1, 100, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  assert_clean ("\xc0\xaf", -1, 100, "\xef\xbf\xbd\xef\xbf\xbd");
  assert_clean ("\xf4\x90\x80\x80", -1, 100, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  /* A character that the length cuts. */
  assert_clean ("\xc3\xa9", 1, 100, "\xef\xbf\xbd");
}

static void
test_cut (void)
{
  assert_clean ("abcdef", -1, 3, "abc");
  assert_clean ("ab\xc3\xa9", -1, 3, "ab");
  assert_clean ("ab\xc3\xa9", -1, 4, "ab\xc3\xa9");
  assert_clean ("\xff", -1, 2, "");
  assert_clean ("abc", -1, 0, "");
  /* What goes does not count. */
  assert_clean ("\r\n\r\nabc", -1, 3, "abc");
}

static void
test_random (void)
{
  for (int round = 0; round < 20000; round++)
    {
      char text[24];
      gsize length = g_test_rand_int_range (0, sizeof (text));
      gsize max_bytes = g_test_rand_int_range (0, 80);
      g_autofree char *clean = NULL;
      g_autofree char *again = NULL;

      for (gsize i = 0; i < length; i++)
        text[i] = (char)g_test_rand_int_range (0, 256);
      clean = dfl_text_clean (text, length, max_bytes);
      again = dfl_text_clean (clean, -1, max_bytes);

      g_assert_true (g_utf8_validate (clean, -1, NULL));
      g_assert_cmpuint (strlen (clean), <=, max_bytes);
      g_assert_cmpstr (clean, ==, again);
    }
}

static void
test_new (void)
{
  g_autoptr (DflOffer) offer = dfl_offer_new ();
  g_autoptr (DflIdentity) identity = dfl_identity_new ();
  g_autoptr (DflDiversion) diversion = dfl_diversion_new ();

  g_assert_cmpstr (offer->sip_call_id, ==, "");
  g_assert_cmpstr (offer->caller_name, ==, "");
  g_assert_cmpuint (offer->identities->len, ==, 0);
  g_assert_cmpuint (offer->diverted_from->len, ==, 0);
  g_assert_cmpstr (dfl_presentation_to_string (offer->presentation), ==, "unavailable");
  g_assert_cmpstr (identity->number, ==, "");
  g_assert_cmpuint (diversion->counter, ==, 1);

  g_ptr_array_add (offer->identities, g_steal_pointer (&identity));
  g_ptr_array_add (offer->diverted_from, g_steal_pointer (&diversion));

  g_assert_cmpstr (dfl_presentation_to_string (DFL_PRESENTATION_ALLOWED), ==, "allowed");
  g_assert_cmpstr (dfl_presentation_to_string (DFL_PRESENTATION_ANONYMOUS), ==, "anonymous");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/offer/new", test_new);
  g_test_add_func ("/offer/clean/plain", test_plain);
  g_test_add_func ("/offer/clean/control", test_control);
  g_test_add_func ("/offer/clean/invalid", test_invalid);
  g_test_add_func ("/offer/clean/cut", test_cut);
  g_test_add_func ("/offer/clean/random", test_random);

  return g_test_run ();
}
