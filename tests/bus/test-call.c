/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of a call as a client on the bus sees it. */

#include "bus/fixture.h"

#include <unistd.h>

#include "data/names.h"

#define ROOT DFL_ROOT_PATH
#define ERROR(name) DFL_ERROR_PREFIX name

static GVariant *
redirect_to (const char *target)
{
  return g_variant_new ("(sa{sv})", target, NULL);
}

static GVariant *
redirect_with (const char *target, const char *option, GVariant *value)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&options, "{sv}", option, value);
  return g_variant_new ("(sa{sv})", target, &options);
}

static GVariant *
decline_with (const char *option, GVariant *value)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE ("a{sv}"));
  if (option != NULL)
    g_variant_builder_add (&options, "{sv}", option, value);
  return g_variant_new ("(a{sv})", &options);
}

/* --- Redirect --- */

static void
test_order (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  DflLeg *leg;
  DflCall *call = fixture_offer_leg (fixture, "one", &leg);
  const char *path = path_of_call (call);
  g_autofree char *added = g_strconcat ("added ", path, NULL);
  g_autofree char *removed = g_strconcat ("removed ", path, NULL);
  g_autoptr (Pending) redirect = NULL;

  redirect = fixture_start (fixture, fixture->client, path, "Call.Redirect",
                            redirect_to ("sip:bob@b"));
  fixture_settle (fixture, fixture->client);
  g_assert_cmpstr (dfl_fake_leg_get_final (leg), ==, "302 sip:bob@b");
  g_assert_false (redirect->done);
  log_expect (log, added);
  log_expect (log, "changed State=redirecting AllowedActions=[] DecidedBy=user:* "
                   "RedirectedTo=sip:bob@b");
  log_expect (log, NULL);

  dfl_call_leg_acknowledged (call);
  pending_wait (redirect);
  g_assert_no_error (redirect->error);
  fixture_settle (fixture, fixture->client);
  log_expect (log, "changed State=idle Outcome=redirected");
  log_expect (log, "reply");
  log_expect (log, removed);
  log_expect (log, NULL);
}

/* One broadcast for everybody on a bus of one user, never one in person as well. */
static void
test_broadcast_once (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  fixture_do (fixture, fixture->client, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);

  log_expect (log, "reply");
  fixture_offer (fixture, "one");
  fixture_settle (fixture, fixture->client);
  log_expect (log, "added *");
  log_expect (log, NULL);
}

static void
test_not_yet (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  const char *path = path_of_call (call);
  g_autoptr (Pending) redirect = fixture_start (fixture, fixture->client, path, "Call.Redirect",
                                                redirect_to ("+4915550100"));
  g_autofree char *name = NULL;
  g_autofree char *state = NULL;

  fixture_settle (fixture, fixture->client);
  dfl_fake_clock_advance (fixture->clock, 19 * G_USEC_PER_SEC);
  fixture_settle (fixture, fixture->client);
  g_assert_false (redirect->done);
  dfl_fake_clock_advance (fixture->clock, G_USEC_PER_SEC);
  pending_wait (redirect);
  name = g_dbus_error_get_remote_error (redirect->error);
  g_assert_cmpstr (name, ==, ERROR ("Unconfirmed"));
  state = fixture_get (fixture, fixture->client, path, DFL_CALL_INTERFACE, "State");
  g_assert_cmpstr (state, ==, "'redirecting'");

  g_object_ref (call);
  dfl_call_leg_unconfirmed (call);
  g_assert_cmpint (dfl_call_get_outcome (call), ==, DFL_OUTCOME_UNCONFIRMED);
  g_object_unref (call);
}

static void
test_timer_h (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  g_autoptr (Pending) redirect = fixture_start (fixture, fixture->client, path_of_call (call),
                                                "Call.Redirect", redirect_to ("sip:bob@b"));
  g_autofree char *name = NULL;

  fixture_settle (fixture, fixture->client);
  dfl_call_leg_unconfirmed (call);
  pending_wait (redirect);
  name = g_dbus_error_get_remote_error (redirect->error);
  g_assert_cmpstr (name, ==, ERROR ("Unconfirmed"));
}

