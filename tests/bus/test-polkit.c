/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real service asks the real polkitd, with the actions as they are installed. */

#include "bus/deciders.h"

#include <glib/gstdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus/polkit.h"
#include "data/names.h"
#include "fakes/log-catcher.h"
#include "stage/password-agent.h"
#include "stage/polkitd.h"

/* A user that is not root and owns nothing. */
#define OWNER 2

static const char bus_config[]
    = "<type>system</type>"
      "<policy context=\"default\"><allow user=\"*\"/><allow own=\"org.deflectd1\"/>"
      "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy>"
      "<include>" POLKITD_BUS_CONFIG "</include>";

/* alice belongs to the stranger; all who ask are this process, so it has one session. */
typedef struct
{
  Fixture base;
  char *actions;
  Polkitd *polkitd;
  DflAuthority *authority;
  GDBusConnection *stranger;
  DflCall *call;
  DflLeg *leg;
  const char *path;
} Stage;

static char *
get_actions (void)
{
  g_autofree char *file = g_test_build_filename (G_TEST_BUILT, "..", "data", "org.deflectd1.policy",
                                                 NULL);

  return g_canonicalize_filename (file, NULL);
}

static void
set_up_with (Stage *self, const char *actions)
{
  static const char *const listening[] = { NULL };
  Fixture *fixture = &self->base;
  TestBus *bus = test_bus_new (bus_config, NULL);
  const char *files[] = { actions, NULL };

  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", bus->address, TRUE);
  self->polkitd = polkitd_new (bus->address, "", files, NULL);
  fixture_set_up_on (fixture, bus, test_bus_connect_server (bus), DFL_BUS_SYSTEM);
  dfl_service_close (fixture->service);
  g_object_unref (fixture->service);
  self->authority = dfl_polkit_authority_new ();
  fixture->service = dfl_service_new (fixture->server, DFL_BUS_SYSTEM, self->authority,
                                      fixture->switchboard, DFL_CLOCK (fixture->clock), listening);
  fixture_set_users (fixture, "nobody", NULL);
  self->stranger = test_bus_connect_as (bus, STRANGER);
  self->call = fixture_offer_leg (fixture, "one", &self->leg);
  self->path = path_of_call (self->call);
  fixture_wait_seen (fixture, self->stranger, self->path);
}

static void
set_up (Stage *self, gconstpointer data)
{
  g_autofree char *actions = get_actions ();

  set_up_with (self, actions);
}

/* --- Helpers --- */

static void
set_session (Stage *self, PolkitdSession session)
{
  polkitd_set_session (self->polkitd, getpid (), STRANGER, session);
}

static Pending *
silence (Stage *self, GDBusMessageFlags flags)
{
  return fixture_start_with (&self->base, self->stranger, self->path, "Call.Silence", NULL, flags);
}

static void
do_silence (Stage *self)
{
  g_autoptr (Pending) pending = silence (self, PLAIN);

  pending_expect_done (pending);
}

static void
fail_silence (Stage *self, GDBusMessageFlags flags, const char *pattern)
{
  g_autoptr (Pending) pending = silence (self, flags);

  pending_expect_error (pending, NOT_AUTHORIZED, pattern);
  g_assert_false (dfl_call_get_silenced (self->call));
}

static void
expect_event (PasswordAgent *agent, const char *expected)
{
  g_autofree char *event = NULL;

  while (!password_agent_peek (agent))
    g_main_context_iteration (NULL, TRUE);
  event = password_agent_take (agent);
  g_assert_cmpstr (event, ==, expected);
}

#define ASKED_TO_SILENCE                                                                           \
  "begin org.deflectd1.redirect "                                                                  \
  "Authentication is required to decide a call for alice: silence "

static PasswordAgent *
agent_new (Stage *self, PasswordAgentAnswer answer)
{
  return password_agent_new (self->base.bus->address, getpid (), STRANGER, answer);
}

/* --- Sessions --- */

typedef struct
{
  DflAuthorityAnswer answer;
  GError *error;
  gboolean done;
} Check;

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  Check *check = data;

  dfl_authority_check_finish (DFL_AUTHORITY (source), result, &check->answer, &check->error);
  check->done = TRUE;
}

