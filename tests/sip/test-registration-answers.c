/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a registrar answers, and what becomes of the account: challenges, refusals, demands. */

#include <string.h>

#include "registrar-scene.h"

static void
test_challenge (void)
{
  Scene self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;

  scene_open (&self);
  first = raw_request_receive (self.peer, "REGISTER");
  raw_request_answer (first, self.peer, "401 Unauthorized",
                      "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"abc\", "
                      "qop=\"auth\", algorithm=MD5\r\n");
  second = raw_request_receive (self.peer, "REGISTER");
  g_assert_nonnull (strstr (raw_request_get (second, "Authorization"), "username=\"bob\""));
  g_assert_cmpuint (raw_request_get_cseq (second), ==, raw_request_get_cseq (first) + 1);
  g_assert_cmpstr (raw_request_get (second, "Call-ID"), ==, raw_request_get (first, "Call-ID"));
  scene_grant (&self, second, "600");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  scene_close (&self);
}

static void
test_wrong_password (void)
{
  Scene self;

  scene_open (&self);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (RawRequest) request = raw_request_receive (self.peer, "REGISTER");

      g_assert_cmpint (raw_request_get (request, "Authorization") != NULL, ==, i > 0);
      raw_request_answer (request, self.peer, "401 Unauthorized",
                          i == 0 ? "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n"
                                 : "WWW-Authenticate: Digest realm=\"a\", nonce=\"2\"\r\n");
    }
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_FAILED,
                      "wrong password or username: correct them with `deflectctl account set bob "
                      "--password`, and the name for it with username=");
  raw_peer_assert_silent (self.peer, 500);

  /* The network comes and goes: no reason to try it again. */
  dfl_sip_agent_host_changed (self.room->agent, DFL_HOST_NETWORK_CHANGED);
  raw_peer_assert_silent (self.peer, 300);

  /* Somebody wants it: it is tried again. */
  g_assert_true (dfl_switchboard_register_account (self.room->switchboard, self.account, NULL));
  g_assert_cmpint (dfl_account_get_state (self.account), ==, DFL_ACCOUNT_STATE_CONNECTING);
  g_clear_pointer (&(RawRequest *){ raw_request_receive (self.peer, "REGISTER") },
                   raw_request_free);
  scene_close (&self);
}

static void
assert_failure (const char *status, const char *extra, const char *reason)
{
  Scene self;
  g_autoptr (RawRequest) request = NULL;

  scene_open (&self);
  request = raw_request_receive (self.peer, "REGISTER");
  raw_request_answer (request, self.peer, status, extra);
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_FAILED, reason);
  raw_peer_assert_silent (self.peer, 200);
  scene_close (&self);
}

static void
test_refusals (void)
{
  assert_failure ("403 Forbidden", NULL,
                  "the server refuses to register this account (403 Forbidden)");
  assert_failure ("404 Not Found", NULL, "the server does not know this number (404)");
  assert_failure ("503 Later", "Retry-After: 30\r\n",
                  "the server is not available now (503 Later)");
  assert_failure ("401 Unauthorized", NULL,
                  "the server asks for a kind of authentication that deflectd does not have");
}

static void
test_no_password (void)
{
  Scene self;
  DflAccountSettings *settings;
  g_autoptr (RawRequest) request = NULL;

  self.room = room_new (NULL);
  self.peer = room_udp_peer (self.room);
  settings = scene_make_settings (self.peer);
  g_clear_pointer (&settings->password, g_free);
  scene_update (&self, settings);
  request = raw_request_receive (self.peer, "REGISTER");
  raw_request_answer (request, self.peer, "401 Unauthorized",
                      "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_FAILED,
                      "the server asks for a password: give one with `deflectctl account set bob "
                      "--password`, and the name for it with username=");
  scene_close (&self);
}

static void
test_interval_too_brief (void)
{
  Scene self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;

  scene_open (&self);
  first = raw_request_receive (self.peer, "REGISTER");
  raw_request_answer (first, self.peer, "423 Interval Too Brief", "Min-Expires: 1800\r\n");
  second = raw_request_receive (self.peer, "REGISTER");
  g_assert_cmpstr (raw_request_get (second, "Expires"), ==, "1800");
  raw_request_answer (second, self.peer, "423 Interval Too Brief", "Min-Expires: 1800\r\n");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  raw_peer_assert_silent (self.peer, 200);
  scene_close (&self);
}

/* A server that asks for more each time is not followed for ever. */
static void
test_interval_grows (void)
{
  Scene self;
  guint n = 0;

  scene_open (&self);
  while (dfl_account_get_state (self.account) == DFL_ACCOUNT_STATE_CONNECTING)
    {
      g_autoptr (RawRequest) request = raw_request_receive (self.peer, "REGISTER");
      g_autofree char *extra = g_strdup_printf ("Min-Expires: %u\r\n", 700 + n);

      g_assert_cmpuint (++n, <, 10);
      raw_request_answer (request, self.peer, "423 Interval Too Brief", extra);
      raw_run_for (50);
    }
  scene_assert_state (&self, DFL_ACCOUNT_STATE_FAILED,
                      "the server wants registrations of 703 seconds or more (423)");
  raw_peer_assert_silent (self.peer, 200);
  scene_close (&self);
}

static void
challenge (Scene *self, RawRequest *request, guint nonce)
{
  g_autofree char *extra = g_strdup_printf (
      "WWW-Authenticate: Digest realm=\"a\", nonce=\"%u\", qop=\"auth\"\r\n", nonce);

  raw_request_answer (request, self->peer, "401 Unauthorized", extra);
}

