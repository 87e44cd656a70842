/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "listing.h"

#include <glib/gi18n.h>
#include <string.h>

#include "daemon.h"
#include "names.h"
#include "output.h"

static void
clear_listed (gpointer data)
{
  g_variant_unref (((DflListed *)data)->properties);
}

static int
compare_listed (gconstpointer a, gconstpointer b)
{
  const DflListed *first = a;
  const DflListed *second = b;
  int names = strcmp (first->name, second->name);

  if (first->offered_at != second->offered_at)
    return first->offered_at < second->offered_at ? -1 : 1;
  return names != 0 ? names : strcmp (first->path, second->path);
}

GArray *
dfl_listing_new (GVariant *objects, const char *interface)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (DflListed));
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;

  g_array_set_clear_func (list, clear_listed);
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_next (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) held = interfaces;
      DflListed listed = {
        .path = path, .properties = g_variant_lookup_value (held, interface, G_VARIANT_TYPE_VARDICT)
      };

      if (listed.properties == NULL)
        continue;
      listed.offered_at = dfl_property_uint64 (listed.properties, "OfferedAt");
      listed.name = dfl_property_string (listed.properties, "Name");
      g_array_append_val (list, listed);
    }
  g_array_sort (list, compare_listed);
  return list;
}

/* Account path to its name, for lists of many calls. */
static GHashTable *
account_names (GVariant *objects)
{
  g_autoptr (GArray) accounts = dfl_listing_new (objects, DFL_ACCOUNT_INTERFACE);
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < accounts->len; i++)
    {
      DflListed *account = &g_array_index (accounts, DflListed, i);

      g_hash_table_insert (names, g_strdup (account->path), g_strdup (account->name));
    }
  return names;
}

static JsonNode *
listing_json (GVariant *objects, const char *interface)
{
  g_autoptr (GArray) list = dfl_listing_new (objects, interface);
  g_autoptr (JsonArray) array = json_array_new ();
  g_autoptr (GHashTable) names = account_names (objects);
  JsonNode *node = json_node_alloc ();

  for (guint i = 0; i < list->len; i++)
    {
      DflListed *listed = &g_array_index (list, DflListed, i);
      const char *account = dfl_property_string (listed->properties, "Account");
      const char *name = g_hash_table_lookup (names, account);

      json_array_add_element (array,
                              dfl_output_object_json (listed->path, name, listed->properties));
    }
  return json_node_init_array (node, array);
}

JsonNode *
dfl_listing_calls_json (GVariant *objects)
{
  return listing_json (objects, DFL_CALL_INTERFACE);
}

JsonNode *
dfl_listing_accounts_json (GVariant *objects)
{
  return listing_json (objects, DFL_ACCOUNT_INTERFACE);
}

gboolean
dfl_listing_calls_print (GVariant *objects)
{
  const char *headings[] = { _ ("ID"),      _ ("STATE"), _ ("CALLER"),   _ ("CALLED"),
                             _ ("ACCOUNT"), _ ("SINCE"), _ ("DEADLINE"), NULL };
  g_autoptr (GArray) list = dfl_listing_new (objects, DFL_CALL_INTERFACE);
  g_autoptr (DflTable) table = dfl_table_new (headings, TRUE, 1u << 2 | 1u << 3);
  g_autoptr (GHashTable) names = account_names (objects);

  for (guint i = 0; i < list->len; i++)
    {
      DflListed *listed = &g_array_index (list, DflListed, i);
      GVariant *call = listed->properties;
      const char *account = g_hash_table_lookup (names, dfl_property_string (call, "Account"));
      g_autofree char *caller = dfl_output_caller (call);
      g_autofree char *since = dfl_output_time (dfl_property_uint64 (call, "OfferedAt"));
      g_autofree char *deadline = dfl_output_time (dfl_property_uint64 (call, "Deadline"));

      dfl_table_add (table, strrchr (listed->path, '/') + 1, dfl_property_string (call, "State"),
                     caller, dfl_property_string (call, "CalledAddress"),
                     /* Translators: instead of an account's name, after its settings were removed.
                      */
                     account != NULL ? account : _ ("(gone)"), since, deadline, NULL);
    }
  dfl_table_print (table);
  return list->len > 0;
}

/* --- Accounts --- */