static Check
ask_about (Stage *self, GDBusConnection *connection, const char *action)
{
  static const char *const details[] = { "account", "alice", NULL };
  Check check = { 0 };

  dfl_authority_check_async (self->authority, g_dbus_connection_get_unique_name (connection),
                             action, details, FALSE, NULL, on_checked, &check);
  fixture_wait (&check.done);
  return check;
}

static DflAuthorityAnswer
ask (Stage *self, const char *action)
{
  Check check = ask_about (self, self->stranger, action);

  g_assert_no_error (check.error);
  return check.answer;
}

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
      set_session (self, session);
      for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
        g_assert_cmpint (ask (self, rows[i].action), ==, rows[i].answers[session]);
    }
}

static void
test_sessions (Stage *self, gconstpointer data)
{
  fail_silence (self, PLAIN, "You may not do this from here (*");
  fail_silence (self, INTERACTIVE, "You may not do this from here (*");
  set_session (self, POLKITD_SESSION_INACTIVE);
  fail_silence (self, PLAIN, "A password is needed *allow interactive authorization*");
  fail_silence (self, INTERACTIVE, "A password is needed *polkit agent*");
  fixture_do (&self->base, self->stranger, self->path, "Call.CheckRedirect",
              g_variant_new ("(sa{sv})", "sip:bob@b", NULL), "(true, ['sip:bob@b'], '')");
  set_session (self, POLKITD_SESSION_ACTIVE);
  do_silence (self);
  set_session (self, POLKITD_SESSION_NONE);
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
  do_silence (self);
  fixture_fail (&self->base, self->stranger, self->path, "Call.Decline",
                g_variant_new ("(a{sv})", NULL), NOT_AUTHORIZED);
  /* A rule that forbids beats the session. */
  set_session (self, POLKITD_SESSION_ACTIVE);
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

static void
test_premium_numbers (Stage *self, gconstpointer data)
{
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
  static const char *const allowed[] = { "+4930123456",
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
                                         "tel:123;phone-context=example.org" };
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "..", "data", "examples",
                                                 "premium-numbers.rules", NULL);
  g_autofree char *rules = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_get_contents (file, &rules, NULL, &error));
  set_session (self, POLKITD_SESSION_ACTIVE);
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
  do_silence (self);
}

/* --- Dialogs --- */

static void
test_password (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = agent_new (self, PASSWORD_AGENT_NO);
  g_autoptr (Pending) asked = NULL;

  set_session (self, POLKITD_SESSION_INACTIVE);
  fail_silence (self, PLAIN, "A password is needed *");
  g_assert_false (password_agent_peek (agent));
  fail_silence (self, INTERACTIVE, "The password was not accepted, or the dialog was closed*");
  expect_event (agent, ASKED_TO_SILENCE);

  password_agent_set_answer (agent, PASSWORD_AGENT_YES);
  asked = silence (self, INTERACTIVE);
  pending_expect_done (asked);
  expect_event (agent, ASKED_TO_SILENCE);
  g_assert_true (dfl_call_get_silenced (self->call));

  /* Kept for a while: no dialog is needed any longer. */
  do_silence (self);
  g_assert_false (password_agent_peek (agent));
}

static void
test_caller_gone (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = agent_new (self, PASSWORD_AGENT_NEVER);
  g_autoptr (Pending) asked = NULL;
  g_autoptr (GError) error = NULL;

  set_session (self, POLKITD_SESSION_INACTIVE);
  asked = silence (self, INTERACTIVE);
  expect_event (agent, ASKED_TO_SILENCE);
  g_dbus_connection_close_sync (self->stranger, NULL, &error);
  g_assert_no_error (error);
  expect_event (agent, "cancel");
  pending_wait (asked);
  fixture_settle (&self->base, self->base.client);
  g_assert_false (dfl_call_get_silenced (self->call));
}

