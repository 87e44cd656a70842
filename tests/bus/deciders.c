/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/deciders.h"

void
deciders_set_up (Deciders *self, gconstpointer mode)
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

void
deciders_tear_down (Deciders *self, gconstpointer mode)
{
  g_clear_object (&self->stranger);
  g_clear_object (&self->neighbour);
  fixture_tear_down (&self->base, mode);
}

GVariant *
redirect_to (const char *target)
{
  return g_variant_new ("(sa{sv})", target, NULL);
}

Pending *
deciders_start (Deciders *self, GDBusConnection *connection, GDBusMessageFlags flags)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "wait", g_variant_new_boolean (FALSE));
  return fixture_start_with (&self->base, connection, self->path, "Call.Redirect",
                             g_variant_new ("(sa{sv})", "sip:bob@b", &options), flags);
}

void
pending_expect_done (Pending *self)
{
  pending_wait (self);
  g_assert_no_error (self->error);
}

void
pending_expect_error (Pending *self, const char *name, const char *pattern)
{
  g_autofree char *actual = NULL;

  pending_wait (self);
  g_assert_nonnull (self->error);
  actual = g_dbus_error_get_remote_error (self->error);
  g_assert_cmpstr (actual, ==, name);
  g_dbus_error_strip_remote_error (self->error);
  if (!g_pattern_match_simple (pattern, self->error->message))
    g_error ("\"%s\" is not \"%s\"", self->error->message, pattern);
}

void
deciders_wait_asked (Deciders *self, guint n)
{
  while (dfl_fake_authority_get_n_waiting (self->base.authority) != n)
    g_main_context_iteration (NULL, TRUE);
}

void
deciders_expect_asked (Deciders *self, const char *question)
{
  g_autofree char *actual = dfl_fake_authority_take (self->base.authority);

  g_assert_cmpstr (actual, ==, question);
}

void
deciders_expect_untouched (Deciders *self)
{
  fixture_settle (&self->base, self->base.client);
  g_assert_cmpuint (dfl_fake_leg_get_n_attempts (self->leg), ==, 0);
  g_assert_cmpint (dfl_call_get_state (self->call), ==, DFL_CALL_STATE_OFFERED);
  g_assert_false (dfl_call_get_silenced (self->call));
}

Pending *
deciders_start_dialog (Deciders *self, GDBusConnection *connection)
{
  guint n_waiting = dfl_fake_authority_get_n_waiting (self->base.authority);
  Pending *pending;

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_CHALLENGE,
                                  DFL_AUTHORITY_GRANTED);
  dfl_fake_authority_hold_dialogs (self->base.authority);
  pending = deciders_start (self, connection, INTERACTIVE);
  deciders_wait_asked (self, n_waiting + 1);
  return pending;
}
