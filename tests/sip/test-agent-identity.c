/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who calls and whom, as it comes over the wire into an offer (requirements 24 to 26). */

#include <string.h>

#include "core/address.h"

#include "sip-room.h"

typedef struct
{
  Room *room;
  RawPeer *peer;
  RawCall *call;
  DflCall *offered;
  const DflOffer *offer;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->room = room_new (NULL);
  self->peer = room_udp_peer (self->room);
  self->call = raw_call_new (self->peer, "alice");
  self->call->free_form = TRUE;
}

static void
send_bytes (Fixture *self, const char *bytes, gsize length)
{
  raw_peer_send (self->peer, bytes, length);
  self->offered = room_wait_call (self->room);
  self->offer = dfl_call_get_offer (self->offered);
}

static void
offer (Fixture *self)
{
  g_autofree char *invite = raw_call_format (self->call, "INVITE", NULL, NULL);

  send_bytes (self, invite, strlen (invite));
}

static void
distrust (Fixture *self)
{
  DflAccountSettings *settings = room_account ("alice");

  settings->trusted = FALSE;
  room_set_accounts (self->room, settings, NULL);
}

static void
assert_text (const char *text)
{
  g_assert_nonnull (text);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      g_assert_false (g_unichar_iscntrl (c));
      g_assert_false (c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e)
                      || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029);
    }
}

static void
assert_all_texts (const DflOffer *offer)
{
  assert_text (offer->sip_call_id);
  assert_text (offer->request_uri);
  assert_text (offer->caller_address);
  assert_text (offer->caller_number);
  assert_text (offer->caller_name);
  assert_text (offer->caller_source);
  assert_text (offer->called_address);
  assert_text (offer->subject);
  for (guint i = 0; i < offer->identities->len; i++)
    {
      DflIdentity *identity = offer->identities->pdata[i];

      assert_text (identity->source);
      assert_text (identity->address);
      assert_text (identity->number);
      assert_text (identity->name);
    }
  for (guint i = 0; i < offer->diverted_from->len; i++)
    {
      DflDiversion *diversion = offer->diverted_from->pdata[i];

      assert_text (diversion->source);
      assert_text (diversion->address);
      assert_text (diversion->name);
      assert_text (diversion->reason);
      assert_text (diversion->privacy);
      g_assert_cmpuint (diversion->counter, >=, 1);
    }
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  if (self->offered != NULL)
    {
      assert_all_texts (self->offer);
      room_redirect (self->offered, ROOM_TARGET);
      raw_wait_until (raw_peer_get_n_waiting (self->peer) > 0);
      raw_peer_flush (self->peer);
      /* The ACK by branch alone; To and From may be beyond repair. */
      g_clear_pointer (&self->call->to_tag, g_free);
      raw_set (&self->call->to_tag, "x");
      raw_call_ack (self->call);
      room_wait_n_calls (self->room, 0);
      room_assert_log (self->room, "added redirecting redirected removed");
    }
  room_forget_log (self->room);
  raw_call_free (self->call);
  raw_peer_free (self->peer);
  room_free (self->room);
}

static const DflIdentity *
find_identity (Fixture *self, const char *source, const char *address)
{
  for (guint i = 0; i < self->offer->identities->len; i++)
    {
      const DflIdentity *identity = self->offer->identities->pdata[i];

      if (g_str_equal (identity->source, source) && g_str_equal (identity->address, address))
        return identity;
    }
  g_error ("no %s with %s", source, address);
}

static void
assert_caller (Fixture *self,
               const char *source,
               const char *address,
               const char *number,
               const char *name,
               gboolean trusted)
{
  g_assert_cmpstr (self->offer->caller_source, ==, source);
  g_assert_cmpstr (self->offer->caller_address, ==, address);
  g_assert_cmpstr (self->offer->caller_number, ==, number);
  g_assert_cmpstr (self->offer->caller_name, ==, name);
  g_assert_cmpint (self->offer->caller_trusted, ==, trusted);
}

