/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What polkit allows whom: sessions, rules, passwords. */

#include "bus/polkit-stage.h"

/* The defaults of all actions, in the contract's words "no", "auth" and "yes". */
static void
test_defaults (Stage *self, gconstpointer data)
{
  static const struct
  {
    const char *action;
    DflAuthorityAnswer answers[3]; /* by PolkitdSession */
  } rows[] = {
    { DFL_ACTION_REDIRECT,
      { DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_GRANTED } },
    { DFL_ACTION_MANAGE_OWN_ACCOUNTS,
      { DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_GRANTED } },
    { DFL_ACTION_MANAGE_ACCOUNTS,
      { DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_CHALLENGE } },
    { DFL_ACTION_READ_HISTORY,
      { DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_GRANTED } },
  };

  for (PolkitdSession session = POLKITD_SESSION_NONE; session <= POLKITD_SESSION_ACTIVE; session++)
    {
      stage_set_session (self, session);
      for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
        g_assert_cmpint (stage_ask (self, rows[i].action), ==, rows[i].answers[session]);
    }
}

static gint
compare_texts (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *)a, *(const char *const *)b);
}

/* Not what they come to here, but what stands there, with and without _keep. */
static void
test_actions (Stage *self, gconstpointer data)
{
  static const char *const names[] = {
    "no", "auth_self", "auth_admin", "auth_self_keep", "auth_admin_keep", "yes"
  };
  static const char *const expected[] = {
    "org.deflectd1.manage-accounts: auth_admin auth_admin auth_admin_keep",
    "org.deflectd1.manage-own-accounts: no auth_self yes",
    "org.deflectd1.read-history: no auth_self_keep yes",
    "org.deflectd1.redirect: no auth_self_keep yes",
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (self->stranger,
                                                            "org.freedesktop.PolicyKit1",
                                                            "/org/freedesktop/PolicyKit1/Authority",
                                                            "org.freedesktop.PolicyKit1.Authority",
                                                            "EnumerateActions",
                                                            g_variant_new ("(s)", ""),
                                                            G_VARIANT_TYPE ("(a(ssssssuuua{ss}))"),
                                                            G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                                            &error);
  g_autoptr (GVariantIter) iter = NULL;
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  const char *action;
  guint32 any, inactive, active;

  g_assert_no_error (error);
  g_variant_get (reply, "(a(ssssssuuua{ss}))", &iter);
  while (g_variant_iter_next (iter, "(&s&s&s&s&s&suuu@a{ss})", &action, NULL, NULL, NULL, NULL,
                              NULL, &any, &inactive, &active, NULL))
    {
      if (!g_str_has_prefix (action, DFL_BUS_NAME ".")
          || g_str_has_prefix (action, DFL_BUS_NAME ".test."))
        continue;
      g_assert_cmpuint (MAX (MAX (any, inactive), active), <, G_N_ELEMENTS (names));
      g_ptr_array_add (found, g_strdup_printf ("%s: %s %s %s", action, names[any], names[inactive],
                                               names[active]));
    }
  g_ptr_array_sort (found, compare_texts);
  g_assert_cmpuint (found->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < found->len; i++)
    g_assert_cmpstr (g_ptr_array_index (found, i), ==, expected[i]);
}

static void
test_sessions (Stage *self, gconstpointer data)
{
  stage_fail_silence (self, PLAIN, "You may not do this from here (*");
  stage_fail_silence (self, INTERACTIVE, "You may not do this from here (*");
  stage_set_session (self, POLKITD_SESSION_INACTIVE);
  stage_fail_silence (self, PLAIN, "A password is needed *allow interactive authorization*");
  stage_fail_silence (self, INTERACTIVE, "A password is needed *polkit agent*");
  fixture_do (&self->base, self->stranger, self->path, "Call.CheckRedirect",
              g_variant_new ("(sa{sv})", "sip:bob@b", NULL), "(true, ['sip:bob@b'], '')");
  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  stage_do_silence (self);
  stage_set_session (self, POLKITD_SESSION_NONE);
  fixture_fail (&self->base, self->stranger, self->path, "Call.Decline",
                g_variant_new ("(a{sv})", NULL), NOT_AUTHORIZED);
}

/* --- Rules --- */

static void
test_rule (Stage *self, gconstpointer data)
{
  polkitd_set_rules (self->polkitd,
                     "polkit.addRule(function(action, subject) {"
                     "  if (action.id == 'org.deflectd1.redirect' && subject.user == 'nobody'"
                     "      && action.lookup('account') == 'alice'"
                     "      && action.lookup('action') == 'silence')"
                     "    return polkit.Result.YES;"
                     "});");
  stage_do_silence (self);
  fixture_fail (&self->base, self->stranger, self->path, "Call.Decline",
                g_variant_new ("(a{sv})", NULL), NOT_AUTHORIZED);
  fixture_fail (&self->base, self->neighbour, self->path, "Call.Silence", NULL, NOT_AUTHORIZED);
  /* A rule that forbids beats the session. */
  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  polkitd_set_rules (self->polkitd, "polkit.addRule(function(action, subject) {"
                                    "  if (action.id == 'org.deflectd1.redirect')"
                                    "    return polkit.Result.NO;"
                                    "});");
  fixture_fail (&self->base, self->stranger, self->path, "Call.Silence", NULL, NOT_AUTHORIZED);
  fixture_do (&self->base, self->base.client, self->path, "Call.Silence", NULL, "()");
}

static void
expect_possible (Stage *self, const char *target, gboolean possible)
{
  g_autoptr (GVariant) reply = fixture_expect (&self->base, self->stranger, self->path,
                                               "Call.CheckRedirect",
                                               g_variant_new ("(sa{sv})", target, NULL), NULL);
  gboolean answer;
  const char *error;

  g_variant_get (reply, "(bas&s)", &answer, NULL, &error);
  if (answer != possible
      || (!possible && !g_str_has_prefix (error, NOT_AUTHORIZED ": You may not do this")))
    g_error ("%s is %s: %s", target, answer ? "possible" : "impossible", error);
}

static const char *const forbidden[] = {
  "+49900123456",
  "+49 900 123456",
  "+49 (900) 12-34.56",
  "+49 (0)900 123456",
  "0900123456",
  "0049900123456",
  "00 49 900 123456",
  "tel:+49-900-123456",
  "TEL:+49900123456",
  "tel:0900123456;phone-context=+49",
  "tel:900-123456;phone-context=+49",
  "tel:900123456;phone-context=+4-9",
  "sip:0900123456@gateway.example.net",
  "sips:0900123456@gateway.example.net",
  "SIP:+49900123456@gateway.example.net;user=phone",
  "sip:%30%39%30%30123456@gateway.example.net",
  "sip:%2b49900123456@gateway.example.net",
  "sip:+49.900-(123456)@gateway.example.net",
  "sip:%2B49%20900%20123456@gateway.example.net",
  "sip:0900123456;isub=7@gateway.example.net",
  "sip:0900123456%3bisub=7@gateway.example.net",
  "sip:900123456;phone-context=+49@gateway.example.net",
  "sip:900123456@gateway.example.net;phone-context=+49",
  "11880",
  "sip:118899@gateway.example.net",
  "01805123456",
  "0137 123 456",
};

static const char *const allowed[] = {
  "+4930123456",
  "030123456",
  "+1900123456",
  "9001",
  "sip:bob@example.net",
  "sip:example.net",
  "+493011880",
  "118",
  "+49 151 0900 123",
  "0043900123456",
  "sip:0900bob@b",
  "*21#",
  "tel:123;phone-context=example.org",
};

static char *
read_premium_rules (void)
{
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "..", "data", "examples",
                                                 "premium-numbers.rules", NULL);
  g_autoptr (GError) error = NULL;
  char *rules = NULL;

  g_file_get_contents (file, &rules, NULL, &error);
  g_assert_no_error (error);
  return rules;
}

