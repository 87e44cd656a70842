/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens to a change of an account between the question and the answer. */

#include "bus/people.h"

#include <string.h>
#include <unistd.h>

/* --- Keeping --- */

static void
test_save_fails (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autofree char *message = NULL;

  people_subscribe (self, self->owner);
  log = log_new (self->owner);
  dfl_fake_keeper_set_failure (self->base.keeper, "The disk is full; make room");
  message = people_fail_to_add (self, self->owner, "other", WORK, ERROR ("Failed"));
  g_assert_cmpstr (message, ==, "The disk is full; make room");
  g_free (
      people_fail_to_update (self, self->owner, path, "{'display-name': <'x'>}", ERROR ("Failed")));
  fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, ERROR ("Failed"));
  fixture_fail (&self->base, self->owner, path, "Properties.Set", people_enabled_parameters (FALSE),
                ERROR ("Failed"));
  fixture_settle (&self->base, self->owner);
  for (guint i = 0; i < 4; i++)
    log_expect (log, "error *");
  log_expect (log, NULL);
  people_expect_property (self, path, "DisplayName", "''");
  people_expect_property (self, path, "Enabled", "true");

  dfl_fake_keeper_set_failure (self->base.keeper, NULL);
  people_update (self, self->owner, path, "{'display-name': <'x'>}");
  people_expect_property (self, path, "DisplayName", "'x'");
  people_add (self, self->owner, "other", WORK);
}

/* Nothing is in force, or answered, before it is kept. */
static void
test_kept_first (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autoptr (Pending) pending = NULL;

  people_subscribe (self, self->owner);
  log = log_new (self->owner);
  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  pending = fixture_start (&self->base, self->owner, path, "Account.Update",
                           people_update_parameters ("{'display-name': <'x'>}"));
  people_run_until_saving (self, 1);
  fixture_settle (&self->base, self->owner);
  log_expect (log, NULL);
  g_assert_false (pending->done);
  people_expect_property (self, path, "DisplayName", "''");
  g_assert_true (dfl_fake_keeper_release (self->base.keeper));
  pending_wait (pending);
  g_assert_no_error (pending->error);
  log_expect (log, "changed *DisplayName=x*");
  log_expect (log, "reply");
  log_expect (log, NULL);
}

static void
test_one_after_another (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) first = NULL;
  g_autoptr (Pending) second = NULL;
  g_autoptr (Pending) third = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  first = fixture_start (&self->base, self->owner, path, "Account.Update",
                         people_update_parameters ("{'display-name': <'one'>}"));
  second = fixture_start (&self->base, self->base.client, path, "Account.Update",
                          people_update_parameters ("{'ring-limit': <uint32 7>}"));
  third = fixture_start (&self->base, self->owner, path, "Properties.Set",
                         people_enabled_parameters (FALSE));
  people_run_until_saving (self, 1);
  fixture_settle (&self->base, self->base.client);
  g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->base.keeper), ==, 1);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  pending_wait (first);
  pending_wait (second);
  pending_wait (third);
  g_assert_no_error (first->error);
  g_assert_no_error (second->error);
  g_assert_no_error (third->error);
  g_assert_cmpstr (people_get_kept (self, path)->display_name, ==, "one");
  g_assert_cmpuint (people_get_kept (self, path)->ring_limit, ==, 7);
  g_assert_false (people_get_kept (self, path)->enabled);
}

/* Whoever removes it wins; what waited for its turn hears that it is gone. */
static void
test_removed_while_waiting (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) removal = NULL;
  g_autoptr (Pending) change = NULL;
  g_autoptr (Pending) again = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  removal = fixture_start (&self->base, self->base.client, path, "Account.Remove", NULL);
  people_run_until_saving (self, 1);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          people_update_parameters ("{'display-name': <'x'>}"));
  again = fixture_start (&self->base, self->owner, path, "Account.Remove", NULL);
  fixture_settle (&self->base, self->owner);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  pending_wait (removal);
  people_wait_refused (self, change);
  people_wait_refused (self, again);
  g_assert_no_error (removal->error);
  g_assert_nonnull (strstr (change->error->message, ERROR ("Failed")));
  g_assert_nonnull (strstr (again->error->message, ERROR ("Failed")));
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* --- While somebody is asked --- */