static void
test_plain (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, "Subject: Lunch?\r\nExpires: 600\r\n");
  raw_set (&self->call->request_uri, "sip:alice@192.0.2.1;transport=udp");
  offer (self);
  assert_caller (self, "From", "sip:bob@example.com", "", "Bob", FALSE);
  g_assert_cmpint (self->offer->presentation, ==, DFL_PRESENTATION_ALLOWED);
  g_assert_cmpuint (self->offer->identities->len, ==, 1);
  g_assert_cmpstr (self->offer->called_address, ==, "sip:alice@example.org");
  g_assert_cmpstr (self->offer->request_uri, ==, "sip:alice@192.0.2.1;transport=udp");
  g_assert_cmpstr (self->offer->sip_call_id, ==, self->call->call_id);
  g_assert_cmpstr (self->offer->subject, ==, "Lunch?");
  g_assert_true (self->offer->has_expires);
  g_assert_cmpuint (self->offer->expires, ==, 600);
  g_assert_false (self->offer->secure);
  g_assert_cmpuint (self->offer->diverted_from->len, ==, 0);
  g_assert_cmpint (ABS (self->offer->received - dfl_clock_now (self->room->clock)), <,
                   2 * G_USEC_PER_SEC * raw_slowness ());
  g_assert_cmpint (ABS (self->offer->received_wall - g_get_real_time ()), <,
                   2 * G_USEC_PER_SEC * raw_slowness ());
}

static void
test_compact_forms (Fixture *self, gconstpointer data)
{
  g_autofree char *text = NULL;

  raw_set (&self->call->from, "\"Bob\" <sip:+4930123456@example.com>;tag=1");
  text = g_strdup_printf ("INVITE sip:alice@192.0.2.1 SIP/2.0\r\n"
                          "v: %s\r\n"
                          "f: %s\r\n"
                          "t: <sip:alice@example.org>\r\n"
                          "i: %s\r\n"
                          "CSeq: 1 INVITE\r\n"
                          "s: compact\r\n"
                          "m: <sip:bob@example.com>\r\n"
                          "l: 0\r\n\r\n",
                          self->call->via, self->call->from, self->call->call_id);

  send_bytes (self, text, strlen (text));
  assert_caller (self, "From", "sip:+4930123456@example.com", "+4930123456", "Bob", FALSE);
  g_assert_cmpstr (self->offer->subject, ==, "compact");
  g_assert_cmpstr (self->offer->sip_call_id, ==, self->call->call_id);
}

/* Folded lines are legal, if rare (RFC 3261 section 7.3.1). */
static void
test_folded (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, "Subject: one\r\n  two\r\n"
                               "P-Asserted-Identity: \"Boss\"\r\n\t<sip:boss@example.net>\r\n");
  offer (self);
  g_assert_cmpstr (self->offer->caller_address, ==, "sip:boss@example.net");
  g_assert_cmpstr (self->offer->caller_name, ==, "Boss");
}

static void
test_from_tel (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "<tel:+49-(30)-123.456>;tag=1");
  offer (self);
  assert_caller (self, "From", "tel:+49-(30)-123.456", "+4930123456", "", FALSE);
}

/* RFC 2543 callers had no tags; nothing is gained by sending them away. */
static void
test_from_without_tag (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "<sip:old@example.com>");
  offer (self);
  assert_caller (self, "From", "sip:old@example.com", "", "", FALSE);
}

static void
test_from_without_brackets (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "sip:+4930123@example.com;tag=1");
  offer (self);
  assert_caller (self, "From", "sip:+4930123@example.com", "+4930123", "", FALSE);
}

static void
test_escaped_name (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "\"A \\\"B\\\" \\\\ <sip:evil@x>, C\" <sip:bob@example.com>;tag=1");
  offer (self);
  assert_caller (self, "From", "sip:bob@example.com", "", "A \"B\" \\ <sip:evil@x>, C", FALSE);
}

