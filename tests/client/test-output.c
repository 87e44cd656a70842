/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Remote text on a terminal, and properties as people read them. */

#include "output.h"

#include <locale.h>

static void
assert_escaped (const char *text, const char *expected)
{
  g_autofree char *escaped = dfl_output_escape (text);

  g_assert_cmpstr (escaped, ==, expected);
}

static void
test_escape (void)
{
  assert_escaped ("", "");
  assert_escaped ("Carol Jensen <sip:carol@example.org>", "Carol Jensen <sip:carol@example.org>");
  assert_escaped ("Zoë Müller 日本", "Zoë Müller 日本");
  assert_escaped ("\033[31mred\033]0;title\007", "\\u001b[31mred\\u001b]0;title\\u0007");
  assert_escaped ("a\r\nb\tc\x7f", "a\\u000d\\u000ab\\u0009c\\u007f");
  /* C1: an 8-bit terminal takes U+009B for the beginning of an escape sequence. */
  assert_escaped ("\xc2\x9b"
                  "31m",
                  "\\u009b31m");
  /* What reverses, hides or joins text. */
  assert_escaped ("\u202Egro.elpmaxe\u202C", "\\u202egro.elpmaxe\\u202c");
  assert_escaped ("\u2066a\u2069\u200e\u200f\u061c", "\\u2066a\\u2069\\u200e\\u200f\\u061c");
  assert_escaped ("a\u200bb\u2028c\u2029\ufeff", "a\\u200bb\\u2028c\\u2029\\ufeff");
  assert_escaped ("\U000e0041", "\\u{e0041}");
  /* No valid UTF-8: the bytes. */
  assert_escaped ("Caf\xe9 \xff\xc3", "Caf\\xe9 \\xff\\xc3");
  assert_escaped ("\xc0\x9b", "\\xc0\\x9b");
}

static void
test_strip (void)
{
  g_autofree char *clean = dfl_output_strip ("\033[31mBob\u202E \xff$(reboot)\n\"'");

  g_assert_cmpstr (clean, ==, "[31mBob $(reboot)\"'");
}

static GVariant *
call (const char *presentation, const char *name, const char *number, gboolean trusted)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "CallerPresentation", "s", presentation);
  g_variant_dict_insert (&dict, "CallerName", "s", name);
  g_variant_dict_insert (&dict, "CallerNumber", "s", number);
  g_variant_dict_insert (&dict, "CallerAddress", "s", "sip:carol@example.org");
  g_variant_dict_insert (&dict, "CallerTrusted", "b", trusted);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
test_caller (void)
{
  const struct
  {
    const char *presentation, *name, *number;
    gboolean trusted;
    const char *expected;
  } cases[] = {
    { "allowed", "Carol", "+4930", TRUE, "Carol +4930" },
    { "allowed", "Carol", "+4930", FALSE, "Carol +4930 (claimed)" },
    { "allowed", "", "+4930", TRUE, "+4930" },
    { "allowed", "Carol", "", FALSE, "Carol sip:carol@example.org (claimed)" },
    { "allowed", "An officer of your trusted bank (verified)", "+4930", FALSE,
      "An officer of your trusted bank… +4930 (claimed)" },
    /* Whatever else came with it stays hidden. */
    { "anonymous", "Carol", "+4930", TRUE, "anonymous" },
  };
  g_autoptr (GVariant) empty = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autofree char *unknown = dfl_output_caller (empty);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) properties = call (cases[i].presentation, cases[i].name, cases[i].number,
                                              cases[i].trusted);
      g_autofree char *text = dfl_output_caller (properties);

      g_assert_cmpstr (text, ==, cases[i].expected);
    }
  g_assert_cmpstr (unknown, ==, "unknown");
}

static void
test_property (void)
{
  const struct
  {
    const char *value, *expected;
  } cases[] = {
    { "'text'", "text" },
    { "true", "yes" },
    { "@as ['redirect', 'decline']", "redirect, decline" },
    { "@as []", "" },
    { "[{'source': <'From'>, 'trusted': <false>}, {'source': <'PAI'>}]",
      "source=From, trusted=no; source=PAI" },
    { "[('mobile', 'Mobile', 'sip:+4930@example.org')]", "mobile, Mobile, sip:+4930@example.org" },
    { "uint32 5", "5" },
    { "uint64 0", "" },
    /* A moment beyond all calendars must not be a problem. */
    { "uint64 18446744073709551615", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = g_variant_parse (NULL, cases[i].value, NULL, NULL, &error);
      g_autofree char *text = NULL;

      g_assert_no_error (error);
      text = dfl_output_property (value);
      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

static void
test_time (void)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *expected = g_date_time_format (now, "%H:%M:%S");
  g_autofree char *today = dfl_output_time ((guint64)g_date_time_to_unix (now) * G_USEC_PER_SEC);
  g_autofree char *long_ago = dfl_output_time (G_GUINT64_CONSTANT (1000000000) * G_USEC_PER_SEC);

  g_assert_cmpstr (today, ==, expected);
  g_assert_true (g_str_has_prefix (long_ago, "2001-09-"));
}

static void
test_json (void)
{
  g_autoptr (GVariant) properties = call ("allowed", "Ca\"rol\033", "+4930", FALSE);
  g_autoptr (JsonNode) node = dfl_output_object_json ("/org/deflectd1/call/0a1b2c3d", "alice",
                                                      properties);
  g_autofree char *text = json_to_string (node, FALSE);
  JsonObject *object = json_node_get_object (node);

  g_assert_cmpstr (json_object_get_string_member (object, "id"), ==, "0a1b2c3d");
  g_assert_cmpstr (json_object_get_string_member (object, "accountName"), ==, "alice");
  g_assert_false (json_object_get_boolean_member (object, "CallerTrusted"));
  g_assert_nonnull (strstr (text, "\"Ca\\\"rol\\u001b\""));
}

/* Runs in a process of its own, because it prints. */
static void
print_json (void)
{
  g_autoptr (JsonObject) object = json_object_new ();

  json_object_set_string_member (object, "name",
                                 "Z\u00f6e \xc2\x9b"
                                 "31m\x7f\u202e\U000e0041\033");
  dfl_output_json (json_node_init_object (json_node_alloc (), object), FALSE);
}

/* JSON goes to terminals too; escaped, it is the same text. */
static void
test_json_escape (void)
{
  if (g_test_subprocess ())
    {
      print_json ();
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout ("*{\"name\":\"Z\u00f6e \\u009b31m\\u007f\\u202e"
                             "\\udb40\\udc41\\u001b\"}*");
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/output/escape", test_escape);
  g_test_add_func ("/output/strip", test_strip);
  g_test_add_func ("/output/caller", test_caller);
  g_test_add_func ("/output/property", test_property);
  g_test_add_func ("/output/time", test_time);
  g_test_add_func ("/output/json", test_json);
  g_test_add_func ("/output/json-escape", test_json_escape);
  return g_test_run ();
}
