/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reader of address lists, and what it makes of an INVITE: RFC 3261 section 20, RFC 3325
 * (P-Asserted-Identity), RFC 3323 (Privacy), RFC 5806 (Diversion), RFC 7044 (History-Info). */

#include <string.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#include "core/account.h"
#include "sip/headers.h"
#include "sip/identity.h"

/* --- The reader --- */

static void
assert_entry (const char *text, const char *name, const char *address)
{
  DflHeaderEntry entry;
  g_autofree char *found_name = NULL;
  g_autofree char *found_address = NULL;

  g_assert_true (dfl_header_next (&text, &entry));
  found_name = dfl_header_dup_name (&entry);
  found_address = dfl_header_dup_address (&entry);
  g_assert_cmpstr (found_name, ==, name);
  g_assert_cmpstr (found_address, ==, address);
}

static void
test_entries (void)
{
  assert_entry ("<sip:a@b>", "", "sip:a@b");
  assert_entry ("  Bob <sip:a@b>;tag=1", "Bob", "sip:a@b");
  assert_entry ("\"Bob, \\\"B\\\" <x>\" <sip:a@b;user=phone>", "Bob, \"B\" <x>",
                "sip:a@b;user=phone");
  assert_entry ("sip:a@b;tag=1", "", "sip:a@b");
  assert_entry ("tel:+49301", "", "tel:+49301");
  assert_entry (",, , <sip:a@b>", "", "sip:a@b");
  assert_entry ("<sip:a@b?Reason=x>", "", "sip:a@b");
  /* Torn pieces: whatever can be made out, and never an endless loop. */
  assert_entry ("<sip:a@b", "", "sip:a@b");
  assert_entry ("\"Bob <sip:a@b>", "", "\"Bob <sip:a@b>");
  assert_entry ("<>", "", "");
  assert_entry (">", "", ">");
  assert_entry ("\"\\", "", "\"\\");
}

static void
test_lists (void)
{
  const char *text = "\"A, a\" <sip:a@x>;p=\"1,2\",sip:b@x;q=1 ,\r\n <sip:c@x,y>, ";
  DflHeaderEntry entry;
  guint n = 0;

  while (dfl_header_next (&text, &entry))
    n++;
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpstr (text, ==, "");
  text = " , ,";
  g_assert_false (dfl_header_next (&text, &entry));
}

static void
assert_parameter (const char *text, const char *name, const char *value)
{
  DflHeaderEntry entry;
  g_autofree char *found = NULL;

  g_assert_true (dfl_header_next (&text, &entry));
  found = dfl_header_dup_parameter (&entry, name);
  g_assert_cmpstr (found, ==, value);
}

static void
test_parameters (void)
{
  const char *text = "<sip:a@b;inside=1>;Reason=\"user;busy\" ; COUNTER = 2;flag;=x;privacy=full";

  assert_parameter (text, "reason", "user;busy");
  assert_parameter (text, "counter", "2");
  assert_parameter (text, "flag", "");
  assert_parameter (text, "privacy", "full");
  assert_parameter (text, "inside", NULL);
  assert_parameter (text, "count", NULL);
  assert_parameter ("sip:a@b;counter=5", "counter", "5");
  assert_parameter ("<sip:a@b>", "counter", NULL);
  assert_parameter ("<sip:a@b>;reason=\"torn", "reason", "torn");
  assert_parameter ("<sip:a@b>;reason=a\x80z", "reason", "a\xef\xbf\xbdz");
}

static void
test_uri_parameters (void)
{
  const char *text = "<sip:a;cause=1@b;cause=486>;cause=7";
  DflHeaderEntry entry;
  g_autofree char *cause = NULL;
  g_autofree char *none = NULL;

  g_assert_true (dfl_header_next (&text, &entry));
  cause = dfl_header_dup_uri_parameter (&entry, "Cause");
  none = dfl_header_dup_uri_parameter (&entry, "user");
  g_assert_cmpstr (cause, ==, "486");
  g_assert_null (none);
}