static void
test_removed_while_asked (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          people_update_parameters ("{'display-name': <'x'>}"));
  people_run_until_asked (self, 1);
  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (change);
  g_assert_nonnull (strstr (change->error->message, "UnknownObject"));
}

/* Who owned it when asked and does not when it was granted has been granted nothing. */
static void
test_taken_away_while_asked (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;
  g_autoptr (Pending) removal = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          people_update_parameters ("{'display-name': <'x'>}"));
  removal = fixture_start (&self->base, self->owner, path, "Account.Remove", NULL);
  people_run_until_asked (self, 2);
  people_update (self, self->base.client, path, "{'users': <['*']>}");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (change);
  pending_wait (removal);
  g_assert_nonnull (strstr (change->error->message, ERROR ("NotAuthorized")));
  g_assert_nonnull (strstr (removal->error->message, ERROR ("NotAuthorized")));
  people_expect_property (self, path, "DisplayName", "''");
}

/* The step became one for the administrator. */
static void
test_harder_while_asked (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          people_update_parameters ("{'address': <'sip:else@example.org'>}"));
  people_run_until_asked (self, 1);
  people_update (self, self->base.client, path,
                 "{'register': <false>, 'accept-from': <['192.0.2.1']>, 'users': <['nobody']>}");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (change);
  g_assert_nonnull (strstr (change->error->message, ERROR ("NotAuthorized")));
  people_expect_property (self, path, "Address", "'sip:work@example.org'");
}

/* The same while it waits for its turn to be kept. */
static void
test_harder_while_waiting (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) harder = NULL;
  g_autoptr (Pending) change = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  harder = fixture_start (&self->base, self->base.client, path, "Account.Update",
                          people_update_parameters ("{'register': <false>,"
                                                    " 'accept-from': <['192.0.2.1']>}"));
  people_run_until_saving (self, 1);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          people_update_parameters ("{'address': <'sip:else@example.org'>}"));
  fixture_settle (&self->base, self->owner);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  pending_wait (harder);
  g_assert_no_error (harder->error);
  people_wait_refused (self, change);
  g_assert_nonnull (strstr (change->error->message, ERROR ("NotAuthorized")));
  people_expect_property (self, path, "Address", "'sip:work@example.org'");
}

/* --- What an administrator has allowed --- */

#define INTERACTIVE G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION
#define CHANGED ERROR ("Failed") "*The account was changed meanwhile; look at it and try again"

/* Starts a request that takes a password; returns when that is asked for, and others are granted
 * what they ask for. */
static Pending *
start_dialog (
    People *self, GDBusConnection *who, const char *path, const char *method, GVariant *parameters)
{
  Pending *pending;

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_GRANTED);
  dfl_fake_authority_hold_dialogs (self->base.authority);
  pending = fixture_start_with (&self->base, who, path, method, parameters, INTERACTIVE);
  people_run_until_asked (self, 1);
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_GRANTED);
  return pending;
}

static void
expect_end (Pending *pending, const char *error)
{
  pending_wait (pending);
  if (error == NULL)
    g_assert_no_error (pending->error);
  else if (pending->error == NULL || !g_pattern_match_simple (error, pending->error->message))
    g_error ("\"%s\" is not \"%s\"", pending->error == NULL ? "" : pending->error->message, error);
}

/* The administrator sees work@example.org in the dialog, and by the yes it is somebody else. */
static void
test_shown_another (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) direct = NULL;

  direct = start_dialog (self, self->owner, path, "Account.Update",
                         people_update_parameters (
                             "{'register': <false>, 'accept-from': <['192.0.2.1']>}"));
  people_update (self, self->owner, path, "{'address': <'sip:ceo@example.org'>}");
  dfl_fake_authority_release (self->base.authority);
  expect_end (direct, "*" CHANGED);
  g_assert_true (people_get_kept (self, path)->registers);
  people_expect_property (self, path, "Address", "'sip:ceo@example.org'");
}

static const struct
{
  const char *method;
  const char *parameters; /* NULL: none */
} big_requests[] = {
  { "Account.Update", "({'display-name': <'y'>},)" },
  { "Account.SetTargets", "([('mobile', 'Mobile', 'sip:m@m')],)" },
  { "Properties.Set", "('org.deflectd1.Account', 'Enabled', <false>)" },
  { "Account.Remove", NULL },
};