static void
test_flow_died (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  g_autoptr (Pending) redirect = fixture_start (fixture, fixture->client, path_of_call (call),
                                                "Call.Redirect", redirect_to ("sip:bob@b"));
  g_autofree char *name = NULL;

  fixture_settle (fixture, fixture->client);
  dfl_call_leg_failed (call);
  pending_wait (redirect);
  g_assert_nonnull (redirect->error);
  name = g_dbus_error_get_remote_error (redirect->error);
  g_assert_true (g_str_equal (name, ERROR ("LineDown"))
                 || g_str_equal (name, ERROR ("Unconfirmed")));
}

static void
test_without_waiting (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  DflCall *call = fixture_offer (fixture, "one");
  fixture_do (fixture, fixture->client, path_of_call (call), "Call.Redirect",
              redirect_with ("sip:bob@b", "wait", g_variant_new_boolean (FALSE)), "()");

  log_expect (log, "added *");
  log_expect (log, "changed State=redirecting *");
  log_expect (log, "reply");
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_REDIRECTING);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (fixture->clock), ==, 0);
}

static void
test_line_down (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  DflCall *call = fixture_offer (fixture, "one");
  g_autofree char *message = NULL;

  dfl_fake_line_set_down (fixture->line, TRUE);
  message = fixture_expect_error (fixture, fixture->client, path_of_call (call), "Call.Redirect",
                                  redirect_to ("sip:bob@b"), ERROR ("LineDown"));
  log_expect (log, "added *");
  log_expect (log, "changed State=idle Outcome=failed AllowedActions=[] *");
}

static void
test_two_at_once (Fixture *fixture, gconstpointer mode)
{
  DflLeg *leg;
  DflCall *call = fixture_offer_leg (fixture, "one", &leg);
  const char *path = path_of_call (call);
  g_autoptr (Pending) first = fixture_start (fixture, fixture->client, path, "Call.Redirect",
                                             redirect_to ("sip:bob@b"));
  g_autoptr (Pending) second = fixture_start (fixture, fixture->other, path, "Call.Redirect",
                                              redirect_to ("sip:eve@e"));
  Pending *loser;
  g_autofree char *name = NULL;

  while (!first->done && !second->done)
    g_main_context_iteration (NULL, TRUE);
  loser = first->done ? first : second;
  name = g_dbus_error_get_remote_error (loser->error);
  g_assert_cmpstr (name, ==, ERROR ("TooLate"));
  g_assert_nonnull (strstr (loser->error->message, "user:"));
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (leg), ==, 1);

  dfl_call_leg_acknowledged (call);
  pending_wait (first);
  pending_wait (second);
  g_assert_no_error ((loser == first ? second : first)->error);
}

static void
test_after_cancel (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  DflLeg *leg;
  DflCall *call = fixture_offer_leg (fixture, "one", &leg);
  const char *path = path_of_call (call);
  g_autofree char *message = NULL;

  dfl_call_leg_cancelled (call, FALSE);
  message = fixture_expect_error (fixture, fixture->client, path, "Call.Redirect",
                                  redirect_to ("sip:bob@b"),
                                  "org.freedesktop.DBus.Error.UnknownObject");
  g_assert_null (dfl_fake_leg_get_final (leg));
  log_expect (log, "added *");
  log_expect (log, "changed State=idle Outcome=cancelled AllowedActions=[] DecidedBy=network");
  log_expect (log, "removed *");
  log_expect (log, "error *UnknownObject");
  log_expect (log, NULL);
}

static void
test_answered_elsewhere (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);

  dfl_call_leg_cancelled (fixture_offer (fixture, "one"), TRUE);
  fixture_settle (fixture, fixture->client);
  log_expect (log, "added *");
  log_expect (log, "changed State=idle Outcome=answered-elsewhere *");
  log_expect (log, "removed *");
}

