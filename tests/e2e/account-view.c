/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "account-view.h"

#include <string.h>

#include "names.h"

/* All objects: path to interface to property to value. */
static GVariant *
get_objects (Stage *stage)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = stage_invoke (stage, DFL_ROOT_PATH,
                                             "org.freedesktop.DBus.ObjectManager",
                                             "GetManagedObjects", NULL, &error);

  g_assert_no_error (error);
  return g_variant_get_child_value (reply, 0);
}

/* The properties of the next account, or NULL. */
static GVariant *
next_account (GVariantIter *objects, const char **path)
{
  GVariant *interfaces = NULL;

  while (g_variant_iter_next (objects, "{&o@a{sa{sv}}}", path, &interfaces))
    {
      GVariant *properties = g_variant_lookup_value (interfaces, DFL_ACCOUNT_INTERFACE, NULL);

      g_variant_unref (interfaces);
      if (properties != NULL)
        return properties;
    }
  return NULL;
}

char *
account_find (Stage *stage, const char *name)
{
  g_autoptr (GVariant) objects = get_objects (stage);
  GVariantIter iter;
  GVariant *properties;
  const char *path;

  g_variant_iter_init (&iter, objects);
  while ((properties = next_account (&iter, &path)) != NULL)
    {
      g_autoptr (GVariant) owned = properties;
      const char *its_name = NULL;

      if (g_variant_lookup (owned, "Name", "&s", &its_name) && g_str_equal (its_name, name))
        return g_strdup (path);
    }
  g_error ("There is no account %s.", name);
}

static GVariant *
get (Stage *stage, const char *name, const char *property)
{
  g_autofree char *path = account_find (stage, name);

  return stage_get_property (stage, path, DFL_ACCOUNT_INTERFACE, property);
}

char *
account_get_text (Stage *stage, const char *name, const char *property)
{
  g_autoptr (GVariant) value = get (stage, name, property);

  return g_variant_dup_string (value, NULL);
}

gboolean
account_get_flag (Stage *stage, const char *name, const char *property)
{
  g_autoptr (GVariant) value = get (stage, name, property);

  return g_variant_get_boolean (value);
}

gint64
account_get_until (Stage *stage, const char *name)
{
  g_autoptr (GVariant) value = get (stage, name, "RegisteredUntil");

  return (gint64)g_variant_get_uint64 (value);
}

static gboolean
property_contains (Stage *stage, const char *name, const char *property, const char *part)
{
  g_autofree char *text = account_get_text (stage, name, property);

  return strstr (text, part) != NULL;
}

static guint
await (Stage *stage, const char *name, const char *property, const char *part)
{
  gint64 began = g_get_monotonic_time ();

  while (!property_contains (stage, name, property, part))
    {
      g_autofree char *state = account_get_text (stage, name, "State");
      g_autofree char *reason = account_get_text (stage, name, "StateReason");
      g_autofree char *waiting = g_strdup_printf ("%s of %s to be \"%s\"; it is %s, \"%s\"",
                                                  property, name, part, state, reason);

      stage_step (stage, began + 60 * G_USEC_PER_SEC, waiting, G_STRLOC);
    }
  return (guint)((g_get_monotonic_time () - began) / 1000);
}

guint
account_await_state (Stage *stage, const char *name, const char *state)
{
  return await (stage, name, "State", state);
}

guint
account_await_reason (Stage *stage, const char *name, const char *part)
{
  guint took = await (stage, name, "StateReason", part);
  g_autofree char *list = NULL;

  g_assert_cmpint (stage_deflectctl (stage, &list, "account", "list", "--json", NULL), ==, 0);
  g_assert_nonnull (strstr (list, part));
  return took;
}

guint
account_count_in_state (Stage *stage, const char *state)
{
  g_autoptr (GVariant) objects = get_objects (stage);
  GVariantIter iter;
  GVariant *properties;
  const char *path;
  guint n = 0;

  g_variant_iter_init (&iter, objects);
  while ((properties = next_account (&iter, &path)) != NULL)
    {
      g_autoptr (GVariant) owned = properties;
      const char *its_state = NULL;

      if (g_variant_lookup (owned, "State", "&s", &its_state) && g_str_equal (its_state, state))
        n++;
    }
  return n;
}
