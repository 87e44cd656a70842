/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The agent registers over UDP at a registrar of ours, which reads and writes bytes. */

#include <string.h>

#include "core/error.h"
#include "registrar-scene.h"
#include "sip/token.h"

static void
test_register (void)
{
  Scene self;
  g_autoptr (RawRequest) request = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *place = NULL;
  g_autofree char *token = NULL;
  const DflRegistrationReport *report;

  scene_open (&self);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_CONNECTING, "");
  request = raw_request_receive (self.peer, "REGISTER");

  contact = scene_get_contact (request);
  token = g_strndup (contact + 4, DFL_TOKEN_LENGTH);
  place = g_strdup_printf ("127.0.0.1:%u", self.room->udp_port);
  expected = g_strdup_printf ("sip:%s@%s", token, place);
  g_assert_cmpstr (contact, ==, expected);
  g_assert_true (
      g_str_has_prefix (raw_request_get (request, "Via") + strlen ("SIP/2.0/UDP "), place));
  g_assert_nonnull (strstr (raw_request_get (request, "Contact"), ";+sip.instance=\"<urn:uuid:"));
  g_assert_nonnull (strstr (raw_request_get (request, "Contact"), ";reg-id=1;expires=600"));
  g_assert_null (strchr (raw_request_get (request, "Contact"), ','));
  g_assert_cmpstr (raw_request_get (request, "Expires"), ==, "600");
  g_assert_cmpstr (raw_request_get (request, "Supported"), ==, "path, outbound");
  g_assert_cmpstr (raw_request_get (request, "To"), ==, "<sip:bob@example.org>");
  g_assert_true (
      g_str_has_prefix (raw_request_get (request, "From"), "<sip:bob@example.org>;tag="));
  g_assert_cmpstr (raw_request_get (request, "Allow"), ==, "INVITE, ACK, CANCEL, OPTIONS, BYE");
  g_assert_null (raw_request_get (request, "Route"));
  g_assert_null (raw_request_get (request, "Authorization"));

  scene_grant (&self, request, "300");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_REGISTERED, "");
  report = dfl_account_get_registration (self.account);
  g_assert_cmpstr (report->server, ==, raw_peer_get_local (self.peer));
  g_assert_cmpint (report->transport, ==, DFL_TRANSPORT_UDP);
  g_assert_false (report->secure);
  g_assert_cmpint (report->until - dfl_clock_wall (self.room->clock), <=, 300 * G_USEC_PER_SEC);
  g_assert_cmpint (report->until - dfl_clock_wall (self.room->clock), >, 280 * G_USEC_PER_SEC);
  raw_peer_assert_silent (self.peer, 300);
  scene_close (&self);
}