static void
test_client_leaves (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = g_object_ref (fixture_offer (fixture, "one"));
  g_autoptr (Pending) redirect = fixture_start (fixture, fixture->client, path_of_call (call),
                                                "Call.Redirect", redirect_to ("sip:bob@b"));

  fixture_settle (fixture, fixture->client);
  g_dbus_connection_close_sync (fixture->client, NULL, NULL);
  fixture_settle (fixture, fixture->other);
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_REDIRECTING);
  dfl_call_leg_acknowledged (call);
  fixture_settle (fixture, fixture->other);
  g_assert_cmpint (dfl_call_get_outcome (call), ==, DFL_OUTCOME_REDIRECTED);
  g_object_unref (call);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (fixture->clock), ==, 0);
}

static void
test_service_closes (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  g_autoptr (Pending) redirect = fixture_start (fixture, fixture->client, path_of_call (call),
                                                "Call.Redirect", redirect_to ("sip:bob@b"));
  g_autofree char *name = NULL;

  fixture_settle (fixture, fixture->client);
  dfl_service_close (fixture->service);
  pending_wait (redirect);
  name = g_dbus_error_get_remote_error (redirect->error);
  g_assert_cmpstr (name, ==, ERROR ("Unconfirmed"));
  dfl_call_leg_acknowledged (call);
}

/* --- What is refused --- */

static void
test_refused_redirects (Fixture *fixture, gconstpointer mode)
{
  DflLeg *leg;
  DflCall *call = fixture_offer_leg (fixture, "one", &leg);
  const char *path = path_of_call (call);
  const struct
  {
    GVariant *parameters;
    const char *error;
  } cases[] = {
    { redirect_to (""), ERROR ("InvalidTarget") },
    { redirect_to ("sip:bob@b>\r\nX: y"), ERROR ("InvalidTarget") },
    { redirect_to ("mobile"), ERROR ("NotSupported") },
    { redirect_to ("sip:alice@example.org"), ERROR ("LoopDetected") },
    { redirect_with ("sip:bob@b", "Wait", g_variant_new_boolean (TRUE)), ERROR ("InvalidOption") },
    { redirect_with ("sip:bob@b", "wait", g_variant_new_string ("no")), ERROR ("InvalidOption") },
    { redirect_with ("sip:bob@b", "alternatives",
                     g_variant_new_array (G_VARIANT_TYPE ("(sd)"), NULL, 0)),
      ERROR ("NotSupported") },
    { redirect_with ("sip:bob@b", "alternatives", g_variant_new_uint32 (1)),
      ERROR ("InvalidOption") },
    { g_variant_new ("(s)", "sip:bob@b"), "org.freedesktop.DBus.Error.InvalidArgs" },
    { g_variant_new ("(sa{ss})", "sip:bob@b", NULL), "org.freedesktop.DBus.Error.InvalidArgs" },
    { NULL, "org.freedesktop.DBus.Error.InvalidArgs" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      fixture_fail (fixture, fixture->client, path, "Call.Redirect", cases[i].parameters,
                    cases[i].error);

      g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_OFFERED);
    }
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (leg), ==, 0);
}

static void
expect_check (Fixture *fixture, const char *path, GVariant *parameters, const char *pattern)
{
  g_autoptr (GVariant) result = fixture_expect (fixture, fixture->client, path,
                                                "Call.CheckRedirect", parameters, NULL);
  g_autofree char *text = g_variant_print (result, FALSE);

  if (!g_pattern_match_simple (pattern, text))
    g_error ("expected %s, got %s", pattern, text);
}

