/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is asked what before a decision, and what the answers do. */

#include "bus/deciders.h"

#include "bus/decision-details.h"
#include "bus/permits.h"
#include "core/error.h"

/* --- What is asked --- */

static void
test_details (Deciders *self, gconstpointer mode)
{
  Fixture *fixture = &self->base;

  fixture_do (fixture, self->stranger, self->path, "Call.Silence", NULL, "()");
  deciders_expect_asked (self, ASKED_OF_ALICE "action=silence target= number=");
  fixture_do (fixture, self->stranger, self->path, "Call.CheckRedirect",
              redirect_to ("+49 (900) 123"),
              "(true, ['sip:+49900123@example.org;user=phone'], '')");
  deciders_expect_asked (self, ASKED_OF_ALICE
                         "action=redirect "
                         "target=sip:+49900123@example.org;user=phone number=+49900123");
  fixture_do (fixture, self->stranger, self->path, "Call.Decline", g_variant_new ("(a{sv})", NULL),
              "()");
  deciders_expect_asked (self, ASKED_OF_ALICE "action=decline target= number=");
  deciders_expect_asked (self, NULL);
  g_assert_cmpstr (dfl_call_get_decided_by (self->call), ==, "user:nobody");
}

static void
test_redirect (Deciders *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = fixture_start (&self->base, self->stranger, self->path,
                                               "Call.Redirect", redirect_to ("sip:bob@b"));

  while (dfl_call_get_state (self->call) == DFL_CALL_STATE_OFFERED)
    g_main_context_iteration (NULL, TRUE);
  deciders_expect_asked (self, ASKED_OF_BOB);
  fixture_settle (&self->base, self->stranger);
  g_assert_false (pending->done);
  dfl_call_leg_acknowledged (self->call);
  pending_expect_done (pending);
}

/* Root needs nobody's leave, and nobody does on a bus of one user. */
static void
test_not_asked (Deciders *self, gconstpointer mode)
{
  Fixture *fixture = &self->base;

  dfl_fake_authority_set_answers (fixture->authority, DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_REFUSED);
  fixture_do (fixture, fixture->client, self->path, "Call.CheckRedirect", redirect_to ("sip:bob@b"),
              "(true, ['sip:bob@b'], '')");
  fixture_do (fixture, fixture->client, self->path, "Call.Silence", NULL, "()");
  fixture_do (fixture, fixture->client, self->path, "Call.Decline", g_variant_new ("(a{sv})", NULL),
              "()");
  deciders_expect_asked (self, NULL);
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
test_cheap_refusals (Deciders *self, gconstpointer mode)
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
  deciders_expect_untouched (self);
  fixture_do (fixture, fixture->client, self->path, "Call.Decline", g_variant_new ("(a{sv})", NULL),
              "()");
  fixture_fail (fixture, self->stranger, self->path, "Call.Redirect", redirect_to ("sip:bob@b"),
                ERROR ("TooLate"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Decline",
                g_variant_new ("(a{sv})", NULL), ERROR ("TooLate"));
  fixture_fail (fixture, self->stranger, self->path, "Call.Silence", NULL, ERROR ("TooLate"));
  deciders_expect_asked (self, NULL);
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
test_answers (Deciders *self, gconstpointer mode)
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
      pending = deciders_start (self, self->stranger, cases[i].flags);
      if (cases[i].pattern == NULL)
        pending_expect_done (pending);
      else
        {
          pending_expect_error (pending, NOT_AUTHORIZED, cases[i].pattern);
          deciders_expect_untouched (self);
        }
      deciders_expect_asked (self, ASKED_OF_BOB);
      if (cases[i].n_asked == 2)
        deciders_expect_asked (self, ASKED_OF_BOB " interactive");
      deciders_expect_asked (self, NULL);
    }
}

static void
test_check (Deciders *self, gconstpointer mode)
{
  Fixture *fixture = &self->base;
  g_autoptr (Pending) pending = NULL;
  g_autofree char *text = NULL;

  dfl_fake_authority_set_answers (fixture->authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_REFUSED);
  pending = fixture_start_with (fixture, self->stranger, self->path, "Call.CheckRedirect",
                                redirect_to ("sip:bob@b"), INTERACTIVE);
  pending_expect_done (pending);
  text = g_variant_print (pending->result, FALSE);
  g_assert_cmpstr (text, ==, "(true, ['sip:bob@b'], '')");
  deciders_expect_asked (self, ASKED_OF_BOB);
  deciders_expect_asked (self, NULL);

  dfl_fake_authority_set_answers (fixture->authority, DFL_AUTHORITY_REFUSED, DFL_AUTHORITY_GRANTED);
  fixture_do (fixture, self->stranger, self->path, "Call.CheckRedirect", redirect_to ("sip:bob@b"),
              "(false, [], 'org.deflectd1.Error.NotAuthorized: You may not do this from here "
              "(polkit action org.deflectd1.redirect); use a session at this machine, or ask its "
              "administrator for a polkit rule')");
  fixture_do (fixture, self->stranger, self->path, "Call.CheckRedirect",
              redirect_to ("sip:alice@example.org"), NULL);
  deciders_expect_asked (self, ASKED_OF_BOB);
  deciders_expect_asked (self, NULL);
  deciders_expect_untouched (self);
}

static void
test_errors (Deciders *self, gconstpointer mode)
{
  g_autoptr (GError) ours = g_error_new_literal (DFL_ERROR, DFL_ERROR_FAILED, "Somebody is ill");
  g_autoptr (GError) other = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "secret");
  g_autoptr (Pending) first = NULL;
  g_autoptr (Pending) second = NULL;

  dfl_fake_authority_set_error (self->base.authority, ours);
  first = deciders_start (self, self->stranger, INTERACTIVE);
  pending_expect_error (first, NOT_AUTHORIZED, "Somebody is ill");
  dfl_fake_authority_set_error (self->base.authority, other);
  second = deciders_start (self, self->stranger, INTERACTIVE);
  pending_expect_error (second, NOT_AUTHORIZED, "The polkit service could not be asked; try again");
  deciders_expect_untouched (self);
}

/* Without an authority nobody but root may anything. */
static void
test_no_authority (Deciders *self, gconstpointer mode)
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
  deciders_expect_untouched (self);
  fixture_do (fixture, fixture->client, self->path, "Call.Silence", NULL, "()");
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
  dfl_fake_authority_release (authority);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (answered.keepers + gone.keepers + left.keepers, ==, 0);
  g_assert_cmpuint (told[0], ==, 101);
  g_assert_cmpuint (told[1], ==, 100);
  g_assert_cmpuint (told[2], ==, 101);
}

#define ADD(name, func)                                                                            \
  g_test_add ("/permits/" name, Deciders, FIXTURE_SYSTEM, deciders_set_up, func, deciders_tear_down)

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
  return g_test_run ();
}
