/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is asked what before a decision, within which limits, and what happens meanwhile. */

#include "bus/decision-details.h"
#include "bus/fixture.h"

#include <pwd.h>

#include "bus/permits.h"
#include "core/error.h"
#include "data/names.h"

#define ERROR(name) DFL_ERROR_PREFIX name
#define NOT_AUTHORIZED ERROR ("NotAuthorized")
#define LIMIT_EXCEEDED ERROR ("LimitExceeded")
#define UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"
#define INTERACTIVE G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION
#define PLAIN G_DBUS_MESSAGE_FLAGS_NONE

#define ASKED_OF_BOB "org.deflectd1.redirect account=alice action=redirect target=sip:bob@b number="

/* Two users of alice beside root, and a call for her. */
typedef struct
{
  Fixture base;
  GDBusConnection *stranger, *neighbour;
  DflCall *call;
  DflLeg *leg;
  const char *path;
} People;

static void
set_up (People *self, gconstpointer mode)
{
  fixture_set_up (&self->base, mode);
  fixture_set_users (&self->base, "nobody,daemon", NULL);
  self->stranger = test_bus_connect_as (self->base.bus, STRANGER);
  self->neighbour = test_bus_connect_as (self->base.bus, NEIGHBOUR);
  self->call = fixture_offer_leg (&self->base, "one", &self->leg);
  self->path = path_of_call (self->call);
  fixture_wait_seen (&self->base, self->stranger, self->path);
  fixture_wait_seen (&self->base, self->neighbour, self->path);
}

static void
tear_down (People *self, gconstpointer mode)
{
  g_clear_object (&self->stranger);
  g_clear_object (&self->neighbour);
  fixture_tear_down (&self->base, mode);
}

/* --- Helpers --- */

static GVariant *
redirect_to (const char *target)
{
  return g_variant_new ("(sa{sv})", target, NULL);
}

/* One that is answered when it was sent. */
static Pending *
start (People *self, GDBusConnection *connection, GDBusMessageFlags flags)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "wait", g_variant_new_boolean (FALSE));
  return fixture_start_with (&self->base, connection, self->path, "Call.Redirect",
                             g_variant_new ("(sa{sv})", "sip:bob@b", &options), flags);
}

static void
expect_done (Pending *pending)
{
  pending_wait (pending);
  g_assert_no_error (pending->error);
}

static void
expect_error (Pending *pending, const char *name, const char *pattern)
{
  g_autofree char *actual = NULL;

  pending_wait (pending);
  g_assert_nonnull (pending->error);
  actual = g_dbus_error_get_remote_error (pending->error);
  g_assert_cmpstr (actual, ==, name);
  g_dbus_error_strip_remote_error (pending->error);
  if (!g_pattern_match_simple (pattern, pending->error->message))
    g_error ("\"%s\" is not \"%s\"", pending->error->message, pattern);
}

static void
wait_asked (People *self, guint n)
{
  while (dfl_fake_authority_get_n_waiting (self->base.authority) != n)
    g_main_context_iteration (NULL, TRUE);
}

static void
expect_asked (People *self, const char *question)
{
  g_autofree char *actual = dfl_fake_authority_take (self->base.authority);

  g_assert_cmpstr (actual, ==, question);
}

static void
expect_untouched (People *self)
{
  fixture_settle (&self->base, self->base.client);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_OFFERED);
  g_assert_false (dfl_call_get_silenced (self->call));
}

/* --- What is asked --- */

static void
test_details (People *self, gconstpointer mode)
{
  Fixture *fixture = &self->base;

  fixture_do (fixture, self->stranger, self->path, "Call.Silence", NULL, "()");
  expect_asked (self, "org.deflectd1.redirect account=alice action=silence target= number=");
  fixture_do (fixture, self->stranger, self->path, "Call.CheckRedirect",
              redirect_to ("+49 (900) 123"),
              "(true, ['sip:+49900123@example.org;user=phone'], '')");
  expect_asked (self, "org.deflectd1.redirect account=alice action=redirect "
                      "target=sip:+49900123@example.org;user=phone number=+49900123");
  fixture_do (fixture, self->stranger, self->path, "Call.Decline", g_variant_new ("(a{sv})", NULL),
              "()");
  expect_asked (self, "org.deflectd1.redirect account=alice action=decline target= number=");
  expect_asked (self, NULL);
  g_assert_cmpstr (dfl_call_get_decided_by (self->call), ==, "user:nobody");
}