static void
test_utf8_names (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "\"J\xc3\xbcrgen \xe2\x82\xac\" <sip:bob@example.com>;tag=1");
  offer (self);
  g_assert_cmpstr (self->offer->caller_name, ==, "J\xc3\xbcrgen \xe2\x82\xac");
}

/* Not allowed without quotes, and common all the same. */
static void
test_utf8_without_quotes (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "J\xc3\xbcrgen M\xc3\xbcller <sip:bob@example.com>;tag=1");
  offer (self);
  g_assert_cmpstr (self->offer->caller_address, ==, "sip:bob@example.com");
  g_assert_cmpstr (self->offer->caller_name, ==, "J\xc3\xbcrgen M\xc3\xbcller");
}

static void
test_latin1 (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "\"J\xfcrgen\" <sip:bob@example.com>;tag=1");
  raw_set (&self->call->extra, "Subject: gr\xfc\xdf"
                               "e\r\n");
  offer (self);
  g_assert_cmpstr (self->offer->caller_name, ==, "J\xef\xbf\xbdrgen");
  g_assert_cmpstr (self->offer->caller_address, ==, "sip:bob@example.com");
}

static void
test_bidi (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "\"\xe2\x80\xae"
                              "01\xe2\x81\xa6 boss\x1b[2J\x7f\" <sip:bob@example.com>;tag=1");
  offer (self);
  g_assert_cmpstr (self->offer->caller_name, ==, "01 boss[2J");
}

/* A NUL byte in the middle of a header: dropped or answered or cleaned, but survived. */
static void
test_nul (Fixture *self, gconstpointer data)
{
  static const char *const places[] = { "Bo@b", "sip:bo@b@example.com", "Subject: a@b\r\n",
                                        "Call-@ID: x\r\n" };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autoptr (RawCall) call = raw_call_new (self->peer, "alice");
      g_autofree char *invite = NULL;
      gsize length;
      char *at;

      if (i == 0)
        raw_set (&call->from, "\"Bo\xa7"
                              "b\" <sip:bob@example.com>;tag=1");
      else if (i == 1)
        raw_set (&call->from, "\"Bob\" <sip:bo\xa7"
                              "b@example.com>;tag=1");
      else if (i == 2)
        raw_set (&call->extra, "Subject: a\xa7"
                               "b\r\n");
      else
        raw_set (&call->extra, "X-\xa7"
                               "Y: b\r\n");
      invite = raw_call_format (call, "INVITE", NULL, NULL);
      length = strlen (invite);
      at = strchr (invite, '\xa7');
      *at = '\0';
      raw_peer_send (self->peer, invite, length);
      raw_run_for (120);
      raw_peer_flush (self->peer);
      raw_call_cancel (call, NULL);
      raw_run_for (50);
      raw_call_ack (call);
      raw_run_for (50);
      raw_peer_flush (self->peer);
    }
  while (room_get_n_calls (self->room) > 0)
    {
      DflCall *call = room_wait_call (self->room);

      assert_all_texts (dfl_call_get_offer (call));
      dfl_call_leg_failed (call);
    }
  raw_run_for (100);
  raw_peer_flush (self->peer);
  room_forget_log (self->room);
}

static void
test_pai (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, "P-Asserted-Identity: \"Boss\" <sip:boss@example.net>\r\n");
  offer (self);
  assert_caller (self, "P-Asserted-Identity", "sip:boss@example.net", "", "Boss", TRUE);
  g_assert_cmpuint (self->offer->identities->len, ==, 2);
  g_assert_false (find_identity (self, "From", "sip:bob@example.com")->trusted);
}

/* RFC 3325 section 9.1: one sip and one tel, in one line or in two. */
static void
test_two_pais (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, "%s", (const char *)data);
  offer (self);
  g_assert_cmpuint (self->offer->identities->len, ==, 3);
  g_assert_true (find_identity (self, "P-Asserted-Identity", "sip:boss@example.net")->trusted);
  g_assert_true (find_identity (self, "P-Asserted-Identity", "tel:+4930123")->trusted);
  g_assert_cmpstr (find_identity (self, "P-Asserted-Identity", "tel:+4930123")->number, ==,
                   "+4930123");
  g_assert_cmpstr (self->offer->caller_source, ==, "P-Asserted-Identity");
}