static void
test_check_redirect (Fixture *fixture, gconstpointer mode)
{
  DflLeg *leg;
  DflCall *call = fixture_offer_leg (fixture, "one", &leg);
  const char *path = path_of_call (call);

  expect_check (fixture, path, redirect_to ("+49 155-50100"),
                "(true, ['sip:+4915550100@example.org;user=phone'], '')");
  expect_check (fixture, path, redirect_to ("sip:alice@example.org"),
                "(false, [], 'org.deflectd1.Error.LoopDetected: *')");
  expect_check (fixture, path, redirect_to ("mobile"),
                "(false, [], 'org.deflectd1.Error.NotSupported: *')");
  expect_check (fixture, path, redirect_with ("sip:bob@b", "q", g_variant_new_double (1)),
                "(false, [], 'org.deflectd1.Error.InvalidOption: *')");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (leg), ==, 0);
  g_assert_cmpint (dfl_call_get_state (call), ==, DFL_CALL_STATE_OFFERED);
}

/* --- The other decisions --- */

static void
test_decline (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  DflLeg *leg;
  DflCall *call = fixture_offer_leg (fixture, "one", &leg);
  const char *path = path_of_call (call);
  const struct
  {
    GVariant *parameters;
    const char *error;
  } cases[] = {
    { decline_with ("status", g_variant_new_uint32 (0)), ERROR ("InvalidOption") },
    { decline_with ("status", g_variant_new_uint32 (200)), ERROR ("InvalidOption") },
    { decline_with ("status", g_variant_new_int32 (486)), ERROR ("InvalidOption") },
    { decline_with ("why", g_variant_new_string ("")), ERROR ("InvalidOption") },
    { NULL, "org.freedesktop.DBus.Error.InvalidArgs" },
  };
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *late = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      fixture_fail (fixture, fixture->client, path, "Call.Decline", cases[i].parameters,
                    cases[i].error);
      if (i == 0)
        log_expect (log, "added *");
      log_expect (log, "error *");
    }
  reply = fixture_expect (fixture, fixture->client, path, "Call.Decline",
                          decline_with ("status", g_variant_new_uint32 (603)), "()");
  g_assert_cmpstr (dfl_fake_leg_get_final (leg), ==, "603");
  log_expect (log, "changed State=declining AllowedActions=[] DecidedBy=user:*");
  log_expect (log, "reply");
  late = fixture_expect_error (fixture, fixture->client, path, "Call.Decline",
                               decline_with (NULL, NULL), ERROR ("TooLate"));
  log_expect (log, "error *TooLate");
  dfl_call_leg_unconfirmed (call);
  fixture_settle (fixture, fixture->client);
  log_expect (log, "changed State=idle Outcome=declined");
  log_expect (log, "removed *");
  log_expect (log, NULL);
}

static void
test_decline_default (Fixture *fixture, gconstpointer mode)
{
  DflLeg *leg;
  DflCall *call = fixture_offer_leg (fixture, "one", &leg);
  fixture_do (fixture, fixture->client, path_of_call (call), "Call.Decline",
              decline_with (NULL, NULL), "()");

  g_assert_cmpstr (dfl_fake_leg_get_final (leg), ==, "486");
}

static void
test_silence (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  const char *path = path_of_call (fixture_offer (fixture, "one"));
  fixture_do (fixture, fixture->client, path, "Call.Silence", NULL, "()");
  fixture_do (fixture, fixture->client, path, "Call.Silence", NULL, "()");
  fixture_fail (fixture, fixture->client, path, "Call.Keep", NULL, ERROR ("NotSupported"));

  log_expect (log, "added *");
  log_expect (log, "changed Silenced=true");
  log_expect (log, "reply");
  log_expect (log, "reply");
  log_expect (log, "error *NotSupported");
  log_expect (log, NULL);
}

static void
test_expired (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Log) log = log_new (fixture->client);
  DflCall *call = fixture_offer (fixture, "one");

  dfl_fake_clock_advance (fixture->clock, 120 * G_USEC_PER_SEC);
  dfl_call_leg_acknowledged (call);
  fixture_settle (fixture, fixture->client);
  log_expect (log, "added *");
  log_expect (log, "changed State=declining AllowedActions=[] DecidedBy=deadline");
  log_expect (log, "changed State=idle Outcome=expired");
  log_expect (log, "removed *");
}

/* --- Properties --- */