static void
test_embedded (void)
{
  const char *text = "<sip:a@b?Subject=x&reason=SIP%3Bcause%3D486%3btext%3D%22a%2Cb%22&y>;index=1";
  DflHeaderEntry entry;
  g_autofree char *reason = NULL;
  g_autofree char *none = NULL;

  g_assert_true (dfl_header_next (&text, &entry));
  reason = dfl_header_dup_embedded (&entry, "Reason");
  none = dfl_header_dup_embedded (&entry, "Privacy");
  g_assert_cmpstr (reason, ==, "SIP;cause=486;text=\"a,b\"");
  g_assert_null (none);
}

static void
test_uri_host (void)
{
  static const struct
  {
    const char *uri, *host;
  } cases[] = { { "sip:a@Anonymous.INVALID", "Anonymous.INVALID" },
                { "SIPS:a@b.example:5061;x=y", "b.example" },
                { "sip:b.example", "b.example" },
                { "sip:a@[2001:db8::1]:5060", "[2001:db8::1]" },
                { "sip:a@[torn", "[torn" },
                { "tel:+49", "" },
                { "sip", "" },
                { "", "" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      DflSpan span = dfl_header_uri_host (cases[i].uri);
      g_autofree char *host = g_strndup (span.text, span.length);

      g_assert_cmpstr (host, ==, cases[i].host);
    }
}

/* --- The identity --- */

static DflOffer *
read_invite (gboolean trusted, const char *from, const char *more)
{
  g_autofree char *text = g_strdup_printf ("INVITE sip:alice@192.0.2.1:5060 SIP/2.0\r\n"
                                           "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK12345678\r\n"
                                           "From: %s\r\n"
                                           "To: <sip:alice@example.org>\r\n"
                                           "Call-ID: abc@192.0.2.2\r\n"
                                           "CSeq: 1 INVITE\r\n"
                                           "%sContent-Length: 0\r\n\r\n",
                                           from, more);
  msg_t *msg = msg_make (sip_default_mclass (), 0, text, (ssize_t)strlen (text));
  g_autoptr (DflAccountSettings) settings = dfl_account_settings_new ("alice");
  DflOffer *offer;

  g_assert_nonnull (msg);
  g_free (settings->address);
  settings->address = g_strdup ("sip:alice@example.org");
  settings->trusted = trusted;
  offer = dfl_identity_read_invite (sip_object (msg), settings);
  msg_destroy (msg);
  return offer;
}

#define BOB "\"Bob\" <sip:bob@example.net>;tag=1"

static void
test_from (void)
{
  g_autoptr (DflOffer) offer = read_invite (TRUE, BOB, "Subject: Hello\x07\r\nExpires: 30\r\n");

  g_assert_cmpint (offer->presentation, ==, DFL_PRESENTATION_ALLOWED);
  g_assert_cmpstr (offer->caller_address, ==, "sip:bob@example.net");
  g_assert_cmpstr (offer->caller_name, ==, "Bob");
  g_assert_cmpstr (offer->caller_source, ==, "From");
  g_assert_false (offer->caller_trusted);
  g_assert_cmpstr (offer->called_address, ==, "sip:alice@example.org");
  g_assert_cmpstr (offer->request_uri, ==, "sip:alice@192.0.2.1:5060");
  g_assert_cmpstr (offer->sip_call_id, ==, "abc@192.0.2.2");
  g_assert_cmpstr (offer->subject, ==, "Hello");
  g_assert_true (offer->has_expires);
  g_assert_cmpuint (offer->expires, ==, 30);
  g_assert_false (offer->secure);
}

static void
test_asserted (void)
{
  const char *more = "P-Asserted-Identity: <sip:+49301@net>, \"Carol\" <tel:+49301>\r\n"
                     "P-Preferred-Identity: <sip:mallory@net>\r\n"
                     "P-Called-Party-ID: <sip:sales@example.org>\r\n";
  g_autoptr (DflOffer) trusted = read_invite (TRUE, BOB, more);
  g_autoptr (DflOffer) claimed = read_invite (FALSE, BOB, more);

  g_assert_cmpuint (trusted->identities->len, ==, 3);
  g_assert_cmpstr (trusted->caller_address, ==, "sip:+49301@net");
  g_assert_cmpstr (trusted->caller_number, ==, "+49301");
  g_assert_cmpstr (trusted->caller_name, ==, "Carol");
  g_assert_cmpstr (trusted->caller_source, ==, "P-Asserted-Identity");
  g_assert_true (trusted->caller_trusted);
  g_assert_cmpstr (trusted->called_address, ==, "sip:sales@example.org");

  /* What an untrusted hop asserts is shown, but behind the From and as a claim. */
  g_assert_cmpuint (claimed->identities->len, ==, 3);
  g_assert_cmpstr (claimed->caller_source, ==, "From");
  g_assert_false (claimed->caller_trusted);
  g_assert_false (((DflIdentity *)claimed->identities->pdata[1])->trusted);
  g_assert_cmpstr (claimed->called_address, ==, "sip:alice@example.org");
}

static void
test_remote_party (void)
{
  g_autoptr (DflOffer) screened = read_invite (
      TRUE, BOB, "Remote-Party-ID: \"R\" <sip:55@net>;party=calling;screen=YES;privacy=off\r\n");
  g_autoptr (DflOffer) unscreened = read_invite (TRUE, BOB,
                                                 "Remote-Party-ID: <sip:55@net>;screen=no\r\n");
  g_autoptr (DflOffer) called
      = read_invite (TRUE, BOB, "Remote-Party-ID: <sip:55@net>;party=called;screen=yes\r\n");
  g_autoptr (DflOffer) hidden
      = read_invite (TRUE, BOB, "Remote-Party-ID: <sip:55@net>;screen=yes;privacy=full\r\n");

  g_assert_cmpstr (screened->caller_address, ==, "sip:55@net");
  g_assert_true (screened->caller_trusted);
  g_assert_cmpstr (unscreened->caller_source, ==, "From");
  g_assert_cmpuint (called->identities->len, ==, 1);
  g_assert_cmpint (hidden->presentation, ==, DFL_PRESENTATION_ANONYMOUS);
}

static void
test_anonymous (void)
{
  static const char *const privacy[] = { "id", "user", "header", "user;id;critical" };
  g_autoptr (DflOffer) invalid
      = read_invite (TRUE, "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
                     "P-Asserted-Identity: <sip:55@net>\r\n");
  g_autoptr (DflOffer) none
      = read_invite (TRUE, BOB, "Privacy: none\r\nP-Asserted-Identity: <sip:55@net>\r\n");
  g_autoptr (DflOffer) unavailable = read_invite (TRUE, "<sip:unavailable@unknown.invalid>;tag=1",
                                                  "");

  g_assert_cmpint (invalid->presentation, ==, DFL_PRESENTATION_ANONYMOUS);
  g_assert_cmpstr (invalid->caller_address, ==, "");
  g_assert_cmpstr (invalid->caller_number, ==, "");
  g_assert_cmpstr (invalid->caller_name, ==, "");
  /* Who may look at the identities may see what the network asserted. */
  g_assert_cmpstr (((DflIdentity *)invalid->identities->pdata[0])->address, ==, "sip:55@net");
  g_assert_true (((DflIdentity *)invalid->identities->pdata[0])->trusted);
  g_assert_cmpint (none->presentation, ==, DFL_PRESENTATION_ALLOWED);
  g_assert_cmpint (unavailable->presentation, ==, DFL_PRESENTATION_UNAVAILABLE);

  for (guint i = 0; i < G_N_ELEMENTS (privacy); i++)
    {
      g_autofree char *more = g_strdup_printf ("Privacy: %s\r\n", privacy[i]);
      g_autoptr (DflOffer) offer = read_invite (TRUE, BOB, more);

      g_assert_cmpint (offer->presentation, ==, DFL_PRESENTATION_ANONYMOUS);
    }
}

static void
test_verstat (void)
{
  g_autoptr (DflOffer) passed = read_invite (TRUE,
                                             "<sip:+4930@net;verstat=TN-Validation-Passed>;tag=1",
                                             "");
  g_autoptr (DflOffer) forged = read_invite (FALSE,
                                             "<sip:+4930@net;verstat=TN-Validation-Passed>;tag=1",
                                             "");
  g_autoptr (DflOffer) failed = read_invite (
      TRUE, BOB, "P-Asserted-Identity: <sip:+4930@net;verstat=TN-Validation-Failed>\r\n");

  g_assert_true (passed->caller_trusted);
  g_assert_false (forged->caller_trusted);
  g_assert_cmpstr (failed->caller_source, ==, "From");
}

static const DflDiversion *
diversion (const DflOffer *offer, guint i)
{
  return g_ptr_array_index (offer->diverted_from, i);
}

static void
test_diversion (void)
{
  g_autoptr (DflOffer) offer
      = read_invite (TRUE, BOB,
                     "Diversion: \"B\" <sip:b@x>;reason=user-busy;counter=2;privacy=full, "
                     "<sip:c@x>;reason=unconditional\r\n"
                     "Diversion: <tel:+4930>;counter=abc\r\n");

  g_assert_cmpuint (offer->diverted_from->len, ==, 3);
  g_assert_cmpstr (diversion (offer, 0)->source, ==, "Diversion");
  g_assert_cmpstr (diversion (offer, 0)->address, ==, "sip:b@x");
  g_assert_cmpstr (diversion (offer, 0)->name, ==, "B");
  g_assert_cmpstr (diversion (offer, 0)->reason, ==, "user-busy");
  g_assert_cmpstr (diversion (offer, 0)->privacy, ==, "full");
  g_assert_cmpuint (diversion (offer, 0)->counter, ==, 2);
  g_assert_cmpstr (diversion (offer, 1)->address, ==, "sip:c@x");
  g_assert_cmpuint (diversion (offer, 1)->counter, ==, 1);
  g_assert_cmpstr (diversion (offer, 2)->address, ==, "tel:+4930");
  g_assert_cmpuint (diversion (offer, 2)->counter, ==, 1);
}

static void
test_history (void)
{
  g_autoptr (DflOffer) offer
      = read_invite (TRUE, BOB,
                     "History-Info: <sip:a@x?Reason=SIP%3Bcause%3D486&Privacy=history>;index=1,\r\n"
                     " <sip:b@x;cause=486>;index=1.1\r\n"
                     "History-Info: <sip:alice@example.org;cause=302>;index=1.1.1,"
                     "<sip:alice@192.0.2.1>;index=1.1.1.1\r\n");
  g_autoptr (DflOffer) direct = read_invite (TRUE, BOB,
                                             "History-Info: <sip:alice@example.org>;index=1\r\n");

  g_assert_cmpuint (offer->diverted_from->len, ==, 2);
  g_assert_cmpstr (diversion (offer, 0)->source, ==, "History-Info");
  g_assert_cmpstr (diversion (offer, 0)->address, ==, "sip:b@x;cause=486");
  g_assert_cmpstr (diversion (offer, 0)->reason, ==, "302");
  g_assert_cmpstr (diversion (offer, 1)->address, ==, "sip:a@x");
  g_assert_cmpstr (diversion (offer, 1)->reason, ==, "486");
  g_assert_cmpstr (diversion (offer, 1)->privacy, ==, "history");
  g_assert_cmpuint (direct->diverted_from->len, ==, 0);
}

/* A 64 KB header must not become thousands of entries. */
static void
test_flood (void)
{
  g_autoptr (GString) more = g_string_new (NULL);
  g_autoptr (DflOffer) offer = NULL;

  for (guint i = 0; i < 3; i++)
    {
      static const char *const names[] = { "Diversion", "History-Info", "P-Asserted-Identity" };

      g_string_append_printf (more, "%s: <sip:x@x>", names[i]);
      for (guint j = 0; j < 3000; j++)
        g_string_append (more, ",<a:b>");
      g_string_append (more, "\r\n");
    }
  offer = read_invite (TRUE, BOB, more->str);
  g_assert_cmpuint (offer->diverted_from->len, <=, 50);
  g_assert_cmpuint (offer->identities->len, <=, 51);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/headers/entries", test_entries);
  g_test_add_func ("/headers/lists", test_lists);
  g_test_add_func ("/headers/parameters", test_parameters);
  g_test_add_func ("/headers/uri-parameters", test_uri_parameters);
  g_test_add_func ("/headers/embedded", test_embedded);
  g_test_add_func ("/headers/uri-host", test_uri_host);
  g_test_add_func ("/identity/from", test_from);
  g_test_add_func ("/identity/asserted", test_asserted);
  g_test_add_func ("/identity/remote-party", test_remote_party);
  g_test_add_func ("/identity/anonymous", test_anonymous);
  g_test_add_func ("/identity/verstat", test_verstat);
  g_test_add_func ("/identity/diversion", test_diversion);
  g_test_add_func ("/identity/history", test_history);
  g_test_add_func ("/identity/flood", test_flood);
  return g_test_run ();
}