static void
test_redirect (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = fixture_start (&self->base, self->stranger, self->path,
                                               "Call.Redirect", redirect_to ("sip:bob@b"));

  while (dfl_call_get_state (self->call) == DFL_CALL_STATE_OFFERED)
    g_main_context_iteration (NULL, TRUE);
  expect_asked (self, ASKED_OF_BOB);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_call_leg_acknowledged (self->call);
  expect_done (pending);
}

/* Root needs nobody's leave, and nobody does on a bus of one user. */
static void
test_not_asked (People *self, gconstpointer mode)
{
  Fixture *fixture = &self->base;

  dfl_fake_authority_set_answers (fixture->authority, DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_REFUSED);
  fixture_do (fixture, fixture->client, self->path, "Call.CheckRedirect", redirect_to ("sip:bob@b"),
              "(true, ['sip:bob@b'], '')");
  fixture_do (fixture, fixture->client, self->path, "Call.Silence", NULL, "()");
  fixture_do (fixture, fixture->client, self->path, "Call.Decline", g_variant_new ("(a{sv})", NULL),
              "()");
  expect_asked (self, NULL);
}

static void
test_session (Fixture *fixture, gconstpointer mode)
{
  const char *path = path_of_call (fixture_offer (fixture, "one"));

  dfl_fake_authority_set_answers (fixture->authority, DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_REFUSED);
  fixture_do (fixture, fixture->client, path, "Call.Silence", NULL, "()");
  g_assert_null (dfl_fake_authority_take (fixture->authority));
}