static void
test_premium_numbers (Stage *self, gconstpointer data)
{
  g_autofree char *rules = read_premium_rules ();

  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  for (guint i = 0; i < G_N_ELEMENTS (forbidden); i++)
    expect_possible (self, forbidden[i], TRUE);
  polkitd_set_rules (self->polkitd, rules);
  for (guint i = 0; i < G_N_ELEMENTS (forbidden); i++)
    expect_possible (self, forbidden[i], FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (allowed); i++)
    expect_possible (self, allowed[i], TRUE);
  /* Not only when it is tried. */
  fixture_fail (&self->base, self->stranger, self->path, "Call.Redirect",
                g_variant_new ("(sa{sv})", forbidden[0], NULL), NOT_AUTHORIZED);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
  stage_do_silence (self);
}

/* error: NULL, or the pattern of NotAuthorized's message. */
static void
expect_change (Stage *self,
               GDBusConnection *who,
               const char *path,
               const char *method,
               GVariant *parameters,
               const char *error)
{
  g_autoptr (Pending) pending = fixture_start (&self->base, who, path, method, parameters);

  if (error == NULL)
    pending_expect_done (pending);
  else
    pending_expect_error (pending, NOT_AUTHORIZED, error);
}

#define FORBIDDEN "You may not do this *"