static void
test_prompt_limit (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = agent_new (self, PASSWORD_AGENT_NEVER);
  g_autoptr (Pending) asked = NULL;
  g_autoptr (Pending) again = NULL;

  set_session (self, POLKITD_SESSION_INACTIVE);
  asked = silence (self, INTERACTIVE);
  expect_event (agent, ASKED_TO_SILENCE);
  dfl_fake_clock_advance (self->base.clock, 60 * G_USEC_PER_SEC);
  pending_expect_error (asked, NOT_AUTHORIZED, "The dialog *open for 60 seconds*");
  expect_event (agent, "cancel");

  password_agent_set_answer (agent, PASSWORD_AGENT_YES);
  again = silence (self, INTERACTIVE);
  pending_expect_done (again);
}

/* --- polkitd in trouble --- */

static void
test_killed (Stage *self, gconstpointer data)
{
  g_autoptr (PasswordAgent) agent = agent_new (self, PASSWORD_AGENT_NEVER);
  g_autoptr (Pending) asked = NULL;

  set_session (self, POLKITD_SESSION_INACTIVE);
  asked = silence (self, INTERACTIVE);
  expect_event (agent, ASKED_TO_SILENCE);
  polkitd_kill (self->polkitd);
  pending_expect_error (asked, NOT_AUTHORIZED,
                        "The polkit service went away before it answered; try again");
  g_assert_false (dfl_call_get_silenced (self->call));

  polkitd_start (self->polkitd);
  set_session (self, POLKITD_SESSION_ACTIVE);
  do_silence (self);
}

static void
test_absent (Stage *self, gconstpointer data)
{
  polkitd_kill (self->polkitd);
  set_session (self, POLKITD_SESSION_ACTIVE);
  fail_silence (self, INTERACTIVE, "The polkit service is not running, so that only root may *");
  fail_silence (self, PLAIN, "The polkit service is not running, so that only root may *");
  fixture_do (&self->base, self->base.client, self->path, "Call.Silence", NULL, "()");

  polkitd_start (self->polkitd);
  do_silence (self);
}

static void
test_frozen (Stage *self, gconstpointer asked_before)
{
  g_autoptr (Pending) asked = NULL;
  g_autoptr (Pending) later = NULL;

  set_session (self, POLKITD_SESSION_ACTIVE);
  if (asked_before != NULL)
    g_assert_cmpint (ask (self, DFL_ACTION_REDIRECT), ==, DFL_AUTHORITY_GRANTED);
  polkitd_freeze (self->polkitd);
  asked = silence (self, PLAIN);
  fixture_settle (&self->base, self->stranger);
  dfl_fake_clock_advance (self->base.clock, 10 * G_USEC_PER_SEC);
  pending_expect_error (asked, NOT_AUTHORIZED,
                        "The polkit service did not answer within 10 seconds*");
  fixture_do (&self->base, self->base.client, self->path, "Call.CheckRedirect",
              g_variant_new ("(sa{sv})", "sip:bob@b", NULL), NULL);
  g_assert_false (dfl_call_get_silenced (self->call));
  polkitd_thaw (self->polkitd);
  do_silence (self);
}

static void
test_frozen_later (Stage *self, gconstpointer data)
{
  test_frozen (self, self);
}

static void
test_frozen_first (Stage *self, gconstpointer data)
{
  test_frozen (self, NULL);
}

/* --- A daemon that is not root --- */

static gpointer
connect_shared (gpointer data)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection;

  g_assert_cmpint (syscall (SYS_setresuid, OWNER, OWNER, 0), ==, 0);
  connection = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, &error);
  g_assert_no_error (error);
  return connection;
}

static void
test_not_owner (Stage *self, gconstpointer data)
{
  g_autoptr (GDBusConnection) shared = g_thread_join (
      g_thread_new ("shared", connect_shared, NULL));
  g_autoptr (GPtrArray) logged = NULL;

  set_session (self, POLKITD_SESSION_ACTIVE);
  dfl_log_catcher_start ();
  fail_silence (self, PLAIN, "The polkit service does not answer deflectd*");
  fail_silence (self, PLAIN, "The polkit service does not answer deflectd*");
  logged = dfl_log_catcher_stop ();
  g_assert_cmpuint (logged->len, ==, 1);
  g_assert_true (g_pattern_match_simple ("polkit does not answer deflectd: Only trusted callers *. "
                                         "Install org.deflectd1.policy *owner*",
                                         g_ptr_array_index (logged, 0)));
}

