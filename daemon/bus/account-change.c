/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/account-change.h"

#include <string.h>

#include "core/error.h"
#include "core/offer.h"

#define MAX_KEYS 64
#define MAX_KEY_BYTES 64
#define MAX_TEXT_BYTES 1024
#define MAX_ITEMS 256
#define MAX_TARGETS 100

/* What every key is written with; in the order of the documentation. */
static const struct
{
  const char *name;
  const char *type;
} keys[] = {
  { "address", "s" },
  { "display-name", "s" },
  { "users", "as" },
  { "enabled", "b" },
  { "registrar", "s" },
  { "outbound-proxy", "s" },
  { "transport", "s" },
  { "username", "s" },
  { "password", "s" },
  { "tls-verify", "b" },
  { "register", "b" },
  { "accept-from", "as" },
  { "trusted", "b" },
  { "alert", "s" },
  { "ring-limit", "u" },
  { "default-action", "s" },
  { "decline-status", "u" },
  { "max-offers", "u" },
  { "redirect-domain", "s" },
  { "allow-sips-downgrade", "b" },
  { "allow-local-targets", "b" },
  { "allowed-targets", "as" },
  { "diversion", "s" },
};

/* Every error has its key in front, so that a client can point at it. */
static gboolean
refuse (GError **error, const char *key, const char *what)
{
  g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, "%s: %s", key, what);
  return FALSE;
}

/* --- Texts --- */

static gboolean
check_text (const char *key, const char *text, GError **error)
{
  gsize length = strlen (text);
  g_autofree char *clean = NULL;

  if (length > MAX_TEXT_BYTES)
    return refuse (error, key, "is too long; give it at most 1024 bytes");
  if (length > 0 && (g_ascii_isspace (text[0]) || g_ascii_isspace (text[length - 1])))
    return refuse (error, key, "has white space around it; take that away");
  /* What the reader of key files would take for clean. */
  clean = dfl_text_clean (text, -1, length);
  if (!g_str_equal (clean, text))
    return refuse (error, key, "holds control characters; give it plain text");
  return TRUE;
}

static gboolean
check_item (const char *key, const char *item, GError **error)
{
  if (!check_text (key, item, error))
    return FALSE;
  if (item[0] == '\0' || strchr (item, ';') != NULL)
    return refuse (error, key, "has an item that is empty or holds a \";\"; give each its own");
  return TRUE;
}

/* The text form of a list; NULL where it is empty, or with an error. */
static char *
join_items (const char *key, GVariant *list, GError **error)
{
  gsize n = 0;
  g_autofree const char **items = g_variant_get_strv (list, &n);

  if (n > MAX_ITEMS)
    {
      refuse (error, key, "is too long; give it at most 256 items");
      return NULL;
    }
  for (gsize i = 0; i < n; i++)
    {
      if (!check_item (key, items[i], error))
        return NULL;
    }
  return n == 0 ? NULL : g_strjoinv (";", (char **)items);
}

/* --- Settings --- */

static const char *
find_type (const char *key)
{
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      if (g_str_equal (keys[i].name, key))
        return keys[i].type;
    }
  return NULL;
}

static gboolean
refuse_key (GError **error, const char *key)
{
  gboolean shown = key[0] != '\0' && strlen (key) <= MAX_KEY_BYTES
                   && strspn (key, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen (key);

  if (!shown)
    return refuse (error, "settings", "has a key that no account has; see which there are");
  if (g_str_has_suffix (key, "-file"))
    return refuse (
        error, key,
        "names a file, which only files of the settings directory may; give the content");
  return refuse (error, key, "there is no such key; leave it out");
}

static gboolean
refuse_type (GError **error, const char *key, const char *given, const char *type)
{
  g_autofree char *what = g_strdup_printf ("has type %s, give it type %s", given, type);

  return refuse (error, key, what);
}

/* The text form of a value, NULL for the default, or with an error. */
static char *
write_value (const char *key, GVariant *value, GError **error)
{
  const char *text;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      return g_strdup (g_variant_get_boolean (value) ? "true" : "false");
    case G_VARIANT_CLASS_UINT32:
      return g_strdup_printf ("%u", g_variant_get_uint32 (value));
    case G_VARIANT_CLASS_ARRAY:
      return join_items (key, value, error);
    default:
      text = g_variant_get_string (value, NULL);
      return text[0] != '\0' && check_text (key, text, error) ? g_strdup (text) : NULL;
    }
}

/* The default of every key, whatever its type is: numbers have no empty value of their own. */
static gboolean
is_empty_text (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
         && *g_variant_get_string (value, NULL) == '\0';
}

static gboolean
add_setting (
    DflAccountChange *change, GHashTable *seen, const char *key, GVariant *value, GError **error)
{
  const char *type = find_type (key);
  g_autoptr (GError) failure = NULL;
  g_autofree char *text = NULL;

  if (type == NULL)
    return refuse_key (error, key);
  if (!g_str_equal (g_variant_get_type_string (value), type) && !is_empty_text (value))
    return refuse_type (error, key, g_variant_get_type_string (value), type);
  if (!g_hash_table_add (seen, g_strdup (key)))
    return refuse (error, key, "stands twice; give it once");
  text = write_value (key, value, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  dfl_account_change_set (change, key, text);
  return TRUE;
}

gboolean
dfl_account_change_read_settings (DflAccountChange *change, GVariant *settings, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gboolean good = TRUE;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (g_variant_n_children (settings) > MAX_KEYS)
    return refuse (error, "settings", "has too many keys; give it at most 64");
  g_variant_iter_init (&iter, settings);
  while (good && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      good = add_setting (change, seen, key, value, error);
      g_variant_unref (value);
    }
  return good;
}

/* --- Targets --- */

static gboolean
add_target (
    GPtrArray *targets, const char *alias, const char *label, const char *address, GError **error)
{
  for (guint i = 0; i < targets->len; i++)
    {
      if (g_str_equal (((DflAlias *)g_ptr_array_index (targets, i))->alias, alias))
        return refuse (error, "targets", "has an alias twice; give it once");
    }
  if (!check_text ("targets", alias, error) || !check_text ("targets", label, error)
      || !check_text ("targets", address, error))
    return FALSE;
  /* The file has LABEL;ADDRESS in one line. */
  if (strchr (label, ';') != NULL)
    return refuse (error, "targets", "has a label that holds a \";\"; take that away");
  g_ptr_array_add (targets, dfl_alias_new (alias, label, address));
  return TRUE;
}

gboolean
dfl_account_change_read_targets (DflAccountChange *change, GVariant *targets, GError **error)
{
  g_autoptr (GPtrArray) read = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);
  const char *alias, *label, *address;
  GVariantIter iter;

  if (g_variant_n_children (targets) > MAX_TARGETS)
    return refuse (error, "targets", "has too many; give at most 100");
  g_variant_iter_init (&iter, targets);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &alias, &label, &address))
    {
      if (!add_target (read, alias, label, address, error))
        return FALSE;
    }
  g_clear_pointer (&change->targets, g_ptr_array_unref);
  change->targets = g_steal_pointer (&read);
  return TRUE;
}
