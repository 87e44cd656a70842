/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a redirect refuses, and what it makes of a target. */

#include "core/error.h"
#include "fakes/call-fixture.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"

static void
assert_refused (DflCallFixture *self, const char *target, DflError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) checked = dfl_call_check_redirect (self->call, target, &error);

  g_test_message ("%s", target);
  g_assert_null (checked);
  g_assert_error (error, DFL_ERROR, (int)code);
  g_clear_error (&error);

  g_assert_false (dfl_call_redirect (self->call, target, "user:alice", &error));
  g_assert_error (error, DFL_ERROR, (int)code);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_OFFERED);
  g_assert_cmpstr (dfl_call_get_redirected_to (self->call), ==, "");
  dfl_signal_log_expect_none (self->log);
}

static void
assert_possible (DflCallFixture *self, const char *target, const char *uri)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) checked = dfl_call_check_redirect (self->call, target, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (dfl_target_get_uri (checked), ==, uri);
  dfl_signal_log_expect_none (self->log);
}

static void
test_targets (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);

  assert_possible (self, "sip:bob@example.org", "sip:bob@example.org");
  assert_possible (self, "tel:+49-155-50100", "sip:+4915550100@example.org;user=phone");
  assert_possible (self, "030 123", "sip:030123@example.org;user=phone");
  assert_refused (self, "mobile", DFL_ERROR_NOT_SUPPORTED);
  assert_refused (self, "", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "Mobile", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "sip:bob@example.org\r\nX: y", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "sip:bob@example.org?Replaces=x", DFL_ERROR_INVALID_TARGET);
  assert_refused (self, "*", DFL_ERROR_INVALID_TARGET);

  /* Refusals leave it redirectable. */
  dfl_call_fixture_redirect (self);
}

static void
test_own_address (DflCallFixture *self, gconstpointer data)
{
  dfl_call_fixture_offer (self);
  assert_refused (self, "sip:alice@example.org", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "SIPS:%61lice@EXAMPLE.ORG:5061", DFL_ERROR_LOOP_DETECTED);
  /* The contact that the INVITE was sent to. */
  assert_refused (self, "sip:alice@192.0.2.10:5062;transport=tcp", DFL_ERROR_LOOP_DETECTED);
  assert_possible (self, "sip:alice@192.0.2.11:5062", "sip:alice@192.0.2.11:5062");
}

/* An account that registers is called by its contact token, which nobody else has. */
static void
test_own_token (DflCallFixture *self, gconstpointer data)
{
  static const char token[] = "00112233445566778899aabbccddeeff0011223344556677";
  g_autofree char *request_uri = g_strconcat ("sip:", token, "@192.0.2.10:5062", NULL);
  g_autofree char *elsewhere = g_strconcat ("sip:", token, "@198.51.100.1:40000", NULL);
  g_autofree char *secure = g_strconcat ("sips:%30", token + 1, "@[2001:db8::1]", NULL);
  g_autofree char *upper = g_ascii_strup (elsewhere, -1);
  g_autofree char *longer = g_strconcat ("sip:", token, "0@198.51.100.1", NULL);

  self->settings->registers = TRUE;
  dfl_sample_set (&self->offer->request_uri, request_uri);
  dfl_call_fixture_offer (self);
  assert_refused (self, request_uri, DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, elsewhere, DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, secure, DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, upper, DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "sip:alice@example.org", DFL_ERROR_LOOP_DETECTED);
  assert_possible (self, longer, longer);
  assert_possible (self, "sip:alice@192.0.2.10:5062", "sip:alice@192.0.2.10:5062");
  assert_possible (self, "sip:192.0.2.10:5062", "sip:192.0.2.10:5062");
}

/* A Request-URI without a user part is no place to be found in others. */
static void
test_no_token (DflCallFixture *self, gconstpointer data)
{
  self->settings->registers = TRUE;
  dfl_sample_set (&self->offer->request_uri, "sip:192.0.2.10:5062");
  dfl_call_fixture_offer (self);
  assert_possible (self, "sip:gateway.example", "sip:gateway.example");
}

static void
test_own_number (DflCallFixture *self, gconstpointer data)
{
  dfl_sample_set (&self->settings->address, "sip:+4930123456@example.org");
  dfl_sample_set (&self->offer->request_uri, "sip:+4930123456@192.0.2.10");
  dfl_call_fixture_offer (self);
  assert_refused (self, "+49 30 123456", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "0049-30-123456", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "030 - 123456", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "sip:%2b49%330123456@elsewhere.example", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "tel:+49-30-123456", DFL_ERROR_LOOP_DETECTED);
  assert_possible (self, "030 123457", "sip:030123457@example.org;user=phone");
}