static GVariant *
default_action_new (const char *target, const char *other)
{
  g_autofree char *action = g_strconcat ("redirect:", target, NULL);
  GVariantBuilder settings;

  g_variant_builder_init (&settings, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&settings, "{sv}", "default-action", g_variant_new_string (action));
  g_variant_builder_add (&settings, "{sv}", other, g_variant_new_string ("sip:work@example.org"));
  return g_variant_builder_end (&settings);
}

/* Adds an account for the caller and others; returns its path. */
static char *
add_account (Stage *self, GDBusConnection *who, const char *settings)
{
  g_autoptr (GVariant) reply = fixture_expect (&self->base, who, DFL_ROOT_PATH,
                                               "Manager.AddAccount",
                                               g_variant_new ("(s@a{sv})", "work",
                                                              g_variant_new_parsed (settings)),
                                               NULL);
  char *path;

  g_variant_get (reply, "(o)", &path);
  return path;
}

/* Nor are they reached at the ring limit. */
static void
test_premium_default_action (Stage *self, gconstpointer data)
{
  g_autofree char *rules = read_premium_rules ();
  g_autofree char *all
      = g_strconcat (rules,
                     "polkit.addRule(function(action, subject) {"
                     "  if (action.id == 'org.deflectd1.manage-accounts') return polkit.Result.YES;"
                     "});",
                     NULL);
  g_autofree char *own = NULL;
  g_autofree char *shared = NULL;

  stage_set_session (self, POLKITD_SESSION_ACTIVE);
  polkitd_set_rules (self->polkitd, all);
  own = add_account (self, self->stranger, "{'address': <'sip:work@example.org'>}");
  shared = add_account (self, self->base.client,
                        "{'address': <'sip:s@example.org'>, 'users': <['*']>}");
  for (guint i = 0; i < G_N_ELEMENTS (forbidden) + G_N_ELEMENTS (allowed); i++)
    {
      gboolean bad = i < G_N_ELEMENTS (forbidden);
      const char *target = bad ? forbidden[i] : allowed[i - G_N_ELEMENTS (forbidden)];
      const char *error = bad ? FORBIDDEN : NULL;

      g_test_message ("%s", target);
      expect_change (self, self->stranger, own, "Account.Update",
                     g_variant_new ("(@a{sv})", default_action_new (target, "display-name")),
                     error);
      expect_change (self, self->stranger, shared, "Account.Update",
                     g_variant_new ("(@a{sv})", default_action_new (target, "display-name")),
                     error);
    }
  expect_change (self, self->stranger, DFL_ROOT_PATH, "Manager.AddAccount",
                 g_variant_new ("(s@a{sv})", "other", default_action_new ("0900 1", "address")),
                 FORBIDDEN);
  /* An account is not lost for what it has had before, but does not get to another server with it.
   */
  fixture_do (&self->base, self->base.client, own, "Account.Update",
              g_variant_new ("(@a{sv})", default_action_new ("0900 1", "display-name")), "()");
  expect_change (self, self->stranger, own, "Account.Update",
                 g_variant_new_parsed ("({'ring-limit': <uint32 7>},)"), NULL);
  expect_change (self, self->stranger, own, "Account.Update",
                 g_variant_new_parsed ("({'redirect-domain': <'gateway.example.net'>},)"),
                 FORBIDDEN);
  expect_change (self, self->stranger, own, "Account.Update",
                 g_variant_new_parsed ("({'address': <'sip:work@gateway.example.net'>},)"),
                 FORBIDDEN);
  expect_change (self, self->stranger, own, "Account.Remove", NULL, NULL);
}