/* What would be refused anyway costs no question, and a stranger's guess less. */
static void
test_cheap_refusals (People *self, gconstpointer mode)
{
  Fixture *fixture = &self->base;

  fixture_fail (fixture, self->stranger, self->path, "Call.Redirect", redirect_to ("sip:"),
                ERROR ("InvalidTarget"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Redirect",
                redirect_to ("sip:alice@example.org"), ERROR ("LoopDetected"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Redirect",
                g_variant_new_parsed ("('sip:bob@b', {'x': <1>})"), ERROR ("InvalidOption"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Decline",
                g_variant_new_parsed ("({'status': <uint32 500>},)"), ERROR ("InvalidOption"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Keep", NULL, ERROR ("NotSupported"));
  fixture_fail (fixture, self->stranger, DFL_CALL_PATH_PREFIX "12345678", "Call.Silence", NULL,
                UNKNOWN_OBJECT);
  expect_untouched (self);
  fixture_do (fixture, fixture->client, self->path, "Call.Decline", g_variant_new ("(a{sv})", NULL),
              "()");
  fixture_fail (fixture, self->stranger, self->path, "Call.Redirect", redirect_to ("sip:bob@b"),
                ERROR ("TooLate"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Decline",
                g_variant_new ("(a{sv})", NULL), ERROR ("TooLate"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Silence", NULL, ERROR ("TooLate"));
  expect_asked (self, NULL);
}

static void
test_numbers (void)
{
  static const char *const numbers[][2] = {
    { "sip:+49900123@b;user=phone", "+49900123" },
    { "sips:0900123@b", "0900123" },
    { "SIP:0900123@b", "0900123" },
    { "sip:%2B4%39900-123@b", "+49900123" },
    { "sip:+49.900-(123)@b", "+49900123" },
    { "sip:+49%20900%28123%29@b", "+49900123" },
    { "sip:900123;phone-context=+49@b;user=phone", "900123" },
    { "sip:0900123;isub=1@b", "0900123" },
    { "sip:0900123%3Bisub=1@b", "0900123" },
    { "sip:0900123%3A@b", "0900123" },
    { "sip:*21%23@b", "*21#" },
    { "sip:+@b", "" },
    { "sip:++49@b", "" },
    { "sip:---@b", "" },
    { "sip:bob@b", "" },
    { "sip:0900a@b", "" },
    { "sip:49+900@b", "" },
    { "sip:b", "" },
    { "sip:0900123", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *number = dfl_decision_number_new (numbers[i][0]);

      g_assert_cmpstr (number, ==, numbers[i][1]);
    }
}

/* --- Answers --- */

typedef struct
{
  DflAuthorityAnswer plain, interactive;
  GDBusMessageFlags flags;
  const char *pattern; /* of the refusal; NULL: done */
  guint n_asked;
} Answers;

static void
test_answers (People *self, gconstpointer mode)
{
  static const Answers cases[] = {
    { DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_GRANTED, INTERACTIVE, "You may not do this from here *",
      1 },
    { DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_GRANTED, PLAIN, "You may not do this from here *", 1 },
    { DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_GRANTED, PLAIN,
      "A password is needed *org.deflectd1.redirect*allow interactive authorization*", 1 },
    { DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_REFUSED, INTERACTIVE, "The password was not *", 2 },
    { DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_CHALLENGE, INTERACTIVE, "*polkit agent*", 2 },
    { DFL_AUTHORITY_CHALLENGE, DFL_AUTHORITY_GRANTED, INTERACTIVE, NULL, 2 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Pending) pending = NULL;

      dfl_fake_authority_set_answers (self->base.authority, cases[i].plain, cases[i].interactive);
      pending = start (self, self->stranger, cases[i].flags);
      if (cases[i].pattern == NULL)
        expect_done (pending);
      else
        {
          expect_error (pending, NOT_AUTHORIZED, cases[i].pattern);
          expect_untouched (self);
        }
      expect_asked (self, ASKED_OF_BOB);
      if (cases[i].n_asked == 2)
        expect_asked (self, ASKED_OF_BOB " interactive");
      expect_asked (self, NULL);
    }
}

static void
test_check (People *self, gconstpointer mode)
{
  Fixture *fixture = &self->base;
  g_autoptr (Pending) pending = NULL;
  g_autofree char *text = NULL;

  dfl_fake_authority_set_answers (fixture->authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_REFUSED);
  pending = fixture_start_with (fixture, self->stranger, self->path, "Call.CheckRedirect",
                                redirect_to ("sip:bob@b"), INTERACTIVE);
  expect_done (pending);
  text = g_variant_print (pending->result, FALSE);
  g_assert_cmpstr (text, ==, "(true, ['sip:bob@b'], '')");
  expect_asked (self, ASKED_OF_BOB);
  expect_asked (self, NULL);

  dfl_fake_authority_set_answers (fixture->authority, DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_GRANTED);
  fixture_do (fixture, self->stranger, self->path, "Call.CheckRedirect", redirect_to ("sip:bob@b"),
              "(false, [], 'org.deflectd1.Error.NotAuthorized: You may not do this from here "
              "(polkit action org.deflectd1.redirect); use a session at this machine, or ask its "
              "administrator for a polkit rule')");
  fixture_do (fixture, self->stranger, self->path, "Call.CheckRedirect",
              redirect_to ("sip:alice@example.org"), NULL);
  expect_asked (self, ASKED_OF_BOB);
  expect_asked (self, NULL);
  expect_untouched (self);
}

static void
test_errors (People *self, gconstpointer mode)
{
  g_autoptr (GError) ours = g_error_new_literal (DFL_ERROR, DFL_ERROR_FAILED, "Somebody is ill");
  g_autoptr (GError) other = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "secret");
  g_autoptr (Pending) first = NULL;
  g_autoptr (Pending) second = NULL;

  dfl_fake_authority_set_error (self->base.authority, ours);
  first = start (self, self->stranger, INTERACTIVE);
  expect_error (first, NOT_AUTHORIZED, "Somebody is ill");
  dfl_fake_authority_set_error (self->base.authority, other);
  second = start (self, self->stranger, INTERACTIVE);
  expect_error (second, NOT_AUTHORIZED, "The polkit service could not be asked; try again");
  expect_untouched (self);
}

/* Without an authority nobody but root may anything. */
static void
test_no_authority (People *self, gconstpointer mode)
{
  static const char *const listening[] = { NULL };
  Fixture *fixture = &self->base;
  g_autofree char *message = NULL;

  dfl_service_close (fixture->service);
  g_object_unref (fixture->service);
  fixture->service = dfl_service_new (fixture->server, DFL_BUS_SYSTEM, NULL, fixture->switchboard,
                                      DFL_CLOCK (fixture->clock), listening);
  fixture_wait_seen (fixture, self->stranger, self->path);
  message = fixture_expect_error (fixture, self->stranger, self->path, "Call.Silence", NULL,
                                  NOT_AUTHORIZED);
  g_assert_true (g_str_has_prefix (message, "Nobody but root may do this here, "));
  fixture_do (fixture, self->stranger, self->path, "Call.CheckRedirect", redirect_to ("sip:bob@b"),
              NULL);
  expect_untouched (self);
  fixture_do (fixture, fixture->client, self->path, "Call.Silence", NULL, "()");
}

/* --- Limits --- */

static void
test_four_of_a_user (People *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) second = test_bus_connect_as (self->base.bus, STRANGER);
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (Pending) fifth = NULL;
  g_autoptr (Pending) later = NULL;

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
  dfl_fake_authority_hold (self->base.authority);
  for (guint i = 0; i < 4; i++)
    g_ptr_array_add (held, start (self, i % 2 == 0 ? self->stranger : second, PLAIN));
  wait_asked (self, 4);
  fifth = start (self, second, PLAIN);
  expect_error (fifth, LIMIT_EXCEEDED, "*wait for an answer*");
  /* A dry run is such a question too. */
  fixture_do (&self->base, second, self->path, "Call.CheckRedirect", redirect_to ("sip:bob@b"),
              "(false, [], 'org.deflectd1.Error.LimitExceeded: Too many authorizations are under "
              "way; wait for an answer and try again')");
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 4);

  g_ptr_array_add (held, start (self, self->neighbour, PLAIN));
  wait_asked (self, 5);
  dfl_fake_authority_release (self->base.authority);
  for (guint i = 0; i < held->len; i++)
    expect_error (g_ptr_array_index (held, i), NOT_AUTHORIZED, "*");
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_REFUSED);
  later = start (self, second, PLAIN);
  expect_done (later);
}

/* Sixteen users that there are everywhere; the bus wants to know who they are. */
static GPtrArray *
connect_sixteen (TestBus *bus)
{
  GPtrArray *connections = g_ptr_array_new_with_free_func (g_object_unref);
  struct passwd *entry;

  setpwent ();
  while (connections->len < 16 && (entry = getpwent ()) != NULL)
    {
      if (entry->pw_uid != 0 && entry->pw_uid != STRANGER)
        g_ptr_array_add (connections, test_bus_connect_as (bus, entry->pw_uid));
    }
  endpwent ();
  g_assert_cmpuint (connections->len, ==, 16);
  return connections;
}

static void
test_sixty_four (People *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (GPtrArray) connections = connect_sixteen (self->base.bus);
  g_autoptr (Pending) refused = NULL;

  fixture_set_users (&self->base, "*", NULL);
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
  dfl_fake_authority_hold (self->base.authority);
  for (guint i = 0; i < 64; i++)
    g_ptr_array_add (held, start (self, g_ptr_array_index (connections, i / 4), PLAIN));
  wait_asked (self, 64);
  refused = start (self, self->stranger, PLAIN);
  expect_error (refused, LIMIT_EXCEEDED, "*wait for an answer*");
  fixture_do (&self->base, self->base.client, self->path, "Call.Silence", NULL, "()");
  dfl_fake_authority_release (self->base.authority);
  for (guint i = 0; i < held->len; i++)
    expect_error (g_ptr_array_index (held, i), NOT_AUTHORIZED, "*");
}

static void
test_check_limit (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = NULL;
  g_autoptr (Pending) later = NULL;

  dfl_fake_authority_hold (self->base.authority);
  pending = start (self, self->stranger, INTERACTIVE);
  wait_asked (self, 1);
  dfl_fake_clock_advance (self->base.clock, 10 * G_USEC_PER_SEC - 1);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_fake_clock_advance (self->base.clock, 1);
  expect_error (pending, NOT_AUTHORIZED, "The polkit service did not answer within 10 seconds*");
  wait_asked (self, 0);
  expect_untouched (self);

  /* What it says now reaches nobody. */
  dfl_fake_authority_release (self->base.authority);
  expect_untouched (self);
  later = start (self, self->stranger, PLAIN);
  expect_done (later);
}

static Pending *
start_dialog (People *self, GDBusConnection *connection)
{
  guint n_waiting = dfl_fake_authority_get_n_waiting (self->base.authority);
  Pending *pending;

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_GRANTED);
  dfl_fake_authority_hold_dialogs (self->base.authority);
  pending = start (self, connection, INTERACTIVE);
  wait_asked (self, n_waiting + 1);
  return pending;
}

static void
test_prompt_limit (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_dialog (self, self->stranger);
  g_autoptr (Pending) later = NULL;

  dfl_fake_clock_advance (self->base.clock, 60 * G_USEC_PER_SEC - 1);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_fake_clock_advance (self->base.clock, 1);
  expect_error (pending, NOT_AUTHORIZED, "The dialog *open for 60 seconds*taken back*");
  wait_asked (self, 0);
  expect_untouched (self);

  later = start_dialog (self, self->stranger);
  dfl_fake_authority_release (self->base.authority);
  expect_done (later);
}

static void
test_one_dialog (People *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) again = test_bus_connect_as (self->base.bus, STRANGER);
  g_autoptr (Pending) first = start_dialog (self, self->stranger);
  g_autoptr (Pending) others = NULL;
  g_autoptr (Pending) second = NULL;

  second = start (self, again, INTERACTIVE);
  expect_error (second, LIMIT_EXCEEDED, "You are being asked for a password already; answer *");
  others = start_dialog (self, self->neighbour);
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 2);
  dfl_fake_authority_release (self->base.authority);
  expect_done (first);
  expect_error (others, ERROR ("TooLate"), "*decided by user:nobody*");
}

/* The prompt does not count against the 20 seconds for the ACK. */
static void
test_prompt_comes_on_top (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = NULL;

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_GRANTED);
  dfl_fake_authority_hold_dialogs (self->base.authority);
  pending = fixture_start_with (&self->base, self->stranger, self->path, "Call.Redirect",
                                redirect_to ("sip:bob@b"), INTERACTIVE);
  wait_asked (self, 1);
  dfl_fake_clock_advance (self->base.clock, 50 * G_USEC_PER_SEC);
  dfl_fake_authority_release (self->base.authority);
  while (dfl_call_get_state (self->call) == DFL_CALL_STATE_OFFERED)
    g_main_context_iteration (NULL, TRUE);
  dfl_fake_clock_advance (self->base.clock, 20 * G_USEC_PER_SEC - 1);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_fake_clock_advance (self->base.clock, 1);
  expect_error (pending, ERROR ("Unconfirmed"), "*");
  dfl_call_leg_acknowledged (self->call);
}

/* --- What happens meanwhile --- */

static void
test_audience_lost (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_dialog (self, self->stranger);
  g_autofree char *absent = fixture_expect_error (&self->base, self->stranger,
                                                  DFL_CALL_PATH_PREFIX "12345678", "Call.Silence",
                                                  NULL, UNKNOWN_OBJECT);

  fixture_set_users (&self->base, "daemon", NULL);
  dfl_fake_authority_release (self->base.authority);
  expect_error (pending, UNKNOWN_OBJECT, absent);
  expect_untouched (self);
}

static void
test_call_gone (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_dialog (self, self->stranger);

  dfl_call_leg_cancelled (self->call, FALSE);
  fixture_settle (&self->base, self->stranger);
  dfl_fake_authority_release (self->base.authority);
  expect_error (pending, UNKNOWN_OBJECT, "*");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
}

static void
test_decided (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_dialog (self, self->stranger);

  fixture_do (&self->base, self->base.client, self->path, "Call.Decline",
              g_variant_new ("(a{sv})", NULL), "()");
  dfl_fake_authority_release (self->base.authority);
  expect_error (pending, ERROR ("TooLate"), "*decided by user:root*");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
}

/* Everything is checked again: meanwhile the target has become an account here. */
static void
test_target_changed (People *self, gconstpointer mode)
{
  GVariant *target = g_variant_new_parsed ("('sip:bob@example.org', {'wait': <false>})");
  g_autoptr (Pending) pending = NULL;

  dfl_fake_authority_hold (self->base.authority);
  pending = fixture_start (&self->base, self->stranger, self->path, "Call.Redirect", target);
  wait_asked (self, 1);
  fixture_set_users (&self->base, "nobody,daemon", "nobody,daemon");
  fixture_wait_seen (&self->base, self->stranger, self->path);
  dfl_fake_authority_release (self->base.authority);
  expect_error (pending, ERROR ("LoopDetected"), "*");
  expect_untouched (self);
}

/* What the linker lets stand before the real one: what a text comes to changes. */
DflTarget *__real_dfl_call_check_redirect (DflCall *call, const char *text, GError **error);
DflTarget *__wrap_dfl_call_check_redirect (DflCall *call, const char *text, GError **error);

static const char *other_target;

DflTarget *
__wrap_dfl_call_check_redirect (DflCall *call, const char *text, GError **error)
{
  return __real_dfl_call_check_redirect (call, other_target == NULL ? text : other_target, error);
}

static void
test_goes_elsewhere (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_dialog (self, self->stranger);

  other_target = "sip:mallory@m";
  dfl_fake_authority_release (self->base.authority);
  expect_error (pending, ERROR ("Failed"), "The account's settings changed *try again");
  other_target = NULL;
  expect_untouched (self);
}

/* One connection that asks twice decides once. */
static void
test_twice (People *self, gconstpointer mode)
{
  g_autoptr (Pending) first = NULL;
  g_autoptr (Pending) second = NULL;

  dfl_fake_authority_hold (self->base.authority);
  first = start (self, self->stranger, PLAIN);
  second = start (self, self->stranger, PLAIN);
  wait_asked (self, 2);
  dfl_fake_authority_release (self->base.authority);
  expect_done (first);
  expect_error (second, ERROR ("TooLate"), "*");
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 1);
}