static const struct
{
  const char *name;
  const char *pattern;
} expected_properties[] = {
  { "Account", "'/org/deflectd1/account/*'" },
  { "SipCallId", "'one'" },
  { "State", "'offered'" },
  { "Outcome", "'none'" },
  { "CallerAddress", "'sip:carol@caller.example'" },
  { "CallerNumber", "*" },
  { "CallerName", "'Carol'" },
  { "CallerPresentation", "'allowed'" },
  { "CallerSource", "'P-Asserted-Identity'" },
  { "CallerTrusted", "true" },
  { "Identities", "[{'source': <'P-Asserted-Identity'>, 'address': <'sip:carol@*>, "
                  "'number': <*>, 'name': <'Carol'>, 'trusted': <true>}]" },
  { "CalledAddress", "'sip:alice@example.org'" },
  { "DivertedFrom", "[]" },
  { "Subject", "*" },
  { "OfferedAt", "1800000000000000" },
  { "Deadline", "1800000120000000" },
  { "NextAction", "''" },
  { "NextActionBy", "''" },
  { "NextActionAt", "0" },
  { "AllowedActions", "['redirect', 'decline', 'silence']" },
  { "RedirectedTo", "''" },
  { "DecidedBy", "''" },
  { "Silenced", "false" },
};

static void
expect_property (guint i, const char *text)
{
  if (!g_pattern_match_simple (expected_properties[i].pattern, text))
    g_error ("%s: expected %s, got %s", expected_properties[i].name, expected_properties[i].pattern,
             text);
}

static void
test_properties (Fixture *fixture, gconstpointer mode)
{
  const char *path = path_of_call (fixture_offer (fixture, "one"));
  g_autoptr (GVariant) all = fixture_expect (fixture, fixture->client, path, "Properties.GetAll",
                                             g_variant_new ("(s)", DFL_CALL_INTERFACE), NULL);
  g_autoptr (GVariant) dictionary = g_variant_get_child_value (all, 0);

  g_assert_cmpuint (g_variant_n_children (dictionary), ==, G_N_ELEMENTS (expected_properties));
  for (guint i = 0; i < G_N_ELEMENTS (expected_properties); i++)
    {
      const char *name = expected_properties[i].name;
      g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, name, NULL);
      g_autofree char *one = fixture_get (fixture, fixture->client, path, DFL_CALL_INTERFACE, name);
      g_autofree char *text = NULL;

      g_assert_nonnull (value);
      text = g_variant_print (value, FALSE);
      expect_property (i, text);
      g_assert_cmpstr (one, ==, text);
    }
}

static void
test_find_call (Fixture *fixture, gconstpointer mode)
{
  DflCall *call = fixture_offer (fixture, "one");
  g_autofree char *expected = g_strdup_printf ("([objectpath '%s'],)", path_of_call (call));
  g_autoptr (GVariant) found = fixture_expect (fixture, fixture->client, ROOT, "Manager.FindCall",
                                               g_variant_new ("(s)", "one"), NULL);
  g_autofree char *text = g_variant_print (found, TRUE);
  fixture_do (fixture, fixture->client, ROOT, "Manager.FindCall", g_variant_new ("(s)", "two"),
              "([],)");

  g_assert_cmpstr (text, ==, expected);
}

/* --- The stock object manager --- */

static void
on_manager_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  *(GDBusObjectManager **)data = g_dbus_object_manager_client_new_finish (result, &error);
  g_assert_no_error (error);
}

static void
on_object (GDBusObjectManager *manager, GDBusObject *object, gpointer data)
{
  g_ptr_array_add (data, g_strdup (g_dbus_object_get_object_path (object)));
}

static void
on_properties_changed (GDBusObjectManagerClient *manager,
                       GDBusObjectProxy *object,
                       GDBusProxy *interface,
                       GVariant *changed,
                       const char *const *invalidated,
                       gpointer data)
{
  g_ptr_array_add (data, g_variant_print (changed, FALSE));
}