/* --- Dialogs --- */

static void
test_password (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = stage_add_agent (self, PASSWORD_AGENT_NO);
  g_autoptr (Pending) asked = NULL;

  stage_set_session (self, POLKITD_SESSION_INACTIVE);
  stage_fail_silence (self, PLAIN, "A password is needed *");
  g_assert_false (password_agent_peek (agent));
  stage_fail_silence (self, INTERACTIVE,
                      "The password was not accepted, or the dialog was closed*");
  stage_expect_event (agent, ASKED_TO_SILENCE);

  password_agent_set_answer (agent, PASSWORD_AGENT_YES);
  asked = stage_silence (self, INTERACTIVE);
  pending_expect_done (asked);
  stage_expect_event (agent, ASKED_TO_SILENCE);
  g_assert_true (dfl_call_get_silenced (self->call));

  /* Kept for a while: no dialog is needed any longer. */
  stage_do_silence (self);
  g_assert_false (password_agent_peek (agent));
}

static void
test_caller_gone (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = stage_add_agent (self, PASSWORD_AGENT_NEVER);
  g_autoptr (Pending) asked = NULL;
  g_autoptr (GError) error = NULL;

  stage_set_session (self, POLKITD_SESSION_INACTIVE);
  asked = stage_silence (self, INTERACTIVE);
  stage_expect_event (agent, ASKED_TO_SILENCE);
  g_dbus_connection_close_sync (self->stranger, NULL, &error);
  g_assert_no_error (error);
  stage_expect_event (agent, "cancel");
  pending_wait (asked);
  fixture_settle (&self->base, self->base.client);
  g_assert_false (dfl_call_get_silenced (self->call));
}

static void
test_prompt_limit (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = stage_add_agent (self, PASSWORD_AGENT_NEVER);
  g_autoptr (Pending) asked = NULL;
  g_autoptr (Pending) again = NULL;

  stage_set_session (self, POLKITD_SESSION_INACTIVE);
  asked = stage_silence (self, INTERACTIVE);
  stage_expect_event (agent, ASKED_TO_SILENCE);
  dfl_fake_clock_advance (self->base.clock, 60 * G_USEC_PER_SEC);
  pending_expect_error (asked, NOT_AUTHORIZED, "The dialog *open for 60 seconds*");
  stage_expect_event (agent, "cancel");

  password_agent_set_answer (agent, PASSWORD_AGENT_YES);
  again = stage_silence (self, INTERACTIVE);
  pending_expect_done (again);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/polkit/" name, Stage, NULL, stage_set_up, func, stage_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("defaults", test_defaults);
  ADD ("actions", test_actions);
  ADD ("sessions", test_sessions);
  ADD ("rule", test_rule);
  ADD ("premium-numbers", test_premium_numbers);
  ADD ("premium-default-action", test_premium_default_action);
  ADD ("password", test_password);
  ADD ("caller-gone", test_caller_gone);
  ADD ("prompt-limit", test_prompt_limit);
  return g_test_run ();
}