/* Kept away from the fixture's main loop, so that the connection can be closed at once. */
static void
disconnect (GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_close_sync (connection, NULL, &error);
  g_assert_no_error (error);
}

static void
test_caller_gone (People *self, gconstpointer dialog)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);
  g_autoptr (GDBusConnection) again = test_bus_connect_as (self->base.bus, STRANGER);
  g_autoptr (Pending) other = NULL;
  g_autoptr (Pending) later = NULL;

  if (dialog != NULL)
    g_ptr_array_add (held, start_dialog (self, self->stranger));
  else
    {
      dfl_fake_authority_hold (self->base.authority);
      for (guint i = 0; i < 4; i++)
        g_ptr_array_add (held, start (self, self->stranger, PLAIN));
      wait_asked (self, 4);
    }
  dfl_fake_authority_hold (self->base.authority);
  other = start (self, self->neighbour, PLAIN);
  wait_asked (self, held->len + 1);
  disconnect (self->stranger);
  wait_asked (self, 1);
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_GRANTED);
  dfl_fake_authority_release (self->base.authority);
  for (guint i = 0; i < held->len; i++)
    pending_wait (g_ptr_array_index (held, i));
  expect_error (other, NOT_AUTHORIZED, "You may not do this from here *");
  expect_untouched (self);
  g_assert_cmpuint (dfl_fake_clock_get_n_alarms (self->base.clock), ==, 1);

  /* What it had open counts no longer. */
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_GRANTED);
  later = start (self, again, INTERACTIVE);
  expect_done (later);
}