/* A user who is not the account's asks; what the account is changes meanwhile, or it does not. */
static void
try_big_request (People *self, guint request, const char *meanwhile)
{
  g_autofree char *name = g_strdup_printf ("a%u_%u", request, meanwhile != NULL);
  const char *path = people_add (self, self->base.client, name,
                                 "{'address': <'sip:s@example.org'>, 'users': <['*']>}");
  const char *text = big_requests[request].parameters;
  g_autoptr (Pending) pending = start_dialog (self, self->outsider, path,
                                              big_requests[request].method,
                                              text == NULL ? NULL : g_variant_new_parsed (text));
  guint n = dfl_fake_keeper_get_n_kept (self->base.keeper);

  g_test_message ("%s", big_requests[request].method);
  if (meanwhile != NULL)
    people_update (self, self->base.client, path, meanwhile);
  dfl_fake_authority_release (self->base.authority);
  expect_end (pending, meanwhile == NULL ? NULL : "*" CHANGED);
  if (meanwhile == NULL)
    return;
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, n);
  g_assert_true (people_get_kept (self, path)->enabled);
  g_assert_cmpuint (people_get_kept (self, path)->targets->len, ==, 0);
  g_assert_cmpstr (people_get_kept (self, path)->display_name, ==, "");
}

static void
test_allowed_is_done (People *self, gconstpointer mode)
{
  for (guint i = 0; i < G_N_ELEMENTS (big_requests); i++)
    {
      try_big_request (self, i, NULL);
      try_big_request (self, i, "{'ring-limit': <uint32 7>}");
    }
}

/* What a new account gets only when it is added may differ. */
static void
test_allowed_is_added (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending
      = start_dialog (self, self->owner, ROOT, "Manager.AddAccount",
                      people_add_parameters ("work", "{'address': <'sip:s@example.org'>,"
                                                     " 'users': <['nobody', 'daemon']>}"));

  dfl_fake_clock_advance (self->base.clock, G_USEC_PER_SEC);
  dfl_fake_authority_release (self->base.authority);
  expect_end (pending, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
}

/* What came to nothing when it was asked for has not been allowed when it does come to something.
 */
static void
test_possible_while_asked (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->base.client, "shared",
                                 "{'address': <'sip:s@example.org'>, 'users': <['*']>,"
                                 " 'register': <false>, 'accept-from': <['192.0.2.1']>}");
  g_autoptr (Pending) pending = NULL;
  g_autoptr (Pending) again = NULL;

  pending = start_dialog (self, self->outsider, path, "Account.Update",
                          people_update_parameters ("{'accept-from': <@as []>}"));
  people_update (self, self->base.client, path, "{'register': <true>}");
  dfl_fake_authority_release (self->base.authority);
  expect_end (pending, "*" CHANGED);
  g_assert_cmpuint (g_strv_length (people_get_kept (self, path)->accept_from), ==, 1);
  people_update (self, self->base.client, path, "{'register': <false>}");

  again = start_dialog (self, self->outsider, path, "Account.Update",
                        people_update_parameters ("{'accept-from': <@as []>}"));
  dfl_fake_authority_release (self->base.authority);
  expect_end (again, "*" ERROR ("InvalidSettings") "*");
}

/* The same for what is changed while it waits for its turn to be kept. */
static void
test_allowed_while_waiting (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) address = NULL;
  g_autoptr (Pending) direct = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  address = fixture_start (&self->base, self->owner, path, "Account.Update",
                           people_update_parameters ("{'address': <'sip:ceo@example.org'>}"));
  people_run_until_saving (self, 1);
  direct = fixture_start (&self->base, self->owner, path, "Account.Update",
                          people_update_parameters (
                              "{'register': <false>, 'accept-from': <['192.0.2.1']>}"));
  fixture_settle (&self->base, self->owner);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  expect_end (address, NULL);
  people_wait_refused (self, direct);
  expect_end (direct, "*" CHANGED);
  g_assert_true (people_get_kept (self, path)->registers);
}

/* Root, and who may on its own, is not bound to what was seen. */
static void
test_own_is_not_bound (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;

  change = start_dialog (self, self->owner, path, "Account.Update",
                         people_update_parameters ("{'display-name': <'x'>}"));
  people_update (self, self->base.client, path, "{'ring-limit': <uint32 7>}");
  dfl_fake_authority_release (self->base.authority);
  expect_end (change, NULL);
  g_assert_cmpstr (people_get_kept (self, path)->display_name, ==, "x");
  g_assert_cmpuint (people_get_kept (self, path)->ring_limit, ==, 7);
}