/* Each nonce is good for one request: what was answered otherwise than by a challenge had the right
 * password, and the next challenge is not a refusal. */
static void
test_nonces_for_once (void)
{
  static const char *const answers[][2] = {
    { "423 Interval Too Brief", "Min-Expires: 1800\r\n" },
    { "420 Bad Extension", "Unsupported: outbound\r\n" },
    { "200 OK", NULL },
  };
  Scene self;

  scene_open (&self);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (RawRequest) open = raw_request_receive (self.peer, "REGISTER");
      g_autoptr (RawRequest) request = NULL;
      g_autofree char *text = NULL;

      challenge (&self, open, i);
      request = raw_request_receive (self.peer, "REGISTER");
      g_assert_nonnull (raw_request_get (request, "Authorization"));
      /* Seen through a NAT, so that the last one is followed by another one, too. */
      text = raw_request_format_answer (request, answers[i][0], "=1024;received=198.51.100.1",
                                        answers[i][1]);
      raw_peer_send_text (self.peer, text);
    }
  {
    g_autoptr (RawRequest) open = raw_request_receive (self.peer, "REGISTER");
    g_autoptr (RawRequest) request = NULL;

    challenge (&self, open, 9);
    request = raw_request_receive (self.peer, "REGISTER");
    scene_grant (&self, request, "1800");
  }
  raw_peer_assert_silent (self.peer, 200);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_REGISTERED, "");
  scene_close (&self);
}

static void
test_extensions (void)
{
  Scene self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;

  scene_open (&self);
  first = raw_request_receive (self.peer, "REGISTER");
  raw_request_answer (first, self.peer, "420 Bad Extension", "Unsupported: outbound\r\n");
  second = raw_request_receive (self.peer, "REGISTER");
  g_assert_cmpstr (raw_request_get (second, "Supported"), ==, "path");
  g_assert_null (strstr (raw_request_get (second, "Contact"), "reg-id"));
  raw_request_answer (second, self.peer, "420 Bad Extension", "Unsupported: outbound\r\n");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  scene_close (&self);
}

/* A server that keeps one contact, and that of somebody else: nobody reaches us, whatever it says
 * of the REGISTER. */
static void
test_not_kept (void)
{
  static const char *const sentence = "the server keeps another contact of this address and not "
                                      "ours: it must allow several contacts";
  Scene self;
  g_autoptr (RawRequest) request = NULL;

  assert_failure ("200 OK", "Contact: <sip:phone@192.0.2.9>;expires=3600\r\n", sentence);

  scene_open (&self);
  g_clear_pointer (&(RawRequest *){ scene_register (&self) }, raw_request_free);
  g_assert_true (dfl_switchboard_register_account (self.room->switchboard, self.account, NULL));
  request = raw_request_receive (self.peer, "REGISTER");
  raw_request_answer (request, self.peer, "200 OK",
                      "Contact: <sip:phone@192.0.2.9>;expires=3600\r\n");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_FAILED, sentence);
  scene_close (&self);
}

/* Other people's contacts may be anything, and so may what proxies add. */
static void
test_odd_answers (void)
{
  static const char *const oddities[] = {
    "Contact: <sip:desk@192.0.2.9>;expires=\"x\r\n",
    "Contact: <<<>>>;;;\r\n",
    "Contact: \r\n",
    "Contact: *\r\n",
    "Date: yesterday\r\n",
    "Expires: soon\r\n",
    "Service-Route: \xff\xfe\r\n",
    "Retry-After: -1\r\n",
    "Min-Expires: x\r\n",
    "WWW-Authenticate: Digest\r\n",
    "Warning: 1\r\n",
    "Path: nonsense\r\n",
    "P-Asserted-Identity: <\r\n",
    "X-Long: \xc3\x28\r\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (oddities); i++)
    {
      Scene self;
      g_autoptr (RawRequest) request = NULL;
      g_autofree char *contact = NULL;
      g_autofree char *extra = NULL;

      g_test_message ("%u", i);
      scene_open (&self);
      request = raw_request_receive (self.peer, "REGISTER");
      contact = scene_get_contact (request);
      extra = g_strdup_printf ("%sContact: <%s>;expires=77\r\n", oddities[i], contact);
      raw_request_answer (request, self.peer, "200 OK", extra);
      scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
      g_assert_cmpint (dfl_account_get_registration (self.account)->until
                           - dfl_clock_wall (self.room->clock),
                       <=, 77 * G_USEC_PER_SEC);
      scene_close (&self);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registration-answers/challenge", test_challenge);
  g_test_add_func ("/registration-answers/wrong-password", test_wrong_password);
  g_test_add_func ("/registration-answers/refusals", test_refusals);
  g_test_add_func ("/registration-answers/no-password", test_no_password);
  g_test_add_func ("/registration-answers/interval-too-brief", test_interval_too_brief);
  g_test_add_func ("/registration-answers/interval-grows", test_interval_grows);
  g_test_add_func ("/registration-answers/nonces-for-once", test_nonces_for_once);
  g_test_add_func ("/registration-answers/extensions", test_extensions);
  g_test_add_func ("/registration-answers/not-kept", test_not_kept);
  g_test_add_func ("/registration-answers/odd-answers", test_odd_answers);
  return g_test_run ();
}