static void
test_caller_gone_check (People *self, gconstpointer mode)
{
  test_caller_gone (self, NULL);
}

static void
test_caller_gone_dialog (People *self, gconstpointer mode)
{
  test_caller_gone (self, self);
}

static void
count_answer (DflAuthorityAnswer answer, const GError *error, gpointer data)
{
  (*(guint *)data)++;
}

static void
count_freed (gpointer data)
{
  *(guint *)data += 100;
}

/* Whoever keeps a peer lets go of it, whichever way a question ends. */
static void
test_kept (void)
{
  g_autoptr (DflFakeClock) clock = dfl_fake_clock_new ();
  g_autoptr (DflFakeAuthority) authority = dfl_fake_authority_new ();
  DflPermits *permits = dfl_permits_new (DFL_AUTHORITY (authority), DFL_CLOCK (clock));
  DflPeer answered = { ":1.1", 1, "user:one", 0 };
  DflPeer gone = { ":1.2", 2, "user:two", 0 };
  DflPeer left = { ":1.3", 3, "user:three", 0 };
  guint told[3] = { 0 };

  dfl_permits_ask (permits, &answered, "a", NULL, FALSE, count_answer, &told[0], count_freed);
  g_assert_cmpuint (answered.keepers, ==, 1);
  while (told[0] == 0)
    g_main_context_iteration (NULL, TRUE);
  dfl_fake_authority_hold (authority);
  dfl_permits_ask (permits, &gone, "a", NULL, FALSE, count_answer, &told[1], count_freed);
  dfl_permits_ask (permits, &left, "a", NULL, FALSE, count_answer, &told[2], count_freed);
  dfl_permits_forget (permits, &gone);
  g_assert_cmpuint (left.keepers, ==, 1);
  dfl_permits_free (permits);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (answered.keepers + gone.keepers + left.keepers, ==, 0);
  g_assert_cmpuint (told[0], ==, 101);
  g_assert_cmpuint (told[1], ==, 100);
  g_assert_cmpuint (told[2], ==, 101);
}

