/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/people.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

const char *
people_get_name (guint32 uid)
{
  const struct passwd *entry = getpwuid (uid);

  g_assert_nonnull (entry);
  return g_intern_string (entry->pw_name);
}

void
people_set_up (People *self, gconstpointer mode)
{
  fixture_set_up (&self->base, mode);
  if (getuid () != 0)
    return;
  self->owner = test_bus_connect_as (self->base.bus, STRANGER);
  self->neighbour = test_bus_connect_as (self->base.bus, NEIGHBOUR);
  self->outsider = test_bus_connect_as (self->base.bus, OUTSIDER);
}

void
people_tear_down (People *self, gconstpointer mode)
{
  g_clear_object (&self->owner);
  g_clear_object (&self->neighbour);
  g_clear_object (&self->outsider);
  fixture_tear_down (&self->base, mode);
}

GVariant *
people_add_parameters (const char *name, const char *settings)
{
  return g_variant_new ("(s@a{sv})", name,
                        g_variant_new_parsed (settings[1] == '}' ? "@a{sv} {}" : settings));
}

GVariant *
people_update_parameters (const char *settings)
{
  return g_variant_new ("(@a{sv})", g_variant_new_parsed (settings));
}

GVariant *
people_enabled_parameters (gboolean enabled)
{
  return g_variant_new ("(ssv)", DFL_ACCOUNT_INTERFACE, "Enabled", g_variant_new_boolean (enabled));
}

const char *
people_add (People *self, GDBusConnection *who, const char *name, const char *settings)
{
  g_autoptr (GVariant) reply = fixture_expect (&self->base, who, ROOT, "Manager.AddAccount",
                                               people_add_parameters (name, settings), NULL);
  const char *path;

  g_variant_get (reply, "(&o)", &path);
  g_assert_true (g_regex_match_simple ("^/org/deflectd1/account/[0-9a-f]{8}$", path, 0, 0));
  return g_intern_string (path);
}

char *
people_fail_to_add (People *self,
                    GDBusConnection *who,
                    const char *name,
                    const char *settings,
                    const char *error_name)
{
  return fixture_expect_error (&self->base, who, ROOT, "Manager.AddAccount",
                               people_add_parameters (name, settings), error_name);
}

void
people_update (People *self, GDBusConnection *who, const char *path, const char *settings)
{
  fixture_do (&self->base, who, path, "Account.Update", people_update_parameters (settings), "()");
}

char *
people_fail_to_update (People *self,
                       GDBusConnection *who,
                       const char *path,
                       const char *settings,
                       const char *error_name)
{
  return fixture_expect_error (&self->base, who, path, "Account.Update",
                               people_update_parameters (settings), error_name);
}

void
people_expect_property (People *self, const char *path, const char *property, const char *value)
{
  g_autofree char *text = fixture_get (&self->base, self->base.client, path, DFL_ACCOUNT_INTERFACE,
                                       property);

  g_assert_cmpstr (text, ==, value);
}

const DflAccountSettings *
people_get_kept (People *self, const char *path)
{
  const DflAccountSettings *kept = dfl_fake_keeper_get_kept (self->base.keeper,
                                                             path
                                                                 + strlen (
                                                                     DFL_ACCOUNT_PATH_PREFIX));

  g_assert_nonnull (kept);
  return kept;
}

void
people_expect_asked (People *self, const char *question)
{
  g_autofree char *asked = dfl_fake_authority_take (self->base.authority);

  if (question == NULL || asked == NULL)
    g_assert_cmpstr (asked, ==, question);
  else if (!g_pattern_match_simple (question, asked))
    g_error ("\"%s\" is not \"%s\"", asked, question);
}

void
people_refuse_all (People *self)
{
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
}

void
people_run_until_asked (People *self, guint n)
{
  while (dfl_fake_authority_get_n_waiting (self->base.authority) < n)
    g_main_context_iteration (NULL, TRUE);
}

void
people_run_until_saving (People *self, guint n)
{
  while (dfl_fake_keeper_get_n_waiting (self->base.keeper) < n)
    g_main_context_iteration (NULL, TRUE);
}

void
people_wait_refused (People *self, Pending *pending)
{
  while (!pending->done)
    {
      dfl_fake_clock_advance (self->base.clock, 0);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_nonnull (pending->error);
}

void
people_subscribe (People *self, GDBusConnection *connection)
{
  fixture_do (&self->base, connection, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);
}