static void
test_vanishes_while_asked (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          people_update_parameters ("{'display-name': <'x'>}"));
  people_run_until_asked (self, 1);
  g_dbus_connection_close_sync (self->owner, NULL, NULL);
  /* Nobody waits for the answer any longer. */
  while (dfl_fake_clock_get_n_alarms (self->base.clock) > 0)
    g_main_context_iteration (NULL, TRUE);
  dfl_fake_authority_release (self->base.authority);
  fixture_settle (&self->base, self->base.client);
  people_expect_property (self, path, "DisplayName", "''");
}

/* --- Nobody waits for the answer any more --- */

static void
test_vanishes_while_saving (People *self, gconstpointer mode)
{
  g_autoptr (Pending) addition = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  addition = fixture_start (&self->base, self->owner, ROOT, "Manager.AddAccount",
                            people_add_parameters ("work", WORK));
  people_run_until_saving (self, 1);
  g_dbus_connection_close_sync (self->owner, NULL, NULL);
  pending_wait (addition);
  fixture_settle (&self->base, self->base.client);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  while (dfl_fake_keeper_get_n_kept (self->base.keeper) == 0)
    g_main_context_iteration (NULL, TRUE);
  fixture_settle (&self->base, self->base.client);
}

/* Every request is answered once, and what is kept later does no harm. */
static void
test_closes_while_saving (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->base.client, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autoptr (Pending) addition = NULL;
  g_autoptr (Pending) change = NULL;

  log = log_new (self->base.other);
  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  addition = fixture_start (&self->base, self->base.other, ROOT, "Manager.AddAccount",
                            people_add_parameters ("home", WORK));
  change = fixture_start (&self->base, self->base.other, path, "Account.Update",
                          people_update_parameters ("{'display-name': <'x'>}"));
  people_run_until_saving (self, 1);
  fixture_settle (&self->base, self->base.other);
  dfl_service_close (self->base.service);
  pending_wait (addition);
  pending_wait (change);
  g_assert_nonnull (strstr (addition->error->message, ERROR ("Failed")));
  g_assert_nonnull (strstr (change->error->message, ERROR ("Failed")));
  g_clear_object (&self->base.service);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  while (dfl_fake_keeper_get_n_kept (self->base.keeper) < 2)
    g_main_context_iteration (NULL, TRUE);
  log_expect (log, "error *");
  log_expect (log, "error *");
  log_expect (log, NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  /* Only root can be several users. */
  if (getuid () != 0)
    return g_test_run ();

  PEOPLE_ADD ("/bus/keeping/save-fails", test_save_fails);
  PEOPLE_ADD ("/bus/keeping/kept-first", test_kept_first);
  PEOPLE_ADD ("/bus/keeping/one-after-another", test_one_after_another);
  PEOPLE_ADD ("/bus/keeping/removed-while-waiting", test_removed_while_waiting);
  PEOPLE_ADD ("/bus/keeping/removed-while-asked", test_removed_while_asked);
  PEOPLE_ADD ("/bus/keeping/taken-away-while-asked", test_taken_away_while_asked);
  PEOPLE_ADD ("/bus/keeping/harder-while-asked", test_harder_while_asked);
  PEOPLE_ADD ("/bus/keeping/harder-while-waiting", test_harder_while_waiting);
  PEOPLE_ADD ("/bus/keeping/shown-another", test_shown_another);
  PEOPLE_ADD ("/bus/keeping/allowed-is-done", test_allowed_is_done);
  PEOPLE_ADD ("/bus/keeping/allowed-is-added", test_allowed_is_added);
  PEOPLE_ADD ("/bus/keeping/possible-while-asked", test_possible_while_asked);
  PEOPLE_ADD ("/bus/keeping/allowed-while-waiting", test_allowed_while_waiting);
  PEOPLE_ADD ("/bus/keeping/own-is-not-bound", test_own_is_not_bound);
  PEOPLE_ADD ("/bus/keeping/vanishes-while-asked", test_vanishes_while_asked);
  PEOPLE_ADD ("/bus/keeping/vanishes-while-saving", test_vanishes_while_saving);
  PEOPLE_ADD ("/bus/keeping/closes-while-saving", test_closes_while_saving);
  return g_test_run ();
}