static void
test_forged_pai (Fixture *self, gconstpointer data)
{
  distrust (self);
  raw_set (&self->call->extra, "P-Asserted-Identity: \"Boss\" <sip:boss@example.net>\r\n"
                               "Remote-Party-ID: <sip:rpid@example.net>;screen=yes\r\n"
                               "P-Called-Party-ID: <sip:ceo@example.net>\r\n");
  offer (self);
  g_assert_false (find_identity (self, "P-Asserted-Identity", "sip:boss@example.net")->trusted);
  g_assert_false (find_identity (self, "Remote-Party-ID", "sip:rpid@example.net")->trusted);
  g_assert_false (self->offer->caller_trusted);
  g_assert_cmpstr (self->offer->called_address, ==, "sip:alice@example.org");
}

static void
test_called_party (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, "P-Called-Party-ID: <sip:sales@example.org>\r\n");
  offer (self);
  g_assert_cmpstr (self->offer->called_address, ==, "sip:sales@example.org");
}

static void
test_rpid (Fixture *self, gconstpointer data)
{
  gboolean screened = GPOINTER_TO_INT (data);

  raw_set (&self->call->extra,
           "Remote-Party-ID: \"Boss\" <sip:+4930123@example.net>;party=calling;screen=%s;"
           "privacy=off\r\n",
           screened ? "yes" : "no");
  offer (self);
  g_assert_cmpint (find_identity (self, "Remote-Party-ID", "sip:+4930123@example.net")->trusted, ==,
                   screened);
  if (screened)
    assert_caller (self, "Remote-Party-ID", "sip:+4930123@example.net", "+4930123", "Boss", TRUE);
  else
    g_assert_false (self->offer->caller_trusted);
}

static void
test_ppi_ignored (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, "P-Preferred-Identity: <sip:wish@example.net>\r\n"
                               "Call-Info: <http://127.0.0.1:1/x>;purpose=icon\r\n"
                               "Alert-Info: <http://127.0.0.1:1/y>\r\n");
  offer (self);
  g_assert_cmpuint (self->offer->identities->len, ==, 1);
  assert_caller (self, "From", "sip:bob@example.com", "", "Bob", FALSE);
}

typedef struct
{
  const char *name;
  const char *from;
  const char *extra;
} AnonymousCase;

#define ANONYMOUS_FROM "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1"
#define BOSS "P-Asserted-Identity: \"Boss\" <sip:boss@example.net>\r\n"

static const AnonymousCase anonymous_cases[] = {
  { "from", ANONYMOUS_FROM, NULL },
  { "from-upper-case", "<sip:anonymous@ANONYMOUS.INVALID>;tag=1", NULL },
  { "from-with-pai", ANONYMOUS_FROM, BOSS },
  { "privacy-id", NULL, BOSS "Privacy: id\r\n" },
  { "privacy-user", NULL, BOSS "Privacy: user\r\n" },
  { "privacy-header", NULL, BOSS "Privacy: header\r\n" },
  { "privacy-several", NULL, BOSS "Privacy: critical; ID\r\n" },
  { "rpid-privacy", NULL,
    "Remote-Party-ID: \"Boss\" <sip:boss@example.net>;screen=yes;privacy=full\r\n" },
};

/* Anonymous even when an asserted identity is there; that one stays in the list of identities. */
static void
test_anonymous (Fixture *self, gconstpointer data)
{
  const AnonymousCase *what = data;

  if (what->from != NULL)
    raw_set (&self->call->from, "%s", what->from);
  if (what->extra != NULL)
    raw_set (&self->call->extra, "%s", what->extra);
  offer (self);
  g_assert_cmpint (self->offer->presentation, ==, DFL_PRESENTATION_ANONYMOUS);
  g_assert_cmpstr (self->offer->caller_address, ==, "");
  g_assert_cmpstr (self->offer->caller_number, ==, "");
  g_assert_cmpstr (self->offer->caller_name, ==, "");
}