static void
set_up_owned (Stage *self, gconstpointer data)
{
  g_autofree char *actions = get_actions ();
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GString) owned = NULL;
  g_autoptr (GError) error = NULL;
  int file = g_file_open_tmp ("deflectd-policy-XXXXXX", &name, &error);

  g_assert_no_error (error);
  close (file);
  g_assert_true (g_file_get_contents (actions, &text, NULL, &error));
  owned = g_string_new (text);
  g_assert_cmpuint (g_string_replace (owned, "unix-user:deflectd", "unix-user:bin", 0), ==, 4);
  g_assert_true (g_file_set_contents (name, owned->str, -1, &error));
  set_up_with (self, name);
  g_unlink (name);
}

static void
test_owner (Stage *self, gconstpointer data)
{
  g_autoptr (GDBusConnection) shared = g_thread_join (
      g_thread_new ("shared", connect_shared, NULL));

  set_session (self, POLKITD_SESSION_ACTIVE);
  g_assert_cmpint (ask (self, DFL_ACTION_REDIRECT), ==, DFL_AUTHORITY_GRANTED);
  g_assert_cmpint (ask (self, DFL_ACTION_MANAGE_OWN_ACCOUNTS), ==, DFL_AUTHORITY_GRANTED);
  g_assert_cmpint (ask (self, DFL_ACTION_READ_HISTORY), ==, DFL_AUTHORITY_GRANTED);
  g_assert_cmpint (ask (self, DFL_ACTION_MANAGE_ACCOUNTS), ==, DFL_AUTHORITY_CHALLENGE);
  do_silence (self);
}

/* libpolkit's connection must not end the process when the bus goes. */
static void
test_bus_gone (Stage *self, gconstpointer data)
{
  g_autoptr (GDBusConnection) shared = NULL;

  g_assert_cmpint (ask (self, DFL_ACTION_REDIRECT), ==, DFL_AUTHORITY_REFUSED);
  shared = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  g_assert_false (g_dbus_connection_get_exit_on_close (shared));
}

/* --- The end --- */

/* The connection that libpolkit shares is let go of in time for the next test to have its own. */
static void
wait_disconnected (void)
{
  GDBusConnection *shared = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);

  g_assert_nonnull (shared);
  g_object_add_weak_pointer (G_OBJECT (shared), (gpointer *)&shared);
  g_object_unref (shared);
  while (shared != NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
tear_down (Stage *self, gconstpointer data)
{
  /* What was asked before is answered when this is. */
  Check last = ask_about (self, self->base.client, DFL_ACTION_REDIRECT);

  g_clear_error (&last.error);
  dfl_service_close (self->base.service);
  g_assert_finalize_object (g_steal_pointer (&self->authority));
  wait_disconnected ();
  g_clear_object (&self->stranger);
  polkitd_free (self->polkitd);
  fixture_tear_down (&self->base, FIXTURE_SYSTEM);
}

#define ADD(name, func) g_test_add ("/polkit/" name, Stage, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  dfl_log_catcher_install ();
  ADD ("defaults", test_defaults);
  ADD ("sessions", test_sessions);
  ADD ("rule", test_rule);
  ADD ("premium-numbers", test_premium_numbers);
  ADD ("password", test_password);
  ADD ("caller-gone", test_caller_gone);
  ADD ("prompt-limit", test_prompt_limit);
  ADD ("killed", test_killed);
  ADD ("absent", test_absent);
  ADD ("frozen", test_frozen_later);
  ADD ("frozen-first", test_frozen_first);
  ADD ("not-owner", test_not_owner);
  g_test_add ("/polkit/owner", Stage, NULL, set_up_owned, test_owner, tear_down);
  ADD ("bus-gone", test_bus_gone);
  return g_test_run ();
}