/* The first INVITE may be faster than the answer to the REGISTER. */
static void
test_call_by_token (void)
{
  Scene self;
  g_autoptr (RawRequest) request = NULL;
  g_autoptr (RawCall) call = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *user = NULL;

  scene_open (&self);
  request = raw_request_receive (self.peer, "REGISTER");
  contact = scene_get_contact (request);
  user = g_strndup (contact + 4, DFL_TOKEN_LENGTH);
  call = raw_call_new (self.peer, user);
  raw_set (&call->request_uri, "%s", contact);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_assert_log (self.room, "added");
  scene_grant (&self, request, "600");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  room_redirect (room_wait_call (self.room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (self.room, 0);
  room_assert_log (self.room, "redirecting redirected removed");
  scene_close (&self);
}

/* What an earlier run left is taken back, once, and nobody else's. */
static void
test_left_overs (void)
{
  Scene self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *list = NULL;
  g_autofree char *expected = NULL;
  char token[DFL_TOKEN_LENGTH + 1];
  const guint8 secret[32] = { 0 };

  scene_open (&self);
  first = raw_request_receive (self.peer, "REGISTER");
  contact = scene_get_contact (first);
  dfl_token_new (secret, dfl_account_get_id (self.account), token);
  list = g_strdup_printf ("Contact: <sip:phone@192.0.2.1>;expires=3600, "
                          "<sip:%s@192.0.2.2:5060>;expires=100, <%s>;expires=600\r\n",
                          token, contact);
  raw_request_answer (first, self.peer, "200 OK", list);
  second = raw_request_receive (self.peer, "REGISTER");
  expected = g_strdup_printf ("<sip:%s@192.0.2.2:5060>;expires=0", token);
  g_assert_cmpstr (raw_request_get_nth (second, "Contact", 1), ==, expected);
  g_assert_null (raw_request_get_nth (second, "Contact", 2));
  g_assert_null (strstr (second->text, "phone"));
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_REGISTERED);
  raw_request_answer (second, self.peer, "200 OK", list); /* it did not listen */
  raw_peer_assert_silent (self.peer, 300);
  scene_close (&self);
}

static void
test_behind_nat (void)
{
  Scene self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;
  g_autofree char *inside = NULL;
  g_autofree char *outside = NULL;
  g_autofree char *former = NULL;
  g_autofree char *answer = NULL;
  g_autofree char *again = NULL;
  g_autofree char *extra = NULL;

  scene_open (&self);
  first = raw_request_receive (self.peer, "REGISTER");
  inside = scene_get_contact (first);
  extra = g_strdup_printf ("Contact: <%s>;expires=600\r\n", inside);
  answer = raw_request_format_answer (first, "200 OK", "=1024;received=198.51.100.1", extra);
  raw_peer_send_text (self.peer, answer);
  second = raw_request_receive (self.peer, "REGISTER");
  outside = scene_get_contact (second);
  g_assert_true (g_str_has_suffix (outside, "@198.51.100.1:1024"));
  g_assert_cmpint (strncmp (inside, outside, 4 + DFL_TOKEN_LENGTH), ==, 0);
  former = g_strdup_printf ("<%s>;expires=0", inside);
  g_assert_cmpstr (raw_request_get_nth (second, "Contact", 1), ==, former);
  again = raw_request_format_answer (second, "200 OK", "=1024;received=198.51.100.1", NULL);
  raw_peer_send_text (self.peer, again);
  raw_peer_assert_silent (self.peer, 300);
  scene_close (&self);
}

static void
test_refresh (void)
{
  Scene self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *same = NULL;
  gint64 waited;

  scene_open (&self);
  first = raw_request_receive (self.peer, "REGISTER");
  contact = scene_get_contact (first);
  scene_grant (&self, first, "2");
  second = raw_request_receive (self.peer, "REGISTER");
  waited = raw_elapsed (first->time, second->time);
  g_assert_cmpint (second->time.at - first->time.at, >=, 900 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (waited, <=, 1900 * G_TIME_SPAN_MILLISECOND * raw_slowness ());
  same = scene_get_contact (second);
  g_assert_cmpstr (contact, ==, same);
  g_assert_cmpstr (raw_request_get (second, "Call-ID"), ==, raw_request_get (first, "Call-ID"));
  g_assert_cmpuint (raw_request_get_cseq (second), ==, raw_request_get_cseq (first) + 1);

  /* A refresh that fails changes nothing until the time is over. */
  raw_request_answer (second, self.peer, "500 Oops", NULL);
  raw_wait_until (*dfl_account_get_state_reason (self.account) != '\0');
  scene_assert_state (&self, DFL_ACCOUNT_STATE_REGISTERED, "the server has a fault (500 Oops)");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_FAILED, "the server has a fault (500 Oops)");
  scene_close (&self);
}

static void
test_nobody_there (void)
{
  Scene self;

  scene_open (&self);
  raw_peer_hang_up (self.peer, FALSE);
  raw_peer_free (self.peer);
  self.peer = room_udp_peer (self.room);
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  g_assert_nonnull (strstr (dfl_account_get_state_reason (self.account), "cannot be reached"));
  scene_close (&self);
}

static void
test_silence (void)
{
  Scene self;
  gint64 start = g_get_monotonic_time ();

  scene_open (&self);
  raw_wait_until (*dfl_account_get_state_reason (self.account) != '\0');
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 4900 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_CONNECTING);
  g_assert_true (g_str_has_prefix (dfl_account_get_state_reason (self.account), "no answer from "));
  g_assert_true (g_str_has_suffix (dfl_account_get_state_reason (self.account), " yet"));
  scene_close (&self);
}