static void
test_privacy_none (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, BOSS "Privacy: none\r\n");
  offer (self);
  g_assert_cmpint (self->offer->presentation, ==, DFL_PRESENTATION_ALLOWED);
  g_assert_cmpstr (self->offer->caller_address, ==, "sip:boss@example.net");
}

static const DflDiversion *
diversion (Fixture *self, guint n)
{
  g_assert_cmpuint (self->offer->diverted_from->len, >, n);
  return self->offer->diverted_from->pdata[n];
}

/* RFC 5806: the latest diversion stands first. */
static void
test_diversions (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra,
           "Diversion: \"Sales, all\" <sip:sales@example.org>;reason=user-busy;counter=2;"
           "privacy=\"full\", <tel:+4930555>;reason=deflection\r\n"
           "diversion: <sip:first@example.org>;reason=\"no-answer\";screen=no\r\n");
  offer (self);
  g_assert_cmpuint (self->offer->diverted_from->len, ==, 3);
  g_assert_cmpstr (diversion (self, 0)->source, ==, "Diversion");
  g_assert_cmpstr (diversion (self, 0)->address, ==, "sip:sales@example.org");
  g_assert_cmpstr (diversion (self, 0)->name, ==, "Sales, all");
  g_assert_cmpstr (diversion (self, 0)->reason, ==, "user-busy");
  g_assert_cmpstr (diversion (self, 0)->privacy, ==, "full");
  g_assert_cmpuint (diversion (self, 0)->counter, ==, 2);
  g_assert_cmpstr (diversion (self, 1)->address, ==, "tel:+4930555");
  g_assert_cmpstr (diversion (self, 1)->reason, ==, "deflection");
  g_assert_cmpuint (diversion (self, 1)->counter, ==, 1);
  g_assert_cmpstr (diversion (self, 2)->address, ==, "sip:first@example.org");
  g_assert_cmpstr (diversion (self, 2)->reason, ==, "no-answer");
}

/* RFC 7044: entries that were retargeted carry a cause; the last one, which is us, none. */
static void
test_history (Fixture *self, gconstpointer data)
{
  gboolean found = FALSE;

  raw_set (&self->call->extra,
           "History-Info: \"First\" <sip:first@example.org?Reason=SIP%%3Bcause%%3D486>;index=1\r\n"
           "History-Info: <sip:alice@example.org>;index=1.1;mp=1\r\n");
  offer (self);
  for (guint i = 0; i < self->offer->diverted_from->len; i++)
    {
      g_assert_cmpstr (diversion (self, i)->source, ==, "History-Info");
      if (g_str_has_prefix (diversion (self, i)->address, "sip:first@example.org"))
        found = TRUE;
    }
  g_assert_true (found);
}

/* Headers that have no end, no start or no sense make no entry that cannot be shown. */
static void
test_broken_chains (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->extra, "Diversion: \r\n"
                               "Diversion: ,,,\r\n"
                               "Diversion: \"never closed <sip:x@y>\r\n"
                               "Diversion: <sip:x@y\r\n"
                               "Diversion: ;reason=x\r\n"
                               "Diversion: <sip:n@y>;counter=-1;counter=99999999999\r\n"
                               "History-Info: <>;index=\r\n"
                               "History-Info: <sip:x?Reason=%%>\r\n"
                               "P-Asserted-Identity: \r\n"
                               "P-Asserted-Identity: \"\\\r\n"
                               "Remote-Party-ID: <\r\n"
                               "Privacy: ;;;\r\n"
                               "P-Called-Party-ID: >\r\n"
                               "Subject:\r\n");
  raw_call_invite (self->call);
  raw_run_for (120);
  if (room_get_n_calls (self->room) == 0)
    return; /* sent away, which is right too */
  self->offered = room_wait_call (self->room);
  self->offer = dfl_call_get_offer (self->offered);
  raw_call_cancel (self->call, NULL);
  room_wait_n_calls (self->room, 0);
  self->offered = NULL;
  raw_call_ack (self->call);
  raw_run_for (100);
  raw_peer_flush (self->peer);
}

