/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts as people see them: what the columns say, on a terminal of 80 characters too. */

#include "listing.h"

#include <locale.h>
#include <string.h>
#include <time.h>

#include "output.h"

#define ACCOUNT "/org/deflectd1/account/"
#define REASON                                                                                     \
  "wrong password or username: correct them with `deflectctl account set NAME --password`"

#define SECOND ((guint64)G_USEC_PER_SEC)

static GVariant *
parse (const char *accounts)
{
  g_autoptr (GError) error = NULL;
  GVariant *objects = g_variant_parse (G_VARIANT_TYPE ("a{oa{sa{sv}}}"), accounts, NULL, NULL,
                                       &error);

  g_assert_no_error (error);
  return objects;
}

/* One of each state; 0a000001 is registered for some 9 minutes. */
static GVariant *
some_accounts (void)
{
  guint64 until = (guint64)g_get_real_time () + 570 * SECOND;
  g_autofree char *text = g_strdup_printf (
      "{'" ACCOUNT "0a000001': {'org.deflectd1.Account': {'Name': <'work'>,"
      "  'State': <'registered'>, 'Server': <'192.0.2.1:5061'>, 'Transport': <'tls'>,"
      "  'Secure': <true>, 'RegisteredUntil': <uint64 %" G_GUINT64_FORMAT ">}},"
      " '" ACCOUNT "0a000002': {'org.deflectd1.Account': {'Name': <'trusting'>,"
      "  'State': <'registered'>, 'Server': <'[2001:db8::1]:5061'>, 'Transport': <'tls'>,"
      "  'Secure': <false>, 'RegisteredUntil': <uint64 %" G_GUINT64_FORMAT ">}},"
      " '" ACCOUNT "0a000003': {'org.deflectd1.Account': {'Name': <'home'>,"
      "  'State': <'failed'>, 'Address': <'sip:home@example.org'>, 'StateReason': <'" REASON "'>}},"
      " '" ACCOUNT "0a000004': {'org.deflectd1.Account': {'Name': <'desk'>,"
      "  'State': <'direct'>, 'Secure': <false>}},"
      " '" ACCOUNT "0a000005': {'org.deflectd1.Account': {'Name': <'plain'>,"
      "  'State': <'registered'>, 'Server': <'192.0.2.2:5060'>, 'Transport': <'udp'>,"
      "  'Secure': <false>, 'RegisteredUntil': <uint64 %" G_GUINT64_FORMAT ">}},"
      " '" ACCOUNT "0a000006': {'org.deflectd1.Account': {'Name': <'new'>,"
      "  'State': <'connecting'>, 'Server': <'192.0.2.2:5061'>, 'Transport': <'tls'>,"
      "  'Secure': <false>}}}",
      until, until, until);

  return parse (text);
}

/* What print writes, where the terminal has so many columns. */
static void
assert_prints (void (*print) (void), const char *pattern)
{
  if (g_test_subprocess ())
    {
      print ();
      exit (0);
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout (pattern);
}

static void
print_accounts (void)
{
  g_autoptr (GVariant) objects = some_accounts ();

  g_assert_true (dfl_listing_accounts_print (objects));
}

static void
test_accounts (void)
{
  assert_prints (print_accounts,
                 "*ACCOUNT *ID *STATE *ADDRESS *SERVER *UNTIL*\n"
                 "desk *direct *\n"
                 "home *0a000003 failed *sip:home@example.org *\n"
                 "new *connecting *tls 192.0.2.2:5061*\n"
                 "plain *registered *udp 192.0.2.2:5060*in 9 min*\n"
                 "trusting *registered *tls [2001:db8::1]:5061*in 9 min*\n"
                 "work *registered *tls 192.0.2.1:5061*in 9 min*\n"
                 "\n"
                 "home: " REASON "\n"
                 "trusting: Warning: tls-verify=false, whoever answers is believed\n");
}

static void
test_count (void)
{
  g_autoptr (GVariant) objects = some_accounts ();
  g_autoptr (GVariant) nothing = parse ("{}");
  g_autofree char *some = dfl_listing_accounts_count (objects);
  g_autofree char *none = dfl_listing_accounts_count (nothing);

  g_assert_cmpstr (some, ==, "6 (3 registered, 1 direct, 1 connecting, 1 failed)");
  g_assert_cmpstr (none, ==, "0");
}

static void
print_properties (void)
{
  g_autofree char *text = g_strdup_printf ("{'RegisteredUntil': <uint64 %" G_GUINT64_FORMAT ">,"
                                           " 'OfferedAt': <uint64 86400000000>,"
                                           " 'Deadline': <uint64 0>, 'Secure': <true>}",
                                           (guint64)g_get_real_time () + 570 * SECOND);
  g_autoptr (GVariant) properties = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL,
                                                     NULL);

  dfl_listing_print_properties (properties);
}

static void
test_properties (void)
{
  assert_prints (print_properties, "RegisteredUntil*:??:?? (in 9 min)*\n"
                                   "OfferedAt*1970-01-0? ??:??:??\n"
                                   "Deadline*\n"
                                   "Secure*yes*\n");
}

static void
test_until (void)
{
  const struct
  {
    guint64 seconds;
    const char *text;
  } cases[] = {
    { 1, "in 1 s" },          { 119, "in 119 s" },
    { 120, "in 2 min" },      { 570, "in 9 min" },
    { 7199, "in 119 min" },   { 7200, "in 2 h" },
    { 172799, "in 47 h" },    { 172800, "in 2 days" },
    { 864000, "in 10 days" }, { 1ull << 43, "in 99999 days" },
  };
  const guint64 now = 1000 * SECOND;
  g_autofree char *never = dfl_output_until (0, now);
  g_autofree char *just_now = dfl_output_until (now, now);
  g_autofree char *past = dfl_output_until (1, now);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = dfl_output_until (now + cases[i].seconds * SECOND, now);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
  g_assert_cmpstr (never, ==, "");
  g_assert_cmpstr (just_now, ==, "over");
  g_assert_cmpstr (past, ==, "over");
}

int
main (int argc, char **argv)
{
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  g_setenv ("COLUMNS", "200", TRUE);
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/listing/accounts", test_accounts);
  g_test_add_func ("/listing/count", test_count);
  g_test_add_func ("/listing/properties", test_properties);
  g_test_add_func ("/listing/until", test_until);
  return g_test_run ();
}