static void
test_object_manager_client (Fixture *fixture, gconstpointer mode)
{
  DflCall *before = fixture_offer (fixture, "before");
  g_autoptr (GDBusObjectManager) manager = NULL;
  g_autoptr (GPtrArray) added = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) changed = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) removed = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDBusInterface) proxy = NULL;
  const char *path;
  DflCall *call;
  g_autolist (GDBusObject) objects = NULL;

  g_dbus_object_manager_client_new (fixture->client, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_NONE,
                                    DFL_BUS_NAME, ROOT, NULL, NULL, NULL, NULL, on_manager_ready,
                                    &manager);
  while (manager == NULL)
    g_main_context_iteration (NULL, TRUE);
  objects = g_dbus_object_manager_get_objects (manager);
  g_assert_cmpuint (g_list_length (objects), ==, 2);
  proxy = g_dbus_object_manager_get_interface (manager, path_of_call (before), DFL_CALL_INTERFACE);
  g_assert_nonnull (proxy);

  g_signal_connect (manager, "object-added", G_CALLBACK (on_object), added);
  g_signal_connect (manager, "object-removed", G_CALLBACK (on_object), removed);
  g_signal_connect (manager, "interface-proxy-properties-changed",
                    G_CALLBACK (on_properties_changed), changed);
  call = fixture_offer (fixture, "one");
  path = path_of_call (call);
  while (added->len == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (g_ptr_array_index (added, 0), ==, path);
  g_clear_object (&proxy);
  proxy = g_dbus_object_manager_get_interface (manager, path, DFL_CALL_INTERFACE);
  for (guint i = 0; i < G_N_ELEMENTS (expected_properties); i++)
    {
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (G_DBUS_PROXY (proxy),
                                                                     expected_properties[i].name);
      g_autofree char *text = NULL;

      g_assert_nonnull (value);
      text = g_variant_print (value, FALSE);
      expect_property (i, text);
    }

  g_dbus_proxy_call (G_DBUS_PROXY (proxy), "Redirect", redirect_to ("sip:bob@b"),
                     G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, NULL, NULL);
  while (changed->len == 0)
    g_main_context_iteration (NULL, TRUE);
  dfl_call_leg_acknowledged (call);
  while (removed->len == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (changed->len, ==, 2);
  g_assert_nonnull (strstr (g_ptr_array_index (changed, 0), "redirecting"));
  g_assert_cmpstr (g_ptr_array_index (changed, 1), ==,
                   "{'State': <'idle'>, 'Outcome': <'redirected'>}");
  g_assert_cmpstr (g_ptr_array_index (removed, 0), ==, path);
  g_clear_object (&proxy);
  g_clear_object (&manager);
  fixture_settle (fixture, fixture->client);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function)                                                                        \
  g_test_add ("/bus/call/" path, Fixture, FIXTURE_SESSION, fixture_set_up, function,               \
              fixture_tear_down)
  ADD ("order", test_order);
  ADD ("broadcast-once", test_broadcast_once);
  ADD ("not-yet", test_not_yet);
  ADD ("timer-h", test_timer_h);
  ADD ("flow-died", test_flow_died);
  ADD ("without-waiting", test_without_waiting);
  ADD ("line-down", test_line_down);
  ADD ("two-at-once", test_two_at_once);
  ADD ("after-cancel", test_after_cancel);
  ADD ("answered-elsewhere", test_answered_elsewhere);
  ADD ("client-leaves", test_client_leaves);
  ADD ("service-closes", test_service_closes);
  ADD ("refused-redirects", test_refused_redirects);
  ADD ("check-redirect", test_check_redirect);
  ADD ("decline", test_decline);
  ADD ("decline-default", test_decline_default);
  ADD ("silence", test_silence);
  ADD ("expired", test_expired);
  ADD ("properties", test_properties);
  ADD ("find-call", test_find_call);
  ADD ("object-manager-client", test_object_manager_client);
#undef ADD
  return g_test_run ();
}