static void
test_long_chain (Fixture *self, gconstpointer data)
{
  GString *extra = g_string_new (NULL);

  for (guint i = 0; i < 500; i++)
    g_string_append_printf (extra, "Diversion: <sip:user%u@example.org>;reason=unknown\r\n", i);
  raw_set (&self->call->extra, "%s", extra->str);
  g_string_free (extra, TRUE);
  offer (self);
  g_assert_cmpuint (self->offer->diverted_from->len, >, 4);
  {
    g_autoptr (GError) error = NULL;

    g_assert_false (dfl_call_redirect (self->offered, ROOM_TARGET, "user:test", &error));
  }
  raw_call_cancel (self->call, NULL);
  room_wait_n_calls (self->room, 0);
  self->offered = NULL;
  raw_call_ack (self->call);
  raw_run_for (50);
}

static void
test_nobody (Fixture *self, gconstpointer data)
{
  raw_set (&self->call->from, "<sip:pbx.example.com>;tag=1");
  offer (self);
  g_assert_cmpstr (self->offer->caller_number, ==, "");
  g_assert_cmpstr (self->offer->caller_name, ==, "");
}

static void
add (const char *path, gconstpointer data, void (*func) (Fixture *, gconstpointer))
{
  g_autofree char *whole = g_strconcat ("/sip/identity/", path, NULL);

  g_test_add (whole, Fixture, data, set_up, func, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("plain", NULL, test_plain);
  add ("compact-forms", NULL, test_compact_forms);
  add ("folded", NULL, test_folded);
  add ("from/tel", NULL, test_from_tel);
  add ("from/without-tag", NULL, test_from_without_tag);
  add ("from/without-brackets", NULL, test_from_without_brackets);
  add ("from/escaped-name", NULL, test_escaped_name);
  add ("from/utf8", NULL, test_utf8_names);
  add ("from/utf8-without-quotes", NULL, test_utf8_without_quotes);
  add ("from/latin1", NULL, test_latin1);
  add ("from/bidi", NULL, test_bidi);
  add ("from/nul", NULL, test_nul);
  add ("from/nobody", NULL, test_nobody);
  add ("pai", NULL, test_pai);
  add ("two-pais/one-line",
       "P-Asserted-Identity: \"Boss\" <sip:boss@example.net>, <tel:+4930123>\r\n", test_two_pais);
  add ("two-pais/two-lines",
       "P-Asserted-Identity: \"Boss\" <sip:boss@example.net>\r\n"
       "P-Asserted-Identity: <tel:+4930123>\r\n",
       test_two_pais);
  add ("forged-pai", NULL, test_forged_pai);
  add ("called-party", NULL, test_called_party);
  add ("rpid/screened", GINT_TO_POINTER (TRUE), test_rpid);
  add ("rpid/not-screened", GINT_TO_POINTER (FALSE), test_rpid);
  add ("ppi-ignored", NULL, test_ppi_ignored);
  for (guint i = 0; i < G_N_ELEMENTS (anonymous_cases); i++)
    {
      g_autofree char *path = g_strconcat ("anonymous/", anonymous_cases[i].name, NULL);

      add (path, &anonymous_cases[i], test_anonymous);
    }
  add ("privacy-none", NULL, test_privacy_none);
  add ("diversions", NULL, test_diversions);
  add ("history", NULL, test_history);
  add ("broken-chains", NULL, test_broken_chains);
  add ("long-chain", NULL, test_long_chain);
  return g_test_run ();
}