static void
test_caller (DflCallFixture *self, gconstpointer data)
{
  DflIdentity *from = dfl_identity_new ();

  dfl_sample_set (&from->source, "From");
  dfl_sample_set (&from->address, "sip:+442079460000@gateway.example");
  g_ptr_array_add (self->offer->identities, from);
  dfl_call_fixture_offer (self);
  assert_refused (self, "sip:carol@caller.example", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "+44 20 7946 0000", DFL_ERROR_LOOP_DETECTED);
  assert_possible (self, "sip:carol@example.org", "sip:carol@example.org");
}

static void
test_diverted (DflCallFixture *self, gconstpointer data)
{
  dfl_sample_add_diversion (self->offer, "sip:dave@example.org", 1);
  dfl_sample_add_diversion (self->offer, "tel:+4930999", 3);
  dfl_call_fixture_offer (self);
  assert_refused (self, "sip:dave@example.org", DFL_ERROR_LOOP_DETECTED);
  assert_refused (self, "030999", DFL_ERROR_LOOP_DETECTED);
  dfl_call_fixture_redirect (self);
}

static void
test_diverted_often (DflCallFixture *self, gconstpointer data)
{
  dfl_sample_add_diversion (self->offer, "sip:dave@example.org", GPOINTER_TO_UINT (data));
  dfl_sample_add_diversion (self->offer, "sip:erin@example.org", 1);
  dfl_call_fixture_offer (self);
  assert_refused (self, "sip:bob@example.org", DFL_ERROR_LOOP_DETECTED);
  dfl_call_fixture_decline (self);
}

/* The same four diversions, told in two ways: the call has not gone five hops. */
static void
test_diverted_told_twice (DflCallFixture *self, gconstpointer data)
{
  dfl_sample_add_diversion (self->offer, "sip:dave@example.org", 4);
  for (guint i = 0; i < 4; i++)
    {
      dfl_sample_add_diversion (self->offer, "sip:erin@example.org", 1);
      dfl_sample_set (&((DflDiversion *)self->offer->diverted_from->pdata[0])->source,
                      "History-Info");
    }
  dfl_call_fixture_offer (self);
  dfl_call_fixture_redirect (self);
}

static void
test_secure (DflCallFixture *self, gconstpointer data)
{
  self->offer->secure = TRUE;
  dfl_call_fixture_offer (self);
  assert_refused (self, "sip:bob@example.org", DFL_ERROR_TARGET_NOT_ALLOWED);
  assert_possible (self, "sips:bob@example.org", "sips:bob@example.org");
  assert_possible (self, "+4915550100", "sips:+4915550100@example.org;user=phone");
  assert_possible (self, "tel:+4915550100", "sips:+4915550100@example.org;user=phone");
}

static void
test_secure_downgrade (DflCallFixture *self, gconstpointer data)
{
  self->offer->secure = TRUE;
  self->settings->allow_sips_downgrade = TRUE;
  dfl_call_fixture_offer (self);
  assert_possible (self, "sip:bob@example.org", "sip:bob@example.org");
  assert_possible (self, "+4915550100", "sips:+4915550100@example.org;user=phone");
}

int
main (int argc, char **argv)
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  DFL_CALL_FIXTURE_ADD ("targets/all", NULL, test_targets);
  DFL_CALL_FIXTURE_ADD ("targets/own-address", NULL, test_own_address);
  DFL_CALL_FIXTURE_ADD ("targets/own-token", NULL, test_own_token);
  DFL_CALL_FIXTURE_ADD ("targets/no-token", NULL, test_no_token);
  DFL_CALL_FIXTURE_ADD ("targets/own-number", NULL, test_own_number);
  DFL_CALL_FIXTURE_ADD ("targets/caller", NULL, test_caller);
  DFL_CALL_FIXTURE_ADD ("targets/diverted", NULL, test_diverted);
  DFL_CALL_FIXTURE_ADD ("targets/diverted-told-twice", NULL, test_diverted_told_twice);
  DFL_CALL_FIXTURE_ADD ("targets/diverted-often/4", GUINT_TO_POINTER (4), test_diverted_often);
  DFL_CALL_FIXTURE_ADD ("targets/diverted-often/overflow", GUINT_TO_POINTER (G_MAXUINT),
                        test_diverted_often);
  DFL_CALL_FIXTURE_ADD ("targets/secure", NULL, test_secure);
  DFL_CALL_FIXTURE_ADD ("targets/secure-downgrade", NULL, test_secure_downgrade);

  return g_test_run ();
}