static void
add_account (DflTable *table, const DflListed *listed, guint64 now)
{
  GVariant *account = listed->properties;
  g_autofree char *server = dfl_output_server (account);
  g_autofree char *until = dfl_output_until (dfl_property_uint64 (account, "RegisteredUntil"), now);

  dfl_table_add (table, listed->name, strrchr (listed->path, '/') + 1,
                 dfl_property_string (account, "State"), dfl_property_string (account, "Address"),
                 server, until, NULL);
}

static gboolean
is_unverified (GVariant *account)
{
  return g_str_equal (dfl_property_string (account, "State"), "registered")
         && g_str_equal (dfl_property_string (account, "Transport"), "tls")
         && !dfl_property_boolean (account, "Secure");
}

/* A sentence has no room in a table: below it, behind an empty line, where there is any. */
static void
print_notes (GArray *list)
{
  const char *before = "\n";

  for (guint i = 0; i < list->len; i++)
    {
      const DflListed *listed = &g_array_index (list, DflListed, i);
      const char *reason = dfl_property_string (listed->properties, "StateReason");
      const char *const notes[] = {
        reason, is_unverified (listed->properties)
                    /* Translators: behind an account's name; the key stays as it is. */
                    ? _ ("Warning: tls-verify=false, whoever answers is believed")
                    : ""
      };
      g_autofree char *name = dfl_output_escape (listed->name);

      for (gsize j = 0; j < G_N_ELEMENTS (notes); j++)
        if (*notes[j] != '\0')
          {
            g_autofree char *safe = dfl_output_escape (notes[j]);

            g_print ("%s%s: %s\n", before, name, safe);
            before = "";
          }
    }
}

gboolean
dfl_listing_accounts_print (GVariant *objects)
{
  const char *headings[] = { _ ("ACCOUNT"), _ ("ID"),    _ ("STATE"), _ ("ADDRESS"),
                             _ ("SERVER"),  _ ("UNTIL"), NULL };
  g_autoptr (GArray) list = dfl_listing_new (objects, DFL_ACCOUNT_INTERFACE);
  g_autoptr (DflTable) table = dfl_table_new (headings, TRUE, 1u << 3 | 1u << 4);
  guint64 now = (guint64)g_get_real_time ();

  for (guint i = 0; i < list->len; i++)
    add_account (table, &g_array_index (list, DflListed, i), now);
  dfl_table_print (table);
  print_notes (list);
  return list->len > 0;
}

char *
dfl_listing_accounts_count (GVariant *objects)
{
  const struct
  {
    const char *state;
    const char *words;
  } states[] = {
    /* Translators: of the accounts. */
    { "registered", _ ("registered") }, { "direct", _ ("direct") },
    { "connecting", _ ("connecting") }, { "failed", _ ("failed") },
    { "disabled", _ ("disabled") },
  };
  g_autoptr (GArray) list = dfl_listing_new (objects, DFL_ACCOUNT_INTERFACE);
  GString *text = g_string_new (NULL);
  const char *opening = " (";

  g_string_append_printf (text, "%u", list->len);
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      guint n = 0;

      for (guint j = 0; j < list->len; j++)
        if (g_str_equal (dfl_property_string (g_array_index (list, DflListed, j).properties,
                                              "State"),
                         states[i].state))
          n++;
      if (n == 0)
        continue;
      g_string_append_printf (text, "%s%u %s", opening, n, states[i].words);
      opening = ", ";
    }
  if (*opening == ',')
    g_string_append_c (text, ')');
  return g_string_free (text, FALSE);
}

/* A moment that is to come also says how far off it is. */
static char *
describe_property (GVariant *value)
{
  guint64 now = (guint64)g_get_real_time ();
  g_autofree char *text = dfl_output_property (value);
  g_autofree char *left = NULL;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64) || *text == '\0'
      || g_variant_get_uint64 (value) <= now)
    return g_steal_pointer (&text);
  left = dfl_output_until (g_variant_get_uint64 (value), now);
  return g_strdup_printf ("%s (%s)", text, left);
}

void
dfl_listing_print_properties (GVariant *properties)
{
  const char *headings[] = { "", "", NULL };
  g_autoptr (DflTable) table = dfl_table_new (headings, FALSE, 1u << 1);
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, properties);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autofree char *text = describe_property (value);

      dfl_table_add (table, name, text, NULL);
      g_variant_unref (value);
    }
  dfl_table_print (table);
}
