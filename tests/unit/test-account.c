/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/account.h"

#include <string.h>

#include "core/keeper.h"
#include "fakes/samples.h"

static gconstpointer wiped;
static gsize n_wiped;

/* Core's goes here, because what was freed cannot be looked at. */
void
explicit_bzero (void *bytes, size_t length)
{
  memset (bytes, 0, length);
  wiped = bytes;
  n_wiped = length;
}

static void
test_settings (void)
{
  g_autoptr (DflAccountSettings) settings = dfl_account_settings_new ("alice");

  g_assert_cmpstr (settings->name, ==, "alice");
  g_assert_null (settings->id);
  g_assert_null (settings->creator);
  g_assert_cmpint (settings->created, ==, 0);
  g_assert_null (settings->problem);
  g_assert_true (settings->enabled);
  g_assert_true (settings->registers);
  g_assert_cmpstr (settings->registrar, ==, "");
  g_assert_cmpstr (settings->outbound_proxy, ==, "");
  g_assert_cmpint (settings->transport, ==, DFL_TRANSPORT_AUTO);
  g_assert_cmpstr (settings->username, ==, "");
  g_assert_null (settings->password);
  g_assert_true (settings->tls_verify);
  g_assert_false (settings->tls_wildcard);
  g_assert_null (settings->tls_ca);
  g_assert_null (settings->tls_certificate);
  g_assert_null (settings->tls_key);
  g_assert_cmpuint (settings->expires, ==, 600);
  g_assert_cmpint (settings->redirect_policy, ==, DFL_REDIRECT_POLICY_UNKNOWN);
  g_assert_true (settings->alert);
  g_assert_cmpuint (settings->ring_limit, ==, 120);
  g_assert_cmpuint (settings->decline_status, ==, 486);
  g_assert_cmpuint (settings->max_offers, ==, 16);
  g_assert_null (settings->default_target);
  g_assert_false (settings->trusted);
  g_assert_false (settings->allow_sips_downgrade);
  g_assert_false (settings->allow_local_targets);
  g_assert_cmpuint (g_strv_length (settings->users), ==, 0);
  g_assert_cmpuint (settings->targets->len, ==, 0);
}

#define ASSERT_MATTERS(change)                                                                     \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autoptr (DflAccountSettings) a = dfl_sample_settings ("alice");                              \
    g_autoptr (DflAccountSettings) b = dfl_sample_settings ("alice");                              \
                                                                                                   \
    g_assert_true (dfl_account_settings_equal (a, b));                                             \
    change;                                                                                        \
    g_assert_false (dfl_account_settings_equal (a, b));                                            \
    /* Two drafts of a new account differ in what it gets when it is kept. */                      \
    g_assert_cmpint (dfl_account_settings_equal_drafts (a, b), ==,                                 \
                     g_strcmp0 (a->id, b->id) != 0 || a->created != b->created);                   \
  }                                                                                                \
  G_STMT_END

/* A setting that a comparison forgets is one that SIGHUP does not change. */
static void
test_equal (void)
{
  ASSERT_MATTERS (dfl_sample_set (&b->name, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->id, "0badcafe"));
  ASSERT_MATTERS (dfl_sample_set (&b->creator, "x"));
  ASSERT_MATTERS (b->created = 7);
  ASSERT_MATTERS (dfl_sample_set (&b->problem, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->address, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->user, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->domain, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->display_name, "x"));
  ASSERT_MATTERS (dfl_sample_set_list (&b->users, "bob"));
  ASSERT_MATTERS (b->enabled = FALSE);
  ASSERT_MATTERS (b->registers = TRUE);
  ASSERT_MATTERS (dfl_sample_set (&b->registrar, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->outbound_proxy, "x"));
  ASSERT_MATTERS (b->transport = DFL_TRANSPORT_TLS);
  ASSERT_MATTERS (dfl_sample_set (&b->username, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->password, "x"));
  ASSERT_MATTERS (b->tls_verify = FALSE);
  ASSERT_MATTERS (b->tls_wildcard = TRUE);
  ASSERT_MATTERS (dfl_sample_set (&b->tls_ca, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->tls_certificate, "x"));
  ASSERT_MATTERS (dfl_sample_set (&b->tls_key, "x"));
  ASSERT_MATTERS (b->expires = 7);
  ASSERT_MATTERS (b->redirect_policy = DFL_REDIRECT_POLICY_REFUSED);
  ASSERT_MATTERS (dfl_sample_set_list (&b->accept_from, "192.0.2.9"));
  ASSERT_MATTERS (b->trusted = TRUE);
  ASSERT_MATTERS (b->alert = FALSE);
  ASSERT_MATTERS (b->ring_limit = 7);
  ASSERT_MATTERS (b->decline_status = 603);
  ASSERT_MATTERS (b->max_offers = 7);
  ASSERT_MATTERS (dfl_sample_set (&b->default_target, "x"));
  ASSERT_MATTERS (b->allow_sips_downgrade = TRUE);
  ASSERT_MATTERS (b->allow_local_targets = TRUE);
  ASSERT_MATTERS (dfl_sample_set (&b->redirect_domain, "x"));
  ASSERT_MATTERS (g_ptr_array_add (b->targets, dfl_alias_new ("mobile", "Mobile", "sip:x@y")));
}

static void
test_equal_aliases (void)
{
  g_autoptr (DflAccountSettings) a = dfl_sample_settings ("alice");
  g_autoptr (DflAccountSettings) b = dfl_sample_settings ("alice");

  g_ptr_array_add (a->targets, dfl_alias_new ("mobile", "Mobile", "sip:x@y"));
  g_ptr_array_add (b->targets, dfl_alias_new ("mobile", "Mobile", "sip:x@z"));
  g_assert_false (dfl_account_settings_equal (a, b));
}