/* A caller that wants no answer decides all the same. */
static void
test_no_reply (People *self, gconstpointer mode)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (DFL_BUS_NAME, self->path,
                                                                     DFL_CALL_INTERFACE, "Decline");
  g_autoptr (GError) error = NULL;

  g_dbus_message_set_body (message, g_variant_new ("(a{sv})", NULL));
  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_connection_send_message (self->stranger, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                  &error);
  g_assert_no_error (error);
  while (dfl_call_get_state (self->call) == DFL_CALL_STATE_OFFERED)
    g_main_context_iteration (NULL, TRUE);
  expect_asked (self, "org.deflectd1.redirect account=alice action=decline target= number=");
}

static void
test_closing (People *self, gconstpointer mode)
{
  g_autoptr (Pending) dialog = start_dialog (self, self->stranger);
  g_autoptr (Pending) check = NULL;
  g_autoptr (Pending) dry = NULL;

  dfl_fake_authority_hold (self->base.authority);
  check = start (self, self->neighbour, PLAIN);
  dry = fixture_start (&self->base, self->neighbour, self->path, "Call.CheckRedirect",
                       redirect_to ("sip:bob@b"));
  wait_asked (self, 3);
  dfl_service_close (self->base.service);
  expect_error (dialog, ERROR ("Failed"), "The daemon is stopping*");
  expect_error (check, ERROR ("Failed"), "The daemon is stopping*");
  expect_error (dry, ERROR ("Failed"), "The daemon is stopping*");
  g_assert_cmpuint (dfl_fake_authority_get_n_waiting (self->base.authority), ==, 0);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/permits/" name, People, FIXTURE_SYSTEM, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/permits/numbers", test_numbers);
  g_test_add_func ("/permits/kept", test_kept);
  g_test_add ("/permits/session", Fixture, FIXTURE_SESSION, fixture_set_up, test_session,
              fixture_tear_down);
  ADD ("details", test_details);
  ADD ("redirect", test_redirect);
  ADD ("not-asked", test_not_asked);
  ADD ("cheap-refusals", test_cheap_refusals);
  ADD ("answers", test_answers);
  ADD ("check-redirect", test_check);
  ADD ("errors", test_errors);
  ADD ("no-authority", test_no_authority);
  ADD ("four-of-a-user", test_four_of_a_user);
  ADD ("sixty-four", test_sixty_four);
  ADD ("check-limit", test_check_limit);
  ADD ("prompt-limit", test_prompt_limit);
  ADD ("one-dialog", test_one_dialog);
  ADD ("prompt-comes-on-top", test_prompt_comes_on_top);
  ADD ("audience-lost", test_audience_lost);
  ADD ("call-gone", test_call_gone);
  ADD ("decided", test_decided);
  ADD ("target-changed", test_target_changed);
  ADD ("goes-elsewhere", test_goes_elsewhere);
  ADD ("twice", test_twice);
  ADD ("caller-gone-check", test_caller_gone_check);
  ADD ("caller-gone-dialog", test_caller_gone_dialog);
  ADD ("no-reply", test_no_reply);
  ADD ("closing", test_closing);
  return g_test_run ();
}