static void
test_host (void)
{
  Scene self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *same = NULL;

  scene_open (&self);
  first = scene_register (&self);
  dfl_sip_agent_host_changed (self.room->agent, DFL_HOST_NETWORK_CHANGED);
  raw_peer_assert_silent (self.peer, 200);
  dfl_sip_agent_host_changed (self.room->agent, DFL_HOST_RESUMED);
  second = raw_request_receive (self.peer, "REGISTER");
  contact = scene_get_contact (first);
  same = scene_get_contact (second);
  g_assert_cmpstr (contact, ==, same);
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_REGISTERED);
  scene_close (&self);
}

/* Answers that nobody asked for. */
static void
test_forged_answers (void)
{
  Scene self;
  g_autoptr (RawRequest) request = NULL;
  g_autoptr (RawPeer) stranger = NULL;
  g_autofree char *good = NULL;
  g_autoptr (GString) other_call = NULL;
  g_autoptr (GString) other_number = NULL;

  scene_open (&self);
  request = raw_request_receive (self.peer, "REGISTER");
  good = raw_request_format_answer (request, "200 OK", NULL, NULL);
  stranger = raw_peer_new_udp ("127.0.0.9", "127.0.0.1", self.room->udp_port);
  raw_peer_send_text (stranger, good);
  other_call = g_string_new (good);
  g_string_replace (other_call, "Call-ID: ", "Call-ID: x", 1);
  raw_peer_send_text (self.peer, other_call->str);
  other_number = g_string_new (good);
  g_string_replace (other_number, "CSeq: 1", "CSeq: 4", 1);
  raw_peer_send_text (self.peer, other_number->str);
  raw_run_for (200);
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_CONNECTING);
  raw_peer_flush (self.peer);
  raw_peer_send_text (self.peer, good);
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  scene_close (&self);
}

/* At most so many a second, in the order of asking, and none is forgotten. */
static void
test_pace (void)
{
  Scene self;
  DflAccountSettings *settings[30];
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gint64 first = 0, last = 0;

  self.room = room_new (NULL);
  self.peer = room_udp_peer (self.room);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      settings[i] = scene_make_settings (self.peer);
      raw_set (&settings[i]->name, "bob%02u", i);
      raw_set (&settings[i]->address, "sip:bob%02u@example.org", i);
      g_ptr_array_add (all, settings[i]);
    }
  dfl_switchboard_set_accounts (self.room->switchboard, all);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      g_autoptr (RawRequest) request = raw_request_receive (self.peer, "REGISTER");

      if (i == 0)
        first = request->time.at;
      last = request->time.at;
      g_assert_true (g_hash_table_add (seen, g_strdup (raw_request_get (request, "To"))));
      scene_grant (&self, request, "600");
    }
  g_assert_cmpint (last - first, >=, (gint64)(G_N_ELEMENTS (settings) - 2) * G_USEC_PER_SEC / 20);
  raw_peer_assert_silent (self.peer, 200);
  scene_close (&self);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registration/register", test_register);
  g_test_add_func ("/registration/call-by-token", test_call_by_token);
  g_test_add_func ("/registration/left-overs", test_left_overs);
  g_test_add_func ("/registration/behind-nat", test_behind_nat);
  g_test_add_func ("/registration/refresh", test_refresh);
  g_test_add_func ("/registration/nobody-there", test_nobody_there);
  g_test_add_func ("/registration/silence", test_silence);
  g_test_add_func ("/registration/host", test_host);
  g_test_add_func ("/registration/forged-answers", test_forged_answers);
  g_test_add_func ("/registration/pace", test_pace);
  return g_test_run ();
}