static void
test_reference (void)
{
  g_autoptr (DflAccountSettings) settings = dfl_sample_settings ("alice");
  g_autoptr (DflAccountSettings) again = dfl_account_settings_ref (settings);

  g_assert_true (settings == again);
  g_clear_pointer (&settings, dfl_account_settings_free);
  g_assert_cmpstr (again->name, ==, "alice");
}

/* No secret is left in memory for who reads it later. */
static void
test_password (void)
{
  DflAccountSettings *settings = dfl_sample_settings ("alice");
  DflAccountSettings *again = dfl_account_settings_ref (settings);
  DflAccountChange *change = dfl_account_change_new ();
  gconstpointer password;

  dfl_sample_set (&settings->password, "secret");
  password = settings->password;
  dfl_account_settings_free (settings);
  g_assert_cmpstr (again->password, ==, "secret");
  dfl_account_settings_free (again);
  g_assert_true (wiped == password);
  g_assert_cmpuint (n_wiped, ==, strlen ("secret"));

  settings = dfl_sample_settings ("alice");
  dfl_sample_set (&settings->tls_key, "private key");
  password = settings->tls_key;
  dfl_account_settings_free (settings);
  g_assert_true (wiped == password);
  g_assert_cmpuint (n_wiped, ==, strlen ("private key"));

  dfl_account_change_set (change, "password", "secrets");
  dfl_account_change_set (change, "username", NULL);
  password = ((DflSetting *)change->settings->pdata[0])->value;
  dfl_account_change_free (change);
  g_assert_true (wiped == password);
  g_assert_cmpuint (n_wiped, ==, strlen ("secrets"));
}

static void
test_name (void)
{
  static const char *const good[] = { "a", "work", "a_1", "z9",
                                      "abcdefghijklmnopqrstuvwxyz012345" };
  static const char *const bad[] = {
    "",          "A",      "Work",  "1a",
    "_a",        "a-b",    "a b",   "../etc",
    "a/b",       "a\n",    "a.b",   "\303\244",
    "a\303\244", "a.conf", "work ", "abcdefghijklmnopqrstuvwxyz0123456"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (dfl_account_name_is_valid (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (dfl_account_name_is_valid (bad[i]));
}

static void
test_id (void)
{
  g_autoptr (DflAccount) alice = dfl_account_new (dfl_sample_settings ("alice"));
  g_autoptr (DflAccount) again = dfl_account_new (dfl_sample_settings ("alice"));
  g_autoptr (DflAccount) bob = dfl_account_new (dfl_sample_settings ("bob"));

  /* For life: what stands here must never change. */
  g_assert_cmpstr (dfl_account_get_id (alice), ==, "9872f052");
  g_assert_cmpstr (dfl_account_get_id (again), ==, dfl_account_get_id (alice));
  g_assert_cmpstr (dfl_account_get_id (bob), !=, dfl_account_get_id (alice));
}

static void
test_own_id (void)
{
  g_autoptr (DflAccount) alice = dfl_account_new (
      dfl_sample_kept_settings ("alice", "0badcafe", "alice", 1));

  g_assert_cmpstr (dfl_account_get_id (alice), ==, "0badcafe");
}

static void
assert_state (DflAccount *account, const char *state, const char *reason)
{
  g_assert_cmpstr (dfl_account_state_to_string (dfl_account_get_state (account)), ==, state);
  g_assert_cmpstr (dfl_account_get_state_reason (account), ==, reason);
}

static void
test_state (void)
{
  g_autoptr (DflAccount) account = dfl_account_new (dfl_sample_settings ("alice"));
  DflAccountSettings *settings;

  assert_state (account, "direct", "");

  settings = dfl_sample_settings ("alice");
  settings->enabled = FALSE;
  dfl_account_update (account, settings);
  assert_state (account, "disabled", "");

  settings = dfl_sample_settings ("alice");
  settings->enabled = FALSE;
  dfl_sample_set (&settings->problem, "alice.conf:3: alert: expected ringing or silent");
  dfl_account_update (account, settings);
  assert_state (account, "failed", "alice.conf:3: alert: expected ringing or silent");

  dfl_account_update (account, dfl_sample_settings ("alice"));
  assert_state (account, "direct", "");

  settings = dfl_sample_settings ("alice");
  settings->registers = TRUE;
  dfl_account_update (account, settings);
  assert_state (account, "connecting", "");

  settings = dfl_sample_settings ("alice");
  settings->registers = TRUE;
  settings->enabled = FALSE;
  dfl_account_update (account, settings);
  assert_state (account, "disabled", "");

  settings = dfl_sample_settings ("alice");
  settings->registers = TRUE;
  dfl_sample_set (&settings->problem, "alice.conf:3: alert: expected ringing or silent");
  dfl_account_update (account, settings);
  assert_state (account, "failed", "alice.conf:3: alert: expected ringing or silent");
  g_assert_cmpuint (dfl_account_get_n_offered (account), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/account/settings", test_settings);
  g_test_add_func ("/account/equal", test_equal);
  g_test_add_func ("/account/equal-aliases", test_equal_aliases);
  g_test_add_func ("/account/reference", test_reference);
  g_test_add_func ("/account/password", test_password);
  g_test_add_func ("/account/name", test_name);
  g_test_add_func ("/account/id", test_id);
  g_test_add_func ("/account/own-id", test_own_id);
  g_test_add_func ("/account/state", test_state);

  return g_test_run ();
}
